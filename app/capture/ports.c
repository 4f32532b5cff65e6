/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of ports, what link types are called, and the fields that each mbuf bears. */
#include "format.h"

#include <errno.h>
#include <stdatomic.h>

#include <rte_errno.h>
#include <rte_mbuf_dyn.h>

#include <bearertap/siphash.h>

int capture_time_offset = -1;
int capture_wire_offset = -1;
_Atomic int64_t capture_correction_ns;

int capture_register_fields(struct error *error)
{
    static const struct rte_mbuf_dynfield time = {
        .name = "bearertap_time", .size = sizeof(uint64_t), .align = __alignof__(uint64_t)};
    static const struct rte_mbuf_dynfield wire = {
        .name = "bearertap_wire_length", .size = sizeof(uint32_t), .align = __alignof__(uint32_t)};
    capture_time_offset = rte_mbuf_dynfield_register(&time);
    capture_wire_offset = rte_mbuf_dynfield_register(&wire);
    if (capture_time_offset < 0 || capture_wire_offset < 0)
        return error_set(error, rte_errno, "cannot register the fields that a packet's time and length travel in: %s",
                         rte_strerror(rte_errno));
    return 0;
}

/*
 * The ports. An interface that comes again, in the next section or the next of rotated files, is the same port when it
 * bears the same name and link type: so connections go on from file to file, and the table does not fill.
 */
static struct capture_port ports[CAPTURE_PORTS_MAX];
static atomic_uint ports_used; /* counts a port once it is all there (release), since any thread asks (acquire) */

/* Port number + 1 by hash of the port, linear probing, never more than half full; since a file may describe millions
 * of interfaces. */
#define PORT_SLOTS (2 * CAPTURE_PORTS_MAX)
static uint16_t port_slots[PORT_SLOTS];

const struct capture_port *capture_port(uint16_t number)
{
    return number < atomic_load_explicit(&ports_used, memory_order_acquire) ? &ports[number] : NULL;
}

uint16_t capture_port_enter(enum link_type link_type, const uint8_t *name, size_t length)
{
    struct capture_port port;
    memset(&port, 0, sizeof(port)); /* padding too: it is hashed and compared */
    port.link_type = link_type;
    /* Names go into alerts and messages: anything that is not plain ASCII becomes a question mark. */
    for (size_t i = 0; i < length && i < sizeof(port.name) - 1 && name[i] != '\0'; i++)
        port.name[i] = name[i] >= 0x20 && name[i] < 0x7f ? (char)name[i] : '?';

    static const struct siphash_key key = {0x6265617265727461, 0x70706f7274732e63};
    size_t slot = siphash_64(&key, &port, sizeof(port)) % PORT_SLOTS;
    for (; port_slots[slot] != 0; slot = (slot + 1) % PORT_SLOTS)
        if (memcmp(&ports[port_slots[slot] - 1], &port, sizeof(port)) == 0)
            return (uint16_t)(port_slots[slot] - 1);
    unsigned number = atomic_load_explicit(&ports_used, memory_order_relaxed);
    if (number == CAPTURE_PORTS_MAX)
        return CAPTURE_PORTS_MAX;
    ports[number] = port;
    atomic_store_explicit(&ports_used, number + 1, memory_order_release);
    port_slots[slot] = (uint16_t)(number + 1);
    return (uint16_t)number;
}

/* tcpdump.org/linktypes.html: what is understood, and what a person may well have and must be told the name of. */
static const struct {
    uint16_t number;
    enum link_type link_type;
    const char *name;
} link_types[] = {
    {0, LINK_NULL, "NULL"},
    {1, LINK_ETHERNET, "ETHERNET"},
    {12, LINK_RAW, "RAW"}, /* files that were written with BSD's DLT_RAW for its number */
    {14, LINK_RAW, "RAW"}, /* OpenBSD's */
    {101, LINK_RAW, "RAW"},
    {108, LINK_LOOP, "LOOP"},
    {113, LINK_LINUX_SLL, "LINUX_SLL"},
    {228, LINK_RAW, "IPV4"},
    {229, LINK_RAW, "IPV6"},
    {276, LINK_LINUX_SLL2, "LINUX_SLL2"},

    {3, LINK_UNSUPPORTED, "AX25"},
    {6, LINK_UNSUPPORTED, "IEEE802_5"},
    {7, LINK_UNSUPPORTED, "ARCNET_BSD"},
    {8, LINK_UNSUPPORTED, "SLIP"},
    {9, LINK_UNSUPPORTED, "PPP"},
    {10, LINK_UNSUPPORTED, "FDDI"},
    {50, LINK_UNSUPPORTED, "PPP_HDLC"},
    {51, LINK_UNSUPPORTED, "PPP_ETHER"},
    {100, LINK_UNSUPPORTED, "ATM_RFC1483"},
    {104, LINK_UNSUPPORTED, "C_HDLC"},
    {105, LINK_UNSUPPORTED, "IEEE802_11"},
    {107, LINK_UNSUPPORTED, "FRELAY"},
    {109, LINK_UNSUPPORTED, "ENC"},
    {117, LINK_UNSUPPORTED, "PFLOG"},
    {119, LINK_UNSUPPORTED, "IEEE802_11_PRISM"},
    {122, LINK_UNSUPPORTED, "IP_OVER_FC"},
    {127, LINK_UNSUPPORTED, "IEEE802_11_RADIOTAP"},
    {138, LINK_UNSUPPORTED, "APPLE_IP_OVER_IEEE1394"},
    {147, LINK_UNSUPPORTED, "USER0"},
    {163, LINK_UNSUPPORTED, "IEEE802_11_AVS"},
    {166, LINK_UNSUPPORTED, "PPP_PPPD"},
    {187, LINK_UNSUPPORTED, "BLUETOOTH_HCI_H4"},
    {189, LINK_UNSUPPORTED, "USB_LINUX"},
    {192, LINK_UNSUPPORTED, "PPI"},
    {195, LINK_UNSUPPORTED, "IEEE802_15_4_WITHFCS"},
    {197, LINK_UNSUPPORTED, "ERF"},
    {201, LINK_UNSUPPORTED, "BLUETOOTH_HCI_H4_WITH_PHDR"},
    {204, LINK_UNSUPPORTED, "PPP_WITH_DIR"},
    {220, LINK_UNSUPPORTED, "USB_LINUX_MMAPPED"},
    {224, LINK_UNSUPPORTED, "FC_2"},
    {226, LINK_UNSUPPORTED, "IPNET"},
    {227, LINK_UNSUPPORTED, "CAN_SOCKETCAN"},
    {230, LINK_UNSUPPORTED, "IEEE802_15_4_NOFCS"},
    {231, LINK_UNSUPPORTED, "DBUS"},
    {239, LINK_UNSUPPORTED, "NFLOG"},
    {240, LINK_UNSUPPORTED, "NETANALYZER"},
    {242, LINK_UNSUPPORTED, "IPOIB"},
    {243, LINK_UNSUPPORTED, "MPEG_2_TS"},
    {247, LINK_UNSUPPORTED, "INFINIBAND"},
    {249, LINK_UNSUPPORTED, "USBPCAP"},
    {251, LINK_UNSUPPORTED, "BLUETOOTH_LE_LL"},
    {252, LINK_UNSUPPORTED, "WIRESHARK_UPPER_PDU"},
    {253, LINK_UNSUPPORTED, "NETLINK"},
    {254, LINK_UNSUPPORTED, "BLUETOOTH_LINUX_MONITOR"},
    {256, LINK_UNSUPPORTED, "BLUETOOTH_LE_LL_WITH_PHDR"},
    {258, LINK_UNSUPPORTED, "PKTAP"},
    {266, LINK_UNSUPPORTED, "USB_DARWIN"},
    {271, LINK_UNSUPPORTED, "VSOCK"},
    {272, LINK_UNSUPPORTED, "NORDIC_BLE"},
    {274, LINK_UNSUPPORTED, "ETHERNET_MPACKET"},
    {280, LINK_UNSUPPORTED, "VPP_DISPATCH"},
};

enum link_type link_type_of(uint32_t link_number)
{
    for (size_t i = 0; i < RTE_DIM(link_types); i++)
        if (link_types[i].number == link_number)
            return link_types[i].link_type;
    return LINK_UNSUPPORTED;
}

const char *link_type_name(uint32_t link_number)
{
    for (size_t i = 0; i < RTE_DIM(link_types); i++)
        if (link_types[i].number == link_number)
            return link_types[i].name;
    return "unknown";
}

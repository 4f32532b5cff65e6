/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device's text says, and the arguments that are chosen where the operator leaves them to us. */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_packet.h>

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf_core.h>
#include <rte_pci.h>

/*
 * AF_PACKET. The kernel puts a header of its own before each frame in the ring that it shares with us, aligned so that
 * what comes after 14 bytes of Ethernet begins on 16; what does not fit the rest of the frame's place is cut. The
 * driver copies a frame into one mbuf and wants one that holds a whole place but 32 bytes, and an mbuf's data room is
 * counted in 16 bits: hence the longest, which still holds what TCP makes at most of segments that are not cut (65,226
 * bytes of frame). The driver takes places as if nothing lay between blocks of them, so they must fill a block, which
 * is made of whole pages: they are aligned for that not to make blocks too large.
 */
#define PLACE_HEADER     (RTE_ALIGN_CEIL((unsigned)sizeof(struct tpacket2_hdr), 16u) + (unsigned)sizeof(struct sockaddr_ll))
#define FRAME_BEFORE_MAC (RTE_ALIGN_CEIL(PLACE_HEADER + 16, 16u) - RTE_ETHER_HDR_LEN)
#define PLACE_ALIGNMENT  128u
#define FRAME_PLACE_MAX  ((UINT16_MAX - RTE_PKTMBUF_HEADROOM + 32u) / PLACE_ALIGNMENT * PLACE_ALIGNMENT)
#define FRAME_PLACE_MIN  2048u
#define TAGS_BYTES       8u /* two VLAN tags */
#define PAGE_BYTES       4096u
#define BLOCK_BYTES      65536u /* at least */

/* Places: so many that some ten milliseconds at a million packets a second have room, as long as they are small; where
 * each must hold 64 KiB, what 64 MiB hold. The kernel takes twice that, since the driver asks for a ring to send with
 * too. */
#define PLACES_OF_SMALL_FRAMES 8192u
#define PLACES_BYTES_MAX       (64u << 20)

static const struct {
    const char *prefix;
    enum device_kind kind;
} kinds[] = {
    {"net_af_packet", DEVICE_AF_PACKET},
    {"eth_af_packet", DEVICE_AF_PACKET}, /* its name before 17.05, still taken */
    {"net_af_xdp", DEVICE_AF_XDP},
    {"net_memif", DEVICE_MEMIF},
};

bool device_argument(const char *text, const char *key, char *value, size_t capacity)
{
    size_t key_length = strlen(key);
    const char *at = strchr(text, ',');
    bool found = false;
    value[0] = '\0';
    for (; at != NULL; at = strchr(at, ',')) {
        at++;
        if (strncmp(at, key, key_length) != 0 || at[key_length] != '=')
            continue;
        const char *begin = at + key_length + 1;
        snprintf(value, capacity, "%.*s", (int)strcspn(begin, ","), begin);
        found = true; /* the last one counts, as it does for drivers */
    }
    return found;
}

static bool has_argument(const struct device *device, const char *key)
{
    char value[DEVICE_TEXT_MAX];
    return device_argument(device->given, key, value, sizeof(value));
}

/* The argument's number; 0 where it is none or not there. */
static unsigned argument_number(const struct device *device, const char *key)
{
    char value[DEVICE_TEXT_MAX];
    device_argument(device->given, key, value, sizeof(value));
    unsigned long number = strtoul(value, NULL, 10);
    return number > UINT32_MAX ? 0 : (unsigned)number;
}

/* Adds an argument that the operator did not give. What has no room is found out by whoever asks for the length. */
static void add_argument(struct device *device, const char *key, unsigned value)
{
    size_t length = strlen(device->probed);
    if (!has_argument(device, key))
        snprintf(device->probed + length, sizeof(device->probed) - length, ",%s=%u", key, value);
}

/* The least block of whole pages and whole places that is not small. */
static unsigned block_for(unsigned place)
{
    unsigned block = place;
    while (block % PAGE_BYTES != 0)
        block += place;
    return block * ((BLOCK_BYTES + block - 1) / block);
}

static int choose_for_af_packet(struct device *device, const struct port_options *options, struct error *error)
{
    unsigned mtu = RTE_MAX(options->mtu, device->interface.mtu);
    unsigned frame = mtu + RTE_ETHER_HDR_LEN + TAGS_BYTES;
    unsigned place = RTE_MAX(RTE_ALIGN_CEIL(frame + FRAME_BEFORE_MAC, PLACE_ALIGNMENT), FRAME_PLACE_MIN);
    if (place > FRAME_PLACE_MAX || interface_joins_segments(&device->interface))
        place = FRAME_PLACE_MAX;
    if (has_argument(device, "framesz"))
        place = argument_number(device, "framesz");
    if (place < FRAME_PLACE_MIN / 8 || place > FRAME_PLACE_MAX || place % 16 != 0)
        return error_set(error, EINVAL, "%s: framesz=%u; %u to %u are allowed, in steps of 16", device->place, place,
                         FRAME_PLACE_MIN / 8, FRAME_PLACE_MAX);
    unsigned block = has_argument(device, "blocksz") ? argument_number(device, "blocksz") : block_for(place);
    if (block == 0 || block % place != 0 || block % PAGE_BYTES != 0)
        return error_set(
            error, EINVAL,
            "%s: blocksz=%u is no multiple of both framesz=%u and %u; packets would be missed. %u is one, or "
            "leave it out",
            device->place, block, place, PAGE_BYTES, block_for(place));
    unsigned places = RTE_MIN(PLACES_BYTES_MAX / place, PLACES_OF_SMALL_FRAMES), a_block = block / place;
    if (options->descriptors != 0)
        places = options->descriptors;
    places = (places + a_block - 1) / a_block * a_block;
    if (has_argument(device, "framecnt") && argument_number(device, "framecnt") % a_block != 0)
        return error_set(error, EINVAL,
                         "%s: framecnt=%u is no multiple of the %u frames of a block; %u is, or leave it out",
                         device->place, argument_number(device, "framecnt"), a_block, places);
    add_argument(device, "framesz", place);
    add_argument(device, "blocksz", block);
    add_argument(device, "framecnt", places);
    device->frame_bytes = place - FRAME_BEFORE_MAC;
    device->buffer_bytes = place;
    device->queues = 1;
    device->holds_buffers = false;
    return 0;
}

/* What comes to a queue of the interface that nobody took goes past: so all of them, unless told. The driver takes only
 * those that are paired with one to send with, and one where there are none. */
static void choose_for_af_xdp(struct device *device)
{
    unsigned paired, all;
    interface_queues(device->interface.name, &paired, &all);
    device->queues = has_argument(device, "start_queue") ? 1 : RTE_MAX(paired, 1u);
    if (has_argument(device, "queue_count"))
        device->queues = argument_number(device, "queue_count");
    else if (!has_argument(device, "start_queue"))
        add_argument(device, "queue_count", device->queues);
    if (all > device->queues)
        snprintf(device->note, sizeof(device->note),
                 "the interface has %u receive queues and AF_XDP takes %u: what comes to the others is not seen; "
                 "`ethtool -l %s` shows them, `ethtool -L` makes them fewer",
                 all, device->queues, device->interface.name);
}

/* An interface by the name that was given with `iface`. */
static int find_interface(struct device *device, struct error *error)
{
    char name[DEVICE_TEXT_MAX];
    device_argument(device->given, "iface", name, sizeof(name));
    if (name[0] == '\0')
        return error_set(error, EINVAL, "%s: it names no interface; write \"%s,iface=NAME\", `ip link` lists them",
                         device->place, device->name);
    int code = interface_find(name, 0, &device->interface);
    if (code == -ENODEV)
        return error_set(error, ENODEV,
                         "%s: there is no interface %s; `ip link` lists them (and `ip netns` other namespaces)",
                         device->place, name);
    if (code != 0)
        return error_set(error, -code, "%s: cannot ask the kernel for the interface %s: %s", device->place, name,
                         strerror(-code));
    return 0;
}

static int parse_interface_device(struct device *device, const struct port_options *options, struct error *error)
{
    int code = find_interface(device, error);
    if (code != 0)
        return code;
    if (device->kind == DEVICE_AF_PACKET && argument_number(device, "qpairs") > 1)
        return error_set(error, EINVAL,
                         "%s: qpairs=%u: under load AF_PACKET gives packets of one connection to several queues; only "
                         "one can be had, leave qpairs out",
                         device->place, argument_number(device, "qpairs"));
    if (device->kind == DEVICE_AF_PACKET)
        return choose_for_af_packet(device, options, error);
    choose_for_af_xdp(device);
    return 0;
}

bool device_names_pci(const char *text)
{
    struct rte_pci_addr address;
    char name[RTE_DEV_NAME_MAX_LEN];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, ","), text);
    return rte_pci_addr_parse(name, &address) == 0;
}

static enum device_kind kind_of(const char *name)
{
    for (size_t i = 0; i < RTE_DIM(kinds); i++)
        if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return kinds[i].kind;
    return device_names_pci(name) ? DEVICE_PCI : DEVICE_OTHER;
}

int device_parse(const struct port_options *options, unsigned i, struct device *device, struct error *error)
{
    const char *text = options->device, *arguments = strchrnul(text, ',');
    size_t name_length = (size_t)(arguments - text);
    memset(device, 0, sizeof(*device));
    device->holds_buffers = true;
    snprintf(device->place, sizeof(device->place), "/ports/%u/device (%.128s)", i, text);
    if (name_length == 0 || name_length >= sizeof(device->name) || strlen(text) + 128 > sizeof(device->given))
        return error_set(error, EINVAL,
                         "%s: a device is named by 1 to %zu characters, with its arguments %zu at most; for instance "
                         "\"0000:3b:00.0\" or \"net_af_packet0,iface=eth1\"",
                         device->place, sizeof(device->name) - 1, sizeof(device->given) - 128);
    snprintf(device->name, sizeof(device->name), "%.*s", (int)name_length, text);
    device->kind = kind_of(device->name);
    if (device->kind == DEVICE_PCI) { /* "3b:00.0" is one with the domain 0, and ethdev names it with that */
        struct rte_pci_addr address;
        rte_pci_addr_parse(device->name, &address);
        rte_pci_device_name(&address, device->name, sizeof(device->name));
    }
    snprintf(device->given, sizeof(device->given), "%s%s", device->name, arguments);
    snprintf(device->probed, sizeof(device->probed), "%s", device->given);
    if (device->kind == DEVICE_AF_PACKET || device->kind == DEVICE_AF_XDP)
        return parse_interface_device(device, options, error);
    return 0;
}

bool device_is_same(const struct device *one, const struct device *other)
{
    bool same_interface = one->interface.index != 0 && one->interface.index == other->interface.index;
    return same_interface || strcmp(one->name, other->name) == 0;
}

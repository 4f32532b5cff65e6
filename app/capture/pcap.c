/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pcap, as draft-ietf-opsawg-pcap describes it: a header of 24 bytes, then for each packet 16 bytes and its bytes.
 * Numbers are in the writer's byte order, which the magic number tells.
 */
#include "format.h"

#define FILE_HEADER_BYTES   24
#define PACKET_HEADER_BYTES 16

/* The link type's field also says how long a frame check sequence is: LT_LINKTYPE of libpcap's pcap-common.c. */
#define LINK_NUMBER_MASK 0x03ffffffu

void pcap_begin(struct pcap *pcap)
{
    memset(pcap, 0, sizeof(*pcap));
}

static void read_file_header(struct pcap *pcap, const uint8_t *bytes, size_t length, struct step *step)
{
    if (length < FILE_HEADER_BYTES) {
        step_more(step, FILE_HEADER_BYTES);
        return;
    }
    bool swapped = false;
    uint32_t magic = read_32(bytes, swapped);
    if (magic != PCAP_MAGIC_MICROSECONDS && magic != PCAP_MAGIC_NANOSECONDS) {
        swapped = true;
        magic = read_32(bytes, swapped);
    }
    if (magic != PCAP_MAGIC_MICROSECONDS && magic != PCAP_MAGIC_NANOSECONDS) {
        step_damaged(step, "no magic number of a pcap");
        return;
    }
    if (read_16(bytes + 4, swapped) != 2) {
        step_damaged(step, "a pcap of another version than 2");
        return;
    }
    pcap->header_read = true;
    pcap->swapped = swapped;
    pcap->fraction_ns = magic == PCAP_MAGIC_NANOSECONDS ? 1 : 1000;
    pcap->interface.link_number = read_32(bytes + 20, swapped) & LINK_NUMBER_MASK;
    pcap->interface.link_type = link_type_of(pcap->interface.link_number);
    pcap->interface.port = capture_port_enter(pcap->interface.link_type, NULL, 0);
    step_skip(step, FILE_HEADER_BYTES);
}

void pcap_step(struct pcap *pcap, const uint8_t *bytes, size_t length, struct step *step)
{
    if (!pcap->header_read) {
        read_file_header(pcap, bytes, length, step);
        return;
    }
    if (length < PACKET_HEADER_BYTES) {
        step_more(step, PACKET_HEADER_BYTES);
        return;
    }
    uint32_t captured = read_32(bytes + 8, pcap->swapped);
    uint32_t wire = read_32(bytes + 12, pcap->swapped);
    if (captured > PACKET_MAX) {
        step_damaged(step, "it claims to be longer than 262144 bytes");
        return;
    }
    if (length - PACKET_HEADER_BYTES < captured) {
        step_more(step, PACKET_HEADER_BYTES + captured);
        return;
    }
    step->kind = STEP_PACKET;
    step->length = PACKET_HEADER_BYTES;
    step->interface = &pcap->interface;
    step->time_ns = read_32(bytes, pcap->swapped) * UINT64_C(1000000000) +
                    read_32(bytes + 4, pcap->swapped) * (uint64_t)pcap->fraction_ns;
    step->captured = captured;
    step->wire = wire > captured ? wire : captured;
    step->after = 0;
}

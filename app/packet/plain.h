/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_PACKET_PLAIN_H
#define BEARERTAP_APP_PACKET_PLAIN_H

#include <string.h>

#include <bearertap/packet.h>

#define ETHER_TYPE_IPV4    0x0800
#define ETHER_TYPE_IPV6    0x86dd
#define ETHER_TYPE_UNKNOWN 0

static inline uint16_t read_16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t read_32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/*
 * What nearly every frame is: Ethernet, IPv4 or IPv6 without options, a TCP segment that is no SYN, all of it there.
 * True when it was that, and `segment` is as the layers would have filled it. Half of the way through the layers, or
 * less: decoding was a tenth of the time of traffic with payload, and a third of that of bare ACKs.
 */
static inline bool decode_plain(const uint8_t *frame, uint32_t captured, uint32_t available, struct segment *segment)
{
    struct endpoints *endpoints = &segment->endpoints;
    uint16_t ether_type = captured >= 14 + 20 + 20 ? read_16(frame + 12) : ETHER_TYPE_UNKNOWN;
    uint32_t transport, end;
    if (ether_type == ETHER_TYPE_IPV4) {
        const uint8_t *header = frame + 14;
        uint32_t total_length = read_16(header + 2);
        transport = 14 + 20;
        if (header[0] != 0x45 || header[9] != 6 || (read_16(header + 6) & 0x3fff) != 0 || total_length < 40 ||
            total_length > available - 14)
            return false;
        end = 14 + total_length;
        endpoints->ip_version = 4;
        memset(endpoints->source, 0, sizeof(endpoints->source));
        memset(endpoints->destination, 0, sizeof(endpoints->destination));
        memcpy(endpoints->source, header + 12, 4);
        memcpy(endpoints->destination, header + 16, 4);
    } else if (ether_type == ETHER_TYPE_IPV6 && captured >= 14 + 40 + 20) {
        const uint8_t *header = frame + 14;
        uint32_t payload_length = read_16(header + 4);
        transport = 14 + 40;
        if (header[0] >> 4 != 6 || header[6] != 6 || payload_length < 20 || payload_length > available - transport)
            return false;
        end = transport + payload_length;
        endpoints->ip_version = 6;
        memcpy(endpoints->source, header + 8, 16);
        memcpy(endpoints->destination, header + 24, 16);
    } else {
        return false;
    }
    const uint8_t *tcp = frame + transport;
    uint32_t header_length = (uint32_t)(tcp[12] >> 4) * 4;
    if (header_length < 20 || header_length > end - transport || (tcp[13] & TCP_SYN) != 0)
        return false;
    endpoints->has_vlan = 0;
    endpoints->vlan_id = 0;
    endpoints->source_port = read_16(tcp);
    endpoints->destination_port = read_16(tcp + 2);
    segment->sequence = read_32(tcp + 4);
    segment->acknowledgement = read_32(tcp + 8);
    segment->network_offset = 14;
    segment->transport_offset = (uint16_t)transport;
    segment->payload_offset = transport + header_length;
    segment->payload_length = end - segment->payload_offset;
    segment->payload_cut = 0;
    segment->window = read_16(tcp + 14);
    segment->urgent_pointer = read_16(tcp + 18);
    segment->flags = tcp[13] & 0x3f;
    segment->window_shift = WINDOW_SHIFT_UNKNOWN;
    return true;
}

#endif

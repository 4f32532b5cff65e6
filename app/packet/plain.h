/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_PACKET_PLAIN_H
#define BEARERTAP_APP_PACKET_PLAIN_H

#include <stddef.h>
#include <string.h>

#include <rte_byteorder.h>

#include <bearertap/packet.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

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
 * A connection in words, each end made a number and the lower one first, so that both directions are the same: what is
 * hashed of it. IPv4's two are one SipHash block less than its sixteen bytes in IPv6's form would be.
 *
 * Which end is the lower is a coin's toss, and so nothing branches on it; and compilers take what is done twice here
 * for work of vector registers, to and from which moving it costs more than it saves.
 */
#define CONNECTION_WORDS_MAX 5
#define KEEP_SCALAR(x)       __asm__("" : "+r"(x))

static inline unsigned words_of_ipv4(uint32_t source, uint32_t destination, uint16_t source_port,
                                     uint16_t destination_port, uint64_t vlan, uint64_t words[CONNECTION_WORDS_MAX])
{
    uint64_t one = (uint64_t)source << 16 | source_port, other = (uint64_t)destination << 16 | destination_port;
    KEEP_SCALAR(one);
    KEEP_SCALAR(other);
    uint64_t lower = one < other ? one : other, higher = one < other ? other : one;
    KEEP_SCALAR(lower);
    KEEP_SCALAR(higher);
    words[0] = lower | vlan << 48;
    words[1] = higher | 4ull << 48;
    return 2;
}

static inline unsigned words_of_ipv6(const uint8_t source[16], const uint8_t destination[16], uint64_t source_port,
                                     uint64_t destination_port, uint64_t vlan, uint64_t words[CONNECTION_WORDS_MAX])
{
    uint64_t ends[4];
    memcpy(ends, source, 16);
    memcpy(ends + 2, destination, 16);
    unsigned port_above = source_port > destination_port;
    unsigned half_above = (unsigned)(ends[1] > ends[3]) | ((unsigned)(ends[1] == ends[3]) & port_above);
    unsigned above = (unsigned)(ends[0] > ends[2]) | ((unsigned)(ends[0] == ends[2]) & half_above);
    unsigned first = 2 * above, second = 2 - first;
    words[0] = ends[first];
    words[1] = ends[first + 1];
    words[2] = ends[second];
    words[3] = ends[second + 1];
    uint64_t turned = 0 - (uint64_t)above, differ = (source_port ^ destination_port) & turned;
    words[4] = (source_port ^ differ) << 48 | (destination_port ^ differ) << 32 | vlan << 16 | 6;
    return 5;
}

/* Returns how many. */
static inline unsigned connection_words(const struct endpoints *endpoints, uint64_t words[CONNECTION_WORDS_MAX])
{
    uint64_t vlan = endpoints->has_vlan ? endpoints->vlan_id | 0x8000u : 0;
    if (endpoints->ip_version == 4) {
        uint32_t source, destination;
        memcpy(&source, endpoints->source, sizeof(source));
        memcpy(&destination, endpoints->destination, sizeof(destination));
        return words_of_ipv4(source, destination, endpoints->source_port, endpoints->destination_port, vlan, words);
    }
    return words_of_ipv6(endpoints->source, endpoints->destination, endpoints->source_port, endpoints->destination_port,
                         vlan, words);
}

/*
 * What nearly every frame is: Ethernet, IPv4 or IPv6 without options, a TCP segment that is no SYN, all of it there.
 * Half of the way through the layers, or less: decoding was a tenth of the time of traffic with payload, and a third of
 * that of bare ACKs. A segment's fields are laid out as headers have them, so that a few shuffles and stores fill it:
 * one load and store a field were a third of what bare ACKs took.
 */

_Static_assert(offsetof(struct endpoints, destination) == 16 && offsetof(struct endpoints, source_port) == 32 &&
                   offsetof(struct endpoints, destination_port) == 34 && offsetof(struct endpoints, ip_version) == 36 &&
                   offsetof(struct endpoints, has_vlan) == 37 && offsetof(struct endpoints, vlan_id) == 38 &&
                   offsetof(struct segment, endpoints) == 0 && offsetof(struct segment, sequence) == 40 &&
                   offsetof(struct segment, acknowledgement) == 44,
               "as place_ports_and_numbers has it");

/* Ports, IP's version, no VLAN, sequence and acknowledgement number: 16 bytes from the ports on. */
static inline void place_ports_and_numbers(struct segment *segment, const uint8_t *tcp, uint8_t ip_version)
{
#ifdef __SSSE3__
    const __m128i order = _mm_setr_epi8(1, 0, 3, 2, -1, -1, -1, -1, 7, 6, 5, 4, 11, 10, 9, 8); /* -1: a zero */
    __m128i header = _mm_loadu_si128((const __m128i *)(const void *)tcp);
    __m128i placed = _mm_or_si128(_mm_shuffle_epi8(header, order), _mm_setr_epi32(0, ip_version, 0, 0));
    uint8_t *to = (uint8_t *)segment + offsetof(struct endpoints, source_port);
    _mm_storeu_si128((__m128i *)(void *)to, placed);
#else
    segment->endpoints.source_port = read_16(tcp);
    segment->endpoints.destination_port = read_16(tcp + 2);
    segment->endpoints.ip_version = ip_version;
    segment->endpoints.has_vlan = 0;
    segment->endpoints.vlan_id = 0;
    segment->sequence = read_32(tcp + 4);
    segment->acknowledgement = read_32(tcp + 8);
#endif
}

/* Of an IPv4 packet that is no fragment: EtherType, version and header length, protocol. */
static inline bool is_plain_ipv4(const uint8_t *frame)
{
    uint64_t type_to_id;
    uint32_t fragment_to_protocol;
    memcpy(&type_to_id, frame + 12, sizeof(type_to_id));
    memcpy(&fragment_to_protocol, frame + 20, sizeof(fragment_to_protocol));
    return (rte_le_to_cpu_64(type_to_id) & 0xffffff) == 0x450008 &&
           (rte_le_to_cpu_32(fragment_to_protocol) & 0xff00ff3f) == 0x06000000;
}

static inline void place_ipv4_address(uint8_t to[16], uint32_t address)
{
#ifdef __SSE2__
    _mm_storeu_si128((__m128i *)(void *)to, _mm_cvtsi32_si128((int)address));
#else
    memset(to, 0, 16);
    memcpy(to, &address, sizeof(address));
#endif
}

/* The TCP header and what is around it: `transport` is its offset, `end` that of what follows IP's packet. */
static inline bool decode_plain_tcp(const uint8_t *frame, uint32_t transport, uint32_t end, uint8_t ip_version,
                                    struct segment *segment)
{
    const uint8_t *tcp = frame + transport;
    uint32_t header_length = (uint32_t)(tcp[12] >> 2) & 0x3c;
    if (header_length < 20 || header_length > end - transport || (tcp[13] & TCP_SYN) != 0)
        return false;
    place_ports_and_numbers(segment, tcp, ip_version);
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

static inline unsigned decode_plain_ipv4(const uint8_t *frame, uint32_t available, struct segment *segment,
                                         uint64_t words[CONNECTION_WORDS_MAX])
{
    uint32_t total_length = read_16(frame + 16), source, destination;
    if (total_length < 40 || total_length > available - 14 ||
        !decode_plain_tcp(frame, 34, 14 + total_length, 4, segment))
        return 0;
    memcpy(&source, frame + 26, sizeof(source));
    memcpy(&destination, frame + 30, sizeof(destination));
    place_ipv4_address(segment->endpoints.source, source);
    place_ipv4_address(segment->endpoints.destination, destination);
    return words_of_ipv4(source, destination, read_16(frame + 34), read_16(frame + 36), 0, words);
}

static inline unsigned decode_plain_ipv6(const uint8_t *frame, uint32_t available, struct segment *segment,
                                         uint64_t words[CONNECTION_WORDS_MAX])
{
    uint32_t payload_length = read_16(frame + 18);
    if (frame[14] >> 4 != 6 || frame[20] != 6 || payload_length < 20 || payload_length > available - 54 ||
        !decode_plain_tcp(frame, 54, 54 + payload_length, 6, segment))
        return 0;
    memcpy(segment->endpoints.source, frame + 22, 16);
    memcpy(segment->endpoints.destination, frame + 38, 16);
    return words_of_ipv6(frame + 22, frame + 38, read_16(frame + 54), read_16(frame + 56), 0, words);
}

/* 0 when it was none of that, and `segment` may hold anything; else `segment` is as the layers would have filled it,
 * and so many words of the connection are given (connection_words). */
static inline unsigned decode_plain(const uint8_t *frame, uint32_t captured, uint32_t available,
                                    struct segment *segment, uint64_t words[CONNECTION_WORDS_MAX])
{
    if (captured < 14 + 20 + 20)
        return 0;
    if (is_plain_ipv4(frame))
        return decode_plain_ipv4(frame, available, segment, words);
    if (captured >= 14 + 40 + 20 && read_16(frame + 12) == ETHER_TYPE_IPV6)
        return decode_plain_ipv6(frame, available, segment, words);
    return 0;
}

#endif

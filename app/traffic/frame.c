/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include <stddef.h>
#include <string.h>

enum { ETHERNET_LENGTH = 14, IPV4_LENGTH = 20, IPV6_LENGTH = 40, TCP_LENGTH = 20, TCP_PROTOCOL = 6, WINDOW_SHIFT = 7 };

static uint8_t *put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static uint8_t *put_32(uint8_t *at, uint32_t value)
{
    return put_16(put_16(at, value >> 16), value);
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

static uint64_t add_with_carry(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

/* The one's complement sum does not care about the order of bytes within its words, nor about their width: the
 * machine's own words can be added, and the result is stored as it lies in memory (RFC 1071 section 2). */
static uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t length)
{
    uint64_t word, others[4] = {sum};
    for (; length >= 32; bytes += 32, length -= 32)
        for (size_t i = 0; i < 4; i++) { /* four chains: one waits for its own carry at each step */
            memcpy(&word, bytes + 8 * i, 8);
            others[i] = add_with_carry(others[i], word);
        }
    for (sum = others[0]; length >= 8; bytes += 8, length -= 8) {
        memcpy(&word, bytes, 8);
        sum = add_with_carry(sum, word);
    }
    word = 0;
    memcpy(&word, bytes, length);
    sum = add_with_carry(sum, word);
    for (size_t i = 1; i < 4; i++)
        sum = add_with_carry(sum, others[i]);
    return sum;
}

static void checksum_store(uint8_t *at, uint64_t sum)
{
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    uint16_t complement = (uint16_t)~sum;
    memcpy(at, &complement, sizeof(complement));
}

static uint32_t options_length(const struct frame_segment *segment)
{
    if (segment->flags & FRAME_SYN)
        return 20;
    return segment->has_timestamps ? 12 : 0;
}

uint32_t frame_headers_length(const struct frame_segment *segment)
{
    uint32_t ip_length = segment->ipv6 ? IPV6_LENGTH : IPV4_LENGTH;
    return ETHERNET_LENGTH + ip_length + TCP_LENGTH + options_length(segment);
}

static uint8_t *put_ethernet(uint8_t *at, const struct frame_segment *segment)
{
    at = put_bytes(at, segment->to.mac, 6);
    at = put_bytes(at, segment->from.mac, 6);
    return put_16(at, segment->ipv6 ? 0x86dd : 0x0800);
}

static uint8_t *put_ipv4(uint8_t *at, const struct frame_segment *segment, uint32_t tcp_length)
{
    uint8_t *begin = at;
    *at++ = 0x45;
    *at++ = 0;
    at = put_16(at, IPV4_LENGTH + tcp_length);
    at = put_16(at, segment->ip_id);
    at = put_16(at, 0x4000); /* do not fragment */
    *at++ = segment->hop_limit;
    *at++ = TCP_PROTOCOL;
    at = put_16(at, 0);
    at = put_bytes(at, segment->from.address, 4);
    at = put_bytes(at, segment->to.address, 4);
    checksum_store(begin + 10, checksum_add(0, begin, IPV4_LENGTH));
    return at;
}

static uint8_t *put_ipv6(uint8_t *at, const struct frame_segment *segment, uint32_t tcp_length)
{
    at = put_32(at, 0x60000000 | (segment->flow_label & 0xfffff));
    at = put_16(at, tcp_length);
    *at++ = TCP_PROTOCOL;
    *at++ = segment->hop_limit;
    at = put_bytes(at, segment->from.address, 16);
    return put_bytes(at, segment->to.address, 16);
}

static uint8_t *put_timestamps(uint8_t *at, const struct frame_segment *segment)
{
    *at++ = 8;
    *at++ = 10;
    at = put_32(at, segment->timestamp);
    return put_32(at, segment->echo);
}

static uint8_t *put_options(uint8_t *at, const struct frame_segment *segment)
{
    static const uint8_t no_operation[2] = {1, 1};
    if (segment->flags & FRAME_SYN) {
        const uint8_t size_and_selective[] = {
            2, 4, (uint8_t)(segment->segment_size_max >> 8), (uint8_t)segment->segment_size_max, 4, 2};
        const uint8_t window_scale[] = {1, 3, 3, WINDOW_SHIFT};
        at = put_bytes(at, size_and_selective, sizeof(size_and_selective));
        if (segment->has_timestamps) {
            at = put_timestamps(at, segment);
        } else {
            memset(at, 1, 10);
            at += 10;
        }
        return put_bytes(at, window_scale, sizeof(window_scale));
    }
    return segment->has_timestamps ? put_timestamps(put_bytes(at, no_operation, 2), segment) : at;
}

struct frame_place frame_put_headers(uint8_t *frame, const struct frame_segment *segment, uint32_t payload_length)
{
    uint32_t headers = TCP_LENGTH + options_length(segment), tcp_length = headers + payload_length;
    uint8_t *at = put_ethernet(frame, segment);
    struct frame_place place = {.ip_offset = ETHERNET_LENGTH, .length = ETHERNET_LENGTH};
    at = segment->ipv6 ? put_ipv6(at, segment, tcp_length) : put_ipv4(at, segment, tcp_length);
    uint8_t *tcp = at;
    place.tcp_offset = (uint16_t)(tcp - frame);
    place.length = place.tcp_offset + tcp_length;
    at = put_16(at, segment->from.port);
    at = put_16(at, segment->to.port);
    at = put_32(at, segment->sequence);
    at = put_32(at, segment->acknowledgement);
    *at++ = (uint8_t)(headers / 4 << 4);
    *at++ = segment->flags;
    at = put_16(at, segment->window);
    at = put_32(at, 0); /* checksum, urgent pointer */
    put_options(at, segment);

    /* The pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1): the addresses stand right before, as they are. */
    uint32_t addresses = segment->ipv6 ? 32 : 8;
    uint8_t rest[4];
    put_16(put_16(rest, TCP_PROTOCOL), tcp_length);
    checksum_store(tcp + 16,
                   checksum_add(checksum_add(0, rest, sizeof(rest)), tcp - addresses, addresses + tcp_length));
    if (place.length < FRAME_LEAST) {
        memset(frame + place.length, 0, FRAME_LEAST - place.length);
        place.length = FRAME_LEAST;
    }
    return place;
}

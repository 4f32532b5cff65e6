/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_FRAME_H
#define BEARERTAP_APP_TRAFFIC_FRAME_H

#include <stdbool.h>
#include <stdint.h>

/* Ethernet, IPv4 or IPv6, and TCP around a payload, with right lengths and checksums. */

enum frame_flags { FRAME_FIN = 1, FRAME_SYN = 2, FRAME_RST = 4, FRAME_PSH = 8, FRAME_ACK = 16 };

enum {
    FRAME_HEADERS_MAX = 14 + 40 + 40,
    FRAME_LEAST = 60, /* of Ethernet, without the check sequence: shorter ones are padded */
};

/* One of two ends of a connection. */
struct frame_end {
    uint8_t address[16]; /* IPv4: the first four bytes */
    uint16_t port;
    uint8_t mac[6];
};

struct frame_segment {
    struct frame_end from, to;
    bool ipv6;
    uint8_t hop_limit;
    uint16_t ip_id;
    uint32_t flow_label;
    uint32_t sequence, acknowledgement;
    uint8_t flags;
    uint16_t window;
    bool has_timestamps;
    uint32_t timestamp, echo;  /* RFC 7323 */
    uint16_t segment_size_max; /* for a SYN's options */
};

struct frame_place {
    uint16_t ip_offset, tcp_offset;
    uint32_t length;
};

/* How many bytes of headers this segment has: its payload belongs behind them. */
uint32_t frame_headers_length(const struct frame_segment *segment);

/* Writes the headers before a payload that already lies in its place in `frame`. */
struct frame_place frame_put_headers(uint8_t *frame, const struct frame_segment *segment, uint32_t payload_length);

#endif

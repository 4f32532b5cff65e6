/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_CONNECTION_H
#define BEARERTAP_APP_TRAFFIC_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "http.h"
#include "mixes.h"

/*
 * The life of one connection: which segment comes next. It keeps what it needs for that, and no text: a million of them
 * may be alive.
 */

enum connection_side { SIDE_CLIENT, SIDE_SERVER, SIDE_NOBODY };

enum connection_phase {
    PHASE_SYN,
    PHASE_SYN_ACK,
    PHASE_HANDSHAKE_ACK,
    PHASE_BARE, /* segments without payload, either way */
    PHASE_REQUEST,
    PHASE_RESPONSE,
    PHASE_FIN,
    PHASE_FIN_ACK,
    PHASE_LAST_ACK,
    PHASE_OVER
};

#define OFFSET_NONE UINT32_MAX

/* A segment as it is to be sent: its payload is `length` bytes of the connection's message. */
struct connection_segment {
    uint32_t sequence, acknowledgement;
    uint32_t offset, length;
    uint32_t timestamp, echo;
    uint16_t window, ip_id;
    uint8_t flags;
    uint8_t side; /* who sends it */
};

/* What chaos keeps back of a connection. */
enum held_kind { HELD_NOTHING, HELD_REORDERED, HELD_DUPLICATE };

struct connection {
    uint64_t seed;
    const struct style *style;
    struct http_message message;
    uint32_t number;
    uint32_t key; /* which revoked key its token bears, or TOKEN_KEY_CLEAN */
    uint32_t next_sequence[2];
    uint32_t timestamp_base[2], last_timestamp[2];
    uint32_t sent; /* of the message: bytes in segments that were made */
    uint32_t bare_left;
    uint32_t lost_offset; /* of the head's segment that is lost, or OFFSET_NONE */
    uint16_t calls_left;
    uint16_t ip_id[2];
    uint16_t payload_bytes;
    uint8_t phase;
    uint8_t message_side;   /* whose message it is; it stays what it was until the next begins */
    uint8_t unacknowledged; /* full segments */
    uint8_t acknowledge_by; /* who acknowledges before anything else comes */
    bool message_begun;     /* and not all of it was made */
    bool has_asked;         /* a request was sent whole, ... */
    bool is_settled;        /* ... and an answer to it: both ends are known, and chaos may begin */
    bool ipv6, has_timestamps, server_closes;
    uint8_t held_kind, held_behind;
    struct connection_segment held;
};

/* The text of the message that was made last: the segments of a head often follow each other. */
struct connection_scratch {
    struct text text;
    uint32_t number;
    uint64_t message_seed;
};

struct connection_world {
    uint64_t seed;
    const struct pools *pools;
    struct connection_scratch *scratch; /* its text has room for HTTP_TEXT_MAX; number UINT32_MAX at first */
    uint32_t keys;
    uint32_t payload_bytes;
};

/* Begins; `under_way`: stands anywhere in its life but within the head of a request. */
void connection_begin(struct connection *connection, const struct connection_world *world, const struct style *style,
                      uint32_t number, bool under_way);

/* Makes the next segment. Not for one in PHASE_OVER. */
void connection_next(struct connection *connection, const struct connection_world *world, uint64_t now_ns,
                     struct connection_segment *segment);

/* The text of the message that is under way, until the next call with another one. */
const char *connection_text(const struct connection *connection, const struct connection_world *world);

/* Some, but not all of a request's head was sent. */
bool connection_is_within_head(const struct connection *connection);

void connection_ends(const struct connection *connection, struct frame_end *client, struct frame_end *server);

/* A frame's fields for this segment. */
void connection_describe(const struct connection *connection, const struct connection_segment *segment,
                         struct frame_segment *out);

/* Where servers are: `which` is any number. */
void connection_server(bool ipv6, uint64_t which, struct frame_end *server);

#endif

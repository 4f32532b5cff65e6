/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_HTTP_REQUEST_H
#define BEARERTAP_APP_HTTP_REQUEST_H

#include <bearertap/http.h>

/* One request as far as it goes. Offsets are from the buffer's start. */
struct request {
    struct http_view method, target, host, user_agent, content_type;
    bool head_complete;
    uint32_t line_end; /* behind the request line */
    uint32_t head_end; /* behind the empty line, or the buffer's end */
    bool chunked, length_known, length_bad;
    uint64_t content_length;
    uint64_t end; /* behind the request, where `end_known` */
    bool end_known;
};

/* A method is a token (RFC 9110 section 9.1); the longest registered one has 17 characters. */
#define HTTP_METHOD_MAX 32

static inline bool http_is_method_byte(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What is known of the request that a run goes on with or begins; see flow.h. All zero: it begins. */
enum http_track {
    TRACK_MORE,     /* its head goes on behind these bytes */
    TRACK_COMPLETE, /* it ends within them */
    TRACK_LOST      /* it is not as most are */
};

/* Goes on over the next bytes. `*end`: where in them the request ends, when it is complete. */
enum http_track http_track_request(struct http_tracker *tracker, const uint8_t *bytes, uint32_t length, uint32_t *end);

/*
 * Where a walk over a buffer's requests stands. Tokens are asked about in the order in which they stand, and a sender
 * may put a thousand of them into one head: with this, all of them together cost one walk.
 */
struct http_cursor {
    bool valid; /* false: begin at the first byte; to be cleared when the bytes change */
    struct request request;
    uint32_t start, next;  /* of the request; behind it */
    uint32_t line_at;      /* of the header line looked at last */
    struct http_view name; /* its name */
};

/* http_find_request, going on from where the cursor stands. */
bool http_cursor_place(struct http_cursor *cursor, const uint8_t *bytes, uint32_t length, uint32_t offset,
                       struct http_place *place);

#endif

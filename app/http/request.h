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

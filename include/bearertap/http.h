/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_HTTP_H
#define BEARERTAP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/flow.h>

/*
 * The request around a token, read late (HTTP/1.x, RFC 9112).
 *
 * Client bytes are kept, a bounded number of them a direction, from a bounded pool; only when a token asks for its
 * context are they parsed, from a request's first line on and following its framing, so that a body with a line
 * `Host: x` is a body. Framing is never used to skip bytes that are scanned. What cannot be read is left unknown, not
 * guessed.
 */

/* Kept bytes of a direction: enough for every server's limit on request heads (8 to 16 KiB). Of a longer head the first
 * 14 KiB at least are kept, and speak for all of it. */
#define HTTP_KEPT_CHUNK 4096
#define HTTP_KEPT_MAX   (HTTP_KEPT_CHUNK * FLOW_KEPT_CHUNKS)

struct http_view {
    const uint8_t *bytes; /* NULL: not known */
    uint32_t length;
};

/* Is it this word, in any case? Does it hold this word, in any case? Neither where it is not known. */
bool http_view_is(struct http_view text, const char *word);
bool http_view_contains(struct http_view text, const char *word);

enum http_region { HTTP_REQUEST_LINE, HTTP_HEADER, HTTP_BODY };

/* Where in which request a byte stands. Views point into kept bytes and hold until the next call for any flow. */
struct http_place {
    enum http_region region;
    struct http_view method, path, host, user_agent; /* the path without its query, the host without its port */
    struct http_view header_name;                    /* of the line, where the region is HTTP_HEADER */
    struct http_view content_type;
    bool head_complete;  /* no more of the head will be known; false: the rest may name what is missing here */
    bool body_end_known; /* by Content-Length alone */
    uint64_t body_end;   /* position behind the body's last byte */
};

/*
 * Parses requests, one after another, from the first byte on, until it finds the one that byte `offset` belongs to.
 * False when the bytes are not HTTP/1.x requests. Positions in `place` count from the first byte. Linear in `length`.
 */
bool http_find_request(const uint8_t *bytes, uint32_t length, uint32_t offset, struct http_place *place);

/* How many bytes from the start are complete requests; -1 when they are not HTTP/1.x. When `body_end` is not NULL it
 * receives the end of the last, incomplete request where its framing tells (may lie beyond the bytes), else 0. */
int64_t http_complete_requests(const uint8_t *bytes, uint32_t length, uint64_t *body_end);

struct http_options {
    struct flow_table *flows;
    uint32_t chunks_max; /* of HTTP_KEPT_CHUNK bytes */
    uint64_t *events;
};

struct http;

/* One a worker: nothing is locked, and no other thread may call anything that takes a struct http. http_create returns
 * NULL when there is no memory; http_bytes is the memory that it takes, nearly all of it outside of EAL's. */
size_t http_bytes(const struct http_options *options);
struct http *http_create(const struct http_options *options);
void http_destroy(struct http *http);

/*
 * How many of the next `length` bytes to keep, scan and shed at once: as many as can be taken in before something must
 * be let go of that they themselves may belong to. At least 1.
 */
uint32_t http_piece(const struct http *http, const struct flow *flow, unsigned direction, uint64_t position,
                    uint32_t length);

/* Keeps new bytes of a client's direction, no more of them than http_piece said; before they are scanned. `turn`: the
 * peer spoke since the last ones. */
void http_keep(struct http *http, struct flow *flow, unsigned direction, const uint8_t *bytes, uint32_t length,
               uint64_t position, bool turn);

/* Lets go of requests that are complete; after the bytes were scanned. */
void http_shed(struct http *http, struct flow *flow, unsigned direction);

/* Forgets what is kept: at a gap (then it is not known where a request begins), at the direction's end. */
void http_forget(struct http *http, struct flow *flow, unsigned direction);

/* Does an empty line, which ends a head, end in the `length` bytes at `position`? Looks at no byte before them but the
 * last two. They are kept; where they are not, true: nothing more will be known. */
bool http_head_ends(struct http *http, const struct flow *flow, unsigned direction, uint64_t position, uint32_t length);

/* The place of a byte of the stream; false where it is not known. Positions in `place` are the stream's. */
bool http_find_place(struct http *http, struct flow *flow, unsigned direction, uint64_t position,
                     struct http_place *place);

#endif

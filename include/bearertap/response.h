/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_RESPONSE_H
#define BEARERTAP_RESPONSE_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Where the bodies are in what a server sends (HTTP/1.x, RFC 9112 section 6), for the policies that leave them out.
 *
 * A frame follows one direction's bytes, in order, and says of each whether it belongs to a body. It is there to leave
 * bytes uninspected, so it errs to the other side: whatever it does not understand, or could be read in two ways, ends
 * the following, and from there on nothing is a body. A body's bytes are not looked at, but for the first ones, which
 * must not look like the next response: so the answer to HEAD, which promises a body and has none, needs no knowledge
 * of the request. One a connection, no allocation; the owner's thread.
 */

/* What is kept of a line that goes over two runs: a framing field is shorter, of others the name is enough. */
#define RESPONSE_LINE_MAX 64

enum response_state {
    RESPONSE_UNBEGUN,     /* a frame of zeros */
    RESPONSE_STATUS_LINE, /* here a response must begin */
    RESPONSE_FIELDS,
    RESPONSE_BODY_BEGINS, /* a body is promised; its first bytes tell whether it comes */
    RESPONSE_BODY,
    RESPONSE_CHUNK_SIZE,
    RESPONSE_CHUNK_DATA,
    RESPONSE_CHUNK_END,
    RESPONSE_FIRST_TRAILER, /* behind the last chunk */
    RESPONSE_TRAILERS,
    RESPONSE_LOST, /* not followed any more: for good */
};

struct response_frame {
    alignas(64) uint64_t next; /* position of the byte that comes next */
    uint64_t body_end;         /* behind the body or the chunk at hand; UINT64_MAX: the connection's end */
    uint64_t scan_until;       /* body bytes before this position are scanned */
    uint64_t content_length;
    uint64_t scan_opened_at; /* the scanner's: see struct stream_run */
    uint16_t status;
    uint8_t state; /* enum response_state */
    uint8_t line_length;
    uint8_t direction;       /* the server's */
    uint8_t tunnel_matched;  /* bytes of CONNECT that the client began with */
    uint8_t version_matched; /* bytes of HTTP/ that the body promised begins with */
    bool whole : 1;          /* followed from the connection's first byte */
    bool line_cut : 1;       /* the line is longer than what is kept of it */
    bool length_known : 1;   /* Content-Length */
    bool chunked : 1;        /* Transfer-Encoding */
    bool of_framing : 1;     /* the field before this one was one of these */
    bool bad : 1;            /* receivers may differ in how they read this head */
    bool closes : 1;         /* HTTP/1.0, or Connection: close */
    bool old : 1;            /* HTTP/1.0 */
    bool client_has_gap : 1; /* CONNECT may have stood in it */
    uint8_t line[RESPONSE_LINE_MAX];
};

_Static_assert(sizeof(struct response_frame) == 128, "a line for what every packet needs, and one for a cut line");

/* What of a response is scanned, as the operator chose. */
enum responses_scan { RESPONSES_ALL, RESPONSES_TO_DEPTH, RESPONSES_NONE };

struct response_policy {
    enum responses_scan scan;
    uint64_t depth; /* RESPONSES_TO_DEPTH: bytes of each response's body, beside its head */
};

/* A run of bytes on its way through a frame. */
struct response_walk {
    struct response_frame *frame;
    const uint8_t *bytes;
    uint32_t length, at;
    uint64_t depth;
    uint32_t step_left; /* of the bytes before `at`, so many are not told yet */
    bool step_is_body;
};

/* Begins with the direction's first byte. */
void response_begin(struct response_frame *frame, unsigned direction);

/* The next byte is that of `position`, and what lies between was not seen. `counted`: the position is sure to be that
 * of the stream. Within a body it is followed on, elsewhere lost. */
void response_skip_gap(struct response_frame *frame, uint64_t position, bool counted);

/* Nothing from here on is a body. */
void response_lose(struct response_frame *frame);

/* What the client sends: a tunnel (CONNECT) has no responses. A request is seen where a run begins with it. */
void response_note_client(struct response_frame *frame, const uint8_t *bytes, uint32_t length, uint64_t position,
                          bool after_gap);

/*
 * The next bytes of the direction; then response_walk_next tells them in pieces, false when there are no more. Of each
 * response's body the first `depth` bytes, as they stand on the wire (with the chunks' sizes), count as to be scanned.
 */
static inline struct response_walk response_walk(struct response_frame *frame, const uint8_t *bytes, uint32_t length,
                                                 uint64_t depth)
{
    return (struct response_walk){.frame = frame, .bytes = bytes, .length = length, .depth = depth};
}

bool response_walk_next(struct response_walk *walk, uint32_t *length, bool *left_out);

/* Will the next so many bytes be left out, all of them? */
static inline bool response_leaves_out(const struct response_frame *frame, uint32_t length)
{
    return (frame->state == RESPONSE_BODY || frame->state == RESPONSE_CHUNK_DATA) && frame->next >= frame->scan_until &&
           frame->body_end - frame->next >= length;
}

/* Takes the next so many bytes as left out, where more of the body is to come: the way of most packets. Else takes
 * none. */
static inline bool response_pass(struct response_frame *frame, uint32_t length)
{
    if (!response_leaves_out(frame, length) || frame->body_end - frame->next == length)
        return false;
    frame->next += length;
    return true;
}

#endif

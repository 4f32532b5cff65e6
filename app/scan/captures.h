/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_SCAN_CAPTURES_H
#define BEARERTAP_APP_SCAN_CAPTURES_H

#include <bearertap/chunk.h>
#include <bearertap/counters.h>
#include <bearertap/flow.h>
#include <bearertap/http.h>
#include <bearertap/scan.h>
#include <bearertap/stream.h>
#include <bearertap/token.h>

#include "database.h"
#include "placements.h"

/*
 * A capture: from where a token was announced to where it ends. It is fed the bytes of a direction in order and keeps
 * everything it needs between runs in itself, so that the cut between two runs never matters.
 */
enum capture_state {
    CAPTURE_BEFORE_SCHEME, /* credentials: white space behind the colon */
    CAPTURE_SCHEME,        /* credentials: the scheme's name */
    CAPTURE_BEFORE_TOKEN,  /* credentials: white space behind the scheme */
    CAPTURE_COLON,         /* JSON: white space and a colon */
    CAPTURE_QUOTE,         /* JSON: white space and the opening quote */
    CAPTURE_HEADER,        /* the token's first part */
    CAPTURE_REST,          /* what follows, wanted whole */
    CAPTURE_OVER
};

struct capture {
    uint8_t state;   /* enum capture_state */
    uint8_t syntax;  /* enum syntax */
    bool placed;     /* its placement is what it will be */
    bool strayed;    /* the part at hand, header or rest, holds bytes of no compact token */
    bool nested;     /* a bare prefix that may lie within the header of a capture that ran already */
    uint8_t dots;    /* of a bare token, counted up to two: then it is a whole JWS */
    bool line_ended; /* credentials: a line's end was seen; only a fold may follow */
    uint8_t scheme_length;
    uint8_t escape_length; /* bytes of an escape seen so far */
    char scheme[SCHEME_MAX];
    uint8_t escape[8];
    uint64_t at;    /* position of the next byte to be fed */
    uint64_t limit; /* the token ends here at the latest: its request body's end */
    struct scan_token token;
    struct chunk *last_chunk;
    struct list_link link; /* between two runs: on the list of such captures */
};

/* A run is scanned in pieces of this size, so that the array of events is bounded: not even two rows end on one byte,
 * but for `authorization:`. */
#define PIECE_BYTES (16 * 1024)

_Static_assert(sizeof(struct capture) + sizeof(uint32_t) <= SCAN_CAPTURE_BYTES, "as scan.h says");

struct scan {
    struct scan_options options;
    hs_scratch_t *scratch;

    /* The run at hand. */
    const struct stream_run *run;
    const uint8_t *bytes; /* of the piece of it at hand */
    uint64_t begin, end;  /* its positions */
    uint64_t opened_at;   /* position at which the Hyperscan stream was opened */
    uint64_t plain_to;    /* captures were fed up to a position from which to this one all is of base64url */
    struct capture captures[FLOW_CAPTURES_MAX]; /* running in this direction, oldest first */
    unsigned captures_count;
    uint64_t payload_position;       /* where the last token's second part begins */
    uint64_t announced_end;          /* where the last announcement ended */
    uint64_t judged_from, judged_to; /* the last header that was one of a token */

    struct capture *pool; /* captures between two runs */
    uint32_t pool_used, pool_free;
    uint32_t *pool_next;
    struct list stored;     /* them, by the time of their last byte */
    uint32_t stored_chunks; /* that they hold */

    unsigned events_count;
    struct scan_event *events;
    uint8_t text[JOSE_HEADER_TEXT_MAX + 4]; /* a header that lies in several chunks */
};

/* Begins a capture at position `at`, where an event of `row` ended. */
void capture_begin(struct scan *scan, const struct pattern_row *row, uint64_t at);

/* Feeds all running captures up to position `to`, and removes those that are over. */
void captures_feed(struct scan *scan, uint64_t to);

/* Would feeding them up to there change nothing but how far they are? Then it may wait: all of them amid a token, and
 * nothing but base64url before `to`. Text full of prefixes would feed four captures a few bytes at a time. */
bool captures_may_wait(struct scan *scan, uint64_t to);

/* The bytes of a capture stop here: a wanted token leaves truncated. */
void capture_cut(struct scan *scan, struct capture *capture, uint64_t time_ns);

/* The same for all running ones: a gap, or the stream's end. */
void captures_cut(struct scan *scan, uint64_t time_ns);

/* Does an escape begin with this byte, in the syntax of the capture? */
bool capture_is_escape(const struct capture *capture, uint8_t byte);

/* Can the escape under way go on with this byte? */
bool capture_escape_goes_on(const struct capture *capture, uint8_t byte);

/* Adds a byte to the escape under way, which it goes on with. Returns 0 while it does, else how many bytes of escape[]
 * now stand decoded, from its first. */
unsigned capture_escape_add(struct capture *capture, uint8_t byte);

/* Where the request says that a token stands; sets placement and limit. Once a capture. */
void place_token(struct scan *scan, struct capture *capture);

/* A byte before the piece's end that is still at hand, in the run or among the last of those before; -1 where not. */
int scan_byte_at(const struct scan *scan, uint64_t position);

/* Chunks that a capture holds: all but the last are full. */
static inline uint32_t capture_chunks(const struct capture *capture)
{
    return (capture->token.length + CHUNK_DATA_MAX - 1) / CHUNK_DATA_MAX;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_COUNTERS_H
#define BEARERTAP_COUNTERS_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The counter registry.
 *
 * Two laws, which the program checks of itself: every packet received ends in exactly one outcome, and every payload
 * byte captured in exactly one byte outcome (or is held for now). Events are another table: things that happened, any
 * number of times. A counter is one line of an enum here and one row of a table in app/base/counters.c; whatever shows
 * counters walks the tables.
 *
 * Each worker owns a struct counters and writes its `live` part without a lock; counters_publish, once a burst, copies
 * it under a sequence lock, so that counters_read sees a moment in which the laws hold, from any thread.
 */

/* How a packet ended. */
enum outcome {
    OUTCOME_PENDING, /* not yet decided: never seen from outside */
    OUTCOME_INSPECTED,
    OUTCOME_NO_PAYLOAD,
    OUTCOME_NOT_IP,
    OUTCOME_NOT_TCP,
    OUTCOME_IP_FRAGMENT,
    OUTCOME_HEADER_CUT,
    OUTCOME_BAD_LINK_HEADER,
    OUTCOME_TOO_MANY_TAGS,
    OUTCOME_BAD_IP_HEADER,
    OUTCOME_BAD_IP_LENGTH,
    OUTCOME_TOO_MANY_EXTENSIONS,
    OUTCOME_BAD_TCP_HEADER,
    OUTCOME_FLOW_TABLE_FULL,
    OUTCOME_FILTERED,
    OUTCOME_RING_FULL,
    OUTCOMES
};

/* How a byte of TCP payload ended. */
enum byte_outcome {
    BYTES_SCANNED,
    BYTES_RETRANSMITTED,
    BYTES_OUT_OF_WINDOW,
    BYTES_URGENT,
    BYTES_NO_FLOW,
    BYTES_SKIPPED_BODY,
    BYTES_SKIPPED_RESPONSE,
    BYTES_FILTERED,
    BYTES_RING_FULL,
    BYTE_OUTCOMES
};

enum event {
    EVENT_CONNECTIONS,
    EVENT_MIDSTREAM,
    EVENT_FLOW_EXPIRED,
    EVENT_FLOW_EVICTED_CLOSED,
    EVENT_FLOW_EVICTED_UNPROVEN,
    EVENT_FLOW_EVICTED_IDLE,
    EVENT_PORT_REUSED,
    EVENT_RESET,
    EVENT_RESET_OUT_OF_WINDOW,
    EVENT_FIN_OUT_OF_WINDOW,
    EVENT_SYN_OUT_OF_WINDOW,
    EVENT_CUT_PACKETS,
    EVENT_CUT_BYTES,
    EVENT_OUT_OF_ORDER,
    EVENT_GAPS,
    EVENT_GAP_BYTES,
    EVENT_GAP_CONNECTIONS,
    EVENT_HELD_BOUND,
    EVENT_CONFLICTS,
    EVENT_URGENT,
    EVENT_CAPTURES,
    EVENT_CAPTURES_FULL,
    EVENT_CAPTURE_CUT,
    EVENT_NOT_A_TOKEN,
    EVENT_OTHER_SCHEME,
    EVENT_HEADER_TOO_LONG,
    EVENT_HEADER_CUT,
    EVENT_REFERENCES_LEFT_OUT,
    EVENT_TOKEN_JUNK,
    EVENT_TOKEN_TOO_LONG,
    EVENT_POSSIBLE_FINDINGS,
    EVENT_CONTEXT_EVICTED,
    EVENT_CONTEXT_UNKNOWN,
    EVENT_CHUNKS_EXHAUSTED,
    EVENT_RECORDS_LOST,
    EVENT_EXTRAS_FULL,
    EVENTS
};

struct counter_row {
    const char *name; /* in `stats` and the summary */
    const char *text; /* what it means, for a person */
};

extern const struct counter_row outcome_rows[OUTCOMES];
extern const struct counter_row byte_outcome_rows[BYTE_OUTCOMES];
extern const struct counter_row event_rows[EVENTS];

/* Rows of tables that other modules own: placements (scan.h), algorithms (token.h). */
#define COUNTERS_PLACEMENTS_MAX 16
#define COUNTERS_ALGORITHMS_MAX 32

struct counter_values {
    uint64_t received; /* packets */
    uint64_t outcomes[OUTCOMES];
    uint64_t payload; /* bytes of TCP payload captured */
    uint64_t bytes[BYTE_OUTCOMES];
    uint64_t held; /* bytes waiting for a hole to fill: under way, not ended */
    uint64_t events[EVENTS];
    uint64_t tokens[COUNTERS_PLACEMENTS_MAX];
    uint64_t algorithms[COUNTERS_ALGORITHMS_MAX];
    uint64_t opaque_tokens;
};

struct counters {
    alignas(64) struct counter_values live;      /* written by the owner only */
    alignas(64) uint32_t sequence;               /* odd while being published */
    alignas(64) struct counter_values published; /* read by anybody, through counters_read */
};

/* Owner's thread, once a burst. */
void counters_publish(struct counters *counters);

/* Any thread: a consistent copy. */
void counters_read(const struct counters *counters, struct counter_values *values);

/* Adds `more` into `sum`, member by member. */
void counters_add(struct counter_values *sum, const struct counter_values *more);

/* Do both laws hold? */
bool counters_law_holds(const struct counter_values *values);

#endif

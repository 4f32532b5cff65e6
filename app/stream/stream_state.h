/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_STREAM_STREAM_STATE_H
#define BEARERTAP_APP_STREAM_STREAM_STATE_H

#include <bearertap/stream.h>

#include "held.h"

/* Held data is handed on in pieces of up to this size. */
#define ASSEMBLY_BYTES (64 * 1024)

/* What a sender may be ahead of its acknowledged bytes at the least: windows grow before a tap shows it. */
#define WINDOW_LEAST (1u << 20)
/* RFC 7323 section 2.3: no window is larger. */
#define WINDOW_MOST (1u << 30)

enum step { STEP_ROOM, STEP_TAKE, STEP_HELD, STEP_HOLES, STEP_FINISH, STEP_OVERDUE, STEP_DONE };

struct stream {
    struct stream_options options;
    struct held_pool pool;
    struct list holders; /* extras with held data, the one whose data is oldest first */

    /* The segment at hand. */
    enum step step;
    struct flow *flow;
    unsigned direction;
    uint64_t now_ns;
    struct segment segment;
    const uint8_t *payload;
    unsigned looks_left;

    /* What is being handed on. */
    struct flow *giving_flow;
    unsigned giving_direction;
    const uint8_t *giving;
    uint32_t giving_length;
    uint32_t skip_after; /* bytes not captured behind the run */
    uint8_t assembly[ASSEMBLY_BYTES];
};

static inline uint64_t *count_event(struct stream *stream, enum event event)
{
    return &stream->options.counters->events[event];
}

static inline uint64_t *count_bytes(struct stream *stream, enum byte_outcome outcome)
{
    return &stream->options.counters->bytes[outcome];
}

/* pass.c: after the long way, is the straight one open again? */
void note_waiting(const struct stream *stream, struct flow *flow);

/* control.c: what a segment's header says. All take the segment at hand, stream->segment, of stream->flow. */

/* Could the receiver accept a byte of this number? */
bool sequence_in_window(const struct flow_direction *of, uint32_t sequence);
/* Is this a number that the stream can't have had or come to: before its first byte, or farther off than any window? */
bool sequence_is_foreign(const struct flow_direction *of, uint32_t sequence);

/* The direction's first byte has this number. */
void start_direction(struct stream *stream, struct flow_direction *of, uint32_t sequence);

void take_acknowledgement(struct stream *stream, const struct segment *segment);

/* The end that sends `acknowledged` has its bytes up to the segment's number, which is none of another stream. */
static inline void acknowledge(struct flow_direction *acknowledged, const struct segment *segment)
{
    acknowledged->window = segment->window;
    if ((acknowledged->flags & DIRECTION_ACKNOWLEDGED) == 0 ||
        sequence_distance(segment->acknowledgement, acknowledged->acknowledged) > 0)
        acknowledged->acknowledged = segment->acknowledgement;
    acknowledged->flags |= DIRECTION_ACKNOWLEDGED;
}
void take_syn(struct stream *stream, const struct segment *segment);
void take_reset(struct stream *stream, const struct segment *segment);
/* `sequence`: the FIN's own number. */
void take_fin(struct stream *stream, uint32_t sequence);
/* Has the direction come to its FIN? */
void look_for_fin(struct stream *stream, struct flow *flow, unsigned direction);
/* `sequence`: of the segment's first byte. */
void take_urgent(struct stream *stream, uint32_t sequence);

#endif

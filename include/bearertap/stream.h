/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_STREAM_H
#define BEARERTAP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/flow.h>

/*
 * A direction's bytes in order: reassembly, gaps, overlaps (RFC 9293).
 *
 * In-order payload is handed on where it lies, in the packet; what comes early is copied into a bounded pool and handed
 * on when the hole before it fills or is given up. The first copy of a byte counts. A hole is given up when the peer
 * has acknowledged past it and some packet time has gone by (on a tap the acknowledgement is often seen first), or when
 * a bound on held data is reached, or at the end; what follows is still handed on, marked as behind a gap. A connection
 * is never given up, whatever its segments claim.
 *
 * One a worker; no lock, nothing allocated after creation.
 *
 *     if (stream_pass(stream, flow, direction, &segment, payload, time_ns, &run)) {
 *         scan run.bytes of run.flow, run.direction, if there are any
 *     } else {
 *         stream_accept(stream, flow, direction, &segment, payload, time_ns);
 *         while (stream_next_run(stream, &run))
 *             the same
 *     }
 */

/* How long a hole stays open after the peer has acknowledged past it. */
#define STREAM_HOLE_NS (50 * 1000000ull)
/* The same where the peer was never seen (half of a tap), so that nothing ever tells. */
#define STREAM_HOLE_UNSEEN_NS (1000 * 1000000ull)

struct stream_options {
    struct flow_table *flows;
    size_t held_bytes_max;           /* memory of the pool of held data */
    size_t held_per_direction_max;   /* memory that one direction may take of it */
    struct counter_values *counters; /* the worker's live counters */
};

/* New bytes of a direction, in order. */
struct stream_run {
    struct flow *flow;
    unsigned direction;
    const uint8_t *bytes; /* in the packet or in the stream's buffer; until the next call */
    uint32_t length;
    uint64_t position; /* of the first byte in the stream */
    bool after_gap;    /* bytes are missing right before the first one */
    uint64_t time_ns;  /* of the packet that made these bytes available */
    /* Where the scanner notes at which position it began anew; NULL: in the direction's extra, which it gets for that.
     * The same for all runs of a direction. */
    uint64_t *opened_at;
};

struct stream;

/* Memory that stream_create takes, nearly all of it outside of EAL's; NULL when there is none. */
size_t stream_bytes(const struct stream_options *options);
struct stream *stream_create(const struct stream_options *options);
void stream_destroy(struct stream *stream);

/*
 * The straight way, for a segment that is what its connection's next one should be and where nothing waits: takes it
 * and gives its payload as a run, of no length where there is none. False where it is anything else: nothing was done
 * then, and stream_accept is to take it. Whether a segment goes this way or that makes no difference but in time.
 */
bool stream_pass(struct stream *stream, struct flow *flow, unsigned direction, const struct segment *segment,
                 const uint8_t *payload, uint64_t time_ns, struct stream_run *run);

/* Takes one segment of a flow; `payload` has segment->payload_length bytes and stays valid until the last run. */
void stream_accept(struct stream *stream, struct flow *flow, unsigned direction, const struct segment *segment,
                   const uint8_t *payload, uint64_t time_ns);

/* The connection ends, or its record is needed: all that is held of it comes as runs. */
void stream_finish(struct stream *stream, struct flow *flow);

/* A few connections whose holes are overdue though no packet of theirs came; their data comes as runs. */
void stream_keep_house(struct stream *stream, uint64_t now_ns);

/* The next run; false when there is none. */
bool stream_next_run(struct stream *stream, struct stream_run *run);

#endif

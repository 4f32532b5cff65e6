/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_CLOCK_H
#define BEARERTAP_APP_CAPTURE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The time of packets: the time stamp counter by a line that is drawn to CLOCK_REALTIME again and again. One thread
 * corrects, any number read; what readers need is under a sequence number, so that none of them waits.
 *
 * A correction never moves the present, it only changes the rate, by at most CLOCK_SLEW_MAX_PPM: so time does not go
 * back. Where the system's clock was set by more than CLOCK_STEP_NS there is no drawing near in reasonable time: the
 * line jumps.
 */
#define CLOCK_SLEW_MAX_PPM 500
#define CLOCK_STEP_NS      1000000000

__extension__ typedef unsigned __int128 uint128; /* of the compiler, not of C */

struct clock_line {
    uint64_t tsc, ns; /* a point of it */
    uint64_t rate;    /* nanoseconds a tick, times 2^32 */
};

struct live_clock {
    uint32_t sequence; /* odd while the line changes */
    struct clock_line line;
    /* The correcting thread's: where the counter's own rate is measured from, and that rate, times 2^32. */
    struct clock_line anchor;
};

/* `tsc_hz`: what the counter is said to run at. `tsc` and `real_ns`: one moment by both. */
void clock_start(struct live_clock *clock, uint64_t tsc_hz, uint64_t tsc, uint64_t real_ns);

/* How far the system's clock was ahead of ours where it was so far that the line jumped, else 0. */
int64_t clock_correct(struct live_clock *clock, uint64_t tsc, uint64_t real_ns);

/* The counter and the system's clock at one moment, as nearly as can be. */
void clock_sample(uint64_t *tsc, uint64_t *real_ns);

static inline uint64_t clock_line_ns(const struct clock_line *line, uint64_t tsc)
{
    /* A reader may have read the counter before the point that it now sees. */
    if (tsc < line->tsc)
        return line->ns - (uint64_t)(((uint128)(line->tsc - tsc) * line->rate) >> 32);
    return line->ns + (uint64_t)(((uint128)(tsc - line->tsc) * line->rate) >> 32);
}

static inline uint64_t clock_ns(const struct live_clock *clock, uint64_t tsc)
{
    for (;;) {
        uint32_t before = __atomic_load_n(&clock->sequence, __ATOMIC_ACQUIRE);
        struct clock_line line = {
            .tsc = __atomic_load_n(&clock->line.tsc, __ATOMIC_RELAXED),
            .ns = __atomic_load_n(&clock->line.ns, __ATOMIC_RELAXED),
            .rate = __atomic_load_n(&clock->line.rate, __ATOMIC_RELAXED),
        };
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if ((before & 1) == 0 && before == __atomic_load_n(&clock->sequence, __ATOMIC_RELAXED))
            return clock_line_ns(&line, tsc);
    }
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_CLOCK_H
#define BEARERTAP_APP_CAPTURE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The time of packets: the time stamp counter by a line that begins at the real time and is drawn to CLOCK_REALTIME
 * again and again. One thread corrects, any number read; what readers need is under a sequence number, so that none of
 * them waits.
 *
 * A look never moves the present, it only changes the rate, by at most CLOCK_SLEW_MAX_PPM: so time does not go back,
 * and does not step. Where the system's clock was set the line goes on as if it had not been, and `correction_ns` is
 * what it is from then on behind the system's clock, or ahead of it.
 */
#define CLOCK_SLEW_MAX_PPM 500

/* Between two looks the system's clock and ours drift apart by less: more of it is a step. The second is for as long as
 * our rate is not measured yet, and for looks that are late: one in so many nanoseconds. */
#define CLOCK_STEP_NS    5000000
#define CLOCK_STEP_SHARE 128

/* How far the counter may be from the rate that it is said to run at: DPDK rounds what it measured to 10 MHz. */
#define CLOCK_RATE_MAX_PPM 5000

__extension__ typedef unsigned __int128 uint128; /* of the compiler, not of C */

/* One moment by all clocks. */
struct clock_moment {
    uint64_t tsc;
    uint64_t real_ns;
    uint64_t monotonic_ns; /* CLOCK_MONOTONIC, which nobody can set: as long a second as CLOCK_REALTIME has, no steps */
};

struct clock_line {
    uint64_t tsc, ns; /* a point of it */
    uint64_t rate;    /* nanoseconds a tick, times 2^32 */
};

struct live_clock {
    uint32_t sequence; /* odd while the line changes */
    struct clock_line line;
    /* The correcting thread's: */
    int64_t correction_ns;      /* all steps of the system's clock */
    int64_t ahead_ns;           /* at the last look: the system's clock without them, less ours */
    uint64_t looked_ns;         /* that look, by CLOCK_MONOTONIC */
    struct clock_moment anchor; /* where the counter's own rate is measured from */
    uint64_t said_rate, rate;   /* that rate, as it was said and as it was measured, in nanoseconds times 2^32 */
};

/* `tsc_hz`: what the counter is said to run at. */
void clock_start(struct live_clock *clock, uint64_t tsc_hz, const struct clock_moment *now);

/* By how much the system's clock was set since the last look, which the correction has now; else 0. To be called some
 * ten times a second. */
int64_t clock_correct(struct live_clock *clock, const struct clock_moment *now);

/* The counter and the system's clocks at one moment, as nearly as can be. */
void clock_sample(struct clock_moment *now);

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

/* SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"

#include <time.h>

#include <rte_cycles.h>

/* A difference is made good in so long a time: so short that it stays small, so long that the jitter of one reading
 * (microseconds, where a hypervisor took the CPU between two of them) moves the rate by a few millionths only. */
#define DRAW_NEAR_NS 2000000000

/* The counter's own rate is believed once it was measured over so long a time: that jitter is a few millionths of it,
 * and less and less. */
#define MEASURE_NS 1000000000ull

static void set_line(struct live_clock *clock, uint64_t tsc, uint64_t ns, uint64_t rate)
{
    uint32_t sequence = clock->sequence;
    __atomic_store_n(&clock->sequence, sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&clock->line.tsc, tsc, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->line.ns, ns, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->line.rate, rate, __ATOMIC_RELAXED);
    __atomic_store_n(&clock->sequence, sequence + 2, __ATOMIC_RELEASE);
}

void clock_start(struct live_clock *clock, uint64_t tsc_hz, const struct clock_moment *now)
{
    clock->correction_ns = clock->ahead_ns = 0;
    clock->looked_ns = now->monotonic_ns;
    clock->anchor = *now;
    clock->said_rate = clock->rate = ((uint64_t)NS_PER_S << 32) / tsc_hz;
    set_line(clock, now->tsc, now->real_ns, clock->rate);
}

/* What the counter ran at since the anchor, where that is long enough ago. */
static void measure_rate(struct live_clock *clock, const struct clock_moment *now)
{
    const struct clock_moment *anchor = &clock->anchor;
    if (now->tsc <= anchor->tsc || now->monotonic_ns < anchor->monotonic_ns + MEASURE_NS)
        return;
    uint128 measured = ((uint128)(now->monotonic_ns - anchor->monotonic_ns) << 32) / (now->tsc - anchor->tsc);
    uint64_t most = clock->said_rate / 1000000 * CLOCK_RATE_MAX_PPM;
    uint64_t least = clock->said_rate - most, greatest = clock->said_rate + most;
    clock->rate = measured < least ? least : measured > greatest ? greatest : (uint64_t)measured;
}

/* Is it more than two clocks drift apart since the last look? */
static bool is_step(const struct live_clock *clock, int64_t change_ns, uint64_t monotonic_ns)
{
    int64_t drift_ns = CLOCK_STEP_NS + (int64_t)((monotonic_ns - clock->looked_ns) / CLOCK_STEP_SHARE);
    return change_ns > drift_ns || change_ns < -drift_ns;
}

int64_t clock_correct(struct live_clock *clock, const struct clock_moment *now)
{
    /* Where a machine was moved its counter may be set back: then time goes on from where it was. */
    uint64_t ours = now->tsc > clock->line.tsc ? clock_line_ns(&clock->line, now->tsc) : clock->line.ns;
    int64_t ahead_ns = (int64_t)(now->real_ns - (uint64_t)clock->correction_ns - ours), step_ns = 0;
    if (is_step(clock, ahead_ns - clock->ahead_ns, now->monotonic_ns)) {
        step_ns = ahead_ns - clock->ahead_ns;
        clock->correction_ns += step_ns;
        ahead_ns = clock->ahead_ns;
        clock->anchor = *now; /* it may have been the counter that stepped */
    }
    clock->ahead_ns = ahead_ns;
    clock->looked_ns = now->monotonic_ns;
    measure_rate(clock, now);
    int64_t ppm_max = CLOCK_SLEW_MAX_PPM, slew = ahead_ns / (DRAW_NEAR_NS / 1000000);
    slew = slew > ppm_max ? ppm_max : slew < -ppm_max ? -ppm_max : slew;
    int64_t rate = (int64_t)clock->rate;
    set_line(clock, now->tsc, ours, (uint64_t)(rate + rate / 1000000 * slew));
    return step_ns;
}

static uint64_t nanoseconds(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

void clock_sample(struct clock_moment *now)
{
    uint64_t narrowest = UINT64_MAX;
    for (unsigned i = 0; i < 5; i++) {
        uint64_t before = rte_rdtsc();
        uint64_t real_ns = nanoseconds(CLOCK_REALTIME), monotonic_ns = nanoseconds(CLOCK_MONOTONIC);
        uint64_t width = rte_rdtsc() - before;
        if (width >= narrowest)
            continue;
        narrowest = width;
        *now = (struct clock_moment){.tsc = before + width / 2, .real_ns = real_ns, .monotonic_ns = monotonic_ns};
    }
}

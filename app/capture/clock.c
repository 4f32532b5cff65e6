/* SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"

#include <time.h>

#include <rte_cycles.h>

/* A difference is made good in so long a time: so short that it stays small, so long that the jitter of one reading
 * (microseconds, where a hypervisor took the CPU between two of them) moves the rate by a few millionths only. */
#define DRAW_NEAR_NS 2000000000

/* The counter's own rate is believed once it was measured over so long a time. */
#define MEASURE_NS 10000000000ull

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

void clock_start(struct live_clock *clock, uint64_t tsc_hz, uint64_t tsc, uint64_t real_ns)
{
    clock->anchor = (struct clock_line){.tsc = tsc, .ns = real_ns, .rate = ((uint64_t)NS_PER_S << 32) / tsc_hz};
    set_line(clock, tsc, real_ns, clock->anchor.rate);
}

/* What the counter ran at since the anchor, where that is long enough ago. */
static void measure_rate(struct live_clock *clock, uint64_t tsc, uint64_t real_ns)
{
    struct clock_line *anchor = &clock->anchor;
    if (tsc <= anchor->tsc || real_ns < anchor->ns + MEASURE_NS)
        return;
    anchor->rate = (uint64_t)(((uint128)(real_ns - anchor->ns) << 32) / (tsc - anchor->tsc));
}

int64_t clock_correct(struct live_clock *clock, uint64_t tsc, uint64_t real_ns)
{
    uint64_t ours = clock_line_ns(&clock->line, tsc);
    int64_t ahead = (int64_t)(real_ns - ours);
    if (ahead > CLOCK_STEP_NS || ahead < -CLOCK_STEP_NS) {
        clock->anchor.tsc = tsc;
        clock->anchor.ns = real_ns;
        set_line(clock, tsc, real_ns, clock->anchor.rate);
        return ahead;
    }
    measure_rate(clock, tsc, real_ns);
    int64_t ppm_max = CLOCK_SLEW_MAX_PPM, slew = ahead * 1000000 / DRAW_NEAR_NS;
    slew = slew > ppm_max ? ppm_max : slew < -ppm_max ? -ppm_max : slew;
    int64_t rate = (int64_t)clock->anchor.rate;
    set_line(clock, tsc, ours, (uint64_t)(rate + rate / 1000000 * slew));
    return 0;
}

void clock_sample(uint64_t *tsc, uint64_t *real_ns)
{
    uint64_t narrowest = UINT64_MAX;
    for (unsigned i = 0; i < 5; i++) {
        struct timespec now;
        uint64_t before = rte_rdtsc();
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t width = rte_rdtsc() - before;
        if (width >= narrowest)
            continue;
        narrowest = width;
        *tsc = before + width / 2;
        *real_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
    }
}

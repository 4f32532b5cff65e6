/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_SAMPLER_H
#define BEARERTAP_APP_BENCH_SAMPLER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <bearertap/stage.h>

/*
 * Over which stages a thread's time is split: a timer interrupts the thread about two thousand times a second, and each
 * time the stage that it is at (stage.h) counts one.
 *
 * What that can't tell. A stage is where the processor's time was spent, not what caused it: memory that one stage asks
 * for ahead is waited for in another, and a packet's bytes that scanning brought into the cache are free to who comes
 * next. Some hundred instructions are under way at any time, and the interrupt falls on the oldest that is not done
 * yet: what is shorter than that is told with its neighbours. Interrupts cost time themselves, so the speed is measured
 * in other turns. Time in which the thread did not run counts once, for where it stood. And with n interrupts a share s
 * is uncertain by the root of s (1 - s) / n: with a thousand, one and a half of a hundred.
 */
struct sampler {
    timer_t timer;
    bool has_timer, had_none;
    volatile sig_atomic_t counting;
    uint64_t samples[STAGES];
};

/* From now on this thread's time counts, until sampler_stop; one thread at a time, and by itself. The timer goes on
 * meanwhile: what is watched may be shorter than its period. Where the system has no timer, nothing is told. */
void sampler_start(struct sampler *sampler);
void sampler_stop(struct sampler *sampler);

/* By any thread, when it is stopped for good. */
void sampler_release(struct sampler *sampler);

/* As people and JSON call it. */
extern const char *const stage_names[STAGES];

#endif

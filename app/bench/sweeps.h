/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_SWEEPS_H
#define BEARERTAP_APP_BENCH_SWEEPS_H

#include <jansson.h>

#include <bearertap/bench.h>

/* How the speed goes with the number of something: a few points each, for the page. Each in a process of its own. */
struct sweep {
    const char *name; /* of what */
    int (*measure)(const struct bench_settings *settings, json_t *result, struct error *error);
};

extern const struct sweep sweeps[];
extern const unsigned sweeps_count;

/* The result has `points`: objects of `count`, and what trial_run_json tells. */

#endif

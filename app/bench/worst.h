/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_WORST_H
#define BEARERTAP_APP_BENCH_WORST_H

#include <jansson.h>

#include <bearertap/bench.h>

#include "lap.h"

/*
 * The worst traffic that one can think of: a row a kind, each measured beside api, in turns. No input may cost a
 * multiple of its size, so none may bring the packet rate below a tenth of api's; where one does, `reason` says why.
 */
struct worst_row {
    const char *name;
    const char *help;
    const char *reason;                                 /* what its time goes into */
    const char *mix;                                    /* of which it is; NULL: api */
    int (*cut)(const struct lap *from, struct lap *to); /* how its packets are cut anew: 0, or -ENOMEM; NULL: not */
};

extern const struct worst_row worst_rows[];
extern const unsigned worst_rows_count;

#define WORST_BOUND 0.1

/* Fills value (its packet rate by api's), runs and noise. */
int worst_measure(const struct worst_row *row, const struct bench_settings *settings, json_t *result,
                  struct error *error);

#endif

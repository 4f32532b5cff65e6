/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_GEN_TRUTH_H
#define BEARERTAP_APP_COMMANDS_GEN_TRUTH_H

#include <stdbool.h>

#include <bearertap/traffic.h>

#include "gen_file.h"

/* The truth file: one JSON object, in which each sighting is a line, so that nothing of it is kept. */

struct gen_truth {
    struct gen_file file;
    uint64_t seed;
    bool any;
};

void gen_truth_begin(struct gen_truth *truth, const struct traffic_options *options, uint64_t size_bytes);
/* A traffic_sighting_function; `context` is the struct gen_truth. */
void gen_truth_sighting(void *context, const struct traffic_sighting *sighting);
void gen_truth_end(struct gen_truth *truth, const struct traffic_totals *totals);

#endif

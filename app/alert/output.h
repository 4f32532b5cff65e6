/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_OUTPUT_H
#define BEARERTAP_APP_ALERT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/error.h>

#include "line.h"
#include "sink.h"

/*
 * Lines to sinks, none lost: through one buffer, written to one sink after the other when it has no room for another
 * line and when told to. Waits for whoever is slow, for a FIFO's reader too. Only whole lines are given to write(2).
 * The first failure is kept: nothing is written after it, to any sink. A descriptor may be a terminal, a file or a
 * pipe, blocking or not; the process is to ignore SIGPIPE. One thread, but for output_status.
 */
struct output;

/* 0, or a negative errno with `error` filled. */
int output_create(const struct alert_options *options, struct output **output, struct error *error);
void output_destroy(struct output *output);

/* Room for the longest line; to be followed by output_commit with what was written there. */
struct line output_begin(struct output *output);
void output_commit(struct output *output, const struct line *line);

void output_flush(struct output *output);

/* Lines that left whole, and lines committed that after a failure never will: of the sink that failed. */
void output_count(const struct output *output, uint64_t *written, uint64_t *lost);

/* 0, or the first failure: -EPIPE when standard output's reader went away, or another negative errno with `error`
 * filled. */
int output_failure(const struct output *output, struct error *error);

/* As alerts_sinks. */
unsigned output_status(const struct output *output, struct sink_status *status, unsigned max);

#endif

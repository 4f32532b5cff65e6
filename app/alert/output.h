/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_OUTPUT_H
#define BEARERTAP_APP_ALERT_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/error.h>

#include "line.h"

/*
 * Lines to a file descriptor through one buffer, written when it has no room for another line and when told to. Only
 * whole lines are given to write(2). The first failure is kept: nothing is written after it. The descriptor may be a
 * terminal, a file or a pipe, blocking or not; the process is to ignore SIGPIPE.
 */
struct output;

struct output *output_create(int fd);
void output_destroy(struct output *output);

/* Room for the longest line; to be followed by output_commit with what was written there. */
struct line output_begin(struct output *output);
void output_commit(struct output *output, const struct line *line);

void output_flush(struct output *output);

/* Lines that left whole, and lines committed that after a failure never will. */
void output_count(const struct output *output, uint64_t *written, uint64_t *lost);

/* 0, or the first failure: -EPIPE, or another negative errno with `error` filled. */
int output_failure(const struct output *output, struct error *error);

#endif

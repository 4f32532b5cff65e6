/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_LIVE_H
#define BEARERTAP_APP_ALERT_LIVE_H

#include <bearertap/alert.h>

#include "line.h"

/*
 * Lines to sinks without ever waiting for one: each has a queue and a thread (sink_writer.h), and what it cannot take
 * is lost, and said in the next line that it can. One thread, the alert side, but for what says otherwise.
 */
struct live;

/* Writes the line into `line`, which is empty; `lost`, where not 0, are those that were lost before it. */
typedef void line_writer(void *context, uint64_t lost, struct line *line);

int live_create(const struct alert_options *options, struct live **live, struct error *error);
void live_destroy(struct live *live);

/* One line for each sink; `write` is called as often as sinks are owed different numbers. */
void live_put(struct live *live, line_writer *write, void *context);

/* Has what was put written. */
void live_flush(struct live *live);

/* As alerts_finish says. */
void live_finish(struct live *live);

/* 0, or -EPIPE when no sink is left. */
int live_failure(const struct live *live);

/* Lines that the sink with the fewest has written, and that the one with the most has lost. */
void live_count(const struct live *live, uint64_t *written, uint64_t *lost);

/* So many more are owed to every sink. Any thread, as the next two. */
void live_note_lost(struct live *live, uint64_t records);
int live_reopen(struct live *live, struct error *error);
unsigned live_status(const struct live *live, struct sink_status *status, unsigned max);

#endif

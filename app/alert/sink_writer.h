/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_SINK_WRITER_H
#define BEARERTAP_APP_ALERT_SINK_WRITER_H

#include <pthread.h>

#include "sink.h"
#include "sink_queue.h"

/*
 * One sink, live: its queue, and the thread that writes what is in it. Whatever happens to the sink, only this thread
 * waits for it, and what there is to say of it, this thread says, since whoever blocks the sink may block the log too.
 *
 * Between the threads: the queue (sink_queue.h), atomics, and under `lock` which file is open, and which one is to take
 * its place.
 */
struct sink_writer {
    struct sink_queue queue;
    const struct sink_kind *kind;
    const char *path;
    pthread_t thread;
    int wake_fd;                  /* an eventfd: what ends every wait of the writer */
    atomic_bool is_idle;          /* it waits for lines, or is about to */
    _Atomic uint64_t deadline_ns; /* not 0: it is to end, then at the latest (CLOCK_MONOTONIC) */
    atomic_bool retry_now;
    atomic_bool is_over;            /* nothing more will be written */
    _Atomic(enum sink_state) state; /* never SINK_LOSING */
    _Atomic uint64_t bytes, retries;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct sink sink;        /* written to by the writer alone, and under the lock */
    struct sink replacement; /* its `fd` -1: there is none */
    bool has_ended;

    /* The writer's alone. */
    uint64_t position; /* so far bytes are written: from the queue's tail on, a line's first part */
    uint64_t retry_at_ns;
    uint64_t said_lost;
    bool said_losing, said_failing, said_moved, tried_last;
};

/* Takes the sink over, open or not yet, and starts the thread. 0, or a negative errno with `error` filled, and the sink
 * is closed. */
int sink_writer_create(const struct sink *sink, struct sink_writer **writer, struct error *error);

/* Ends it: it has until the deadline to write what is queued. A thread that does not come back from the system by then
 * is left alone, with all that is its own. */
void sink_writer_end(struct sink_writer *writer, uint64_t deadline_ns);
void sink_writer_join(struct sink_writer *writer, uint64_t deadline_ns);
void sink_writer_destroy(struct sink_writer *writer);

/* There are lines in the queue; another thing to be looked at now. */
void sink_writer_tell_of_lines(struct sink_writer *writer);
void sink_writer_wake(struct sink_writer *writer);

/* As alerts_reopen, for one. */
int sink_writer_reopen(struct sink_writer *writer, struct error *error);

bool sink_writer_is_gone(const struct sink_writer *writer);
void sink_writer_status(const struct sink_writer *writer, struct sink_status *status);

uint64_t monotonic_ns(void);

#endif

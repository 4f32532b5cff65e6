/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_WORKER_PIPELINE_STATE_H
#define BEARERTAP_APP_WORKER_PIPELINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "worker_state.h"

struct pipeline {
    struct pipeline_options options;
    unsigned threads; /* workers, and the reader where there is one */
    bool has_reader;
    bool polled;
    struct key_table *keys;
    struct scan_databases *databases;
    struct spread *spread;
    struct outboxes outboxes;
    struct alerts *alerts;
    struct alert_counters alert_counters;           /* what all others may see of the alert side's */
    uint64_t lost_noted[SPREAD_WORKERS_MAX];        /* of each worker's outbox */
    struct worker *workers[SPREAD_WORKERS_MAX + 1]; /* the reader last */
    pthread_t source_thread;                        /* the one that may sit in read() */
    atomic_bool source_running;                     /* set after source_thread is (release), read before it (acquire) */
};

/* The alert side (alert_side.c): takes records until all workers are done. As pipeline_run. */
int alert_side_run(struct pipeline *pipeline, struct error *error);

/* Its counters, as others may see them: put there by itself, and read by any thread. */
void alert_side_publish(struct pipeline *pipeline);
void alert_side_collect(const struct pipeline *pipeline, struct alert_counters *counters);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_WORKER_WORKER_STATE_H
#define BEARERTAP_APP_WORKER_WORKER_STATE_H

#include <stdatomic.h>

#include <bearertap/alert.h>
#include <bearertap/http.h>
#include <bearertap/spread.h>
#include <bearertap/stream.h>
#include <bearertap/verdict.h>
#include <bearertap/worker.h>

#include "outbox.h"

/* Everything that one worker touches; nothing in it is another's, but for what is said to be shared. */
struct worker {
    struct pipeline *pipeline; /* whose it is */
    unsigned number;
    bool all_tokens;
    struct capture_source *source; /* NULL: its inbox */
    struct spread *spread;       /* shared */
    struct key_table *keys;      /* shared; NULL: none given */
    struct flow_table *flows;
    struct stream *stream;
    struct http *http;
    struct scan *scan;
    struct verdict_memory *memory;
    struct outbox outbox;
    struct siphash_key hash_key;
    uint64_t now_ns;               /* packet time of the last packet */
    uint64_t told_time_ns;         /* packet time of the last RECORD_TIME */
    bool sighted;                  /* some record was sent */
    unsigned waiting, waiting_max; /* chunks of records that wait for their request's head, and the bound on them */
    struct list waiters;           /* extras with such records */
    bool live_input;               /* a pipe may go quiet any time: what came is passed on at once */
    struct counters counters;
    struct burst burst;
    uint8_t linear[256 * 1024]; /* a payload that lies in several mbufs: no packet is longer than this (capture.h) */
};

/* The loops of the threads; an lcore_function_t each. */
int worker_run(void *worker);
int reader_run(void *worker);

/* Set by pipeline_stop, once. Nothing hangs on the order in which workers see it. */
extern atomic_bool pipeline_stopping;

/* What a worker does about tokens (sightings.c). */
enum scan_judgement worker_judge(void *worker, struct scan_token *token, const uint8_t *text, size_t length);
bool worker_judge_opaque(void *worker, const struct scan_token *token);
void worker_take_token(void *worker, struct scan_token *token);
bool worker_wait_for_chunks(void *worker);
/* Sends the records of a direction that wait for their request's head, with what of it is known now. */
void worker_send_waiting(struct worker *worker, struct flow *flow, unsigned direction);
/* The same where they have waited for long enough by the time of this connection's next packet. */
void worker_send_overdue(struct worker *worker, struct flow *flow, uint64_t now_ns);
/* The same for connections of which no packet comes: a few at a time, by other connections' time. */
void worker_send_forgotten(struct worker *worker);
/* The same where the head ends in these bytes, which were kept but not scanned yet. */
void worker_look_at_waiting(struct worker *worker, const struct stream_run *piece);
void worker_send_flow_end(struct worker *worker, const struct flow *flow);
void worker_send_time(struct worker *worker);

/* A flow leaves its table: what is held of it is inspected, and its captures end. */
void worker_end_flow(void *worker, struct flow *flow);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_WORKER_WORKER_STATE_H
#define BEARERTAP_APP_WORKER_WORKER_STATE_H

#include <stdatomic.h>

#include <bearertap/alert.h>
#include <bearertap/filter.h>
#include <bearertap/http.h>
#include <bearertap/response.h>
#include <bearertap/spread.h>
#include <bearertap/stream.h>
#include <bearertap/verdict.h>
#include <bearertap/worker.h>

#include "outbox.h"

/* What a worker may leave out of what servers send (leave_out.c). */
struct leave_out {
    struct response_policy responses;
    bool any_response;
    struct response_frame *frames; /* by flow; NULL: nobody asks where a response's body is */
};

/* How much a polled worker has to do: counted by its own thread, read by any (relaxed). */
struct worker_load {
    uint64_t bursts, empty_polls;
    uint64_t busy_cycles, cycles; /* of the time stamp counter, since it began to poll */
    uint32_t flows;               /* in its table */
};

/* Everything that one worker touches; nothing in it is another's, but for what is said to be shared. */
struct worker {
    struct pipeline *pipeline; /* whose it is */
    unsigned number;
    unsigned lcore; /* that it runs on; RTE_MAX_LCORE before it does */
    bool all_tokens;
    bool flows_go_on;              /* as the pipeline's options say */
    struct capture_source *source; /* NULL: its inbox */
    struct spread *spread;         /* shared */
    struct key_table *keys;        /* shared; NULL: none given */
    struct flow_table *flows;
    struct stream *stream;
    struct http *http;
    struct scan *scan;
    struct verdict_memory *memory;
    struct outbox outbox;
    struct siphash_key hash_key;
    const struct filter *filter; /* of who receives from outside; NULL: all is inspected */
    struct leave_out leave_out;
    uint64_t now_ns;               /* packet time of the last packet */
    uint64_t told_time_ns;         /* packet time of the last RECORD_TIME */
    bool sighted;                  /* some record was sent */
    unsigned waiting, waiting_max; /* chunks of records that wait for their request's head, and the bound on them */
    struct list waiters;           /* extras with such records */
    bool live_input;               /* a pipe may go quiet any time: what came is passed on at once */
    bool polled;                   /* it waits for nothing (poll.c) */
    struct worker_load load;
    uint64_t polled_last;               /* the time stamp counter at the last poll */
    unsigned polled_count;              /* packets that it gave */
    unsigned idle_polls;                /* since something came */
    const struct capture_source *clock; /* tells the time: its own source, or the only one; NULL unless polled */
    struct counters counters;
    struct burst burst;
    uint8_t linear[256 * 1024]; /* a payload that lies in several mbufs: no packet is longer than this (capture.h) */
};

/*
 * Polling (poll.c): puts what is there into the burst, which may stay empty. False when no more will come, or it is
 * asked to stop. What time it is where no packet says so; for workers that poll.
 */
bool worker_poll(struct worker *worker, struct burst *burst);
uint64_t worker_clock_ns(const struct worker *worker);

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

/*
 * What is left out of responses (leave_out.c). The first two are for worker_create: the memory that is taken for so
 * many flows; and 0, or -1 when there is none. All the others are for workers with leave_out.any_response.
 */
size_t leave_out_bytes(const struct response_policy *policy, uint32_t flows_max);
int leave_out_create(struct leave_out *leave_out, const struct response_policy *policy, uint32_t flows_max);
/* Asks for the frames of the burst's flows. */
void leave_out_prefetch_frames(const struct worker *worker, const struct burst *burst);
/* So many of a payload's bytes are likely to be looked at. */
uint32_t leave_out_prefetch_length(const struct worker *worker, const struct flow *flow, unsigned direction,
                                   uint32_t length);
/* Will no byte of this segment's payload be looked at, by anybody? To be asked right before it is taken. */
bool leave_out_whole_payload(const struct worker *worker, const struct flow *flow, unsigned direction,
                             const struct segment *segment);
/* Scans of a server's bytes what is not to be left out. */
void leave_out_of_response(struct worker *worker, const struct stream_run *run);
/* What a client sends may say that there are no responses. */
void leave_out_note_client(struct worker *worker, const struct stream_run *run);
/* The connection is over. */
void leave_out_forget(struct worker *worker, const struct flow *flow);

/* A flow leaves its table: what is held of it is inspected, and its captures end. */
void worker_end_flow(void *worker, struct flow *flow);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_WORKER_H
#define BEARERTAP_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <bearertap/alert.h>
#include <bearertap/capture.h>
#include <bearertap/counters.h>
#include <bearertap/error.h>
#include <bearertap/filter.h>
#include <bearertap/keys.h>
#include <bearertap/response.h>

/*
 * Workers, and the pipeline around them: packets in, records out, lines written.
 *
 * A worker takes a burst from its source and inspects it to the end (app/worker/worker.c is the page to read). Either
 * each worker has a source of its own, as a queue of a NIC is, or all share one: then a reader takes from it and
 * spreads packets over them. The calling thread is the alert side: it takes records and writes lines until all workers
 * are done.
 *
 * Where the sources are polled (capture.h: they tell the time) nobody waits for anybody: packets that find their
 * worker's ring full and records that find the alert side behind are lost, and counted; and it goes on until
 * pipeline_stop. Else nothing is lost, and whoever has nothing to do sleeps.
 */

struct pipeline_options {
    struct capture_source *const *sources; /* one, or as many as workers; they outlive the pipeline */
    unsigned sources_count;
    bool live_input;             /* a source may go quiet any time: what came is passed on at once */
    const struct key_list *keys; /* NULL: none given */
    const struct filter *filter; /* NULL: all connections are inspected */
    struct response_policy responses;
    unsigned workers;
    uint32_t flows_max;      /* connections that have room, in all workers together; 0: a million */
    unsigned idle_timeout_s; /* of a connection; 0: five minutes */
    uint64_t held_bytes_max; /* for what came ahead of its turn, in all workers together; 0: 256 MiB */
    bool all_tokens;
    bool flows_go_on; /* connections are not over when the sources end: another pipeline_run goes on with them */
    const struct alert_format *format;
    bool color;
    int output_fd;                    /* where lines go unless there are sinks */
    const struct sink_options *sinks; /* NULL: none; they outlive the pipeline */
    unsigned sinks_count;
    const char *observer_name; /* NULL: the host's */
    const char *clock;         /* that stamps packets, for alerts to say; NULL: not known. It outlives the pipeline */
};

struct pipeline_result {
    struct counter_values totals;
    struct capture_files_summary files; /* of pipeline_read */
    struct alert_counters alerts;
    bool law_holds; /* of every worker, and all packets read are among those received */
    bool interrupted;
};

struct pipeline;

/* EAL memory that a pipeline takes, but for its sources, and what it takes outside of that (memory.h): bytes. EAL need
 * not be up. */
size_t pipeline_bytes(const struct pipeline_options *options);
size_t pipeline_bytes_outside(const struct pipeline_options *options);

/* EAL must be up, with an lcore for each worker, one for a reader and the main one; capture_register_fields was called.
 * 0, or a negative errno with `error` filled. */
int pipeline_create(const struct pipeline_options *options, struct pipeline **pipeline, struct error *error);

/*
 * Runs until all sources have ended and all that came of it was written. Alerts that are being folded stay until
 * pipeline_finish, so that it may run again when its sources have more. Returns 0, -EPIPE when the reader of the output
 * went away, or another negative errno with `error` filled.
 */
int pipeline_run(struct pipeline *pipeline, struct error *error);

/* Writes what is left. */
int pipeline_finish(struct pipeline *pipeline, struct error *error);

/* Any time after it was created, by any thread. The law is held to account for what is under way: bytes that are held
 * are so only until its end. */
void pipeline_collect(const struct pipeline *pipeline, struct pipeline_result *result);

/* A thread of it, for who wants to see more than the sum: any time, by any thread. */
struct pipeline_thread {
    bool is_reader; /* it receives for all others, and spreads packets over them */
    unsigned lcore; /* that it runs on; RTE_MAX_LCORE: it doesn't yet */
    struct counter_values values;
    unsigned in_ring;             /* packets that wait in its ring */
    unsigned records;             /* that the alert side has not taken yet */
    uint64_t records_lost;        /* that it was too slow for */
    uint64_t bursts, empty_polls; /* of polled ones */
    double busy;                  /* the share of its time since it began to poll that it had something to do */
    uint32_t flows;               /* connections in its table */
};
unsigned pipeline_threads(const struct pipeline *pipeline);
void pipeline_collect_thread(const struct pipeline *pipeline, unsigned number, struct pipeline_thread *thread);

/* The table that its workers read; NULL: no keys were given. */
struct key_table *pipeline_keys(const struct pipeline *pipeline);

/* So many connections have room. */
uint32_t pipeline_flows_max(const struct pipeline_options *options);

/* The files that alerts go to are opened anew, and how the sinks do (alert.h). Any thread. */
int pipeline_reopen(struct pipeline *pipeline, struct error *error);
unsigned pipeline_sinks(const struct pipeline *pipeline, struct sink_status *status, unsigned max);

/* Gives back what lies outside of EAL's memory, which goes with the process. */
void pipeline_close(struct pipeline *pipeline);

/*
 * All of it for capture files: starts EAL, runs them through a pipeline (whose sources this sets) and ends. Once a
 * process. Returns as pipeline_run does; the result is filled whenever packets were read.
 */
int pipeline_read(const struct pipeline_options *options, const char *const *paths, unsigned paths_count,
                  struct pipeline_result *result, struct error *error);

/* Asks whatever pipeline runs to stop: no more is read, what was read is finished. Async-signal-safe. */
void pipeline_stop(void);

#endif

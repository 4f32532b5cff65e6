/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds the pipeline and runs its threads. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "pipeline_state.h"

/* Sizes of everything that is bounded, for all workers together; memory is touched only as it is used. */
#define FLOWS_MAX              (1u << 20)
#define EXTRAS_MAX             (1u << 20)
#define HELD_BYTES_MAX         (256u << 20)
#define HELD_PER_DIRECTION_MAX (4u << 20)
#define KEPT_CHUNKS_MAX        (1u << 15) /* 128 MiB of request context: as many requests under way, at the least */
#define CAPTURES_MAX           (1u << 16)
#define CHUNKS                 (1u << 13) /* 16 MiB of tokens on their way */
#define FOLDS_MAX              (1u << 14)

/* For the small parts of a worker, its rings, and what EAL's allocator cannot use between them. */
#define WORKER_BESIDE ((size_t)8 << 20)

#define IDLE_TIMEOUT_MS     (300 * 1000)
#define UNPROVEN_TIMEOUT_MS (30 * 1000)
#define CLOSED_TIMEOUT_MS   (10 * 1000)

atomic_bool pipeline_stopping;

/* The one that runs, or ran last. It is there to the end of the process: a signal may come, and ask it to stop, after
 * it has ended. */
static struct pipeline *_Atomic running;

/* Sequentially consistent, as the waiter is: either the alert side sees it before it sleeps, or we see it sleep. */
void pipeline_stop(void)
{
    atomic_store(&pipeline_stopping, true);
    struct pipeline *pipeline = atomic_load(&running);
    if (pipeline != NULL)
        waiter_wake(&pipeline->outboxes.alert_side);
}

uint32_t pipeline_flows_max(const struct pipeline_options *options)
{
    return options->flows_max != 0 ? options->flows_max : FLOWS_MAX;
}

static struct flow_table_options flow_options(const struct pipeline_options *options, struct worker *worker)
{
    uint32_t idle_ms = options->idle_timeout_s != 0 ? options->idle_timeout_s * 1000 : IDLE_TIMEOUT_MS;
    return (struct flow_table_options){
        .flows_max = pipeline_flows_max(options) / options->workers,
        .extras_max = EXTRAS_MAX / options->workers,
        .idle_timeout_ms = idle_ms,
        .unproven_timeout_ms = idle_ms < UNPROVEN_TIMEOUT_MS ? idle_ms : UNPROVEN_TIMEOUT_MS,
        .closed_timeout_ms = idle_ms < CLOSED_TIMEOUT_MS ? idle_ms : CLOSED_TIMEOUT_MS,
        .on_end = worker_end_flow,
        .context = worker,
        .events = worker != NULL ? worker->counters.live.events : NULL,
    };
}

static struct stream_options stream_options_of(const struct pipeline_options *options, struct worker *worker)
{
    uint64_t held_bytes_max = options->held_bytes_max != 0 ? options->held_bytes_max : HELD_BYTES_MAX;
    return (struct stream_options){
        .flows = worker != NULL ? worker->flows : NULL,
        .held_bytes_max = held_bytes_max / options->workers,
        .held_per_direction_max = HELD_PER_DIRECTION_MAX,
        .counters = worker != NULL ? &worker->counters.live : NULL,
    };
}

static struct http_options http_options_of(struct worker *worker, unsigned workers)
{
    return (struct http_options){
        .flows = worker != NULL ? worker->flows : NULL,
        .chunks_max = KEPT_CHUNKS_MAX / workers,
        .events = worker != NULL ? worker->counters.live.events : NULL,
    };
}

size_t pipeline_bytes(const struct pipeline_options *options)
{
    unsigned workers = options->workers;
    size_t bytes = (workers + 1) * (sizeof(struct worker) + WORKER_BESIDE) + spread_bytes(workers) +
                   chunk_pool_bytes(CHUNKS) + (options->keys != NULL ? key_list_table_bytes(options->keys) : 0);
    return bytes + bytes / 16;
}

size_t pipeline_bytes_outside(const struct pipeline_options *options)
{
    unsigned workers = options->workers;
    struct flow_table_options flows = flow_options(options, NULL);
    struct stream_options stream = stream_options_of(options, NULL);
    struct http_options http = http_options_of(NULL, workers);
    return workers * (flow_table_bytes(&flows) + stream_bytes(&stream) + http_bytes(&http) +
                      (size_t)CAPTURES_MAX / workers * SCAN_CAPTURE_BYTES +
                      leave_out_bytes(&options->responses, flows.flows_max));
}

static int worker_create(struct pipeline *pipeline, unsigned number, struct error *error)
{
    unsigned workers = pipeline->options.workers;
    struct worker *worker = rte_zmalloc("worker", sizeof(*worker), 64);
    if (worker == NULL)
        return error_set(error, ENOMEM, "out of memory for worker %u", number);
    pipeline->workers[number] = worker;
    worker->pipeline = pipeline;
    worker->number = number;
    worker->lcore = RTE_MAX_LCORE;
    worker->all_tokens = pipeline->options.all_tokens;
    worker->flows_go_on = pipeline->options.flows_go_on;
    worker->spread = pipeline->spread;
    worker->waiting_max = CHUNKS / 4 / workers;
    int result = siphash_key_random(&worker->hash_key);
    if (result != 0)
        return error_set(error, -result, "no random numbers to be had from the system");
    worker->live_input = pipeline->options.live_input || pipeline->polled;
    worker->polled = pipeline->polled;
    if (!pipeline->has_reader)
        worker->source = pipeline->options.sources[number];
    else if (number == workers)
        worker->source = pipeline->options.sources[0];
    if (pipeline->polled)
        worker->clock = worker->source != NULL ? worker->source : pipeline->options.sources[0];
    if (worker->source != NULL)
        worker->filter = pipeline->options.filter;
    if (number == workers)
        return 0; /* the reader only receives and decodes */

    struct flow_table_options flows = flow_options(&pipeline->options, worker);
    worker->flows = flow_table_create(&flows);
    if (worker->flows != NULL)
        worker->waiters = list_of(&flow_extra_at(worker->flows, 0)->waiting_link, sizeof(struct flow_extra));
    struct stream_options stream = stream_options_of(&pipeline->options, worker);
    struct http_options http = http_options_of(worker, workers);
    worker->stream = worker->flows != NULL ? stream_create(&stream) : NULL;
    worker->http = worker->stream != NULL ? http_create(&http) : NULL;
    worker->memory = verdict_memory_create(pipeline->keys);
    result = outbox_create(&worker->outbox, &pipeline->outboxes, number, pipeline->keys);
    if (leave_out_create(&worker->leave_out, &pipeline->options.responses, flows.flows_max) != 0)
        result = -ENOMEM;
    if (worker->http == NULL || worker->memory == NULL || result != 0)
        return error_set(error, ENOMEM, "out of memory for worker %u", number);
    worker->keys = pipeline->keys;
    struct scan_options scan = {
        .databases = pipeline->databases,
        .flows = worker->flows,
        .http = worker->http,
        .chunks = pipeline->outboxes.chunks,
        .captures_max = CAPTURES_MAX / workers,
        .captures_chunks_max = CHUNKS / 2 / workers,
        .counters = &worker->counters.live,
        .handler = {.judge = worker_judge,
                    .judge_opaque = worker_judge_opaque,
                    .take = worker_take_token,
                    .wait_for_chunks = worker_wait_for_chunks,
                    .context = worker},
    };
    return scan_create(&scan, &worker->scan, error);
}

static int build(struct pipeline *pipeline, struct error *error)
{
    const struct pipeline_options *options = &pipeline->options;
    unsigned workers = options->workers;
    int result = 0;
    if (options->keys != NULL)
        result = key_table_create(options->keys, workers + 1, &pipeline->keys, error);
    if (result == 0)
        result = scan_databases_create(&pipeline->databases, error);
    if (result == 0 && pipeline->has_reader)
        result = spread_create(workers, pipeline->polled, &pipeline->spread, error);
    if (result == 0 && (pipeline->outboxes.chunks = chunk_pool_create("chunks", CHUNKS, error)) == NULL)
        result = -ENOMEM;
    struct alert_options alerts = {
        .format = options->format,
        .color = options->color,
        .all_tokens = options->all_tokens,
        .fd = options->output_fd,
        .sinks = options->sinks,
        .sinks_count = options->sinks_count,
        .live = pipeline->polled,
        .observer_name = options->observer_name,
        .clock = options->clock,
        .keys = pipeline->keys,
        .key_reader = workers,
        .folds_max = FOLDS_MAX,
    };
    if (result == 0)
        result = alerts_create(&alerts, &pipeline->alerts, error);
    for (unsigned i = 0; result == 0 && i < pipeline->threads; i++)
        result = worker_create(pipeline, i, error);
    return result;
}

/* rte_free would write zeros over all that lies in EAL's memory, touched or not (a second of it, for tables that are
 * nearly empty): that goes as a whole with the process, and so does the struct itself, which a signal may still look
 * at.
 */
void pipeline_close(struct pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    for (unsigned i = 0; i < pipeline->options.workers; i++)
        if (pipeline->workers[i] != NULL) {
            scan_close(pipeline->workers[i]->scan);
            verdict_memory_destroy(pipeline->workers[i]->memory);
        }
    if (pipeline->alerts != NULL)
        alerts_destroy(pipeline->alerts);
    scan_databases_destroy(pipeline->databases);
    key_table_leave(pipeline->keys);
}

int pipeline_finish(struct pipeline *pipeline, struct error *error)
{
    int result = alerts_finish(pipeline->alerts, error);
    alert_side_publish(pipeline);
    return result;
}

/* Threads. */

/* The first that has a source: only one thread waits in read(). */
static int source_main(void *argument)
{
    struct worker *worker = argument;
    struct pipeline *pipeline = worker->pipeline;
    pipeline->source_thread = pthread_self();
    atomic_store_explicit(&pipeline->source_running, true, memory_order_release);
    int result = pipeline->has_reader ? reader_run(worker) : worker_run(worker);
    atomic_store_explicit(&pipeline->source_running, false, memory_order_relaxed);
    return result;
}

static void wake_only(int signal)
{
    (void)signal; /* its arrival ends a read() with EINTR */
}

static int launch(struct pipeline *pipeline, struct error *error)
{
    struct sigaction action = {.sa_handler = wake_only};
    sigaction(SIGURG, &action, NULL);
    unsigned lcore = rte_get_next_lcore(-1U, 1, 0), i = 0;
    for (; i < pipeline->threads && lcore < RTE_MAX_LCORE; i++, lcore = rte_get_next_lcore(lcore, 1, 0)) {
        struct worker *worker = pipeline->workers[i];
        if (rte_eal_remote_launch(worker->source == pipeline->options.sources[0] ? source_main : worker_run, worker,
                                  lcore) != 0)
            break;
    }
    if (i == pipeline->threads)
        return 0;
    /* Those that run wait for what the reader, the last one, will never bring, or poll until they are told: they are
     * told, and waited for. */
    if (pipeline->spread != NULL)
        spread_finish(pipeline->spread);
    if (pipeline->polled)
        pipeline_stop();
    rte_eal_mp_wait_lcore();
    return error_set(error, EAGAIN, "cannot start thread %u of %u", i + 1, pipeline->threads);
}

void pipeline_collect(const struct pipeline *pipeline, struct pipeline_result *result)
{
    memset(result, 0, sizeof(*result));
    result->law_holds = true;
    for (unsigned i = 0; i < pipeline->threads; i++) {
        struct counter_values values;
        counters_read(&pipeline->workers[i]->counters, &values);
        result->law_holds = result->law_holds && counters_law_holds(&values);
        counters_add(&result->totals, &values);
    }
    alert_side_collect(pipeline, &result->alerts);
    result->interrupted = atomic_load(&pipeline_stopping);
}

unsigned pipeline_threads(const struct pipeline *pipeline)
{
    return pipeline->threads;
}

void pipeline_collect_thread(const struct pipeline *pipeline, unsigned number, struct pipeline_thread *thread)
{
    const struct worker *worker = pipeline->workers[number];
    memset(thread, 0, sizeof(*thread));
    thread->is_reader = pipeline->has_reader && number == pipeline->options.workers;
    thread->lcore = __atomic_load_n(&worker->lcore, __ATOMIC_RELAXED);
    counters_read(&worker->counters, &thread->values);
    const struct worker_load *load = &worker->load;
    thread->bursts = __atomic_load_n(&load->bursts, __ATOMIC_RELAXED);
    thread->empty_polls = __atomic_load_n(&load->empty_polls, __ATOMIC_RELAXED);
    uint64_t busy = __atomic_load_n(&load->busy_cycles, __ATOMIC_RELAXED);
    uint64_t all = __atomic_load_n(&load->cycles, __ATOMIC_RELAXED);
    thread->flows = __atomic_load_n(&load->flows, __ATOMIC_RELAXED);
    thread->busy = all > 0 ? (double)busy / (double)all : 0;
    if (thread->is_reader)
        return;
    if (pipeline->spread != NULL)
        thread->in_ring = spread_in_ring(pipeline->spread, number);
    thread->records = rte_ring_count(worker->outbox.ring);
    thread->records_lost = __atomic_load_n(&worker->outbox.lost, __ATOMIC_RELAXED);
}

int pipeline_reopen(struct pipeline *pipeline, struct error *error)
{
    return alerts_reopen(pipeline->alerts, error);
}

unsigned pipeline_sinks(const struct pipeline *pipeline, struct sink_status *status, unsigned max)
{
    return alerts_sinks(pipeline->alerts, status, max);
}

struct key_table *pipeline_keys(const struct pipeline *pipeline)
{
    return pipeline->keys;
}

int pipeline_create(const struct pipeline_options *options, struct pipeline **result, struct error *error)
{
    struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
    if (pipeline == NULL)
        return error_set(error, ENOMEM, "out of memory for a pipeline");
    pipeline->options = *options;
    pipeline->has_reader = options->sources_count < options->workers;
    pipeline->threads = options->workers + (pipeline->has_reader ? 1 : 0);
    pipeline->polled = options->sources[0]->now_ns != NULL;
    pipeline->outboxes.polled = pipeline->polled;
    int status = build(pipeline, error);
    if (status != 0) {
        pipeline_close(pipeline);
        free(pipeline); /* it never ran: no signal looks at it */
        return status;
    }
    *result = pipeline;
    return 0;
}

static int run_once(struct pipeline *pipeline, struct error *error)
{
    pipeline->outboxes.workers_done = 0;
    if (pipeline->spread != NULL)
        spread_begin_again(pipeline->spread);
    int status = launch(pipeline, error);
    if (status != 0)
        return status;
    status = alert_side_run(pipeline, error);
    rte_eal_mp_wait_lcore();
    return status;
}

/* A worker asks its own source for another round. One that all share is asked here, when all of them are done. */
int pipeline_run(struct pipeline *pipeline, struct error *error)
{
    struct capture_source *shared = pipeline->has_reader ? pipeline->options.sources[0] : NULL;
    atomic_store(&running, pipeline);
    int status = run_once(pipeline, error);
    while (status == 0 && shared != NULL && shared->again != NULL && shared->again(shared))
        status = run_once(pipeline, error);
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "side.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

enum { THREADS_MAX = 64 };

struct side {
    struct side_options options;
    const int *cpus;
    struct player *players[THREADS_MAX];
    struct crowd *crowd; /* instead of players */
    struct capture_source *sources[THREADS_MAX];
    struct pipeline *pipeline;
    int output_fd;
    struct floor_scan *scans[THREADS_MAX];
    struct floor_payload *payloads[THREADS_MAX]; /* each thread's share */
    uint32_t payload_counts[THREADS_MAX];
    atomic_uint arrived;
    uint32_t laps;
    _Atomic uint64_t ticks; /* the longest of all threads */
    uint64_t laps_played, packets_played, tokens;
};

unsigned side_threads(const struct side_options *options)
{
    return options->threads + (options->one_source ? 1 : 0);
}

size_t side_bytes(const struct side_options *options)
{
    size_t players = options->one_source ? player_bytes(options->threads) : options->threads * player_bytes(0);
    size_t bytes = players + crowd_bytes();
    if (options->kind == SIDE_INSPECT) {
        const struct pipeline_options pipeline = {
            .workers = options->threads,
            .keys = options->keys,
            .flows_max = options->flows_max,
            .responses = options->responses,
        };
        bytes += pipeline_bytes(&pipeline);
    }
    return bytes;
}

static int create_pipeline(struct side *side, struct error *error)
{
    unsigned sources_count = side->options.one_source ? 1 : side->options.threads;
    for (unsigned i = 0; i < sources_count; i++)
        side->sources[i] = side->crowd != NULL ? crowd_source(side->crowd) : player_source(side->players[i]);
    side->output_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const struct pipeline_options options = {
        .sources = side->sources,
        .sources_count = sources_count,
        .workers = side->options.threads,
        .keys = side->options.keys,
        .flows_max = side->options.flows_max,
        .responses = side->options.responses,
        .flows_go_on = side->crowd != NULL,
        .format = alert_format_find("ecs"),
        .output_fd = side->output_fd,
    };
    return pipeline_create(&options, &side->pipeline, error);
}

/* Of one thread: all; of several: whose connection's stream it is, by its number. */
static int create_scans(struct side *side, struct error *error)
{
    const struct lap *lap = side->options.lap;
    unsigned threads = side->options.threads;
    for (unsigned i = 0; i < threads; i++) {
        side->payloads[i] = calloc(lap->payloads_count + 1ull, sizeof(*side->payloads[i]));
        if (side->payloads[i] == NULL)
            return error_set(error, ENOMEM, "out of memory for the scan floor");
        for (uint32_t j = 0; j < lap->payloads_count; j++)
            if (lap->payloads[j].stream % threads == i)
                side->payloads[i][side->payload_counts[i]++] = lap->payloads[j];
        int result =
            floor_scan_create(side->options.databases, lap->streams > 0 ? lap->streams : 1, &side->scans[i], error);
        if (result != 0)
            return result;
    }
    return 0;
}

int side_create(const struct side_options *options, const int *cpus, struct side **result, struct error *error)
{
    struct side *side = calloc(1, sizeof(*side));
    if (side == NULL)
        return error_set(error, ENOMEM, "out of memory");
    side->options = *options;
    side->cpus = cpus;
    side->output_fd = -1;
    int status = 0;
    if (options->kind == SIDE_SCAN)
        status = create_scans(side, error);
    else if (options->copies > 0)
        status = crowd_create(options->lap, options->copies, cpus[0], &side->crowd, error);
    else if (options->one_source)
        status = player_create_with_owners(options->lap, options->threads, &side->players[0], error);
    else
        status = players_create(options->lap, options->threads, cpus, side->players, error);
    if (status == 0 && options->kind == SIDE_INSPECT)
        status = create_pipeline(side, error);
    if (status != 0) {
        side_close(side);
        return status;
    }
    *result = side;
    return 0;
}

void side_close(struct side *side)
{
    if (side == NULL)
        return;
    pipeline_close(side->pipeline);
    crowd_destroy(side->crowd);
    players_destroy(side->players, side->options.one_source ? 1 : side->options.threads);
    for (unsigned i = 0; i < side->options.threads; i++) {
        floor_scan_destroy(side->scans[i]);
        free(side->payloads[i]);
    }
    if (side->output_fd >= 0)
        close(side->output_fd);
    free(side);
}

/* The floors. */

static void pin_to(int cpu)
{
    cpu_set_t cpus;
    if (cpu < 0)
        return;
    CPU_ZERO(&cpus);
    CPU_SET((unsigned)cpu, &cpus);
    pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
}

static void wait_for_all(struct side *side)
{
    atomic_fetch_add(&side->arrived, 1);
    while (atomic_load(&side->arrived) < side->options.threads)
        sched_yield();
}

static int run_scan(void *argument)
{
    struct side *side = argument;
    unsigned thread = (unsigned)rte_lcore_index((int)rte_lcore_id()) - 1;
    pin_to(side->cpus[thread]);
    wait_for_all(side);
    uint64_t ticks = 0, events = 0;
    for (uint32_t lap = 0; lap < side->laps; lap++) {
        floor_scan_begin(side->scans[thread]);
        uint64_t began = rte_rdtsc();
        events += floor_scan_run(side->scans[thread], side->payloads[thread], side->payload_counts[thread]);
        ticks += rte_rdtsc() - began;
    }
    uint64_t most = atomic_load(&side->ticks);
    while (ticks > most && !atomic_compare_exchange_weak(&side->ticks, &most, ticks))
        ;
    return events > 0 ? 0 : 1;
}

static int run_receive(void *argument)
{
    struct side *side = argument;
    struct capture_source *source = player_source(side->players[(unsigned)rte_lcore_index((int)rte_lcore_id()) - 1]);
    uint64_t sum = 0;
    do
        sum += floor_receive(source);
    while (source->again(source));
    return sum > 0 ? 0 : 1;
}

static int run_on_threads(struct side *side, lcore_function_t *function, struct error *error)
{
    unsigned lcore = rte_get_next_lcore(-1U, 1, 0), threads = side_threads(&side->options);
    for (unsigned i = 0; i < threads; i++, lcore = rte_get_next_lcore(lcore, 1, 0))
        if (lcore >= RTE_MAX_LCORE || rte_eal_remote_launch(function, side, lcore) != 0)
            return error_set(error, EAGAIN, "cannot start thread %u of %u", i + 1, threads);
    rte_eal_mp_wait_lcore();
    return 0;
}

/* The real workers. */

static atomic_bool neighbor_stops;

/* What SHA-256 and JSON do to a CPU, roughly: arithmetic, and little memory. */
static void *be_busy(void *argument)
{
    pin_to(*(const int *)argument);
    static uint64_t table[512];
    uint64_t x = 1;
    while (!atomic_load_explicit(&neighbor_stops, memory_order_relaxed))
        for (unsigned i = 0; i < 512; i++) {
            x = (x ^ table[i]) * 0x9e3779b97f4a7c15u;
            table[i] = x ^ (x >> 29);
        }
    return NULL;
}

/* The workers to the CPUs that they have where each has a source of its own, and the thread that spreads packets to
 * them all: whichever way packets come, the same CPUs are kept busy. */
static int place_thread(void *argument)
{
    const struct side *side = argument;
    unsigned thread = (unsigned)rte_lcore_index((int)rte_lcore_id()) - 1, workers = side->options.threads;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (unsigned i = 0; i < workers; i++)
        if (side->cpus[i] >= 0 && (thread == i || thread >= workers))
            CPU_SET((unsigned)side->cpus[i], &cpus);
    if (CPU_COUNT(&cpus) > 0)
        pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
    return 0;
}

static int run_pipeline(struct side *side, struct error *error)
{
    pthread_t neighbor;
    bool busy = false;
    int placed = side->options.one_source ? run_on_threads(side, place_thread, error) : 0;
    if (placed != 0)
        return placed;
    if (side->options.busy_neighbor) {
        atomic_store(&neighbor_stops, false);
        busy = pthread_create(&neighbor, NULL, be_busy, (void *)(uintptr_t)&side->cpus[side->options.threads]) == 0;
    }
    int status = pipeline_run(side->pipeline, error);
    if (busy) {
        atomic_store(&neighbor_stops, true);
        pthread_join(neighbor, NULL);
    }
    return status;
}

struct side_told side_told(const struct side *side)
{
    struct side_told told = {
        .laps = side->crowd != NULL ? 1 : side->laps_played,
        .tokens_a_packet = side->packets_played > 0 ? (double)side->tokens / (double)side->packets_played : 0,
    };
    struct pipeline_result result;
    if (side->options.kind != SIDE_INSPECT)
        return told;
    pipeline_collect(side->pipeline, &result);
    told.sightings = result.alerts.sightings;
    if (!side->options.find_nothing)
        told.expected =
            side->crowd != NULL ? crowd_expected(side->crowd) : side->options.lap->expected * side->laps_played;
    return told;
}

static int check_law(struct side *side, struct error *error)
{
    struct pipeline_result result;
    if (side->options.kind != SIDE_INSPECT)
        return 0;
    pipeline_collect(side->pipeline, &result);
    side->tokens = 0;
    for (unsigned i = 0; i < COUNTERS_PLACEMENTS_MAX; i++)
        side->tokens += result.totals.tokens[i];
    if (result.law_holds)
        return 0;
    return error_set(error, EBADMSG, "the counters do not add up: some packet or byte was lost without a name");
}

int side_turn(struct side *side, uint32_t laps, struct played *played, struct error *error)
{
    int status = 0;
    if (side->options.kind == SIDE_SCAN) {
        side->laps = laps;
        atomic_store(&side->arrived, 0);
        atomic_store(&side->ticks, 0);
        status = run_on_threads(side, run_scan, error);
        *played = (struct played){
            .packets = (uint64_t)side->options.lap->count * laps, .ticks = atomic_load(&side->ticks), .laps = laps};
    } else if (side->crowd != NULL) {
        crowd_begin(side->crowd, (uint64_t)side->options.lap->count * laps);
        status = run_pipeline(side, error);
        *played = crowd_end(side->crowd);
    } else {
        players_begin(side->players, laps);
        status =
            side->options.kind == SIDE_RECEIVE ? run_on_threads(side, run_receive, error) : run_pipeline(side, error);
        *played = players_end(side->players);
    }
    side->laps_played += laps;
    side->packets_played += played->packets;
    return status != 0 ? status : check_law(side, error);
}

static void watch(struct side *side, struct sampler *sampler)
{
    if (side->crowd != NULL)
        crowd_watch(side->crowd, sampler);
    else
        players_watch(side->players, sampler);
}

int side_sample(struct side *side, uint32_t laps, uint64_t samples[STAGES], struct error *error)
{
    struct sampler sampler = {.has_timer = false};
    struct played played;
    watch(side, &sampler);
    int status = side_turn(side, laps, &played, error);
    watch(side, NULL);
    sampler_release(&sampler);
    memcpy(samples, sampler.samples, sizeof(sampler.samples));
    return status;
}

int side_settle(struct side *side, struct error *error)
{
    if (side->crowd == NULL)
        return 0;
    crowd_begin_last(side->crowd);
    uint64_t tokens = side->tokens; /* what is handed out now is no sample of the others */
    int status = run_pipeline(side, error);
    if (status == 0)
        status = check_law(side, error);
    side->tokens = tokens;
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "trial.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include <bearertap/eal.h>

#include "make_lap.h"

/* EAL's own, and what its allocator cannot use between two large pieces. */
#define MEMORY_BESIDE ((size_t)256 << 20)

/* The databases are chosen on so many payloads. */
#define SAMPLE 4000u

/* ---- where it runs ---- */

static int cpus_of_threads[BENCH_WORKERS_MAX + 1];

/* A CPU for each thread, and one for who is next to them; -1 where there are not enough. True where the threads have
 * theirs. The main thread, which writes alerts, keeps away from them. */
static bool choose_cpus(unsigned threads)
{
    cpu_set_t allowed;
    unsigned count = 0;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        CPU_ZERO(&allowed);
    for (unsigned i = 0; i <= BENCH_WORKERS_MAX; i++)
        cpus_of_threads[i] = -1;
    if ((unsigned)CPU_COUNT(&allowed) < threads)
        return false;
    for (int cpu = 0; cpu < CPU_SETSIZE && count <= threads; cpu++)
        if (CPU_ISSET((unsigned)cpu, &allowed)) {
            cpus_of_threads[count] = cpu;
            if (count++ < threads)
                CPU_CLR((unsigned)cpu, &allowed);
        }
    if (CPU_COUNT(&allowed) > 0)
        pthread_setaffinity_np(pthread_self(), sizeof(allowed), &allowed);
    return true;
}

/* ---- how quiet it was ---- */

struct noise {
    double busy_s; /* all CPUs, everybody */
    double own_s, now_s;
    long switches;
};

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static struct noise noise_now(void)
{
    struct noise noise = {0};
    struct rusage usage;
    struct timespec now;
    getrusage(RUSAGE_SELF, &usage);
    clock_gettime(CLOCK_MONOTONIC, &now);
    noise.own_s = seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
    noise.now_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    noise.switches = usage.ru_nivcsw;
    FILE *file = fopen("/proc/stat", "re");
    if (file == NULL)
        return noise;
    /* "cpu", then: user nice system idle iowait irq softirq steal. What another machine stole was busy, too. */
    char line[256] = "";
    if (fgets(line, sizeof(line), file) != NULL) {
        char *at = line + 3;
        for (unsigned i = 0; i < 8; i++) {
            double ticks = (double)strtoull(at, &at, 10);
            noise.busy_s += i == 3 || i == 4 ? 0 : ticks / (double)sysconf(_SC_CLK_TCK);
        }
    }
    fclose(file);
    return noise;
}

static void note_noise(struct trial *trial, const struct noise *before)
{
    struct noise after = noise_now();
    double elapsed = after.now_s - before->now_s;
    if (elapsed <= 0)
        return;
    double others = (after.busy_s - before->busy_s) - (after.own_s - before->own_s);
    trial->other_load = others > 0 ? others / elapsed : 0;
    trial->switches_a_second = (double)(after.switches - before->switches) / elapsed;
}

json_t *trial_noise_json(const struct trial *trial)
{
    double spread = 0;
    for (unsigned i = 0; i < trial->sides_count; i++) {
        double of_side = comparison_spread(&trial->comparison, i);
        spread = of_side > spread ? of_side : spread;
    }
    json_t *noise =
        json_pack("{s:f,s:f,s:b}", "spread", spread, "other_load", trial->other_load, "pinned", trial->pinned);
    /* Who shares a CPU by design loses it to its own company. */
    if (!trial->shares_cpus)
        json_object_set_new(noise, "switches_a_second", json_real(trial->switches_a_second));
    return noise;
}

/* ---- setting it up ---- */

static int make_lap(const struct trial_lap *lap, struct lap **made, struct error *error)
{
    unsigned shares = lap->shares > 0 ? lap->shares : 1;
    if (lap->make != NULL)
        return lap->make(lap, made, error);
    if (lap->capture_path != NULL)
        return lap_of_capture(lap->capture_path, lap->frame_bytes, shares, made, error);
    const struct lap_options options = {.mix = lap->mix,
                                        .flows = lap->flows,
                                        .keys = lap->keys > 0 ? lap->keys : 1,
                                        .payload_bytes = 1448,
                                        .frame_bytes = lap->frame_bytes,
                                        .from_beginning = lap->from_beginning,
                                        .shares = shares};
    return lap_of_traffic(&options, made, error);
}

/* What a capture holds nobody knows: what a plain single pass finds is what is expected of all others. */
static int pass_once(struct lap *lap, struct side_options options, struct error *error)
{
    struct side *side;
    struct played played;
    options.lap = lap;
    int status = side_create(&options, cpus_of_threads, &side, error);
    if (status == 0)
        status = side_turn(side, 1, &played, error);
    if (status == 0)
        lap->expected = side_told(side).sightings;
    return status;
}

static int describe_sides(const struct trial *trial, struct side_options *options, struct error *error)
{
    for (unsigned i = 0; i < trial->sides_count; i++) {
        const struct trial_side *side = &trial->sides[i];
        options[i] = (struct side_options){
            .kind = side->kind,
            .threads = side->threads > 0 ? side->threads : 1,
            .keys = side->keys,
            .one_source = side->one_source,
            .copies = side->copies,
            .responses = side->responses,
            .flows_max = side->flows_max,
            .find_nothing = side->find_nothing,
            .busy_neighbor = side->busy_neighbor,
        };
        if (side->kind != SIDE_INSPECT || side->keys != NULL)
            continue;
        for (unsigned j = 0; j < i && options[i].keys == NULL; j++)
            if (trial->sides[j].borne == side->borne && trial->sides[j].strangers == side->strangers)
                options[i].keys = options[j].keys;
        struct key_list *list = NULL;
        int status = options[i].keys == NULL ? lap_keys(side->borne, side->strangers, &list, error) : 0;
        if (status != 0)
            return status;
        if (list != NULL)
            options[i].keys = list;
    }
    return 0;
}

static int start_eal(struct trial *trial, const struct side_options *options, struct error *error)
{
    size_t memory = MEMORY_BESIDE;
    unsigned threads = 1, cpus = 1;
    for (unsigned i = 0; i < trial->sides_count; i++) {
        bool twice = trial->laps[trial->sides[i].lap].capture_path != NULL; /* for pass_once */
        memory += side_bytes(&options[i]) * (twice ? 2 : 1);
        threads = side_threads(&options[i]) > threads ? side_threads(&options[i]) : threads;
        cpus = options[i].threads > cpus ? options[i].threads : cpus;
        trial->shares_cpus = trial->shares_cpus || options[i].one_source;
    }
    trial->pinned = choose_cpus(cpus);
    int status = eal_start_for_files(memory, threads + 1, error);
    return status != 0 ? status : capture_register_fields(error);
}

/* Of the floors and of what is held against them. */
static int make_databases(struct trial *trial, struct error *error)
{
    bool any_scans = false;
    for (unsigned i = 0; i < trial->sides_count; i++)
        any_scans = any_scans || trial->sides[i].kind == SIDE_SCAN;
    if (!any_scans)
        return 0;
    const struct lap *lap = trial->made[0];
    return floor_databases_create(lap->payloads, lap->payloads_count < SAMPLE ? lap->payloads_count : SAMPLE,
                                  &trial->databases, error);
}

static int set_up(struct trial *trial, struct error *error)
{
    struct side_options options[SIDES_MAX] = {{0}};
    int status = describe_sides(trial, options, error);
    if (status == 0)
        status = start_eal(trial, options, error);
    for (unsigned i = 0; status == 0 && i < trial->laps_count; i++)
        status = make_lap(&trial->laps[i], &trial->made[i], error);
    if (status == 0)
        status = make_databases(trial, error);
    for (unsigned i = 0; status == 0 && i < trial->sides_count; i++) {
        const struct trial_side *side = &trial->sides[i];
        options[i].lap = trial->made[side->lap];
        options[i].databases = trial->databases;
        if (side->kind == SIDE_INSPECT && trial->laps[side->lap].capture_path != NULL)
            status = pass_once(options[i].lap, options[i], error);
        if (status == 0)
            status = side_create(&options[i], cpus_of_threads, &trial->comparison.sides[i], error);
    }
    trial->comparison.sides_count = trial->sides_count;
    return status;
}

/* ---- measuring ---- */

static uint32_t laps_of_turn(const struct trial *trial, unsigned side, double turn_seconds)
{
    double lap_ns = comparison_ns(&trial->comparison, side) * trial->made[trial->sides[side].lap]->count;
    double laps = lap_ns > 0 ? turn_seconds * 1e9 / lap_ns : 1;
    return laps < 1 ? 1 : laps > 1e6 ? 1000000 : (uint32_t)laps;
}

int trial_run(struct trial *trial, const struct bench_settings *settings, struct error *error)
{
    int status = set_up(trial, error);
    if (status != 0)
        return status;
    struct noise before = noise_now();
    status = compare(&trial->comparison, settings->rounds, settings->turn_seconds, error);
    note_noise(trial, &before);
    for (unsigned i = 0; status == 0 && i < trial->sides_count; i++)
        if (trial->sides[i].by_stage)
            status = side_sample(trial->comparison.sides[i], laps_of_turn(trial, i, 2 * settings->turn_seconds),
                                 trial->samples[i], error);
    for (unsigned i = 0; status == 0 && i < trial->sides_count; i++)
        status = side_settle(trial->comparison.sides[i], error);
    return status;
}

/* ---- what came of it ---- */

static json_t *stages_json(const struct trial *trial, unsigned side, double ns)
{
    uint64_t all = 0;
    for (unsigned stage = 0; stage < STAGES; stage++)
        all += trial->samples[side][stage];
    json_t *stages = json_object();
    for (unsigned stage = 0; stage < STAGES; stage++)
        json_object_set_new(stages, stage_names[stage],
                            json_real(all > 0 ? ns * (double)trial->samples[side][stage] / (double)all : 0));
    return stages;
}

/* Of one pass: a whole number wherever each pass brought the same. */
static json_t *a_pass(uint64_t count, uint64_t laps)
{
    if (laps == 0 || count % laps == 0)
        return json_integer((json_int_t)(laps == 0 ? 0 : count / laps));
    return json_real((double)count / (double)laps);
}

/* Preamble, frame check sequence and the gap between frames take the wire, too. */
#define BESIDE_FRAME 24

json_t *trial_run_json(const struct trial *trial, unsigned side)
{
    const struct trial_side *of = &trial->sides[side];
    const struct lap *lap = trial->made[of->lap];
    double ns = comparison_ns(&trial->comparison, side), packets = lap->count > 0 ? lap->count : 1;
    double wire_bytes = (double)lap->frame_bytes / packets + BESIDE_FRAME;
    double payload_bytes = (double)lap->payload_bytes / packets, each = ns > 0 ? 1 / ns : 0; /* packets a ns */
    struct side_told told = side_told(trial->comparison.sides[side]);
    json_t *run =
        json_pack("{s:s,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "name", of->name, "packets", (json_int_t)lap->count,
                  "ns_per_packet", ns, "spread", comparison_spread(&trial->comparison, side), "mpps", each * 1e3,
                  "gbit_per_s", each * wire_bytes * 8, "payload_gbit_per_s", each * payload_bytes * 8,
                  "cycles_per_packet", ns * (double)rte_get_tsc_hz() / 1e9, "ns_per_payload_byte",
                  payload_bytes > 0 ? ns / payload_bytes : 0, "tokens_per_s", told.tokens_a_packet * each * 1e9);
    json_object_set_new(run, "connections",
                        json_integer((json_int_t)lap->connections * (of->copies > 0 ? of->copies : 1)));
    json_object_set_new(run, "passes", json_integer((json_int_t)told.laps));
    json_object_set_new(run, "sightings", a_pass(told.sightings, told.laps));
    json_object_set_new(run, "expected", a_pass(told.expected, told.laps));
    if (of->by_stage)
        json_object_set_new(run, "stages", stages_json(trial, side, ns));
    return run;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "sweeps.h"

#include <sched.h>

#include "crowd.h"
#include "rows.h"
#include "trial.h"

static int run_points(struct trial *trial, const uint32_t *counts, const struct bench_settings *settings,
                      json_t *result, struct error *error)
{
    int status = trial_run(trial, settings, error);
    if (status != 0)
        return status;
    json_t *points = json_array();
    for (unsigned i = 0; i < trial->sides_count; i++) {
        json_t *point = trial_run_json(trial, i);
        uint64_t count = counts[i];
        if (trial->sides[i].copies > 0)
            count = (uint64_t)trial->made[trial->sides[i].lap]->connections * trial->sides[i].copies;
        json_object_set_new(point, "count", json_integer((json_int_t)count));
        json_array_append_new(points, point);
    }
    json_object_set_new(result, "points", points);
    json_object_set_new(result, "noise", trial_noise_json(trial));
    return 0;
}

static struct trial_lap api_lap(const struct bench_settings *settings)
{
    return (struct trial_lap){.mix = traffic_mix_find("api"),
                              .frame_bytes = settings->lap_bytes,
                              .flows = settings->flows,
                              .keys = KEYS_BORNE};
}

static int sweep_keys(const struct bench_settings *settings, json_t *result, struct error *error)
{
    static const uint32_t counts[SIDES_MAX] = {100, 10000, 1000000, 10000000};
    struct trial trial = {.laps_count = 1, .sides_count = 4, .laps = {api_lap(settings)}};
    for (unsigned i = 0; i < trial.sides_count; i++)
        trial.sides[i] = (struct trial_side){
            .name = "keys", .kind = SIDE_INSPECT, .borne = KEYS_BORNE, .strangers = counts[i] - KEYS_BORNE};
    return run_points(&trial, counts, settings, result, error);
}

static int make_crowds_lap(const struct trial_lap *self, struct lap **lap, struct error *error)
{
    return crowd_make_lap(self->flows, self->frame_bytes, lap, error);
}

static int sweep_flows(const struct bench_settings *settings, json_t *result, struct error *error)
{
    static const uint32_t counts[SIDES_MAX], copies[] = {1, 1, 8, 64};
    struct trial trial = {
        .laps_count = 2,
        .sides_count = 4,
        .laps = {{.make = make_crowds_lap, .flows = 2300, .frame_bytes = settings->lap_bytes},
                 {.make = make_crowds_lap, .flows = 72000, .frame_bytes = (size_t)768 << 20}},
    };
    for (unsigned i = 0; i < trial.sides_count; i++)
        trial.sides[i] = (struct trial_side){.name = "connections",
                                             .kind = SIDE_INSPECT,
                                             .lap = i == 0 ? 0 : 1,
                                             .copies = copies[i],
                                             .borne = KEYS_BORNE,
                                             .flows_max = trial.laps[i == 0 ? 0 : 1].flows * copies[i]};
    return run_points(&trial, counts, settings, result, error);
}

/* One worker, and as many as there are CPUs. */
static int sweep_workers(const struct bench_settings *settings, json_t *result, struct error *error)
{
    cpu_set_t cpus;
    uint32_t count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (uint32_t)CPU_COUNT(&cpus) : 1;
    const uint32_t counts[SIDES_MAX] = {1, count < BENCH_WORKERS_MAX ? count : BENCH_WORKERS_MAX};
    struct trial trial = {.laps_count = 1, .sides_count = counts[1] > 1 ? 2 : 1, .laps = {api_lap(settings)}};
    trial.laps[0].shares = counts[1];
    for (unsigned i = 0; i < trial.sides_count; i++)
        trial.sides[i] =
            (struct trial_side){.name = "workers", .kind = SIDE_INSPECT, .threads = counts[i], .borne = KEYS_BORNE};
    return run_points(&trial, counts, settings, result, error);
}

const struct sweep sweeps[] = {
    {"revoked keys", sweep_keys},
    {"live connections", sweep_flows},
    {"workers", sweep_workers},
};

const unsigned sweeps_count = sizeof(sweeps) / sizeof(sweeps[0]);

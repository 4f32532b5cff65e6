/* SPDX-License-Identifier: BSD-3-Clause */
/* One kind of packets against the floors, with data out of cache and in it. */
#include "rows.h"
#include "trial.h"

enum { OUT_OF_CACHE, IN_CACHE, CACHES };

/* What a second-level cache holds beside the tables. */
#define BYTES_IN_CACHE ((size_t)256 << 10)
#define FLOWS_IN_CACHE 64

enum { RECEIVE, SCAN, INSPECT, KINDS };

static void describe_lap(const struct subject *subject, unsigned cache, uint32_t borne, struct trial_lap *lap)
{
    bool in_cache = cache == IN_CACHE;
    *lap = (struct trial_lap){
        .mix = subject->mix,
        .capture_path = subject->capture_path,
        .frame_bytes = in_cache                        ? BYTES_IN_CACHE
                       : subject->capture_path != NULL ? 0
                                                       : subject->settings->lap_bytes,
        .flows = in_cache && subject->settings->flows > FLOWS_IN_CACHE ? FLOWS_IN_CACHE : subject->settings->flows,
        .keys = borne,
        .shares = subject->settings->workers,
    };
}

static json_t *run_json(const struct trial *trial, unsigned cache)
{
    const struct comparison *comparison = &trial->comparison;
    unsigned first = cache * KINDS;
    json_t *run = trial_run_json(trial, first + INSPECT);
    json_object_set_new(run, "receive_ns", json_real(comparison_ns(comparison, first + RECEIVE)));
    json_object_set_new(run, "scan_ns", json_real(comparison_ns(comparison, first + SCAN)));
    json_object_set_new(run, "cache", json_string(cache == IN_CACHE ? "in" : "out"));
    json_object_set_new(run, "floor",
                        json_real(comparison_ratio_by_two(comparison, first + INSPECT, first + RECEIVE, first + SCAN)));
    return run;
}

static json_t *floors_json(const struct trial *trial)
{
    return json_pack("{s:f,s:f,s:s,s:s}", "receive_ns", comparison_ns(&trial->comparison, RECEIVE), "scan_ns",
                     comparison_ns(&trial->comparison, SCAN), "client_database",
                     floor_databases_chosen(trial->databases, false), "server_database",
                     floor_databases_chosen(trial->databases, true));
}

int measure_against_floors(const struct subject *subject, json_t *result, struct error *error)
{
    static const char *const names[] = {"receive", "scan"};
    const struct bench_settings *settings = subject->settings;
    uint32_t borne = settings->keys < KEYS_BORNE ? settings->keys : KEYS_BORNE;
    const char *name = subject->mix != NULL ? subject->mix->name : "capture";
    struct trial trial = {.laps_count = CACHES, .sides_count = CACHES * KINDS};
    for (unsigned cache = 0; cache < CACHES; cache++) {
        describe_lap(subject, cache, borne, &trial.laps[cache]);
        for (unsigned kind = 0; kind < KINDS; kind++)
            trial.sides[cache * KINDS + kind] = (struct trial_side){
                .name = kind == INSPECT ? name : names[kind],
                .kind = kind == RECEIVE ? SIDE_RECEIVE
                        : kind == SCAN  ? SIDE_SCAN
                                        : SIDE_INSPECT,
                .lap = cache,
                .threads = settings->workers,
                .keys = subject->keys,
                .borne = borne,
                .strangers = settings->keys - borne,
                .by_stage = kind == INSPECT,
            };
    }
    int status = trial_run(&trial, settings, error);
    if (status != 0)
        return status;
    json_t *runs = json_pack("[o,o]", run_json(&trial, OUT_OF_CACHE), run_json(&trial, IN_CACHE));
    double worse = 0;
    for (unsigned cache = 0; cache < CACHES; cache++) {
        double ratio = json_number_value(json_object_get(json_array_get(runs, cache), "floor"));
        worse = ratio > worse ? ratio : worse;
    }
    json_object_set_new(result, "value", json_real(worse));
    json_object_set_new(result, "small", json_real(comparison_ratio(&trial.comparison, RECEIVE, INSPECT)));
    json_object_set_new(result, "runs", runs);
    json_object_set_new(result, "floors", floors_json(&trial));
    json_object_set_new(result, "noise", trial_noise_json(&trial));
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of what is to be reached, at the end; before it, how each row is measured. */
#include "rows.h"

#include <stdio.h>

#include <rte_malloc.h>

#include <bearertap/eal.h>
#include <bearertap/flow.h>

#include "make_lap.h"
#include "trial.h"

#define MANY_KEYS 10000000u

static struct trial_lap lap_of(const struct bench_settings *settings, const char *mix)
{
    return (struct trial_lap){
        .mix = traffic_mix_find(mix), .frame_bytes = settings->lap_bytes, .flows = settings->flows, .keys = KEYS_BORNE};
}

/* An entry of `runs` for each side that inspects. */
static void tell(const struct trial *trial, double value, json_t *result)
{
    json_t *runs = json_array();
    for (unsigned i = 0; i < trial->sides_count; i++)
        if (trial->sides[i].kind == SIDE_INSPECT)
            json_array_append_new(runs, trial_run_json(trial, i));
    json_object_set_new(result, "value", json_real(value));
    json_object_set_new(result, "runs", runs);
    json_object_set_new(result, "noise", trial_noise_json(trial));
}

/* Two sides, the second's time by the first's: how much faster the first is. */
static int run_pair(struct trial *trial, const struct bench_settings *settings, json_t *result, struct error *error)
{
    trial->sides_count = 2;
    int status = trial_run(trial, settings, error);
    if (status == 0)
        tell(trial, comparison_ratio(&trial->comparison, 1, 0), result);
    return status;
}

static int measure_floor(const struct bench_settings *settings, json_t *result, struct error *error)
{
    const struct subject subject = {.settings = settings, .mix = traffic_mix_find("api")};
    return measure_against_floors(&subject, result, error);
}

static int measure_small(const struct bench_settings *settings, json_t *result, struct error *error)
{
    struct trial trial = {
        .laps_count = 1,
        .sides_count = 2,
        .laps = {lap_of(settings, "small")},
        .sides = {{.name = "small", .kind = SIDE_INSPECT, .borne = KEYS_BORNE}, {.kind = SIDE_RECEIVE}},
    };
    return run_pair(&trial, settings, result, error);
}

static int measure_bodies_skipped_on(const char *mix, const struct bench_settings *settings, json_t *result,
                                     struct error *error)
{
    struct trial trial = {
        .laps_count = 1,
        .laps = {lap_of(settings, mix)},
        .sides =
            {
                {
                    .name = "responses' bodies left out",
                    .kind = SIDE_INSPECT,
                    .borne = KEYS_BORNE,
                    .responses = {.scan = RESPONSES_TO_DEPTH, .depth = 0},
                },
                {.name = "all bytes scanned", .kind = SIDE_INSPECT, .borne = KEYS_BORNE},
            },
    };
    trial.laps[0].from_beginning = true;
    return run_pair(&trial, settings, result, error);
}

static int measure_bodies_skipped(const struct bench_settings *settings, json_t *result, struct error *error)
{
    return measure_bodies_skipped_on("api", settings, result, error);
}

static int measure_bodies_skipped_bulk(const struct bench_settings *settings, json_t *result, struct error *error)
{
    return measure_bodies_skipped_on("bulk", settings, result, error);
}

/* Both sides are crowds, so that packets come about in the same way. */
static int make_crowds_lap(const struct trial_lap *self, struct lap **lap, struct error *error)
{
    return crowd_make_lap(self->flows, self->frame_bytes, lap, error);
}

static int measure_many_flows(const struct bench_settings *settings, json_t *result, struct error *error)
{
    /* Some end within the lap and are left out of it: so a few more. */
    const uint32_t many = 72000, copies = 64, few = 2300;
    struct trial trial = {
        .laps_count = 2,
        .laps =
            {
                {.make = make_crowds_lap, .flows = many, .frame_bytes = (size_t)768 << 20},
                {.make = make_crowds_lap, .flows = few, .frame_bytes = settings->lap_bytes},
            },
        .sides =
            {
                {
                    .name = "4 million connections",
                    .kind = SIDE_INSPECT,
                    .lap = 0,
                    .copies = copies,
                    .borne = KEYS_BORNE,
                    .flows_max = many * copies,
                },
                {.name = "2,000 connections", .kind = SIDE_INSPECT, .lap = 1, .copies = 1, .borne = KEYS_BORNE},
            },
    };
    return run_pair(&trial, settings, result, error);
}

static int measure_many_keys_on(const char *mix, const struct bench_settings *settings, json_t *result,
                                struct error *error)
{
    struct trial trial = {
        .laps_count = 1,
        .laps = {lap_of(settings, mix)},
        .sides =
            {
                {
                    .name = "10,000,000 keys",
                    .kind = SIDE_INSPECT,
                    .borne = KEYS_BORNE,
                    .strangers = MANY_KEYS - KEYS_BORNE,
                },
                {.name = "100 keys", .kind = SIDE_INSPECT, .borne = KEYS_BORNE},
            },
    };
    return run_pair(&trial, settings, result, error);
}

static int measure_many_keys(const struct bench_settings *settings, json_t *result, struct error *error)
{
    return measure_many_keys_on("api", settings, result, error);
}

static int measure_many_keys_unique(const struct bench_settings *settings, json_t *result, struct error *error)
{
    return measure_many_keys_on("unique", settings, result, error);
}

/* Both sides carry the same tokens; the alert side's CPU has its hands full either way. */
static int measure_storm(const struct bench_settings *settings, json_t *result, struct error *error)
{
    struct trial trial = {
        .laps_count = 1,
        .laps = {lap_of(settings, "storm")},
        .sides =
            {
                {.name = "every token revoked", .kind = SIDE_INSPECT, .borne = KEYS_BORNE},
                {
                    .name = "none revoked",
                    .kind = SIDE_INSPECT,
                    .strangers = KEYS_BORNE,
                    .find_nothing = true,
                    .busy_neighbor = true,
                },
            },
    };
    return run_pair(&trial, settings, result, error);
}

/* Two mixes, compared by what they bring of bytes in frames. */
static int measure_mixes(const char *mix, const char *by, const struct bench_settings *settings, json_t *result,
                         struct error *error)
{
    struct trial trial = {
        .laps_count = 2,
        .sides_count = 2,
        .laps = {lap_of(settings, mix), lap_of(settings, by)},
        .sides = {{.name = mix, .kind = SIDE_INSPECT, .lap = 0, .borne = KEYS_BORNE},
                  {.name = by, .kind = SIDE_INSPECT, .lap = 1, .borne = KEYS_BORNE}},
    };
    int status = trial_run(&trial, settings, error);
    if (status != 0)
        return status;
    const struct lap *const *laps = (const struct lap *const *)trial.made;
    double bytes[2];
    for (unsigned i = 0; i < 2; i++)
        bytes[i] = (double)laps[i]->frame_bytes / laps[i]->count;
    tell(&trial, comparison_ratio(&trial.comparison, 1, 0) * bytes[0] / bytes[1], result);
    return 0;
}

static int measure_unique(const struct bench_settings *settings, json_t *result, struct error *error)
{
    return measure_mixes("unique", "api", settings, result, error);
}

static int measure_disorder(const struct bench_settings *settings, json_t *result, struct error *error)
{
    return measure_mixes("chaos", "api", settings, result, error);
}

static int measure_two_workers(const struct bench_settings *settings, json_t *result, struct error *error)
{
    enum { INSPECT_ONE, INSPECT_TWO, SCAN_ONE, SCAN_TWO, BOTH };
    struct trial trial = {
        .laps_count = 1,
        .sides_count = BOTH,
        .laps = {lap_of(settings, "api")},
        .sides = {[INSPECT_ONE] = {.name = "one worker", .kind = SIDE_INSPECT, .borne = KEYS_BORNE},
                  [INSPECT_TWO] = {.name = "two workers", .kind = SIDE_INSPECT, .threads = 2, .borne = KEYS_BORNE},
                  [SCAN_ONE] = {.kind = SIDE_SCAN},
                  [SCAN_TWO] = {.kind = SIDE_SCAN, .threads = 2}},
    };
    trial.laps[0].shares = 2;
    int status = trial_run(&trial, settings, error);
    if (status != 0)
        return status;
    static const unsigned workers[] = {INSPECT_ONE, INSPECT_TWO}, scans[] = {SCAN_ONE, SCAN_TWO};
    tell(&trial, comparison_ratio_of_ratios(&trial.comparison, workers, scans), result);
    return 0;
}

/* Two workers either way, and two CPUs: what the thread that spreads packets needs of them is taken from the workers.
 * Where others want them as well, three threads are given more of them than two, and the figure is too good. */
static int measure_spread(const struct bench_settings *settings, json_t *result, struct error *error)
{
    struct trial trial = {
        .laps_count = 1,
        .laps = {lap_of(settings, "api")},
        .sides =
            {
                {
                    .name = "one source, spread over two workers",
                    .kind = SIDE_INSPECT,
                    .threads = 2,
                    .one_source = true,
                    .borne = KEYS_BORNE,
                },
                {.name = "two workers, each with a source", .kind = SIDE_INSPECT, .threads = 2, .borne = KEYS_BORNE},
            },
    };
    trial.laps[0].shares = 2;
    return run_pair(&trial, settings, result, error);
}

/* What a table with room for a million takes for each: records and index, and nothing of what only some need. */
static int measure_bytes_per_flow(const struct bench_settings *settings, json_t *result, struct error *error)
{
    (void)settings, (void)error;
    const struct flow_table_options many = {.flows_max = 1u << 20}, few = {.flows_max = 64};
    double bytes = (double)(flow_table_bytes(&many) - flow_table_bytes(&few)) / (many.flows_max - few.flows_max);
    json_object_set_new(result, "value", json_real(bytes));
    return 0;
}

/* How EAL's heap grows by a table, for each of its names. */
static int measure_bytes_per_key(const struct bench_settings *settings, json_t *result, struct error *error)
{
    (void)settings;
    struct key_list *list;
    struct key_table *table;
    struct rte_malloc_socket_stats before, after;
    int status = lap_keys(0, MANY_KEYS, &list, error);
    if (status == 0)
        status = eal_start_for_files(key_list_table_bytes(list) + ((size_t)128 << 20), 1, error);
    if (status != 0)
        return status;
    rte_malloc_get_socket_stats(0, &before);
    status = key_table_create(list, 1, &table, error);
    if (status != 0)
        return status;
    rte_malloc_get_socket_stats(0, &after);
    double bytes = (double)(after.heap_allocsz_bytes - before.heap_allocsz_bytes);
    json_object_set_new(result, "value", json_real(bytes / (double)key_list_names(list)));
    return 0;
}

const struct row rows[] = {
    {"floor", "time a packet / (receive + scan floor), api, the worse of data in cache and out of it", AT_MOST, 1.35,
     measure_floor},
    {"small", "bare ACKs: packet rate / the receive floor's", AT_LEAST, 0.3, measure_small},
    {"bodies_skipped", "responses' bodies left out / all bytes scanned, api from its connections' beginning", AT_LEAST,
     1.5, measure_bodies_skipped},
    {"bodies_skipped_bulk", "the same on bulk", AT_LEAST, 4, measure_bodies_skipped_bulk},
    {"keys_10m", "10 million revoked keys / 100, api", AT_LEAST, 0.98, measure_many_keys},
    {"keys_10m_unique", "the same where every JOSE header is new", AT_LEAST, 0.9, measure_many_keys_unique},
    {"flows_4m", "4 million live connections, packets in random order / 2,000", AT_LEAST, 0.75, measure_many_flows},
    {"storm", "every token revoked / none, the alert side's CPU busy in both", AT_LEAST, 0.7, measure_storm},
    {"unique", "every JOSE header new / api, by bytes", AT_LEAST, 0.6, measure_unique},
    {"disorder", "1 % of segments out of order, 1 % twice (0.1 % lost, too) / api, by bytes", AT_LEAST, 0.9,
     measure_disorder},
    {"two_workers", "two workers / one, over the same of the scan floor's threads", AT_LEAST, 0.95,
     measure_two_workers},
    {"spread",
     "packets of one source, spread by a thread over two workers / two workers with a source each, api, "
     "the same two CPUs",
     NO_TARGET, 0, measure_spread},
    {"bytes_per_flow", "memory of a connection: its record and its part of the index", AT_MOST, 256,
     measure_bytes_per_flow},
    {"bytes_per_key", "memory of a key id in a table of 10 million", AT_MOST, 128, measure_bytes_per_key},
};

const unsigned rows_count = sizeof(rows) / sizeof(rows[0]);

bool row_is_reached(const struct row *row, double value)
{
    switch (row->target_kind) {
    case AT_LEAST:
        return value >= row->target;
    case AT_MOST:
        return value <= row->target;
    default:
        return true;
    }
}

void row_put_target(const struct row *row, char text[ROW_TARGET_TEXT])
{
    if (row->target_kind == NO_TARGET)
        snprintf(text, ROW_TARGET_TEXT, "no target");
    else
        snprintf(text, ROW_TARGET_TEXT, "%s %g", row->target_kind == AT_LEAST ? ">=" : "<=", row->target);
}

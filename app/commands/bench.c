/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include <bearertap/commands.h>
#include <bearertap/eal.h>

#include "../bench/compare.h"
#include "../bench/make_lap.h"
#include "command.h"

static int fail(const struct error *error)
{
    log_error("%s", error->text);
    return EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    const char *mix = argc > 1 ? argv[1] : "api";
    size_t bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 128 << 20;
    uint32_t flows = argc > 3 ? (uint32_t)atoi(argv[3]) : 2000;
    unsigned rounds = argc > 4 ? (unsigned)atoi(argv[4]) : 7;
    struct error error = {""};
    struct key_list *keys;
    struct lap *lap;
    static const int cpus[] = {0, 1};
    if (lap_keys(100, false, &keys, &error) != 0)
        return fail(&error);
    struct side_options options[] = {
        {.kind = SIDE_RECEIVE, .threads = 1},
        {.kind = SIDE_SCAN, .threads = 1},
        {.kind = SIDE_INSPECT, .threads = 1, .keys = keys},
    };
    size_t memory = 256 << 20;
    for (unsigned i = 0; i < 3; i++)
        memory += side_bytes(&options[i]);
    if (eal_start(memory, 3, &error) != 0 || capture_register_fields(&error) != 0)
        return fail(&error);
    struct lap_options lap_options = {.mix = traffic_mix_find(mix),
                                      .flows = flows,
                                      .keys = 100,
                                      .payload_bytes = 1448,
                                      .frame_bytes = bytes,
                                      .shares = 1};
    if (lap_of_traffic(&lap_options, &lap, &error) != 0)
        return fail(&error);
    printf("lap: %u packets, %.1f bytes each, %.1f payload, %u connections, %u joined, expected %lu\n", lap->count,
           (double)lap->frame_bytes / lap->count, (double)lap->payload_bytes / lap->count, lap->connections,
           lap->openings_count / 2, lap->expected);
    struct floor_databases *databases;
    if (floor_databases_create(lap->payloads, lap->payloads_count < 4000 ? lap->payloads_count : 4000, &databases,
                               &error) != 0)
        return fail(&error);
    printf("chosen: client %s server %s\n", floor_databases_chosen(databases, false),
           floor_databases_chosen(databases, true));
    struct comparison comparison = {.sides_count = 3};
    unsigned first = argc > 5 && argv[5][0] ? 2 : 0;
    if (first == 2)
        comparison.sides_count = 1;
    for (unsigned i = first; i < 3; i++) {
        options[i].lap = lap;
        options[i].databases = databases;
        if (side_create(&options[i], cpus, &comparison.sides[i - first], &error) != 0)
            return fail(&error);
    }
    if (compare(&comparison, rounds, argc > 6 ? atof(argv[6]) : 0.3, &error) != 0)
        return fail(&error);
    double ns[3];
    for (unsigned i = 0; i < comparison.sides_count; i++) {
        ns[i] = comparison_ns(&comparison, i);
        printf("side %u: %.1f ns a packet, spread %.1f %%\n", i, ns[i], 100 * comparison_spread(&comparison, i));
    }
    printf("ratio %.3f  Gbit/s %.2f\n", ns[2] / (ns[0] + ns[1]), (double)lap->frame_bytes / lap->count * 8 / ns[2]);
    return 0;
}

const struct command bench_command = {
    .name = "bench",
    .summary = "measures",
    .help = "",
    .run = run,
};

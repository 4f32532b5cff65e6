/* SPDX-License-Identifier: BSD-3-Clause */
#include "against.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "compare.h"
#include "report.h"

enum { SELF, OTHER, BUILDS };

/* A mix's runs, as bench tells them: out of cache, and in it. */
enum { SETTINGS_MAX = 4 };

struct pairs {
    double ns[SETTINGS_MAX][BUILDS][BENCH_ROUNDS_MAX];
    unsigned settings;
    json_t *first; /* of this build: its names */
};

static json_t *run_build(const char *path, const struct bench_settings *settings, const char *mix, struct error *error)
{
    char seconds[32], size[32], flows[16], keys[16], workers[16];
    snprintf(seconds, sizeof(seconds), "%g", settings->turn_seconds);
    snprintf(flows, sizeof(flows), "%u", settings->flows);
    snprintf(keys, sizeof(keys), "%u", settings->keys);
    snprintf(size, sizeof(size), "%zu", settings->lap_bytes);
    snprintf(workers, sizeof(workers), "%u", settings->workers);
    const char *arguments[] = {path,      "bench", "--mix",     mix,  "--json", "--rounds", "1",  "--seconds", seconds,
                               "--flows", flows,   "--revoked", keys, "--size", size,       "-w", workers,     NULL};
    return child_execute(path, arguments, error);
}

static int note(struct pairs *pairs, unsigned build, unsigned round, json_t *told, struct error *error)
{
    json_t *runs = json_object_get(told, "runs"), *run;
    size_t index;
    if (json_array_size(runs) == 0)
        return error_set(error, EPROTO, "one of the two builds measured nothing");
    if (!report_recall(runs))
        return error_set(error, EPROTO, "%s build misses tokens, so its speed is worth nothing",
                         build == SELF ? "this" : "the other");
    json_array_foreach(runs, index, run)
    {
        if (index < SETTINGS_MAX)
            pairs->ns[index][build][round] = number_of(run, "ns_per_packet");
    }
    unsigned settings = json_array_size(runs) < SETTINGS_MAX ? (unsigned)json_array_size(runs) : SETTINGS_MAX;
    if (pairs->settings == 0 || settings < pairs->settings)
        pairs->settings = settings;
    if (build == SELF && pairs->first == NULL)
        pairs->first = json_incref(runs);
    return 0;
}

static json_t *compare_setting(const struct pairs *pairs, unsigned setting, unsigned rounds)
{
    double ratios[BENCH_ROUNDS_MAX], own[BENCH_ROUNDS_MAX], others[BENCH_ROUNDS_MAX];
    for (unsigned i = 0; i < rounds; i++) {
        own[i] = pairs->ns[setting][SELF][i];
        others[i] = pairs->ns[setting][OTHER][i];
        ratios[i] = others[i] > 0 ? own[i] / others[i] : 0;
    }
    double middle = median(ratios, rounds); /* which puts them in order */
    json_t *run = json_array_get(pairs->first, setting), *compared = json_object();
    json_object_set(compared, "name", json_object_get(run, "name"));
    json_object_set(compared, "cache", json_object_get(run, "cache"));
    json_object_set_new(compared, "ratio", json_real(middle));
    json_object_set_new(compared, "least", json_real(ratios[0]));
    json_object_set_new(compared, "most", json_real(ratios[rounds - 1]));
    json_object_set_new(compared, "ns_per_packet", json_real(median(own, rounds)));
    json_object_set_new(compared, "other_ns_per_packet", json_real(median(others, rounds)));
    return compared;
}

json_t *against_measure(const struct bench_options *options, const struct traffic_mix *mix, struct error *error)
{
    struct pairs pairs = {.settings = 0};
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    int status = length < 0 ? error_set(error, errno, "cannot tell where this program is: %s", strerror(errno)) : 0;
    if (status == 0)
        self[length] = '\0';
    const char *const paths[BUILDS] = {[SELF] = self, [OTHER] = options->other_path};
    unsigned rounds = options->settings.rounds;
    for (unsigned turn = 0; status == 0 && turn < rounds * BUILDS; turn++) {
        unsigned round = turn / BUILDS, build = (turn + round) % BUILDS;
        json_t *told = run_build(paths[build], &options->settings, mix->name, error);
        status = told == NULL ? -EIO : note(&pairs, build, round, told, error);
        json_decref(told);
    }
    json_t *result = status == 0 ? json_array() : NULL;
    for (unsigned i = 0; result != NULL && i < pairs.settings; i++)
        json_array_append_new(result, compare_setting(&pairs, i, rounds));
    json_decref(pairs.first);
    return result;
}

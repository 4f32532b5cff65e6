/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_TRIAL_H
#define BEARERTAP_APP_BENCH_TRIAL_H

#include <jansson.h>

#include <bearertap/bench.h>

#include "compare.h"
#include "lap.h"

/*
 * A trial: laps, and sides that go through them in turns, from EAL's start on. One a process (child.h). What is
 * compared with what is written down as data; what comes out is in the comparison, and as JSON.
 */
enum { TRIAL_LAPS_MAX = 2 };

struct trial_lap {
    /* What it is made of: a mix, a capture, or what `make` makes of these. */
    const struct traffic_mix *mix;
    const char *capture_path;
    int (*make)(const struct trial_lap *self, struct lap **lap, struct error *error);
    const void *variant; /* make's own */
    size_t frame_bytes;  /* about so many; of a capture, 0 is all */
    bool from_beginning; /* of connections; else they are under way */
    uint32_t flows;
    uint32_t keys;   /* that the tokens bear */
    unsigned shares; /* 0: one */
};

struct trial_side {
    const char *name;
    enum side_kind kind;
    unsigned lap;
    unsigned threads; /* 0: one */
    /* SIDE_INSPECT's: */
    const struct key_list *keys; /* NULL: so many of those that the tokens bear, and so many others */
    uint32_t borne, strangers;
    bool one_source; /* as side_options says, and the rest */
    uint32_t copies;
    struct response_policy responses;
    uint32_t flows_max;
    bool find_nothing, busy_neighbor;
    bool by_stage; /* its time is split over stages, too */
};

struct trial {
    unsigned laps_count, sides_count;
    struct trial_lap laps[TRIAL_LAPS_MAX];
    struct trial_side sides[SIDES_MAX];
    /* What came of it: */
    struct lap *made[TRIAL_LAPS_MAX];
    struct comparison comparison;
    struct floor_databases *databases; /* NULL where no side scans */
    uint64_t samples[SIDES_MAX][STAGES];
    double other_load;        /* CPUs that others kept busy meanwhile */
    bool shares_cpus;         /* there are threads that take turns on a CPU, as it is meant to be */
    double switches_a_second; /* away from us, against our will */
    bool pinned;              /* the workers, each to a CPU */
};

/* 0, or a negative errno with `error` filled. */
int trial_run(struct trial *trial, const struct bench_settings *settings, struct error *error);

/* A side's figures: an entry of `runs`. */
json_t *trial_run_json(const struct trial *trial, unsigned side);

/* How quiet it was. */
json_t *trial_noise_json(const struct trial *trial);

#endif

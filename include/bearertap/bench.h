/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_BENCH_H
#define BEARERTAP_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <bearertap/keys.h>
#include <bearertap/traffic.h>

/*
 * Measures how fast the real workers are, on packets in memory, against what the memory and the matcher allow on the
 * same packets in the same run (the floors). What is measured is one table, app/bench/rows.c, and each row of it is a
 * process of its own: EAL's memory neither grows nor is given back. So EAL must not be up, and the calling process has
 * one thread.
 */

/* How it is measured. */
struct bench_settings {
    unsigned rounds;     /* of turns; the median counts */
    double turn_seconds; /* what a turn takes, about */
    uint32_t flows;      /* connections alive, out of cache */
    size_t lap_bytes;    /* of packets, out of cache */
    uint32_t keys;       /* revoked */
    unsigned workers;
};

enum { BENCH_ROUNDS_MAX = 31, BENCH_WORKERS_MAX = 64 };

extern const struct bench_settings bench_usual;

/* What is measured: one of these. */
enum bench_subject { BENCH_MIXES, BENCH_ALL, BENCH_CAPTURE, BENCH_WORST, BENCH_AGAINST };

struct bench_options {
    struct bench_settings settings;
    enum bench_subject subject;
    const struct traffic_mix *const *mixes; /* BENCH_MIXES, BENCH_AGAINST */
    unsigned mixes_count;
    const char *const *rows; /* BENCH_ALL: only these; all where there are none */
    unsigned rows_count;
    const char *capture_path;    /* BENCH_CAPTURE */
    const struct key_list *keys; /* BENCH_CAPTURE */
    const char *other_path;      /* BENCH_AGAINST: the other program */
    bool json;                   /* one object on standard output, and no text */
    const char *html_path;       /* NULL: none */
};

/* 0: all was measured, and nothing was missed; -1 otherwise, which was said. A missed target is no failure. */
int bench_run(const struct bench_options *options);

/* Is there a row of this name in the table? */
bool bench_has_row(const char *name);

/* The table's rows, for a person. */
void bench_print_rows(FILE *out);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scanner with everything around it, on byte strings: connections made by hand, and a handler that notes tokens.
 */
#ifndef BEARERTAP_TESTS_UNIT_SCAN_SUPPORT_H
#define BEARERTAP_TESTS_UNIT_SCAN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bearertap/chunk.h>
#include <bearertap/counters.h>
#include <bearertap/flow.h>
#include <bearertap/http.h>
#include <bearertap/scan.h>
#include <bearertap/stream.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define NOTES_MAX     4096
#define NOTE_TEXT_MAX (66 * 1024)

/* A token that the scanner handed over, or judged and passed. */
struct note {
    enum placement placement;
    uint64_t position;
    bool opaque, truncated, from_server;
    uint32_t length;
    char *text; /* the whole token where it was wanted, else its header */
    char path[64], host[64];
};

struct bench {
    struct flow_table *flows;
    struct http *http;
    struct rte_mempool *chunks;
    struct scan_databases *databases;
    struct scan *scan;
    struct counter_values counters;
    bool want; /* what judge answers: SCAN_WANT, else SCAN_PASS */
    unsigned notes_count;
    struct note notes[NOTES_MAX];
    uint16_t next_port;
};

struct bench_sizes {
    unsigned chunks, captures, captures_chunks, kept_chunks, extras;
};

extern const struct bench_sizes bench_usual_sizes;

/* EAL, once a process; a cmocka group setup. */
int bench_start(void **state);

struct bench *bench_create(const struct bench_sizes *sizes);
/* Asserts that every chunk came back. */
void bench_destroy(struct bench *bench);

/* A new connection; with the client known to be endpoint 1 (`sides` 1) or 0 (0), or not known (-1). */
struct flow *bench_flow(struct bench *bench, int sides);

/* Bytes of a direction as the worker gives them to the stages: kept, scanned, shed. */
void bench_run(struct bench *bench, struct flow *flow, unsigned direction, const void *bytes, size_t length,
               uint64_t position, bool turn, bool after_gap);

/* All the bytes, from position 0, cut into runs: at most `most` bytes each; 0: at random. */
void bench_feed(struct bench *bench, struct flow *flow, unsigned direction, const void *bytes, size_t length,
                size_t most, unsigned *seed);

/* The connection ends. */
void bench_end(struct bench *bench, struct flow *flow);

void bench_forget_notes(struct bench *bench);

/* Chunks that are out of the pool. */
unsigned bench_chunks_out(const struct bench *bench);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_BENCH_FLOOR_H
#define BEARERTAP_TESTS_BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include <bearertap/capture.h>
#include <bearertap/error.h>

/*
 * The two floors under bearertap's speed: what no inspector of this kind can be faster than on a machine. They are the
 * reference of every later comparison, so they stand here, apart from the program's own code, use none of its stages,
 * and are not to be tuned when the program is.
 *
 *   receive: takes bursts of mbufs from a source, reads a line of each packet, frees it.
 *   scan:    raw Hyperscan in streaming mode over the payload, a stream and a database a direction, with the fastest
 *            database of those that can be compiled and the payload prefetched two packets ahead.
 */

/* Runs the receive floor to the source's end. Returns a number that depends on every line read. */
uint64_t floor_receive(struct capture_source *source);

/* A packet's payload. */
struct floor_payload {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t stream; /* one a direction of a connection, from 0; the direction's first payload opens it */
    bool from_server;
};

/* Compiled once a process: each pattern set for the host's CPU and for none in particular; the faster one on a sample
 * is kept. `chosen` says which: "host" or "any". Before the program's own scanner is made: its streams have memory that
 * it hands out. */
struct floor_databases;
int floor_databases_create(const struct floor_payload *sample, uint32_t count, struct floor_databases **databases,
                           struct error *error);
const char *floor_databases_chosen(const struct floor_databases *databases, bool server);

/* One a thread. */
struct floor_scan;
int floor_scan_create(const struct floor_databases *databases, uint32_t streams, struct floor_scan **scan,
                      struct error *error);
void floor_scan_destroy(struct floor_scan *scan);

/* Forgets all streams. */
void floor_scan_begin(struct floor_scan *scan);
/* Scans these payloads, in order. Returns how many events there were. */
uint64_t floor_scan_run(struct floor_scan *scan, const struct floor_payload *payloads, uint32_t count);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_CROWD_H
#define BEARERTAP_APP_BENCH_CROWD_H

#include "player.h"

/*
 * A crowd: many more connections than there is memory for their packets. A lap is played as several copies of itself,
 * each with addresses of its own and at its own place of the lap, and each packet is the next one of a copy chosen by
 * chance. A copy that comes to the lap's end begins it again with numbers that go on, so that its connections live for
 * ever and their bytes stay in order. Addresses and numbers are written into the packet's bytes as it is handed out,
 * where a device would have put all of it: that leaves its headers in the cache, as with devices that write there.
 *
 * What the crowd itself does, looking for the next packet and writing its headers, is taken out of the time: a device
 * would do it. The first turn opens all connections, untimed.
 *
 * Its connections do not end with a turn, so the pipeline must be one whose flows go on (worker.h). One worker.
 */
struct crowd;

/* A lap for a crowd: made traffic (api) of so many connections, but for those that begin or end in it. */
int crowd_make_lap(uint32_t flows, size_t frame_bytes, struct lap **lap, struct error *error);

/* `copies` of the lap, at most 65,536. The crowd writes into the lap, so it has it for itself. */
int crowd_create(struct lap *lap, uint32_t copies, int cpu, struct crowd **crowd, struct error *error);
void crowd_destroy(struct crowd *crowd);

struct capture_source *crowd_source(struct crowd *crowd);

/* EAL memory of one. */
size_t crowd_bytes(void);

/* A turn of so many packets. */
void crowd_begin(struct crowd *crowd, uint64_t packets);
struct played crowd_end(const struct crowd *crowd);

/* One more turn, with what of each copy's lap is left of connections that bear a revoked key: then no token is half,
 * and the packets handed out hold as many sightings as crowd_expected says. */
void crowd_begin_last(struct crowd *crowd);
uint64_t crowd_expected(const struct crowd *crowd);

void crowd_watch(struct crowd *crowd, struct sampler *sampler);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_PLAYER_H
#define BEARERTAP_APP_BENCH_PLAYER_H

#include <bearertap/capture.h>

#include "lap.h"
#include "sampler.h"

/*
 * Plays a lap as a driver would hand its packets out: an mbuf from a pool for each, pointed at the packet's bytes, so
 * that freeing it is what it is with a driver. It keeps the time: from the first burst of a lap to when the worker asks
 * for more after the last. What is done between two laps, and the openings played before each, is not counted.
 *
 * The players of several workers play their shares of a lap at once: they begin together, and the lap takes as long as
 * the last of them.
 *
 * A player may have owners: workers over whom the thread that takes from it spreads the packets. Then the time is up to
 * when the last of them has come back.
 */
struct player;

/* EAL memory of one with so many owners; 0: it has none. */
size_t player_bytes(unsigned owners);

/* `shares` players of one lap, player[i] for share i, to be taken from by a thread each, which it pins to cpus[i] (-1:
 * it floats). 0, or a negative errno with `error` filled. */
int players_create(struct lap *lap, unsigned shares, const int *cpus, struct player **players, struct error *error);

/* One player of the whole lap with so many owners; whose thread is pinned where, is not its affair. */
int player_create_with_owners(struct lap *lap, unsigned owners, struct player **player, struct error *error);

/* When nobody takes from them any more. Their pools go with EAL's memory. */
void players_destroy(struct player **players, unsigned shares);

struct capture_source *player_source(struct player *player);

/* So many laps are to be played, from now on; by a thread that none of them runs in. */
void players_begin(struct player *const *players, uint32_t laps);

/* The thread that takes from player 0 is watched while a lap's time runs; NULL: no more. */
void players_watch(struct player *const *players, struct sampler *sampler);

/* What they did since then. */
struct played {
    uint64_t packets, ticks; /* of the time stamp counter */
    uint32_t laps;
};
struct played players_end(struct player *const *players);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_SIDE_H
#define BEARERTAP_APP_BENCH_SIDE_H

#include <bearertap/keys.h>
#include <bearertap/worker.h>

#include "crowd.h"
#include "player.h"

/*
 * One side of a comparison: something that goes through a lap's packets and takes time for it. Sides of one process
 * take turns, so that what happens to the machine happens to all of them.
 */
enum side_kind {
    SIDE_RECEIVE, /* the receive floor */
    SIDE_SCAN,    /* the scan floor */
    SIDE_INSPECT  /* the real workers */
};

struct side_options {
    enum side_kind kind;
    struct lap *lap;                         /* sealed for as many shares as there are threads, or for one thread */
    unsigned threads;                        /* workers, of SIDE_INSPECT */
    const struct floor_databases *databases; /* SIDE_SCAN's */
    /* SIDE_INSPECT's: */
    const struct key_list *keys;
    bool one_source; /* as a NIC's single queue: one more thread takes from it and spreads packets over the workers */
    uint32_t copies; /* not 0: the lap is a crowd's, in so many copies; one thread */
    struct response_policy responses;
    uint32_t flows_max;
    bool find_nothing;  /* no key of the list is expected to be found */
    bool busy_neighbor; /* a thread keeps the alert side's CPU as busy as alerts would */
};

struct side;

/* EAL memory of one, and its threads. */
unsigned side_threads(const struct side_options *options);
size_t side_bytes(const struct side_options *options);

/* By the main thread, EAL up, `cpus` the CPUs that threads are pinned to. 0, or a negative errno with `error` filled.
 */
int side_create(const struct side_options *options, const int *cpus, struct side **side, struct error *error);
void side_close(struct side *side);

/* Goes through the lap so many times. 0, or a negative errno with `error` filled: the laws did not hold (-EBADMSG), or
 * what a pipeline fails for. Whether all was found is for side_told to say. */
int side_turn(struct side *side, uint32_t laps, struct played *played, struct error *error);

/* A turn whose figures are of no use, in which the (first) worker's time is split over stages. */
int side_sample(struct side *side, uint32_t laps, uint64_t samples[STAGES], struct error *error);

/* When no turn is to come: what of a crowd's tokens is half is made whole. */
int side_settle(struct side *side, struct error *error);

/* Of all turns so far. */
struct side_told {
    uint64_t laps;                /* that the next two are of; a crowd has none, and they are of all it did */
    uint64_t sightings, expected; /* the floors find nothing, and should not */
    double tokens_a_packet;
};
struct side_told side_told(const struct side *side);

#endif

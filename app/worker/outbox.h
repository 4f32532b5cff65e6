/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_WORKER_OUTBOX_H
#define BEARERTAP_APP_WORKER_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ring.h>

#include <bearertap/keys.h>
#include <bearertap/record.h>
#include <bearertap/spread.h>
#include <bearertap/waiter.h>

/*
 * The way of records from workers to the alert side: a ring a worker, in order, and what both sides wait on. Lossless:
 * a worker waits where the alert side is behind, since a capture file can wait. While it waits it sleeps, and is
 * offline to the key table: the alert side may be behind for as long as somebody leaves a pipe unread. So whoever calls
 * outbox_send or outbox_wait_for_chunks holds no key entry.
 *
 * In `run` (`polled`) a worker waits for nothing: what finds no room or no chunk is lost and counted, and the alert
 * side looks for itself, so that a worker never needs a system call. But at its end it has nothing else to do, and what
 * ends with it may be more than the ring holds: then it has patience for a while.
 */
#define OUTBOX_RECORDS 1024

#define OUTBOX_PATIENCE 2000 /* naps of 200 us */

struct outbox {
    struct outboxes *all;
    struct rte_ring *ring;
    struct key_table *keys; /* NULL: none given */
    unsigned worker;        /* whose it is, and its number as a reader of the key table */
    bool told;              /* the alert side was woken for all that was sent */
    uint64_t lost;          /* sightings that found the ring full (polled); the worker writes, anybody reads */
    unsigned patience;      /* naps that it may take for want of room; 0 but at its end */
    struct waiter room;     /* its worker sleeps here */
};

struct outboxes {
    struct waiter alert_side;                /* sleeps here without records */
    alignas(64) uint64_t records_out;        /* sent and not yet released */
    alignas(64) uint32_t waiting_for_chunks; /* workers that need a chunk, whoever's record it was in */
    uint32_t workers_done;
    bool polled; /* set before any worker runs */
    struct rte_mempool *chunks;
    unsigned count;
    struct outbox *of_worker[SPREAD_WORKERS_MAX];
};

/* Makes the worker's outbox and enters it among all of them; before any thread runs. */
int outbox_create(struct outbox *outbox, struct outboxes *all, unsigned worker, struct key_table *keys);

/* The alert side sees it once it is told, unless it is awake. False where it was lost, which only polled it may be: its
 * chunks were given back. */
bool outbox_send(struct outbox *outbox, struct chunk *record);

/* A sighting for which there was not even a chunk. */
void outbox_note_lost(struct outbox *outbox);

/* Wakes the alert side where something was sent since it was told. Once a burst: a system call for each record took a
 * tenth of the time of traffic full of sightings. */
void outbox_tell(struct outbox *outbox);

/* A chunk, waiting for one while there are records out whose chunks will come back; NULL when none are. Polled, it
 * never waits. */
struct chunk *outbox_take_chunk(struct outbox *outbox);

/* Waits until chunks may have come back; false when no record is out. What came back before it said so is there for one
 * more chunk_take: only when that fails too are there none to be had. */
bool outbox_wait_for_chunks(struct outbox *outbox);

/* Alert side: chunks of this worker's record were given back. */
void outbox_released(struct outbox *outbox);

#endif

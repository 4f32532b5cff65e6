/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_SPREAD_H
#define BEARERTAP_SPREAD_H

#include <stdbool.h>
#include <stddef.h>

#include <bearertap/error.h>
#include <bearertap/packet.h>
#include <bearertap/waiter.h>

/*
 * Which worker a packet belongs to: both directions of a connection to the same one, by the keyed symmetric hash, over
 * a ring a worker. One thread gives, each worker takes from its own ring; order within a connection is kept.
 *
 * In `read` nothing is lost: the giver waits for room, and both sides sleep when there is nothing to do. In `run`
 * (`polled`) nobody waits: what finds its owner's ring full is lost, and counted; owners use spread_poll, and neither
 * spread_take nor what says who sleeps and who releases is called.
 */
#define SPREAD_WORKERS_MAX 64

struct spread;

/* EAL memory for so many workers, and that taken: 0, or a negative errno with `error` filled. By the thread that starts
 * the others and outlives them. */
size_t spread_bytes(unsigned workers);
int spread_create(unsigned workers, bool polled, struct spread **spread, struct error *error);
void spread_destroy(struct spread *spread);

/*
 * Hands the pending packets of a burst to their owners, waiting for room in their rings; those stay in the burst that
 * ended in an outcome, with their segments, and the burst is closed up around them. `at_once`: wakes owners for the
 * last packet too, rather than when some have gathered. Polled, what finds no room stays as well, as ring_full.
 */
void spread_to_owners(struct spread *spread, struct burst *burst, bool at_once);

/* Wakes whoever has packets waiting; before the giver waits for something itself. */
void spread_wake(struct spread *spread);

/* No more will come; and more will after all, once every owner has been told so. */
void spread_finish(struct spread *spread);
void spread_begin_again(struct spread *spread);

/* Packets for this worker, up to BURST_MAX, waiting for at least one; 0: no more will come. `before_sleep` is called
 * each time before the worker sleeps. */
unsigned spread_take(struct spread *spread, unsigned worker, struct rte_mbuf **mbufs, void (*before_sleep)(void *),
                     void *context);

/* The same without waiting: puts their number into *count, which may be 0. False: no more will come. */
bool spread_poll(struct spread *spread, unsigned worker, struct rte_mbuf **mbufs, unsigned *count);

/* Packets that are in a worker's ring now. Any thread. */
unsigned spread_in_ring(const struct spread *spread, unsigned worker);

/* The giver waits until some owner has released packets (so that buffers come back); not at all when no packet is out.
 */
void spread_wait_for_release(struct spread *spread);
/* An owner has released all packets that it took; it says so before it takes more. */
void spread_released(struct spread *spread, unsigned worker);

#endif

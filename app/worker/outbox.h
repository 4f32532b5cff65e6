/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_WORKER_OUTBOX_H
#define BEARERTAP_APP_WORKER_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ring.h>

#include <bearertap/record.h>
#include <bearertap/waiter.h>

/*
 * The way of records from workers to the alert side: a ring a worker, in order, and what both sides wait on. Lossless:
 * a worker waits where the alert side is behind, since a capture file can wait.
 */
#define OUTBOX_RECORDS 1024

struct outboxes {
    struct waiter alert_side;         /* sleeps here without records */
    alignas(64) uint64_t records_out; /* sent and not yet released */
    alignas(64) uint32_t workers_done;
    struct rte_mempool *chunks;
};

struct outbox {
    struct outboxes *all;
    struct rte_ring *ring;
    struct waiter room; /* its worker sleeps here */
};

void outbox_send(struct outbox *outbox, struct chunk *record);

/* Waits until chunks came back; false when none are out, so that none can. */
bool outbox_wait_for_chunks(struct outbox *outbox);

/* Alert side: chunks of this worker's record were given back. */
void outbox_released(struct outbox *outbox);

#endif

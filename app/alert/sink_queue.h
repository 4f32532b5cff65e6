/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_SINK_QUEUE_H
#define BEARERTAP_APP_ALERT_SINK_QUEUE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Lines on their way to one sink: a ring of SINK_QUEUE_BYTES between the alert side, which never waits, and the sink's
 * writer. Positions count bytes from the start and never wrap. What has no room is lost, and then all is until half of
 * the ring is free: a sink that is a little too slow loses a run of lines now and then, not every other one.
 *
 * The alert side calls offer and takes; the writer peek and release; any thread may read what is atomic.
 */
struct sink_queue {
    char *bytes;

    /* The alert side's. */
    alignas(64) uint64_t owed; /* lost before the next line, which is to say so */
    _Atomic uint64_t head;     /* so far lines are in it */
    _Atomic uint64_t accepted; /* lines */
    _Atomic uint64_t lost;     /* lines */
    atomic_bool was_full;      /* and half of it was not seen free since */

    /* The writer's. */
    alignas(64) _Atomic uint64_t tail; /* so far lines are written, whole ones */
    _Atomic uint64_t written;          /* lines */
};

int sink_queue_create(struct sink_queue *queue);
void sink_queue_destroy(struct sink_queue *queue);

/* Would a line be lost now? Any thread. */
bool sink_queue_is_losing(const struct sink_queue *queue);

/* Is there use in offering a line? */
bool sink_queue_takes(struct sink_queue *queue);

/* One line, with its newline. False: it is lost. */
bool sink_queue_offer(struct sink_queue *queue, const char *line, size_t length);

/* A line that cannot be offered. */
void sink_queue_lose(struct sink_queue *queue);

/* Bytes that lie in one piece from that position, which is not before the tail; 0: there are none. */
size_t sink_queue_peek(const struct sink_queue *queue, uint64_t position, const char **bytes);

/* All before that position is written, and so many lines are. */
void sink_queue_release(struct sink_queue *queue, uint64_t position, uint64_t lines);

#endif

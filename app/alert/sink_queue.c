/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bearertap/alert.h>

_Static_assert((SINK_QUEUE_BYTES & (SINK_QUEUE_BYTES - 1)) == 0, "a position is found in the ring by a mask");

int sink_queue_create(struct sink_queue *queue)
{
    queue->bytes = malloc(SINK_QUEUE_BYTES); /* touched as it is used */
    return queue->bytes != NULL ? 0 : -ENOMEM;
}

void sink_queue_destroy(struct sink_queue *queue)
{
    free(queue->bytes);
    queue->bytes = NULL;
}

/* The tail first: the head that is read then is at least as far. */
static uint64_t used(const struct sink_queue *queue)
{
    uint64_t tail = atomic_load_explicit(&queue->tail, memory_order_acquire);
    return atomic_load_explicit(&queue->head, memory_order_relaxed) - tail;
}

bool sink_queue_is_losing(const struct sink_queue *queue)
{
    return atomic_load_explicit(&queue->was_full, memory_order_acquire) && used(queue) > SINK_QUEUE_BYTES / 2;
}

bool sink_queue_takes(struct sink_queue *queue)
{
    if (!atomic_load_explicit(&queue->was_full, memory_order_relaxed))
        return true;
    if (used(queue) > SINK_QUEUE_BYTES / 2)
        return false;
    atomic_store_explicit(&queue->was_full, false, memory_order_release);
    return true;
}

void sink_queue_lose(struct sink_queue *queue)
{
    queue->owed++;
    atomic_fetch_add_explicit(&queue->lost, 1, memory_order_relaxed);
}

bool sink_queue_offer(struct sink_queue *queue, const char *line, size_t length)
{
    if (length > SINK_QUEUE_BYTES - used(queue)) {
        sink_queue_lose(queue);
        atomic_store_explicit(&queue->was_full, true, memory_order_release);
        return false;
    }
    uint64_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
    size_t at = head & (SINK_QUEUE_BYTES - 1), to_end = SINK_QUEUE_BYTES - at;
    size_t first = length < to_end ? length : to_end;
    memcpy(queue->bytes + at, line, first);
    memcpy(queue->bytes, line + first, length - first);
    queue->owed = 0;
    atomic_fetch_add_explicit(&queue->accepted, 1, memory_order_relaxed);
    atomic_store_explicit(&queue->head, head + length, memory_order_release);
    return true;
}

size_t sink_queue_peek(const struct sink_queue *queue, uint64_t position, const char **bytes)
{
    size_t length = atomic_load_explicit(&queue->head, memory_order_acquire) - position;
    size_t at = position & (SINK_QUEUE_BYTES - 1), to_end = SINK_QUEUE_BYTES - at;
    *bytes = queue->bytes + at;
    return length < to_end ? length : to_end;
}

void sink_queue_release(struct sink_queue *queue, uint64_t position, uint64_t lines)
{
    atomic_fetch_add_explicit(&queue->written, lines, memory_order_release);
    atomic_store_explicit(&queue->tail, position, memory_order_release);
}

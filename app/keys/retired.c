/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was replaced waits here until no reader can hold it (RCU by quiescent states).
 *
 * rte_hash has a queue for removed names of its own, of a fixed size: when it is full, since one reader has not been
 * quiescent for a while, the position of the next name is lost. This one grows, and holds all else that is replaced
 * too. It is looked at with each change, and so nobody waits, and nothing is kept for long.
 */
#include "table.h"

#include <stdlib.h>
#include <time.h>

/* A reader that is on a processor is quiescent within a burst; one that is not should not be waited for by spinning. */
static void wait_for_readers(struct rte_rcu_qsbr *readers)
{
    uint64_t token = rte_rcu_qsbr_start(readers);
    while (rte_rcu_qsbr_check(readers, token, false) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

static void free_position(const struct retired *retired)
{
    edition_free_position(retired->pointer, retired->position);
}

static void free_memory(const struct retired *retired)
{
    free(retired->pointer);
}

static void free_edition(const struct retired *retired)
{
    edition_destroy(retired->pointer);
}

static void (*const free_retired[])(const struct retired *retired) = {
    [RETIRED_POSITION] = free_position,
    [RETIRED_MEMORY] = free_memory,
    [RETIRED_EDITION] = free_edition,
};

static bool make_room(struct retired_queue *queue)
{
    if (queue->count < queue->capacity)
        return true;
    size_t capacity = queue->capacity == 0 ? 64 : 2 * queue->capacity;
    struct retired *ring = malloc(capacity * sizeof(*ring));
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->first + i) & (queue->capacity - 1)];
    free(queue->ring);
    *queue = (struct retired_queue){.ring = ring, .capacity = capacity, .count = queue->count};
    return true;
}

void table_retire(struct key_table *table, enum retired_kind kind, void *pointer, int32_t position)
{
    struct retired_queue *queue = &table->retired;
    struct retired retired = {.kind = kind, .position = position, .pointer = pointer};
    if (!make_room(queue))
        return;
    retired.token = rte_rcu_qsbr_start(table->readers);
    queue->ring[(queue->first + queue->count++) & (queue->capacity - 1)] = retired;
}

static void free_first(struct retired_queue *queue)
{
    const struct retired *retired = &queue->ring[queue->first];
    free_retired[retired->kind](retired);
    queue->first = (queue->first + 1) & (queue->capacity - 1);
    queue->count--;
}

void table_reclaim(struct key_table *table)
{
    struct retired_queue *queue = &table->retired;
    while (queue->count > 0 && rte_rcu_qsbr_check(table->readers, queue->ring[queue->first].token, false) == 1)
        free_first(queue);
    if (queue->count == 0) {
        free(queue->ring);
        *queue = (struct retired_queue){.ring = NULL};
    }
}

void key_table_reclaim(struct key_table *table)
{
    if (table != NULL)
        table_reclaim(table);
}

void retired_reclaim_all(struct retired_queue *queue, struct rte_rcu_qsbr *readers)
{
    wait_for_readers(readers);
    while (queue->count > 0)
        free_first(queue);
    free(queue->ring);
    *queue = (struct retired_queue){.ring = NULL};
}

void retired_forget(struct retired_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        const struct retired *retired = &queue->ring[(queue->first + i) & (queue->capacity - 1)];
        if (retired->kind == RETIRED_MEMORY)
            free_memory(retired);
    }
    free(queue->ring);
    *queue = (struct retired_queue){.ring = NULL};
}

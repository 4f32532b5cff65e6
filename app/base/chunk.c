/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/chunk.h>

#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include <bearertap/handover.h>

_Static_assert(sizeof(struct chunk) == CHUNK_BYTES, "a chunk is what it says");

size_t chunk_pool_bytes(unsigned chunks)
{
    return (size_t)chunks * (CHUNK_BYTES + 128) + (1 << 20);
}

struct rte_mempool *chunk_pool_create(const char *name, unsigned chunks, struct error *error)
{
    static unsigned created; /* names of pools are the process's */
    char unique[RTE_MEMPOOL_NAMESIZE];
    snprintf(unique, sizeof(unique), "%.16s_%u", name, __atomic_fetch_add(&created, 1, __ATOMIC_RELAXED));
    struct rte_mempool *pool = rte_mempool_create_empty(unique, chunks, sizeof(struct chunk), 32, 0, SOCKET_ID_ANY, 0);
    /* A thread that is preempted in DPDK's default ring makes all others spin until it runs again, each in its turn. */
    if (pool != NULL &&
        (rte_mempool_set_ops_byname(pool, "ring_mt_rts", NULL) != 0 || rte_mempool_populate_default(pool) < 0)) {
        rte_mempool_free(pool);
        pool = NULL;
    }
    if (pool == NULL)
        error_set(error, rte_errno, "cannot make a pool of %u chunks (%zu MiB): %s", chunks,
                  chunk_pool_bytes(chunks) >> 20, rte_strerror(rte_errno));
    return pool;
}

struct chunk *chunk_take(struct rte_mempool *pool)
{
    void *object;
    if (rte_mempool_get(pool, &object) != 0)
        return NULL;
    handover_taken(object);
    struct chunk *chunk = object;
    chunk->next = NULL;
    chunk->length = 0;
    return chunk;
}

void chunk_give_back(struct rte_mempool *pool, struct chunk *chain)
{
    while (chain != NULL) {
        struct chunk *next = chain->next;
        memset(chain->data, 0, chain->length);
        chain->next = NULL;
        handover_given(chain);
        rte_mempool_put(pool, chain);
        chain = next;
    }
}

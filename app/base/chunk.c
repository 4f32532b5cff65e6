/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/chunk.h>

#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

_Static_assert(sizeof(struct chunk) == CHUNK_BYTES, "a chunk is what it says");

size_t chunk_pool_bytes(unsigned chunks)
{
    return (size_t)chunks * (CHUNK_BYTES + 128) + (1 << 20);
}

struct rte_mempool *chunk_pool_create(const char *name, unsigned chunks, struct error *error)
{
    struct rte_mempool *pool =
        rte_mempool_create(name, chunks, sizeof(struct chunk), 32, 0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
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
        rte_mempool_put(pool, chain);
        chain = next;
    }
}

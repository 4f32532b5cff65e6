/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_CHUNK_H
#define BEARERTAP_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include <bearertap/error.h>

/*
 * A bounded pool of chunks, in which tokens and records travel from workers to the alert side.
 *
 * An rte_mempool underneath: any thread takes and gives back, without a lock, nothing allocated after creation. Chunks
 * are zeroed when they are given back, since they hold tokens.
 */
#define CHUNK_BYTES    2048
#define CHUNK_DATA_MAX (CHUNK_BYTES - 16)

struct chunk {
    struct chunk *next;
    uint32_t length; /* bytes used in data */
    uint32_t reserved;
    uint8_t data[CHUNK_DATA_MAX];
};

struct rte_mempool;

/* EAL memory for so many chunks, and that taken: NULL with `error` filled when there is none. */
size_t chunk_pool_bytes(unsigned chunks);
struct rte_mempool *chunk_pool_create(const char *name, unsigned chunks, struct error *error);

/* A chunk with no next and no length, or NULL when the pool is empty. */
struct chunk *chunk_take(struct rte_mempool *pool);

/* Zeroes and gives back a whole chain; NULL is allowed. */
void chunk_give_back(struct rte_mempool *pool, struct chunk *chain);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_STREAM_HELD_H
#define BEARERTAP_APP_STREAM_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The bounded pool of held data, and the tree of runs in it that a direction has.
 *
 * A run is up to HELD_RUN_MAX consecutive bytes in a chain of small chunks; the runs of a direction never overlap and
 * are the nodes of a treap ordered by sequence number, so that inserting is logarithmic whatever order a sender chooses
 * (its priorities are random). A lone byte takes a node and a chunk, 96 bytes; bytes in a row share chunks. That a run
 * is bounded bounds the walk to any place in it.
 */
#define HELD_CHUNK_DATA 60
#define HELD_RUN_MAX    2048

struct held_run {
    uint32_t left, right; /* index + 1 */
    uint32_t priority;
    uint32_t sequence;
    uint32_t first_chunk, last_chunk; /* index + 1 */
    uint16_t length;
    uint16_t last_used; /* bytes used of the last chunk */
};

struct held_chunk {
    uint32_t next; /* index + 1 */
    uint8_t data[HELD_CHUNK_DATA];
};

struct held_pool {
    struct held_run *runs;
    struct held_chunk *chunks;
    uint32_t runs_max, runs_used, free_run;
    uint32_t chunks_max, chunks_used, free_chunk;
    uint32_t runs_taken, chunks_taken;
    uint64_t random;
};

size_t held_pool_bytes(size_t bytes_max);
bool held_pool_create(struct held_pool *pool, size_t bytes_max);
void held_pool_destroy(struct held_pool *pool);

/* Is there room for `length` bytes of a direction that holds `held_memory` already, cut up by that in the worst way? */
bool held_pool_has_room(const struct held_pool *pool, uint32_t length, uint32_t held_memory);

/* What an insertion came to. */
struct held_result {
    uint32_t placed;    /* bytes copied */
    uint32_t duplicate; /* bytes that were there already */
    uint32_t refused;   /* bytes for which there was no room */
    uint32_t memory;    /* bytes of pool taken */
    bool conflict;      /* some duplicate byte differed from the copy held */
};

struct held_result held_insert(struct held_pool *pool, uint32_t *root, uint32_t sequence, const uint8_t *bytes,
                               uint32_t length);

/* The run with the lowest sequence number; the tree is not empty. */
const struct held_run *held_lowest(const struct held_pool *pool, uint32_t root);

/* Takes the lowest run out, copies its bytes to `out` (HELD_RUN_MAX of room) and returns their number; adds the pool
 * memory given back to `*memory`. */
uint32_t held_take_lowest(struct held_pool *pool, uint32_t *root, uint8_t *out, uint32_t *memory);

/* Signed distance from b to a on the circle of sequence numbers (RFC 9293 section 3.4). */
static inline int32_t sequence_distance(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

#endif

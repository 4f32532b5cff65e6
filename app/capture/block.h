/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_BLOCK_H
#define BEARERTAP_APP_CAPTURE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

/*
 * The blocks that a file's bytes are read into, from a bounded pool.
 *
 * A block is lent out packet by packet: each mbuf on it holds a reference. Its count starts at a bias that no number of
 * mbufs reaches, and what was not lent is taken off once, when the reader is done with the block: so the reading side
 * does no atomic operation a packet, and the block can't come back while it is still being filled.
 *
 * One thread takes blocks and lends of them; any thread gives back.
 */

/* Holds the longest packet and what precedes it, with as much again so that little is carried over; a few of them fit
 * a second-level cache. */
#define BLOCK_BYTES (512u * 1024)
#define BLOCK_BIAS  UINT16_MAX

struct block_pool;

struct block {
    struct rte_mbuf_ext_shared_info shared; /* what the mbufs refer to */
    uint8_t *bytes;                         /* BLOCK_BYTES of them */
    unsigned lent;                          /* mbufs attached since the block was taken; the reader's */
    struct block_pool *pool;
    struct block *next_free;
} __rte_cache_aligned;

/* NULL where memory is short. All blocks must be back before the pool is destroyed. */
struct block_pool *block_pool_create(unsigned blocks);
void block_pool_destroy(struct block_pool *pool);

/* The block that came back last, whose bytes are likeliest still in cache; NULL where none is free. */
struct block *block_take(struct block_pool *pool);

/* The reader is done with it; it goes back now or with its last mbuf. */
void block_release(struct block *block);

/* As rte_pktmbuf_attach_extbuf, without its checks: `mbuf` comes fresh from its pool, and holds `length` bytes. */
static inline void block_lend(struct block *block, struct rte_mbuf *mbuf, uint8_t *bytes, uint16_t length)
{
    mbuf->buf_addr = bytes;
    rte_mbuf_iova_set(mbuf, RTE_BAD_IOVA);
    mbuf->buf_len = length;
    mbuf->data_len = length;
    mbuf->data_off = 0;
    mbuf->ol_flags = RTE_MBUF_F_EXTERNAL;
    mbuf->shinfo = &block->shared;
    block->lent++;
}

/* Is what this mbuf data is on a block of some pool of ours? */
bool block_is_ours(const struct rte_mbuf_ext_shared_info *shared);

/* Gives `references` of a block back at once. */
void block_give_back(struct rte_mbuf_ext_shared_info *shared, uint16_t references);

#endif

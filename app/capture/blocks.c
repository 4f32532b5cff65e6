/* SPDX-License-Identifier: BSD-3-Clause */
#include "block.h"

#include <assert.h>

#include <rte_malloc.h>

/* At least 12 bytes of a block precede each packet (a Simple Packet Block of none), and it takes an mbuf more only for
 * 65,535 bytes more: the count can't overflow. */
_Static_assert(BLOCK_BYTES / 12 + BLOCK_BYTES / UINT16_MAX + 1 < BLOCK_BIAS, "the bias is never lent out");

/* Free blocks are a stack. Many push but only one thread pops, so a block that pop looks at can't leave the stack and
 * return to it meanwhile, and a plain compare-and-swap is enough. */
struct block_pool {
    struct block *free;
    unsigned blocks;
    struct block block[];
};

static void push(struct block_pool *pool, struct block *block)
{
    struct block *head = __atomic_load_n(&pool->free, __ATOMIC_RELAXED);
    do
        block->next_free = head;
    while (!__atomic_compare_exchange_n(&pool->free, &head, block, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

static struct block *pop(struct block_pool *pool)
{
    struct block *head = __atomic_load_n(&pool->free, __ATOMIC_ACQUIRE);
    while (head != NULL &&
           !__atomic_compare_exchange_n(&pool->free, &head, head->next_free, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
        ;
    return head;
}

/* Called with the last mbuf of a block, by whichever thread frees it. */
static void return_block(void *address, void *block)
{
    (void)address;
    push(((struct block *)block)->pool, block);
}

struct block_pool *block_pool_create(unsigned blocks)
{
    size_t bytes = sizeof(struct block_pool) + blocks * sizeof(struct block);
    struct block_pool *pool = rte_zmalloc("capture blocks", bytes, RTE_CACHE_LINE_SIZE);
    if (pool == NULL)
        return NULL;
    for (unsigned i = 0; i < blocks; i++) {
        struct block *block = &pool->block[i];
        block->bytes = rte_malloc("capture block", BLOCK_BYTES, RTE_CACHE_LINE_SIZE);
        if (block->bytes == NULL) {
            block_pool_destroy(pool);
            return NULL;
        }
        pool->blocks++;
        block->shared.free_cb = return_block;
        block->shared.fcb_opaque = block;
        block->pool = pool;
        push(pool, block);
    }
    return pool;
}

void block_pool_destroy(struct block_pool *pool)
{
    if (pool == NULL)
        return;
    unsigned back = 0;
    while (pop(pool) != NULL)
        back++;
    assert(back == pool->blocks); /* or an mbuf would outlive its bytes */
    (void)back;
    for (unsigned i = 0; i < pool->blocks; i++)
        rte_free(pool->block[i].bytes);
    rte_free(pool);
}

struct block *block_take(struct block_pool *pool)
{
    struct block *block = pop(pool);
    if (block != NULL) {
        block->lent = 0;
        rte_mbuf_ext_refcnt_set(&block->shared, BLOCK_BIAS);
    }
    return block;
}

void block_release(struct block *block)
{
    block_give_back(&block->shared, (uint16_t)(BLOCK_BIAS - block->lent));
}

bool block_is_ours(const struct rte_mbuf_ext_shared_info *shared)
{
    return shared->free_cb == return_block;
}

void block_give_back(struct rte_mbuf_ext_shared_info *shared, uint16_t references)
{
    if (__atomic_sub_fetch(&shared->refcnt, references, __ATOMIC_ACQ_REL) == 0)
        shared->free_cb(NULL, shared->fcb_opaque);
}

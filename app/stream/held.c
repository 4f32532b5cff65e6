/* SPDX-License-Identifier: BSD-3-Clause */
#include "held.h"

#include <string.h>

#include <bearertap/memory.h>
#include <rte_random.h>

/* A quarter of the memory for nodes leaves two chunks a node; a run of one byte takes one of each. */
static uint32_t runs_of(size_t bytes_max)
{
    return (uint32_t)(bytes_max / (sizeof(struct held_run) + 2 * sizeof(struct held_chunk)));
}

size_t held_pool_bytes(size_t bytes_max)
{
    return (size_t)runs_of(bytes_max) * (sizeof(struct held_run) + 2 * sizeof(struct held_chunk)) + 4096;
}

bool held_pool_create(struct held_pool *pool, size_t bytes_max)
{
    memset(pool, 0, sizeof(*pool));
    pool->runs_max = runs_of(bytes_max);
    pool->chunks_max = pool->runs_max * 2;
    pool->runs = memory_take((size_t)pool->runs_max * sizeof(struct held_run));
    pool->chunks = memory_take((size_t)pool->chunks_max * sizeof(struct held_chunk));
    pool->random = rte_rand() | 1;
    return pool->runs != NULL && pool->chunks != NULL;
}

void held_pool_destroy(struct held_pool *pool)
{
    memory_give_back(pool->chunks, (size_t)pool->chunks_max * sizeof(struct held_chunk));
    memory_give_back(pool->runs, (size_t)pool->runs_max * sizeof(struct held_run));
}

bool held_pool_has_room(const struct held_pool *pool, uint32_t length, uint32_t held_memory)
{
    /* Held runs cut it into one piece more than there are of them, with at least a byte between each two. */
    uint32_t by_runs = held_memory / (uint32_t)(sizeof(struct held_run) + sizeof(struct held_chunk)) + 1;
    uint32_t by_bytes = length / 2 + 1;
    uint32_t pieces = (by_runs < by_bytes ? by_runs : by_bytes) + length / HELD_RUN_MAX;
    return pool->runs_max - pool->runs_taken >= pieces &&
           pool->chunks_max - pool->chunks_taken >= pieces + length / HELD_CHUNK_DATA;
}

static uint32_t random_priority(struct held_pool *pool)
{
    pool->random ^= pool->random << 13;
    pool->random ^= pool->random >> 7;
    pool->random ^= pool->random << 17;
    return (uint32_t)(pool->random >> 32);
}

static struct held_run *run_at(const struct held_pool *pool, uint32_t link)
{
    return &pool->runs[link - 1];
}

static uint32_t run_new(struct held_pool *pool)
{
    uint32_t link = pool->free_run;
    if (link != 0)
        pool->free_run = run_at(pool, link)->left;
    else if (pool->runs_used < pool->runs_max)
        link = ++pool->runs_used;
    else
        return 0;
    pool->runs_taken++;
    return link;
}

static uint32_t chunk_new(struct held_pool *pool)
{
    uint32_t link = pool->free_chunk;
    if (link != 0)
        pool->free_chunk = pool->chunks[link - 1].next;
    else if (pool->chunks_used < pool->chunks_max)
        link = ++pool->chunks_used;
    else
        return 0;
    pool->chunks_taken++;
    pool->chunks[link - 1].next = 0;
    return link;
}

static uint32_t run_end(const struct held_run *run)
{
    return run->sequence + run->length;
}

/* The run with the greatest sequence number that is not beyond this one; 0: none. */
static uint32_t find_floor(const struct held_pool *pool, uint32_t link, uint32_t sequence)
{
    uint32_t floor = 0;
    while (link != 0) {
        const struct held_run *run = run_at(pool, link);
        if (sequence_distance(run->sequence, sequence) <= 0) {
            floor = link;
            link = run->right;
        } else {
            link = run->left;
        }
    }
    return floor;
}

/* The run with the least sequence number beyond this one; 0: none. */
static uint32_t find_above(const struct held_pool *pool, uint32_t link, uint32_t sequence)
{
    uint32_t above = 0;
    while (link != 0) {
        const struct held_run *run = run_at(pool, link);
        if (sequence_distance(run->sequence, sequence) > 0) {
            above = link;
            link = run->left;
        } else {
            link = run->right;
        }
    }
    return above;
}

/* Splits the tree at *from into runs before `sequence` and runs behind it. */
static void split(struct held_pool *pool, uint32_t from, uint32_t sequence, uint32_t *before, uint32_t *behind)
{
    while (from != 0) {
        struct held_run *run = run_at(pool, from);
        if (sequence_distance(run->sequence, sequence) < 0) {
            *before = from;
            before = &run->right;
            from = run->right;
        } else {
            *behind = from;
            behind = &run->left;
            from = run->left;
        }
    }
    *before = 0;
    *behind = 0;
}

static void tree_insert(struct held_pool *pool, uint32_t *root, uint32_t link)
{
    struct held_run *run = run_at(pool, link);
    while (*root != 0 && run_at(pool, *root)->priority >= run->priority) {
        struct held_run *here = run_at(pool, *root);
        root = sequence_distance(run->sequence, here->sequence) < 0 ? &here->left : &here->right;
    }
    split(pool, *root, run->sequence, &run->left, &run->right);
    *root = link;
}

/* Appends as much as the run and the pool have room for; returns how many bytes. */
static uint32_t run_append(struct held_pool *pool, struct held_run *run, const uint8_t *bytes, uint32_t length,
                           uint32_t *memory)
{
    uint32_t room = HELD_RUN_MAX - run->length;
    uint32_t wanted = length < room ? length : room, done = 0;
    while (done < wanted) {
        if (run->last_chunk == 0 || run->last_used == HELD_CHUNK_DATA) {
            uint32_t chunk = chunk_new(pool);
            if (chunk == 0)
                break;
            *memory += sizeof(struct held_chunk);
            if (run->last_chunk != 0)
                pool->chunks[run->last_chunk - 1].next = chunk;
            else
                run->first_chunk = chunk;
            run->last_chunk = chunk;
            run->last_used = 0;
        }
        uint32_t free_bytes = HELD_CHUNK_DATA - run->last_used;
        uint32_t now = wanted - done < free_bytes ? wanted - done : free_bytes;
        memcpy(pool->chunks[run->last_chunk - 1].data + run->last_used, bytes + done, now);
        run->last_used = (uint16_t)(run->last_used + now);
        run->length = (uint16_t)(run->length + now);
        done += now;
    }
    return done;
}

/* Do the run's bytes from `offset` on equal these? */
static bool run_equals(const struct held_pool *pool, const struct held_run *run, uint32_t offset, const uint8_t *bytes,
                       uint32_t length)
{
    uint32_t chunk = run->first_chunk;
    for (; offset >= HELD_CHUNK_DATA; offset -= HELD_CHUNK_DATA)
        chunk = pool->chunks[chunk - 1].next;
    while (length > 0) {
        uint32_t here = HELD_CHUNK_DATA - offset < length ? HELD_CHUNK_DATA - offset : length;
        if (memcmp(pool->chunks[chunk - 1].data + offset, bytes, here) != 0)
            return false;
        bytes += here;
        length -= here;
        offset = 0;
        chunk = pool->chunks[chunk - 1].next;
    }
    return true;
}

struct held_result held_insert(struct held_pool *pool, uint32_t *root, uint32_t sequence, const uint8_t *bytes,
                               uint32_t length)
{
    struct held_result result = {0};
    uint32_t done = 0;
    while (done < length) {
        uint32_t at = sequence + done, left = length - done;
        uint32_t floor = find_floor(pool, *root, at);
        if (floor != 0) {
            struct held_run *run = run_at(pool, floor);
            int32_t covered = sequence_distance(run_end(run), at);
            if (covered > 0) {
                uint32_t same = (uint32_t)covered < left ? (uint32_t)covered : left;
                if (!run_equals(pool, run, at - run->sequence, bytes + done, same))
                    result.conflict = true;
                result.duplicate += same;
                done += same;
                continue;
            }
        }
        uint32_t above = find_above(pool, *root, at);
        if (above != 0) {
            uint32_t hole = run_at(pool, above)->sequence - at;
            left = hole < left ? hole : left;
        }
        uint32_t placed = 0;
        if (floor != 0 && run_end(run_at(pool, floor)) == at)
            placed = run_append(pool, run_at(pool, floor), bytes + done, left, &result.memory);
        if (placed == 0) {
            uint32_t link = run_new(pool);
            if (link == 0)
                break;
            struct held_run *run = run_at(pool, link);
            *run = (struct held_run){.priority = random_priority(pool), .sequence = at};
            placed = run_append(pool, run, bytes + done, left, &result.memory);
            if (placed == 0) {
                run->left = pool->free_run;
                pool->free_run = link;
                pool->runs_taken--;
                break;
            }
            result.memory += sizeof(struct held_run);
            tree_insert(pool, root, link);
        }
        result.placed += placed;
        done += placed;
    }
    result.refused = length - done;
    return result;
}

const struct held_run *held_lowest(const struct held_pool *pool, uint32_t root)
{
    while (run_at(pool, root)->left != 0)
        root = run_at(pool, root)->left;
    return run_at(pool, root);
}

uint32_t held_take_lowest(struct held_pool *pool, uint32_t *root, uint8_t *out, uint32_t *memory)
{
    while (run_at(pool, *root)->left != 0)
        root = &run_at(pool, *root)->left;
    uint32_t link = *root, copied = 0;
    struct held_run *run = run_at(pool, link);
    *root = run->right;
    for (uint32_t chunk = run->first_chunk; chunk != 0;) {
        struct held_chunk *here = &pool->chunks[chunk - 1];
        uint32_t next = here->next;
        uint32_t used = next != 0 ? HELD_CHUNK_DATA : run->last_used;
        memcpy(out + copied, here->data, used);
        copied += used;
        memset(here->data, 0, used); /* it may be a piece of a token */
        here->next = pool->free_chunk;
        pool->free_chunk = chunk;
        pool->chunks_taken--;
        *memory += sizeof(struct held_chunk);
        chunk = next;
    }
    run->left = pool->free_run;
    pool->free_run = link;
    pool->runs_taken--;
    *memory += sizeof(struct held_run);
    return copied;
}

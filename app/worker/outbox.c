/* SPDX-License-Identifier: BSD-3-Clause */
#include "outbox.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include <bearertap/chunk.h>

int outbox_create(struct outbox *outbox, struct outboxes *all, unsigned worker, struct key_table *keys)
{
    static unsigned created; /* names of rings are the process's */
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "outbox_%u", __atomic_fetch_add(&created, 1, __ATOMIC_RELAXED));
    outbox->all = all;
    outbox->worker = worker;
    outbox->told = true;
    outbox->keys = keys;
    outbox->ring = rte_ring_create(name, OUTBOX_RECORDS, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (outbox->ring == NULL)
        return -ENOMEM;
    all->of_worker[all->count++] = outbox;
    return 0;
}

/* Blocks, and says so to the key table, whose writer would wait for this worker else. */
static void sleep_offline(struct outbox *outbox, uint32_t ticket)
{
    waiter_wake(&outbox->all->alert_side);
    key_table_reader_offline(outbox->keys, outbox->worker);
    waiter_sleep(&outbox->room, ticket);
    key_table_reader_online(outbox->keys, outbox->worker);
}

void outbox_note_lost(struct outbox *outbox)
{
    __atomic_store_n(&outbox->lost, outbox->lost + 1, __ATOMIC_RELAXED);
}

/* False where there is no waiting. */
static bool nap(struct outbox *outbox)
{
    if (outbox->patience == 0)
        return false;
    outbox->patience--;
    key_table_reader_offline(outbox->keys, outbox->worker);
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    key_table_reader_online(outbox->keys, outbox->worker);
    return true;
}

static bool send_or_lose(struct outbox *outbox, struct chunk *record)
{
    __atomic_add_fetch(&outbox->all->records_out, 1, __ATOMIC_RELEASE);
    do {
        if (rte_ring_sp_enqueue(outbox->ring, record) == 0)
            return true;
    } while (nap(outbox));
    __atomic_sub_fetch(&outbox->all->records_out, 1, __ATOMIC_RELEASE);
    if (chunk_record(record)->kind == RECORD_SIGHTING)
        outbox_note_lost(outbox);
    chunk_give_back(outbox->all->chunks, record);
    return false;
}

bool outbox_send(struct outbox *outbox, struct chunk *record)
{
    if (outbox->all->polled)
        return send_or_lose(outbox, record);
    __atomic_add_fetch(&outbox->all->records_out, 1, __ATOMIC_RELEASE);
    while (rte_ring_sp_enqueue(outbox->ring, record) != 0) {
        uint32_t ticket = waiter_prepare(&outbox->room);
        if (rte_ring_full(outbox->ring))
            sleep_offline(outbox, ticket);
        else
            waiter_cancel(&outbox->room);
    }
    outbox->told = false;
    return true;
}

void outbox_tell(struct outbox *outbox)
{
    if (outbox->told)
        return;
    outbox->told = true;
    waiter_wake(&outbox->all->alert_side);
}

bool outbox_wait_for_chunks(struct outbox *outbox)
{
    struct outboxes *all = outbox->all;
    if (all->polled)
        return nap(outbox);
    __atomic_add_fetch(&all->waiting_for_chunks, 1, __ATOMIC_SEQ_CST);
    uint32_t ticket = waiter_prepare(&outbox->room);
    /* Announced first, looked second: a record that is out now is released later, and its release wakes us. */
    bool some_are_out = __atomic_load_n(&all->records_out, __ATOMIC_SEQ_CST) > 0;
    if (some_are_out)
        sleep_offline(outbox, ticket);
    else
        waiter_cancel(&outbox->room);
    __atomic_sub_fetch(&all->waiting_for_chunks, 1, __ATOMIC_SEQ_CST);
    return some_are_out;
}

struct chunk *outbox_take_chunk(struct outbox *outbox)
{
    struct chunk *chunk = chunk_take(outbox->all->chunks);
    for (bool more_may_come = true; chunk == NULL && more_may_come; chunk = chunk_take(outbox->all->chunks))
        more_may_come = outbox_wait_for_chunks(outbox);
    return chunk;
}

void outbox_released(struct outbox *outbox)
{
    struct outboxes *all = outbox->all;
    __atomic_sub_fetch(&all->records_out, 1, __ATOMIC_SEQ_CST);
    waiter_wake(&outbox->room);
    if (__atomic_load_n(&all->waiting_for_chunks, __ATOMIC_SEQ_CST) == 0)
        return;
    for (unsigned i = 0; i < all->count; i++)
        waiter_wake(&all->of_worker[i]->room);
}

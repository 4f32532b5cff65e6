/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/spread.h>

#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_ring.h>

/* A ring's size bounds how far the giver runs ahead; each packet in it keeps its bytes in memory, and in cache. Where
 * the giver can't wait it is as long as a queue of a NIC, which it stands for. */
#define RING_PACKETS        1024
#define RING_PACKETS_POLLED 4096

/* A sleeping owner is woken for this many packets: waking costs as much as inspecting some ten. */
#define WAKE_PACKETS 256

struct inbox {
    struct rte_ring *ring;
    struct waiter waiter;         /* the owner sleeps here */
    alignas(64) uint32_t at_work; /* the owner holds packets that it took */
};

struct spread {
    unsigned workers;
    bool polled;
    bool finished;
    struct waiter room; /* the giver sleeps here */
    struct inbox inboxes[SPREAD_WORKERS_MAX];
    struct rte_mbuf *parcels[SPREAD_WORKERS_MAX][BURST_MAX];
    struct segment segments[SPREAD_WORKERS_MAX][BURST_MAX]; /* theirs, where they may come back (polled) */
    unsigned parcel_counts[SPREAD_WORKERS_MAX];
};

size_t spread_bytes(unsigned workers)
{
    return sizeof(struct spread) + (size_t)workers * (2 * RING_PACKETS_POLLED * sizeof(void *) + 4096);
}

int spread_create(unsigned workers, bool polled, struct spread **spread, struct error *error)
{
    static unsigned created; /* names of rings are the process's */
    struct spread *made = rte_zmalloc("spread", sizeof(*made), 64);
    if (made == NULL)
        return error_set(error, ENOMEM, "out of memory for the rings between workers");
    made->workers = workers;
    made->polled = polled;
    for (unsigned i = 0; i < workers; i++) {
        char name[RTE_RING_NAMESIZE];
        snprintf(name, sizeof(name), "inbox_%u", __atomic_fetch_add(&created, 1, __ATOMIC_RELAXED));
        made->inboxes[i].ring = rte_ring_create(name, polled ? RING_PACKETS_POLLED : RING_PACKETS, SOCKET_ID_ANY,
                                                RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
        if (made->inboxes[i].ring == NULL) {
            spread_destroy(made);
            return error_set(error, rte_errno, "cannot make a ring between workers: %s", rte_strerror(rte_errno));
        }
    }
    *spread = made;
    return 0;
}

void spread_destroy(struct spread *spread)
{
    if (spread == NULL)
        return;
    for (unsigned i = 0; i < spread->workers; i++)
        rte_ring_free(spread->inboxes[i].ring);
    rte_free(spread);
}

void spread_wake(struct spread *spread)
{
    for (unsigned i = 0; i < spread->workers; i++)
        if (!rte_ring_empty(spread->inboxes[i].ring))
            waiter_wake(&spread->inboxes[i].waiter);
}

void spread_wait_for_release(struct spread *spread)
{
    spread_wake(spread);
    uint32_t ticket = waiter_prepare(&spread->room);
    /* At work is read after the ring: an owner says that it is before it takes what empties the ring. */
    bool out = false;
    for (unsigned i = 0; i < spread->workers; i++)
        out = out || !rte_ring_empty(spread->inboxes[i].ring) ||
              __atomic_load_n(&spread->inboxes[i].at_work, __ATOMIC_SEQ_CST) != 0;
    if (out)
        waiter_sleep(&spread->room, ticket);
    else
        waiter_cancel(&spread->room);
}

void spread_released(struct spread *spread, unsigned worker)
{
    __atomic_store_n(&spread->inboxes[worker].at_work, 0, __ATOMIC_SEQ_CST);
    waiter_wake(&spread->room);
}

static void send_parcel(struct spread *spread, unsigned worker)
{
    struct inbox *inbox = &spread->inboxes[worker];
    unsigned count = spread->parcel_counts[worker], sent = 0;
    for (;;) {
        sent += rte_ring_sp_enqueue_burst(inbox->ring, (void **)&spread->parcels[worker][sent], count - sent, NULL);
        if (sent == count)
            break;
        uint32_t ticket = waiter_prepare(&spread->room);
        waiter_wake(&inbox->waiter);
        if (rte_ring_free_count(inbox->ring) > 0)
            waiter_cancel(&spread->room);
        else
            waiter_sleep(&spread->room, ticket);
    }
    spread->parcel_counts[worker] = 0;
}

/* Sends what there is room for; the rest goes back into the burst, which has room for it, since it came from there. */
static void send_parcel_or_lose(struct spread *spread, unsigned worker, struct burst *burst)
{
    unsigned count = spread->parcel_counts[worker];
    unsigned sent =
        rte_ring_sp_enqueue_burst(spread->inboxes[worker].ring, (void **)spread->parcels[worker], count, NULL);
    for (unsigned i = sent; i < count; i++) {
        burst->mbufs[burst->count] = spread->parcels[worker][i];
        burst->segments[burst->count] = spread->segments[worker][i];
        burst->outcomes[burst->count++] = OUTCOME_RING_FULL;
    }
    spread->parcel_counts[worker] = 0;
}

void spread_to_owners(struct spread *spread, struct burst *burst, bool at_once)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < burst->count; i++) {
        if (burst->outcomes[i] != OUTCOME_PENDING) {
            burst->mbufs[kept] = burst->mbufs[i];
            burst->segments[kept] = burst->segments[i];
            burst->outcomes[kept++] = burst->outcomes[i];
            continue;
        }
        /* The hash's high half scaled to the number of workers; the flow table uses other bits of another key. */
        unsigned worker = (unsigned)((burst->hashes[i] >> 32) * spread->workers >> 32);
        unsigned place = spread->parcel_counts[worker]++;
        spread->parcels[worker][place] = burst->mbufs[i];
        if (spread->polled)
            spread->segments[worker][place] = burst->segments[i];
    }
    burst->count = kept;
    for (unsigned i = 0; spread->polled && i < spread->workers; i++)
        if (spread->parcel_counts[i] > 0)
            send_parcel_or_lose(spread, i, burst);
    for (unsigned i = 0; !spread->polled && i < spread->workers; i++) {
        if (spread->parcel_counts[i] > 0)
            send_parcel(spread, i);
        struct inbox *inbox = &spread->inboxes[i];
        /* At once means surely: only the fence in waiter_wake makes an owner seen that is just lying down. Else it is
         * woken for a later packet, or at the end. */
        if (at_once ? !rte_ring_empty(inbox->ring)
                    : waiter_is_waiting(&inbox->waiter) && rte_ring_count(inbox->ring) >= WAKE_PACKETS)
            waiter_wake(&inbox->waiter);
    }
}

void spread_finish(struct spread *spread)
{
    __atomic_store_n(&spread->finished, true, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < spread->workers; i++)
        waiter_wake(&spread->inboxes[i].waiter);
}

void spread_begin_again(struct spread *spread)
{
    __atomic_store_n(&spread->finished, false, __ATOMIC_SEQ_CST);
}

bool spread_poll(struct spread *spread, unsigned worker, struct rte_mbuf **mbufs, unsigned *count)
{
    bool finished = __atomic_load_n(&spread->finished, __ATOMIC_SEQ_CST); /* first, as below */
    *count = rte_ring_sc_dequeue_burst(spread->inboxes[worker].ring, (void **)mbufs, BURST_MAX, NULL);
    return *count > 0 || !finished;
}

unsigned spread_in_ring(const struct spread *spread, unsigned worker)
{
    return rte_ring_count(spread->inboxes[worker].ring);
}

unsigned spread_take(struct spread *spread, unsigned worker, struct rte_mbuf **mbufs, void (*before_sleep)(void *),
                     void *context)
{
    struct inbox *inbox = &spread->inboxes[worker];
    for (;;) {
        /* Finished is read first: what was put in before it was set is then seen. */
        bool finished = __atomic_load_n(&spread->finished, __ATOMIC_SEQ_CST);
        __atomic_store_n(&inbox->at_work, 1, __ATOMIC_RELAXED);
        unsigned count = rte_ring_sc_dequeue_burst(inbox->ring, (void **)mbufs, BURST_MAX, NULL);
        if (count > 0)
            return count;
        spread_released(spread, worker);
        if (finished)
            return 0;
        before_sleep(context);
        uint32_t ticket = waiter_prepare(&inbox->waiter);
        if (!rte_ring_empty(inbox->ring) || __atomic_load_n(&spread->finished, __ATOMIC_SEQ_CST))
            waiter_cancel(&inbox->waiter);
        else
            waiter_sleep(&inbox->waiter, ticket);
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How workers take packets in `run`: they poll, and wait for nothing, neither for packets nor for room.
 *
 * One that finds nothing for long naps, so that an idle tap costs little, and a worker that has to share its CPU leaves
 * it to whoever brings the packets. A nap and its end take some 100 us: at 10 Gbit/s of the smallest frames 1,500 of
 * them, which the queue (4,096 descriptors) holds.
 */
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "worker_state.h"

#define NAP_AFTER_POLLS                                                                                                \
    5000 /* half a millisecond or more without a packet: no queue is like that at any rate to fear */
#define NAP_NS 50000

static void nap(struct worker *worker)
{
    /* The reader of packets reads no keys. */
    bool reads_keys = worker->flows != NULL;
    if (reads_keys)
        key_table_reader_offline(worker->keys, worker->number);
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
    if (reads_keys)
        key_table_reader_online(worker->keys, worker->number);
}

static void add(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/* The time since the last poll was spent on what that one found. */
static void note_load(struct worker *worker, unsigned last_count)
{
    uint64_t now = rte_rdtsc(), spent = worker->polled_last != 0 ? now - worker->polled_last : 0;
    worker->polled_last = now;
    add(&worker->load.cycles, spent);
    if (worker->flows != NULL)
        __atomic_store_n(&worker->load.flows, flow_table_count(worker->flows), __ATOMIC_RELAXED);
    if (last_count > 0) {
        add(&worker->load.bursts, 1);
        add(&worker->load.busy_cycles, spent);
    } else if (spent > 0) {
        add(&worker->load.empty_polls, 1);
    }
}

bool worker_poll(struct worker *worker, struct burst *burst)
{
    note_load(worker, worker->polled_count);
    bool more = true;
    if (worker->source == NULL) {
        more = spread_poll(worker->spread, worker->number, burst->mbufs, &burst->count);
    } else {
        more = !atomic_load_explicit(&pipeline_stopping, memory_order_relaxed);
        int count = more ? worker->source->receive(worker->source, burst->mbufs, BURST_MAX) : 0;
        burst->count = count > 0 ? (unsigned)count : 0;
    }
    worker->polled_count = burst->count;
    if (burst->count > 0) {
        worker->idle_polls = 0;
    } else if (more) {
        rte_pause();
        if (++worker->idle_polls >= NAP_AFTER_POLLS)
            nap(worker);
    }
    return more;
}

uint64_t worker_clock_ns(const struct worker *worker)
{
    uint64_t now_ns = worker->clock != NULL ? worker->clock->now_ns(worker->clock) : 0;
    /* Not before its last packet, which may have been stamped on another CPU. */
    return now_ns > worker->now_ns ? now_ns : worker->now_ns;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that takes what workers hand out, and has lines written of it. */
#include <signal.h>
#include <time.h>

#include <rte_common.h>

#include "pipeline_state.h"

/* struct alert_counters is nothing but uint64_t; each is read and written whole, and those of one moment are not asked
 * for. */
_Static_assert(sizeof(struct alert_counters) % sizeof(uint64_t) == 0, "only uint64_t in it");

static void copy_alert_counters(struct alert_counters *to, const struct alert_counters *from)
{
    for (size_t i = 0; i < ALERT_COUNTERS; i++)
        __atomic_store_n((uint64_t *)to + i, __atomic_load_n((const uint64_t *)from + i, __ATOMIC_RELAXED),
                         __ATOMIC_RELAXED);
}

void alert_side_publish(struct pipeline *pipeline)
{
    copy_alert_counters(&pipeline->alert_counters, alerts_counters(pipeline->alerts));
}

void alert_side_collect(const struct pipeline *pipeline, struct alert_counters *counters)
{
    copy_alert_counters(counters, &pipeline->alert_counters);
}

/* What workers lost because we were behind, the next line says. */
static void note_lost_records(struct pipeline *pipeline)
{
    for (unsigned i = 0; pipeline->polled && i < pipeline->options.workers; i++) {
        uint64_t lost = __atomic_load_n(&pipeline->workers[i]->outbox.lost, __ATOMIC_RELAXED);
        if (lost == pipeline->lost_noted[i])
            continue;
        alerts_note_lost(pipeline->alerts, lost - pipeline->lost_noted[i]);
        pipeline->lost_noted[i] = lost;
    }
}

/* Takes what is there of every worker's records. Returns how many. */
static unsigned take_records(struct pipeline *pipeline, int *failure, struct error *error)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < pipeline->options.workers; i++) {
        struct outbox *outbox = &pipeline->workers[i]->outbox;
        struct chunk *records[32];
        unsigned count = rte_ring_sc_dequeue_burst(outbox->ring, (void **)records, RTE_DIM(records), NULL);
        for (unsigned j = 0; j < count; j++) {
            int result = alerts_take(pipeline->alerts, records[j], *failure == 0 ? error : NULL);
            if (result != 0 && *failure == 0) {
                *failure = result;
                pipeline_stop(); /* nobody hears: there is no use in going on */
            }
            chunk_give_back(pipeline->outboxes.chunks, records[j]);
            outbox_released(outbox);
        }
        taken += count;
    }
    note_lost_records(pipeline);
    return taken;
}

/* How late a record may be taken in `run`: so that no worker has to wake anybody. */
#define ALERT_SIDE_NAP_NS 500000

static void alert_side_sleep(struct pipeline *pipeline)
{
    if (pipeline->polled) {
        nanosleep(&(struct timespec){.tv_nsec = ALERT_SIDE_NAP_NS}, NULL);
        return;
    }
    struct outboxes *all = &pipeline->outboxes;
    uint32_t ticket = waiter_prepare(&all->alert_side);
    bool work = __atomic_load_n(&all->workers_done, __ATOMIC_SEQ_CST) == pipeline->options.workers;
    for (unsigned i = 0; i < pipeline->options.workers; i++)
        work = work || !rte_ring_empty(pipeline->workers[i]->outbox.ring);
    if (work) {
        waiter_cancel(&all->alert_side);
        return;
    }
    if (atomic_load(&pipeline_stopping)) {
        /* The source may have gone into read() right before the signal that stopped us: knock until it is out. */
        waiter_cancel(&all->alert_side);
        if (atomic_load_explicit(&pipeline->source_running, memory_order_acquire))
            pthread_kill(pipeline->source_thread, SIGURG);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    } else {
        waiter_sleep(&all->alert_side, ticket);
    }
}

/* Live, sinks are told of what there is now, however much more may come. Else they are waited for, and so their buffer
 * is written when it is full, or there is nothing else to do. */
static void flush(struct pipeline *pipeline, unsigned taken, int *failure, struct error *error)
{
    int result = *failure == 0 && (taken == 0 || pipeline->polled) ? alerts_flush(pipeline->alerts, error) : 0;
    alert_side_publish(pipeline);
    if (result == 0)
        return;
    *failure = result;
    pipeline_stop();
}

int alert_side_run(struct pipeline *pipeline, struct error *error)
{
    int failure = 0;
    unsigned workers = pipeline->options.workers;
    for (;;) {
        bool done = __atomic_load_n(&pipeline->outboxes.workers_done, __ATOMIC_SEQ_CST) == workers;
        unsigned taken = take_records(pipeline, &failure, error);
        if (taken == 0 && done)
            return failure;
        flush(pipeline, taken, &failure, error);
        if (taken == 0)
            alert_side_sleep(pipeline);
    }
}

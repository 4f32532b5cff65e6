/* SPDX-License-Identifier: BSD-3-Clause */
/* The way of records: nothing lost, in order, and nobody sleeps for ever or holds up the key table while it sleeps. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_mempool.h>

#include <bearertap/chunk.h>

#include "../../app/worker/outbox.h"

#define WORKERS 3
#define RECORDS 20000 /* each worker's: many times its ring and the pool */

/* What a worker sends: its number, and the record's. */
struct message {
    uint32_t worker, number;
};

static struct outboxes all;
static struct outbox outboxes[WORKERS];

static void open_outboxes(unsigned workers, unsigned chunks, struct key_table *keys)
{
    struct error error = {""};
    all = (struct outboxes){.polled = false, .chunks = chunk_pool_create("chunks", chunks, &error)};
    if (all.chunks == NULL)
        fail_msg("%s", error.text);
    for (unsigned i = 0; i < workers; i++) {
        outboxes[i] = (struct outbox){.all = NULL};
        assert_int_equal(outbox_create(&outboxes[i], &all, i, keys), 0);
    }
}

static void close_outboxes(void)
{
    for (unsigned i = 0; i < all.count; i++)
        rte_ring_free(all.of_worker[i]->ring);
    rte_mempool_free(all.chunks);
}

static void release(struct outbox *outbox, struct chunk *record)
{
    chunk_give_back(all.chunks, record);
    outbox_released(outbox);
}

static void *send_all(void *argument)
{
    struct outbox *outbox = argument;
    for (uint32_t number = 0; number < RECORDS; number++) {
        struct chunk *chunk = outbox_take_chunk(outbox);
        while (chunk == NULL) { /* all of them are in other workers' hands, on their way */
            sched_yield();
            chunk = outbox_take_chunk(outbox);
        }
        struct message message = {outbox->worker, number};
        memcpy(chunk->data, &message, sizeof(message));
        chunk->length = sizeof(message);
        outbox_send(outbox, chunk);
    }
    __atomic_add_fetch(&all.workers_done, 1, __ATOMIC_SEQ_CST);
    waiter_wake(&all.alert_side);
    return NULL;
}

/* As the pipeline's alert side: takes what there is, and sleeps where there is nothing. Returns records out of order.
 */
static unsigned take_all(unsigned taken[WORKERS])
{
    unsigned wrong = 0;
    for (;;) {
        bool done = __atomic_load_n(&all.workers_done, __ATOMIC_SEQ_CST) == all.count;
        unsigned count = 0;
        for (unsigned i = 0; i < all.count; i++) {
            void *record = NULL;
            for (; rte_ring_sc_dequeue(outboxes[i].ring, &record) == 0; count++) {
                struct message message;
                memcpy(&message, ((struct chunk *)record)->data, sizeof(message));
                wrong += message.worker != i || message.number != taken[i]++;
                release(&outboxes[i], record);
            }
        }
        if (count == 0 && done)
            return wrong;
        if (count > 0)
            continue;
        uint32_t ticket = waiter_prepare(&all.alert_side);
        bool work = __atomic_load_n(&all.workers_done, __ATOMIC_SEQ_CST) == all.count;
        for (unsigned i = 0; i < all.count; i++)
            work = work || !rte_ring_empty(outboxes[i].ring);
        if (work)
            waiter_cancel(&all.alert_side);
        else
            waiter_sleep(&all.alert_side, ticket);
    }
}

static void send_and_take(unsigned chunks)
{
    open_outboxes(WORKERS, chunks, NULL);
    pthread_t threads[WORKERS];
    unsigned taken[WORKERS] = {0};
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &outboxes[i]), 0);
    unsigned wrong = take_all(taken);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(taken[i], RECORDS);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(all.records_out, 0);
    close_outboxes();
}

static void every_record_arrives_in_order_where_chunks_are_short(void **state)
{
    (void)state;
    send_and_take(63);
}

static void every_record_arrives_in_order_where_rings_are_full(void **state)
{
    (void)state;
    send_and_take(3 * OUTBOX_RECORDS + 1023);
}

static void without_a_record_out_there_is_no_waiting_for_chunks(void **state)
{
    (void)state;
    open_outboxes(1, 63, NULL);
    struct chunk *taken[64] = {NULL};
    unsigned count = 0;
    while ((taken[count] = outbox_take_chunk(&outboxes[0])) != NULL)
        assert_true(++count <= 63);
    assert_int_equal(count, 63);
    for (unsigned i = 0; i < count; i++)
        chunk_give_back(all.chunks, taken[i]);
    close_outboxes();
}

static void *take_chunk(void *outbox)
{
    return outbox_take_chunk(outbox);
}

/* Its own ring is empty: what it waits for is in another's. */
static void a_worker_that_waits_for_chunks_is_woken_by_another_workers_record(void **state)
{
    (void)state;
    open_outboxes(2, 63, NULL);
    struct chunk *taken[63];
    for (unsigned i = 0; i < 63; i++)
        assert_non_null(taken[i] = outbox_take_chunk(&outboxes[0]));
    outbox_send(&outboxes[0], taken[0]);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_chunk, &outboxes[1]), 0);
    while (__atomic_load_n(&all.waiting_for_chunks, __ATOMIC_SEQ_CST) == 0 || !waiter_is_waiting(&outboxes[1].room))
        sched_yield();
    void *record = NULL, *chunk = NULL;
    assert_int_equal(rte_ring_sc_dequeue(outboxes[0].ring, &record), 0);
    release(&outboxes[0], record);
    pthread_join(thread, &chunk);
    assert_non_null(chunk);
    chunk_give_back(all.chunks, chunk);
    for (unsigned i = 1; i < 63; i++)
        chunk_give_back(all.chunks, taken[i]);
    close_outboxes();
}

struct blocked {
    struct key_table *keys;
    atomic_bool ready;
    bool for_room; /* or for a chunk */
};

static void *block_online(void *argument)
{
    struct blocked *blocked = argument;
    key_table_reader_online(blocked->keys, 0);
    struct chunk *chunk = outbox_take_chunk(&outboxes[0]);
    for (unsigned i = 0; i < (blocked->for_room ? OUTBOX_RECORDS - 1 : 62); i++, chunk = chunk_take(all.chunks))
        outbox_send(&outboxes[0], chunk);
    atomic_store(&blocked->ready, true);
    outbox_send(&outboxes[0], chunk); /* one more than the ring takes, or the last of the pool */
    if (!blocked->for_room)
        chunk_give_back(all.chunks, outbox_take_chunk(&outboxes[0]));
    key_table_reader_offline(blocked->keys, 0);
    return NULL;
}

/* A reload waits for every reader that is online: were the sleeping worker, it would not return. */
static void block_and_reload(bool for_room)
{
    struct key_list *list;
    struct blocked blocked = {.for_room = for_room, .ready = false};
    assert_int_equal(key_list_create(&list), 0);
    assert_int_equal(key_list_add_value(list, "a", NULL), 0);
    assert_int_equal(key_table_create(list, 1, &blocked.keys, NULL), 0);
    open_outboxes(1, for_room ? 2047 : 63, blocked.keys);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, block_online, &blocked), 0);
    while (!atomic_load(&blocked.ready))
        sched_yield();
    assert_int_equal(key_table_reload(blocked.keys, list, NULL), 0);
    void *record = NULL;
    for (unsigned left = for_room ? OUTBOX_RECORDS : 63; left > 0;) {
        if (rte_ring_sc_dequeue(outboxes[0].ring, &record) != 0)
            continue;
        release(&outboxes[0], record);
        left--;
    }
    pthread_join(thread, NULL);
    assert_true(rte_ring_empty(outboxes[0].ring));
    close_outboxes();
    key_table_destroy(blocked.keys);
    key_list_destroy(list);
}

static void a_worker_that_waits_for_room_holds_no_reload_up(void **state)
{
    (void)state;
    block_and_reload(true);
}

static void a_worker_that_waits_for_a_chunk_holds_no_reload_up(void **state)
{
    (void)state;
    block_and_reload(false);
}

static struct chunk *record_of_kind(enum record_kind kind)
{
    struct chunk *chunk = outbox_take_chunk(&outboxes[0]);
    assert_non_null(chunk);
    chunk_record(chunk)->kind = (uint8_t)kind;
    return chunk;
}

/* Nobody takes a record here: whoever waited would wait for ever. */
static void polled_a_worker_waits_for_nothing_and_counts_the_sightings_it_loses(void **state)
{
    (void)state;
    open_outboxes(1, 2047, NULL);
    all.polled = true;
    for (unsigned i = 0; i < OUTBOX_RECORDS - 1; i++)
        assert_true(outbox_send(&outboxes[0], record_of_kind(RECORD_SIGHTING)));
    assert_int_equal(outboxes[0].lost, 0);
    assert_false(outbox_send(&outboxes[0], record_of_kind(RECORD_SIGHTING)));
    assert_false(outbox_send(&outboxes[0], record_of_kind(RECORD_TIME))); /* no sighting */
    assert_false(outbox_send(&outboxes[0], record_of_kind(RECORD_SIGHTING)));
    assert_int_equal(outboxes[0].lost, 2);
    assert_int_equal(all.records_out, OUTBOX_RECORDS - 1);
    /* What was lost has given its chunks back, and without one there is no waiting either. */
    struct chunk *rest[2048];
    unsigned left = 0;
    while ((rest[left] = outbox_take_chunk(&outboxes[0])) != NULL)
        left++;
    assert_int_equal(left, 2047 - (OUTBOX_RECORDS - 1));
    assert_false(outbox_wait_for_chunks(&outboxes[0]));
    for (unsigned i = 0; i < left; i++)
        chunk_give_back(all.chunks, rest[i]);
    void *record;
    while (rte_ring_sc_dequeue(outboxes[0].ring, &record) == 0)
        release(&outboxes[0], record);
    close_outboxes();
}

static int start_eal(void **state)
{
    (void)state;
    char *arguments[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                         "-m",   "64",        "--lcores",    "0",        "--log-level=*:error"};
    return rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])), arguments) < 0 ? -1 : 0;
}

static void *run(void *status)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_record_out_there_is_no_waiting_for_chunks),
        cmocka_unit_test(every_record_arrives_in_order_where_chunks_are_short),
        cmocka_unit_test(every_record_arrives_in_order_where_rings_are_full),
        cmocka_unit_test(a_worker_that_waits_for_chunks_is_woken_by_another_workers_record),
        cmocka_unit_test(polled_a_worker_waits_for_nothing_and_counts_the_sightings_it_loses),
        cmocka_unit_test(a_worker_that_waits_for_room_holds_no_reload_up),
        cmocka_unit_test(a_worker_that_waits_for_a_chunk_holds_no_reload_up),
    };
    *(int *)status = cmocka_run_group_tests(tests, NULL, NULL);
    return NULL;
}

/* Not on EAL's main thread, which keeps chunks in a cache of its own: the tests count them. */
int main(void)
{
    int status = 1;
    pthread_t thread;
    if (start_eal(NULL) != 0 || pthread_create(&thread, NULL, run, &status) != 0)
        return 1;
    pthread_join(thread, NULL);
    return status;
}

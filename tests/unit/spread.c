/* SPDX-License-Identifier: BSD-3-Clause */
/* Which worker a packet goes to, in which order, and that none is lost to a slow one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <rte_eal.h>

#include <bearertap/spread.h>

#define WORKERS 3
#define PACKETS 20000
#define FLOWS   97

static struct rte_mbuf packets[PACKETS]; /* port: its connection; pkt_len: its number */

struct owner {
    struct spread *spread;
    unsigned number;
    bool slow;
    unsigned count, sleeps;
    bool in_order;
    uint32_t last[FLOWS]; /* number + 1 of the connection's last packet */
    bool belongs[FLOWS];
};

static int start_eal(void **state)
{
    (void)state;
    char *arguments[] = {"test",           "--no-huge", "--no-shconf", "--no-pci",
                         "--no-telemetry", "-m",        "32",          "--log-level=*:error"};
    return rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])), arguments) < 0 ? -1 : 0;
}

static void count_sleep(void *context)
{
    struct owner *owner = context;
    owner->sleeps++;
}

static void *own(void *context)
{
    struct owner *owner = context;
    struct rte_mbuf *mbufs[BURST_MAX];
    unsigned count;
    owner->in_order = true;
    while ((count = spread_take(owner->spread, owner->number, mbufs, count_sleep, owner)) > 0) {
        for (unsigned i = 0; i < count; i++) {
            uint16_t flow = mbufs[i]->port;
            owner->in_order = owner->in_order && mbufs[i]->pkt_len + 1 > owner->last[flow];
            owner->last[flow] = mbufs[i]->pkt_len + 1;
            owner->belongs[flow] = true;
        }
        owner->count += count;
        if (owner->slow)
            nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
        spread_released(owner->spread, owner->number);
    }
    return NULL;
}

static struct endpoints endpoints_of(unsigned flow, bool reversed)
{
    struct endpoints endpoints = {.ip_version = 4};
    uint8_t *client = reversed ? endpoints.destination : endpoints.source;
    uint8_t *server = reversed ? endpoints.source : endpoints.destination;
    memcpy(client, (uint8_t[]){10, 0, 0, (uint8_t)flow}, 4);
    memcpy(server, (uint8_t[]){10, 1, 0, 1}, 4);
    endpoints.source_port = reversed ? 443 : (uint16_t)(40000 + flow);
    endpoints.destination_port = reversed ? (uint16_t)(40000 + flow) : 443;
    return endpoints;
}

/* Gives all packets, in bursts; every fifth ended in an outcome before. Returns how many stayed in the bursts. */
static unsigned give(struct spread *spread, bool at_once)
{
    static struct burst burst;
    const struct siphash_key key = {1, 2};
    unsigned stayed = 0;
    for (unsigned done = 0; done < PACKETS; done += burst.count) {
        unsigned size = PACKETS - done < BURST_MAX ? PACKETS - done : BURST_MAX;
        for (unsigned i = 0; i < size; i++) {
            unsigned number = done + i, flow = number * 7 % FLOWS;
            struct endpoints endpoints = endpoints_of(flow, number % 2 == 1);
            packets[number].port = (uint16_t)flow;
            packets[number].pkt_len = number;
            burst.mbufs[i] = &packets[number];
            burst.outcomes[i] = number % 5 == 0 ? OUTCOME_NOT_IP : OUTCOME_PENDING;
            burst.hashes[i] = endpoints_hash(&key, &endpoints);
        }
        burst.count = size;
        spread_to_owners(spread, &burst, at_once);
        for (unsigned i = 0; i < burst.count; i++) {
            assert_int_equal(burst.outcomes[i], OUTCOME_NOT_IP);
            assert_int_equal(burst.mbufs[i]->pkt_len % 5, 0);
        }
        stayed += burst.count;
        burst.count = size;
    }
    spread_finish(spread);
    return stayed;
}

static void run(bool at_once, bool slow)
{
    struct spread *spread;
    struct error error = {""};
    if (spread_create(WORKERS, false, &spread, &error) != 0)
        fail_msg("%s", error.text);
    static struct owner owners[WORKERS];
    memset(owners, 0, sizeof(owners));
    pthread_t threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        owners[i].spread = spread;
        owners[i].number = i;
        owners[i].slow = slow;
        assert_int_equal(pthread_create(&threads[i], NULL, own, &owners[i]), 0);
    }
    unsigned stayed = give(spread, at_once), taken = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        taken += owners[i].count;
        assert_true(owners[i].in_order);
        assert_true(owners[i].count > 0);
    }
    assert_int_equal(stayed, PACKETS / 5);
    assert_int_equal(taken + stayed, PACKETS);
    for (unsigned flow = 0; flow < FLOWS; flow++)
        assert_int_equal(owners[0].belongs[flow] + owners[1].belongs[flow] + owners[2].belongs[flow], 1);
    spread_destroy(spread);
}

static void both_directions_reach_one_worker_in_order(void **state)
{
    (void)state;
    run(false, false);
}

static void nothing_is_lost_to_a_slow_worker(void **state)
{
    (void)state;
    run(false, true);
    run(true, true);
}

struct single {
    struct spread *spread;
    uint32_t taken;
};

static void no_sleep(void *context)
{
    (void)context;
}

static void *take_singly(void *context)
{
    struct single *single = context;
    struct rte_mbuf *mbufs[BURST_MAX];
    unsigned count;
    while ((count = spread_take(single->spread, 0, mbufs, no_sleep, NULL)) > 0)
        __atomic_add_fetch(&single->taken, count, __ATOMIC_SEQ_CST);
    return NULL;
}

/* The next packet may be a long time coming: each is waited for, so that one wake-up lost would hang here. */
static void at_once_wakes_the_owner_for_every_single_packet(void **state)
{
    (void)state;
    struct single single = {.taken = 0};
    struct error error = {""};
    assert_int_equal(spread_create(1, false, &single.spread, &error), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_singly, &single), 0);
    static struct burst burst;
    for (uint32_t i = 1; i <= 5000; i++) {
        burst.count = 1;
        burst.mbufs[0] = &packets[0];
        burst.outcomes[0] = OUTCOME_PENDING;
        spread_to_owners(single.spread, &burst, true);
        assert_int_equal(burst.count, 0);
        time_t start = time(NULL);
        while (__atomic_load_n(&single.taken, __ATOMIC_SEQ_CST) != i)
            if (time(NULL) - start > 10)
                fail_msg("packet %u was not taken", i);
    }
    spread_finish(single.spread);
    pthread_join(thread, NULL);
    spread_destroy(single.spread);
}

static void after_the_finish_what_waits_is_still_taken_and_then_nothing(void **state)
{
    (void)state;
    struct spread *spread;
    struct error error = {""};
    assert_int_equal(spread_create(1, false, &spread, &error), 0);
    static struct burst burst;
    burst.count = 3;
    for (unsigned i = 0; i < 3; i++)
        burst.mbufs[i] = &packets[i];
    memset(burst.outcomes, OUTCOME_PENDING, 3);
    spread_to_owners(spread, &burst, false);
    spread_finish(spread);
    struct rte_mbuf *mbufs[BURST_MAX];
    assert_int_equal(spread_take(spread, 0, mbufs, no_sleep, NULL), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(mbufs[i], &packets[i]);
    assert_int_equal(spread_take(spread, 0, mbufs, no_sleep, NULL), 0);
    assert_int_equal(spread_take(spread, 0, mbufs, no_sleep, NULL), 0);
    spread_wait_for_release(spread); /* nothing is out: it does not wait */
    spread_destroy(spread);
}

static void after_the_finish_it_can_begin_again(void **state)
{
    (void)state;
    static struct spread *spread;
    struct error error = {""};
    static struct burst burst;
    struct rte_mbuf *mbufs[BURST_MAX];
    for (unsigned polled = 0; polled < 2; polled++) {
        unsigned count = 0;
        assert_int_equal(spread_create(1, polled, &spread, &error), 0);
        spread_finish(spread);
        if (!polled)
            assert_int_equal(spread_take(spread, 0, mbufs, no_sleep, NULL), 0);
        assert_false(spread_poll(spread, 0, mbufs, &count));
        spread_begin_again(spread);
        assert_true(spread_poll(spread, 0, mbufs, &count)); /* nothing is there yet, and it is not the end */
        assert_int_equal(count, 0);
        burst.count = 1;
        burst.mbufs[0] = &packets[0];
        burst.outcomes[0] = OUTCOME_PENDING;
        spread_to_owners(spread, &burst, false);
        assert_true(spread_poll(spread, 0, mbufs, &count));
        assert_int_equal(count, 1);
        assert_ptr_equal(mbufs[0], &packets[0]);
        spread_finish(spread);
        assert_false(spread_poll(spread, 0, mbufs, &count));
        spread_destroy(spread);
    }
}

/* Where nobody waits: a ring holds 4,096; of more, the latest stay in their burst, each with its own segment. */
static void polled_what_finds_no_room_stays_with_its_segment(void **state)
{
    (void)state;
    enum { ROOM = 4096 };
    struct spread *spread;
    struct error error = {""};
    assert_int_equal(spread_create(1, true, &spread, &error), 0);
    static struct burst burst;
    unsigned sent = 0, lost = 0;
    for (unsigned round = 0; round < ROOM / BURST_MAX + 2; round++) {
        burst.count = BURST_MAX;
        for (unsigned i = 0; i < BURST_MAX; i++) {
            burst.mbufs[i] = &packets[i];
            burst.segments[i].payload_length = 1000 + i;
            burst.outcomes[i] = i == 5 ? OUTCOME_NOT_TCP : OUTCOME_PENDING;
        }
        spread_to_owners(spread, &burst, false);
        assert_int_equal(burst.outcomes[0], OUTCOME_NOT_TCP);
        assert_ptr_equal(burst.mbufs[0], &packets[5]);
        assert_int_equal(burst.segments[0].payload_length, 1005);
        for (unsigned i = 1; i < burst.count; i++) {
            assert_int_equal(burst.outcomes[i], OUTCOME_RING_FULL);
            assert_ptr_equal(burst.mbufs[i], &packets[burst.segments[i].payload_length - 1000]);
        }
        lost += burst.count - 1;
        sent += BURST_MAX - burst.count;
    }
    assert_int_equal(sent, ROOM);
    assert_int_equal(lost, (ROOM / BURST_MAX + 2) * (BURST_MAX - 1) - ROOM);
    assert_int_equal(spread_in_ring(spread, 0), ROOM);
    struct rte_mbuf *mbufs[BURST_MAX];
    unsigned taken = 0, count;
    for (; spread_poll(spread, 0, mbufs, &count) && count > 0; taken += count)
        spread_finish(spread); /* what waits is taken all the same */
    assert_int_equal(taken, ROOM);
    assert_false(spread_poll(spread, 0, mbufs, &count));
    spread_destroy(spread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polled_what_finds_no_room_stays_with_its_segment),
        cmocka_unit_test(both_directions_reach_one_worker_in_order),
        cmocka_unit_test(nothing_is_lost_to_a_slow_worker),
        cmocka_unit_test(at_once_wakes_the_owner_for_every_single_packet),
        cmocka_unit_test(after_the_finish_what_waits_is_still_taken_and_then_nothing),
        cmocka_unit_test(after_the_finish_it_can_begin_again),
    };
    return cmocka_run_group_tests(tests, start_eal, NULL);
}

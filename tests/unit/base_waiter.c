/* SPDX-License-Identifier: BSD-3-Clause */
/* Sleeping and waking, and counters read while they are written. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bearertap/counters.h>
#include <bearertap/waiter.h>

#define ROUNDS 20000

struct game {
    struct waiter waiters[2];
    uint32_t rounds[2]; /* said by each */
};

static void wait_for(struct game *game, unsigned who, uint32_t round)
{
    while (__atomic_load_n(&game->rounds[1 - who], __ATOMIC_ACQUIRE) < round) {
        uint32_t ticket = waiter_prepare(&game->waiters[who]);
        if (__atomic_load_n(&game->rounds[1 - who], __ATOMIC_ACQUIRE) >= round)
            waiter_cancel(&game->waiters[who]);
        else
            waiter_sleep(&game->waiters[who], ticket);
    }
}

static void say(struct game *game, unsigned who, uint32_t round)
{
    __atomic_store_n(&game->rounds[who], round, __ATOMIC_RELEASE);
    waiter_wake(&game->waiters[1 - who]);
}

static void *answer(void *argument)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        wait_for(argument, 1, round);
        say(argument, 1, round);
    }
    return NULL;
}

/* A lost one would leave both asleep, and the test's time limit would tell. */
static void no_wake_up_is_lost(void **state)
{
    (void)state;
    static struct game game;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, &game), 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        say(&game, 0, round);
        wait_for(&game, 0, round);
    }
    pthread_join(thread, NULL);
    assert_false(waiter_is_waiting(&game.waiters[0]));
    assert_false(waiter_is_waiting(&game.waiters[1]));
}

static void a_wake_up_between_the_look_and_the_sleep_is_kept(void **state)
{
    (void)state;
    struct waiter waiter = {0};
    uint32_t ticket = waiter_prepare(&waiter);
    assert_true(waiter_is_waiting(&waiter));
    waiter_wake(&waiter);
    waiter_sleep(&waiter, ticket); /* returns at once */
    assert_false(waiter_is_waiting(&waiter));
    waiter_wake(&waiter); /* nobody there: nothing happens */
}

static struct counters shared;

static void *count(void *argument)
{
    for (unsigned i = 0; i < 200000; i++) {
        shared.live.received++;
        shared.live.outcomes[1 + i % (OUTCOMES - 1)]++;
        shared.live.payload += 3;
        shared.live.bytes[i % BYTE_OUTCOMES] += 2;
        shared.live.held++;
        counters_publish(&shared);
    }
    __atomic_store_n((bool *)argument, true, __ATOMIC_RELEASE);
    return NULL;
}

static void whoever_reads_counters_sees_a_moment_in_which_the_laws_hold(void **state)
{
    (void)state;
    bool done = false;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, count, &done), 0);
    struct counter_values values;
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        counters_read(&shared, &values);
        assert_true(counters_law_holds(&values));
    }
    pthread_join(thread, NULL);
    counters_read(&shared, &values);
    assert_int_equal(values.received, 200000);
    struct counter_values sum = values;
    counters_add(&sum, &values);
    assert_int_equal(sum.received, 400000);
    assert_int_equal(sum.held, 400000);
    assert_true(counters_law_holds(&sum));
}

static void a_packet_or_byte_unaccounted_for_breaks_the_law(void **state)
{
    (void)state;
    struct counter_values values = {.received = 2, .outcomes = {[OUTCOME_INSPECTED] = 2}, .payload = 5, .held = 1};
    values.bytes[BYTES_SCANNED] = 4;
    assert_true(counters_law_holds(&values));
    values.received++;
    assert_false(counters_law_holds(&values));
    values.outcomes[OUTCOME_PENDING]++;
    assert_false(counters_law_holds(&values));
    values.received = 2;
    values.outcomes[OUTCOME_PENDING] = 0;
    values.held = 0;
    assert_false(counters_law_holds(&values));
}

static void every_counter_has_a_name_and_a_meaning(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OUTCOMES; i++)
        assert_true(outcome_rows[i].name != NULL && outcome_rows[i].text != NULL);
    for (unsigned i = 0; i < BYTE_OUTCOMES; i++)
        assert_true(byte_outcome_rows[i].name != NULL && byte_outcome_rows[i].text != NULL);
    for (unsigned i = 0; i < EVENTS; i++)
        assert_true(event_rows[i].name != NULL && event_rows[i].text != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wake_up_is_lost),
        cmocka_unit_test(a_wake_up_between_the_look_and_the_sleep_is_kept),
        cmocka_unit_test(whoever_reads_counters_sees_a_moment_in_which_the_laws_hold),
        cmocka_unit_test(a_packet_or_byte_unaccounted_for_breaks_the_law),
        cmocka_unit_test(every_counter_has_a_name_and_a_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

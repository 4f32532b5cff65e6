/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock that stamps packets, on made readings of both counters. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../app/capture/clock.h"

#define HZ        UINT64_C(3000000000) /* what the counter is said to run at */
#define BEGIN_TSC (UINT64_C(1) << 62)  /* a machine that is up for long: products must not overflow */
#define BEGIN_NS  UINT64_C(1795000000000000000)
#define TENTH     UINT64_C(100000000)
#define MS        INT64_C(1000000)

/* The counter after `ns` where it runs `ppm` millionths faster than it is said to. */
static uint64_t tsc_after(uint64_t ns, int ppm)
{
    return BEGIN_TSC + ns * 3 + (uint64_t)((int64_t)(ns / 1000000) * 3 * ppm);
}

/* After `ns`, when the system's clock was set by `set_ns` in all. */
static struct clock_moment moment(uint64_t ns, int ppm, int64_t set_ns)
{
    return (struct clock_moment){
        .tsc = tsc_after(ns, ppm), .real_ns = BEGIN_NS + ns + (uint64_t)set_ns, .monotonic_ns = 1000 + ns};
}

static struct live_clock begin(void)
{
    struct live_clock clock = {0};
    struct clock_moment now = moment(0, 0, 0);
    clock_start(&clock, HZ, &now);
    return clock;
}

static int64_t look(struct live_clock *clock, uint64_t ns, int ppm, int64_t set_ns)
{
    struct clock_moment now = moment(ns, ppm, set_ns);
    return clock_correct(clock, &now);
}

static int64_t distance(const struct live_clock *clock, uint64_t tsc, uint64_t real_ns)
{
    return llabs((int64_t)(clock_ns(clock, tsc) - real_ns));
}

/* DPDK says a multiple of 10 MHz: up to 1,700 millionths of this one are what it rounded off. */
static void it_follows_a_counter_that_runs_at_another_rate(void **state)
{
    (void)state;
    static const int ppms[] = {0, 1, -40, 120, -450, 490, -1700, 1700};
    for (unsigned i = 0; i < sizeof(ppms) / sizeof(ppms[0]); i++) {
        struct live_clock clock = begin();
        uint64_t ns = 0;
        for (unsigned step = 0; step < 600; step++) {
            ns += TENTH;
            assert_true(look(&clock, ns, ppms[i], 0) == 0);
        }
        /* After a minute it is good to 20 microseconds, and in the middle between two looks too. */
        assert_true(distance(&clock, tsc_after(ns, ppms[i]), BEGIN_NS + ns) < 20000);
        ns += TENTH / 2;
        assert_true(distance(&clock, tsc_after(ns, ppms[i]), BEGIN_NS + ns) < 20000);
    }
}

/* However the system's clock is set, back and forth: by what is a step, and by what is drawn near. */
static void it_never_goes_back_and_never_steps(void **state)
{
    (void)state;
    static const int64_t sets_ns[] = {4 * MS, 900 * MS, 3600000 * MS};
    for (unsigned i = 0; i < sizeof(sets_ns) / sizeof(sets_ns[0]); i++) {
        struct live_clock clock = begin();
        uint64_t before = clock_ns(&clock, tsc_after(0, 0)), step = TENTH / 10;
        for (uint64_t ns = step; ns < 200 * TENTH; ns += step) {
            uint64_t now = clock_ns(&clock, tsc_after(ns, 0)), took = now - before;
            assert_true(took >= step - step / 1990 && took <= step + step / 1990);
            before = now;
            if (ns % TENTH == 0) {
                look(&clock, ns, 0, ns / TENTH % 20 < 10 ? 0 : -sets_ns[i]);
                assert_true(clock_ns(&clock, tsc_after(ns, 0)) >= before);
            }
        }
    }
}

/* No faster than the most that it may be drawn by: an interval that was measured with it is right to so much. */
static void it_is_drawn_near_by_500_millionths_at_most(void **state)
{
    (void)state;
    struct live_clock clock = begin();
    for (uint64_t ns = TENTH; ns < 50 * TENTH; ns += TENTH) {
        uint64_t begin_ns = clock_ns(&clock, tsc_after(ns, 0));
        assert_true(look(&clock, ns, 0, 4 * MS) == 0);
        uint64_t took = clock_ns(&clock, tsc_after(ns + TENTH, 0)) - begin_ns;
        assert_true(took >= TENTH + TENTH / 2500 && took <= TENTH + TENTH / 1999);
    }
}

static void a_step_of_the_systems_clock_is_told_and_is_the_correction_from_then_on(void **state)
{
    (void)state;
    static const int64_t sets_ms[] = {3600000, -3600000, 2000, -2000, 900, -900, 20, -20};
    for (unsigned i = 0; i < sizeof(sets_ms) / sizeof(sets_ms[0]); i++) {
        struct live_clock clock = begin();
        int64_t set_ns = sets_ms[i] * MS;
        assert_true(look(&clock, TENTH, 0, 0) == 0);
        assert_true(llabs(look(&clock, 2 * TENTH, 0, set_ns) - set_ns) < 1000);
        assert_true(llabs(clock.correction_ns - set_ns) < 1000);
        for (uint64_t ns = 3 * TENTH; ns < 50 * TENTH; ns += TENTH)
            assert_true(look(&clock, ns, 0, set_ns) == 0);
        assert_true(distance(&clock, tsc_after(50 * TENTH, 0), BEGIN_NS + 50 * TENTH) < 1000);
        /* And back again: nothing is left of it. */
        assert_true(llabs(look(&clock, 50 * TENTH, 0, 0) + set_ns) < 2000);
        assert_true(llabs(clock.correction_ns) < 2000);
    }
}

/* Soon after the start too, when all that was measured before it is short beside it. */
static void a_step_is_no_rate(void **state)
{
    (void)state;
    static const int64_t sets_ms[] = {900, -900, 4, -4};
    for (unsigned i = 0; i < sizeof(sets_ms) / sizeof(sets_ms[0]); i++) {
        struct live_clock clock = begin();
        for (uint64_t ns = TENTH; ns < 20 * TENTH; ns += TENTH)
            look(&clock, ns, 0, ns < 5 * TENTH ? 0 : sets_ms[i] * MS);
        assert_true(llabs((int64_t)(clock.rate - clock.said_rate)) <= (int64_t)clock.said_rate / 1000000);
    }
}

/* As where a machine that slept, or was moved, has another counter. */
static void a_counter_that_jumps_is_made_good_and_is_no_rate(void **state)
{
    (void)state;
    static const int64_t jumps_ms[] = {3000, -3000};
    for (unsigned i = 0; i < sizeof(jumps_ms) / sizeof(jumps_ms[0]); i++) {
        struct live_clock clock = begin();
        uint64_t before = 0;
        for (uint64_t ns = TENTH; ns < 200 * TENTH; ns += TENTH) {
            struct clock_moment now = moment(ns, 0, 0);
            now.tsc += ns >= 100 * TENTH ? (uint64_t)(jumps_ms[i] * MS * 3) : 0;
            clock_correct(&clock, &now);
            uint64_t ours = clock_ns(&clock, now.tsc);
            assert_true(ours >= before);
            assert_true(llabs((int64_t)(ours + (uint64_t)clock.correction_ns - now.real_ns)) < 1000);
            before = ours;
        }
        assert_true(llabs((int64_t)(clock.rate - clock.said_rate)) <= (int64_t)clock.said_rate / 1000000);
    }
}

/* As while ten million keys are read. */
static void a_look_that_is_late_sees_no_step_in_what_the_rates_differ(void **state)
{
    (void)state;
    struct live_clock clock = begin();
    assert_true(look(&clock, 100 * TENTH, 1700, 0) == 0);
    assert_true(clock.correction_ns == 0);
}

static void a_reading_from_before_the_last_correction_is_earlier_than_it(void **state)
{
    (void)state;
    struct live_clock clock = begin();
    assert_true(llabs((int64_t)(clock_ns(&clock, BEGIN_TSC - 3000) - (BEGIN_NS - 1000))) <= 1); /* rounded */
}

static void two_readings_of_the_real_ones_agree_with_the_time_between(void **state)
{
    (void)state;
    struct clock_moment now, later;
    clock_sample(&now);
    do
        clock_sample(&later);
    while (later.monotonic_ns < now.monotonic_ns + TENTH);
    assert_true(later.tsc > now.tsc);
    struct live_clock clock = {0};
    double ns = (double)(later.monotonic_ns - now.monotonic_ns);
    clock_start(&clock, (uint64_t)((double)(later.tsc - now.tsc) * 1e9 / ns), &now);
    assert_true(distance(&clock, later.tsc, later.real_ns) < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_a_counter_that_runs_at_another_rate),
        cmocka_unit_test(it_never_goes_back_and_never_steps),
        cmocka_unit_test(it_is_drawn_near_by_500_millionths_at_most),
        cmocka_unit_test(a_step_of_the_systems_clock_is_told_and_is_the_correction_from_then_on),
        cmocka_unit_test(a_step_is_no_rate),
        cmocka_unit_test(a_counter_that_jumps_is_made_good_and_is_no_rate),
        cmocka_unit_test(a_look_that_is_late_sees_no_step_in_what_the_rates_differ),
        cmocka_unit_test(a_reading_from_before_the_last_correction_is_earlier_than_it),
        cmocka_unit_test(two_readings_of_the_real_ones_agree_with_the_time_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

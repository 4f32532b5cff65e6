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

/* The counter after `ns` where it runs `ppm` millionths faster than it is said to. */
static uint64_t tsc_after(uint64_t ns, int ppm)
{
    return BEGIN_TSC + ns * 3 + (uint64_t)((int64_t)(ns / 1000000) * 3 * ppm);
}

static int64_t distance(const struct live_clock *clock, uint64_t tsc, uint64_t real_ns)
{
    return llabs((int64_t)(clock_ns(clock, tsc) - real_ns));
}

static void it_follows_a_counter_that_runs_at_another_rate(void **state)
{
    (void)state;
    static const int ppms[] = {0, 1, -40, 120, -450, 490};
    for (unsigned i = 0; i < sizeof(ppms) / sizeof(ppms[0]); i++) {
        struct live_clock clock = {0};
        clock_start(&clock, HZ, BEGIN_TSC, BEGIN_NS);
        uint64_t ns = 0;
        for (unsigned step = 0; step < 600; step++) {
            ns += TENTH;
            assert_true(clock_correct(&clock, tsc_after(ns, ppms[i]), BEGIN_NS + ns) == 0);
        }
        /* After a minute it is good to 20 microseconds, and in the middle between two corrections too. */
        assert_true(distance(&clock, tsc_after(ns, ppms[i]), BEGIN_NS + ns) < 20000);
        ns += TENTH / 2;
        assert_true(distance(&clock, tsc_after(ns, ppms[i]), BEGIN_NS + ns) < 20000);
    }
}

static void it_never_goes_back_while_it_is_drawn_near(void **state)
{
    (void)state;
    struct live_clock clock = {0};
    clock_start(&clock, HZ, BEGIN_TSC, BEGIN_NS);
    uint64_t before = 0;
    /* The system's clock is set by 0.9 s back and forth, which is not yet a jump. */
    for (uint64_t ns = 0; ns < 200 * TENTH; ns += TENTH / 10) {
        uint64_t now = clock_ns(&clock, tsc_after(ns, 0));
        assert_true(now >= before);
        before = now;
        if (ns % TENTH == 0) {
            uint64_t off = ns / TENTH % 20 < 10 ? 0 : 9 * TENTH;
            assert_true(clock_correct(&clock, tsc_after(ns, 0), BEGIN_NS + ns - off) == 0);
            assert_true(clock_ns(&clock, tsc_after(ns, 0)) >= before);
        }
    }
}

/* No faster than the most that it may be drawn by: an interval that was measured with it is right to so much. */
static void it_is_drawn_near_by_500_millionths_at_most(void **state)
{
    (void)state;
    struct live_clock clock = {0};
    clock_start(&clock, HZ, BEGIN_TSC, BEGIN_NS);
    for (uint64_t ns = TENTH; ns < 50 * TENTH; ns += TENTH) {
        uint64_t begin = clock_ns(&clock, tsc_after(ns, 0));
        clock_correct(&clock, tsc_after(ns, 0), BEGIN_NS + ns + 5 * TENTH);
        uint64_t took = clock_ns(&clock, tsc_after(ns + TENTH, 0)) - begin;
        assert_true(took >= TENTH + TENTH / 2500 && took <= TENTH + TENTH / 1999);
    }
}

static void it_jumps_where_the_systems_clock_was_set(void **state)
{
    (void)state;
    static const int64_t jumps[] = {3600, -3600, 2, -2};
    for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        struct live_clock clock = {0};
        clock_start(&clock, HZ, BEGIN_TSC, BEGIN_NS);
        uint64_t real_ns = BEGIN_NS + TENTH + (uint64_t)(jumps[i] * 1000000000);
        int64_t ahead = clock_correct(&clock, tsc_after(TENTH, 0), real_ns);
        assert_true(ahead / 1000000000 == jumps[i] || llabs(ahead - jumps[i] * 1000000000) < 1000);
        assert_true(distance(&clock, tsc_after(TENTH, 0), real_ns) < 1000);
        assert_true(distance(&clock, tsc_after(2 * TENTH, 0), real_ns + TENTH) < 1000);
        /* What was measured before the jump is no rate: it stands. */
        assert_true(clock_correct(&clock, tsc_after(2 * TENTH, 0), real_ns + TENTH) == 0);
    }
}

static void a_reading_from_before_the_last_correction_is_earlier_than_it(void **state)
{
    (void)state;
    struct live_clock clock = {0};
    clock_start(&clock, HZ, BEGIN_TSC, BEGIN_NS);
    assert_true(llabs((int64_t)(clock_ns(&clock, BEGIN_TSC - 3000) - (BEGIN_NS - 1000))) <= 1); /* rounded */
}

static void two_readings_of_the_real_one_agree_with_the_time_between(void **state)
{
    (void)state;
    uint64_t tsc, real_ns, later_tsc, later_ns;
    clock_sample(&tsc, &real_ns);
    do
        clock_sample(&later_tsc, &later_ns);
    while (later_ns < real_ns + TENTH);
    assert_true(later_tsc > tsc);
    struct live_clock clock = {0};
    clock_start(&clock, (uint64_t)((double)(later_tsc - tsc) * 1e9 / (double)(later_ns - real_ns)), tsc, real_ns);
    assert_true(distance(&clock, later_tsc, later_ns) < 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_a_counter_that_runs_at_another_rate),
        cmocka_unit_test(it_never_goes_back_while_it_is_drawn_near),
        cmocka_unit_test(it_is_drawn_near_by_500_millionths_at_most),
        cmocka_unit_test(it_jumps_where_the_systems_clock_was_set),
        cmocka_unit_test(a_reading_from_before_the_last_correction_is_earlier_than_it),
        cmocka_unit_test(two_readings_of_the_real_one_agree_with_the_time_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

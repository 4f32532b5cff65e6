/* SPDX-License-Identifier: BSD-3-Clause */
/* The flow table: who finds which record, who is let go for whom, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "stream_support.h"

/* A table with room for `flows` flows. */
static struct bench *new_bench(uint32_t flows)
{
    return bench_create(&(struct bench_sizes){flows, 2 * flows, 1 << 20, 1 << 20});
}

static struct flow *send_syn(struct bench *bench, unsigned client)
{
    return SEND(bench, .client = client, .flags = TCP_SYN, .sequence = 1000);
}

static struct flow *establish(struct bench *bench, unsigned client)
{
    send_syn(bench, client);
    SEND(bench, .client = client, .back = true, .flags = TCP_SYN | TCP_ACK, .sequence = 5000, .acknowledgement = 1001);
    struct flow *flow = SEND(bench, .client = client, .sequence = 1001, .acknowledgement = 5001);
    assert_int_equal(flow->list, FLOW_ESTABLISHED);
    return flow;
}

static struct flow *close_flow(struct bench *bench, unsigned client)
{
    establish(bench, client);
    struct flow *flow = SEND(bench, .client = client, .flags = TCP_RST, .sequence = 1001);
    assert_int_equal(flow->list, FLOW_CLOSED);
    return flow;
}

static void both_directions_share_a_record(void **state)
{
    (void)state;
    struct bench *bench = new_bench(64);
    for (unsigned version = 4; version <= 6; version += 2)
        for (unsigned reverse = 0; reverse < 2; reverse++) {
            struct endpoints forth = bench_endpoints(10 + reverse, reverse),
                             back = bench_endpoints(10 + reverse, !reverse);
            forth.ip_version = back.ip_version = (uint8_t)version;
            unsigned direction, other;
            struct flow *flow = bench_look_up(bench, &forth, &direction);
            assert_non_null(flow);
            assert_ptr_equal(bench_look_up(bench, &back, &other), flow);
            assert_int_equal(direction, reverse); /* endpoint 0 compares lower, whoever spoke first */
            assert_int_equal(other, !reverse);
            assert_int_equal(flow->ports[0], 1010 + reverse);
            assert_int_equal(flow->ip_version, version);
            assert_int_equal(flow->capture_port, 7);
            assert_int_equal(flow->first_time_ns, START_NS);
        }
    assert_int_equal(flow_table_count(bench->flows), 4);
    bench_destroy(bench);
}

static void connections_of_different_networks_are_different(void **state)
{
    (void)state;
    struct bench *bench = new_bench(64);
    struct endpoints endpoints = bench_endpoints(1, false);
    unsigned direction;
    struct flow *none = bench_look_up(bench, &endpoints, &direction);
    endpoints.has_vlan = 1;
    endpoints.vlan_id = 5;
    struct flow *five = bench_look_up(bench, &endpoints, &direction);
    endpoints.vlan_id = 6;
    struct flow *six = bench_look_up(bench, &endpoints, &direction);
    assert_ptr_not_equal(none, five);
    assert_ptr_not_equal(five, six);
    endpoints.vlan_id = 5;
    assert_ptr_equal(bench_look_up(bench, &endpoints, &direction), five);
    assert_int_equal(flow_table_count(bench->flows), 3);
    bench_destroy(bench);
}

static void a_record_is_three_lines_and_the_index_finds_it(void **state)
{
    (void)state;
    struct bench *bench = new_bench(64);
    assert_true(sizeof(struct flow) <= 256);
    assert_int_equal(sizeof(struct flow_direction), 64);
    struct flow *flow = send_syn(bench, 3);
    assert_ptr_equal(flow_at(bench->flows, flow_index(bench->flows, flow)), flow);
    assert_int_equal((uintptr_t)flow % 64, 0);
    bench_destroy(bench);
}

static void a_table_holds_what_it_says_and_refuses_the_rest(void **state)
{
    (void)state;
    struct bench *bench = new_bench(1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(establish(bench, i));
    assert_int_equal(flow_table_count(bench->flows), 1000);
    assert_null(send_syn(bench, 2000));
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(SEND(bench, .client = i, .sequence = 1001));
    assert_int_equal(bench->ended, 0);
    assert_int_equal(event(bench, EVENT_CONNECTIONS), 1000);
    bench_destroy(bench);
}

/* ---- eviction ---- */

static void the_closed_go_first_then_the_unproven_then_the_idle(void **state)
{
    (void)state;
    struct bench *bench = new_bench(6);
    establish(bench, 0);
    establish(bench, 1);
    send_syn(bench, 2);
    send_syn(bench, 3);
    close_flow(bench, 4);
    close_flow(bench, 5);
    bench->now_ns += 5 * MS;
    assert_non_null(establish(bench, 10));
    assert_int_equal(bench->last_ended_port, 1004);
    assert_non_null(establish(bench, 11));
    assert_int_equal(bench->last_ended_port, 1005);
    assert_int_equal(event(bench, EVENT_FLOW_EVICTED_CLOSED), 2);
    assert_non_null(establish(bench, 12));
    assert_int_equal(bench->last_ended_port, 1002);
    assert_non_null(establish(bench, 13));
    assert_int_equal(bench->last_ended_port, 1003);
    assert_int_equal(event(bench, EVENT_FLOW_EVICTED_UNPROVEN), 2);
    assert_null(send_syn(bench, 14)); /* all are active now */
    bench_destroy(bench);
}

static void an_idle_connection_makes_room_and_an_active_one_does_not(void **state)
{
    (void)state;
    struct bench *bench = new_bench(3);
    establish(bench, 0);
    establish(bench, 1);
    establish(bench, 2);
    bench->now_ns += 29000 * MS; /* quiet is a tenth of the idle timeout, 30 s */
    assert_null(send_syn(bench, 10));
    SEND(bench, .client = 0, .sequence = 1001);
    bench->now_ns += 1000 * MS;
    SEND(bench, .client = 2, .sequence = 1001);
    assert_non_null(send_syn(bench, 10));
    assert_int_equal(bench->last_ended_port, 1001);
    assert_int_equal(event(bench, EVENT_FLOW_EVICTED_IDLE), 1);
    assert_non_null(send_syn(bench, 11)); /* pushes out the unproven one of before */
    assert_int_equal(bench->last_ended_port, 1010);
    bench_destroy(bench);
}

static void a_flood_of_syns_pushes_out_nothing_but_itself(void **state)
{
    (void)state;
    struct bench *bench = new_bench(512);
    for (unsigned i = 0; i < 256; i++)
        establish(bench, i);
    for (unsigned i = 0; i < 5120; i++) {
        bench->now_ns += MS;
        assert_non_null(send_syn(bench, 1000 + i));
        bench_keep_house(bench);
    }
    assert_int_equal(event(bench, EVENT_FLOW_EVICTED_UNPROVEN), 5120 - 256);
    assert_int_equal(event(bench, EVENT_FLOW_EVICTED_IDLE), 0);
    uint64_t connections = event(bench, EVENT_CONNECTIONS);
    for (unsigned i = 0; i < 256; i++)
        SEND(bench, .client = i, .sequence = 1001, TEXT("x"));
    assert_int_equal(event(bench, EVENT_CONNECTIONS), connections);
    assert_int_equal(flow_table_count(bench->flows), 512);
    bench_destroy(bench);
}

/* A burst's packets hold their flows: none of them is let go for a later packet of the same burst. */
static void a_flow_that_the_burst_uses_is_not_evicted_for_it(void **state)
{
    (void)state;
    struct bench *bench = new_bench(4);
    static struct burst burst;
    struct rte_mbuf mbuf = {.port = 7};
    const struct siphash_key key = {0x1122334455667788, 0x99aabbccddeeff00};
    for (unsigned i = 0; i < 4; i++)
        send_syn(bench, i);
    burst.count = 8;
    for (unsigned i = 0; i < 8; i++) { /* the four that are there, then four new ones */
        burst.mbufs[i] = &mbuf;
        burst.time_ns[i] = bench->now_ns;
        burst.outcomes[i] = i == 6 ? OUTCOME_NOT_TCP : OUTCOME_PENDING;
        burst.segments[i].endpoints = bench_endpoints(i, false);
        burst.hashes[i] = endpoints_hash(&key, &burst.segments[i].endpoints);
    }
    burst.flows[6] = (struct flow *)(void *)&burst;
    flow_look_up(bench->flows, &burst);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(burst.outcomes[i], i < 4    ? OUTCOME_PENDING
                                            : i == 6 ? OUTCOME_NOT_TCP
                                                     : OUTCOME_FLOW_TABLE_FULL);
        assert_int_equal(burst.flows[i] != NULL, i < 4);
        for (unsigned j = 0; j < i && i < 4; j++)
            assert_ptr_not_equal(burst.flows[i], burst.flows[j]);
    }
    assert_int_equal(bench->ended, 0);
    bench_destroy(bench);
}

/* ---- time ---- */

/* Seconds since 1970 in which the low half of a count of milliseconds is positive, negative, and about to turn. */
static const uint64_t dates_s[] = {1700000000, 1600000000, 1503238553, 4294967, 1000};

static void silence_ends_a_connection_by_packet_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(dates_s) / sizeof(dates_s[0]); i++) {
        struct bench *bench = new_bench(64);
        bench->now_ns = dates_s[i] * 1000 * MS;
        uint64_t begin_ns = bench->now_ns;
        send_syn(bench, 1);
        establish(bench, 2);
        close_flow(bench, 3);
        static const struct {
            unsigned after_s, left, ended_port;
        } steps[] = {{9, 3, 0}, {11, 2, 1003}, {29, 2, 1003}, {31, 1, 1001}, {299, 1, 1001}, {301, 0, 1002}};
        for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
            bench->now_ns = begin_ns + steps[s].after_s * 1000 * MS;
            bench_keep_house(bench);
            assert_int_equal(flow_table_count(bench->flows), steps[s].left);
            if (steps[s].ended_port != 0)
                assert_int_equal(bench->last_ended_port, steps[s].ended_port);
        }
        assert_int_equal(event(bench, EVENT_FLOW_EXPIRED), 3);
        bench_destroy(bench);
    }
}

static void house_is_kept_a_few_flows_at_a_time(void **state)
{
    (void)state;
    struct bench *bench = new_bench(1024);
    for (unsigned i = 0; i < 1000; i++)
        establish(bench, i);
    bench->now_ns += 400000 * MS;
    unsigned calls = 0;
    for (; flow_table_count(bench->flows) > 0 && calls < 1000; calls++) {
        unsigned before = bench->ended;
        bench->now_ns += 1000 * MS;
        bench_keep_house(bench);
        assert_true(bench->ended - before <= 64);
    }
    assert_int_equal(flow_table_count(bench->flows), 0);
    bench_destroy(bench);
}

static void a_syn_sent_again_and_again_keeps_no_other_from_its_end(void **state)
{
    (void)state;
    struct bench *bench = new_bench(64);
    send_syn(bench, 1);
    send_syn(bench, 2);
    for (unsigned i = 0; i < 40; i++) {
        bench->now_ns += 1000 * MS;
        send_syn(bench, 1);
        bench_keep_house(bench);
    }
    assert_int_equal(flow_table_count(bench->flows), 1);
    assert_int_equal(bench->last_ended_port, 1002);
    bench_destroy(bench);
}

static void time_that_runs_back_ends_nothing(void **state)
{
    (void)state;
    struct bench *bench = new_bench(64);
    establish(bench, 0);
    bench->now_ns -= 400000 * MS;
    SEND(bench, .sequence = 1001, TEXT("abc"));
    bench_keep_house(bench);
    assert_int_equal(bench->ended, 0);
    assert_output(bench, 0, "abc");
    bench_destroy(bench);
}

/* ---- new connections in an old record ---- */

static void silence_longer_than_the_timeout_begins_the_record_anew(void **state)
{
    (void)state;
    struct bench *bench = new_bench(64);
    struct flow *flow = establish(bench, 0);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    bench->now_ns += 301000 * MS;
    assert_ptr_equal(SEND(bench, .sequence = 1004, TEXT("def")), flow);
    assert_int_equal(bench->ended, 1);
    assert_int_equal(event(bench, EVENT_FLOW_EXPIRED), 1);
    assert_int_equal(event(bench, EVENT_CONNECTIONS), 2);
    assert_int_equal(flow->list, FLOW_UNPROVEN);
    assert_int_equal(flow->first_time_ns, bench->now_ns);
    bench_destroy(bench);
}

static void a_syn_with_a_new_number_is_a_new_connection(void **state)
{
    (void)state;
    struct bench *bench = new_bench(64);
    struct flow *flow = send_syn(bench, 0); /* unanswered */
    send_syn(bench, 0);
    assert_int_equal(event(bench, EVENT_PORT_REUSED), 0); /* sent again */
    SEND(bench, .flags = TCP_SYN, .sequence = 7000);
    assert_int_equal(event(bench, EVENT_PORT_REUSED), 1);
    SEND(bench, .back = true, .flags = TCP_SYN | TCP_ACK, .sequence = 5000, .acknowledgement = 7001);
    SEND(bench, .flags = TCP_FIN, .sequence = 7001, .acknowledgement = 5001, TEXT("abc"));
    SEND(bench, .back = true, .flags = TCP_FIN, .sequence = 5001, .acknowledgement = 7005);
    assert_int_equal(flow->list, FLOW_CLOSED);
    SEND(bench, .flags = TCP_SYN, .sequence = 90000, TEXT("def")); /* after both ends are done, at once */
    assert_int_equal(event(bench, EVENT_PORT_REUSED), 2);
    assert_int_equal(flow->list, FLOW_UNPROVEN);
    assert_output(bench, 0, "abcdef");
    assert_int_equal(bench->ended, 2);
    assert_int_equal(event(bench, EVENT_CONNECTIONS), 3);
    bench_destroy(bench);
}

/* ---- extras ---- */

static void extras_are_bounded_zeroed_and_given_back(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&(struct bench_sizes){64, 2, 1 << 20, 1 << 20});
    struct flow *flows[3];
    for (unsigned i = 0; i < 3; i++)
        flows[i] = establish(bench, i + 1);
    assert_null(flow_extra_find(bench->flows, &flows[0]->directions[0]));
    struct flow_extra *one = flow_extra_get(bench->flows, flows[0], 0);
    struct flow_extra *two = flow_extra_get(bench->flows, flows[1], 1);
    assert_non_null(one);
    assert_non_null(two);
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(flow_extra_get(bench->flows, flows[0], 0), one);
    assert_ptr_equal(flow_extra_find(bench->flows, &flows[0]->directions[0]), one);
    assert_ptr_equal(flow_extra_at(bench->flows, flows[0]->directions[0].extra - 1), one);
    assert_int_equal(one->owner, flow_index(bench->flows, flows[0]) * 2);
    assert_int_equal(two->owner, flow_index(bench->flows, flows[1]) * 2 + 1);
    assert_null(flow_extra_get(bench->flows, flows[2], 0));
    one->kept_length = 77;
    flow_extra_release(bench->flows, &flows[0]->directions[0]);
    assert_null(flow_extra_find(bench->flows, &flows[0]->directions[0]));
    flow_extra_release(bench->flows, &flows[0]->directions[0]); /* nothing to give back */
    assert_ptr_equal(flow_extra_get(bench->flows, flows[2], 0), one);
    assert_int_equal(one->kept_length, 0);
    assert_null(flow_extra_get(bench->flows, flows[0], 0));
    bench_end_all(bench); /* the flows' ends give theirs back */
    assert_int_equal(flow_table_count(bench->flows), 0);
    assert_int_equal(bench->ended, 3);
    struct flow *again = establish(bench, 9);
    assert_non_null(flow_extra_get(bench->flows, again, 0));
    assert_non_null(flow_extra_get(bench->flows, again, 1));
    bench_destroy(bench);
}

static void a_table_takes_no_more_than_it_foretold(void **state)
{
    (void)state;
    const struct flow_table_options options = {.flows_max = 1u << 20, .extras_max = 1u << 20};
    size_t bytes = flow_table_bytes(&options);
    /* 256 bytes a flow without held data, captures and context, which are the extras' */
    assert_true(bytes - options.extras_max * sizeof(struct flow_extra) <= (size_t)options.flows_max * 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_share_a_record),
        cmocka_unit_test(connections_of_different_networks_are_different),
        cmocka_unit_test(a_record_is_three_lines_and_the_index_finds_it),
        cmocka_unit_test(a_table_holds_what_it_says_and_refuses_the_rest),
        cmocka_unit_test(the_closed_go_first_then_the_unproven_then_the_idle),
        cmocka_unit_test(an_idle_connection_makes_room_and_an_active_one_does_not),
        cmocka_unit_test(a_flood_of_syns_pushes_out_nothing_but_itself),
        cmocka_unit_test(a_flow_that_the_burst_uses_is_not_evicted_for_it),
        cmocka_unit_test(silence_ends_a_connection_by_packet_time),
        cmocka_unit_test(house_is_kept_a_few_flows_at_a_time),
        cmocka_unit_test(a_syn_sent_again_and_again_keeps_no_other_from_its_end),
        cmocka_unit_test(time_that_runs_back_ends_nothing),
        cmocka_unit_test(silence_longer_than_the_timeout_begins_the_record_anew),
        cmocka_unit_test(a_syn_with_a_new_number_is_a_new_connection),
        cmocka_unit_test(extras_are_bounded_zeroed_and_given_back),
        cmocka_unit_test(a_table_takes_no_more_than_it_foretold),
    };
    return cmocka_run_group_tests(tests, bench_start_eal, bench_stop_eal);
}

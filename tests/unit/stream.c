/* SPDX-License-Identifier: BSD-3-Clause */
/* Reassembly, a segment at a time. The client's first byte has the number 1001, the server's 5001. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream_support.h"

/* ---- order ---- */

static void bytes_in_order_go_out_at_once_where_they_lie(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1001, TEXT("GET "));
    assert_output(bench, 0, "GET ");
    SEND(bench, .back = true, .sequence = 5001, .acknowledgement = 1005, TEXT("HTTP"));
    SEND(bench, .sequence = 1005, TEXT("/"));
    assert_output(bench, 0, "GET /");
    assert_output(bench, 1, "HTTP");
    assert_int_equal(event(bench, EVENT_CONNECTIONS), 1);
    assert_int_equal(event(bench, EVENT_MIDSTREAM), 0);
    assert_int_equal(bytes(bench, BYTES_SCANNED), 9);
    bench_destroy(bench);
}

static void early_bytes_wait_for_the_hole_to_fill(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1007, TEXT("ghi"));
    SEND(bench, .sequence = 1004, TEXT("def"));
    assert_output(bench, 0, "");
    assert_int_equal(bench->counters.held, 6);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_output(bench, 0, "abcdefghi");
    assert_int_equal(bench->counters.held, 0);
    assert_int_equal(event(bench, EVENT_OUT_OF_ORDER), 2);
    assert_int_equal(event(bench, EVENT_GAPS), 0);
    bench_destroy(bench);
}

static void what_is_sent_again_is_counted_and_not_seen_twice(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1001, TEXT("abcdef"));
    SEND(bench, .sequence = 1001, TEXT("abcdef"));
    SEND(bench, .sequence = 1004, TEXT("defghi")); /* half of it new */
    SEND(bench, .sequence = 1012, TEXT("lm"));
    SEND(bench, .sequence = 1012, TEXT("lm")); /* while held */
    SEND(bench, .sequence = 1010, TEXT("jklm"));
    assert_output(bench, 0, "abcdefghijklm");
    assert_int_equal(bytes(bench, BYTES_RETRANSMITTED), 6 + 3 + 2 + 2);
    assert_int_equal(event(bench, EVENT_CONFLICTS), 0);
    bench_destroy(bench);
}

static void the_first_copy_of_a_byte_counts_and_a_conflict_is_marked(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1004, TEXT("DEF"));
    struct flow *flow = SEND(bench, .sequence = 1002, TEXT("bcdefgh"));
    assert_int_equal(event(bench, EVENT_CONFLICTS), 1);
    assert_true(flow->flags & FLOW_CONFLICT);
    SEND(bench, .sequence = 1001, TEXT("aBC")); /* overlaps what is held from before it */
    assert_output(bench, 0, "abcDEFgh");
    assert_int_equal(event(bench, EVENT_CONFLICTS), 2);
    bench_destroy(bench);
}

static void a_segment_that_spans_many_held_pieces_fills_all_holes(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    char whole[5001];
    for (unsigned i = 0; i < 5000; i++)
        whole[i] = (char)('a' + i * i % 23);
    whole[5000] = '\0';
    for (unsigned i = 1; i < 5000; i += 2)
        SEND(bench, .sequence = 1001 + i, .payload = whole + i, .length = 1);
    assert_int_equal(bench->counters.held, 2500);
    SEND(bench, .sequence = 1001, .payload = whole, .length = 5000);
    assert_output(bench, 0, whole);
    assert_int_equal(bytes(bench, BYTES_RETRANSMITTED), 2500);
    bench_destroy(bench);
}

static void sequence_numbers_wrap(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    SEND(bench, .flags = TCP_SYN, .sequence = 0xfffffffc);
    SEND(bench, .sequence = 0x00000003, TEXT("ghi"));
    SEND(bench, .sequence = 0xfffffffd, TEXT("abc"));
    SEND(bench, .sequence = 0x00000000, TEXT("def"));
    assert_output(bench, 0, "abcdefghi");
    SEND(bench, .sequence = 0xfffffffe, TEXT("bcde"));
    assert_int_equal(bytes(bench, BYTES_RETRANSMITTED), 4);
    bench_destroy(bench);
}

static void probes_of_a_silent_peer_are_no_data(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1000, TEXT("x")); /* a keep-alive before anything was said */
    SEND(bench, .sequence = 1001, TEXT("abc"));
    SEND(bench, .sequence = 1003, TEXT("\0"));
    SEND(bench, .sequence = 1003);
    SEND(bench, .back = true, .sequence = 5001, .acknowledgement = 1004, .window = 0);
    SEND(bench, .sequence = 1004, TEXT("d")); /* zero window probe: the next byte, refused and sent again */
    SEND(bench, .sequence = 1004, TEXT("d"));
    SEND(bench, .back = true, .sequence = 5001, .acknowledgement = 1004, .window = 500);
    SEND(bench, .sequence = 1004, TEXT("def"));
    assert_output(bench, 0, "abcdef");
    assert_int_equal(event(bench, EVENT_GAPS), 0);
    bench_destroy(bench);
}

/* ---- holes ---- */

static void a_hole_is_given_up_50_ms_after_its_acknowledgement(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    struct flow *flow = SEND(bench, .sequence = 1004, TEXT("def"));
    bench->now_ns += 500 * MS; /* a slow peer: no acknowledgement, no end */
    acknowledge(bench, 1001);
    bench_keep_house(bench);
    assert_output(bench, 0, "");
    acknowledge(bench, 1007);
    assert_output(bench, 0, "");
    bench->now_ns += 50 * MS;
    bench_keep_house(bench);
    assert_output(bench, 0, "");
    assert_false(flow->flags & FLOW_GAP);
    bench->now_ns += MS;
    bench_keep_house(bench);
    assert_output(bench, 0, "def");
    assert_int_equal(bench->outputs[0].gaps, 1);
    assert_true(flow->flags & FLOW_GAP);
    assert_int_equal(event(bench, EVENT_GAPS), 1);
    assert_int_equal(event(bench, EVENT_GAP_BYTES), 3);
    assert_int_equal(event(bench, EVENT_GAP_CONNECTIONS), 1);
    SEND(bench, .sequence = 1010, TEXT("jkl"));
    acknowledge(bench, 1013);
    bench->now_ns += 51 * MS;
    acknowledge(bench, 1013); /* any packet of the connection will do */
    assert_output(bench, 0, "defjkl");
    assert_int_equal(event(bench, EVENT_GAPS), 2);
    assert_int_equal(event(bench, EVENT_GAP_CONNECTIONS), 1);
    bench_destroy(bench);
}

/* The acknowledgement of a retransmission is polled before it: the hole was open for a round trip by then. */
static void an_acknowledgement_seen_first_does_not_give_an_old_hole_up(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1004, TEXT("def"));
    bench->now_ns += 200 * MS;
    acknowledge(bench, 1007);
    bench->now_ns += MS;
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_output(bench, 0, "abcdef");
    assert_int_equal(event(bench, EVENT_GAPS), 0);
    bench_destroy(bench);
}

static void half_a_tap_gives_holes_up_after_a_second(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    SEND(bench, .flags = TCP_SYN, .sequence = 1000);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    SEND(bench, .sequence = 1007, TEXT("ghi"));
    bench->now_ns += 1000 * MS;
    bench_keep_house(bench);
    assert_output(bench, 0, "abc");
    bench->now_ns += MS;
    bench_keep_house(bench);
    assert_output(bench, 0, "abcghi");
    assert_int_equal(event(bench, EVENT_GAP_BYTES), 3);
    bench_destroy(bench);
}

/* Nobody acknowledges on half a tap, so a stray segment far ahead can't be told from a loss. */
static void a_stray_segment_on_half_a_tap_does_not_blind_us(void **state)
{
    (void)state;
    for (unsigned pause_ms = 10; pause_ms <= 2010; pause_ms += 2000) {
        struct bench *bench = bench_create(NULL);
        SEND(bench, .flags = TCP_SYN, .sequence = 1000);
        SEND(bench, .sequence = 1001, TEXT("abc"));
        SEND(bench, .sequence = 1001 + 900000000, TEXT("stray"));
        char expected[512] = "abc";
        uint32_t at = 1004;
        if (pause_ms > 1000)
            strcat(expected, "stray");
        for (unsigned i = 0; i < 150; i++, at += 2) {
            bench->now_ns += (i == 0 ? pause_ms : 10) * MS;
            bench_keep_house(bench);
            SEND(bench, .sequence = at, TEXT("xy"));
            strcat(expected, "xy");
        }
        assert_output(bench, 0, expected);
        bench_destroy(bench);
    }
}

static void the_end_gives_everything_held(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1004, TEXT("def"));
    SEND(bench, .sequence = 1010, TEXT("jkl"));
    SEND(bench, .back = true, .sequence = 5003, .acknowledgement = 1001, TEXT("too"));
    bench_end_all(bench);
    assert_output(bench, 0, "defjkl");
    assert_output(bench, 1, "too");
    assert_int_equal(bench->outputs[0].gaps, 2);
    assert_int_equal(bench->counters.held, 0);
    assert_int_equal(event(bench, EVENT_GAP_BYTES), 3 + 3 + 2);
    bench_destroy(bench);
}

static void an_outage_of_gigabytes_is_survived(void **state)
{
    (void)state;
    for (unsigned half_gigabytes = 1; half_gigabytes < 8; half_gigabytes++) {
        uint32_t missed = half_gigabytes << 29;
        struct bench *bench = bench_create_open();
        SEND(bench, .sequence = 1001, TEXT("abc"));
        uint32_t at = 1004 + missed;
        for (unsigned i = 0; i < 20; i++, at += 2) {
            bench->now_ns += 20 * MS;
            SEND(bench, .sequence = at, TEXT("xy"));
            acknowledge(bench, at + 2);
        }
        const struct output *output = &bench->outputs[0];
        assert_true(output->length > 20);
        assert_memory_equal(output->bytes + output->length - 4, "xyxy", 4);
        bench_destroy(bench);
    }
}

/* ---- cut by the snap length ---- */

static void a_payload_cut_short_marks_a_gap_at_once(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1001, TEXT("abc"), .cut = 100);
    SEND(bench, .sequence = 1104, TEXT("def"), .cut = 100);
    SEND(bench, .sequence = 1207, .cut = 10); /* nothing of it was captured */
    SEND(bench, .sequence = 1217, TEXT("ghi"));
    assert_output(bench, 0, "abcdefghi");
    assert_int_equal(bench->outputs[0].gaps, 2);
    assert_int_equal(event(bench, EVENT_CUT_PACKETS), 3);
    assert_int_equal(event(bench, EVENT_CUT_BYTES), 210);
    assert_int_equal(event(bench, EVENT_GAPS), 3);
    assert_int_equal(event(bench, EVENT_GAP_BYTES), 0); /* each byte is missing in one counter only */
    bench_destroy(bench);
}

static void a_copy_held_of_what_was_cut_is_still_given(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1006, TEXT("fgh"));
    SEND(bench, .sequence = 1001, TEXT("abc"), .cut = 100);
    assert_output(bench, 0, "abcfgh");
    assert_int_equal(bytes(bench, BYTES_RETRANSMITTED), 0);
    assert_int_equal(event(bench, EVENT_GAPS), 1);
    assert_int_equal(event(bench, EVENT_GAP_BYTES), 0);
    bench_destroy(bench);
}

static void a_capture_that_lies_of_its_packets_length_does_not_blind_us(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1001, TEXT("abc"), .cut = 0xfffff000);
    SEND(bench, .sequence = 1004, TEXT("def"));
    assert_output(bench, 0, "abcdef");
    bench_destroy(bench);
}

/* ---- bounds ---- */

static void a_direction_that_holds_too_much_gives_its_hole_up(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&(struct bench_sizes){64, 128, 16 << 20, 64 << 10});
    bench_handshake(bench);
    static uint8_t block[1000];
    memset(block, 'x', sizeof(block));
    for (unsigned i = 0; i < 100; i++)
        SEND(bench, .sequence = 1002 + i * 1000, .payload = block, .length = 1000);
    assert_true(event(bench, EVENT_HELD_BOUND) == 1);
    assert_int_equal(bench->outputs[0].length, 100000);
    assert_int_equal(bench->outputs[0].gaps, 1);
    assert_int_equal(event(bench, EVENT_GAP_BYTES), 1);
    bench_destroy(bench);
}

/* 300 KB behind a hole of one byte are more than one assembly, and no gap lies inside them. */
static void a_victims_long_run_goes_out_without_further_gaps(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&(struct bench_sizes){64, 128, 1 << 20, 1 << 20});
    bench_handshake(bench);
    static uint8_t block[1000];
    memset(block, 'x', sizeof(block));
    for (unsigned i = 0; i < 300; i++)
        SEND(bench, .sequence = 1002 + i * 1000, .payload = block, .length = 1000);
    assert_int_equal(bench->counters.held, 300000);
    for (uint32_t i = 0; i < 20000 && bench->outputs[0].length == 0; i++) /* others fill the pool */
        SEND(bench, .client = 1 + i / 700, .sequence = 100 + 2 * (i % 700), TEXT("y"));
    for (unsigned i = 0; i < 8; i++)
        bench_keep_house(bench); /* a few pieces a call */
    assert_int_equal(bench->outputs[0].length, 300000);
    assert_int_equal(bench->outputs[0].gaps, 1);
    assert_int_equal(event(bench, EVENT_GAP_BYTES), 1);
    bench_destroy(bench);
}

/* One holder takes all there is; those that hold little keep it. */
static void the_pool_is_taken_from_the_greediest(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&(struct bench_sizes){64, 128, 1 << 20, 1 << 20});
    bench_handshake(bench);
    SEND(bench, .sequence = 1004, TEXT("def"));
    for (uint32_t i = 0; i < 40000; i++)
        SEND(bench, .client = 1, .sequence = 1000 + 2 * i, TEXT("y"));
    assert_true(event(bench, EVENT_HELD_BOUND) > 0);
    assert_true(bench->other_bytes > 0);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_output(bench, 0, "abcdef");
    assert_int_equal(bench->outputs[0].gaps, 0);
    bench_destroy(bench);
}

static void a_small_pool_holds_too(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&(struct bench_sizes){64, 128, 64 << 10, 64 << 10});
    bench_handshake(bench);
    SEND(bench, .client = 1, .sequence = 500, TEXT("other"));
    SEND(bench, .sequence = 1004, TEXT("def"));
    SEND(bench, .sequence = 1007, TEXT("ghi"));
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_output(bench, 0, "abcdefghi");
    assert_int_equal(event(bench, EVENT_HELD_BOUND), 0);
    bench_destroy(bench);
}

static void without_room_to_hold_nothing_is_waited_for(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&(struct bench_sizes){64, 1, 1 << 20, 1 << 20});
    bench_handshake(bench);
    SEND(bench, .client = 1, .sequence = 500, TEXT("took it")); /* the only extra */
    SEND(bench, .sequence = 1004, TEXT("def"));
    SEND(bench, .sequence = 1001, TEXT("abc"));
    SEND(bench, .sequence = 1007, TEXT("ghi"));
    assert_output(bench, 0, "defghi");
    assert_int_equal(bench->outputs[0].gaps, 1);
    assert_int_equal(event(bench, EVENT_HELD_BOUND), 1);
    bench_destroy(bench);
}

/* Segments of one byte, all of them early, in an order of a sender's choice. */
static void hold_single_bytes(const uint32_t *order, uint32_t count)
{
    struct bench *bench = bench_create(&(struct bench_sizes){64, 128, 200 << 20, 100 * (size_t)count});
    bench_handshake(bench);
    struct flow *flow = NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t byte = (uint8_t)(order[i] * 2654435761u >> 24);
        flow = SEND(bench, .sequence = 1002 + order[i], .payload = &byte, .length = 1);
    }
    const struct flow_extra *extra = flow_extra_find(bench->flows, &flow->directions[0]);
    assert_non_null(extra);
    assert_int_equal(bench->counters.held, count);
    assert_true(extra->held_memory <= 100 * count);
    assert_int_equal(event(bench, EVENT_HELD_BOUND), 0);
    SEND(bench, .sequence = 1001, TEXT("-"));
    assert_int_equal(bench->outputs[0].length, count + 1);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(bench->outputs[0].bytes[i + 1], (uint8_t)(i * 2654435761u >> 24));
    assert_int_equal(bench->counters.held, 0);
    assert_int_equal(extra->held_memory, 0);
    bench_destroy(bench);
}

static void many_single_bytes_cost_a_hundred_times_their_size_at_most(void **state)
{
    (void)state;
    const uint32_t count = 1 << 18;
    uint32_t *order = malloc(count * sizeof(*order));
    assert_non_null(order);
    for (uint32_t i = 0; i < count; i++)
        order[i] = count - 1 - i;
    hold_single_bytes(order, count);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i * 2654435761u % count; /* an odd number: each comes once */
    hold_single_bytes(order, count);
    free(order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_in_order_go_out_at_once_where_they_lie),
        cmocka_unit_test(early_bytes_wait_for_the_hole_to_fill),
        cmocka_unit_test(what_is_sent_again_is_counted_and_not_seen_twice),
        cmocka_unit_test(the_first_copy_of_a_byte_counts_and_a_conflict_is_marked),
        cmocka_unit_test(a_segment_that_spans_many_held_pieces_fills_all_holes),
        cmocka_unit_test(sequence_numbers_wrap),
        cmocka_unit_test(probes_of_a_silent_peer_are_no_data),
        cmocka_unit_test(a_hole_is_given_up_50_ms_after_its_acknowledgement),
        cmocka_unit_test(an_acknowledgement_seen_first_does_not_give_an_old_hole_up),
        cmocka_unit_test(half_a_tap_gives_holes_up_after_a_second),
        cmocka_unit_test(a_stray_segment_on_half_a_tap_does_not_blind_us),
        cmocka_unit_test(the_end_gives_everything_held),
        cmocka_unit_test(an_outage_of_gigabytes_is_survived),
        cmocka_unit_test(a_payload_cut_short_marks_a_gap_at_once),
        cmocka_unit_test(a_copy_held_of_what_was_cut_is_still_given),
        cmocka_unit_test(a_capture_that_lies_of_its_packets_length_does_not_blind_us),
        cmocka_unit_test(a_direction_that_holds_too_much_gives_its_hole_up),
        cmocka_unit_test(a_victims_long_run_goes_out_without_further_gaps),
        cmocka_unit_test(the_pool_is_taken_from_the_greediest),
        cmocka_unit_test(a_small_pool_holds_too),
        cmocka_unit_test(without_room_to_hold_nothing_is_waited_for),
        cmocka_unit_test(many_single_bytes_cost_a_hundred_times_their_size_at_most),
    };
    return cmocka_run_group_tests(tests, bench_start_eal, bench_stop_eal);
}

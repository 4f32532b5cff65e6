/* SPDX-License-Identifier: BSD-3-Clause */
/* What a segment's header says of the stream: SYN, FIN, RST, urgent data, and connections joined late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream_support.h"

/* ---- control bits ---- */

static void data_on_syn_and_fin_is_read(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    SEND(bench, .flags = TCP_SYN, .sequence = 1000, TEXT("abc"));
    SEND(bench, .flags = TCP_SYN, .sequence = 1000, TEXT("abc")); /* sent again */
    SEND(bench, .back = true, .flags = TCP_SYN | TCP_ACK, .sequence = 5000, .acknowledgement = 1004);
    struct flow *flow = SEND(bench, .flags = TCP_FIN, .sequence = 1004, TEXT("def"));
    assert_output(bench, 0, "abcdef");
    assert_true(flow->directions[0].flags & DIRECTION_FINISHED);
    assert_int_equal(flow->list, FLOW_ESTABLISHED);
    SEND(bench, .back = true, .flags = TCP_FIN, .sequence = 5001, .acknowledgement = 1008, TEXT("bye"));
    assert_int_equal(flow->list, FLOW_CLOSED);
    assert_output(bench, 1, "bye");
    assert_int_equal(event(bench, EVENT_PORT_REUSED), 0);
    bench_destroy(bench);
}

static void a_fin_ahead_of_a_hole_waits_for_it(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    struct flow *flow = SEND(bench, .flags = TCP_FIN, .sequence = 1004, TEXT("def"));
    assert_false(flow->directions[0].flags & DIRECTION_FINISHED);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_output(bench, 0, "abcdef");
    assert_true(flow->directions[0].flags & DIRECTION_FINISHED);
    bench_destroy(bench);
}

static void a_fin_out_of_window_is_not_believed(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    struct flow *flow = SEND(bench, .flags = TCP_FIN, .sequence = 1001 + (3u << 29));
    assert_int_equal(event(bench, EVENT_FIN_OUT_OF_WINDOW), 1);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_false(flow->directions[0].flags & DIRECTION_FINISHED);
    assert_output(bench, 0, "abc");
    bench_destroy(bench);
}

static void a_reset_closes_and_one_out_of_window_does_not(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    struct flow *flow = SEND(bench, .flags = TCP_RST, .sequence = 900);
    SEND(bench, .flags = TCP_RST, .sequence = 1001 + (3u << 29));
    assert_int_equal(event(bench, EVENT_RESET_OUT_OF_WINDOW), 2);
    assert_int_equal(flow->list, FLOW_ESTABLISHED);
    SEND(bench, .flags = TCP_RST, .sequence = 1001, TEXT("why"));
    assert_int_equal(event(bench, EVENT_RESET), 1);
    assert_int_equal(flow->list, FLOW_CLOSED);
    assert_output(bench, 0, ""); /* what a reset says is not the stream's */
    assert_int_equal(bytes(bench, BYTES_OUT_OF_WINDOW), 3);
    bench_destroy(bench);
}

static void a_bogus_reset_does_not_blind_us(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1001, TEXT("abc"));
    struct flow *flow = SEND(bench, .flags = TCP_RST, .sequence = 1004);
    SEND(bench, .sequence = 1004, TEXT("def"));
    assert_output(bench, 0, "abcdef");
    assert_int_equal(bench->outputs[0].gaps, 0);
    assert_int_equal(flow->list, FLOW_ESTABLISHED); /* its receiver didn't believe it either */
    bench_destroy(bench);
}

static void a_bogus_syn_does_not_cut_the_stream(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {0, 900, 1000 + 5000, 1001 + (1u << 30), 1001 - (1u << 30), 0x80000000u + 1004};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct bench *bench = bench_create_open();
        SEND(bench, .sequence = 1001, TEXT("abc"));
        SEND(bench, .flags = TCP_SYN, .sequence = numbers[i], .window_shift = 0, TEXT("junk"));
        assert_int_equal(event(bench, EVENT_SYN_OUT_OF_WINDOW), 1);
        SEND(bench, .flags = TCP_SYN | TCP_ACK, .sequence = numbers[i], .acknowledgement = 5001); /* nor this */
        assert_int_equal(event(bench, EVENT_SYN_OUT_OF_WINDOW), 2);
        acknowledge(bench, 1004); /* the server's challenge */
        SEND(bench, .sequence = 1004, TEXT("def"));
        assert_output(bench, 0, "abcdef");
        assert_int_equal(bench->outputs[0].gaps, 0);
        assert_int_equal(event(bench, EVENT_PORT_REUSED), 0);
        assert_int_equal(bytes(bench, BYTES_OUT_OF_WINDOW), 4);
        bench_destroy(bench);
    }
}

static void a_new_connection_on_living_ports_begins_when_the_server_agrees(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1001, TEXT("abc"));
    SEND(bench, .flags = TCP_SYN, .sequence = 900000);
    SEND(bench, .back = true, .flags = TCP_SYN | TCP_ACK, .sequence = 700000, .acknowledgement = 900001);
    assert_int_equal(event(bench, EVENT_PORT_REUSED), 1);
    assert_int_equal(bench->ended, 1);
    SEND(bench, .sequence = 900001, .acknowledgement = 700001, TEXT("new"));
    SEND(bench, .back = true, .sequence = 700001, .acknowledgement = 900004, TEXT("too"));
    assert_output(bench, 0, "abcnew");
    assert_output(bench, 1, "too");
    assert_int_equal(event(bench, EVENT_MIDSTREAM), 0);
    bench_destroy(bench);
}

/* Its opening was not believed, and the server's was lost to the tap. */
static void a_new_connection_without_its_opening_is_found_again(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1001, TEXT("abc"));
    uint32_t number = 0x90000000;
    SEND(bench, .flags = TCP_SYN, .sequence = number - 1);
    acknowledge(bench, number);
    SEND(bench, .sequence = number, TEXT("def"));
    bench->now_ns += 60 * MS;
    SEND(bench, .sequence = number + 3, TEXT("ghi"));
    assert_output(bench, 0, "abcdefghi");
    bench_destroy(bench);
}

/* RFC 9293 section 3.10.7.4: such a segment is dropped, so it must not be taken for the first copy. */
static void data_without_the_ack_bit_is_nobodys(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .bare = true, .flags = TCP_PSH, .sequence = 1001, TEXT("xyz"));
    SEND(bench, .bare = true, .flags = TCP_FIN, .sequence = 1001);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_output(bench, 0, "abc");
    assert_int_equal(bytes(bench, BYTES_OUT_OF_WINDOW), 3);
    bench_destroy(bench);
}

static void the_urgent_byte_is_taken_out_of_the_stream(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .flags = TCP_URG, .urgent_pointer = 3, .sequence = 1001, TEXT("ab!cd"));
    assert_output(bench, 0, "abcd");
    SEND(bench, .sequence = 1008, TEXT("gh"));
    SEND(bench, .flags = TCP_URG, .urgent_pointer = 1, .sequence = 1006, TEXT("!f")); /* into a hole */
    assert_output(bench, 0, "abcdfgh");
    SEND(bench, .flags = TCP_URG, .urgent_pointer = 1, .sequence = 1006, TEXT("!f")); /* sent again */
    SEND(bench, .flags = TCP_URG, .urgent_pointer = 9, .sequence = 1010, TEXT("ij")); /* beyond this segment */
    SEND(bench, .sequence = 1012, TEXT("klmnopqrst"));
    assert_output(bench, 0, "abcdfghijklmnoprst");
    assert_int_equal(bytes(bench, BYTES_URGENT), 3);
    assert_int_equal(event(bench, EVENT_URGENT), 4);
    bench_destroy(bench);
}

/* On half of a tap nobody acknowledges, so that the stream's own numbers are all there is. */
static void what_is_sent_again_after_urgent_bytes_is_known_again(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    SEND(bench, .flags = TCP_SYN, .sequence = 1000);
    SEND(bench, .flags = TCP_URG, .urgent_pointer = 1, .sequence = 1001, TEXT("!a"));
    SEND(bench, .flags = TCP_URG, .urgent_pointer = 2, .sequence = 1003, TEXT("b!c"));
    assert_output(bench, 0, "abc");
    SEND(bench, .flags = TCP_SYN, .sequence = 1000);
    SEND(bench, .sequence = 1001, TEXT("!ab!c"));
    SEND(bench, .sequence = 1006, TEXT("def"));
    bench->now_ns += 60 * MS;
    SEND(bench, .sequence = 1009, TEXT("g"));
    assert_output(bench, 0, "abcdefg");
    assert_int_equal(event(bench, EVENT_PORT_REUSED), 0);
    assert_int_equal(bytes(bench, BYTES_RETRANSMITTED), 5);
    assert_int_equal(bytes(bench, BYTES_OUT_OF_WINDOW), 0);
    assert_int_equal(bytes(bench, BYTES_URGENT), 2);
    assert_int_equal(bench->outputs[0].gaps, 0);
    flow_extra_release(bench->flows, &bench->flow->directions[0]); /* as at a connection's end */
    SEND(bench, .sequence = 1001, TEXT("!ab!c"));
    assert_int_equal(bytes(bench, BYTES_RETRANSMITTED), 10);
    assert_int_equal(bytes(bench, BYTES_OUT_OF_WINDOW), 0);
    bench_destroy(bench);
}

static void what_is_out_of_window_is_counted_so(void **state)
{
    (void)state;
    struct bench *bench = bench_create_open();
    SEND(bench, .sequence = 1001 + (1u << 30) + (1u << 20), TEXT("far"));
    SEND(bench, .sequence = 1001u - 5000, TEXT("before"));
    assert_int_equal(bytes(bench, BYTES_OUT_OF_WINDOW), 9);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_output(bench, 0, "abc");
    bench_destroy(bench);
}

/* ---- joined late ---- */

static void a_stream_joined_midway_begins_with_the_lowest_of_the_first_50_ms(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    struct flow *flow = SEND(bench, .sequence = 9007, TEXT("ghi"));
    bench->now_ns += 20 * MS;
    SEND(bench, .sequence = 9001, TEXT("abc"));
    bench->now_ns += 20 * MS;
    SEND(bench, .sequence = 9004, TEXT("def"));
    bench->now_ns += 10 * MS;
    bench_keep_house(bench);
    assert_output(bench, 0, "");
    assert_int_equal(bench->counters.held, 9);
    bench->now_ns += MS;
    bench_keep_house(bench);
    assert_output(bench, 0, "abcdefghi");
    assert_int_equal(event(bench, EVENT_MIDSTREAM), 1);
    assert_int_equal(event(bench, EVENT_GAPS), 0);
    assert_true(flow->flags & FLOW_MIDSTREAM);
    assert_false(flow->flags & FLOW_CLIENT_KNOWN);
    SEND(bench, .sequence = 9010, TEXT("jkl")); /* from now on at once */
    assert_output(bench, 0, "abcdefghijkl");
    SEND(bench, .sequence = 8990, TEXT("before it was joined")); /* sent again: old */
    SEND(bench, .sequence = 9013, TEXT("mno"));
    assert_output(bench, 0, "abcdefghijklmno");
    bench_destroy(bench);
}

static void a_syn_seen_late_tells_where_the_stream_begins(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    SEND(bench, .sequence = 1004, TEXT("def"));
    SEND(bench, .sequence = 1001, TEXT("abc"));
    SEND(bench, .flags = TCP_SYN, .sequence = 1000);
    assert_output(bench, 0, "abcdef");
    assert_int_equal(event(bench, EVENT_MIDSTREAM), 0);
    bench_destroy(bench);
}

static void a_fin_seen_while_a_direction_settles_ends_it(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    struct flow *flow = SEND(bench, .flags = TCP_FIN, .sequence = 9004, .acknowledgement = 7000, TEXT("def"));
    SEND(bench, .sequence = 9001, .acknowledgement = 7000, TEXT("abc")); /* it overtook this one */
    bench->now_ns += 60 * MS;
    SEND(bench, .back = true, .flags = TCP_FIN, .sequence = 7000, .acknowledgement = 9008); /* nothing but a FIN */
    assert_output(bench, 0, "abcdef");
    assert_true(flow->directions[0].flags & DIRECTION_FINISHED);
    assert_false(flow->directions[1].flags & DIRECTION_FINISHED);
    bench->now_ns += 60 * MS;
    SEND(bench, .sequence = 9008, .acknowledgement = 7001);
    assert_true(flow->directions[1].flags & DIRECTION_FINISHED);
    assert_int_equal(flow->list, FLOW_CLOSED);
    bench_destroy(bench);
}

static void data_that_a_lone_fin_overtook_is_still_read(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    struct flow *flow = SEND(bench, .flags = TCP_FIN, .sequence = 9007);
    bench->now_ns += 40 * MS;
    SEND(bench, .sequence = 9001, TEXT("abcdef"));
    bench->now_ns += 40 * MS;
    SEND(bench, .sequence = 9001);
    assert_output(bench, 0, "");
    bench->now_ns += 40 * MS;
    SEND(bench, .sequence = 9001);
    assert_output(bench, 0, "abcdef");
    assert_true(flow->directions[0].flags & DIRECTION_FINISHED);
    bench_destroy(bench);
}

static void a_fin_before_what_a_settled_stream_begins_with_is_not_its_own(void **state)
{
    (void)state;
    struct bench *bench = bench_create(NULL);
    struct flow *flow = SEND(bench, .flags = TCP_FIN, .sequence = 8000);
    SEND(bench, .sequence = 9001, TEXT("abc"));
    bench->now_ns += 60 * MS;
    SEND(bench, .sequence = 9004, TEXT("def"));
    assert_output(bench, 0, "abcdef");
    assert_false(flow->directions[0].flags & DIRECTION_FINISHED);
    bench_destroy(bench);

    bench = bench_create(NULL);
    flow = SEND(bench, .flags = TCP_FIN, .sequence = 900);
    SEND(bench, .flags = TCP_SYN, .sequence = 1000);
    SEND(bench, .sequence = 1001, TEXT("abc"));
    assert_output(bench, 0, "abc");
    assert_false(flow->directions[0].flags & DIRECTION_FINISHED);
    bench_destroy(bench);
}

static void a_wrong_start_is_mended_when_the_sender_disagrees(void **state)
{
    (void)state;
    static const uint32_t numbers[] = {2000, 1001u - 5000, 0x90000000};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct bench *bench = bench_create(NULL);
        SEND(bench, .flags = TCP_SYN, .sequence = numbers[i]); /* of whoever */
        SEND(bench, .sequence = 1001, .acknowledgement = 5001, TEXT("abc"));
        acknowledge(bench, 1004);
        bench->now_ns += 60 * MS;
        SEND(bench, .sequence = 1004, .acknowledgement = 5001, TEXT("def"));
        bench->now_ns += 60 * MS;
        SEND(bench, .sequence = 1007, .acknowledgement = 5001, TEXT("ghi"));
        assert_output(bench, 0, "abcdefghi");
        bench_destroy(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_on_syn_and_fin_is_read),
        cmocka_unit_test(a_fin_ahead_of_a_hole_waits_for_it),
        cmocka_unit_test(a_fin_out_of_window_is_not_believed),
        cmocka_unit_test(a_reset_closes_and_one_out_of_window_does_not),
        cmocka_unit_test(a_bogus_reset_does_not_blind_us),
        cmocka_unit_test(a_bogus_syn_does_not_cut_the_stream),
        cmocka_unit_test(a_new_connection_on_living_ports_begins_when_the_server_agrees),
        cmocka_unit_test(a_new_connection_without_its_opening_is_found_again),
        cmocka_unit_test(data_without_the_ack_bit_is_nobodys),
        cmocka_unit_test(the_urgent_byte_is_taken_out_of_the_stream),
        cmocka_unit_test(what_is_sent_again_after_urgent_bytes_is_known_again),
        cmocka_unit_test(what_is_out_of_window_is_counted_so),
        cmocka_unit_test(a_stream_joined_midway_begins_with_the_lowest_of_the_first_50_ms),
        cmocka_unit_test(a_syn_seen_late_tells_where_the_stream_begins),
        cmocka_unit_test(a_fin_seen_while_a_direction_settles_ends_it),
        cmocka_unit_test(data_that_a_lone_fin_overtook_is_still_read),
        cmocka_unit_test(a_fin_before_what_a_settled_stream_begins_with_is_not_its_own),
        cmocka_unit_test(a_wrong_start_is_mended_when_the_sender_disagrees),
    };
    return cmocka_run_group_tests(tests, bench_start_eal, bench_stop_eal);
}

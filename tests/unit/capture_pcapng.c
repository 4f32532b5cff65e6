/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture_support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void sections_and_interfaces_may_all_differ(void **state)
{
    (void)state;
    struct file file = {0};
    struct file options = {0};
    put_section(&file);
    put_option(&options, 2, "eth0", 4);
    put_interface(&file, ETHERNET, 262144, &options);
    put_interface(&file, 276, 96, NULL);
    put_enhanced(&file, 1, 1700000000000001, 96, 1500);
    put_enhanced(&file, 0, 1700000000000002, 60, 60);
    file.big = options.big = true; /* the next section, from a machine of another kind */
    options.length = 0;
    put_option(&options, 2, "w\xc3\xa4n\n0", 6);
    put_section(&file);
    put_interface(&file, 101, 0, &options);
    put_enhanced(&file, 0, 1700000000000003, 33, 33);

    struct received received;
    receive_file(&received, &file);
    assert_string_equal(received.messages, "");
    assert_int_equal(received.count, 3);
    static const struct {
        enum link_type link_type;
        const char *name;
        uint32_t length, wire;
    } expected[] = {{LINK_LINUX_SLL2, "", 96, 1500}, {LINK_ETHERNET, "eth0", 60, 60}, {LINK_RAW, "w\?\?n?0", 33, 33}};
    for (unsigned i = 0; i < 3; i++) {
        const struct capture_port *port = capture_port(received.packets[i].port);
        assert_int_equal(port->link_type, expected[i].link_type);
        assert_string_equal(port->name, expected[i].name);
        assert_int_equal(received.packets[i].length, expected[i].length);
        assert_int_equal(received.packets[i].wire, expected[i].wire);
        assert_true(received.packets[i].time_ns == UINT64_C(1700000000000001000) + 1000 * i);
        assert_pattern(&received.packets[i]);
    }
    received_free(&received);
    file_free(&options);
    file_free(&file);
}

/* Expected times: Python's integers, floor(ticks * 10^9 / units a second) + offset * 10^9, within 0 .. 2^64 - 1. */
static void ticks_of_any_resolution_become_nanoseconds(void **state)
{
    (void)state;
    static const struct {
        uint8_t resolution;
        int64_t offset_s;
        uint64_t ticks, expected;
    } cases[] = {
        {0, 0, 1700000000, 1700000000000000000},
        {3, 0, 1700000000123, 1700000000123000000},
        {6, 0, 1700000000123456, 1700000000123456000},
        {9, 0, 1700000000123456789, 1700000000123456789},
        {12, 0, 17000000001234567890u, 17000000001234567},
        {28, 0, 18446744073709551615u, 1},
        {29, 0, 18446744073709551615u, 0},
        {127, 0, 18446744073709551615u, 0},
        {0x80, 0, 1700000000, 1700000000000000000},
        {0x80 | 10, 0, 1740800000512, 1700000000500000000},
        {0x80 | 32, 0, 7301444405347483647, 1700000000499999999},
        {0x80 | 63, 0, 18446744073709551615u, 1999999999},
        {0x80 | 127, 0, 18446744073709551615u, 0},
        {0, 0, 18446744073709551615u, 18446744073709551615u},
        {9, 1600000000, 100000000123456789, 1700000000123456789},
        {6, -100, 1700000100123456, 1700000000123456000},
        {6, -5, 4000000, 0},
        {6, INT64_MIN, 1, 0},
        {0, INT64_MAX, 18446744073709551615u, 18446744073709551615u},
    };
    struct file file = {0};
    put_section(&file);
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        struct file options = {0};
        put_option(&options, 9, &cases[i].resolution, 1);
        put_option(&options, 14, &cases[i].offset_s, 8);
        put_interface(&file, ETHERNET, 0, &options);
        put_enhanced(&file, i, cases[i].ticks, 60, 60);
        file_free(&options);
    }
    struct received received;
    receive_file(&received, &file);
    assert_int_equal(received.count, RTE_DIM(cases));
    for (unsigned i = 0; i < RTE_DIM(cases); i++)
        if (received.packets[i].time_ns != cases[i].expected)
            fail_msg("case %u: %" PRIu64 " rather than %" PRIu64, i, received.packets[i].time_ns, cases[i].expected);
    received_free(&received);
    file_free(&file);
}

static void simple_and_obsolete_packet_blocks_are_read(void **state)
{
    (void)state;
    struct file file = {0}, body = {0};
    put_section(&file);
    put_interface(&file, ETHERNET, 64, NULL);
    put_enhanced(&file, 0, 4000000, 0, 0);
    put_32(&body, 1500); /* simple: the length on the wire, and as much as the snap length allows */
    put_pattern(&body, 64, 1500);
    put_block(&file, 3, body.bytes, (uint32_t)body.length);
    body.length = 0;
    put_32(&body, 33); /* shorter than the snap length */
    put_pattern(&body, 33, 33);
    put_block(&file, 3, body.bytes, (uint32_t)body.length);
    body.length = 0;
    put_16(&body, 0); /* obsolete: interface, drops, time, lengths */
    put_16(&body, 77);
    put_32(&body, 0);
    put_32(&body, 5000000);
    put_32(&body, 10);
    put_32(&body, 20);
    put_pattern(&body, 10, 20);
    put_block(&file, 2, body.bytes, (uint32_t)body.length);

    struct received received;
    receive_file(&received, &file);
    assert_string_equal(received.messages, "");
    assert_int_equal(received.count, 4);
    static const uint32_t lengths[] = {0, 64, 33, 10}, wires[] = {0, 1500, 33, 20};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(received.packets[i].length, lengths[i]);
        assert_int_equal(received.packets[i].wire, wires[i]);
        assert_pattern(&received.packets[i]);
    }
    assert_true(received.packets[2].time_ns == 4000000000); /* it has no time of its own: the one before it */
    assert_true(received.packets[3].time_ns == 5000000000);
    received_free(&received);
    file_free(&body);
    file_free(&file);
}

static void blocks_that_say_nothing_to_us_are_passed_over_however_long(void **state)
{
    (void)state;
    struct file file = {0}, large = {0}, options = {0};
    put_pattern(&large, 3000001, 9);
    put_section(&file);
    put_block(&file, 0x80000bad, "abc", 3);
    put_pattern(&options, 0, 0);
    put_option(&options, 1, large.bytes, 60000); /* a comment before the name */
    put_option(&options, 2, "eth1", 4);
    put_interface(&file, ETHERNET, 0, &options);
    put_block(&file, 4, NULL, 0); /* name resolution */
    put_enhanced(&file, 0, 1, 60, 60);
    put_block(&file, 10, large.bytes, (uint32_t)large.length); /* decryption secrets */
    put_enhanced(&file, 0, 2, 61, 61);
    struct received received;
    receive_file(&received, &file);
    assert_string_equal(received.messages, "");
    assert_int_equal(received.count, 2);
    assert_pattern(&received.packets[0]);
    assert_pattern(&received.packets[1]);
    assert_string_equal(capture_port(received.packets[1].port)->name, "eth1");
    received_free(&received);
    file_free(&options);
    file_free(&large);
    file_free(&file);
}

static void a_description_longer_than_a_block_does_not_stop_the_file(void **state)
{
    (void)state;
    struct file file = {0}, large = {0}, options = {0};
    put_pattern(&large, 65532, 9);
    put_option(&options, 2, "eth2", 4);
    for (unsigned i = 0; i < 20; i++) /* 1.3 MB */
        put_option(&options, 1, large.bytes, 65532);
    put_section(&file);
    put_interface(&file, ETHERNET, 0, &options);
    put_enhanced(&file, 0, 1, 60, 60);
    struct received received;
    receive_file(&received, &file);
    assert_string_equal(received.messages, "");
    assert_int_equal(received.count, 1);
    assert_string_equal(capture_port(received.packets[0].port)->name, "eth2");
    received_free(&received);
    file_free(&options);
    file_free(&large);
    file_free(&file);
}

static void an_option_that_runs_out_of_its_block_is_not_read(void **state)
{
    (void)state;
    struct file file = {0}, body = {0};
    put_section(&file);
    put_16(&body, 229);
    put_16(&body, 0);
    put_32(&body, 0);
    put_16(&body, 2); /* a name of 60 bytes, of which the block holds four */
    put_16(&body, 60);
    put(&body, "name", 4);
    put_block(&file, 1, body.bytes, (uint32_t)body.length);
    put_enhanced(&file, 0, 1, 60, 60);
    struct received received;
    receive_file(&received, &file);
    assert_int_equal(received.count, 1);
    assert_string_equal(capture_port(received.packets[0].port)->name, "");
    received_free(&received);
    file_free(&body);
    file_free(&file);
}

/* Each is written behind a good packet, and followed by another that must not be believed. */
static void a_damaged_block_ends_its_file_with_a_warning(void **state)
{
    (void)state;
    static const struct {
        uint32_t type, total;
        uint32_t body[6];
        uint32_t trailer;
        const char *said;
    } cases[] = {
        {6, 36, {0, 0, 0, 4, 4, 0}, 40, "not the same"},
        {6, 28, {0, 0, 0, 0, 0, 0}, 28, "shorter than its fields"},
        {6, 36, {0, 0, 0, 5, 5, 0}, 36, "longer than its block"},
        {6, 0xfffffff0, {0, 0, 0, 262145, 262145, 0}, 36, "262144"},
        {6, 36, {1, 0, 0, 4, 4, 0}, 36, "not described"},
        {2, 36, {1, 0, 0, 4, 4, 0}, 36, "not described"},
        {3, 36, {21, 0, 0, 0, 0, 0}, 36, "longer than its block"},
        {3, 12, {0, 0, 0, 0, 0, 0}, 12, "shorter than its fields"},
        {1, 16, {0, 0, 0, 0, 0, 0}, 16, "shorter than its fields"},
        {7, 8, {0, 0, 0, 0, 0, 0}, 8, "shorter than its own header"},
        {0x0a0d0d0a, 36, {0x12345678, 1, 0, 0, 0, 0}, 36, "byte-order magic"},
        {0x0a0d0d0a, 36, {0x1a2b3c4d, 2, 0, 0, 0, 0}, 36, "version"},
        {0x0a0d0d0a, 24, {0x1a2b3c4d, 1, 0, 0, 0, 0}, 24, "shorter than its fields"},
    };
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        struct file file = {0};
        put_section(&file);
        put_interface(&file, ETHERNET, 0, NULL);
        put_enhanced(&file, 0, 1, 60, 60);
        size_t damage = file.length;
        put_32(&file, cases[i].type);
        put_32(&file, cases[i].total);
        for (unsigned j = 0; j < 6; j++)
            put_32(&file, cases[i].body[j]);
        put_32(&file, cases[i].trailer);
        put_32(&file, 0);
        put_enhanced(&file, 0, 2, 61, 61);
        struct received received;
        receive_file(&received, &file);
        assert_int_equal(received.packets[0].length, 60);
        assert_int_equal(received.count, i == 0 ? 2 : 1); /* the first case's packet was whole */
        assert_int_equal(received.summary.files_cut, 1);
        assert_int_equal(count_of(received.messages, "\n"), 1);
        assert_says(&received, cases[i].said);
        char place[64];
        snprintf(place, sizeof(place), "packet 2, in what begins at byte %zu:", damage);
        assert_says(&received, place);
        received_free(&received);
        file_free(&file);
    }
}

static void an_interface_is_the_same_port_in_the_next_file(void **state)
{
    (void)state;
    struct file file = {0}, options = {0};
    put_option(&options, 2, "wan7", 4);
    put_section(&file);
    put_interface(&file, 113, 0, NULL);
    put_interface(&file, ETHERNET, 0, &options);
    put_interface(&file, 113, 0, &options);
    put_enhanced(&file, 0, 1, 60, 60);
    put_enhanced(&file, 1, 1, 60, 60);
    put_enhanced(&file, 2, 1, 60, 60);
    const char *path = store("rotated", file.bytes, file.length);
    const char *paths[] = {path, path};
    struct received received;
    receive_paths(&received, paths, 2);
    assert_int_equal(received.count, 6);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(received.packets[i].port, received.packets[i + 3].port);
        assert_int_not_equal(received.packets[i].port, received.packets[(i + 1) % 3].port);
    }
    received_free(&received);
    file_free(&options);
    file_free(&file);
}

/* The last test here: it fills the table of ports, which is the process's. */
static void as_many_interfaces_as_there_are_ports_are_read_and_no_more(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct file file = {0};
        put_section(&file);
        size_t last = 0;
        for (unsigned i = 0; i < CAPTURE_PORTS_MAX + more; i++) {
            last = file.length;
            put_interface(&file, ETHERNET, 0, NULL);
        }
        put_enhanced(&file, CAPTURE_PORTS_MAX - 1, 1, 60, 60);
        struct received received;
        receive_file(&received, &file);
        assert_int_equal(received.count, 1 - more);
        char place[64];
        snprintf(place, sizeof(place), "byte %zu: more than 4096 interfaces in a section;", last);
        assert_int_equal(strstr(received.messages, place) != NULL, more);
        received_free(&received);
        file_free(&file);
    }

    struct file file = {0};
    put_section(&file);
    for (unsigned i = 0; i < CAPTURE_PORTS_MAX; i++) {
        struct file options = {0};
        char name[16];
        put_option(&options, 2, name, (uint16_t)snprintf(name, sizeof(name), "if%u", i));
        put_interface(&file, ETHERNET, 0, &options);
        file_free(&options);
    }
    put_enhanced(&file, 0, 1, 60, 60);
    put_enhanced(&file, CAPTURE_PORTS_MAX - 1, 1, 60, 60); /* ports of earlier files are in the table, too */
    put_enhanced(&file, CAPTURE_PORTS_MAX - 1, 1, 60, 60);
    struct received received;
    receive_file(&received, &file);
    assert_int_equal(received.count, 1);
    assert_int_equal(received.summary.unsupported_packets, 2);
    assert_int_equal(count_of(received.messages, "more than 4096 different interfaces"), 1);
    received_free(&received);
    file_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_and_interfaces_may_all_differ),
        cmocka_unit_test(ticks_of_any_resolution_become_nanoseconds),
        cmocka_unit_test(simple_and_obsolete_packet_blocks_are_read),
        cmocka_unit_test(blocks_that_say_nothing_to_us_are_passed_over_however_long),
        cmocka_unit_test(a_description_longer_than_a_block_does_not_stop_the_file),
        cmocka_unit_test(an_option_that_runs_out_of_its_block_is_not_read),
        cmocka_unit_test(a_damaged_block_ends_its_file_with_a_warning),
        cmocka_unit_test(an_interface_is_the_same_port_in_the_next_file),
        cmocka_unit_test(as_many_interfaces_as_there_are_ports_are_read_and_no_more),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Filters by address and port: an independent reading of addresses (the C library's), and both directions alike. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bearertap/filter.h>
#include <bearertap/packet.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct endpoints connection(const char *source, uint16_t source_port, const char *destination,
                                   uint16_t destination_port)
{
    struct endpoints endpoints = {.source_port = source_port, .destination_port = destination_port};
    int family = strchr(source, ':') != NULL ? AF_INET6 : AF_INET;
    endpoints.ip_version = family == AF_INET ? 4 : 6;
    assert_int_equal(inet_pton(family, source, endpoints.source), 1);
    assert_int_equal(inet_pton(family, destination, endpoints.destination), 1);
    return endpoints;
}

static void add_prefix(struct filter_rule *rule, const char *text)
{
    assert_true(filter_prefix_read(text, &rule->prefixes[rule->prefixes_count++]));
}

static void add_ports(struct filter_rule *rule, const char *text)
{
    assert_true(filter_ports_read(text, &rule->ports[rule->ports_count++]));
}

/* The same answer for both directions. */
static bool passes(const struct filter *filter, const char *source, uint16_t source_port, const char *destination,
                   uint16_t destination_port)
{
    struct endpoints there = connection(source, source_port, destination, destination_port);
    struct endpoints back = connection(destination, destination_port, source, source_port);
    bool answer = filter_passes(filter, &there);
    assert_int_equal(filter_passes(filter, &back), answer);
    return answer;
}

static void a_filter_without_rules_passes_all(void **state)
{
    (void)state;
    static const struct filter filter;
    assert_true(filter_is_empty(&filter));
    assert_true(passes(&filter, "10.0.0.1", 1, "10.0.0.2", 2));
    assert_true(passes(&filter, "::1", 1, "::2", 2));
}

static void a_rule_speaks_of_one_end(void **state)
{
    (void)state;
    struct filter *filter = calloc(1, sizeof(*filter));
    filter->include.count = 1;
    add_prefix(&filter->include.rules[0], "10.0.0.0/8");
    add_prefix(&filter->include.rules[0], "2001:db8::/32");
    add_ports(&filter->include.rules[0], "443-443");
    add_ports(&filter->include.rules[0], "8000-8999");
    assert_true(passes(filter, "192.0.2.1", 50000, "10.0.0.1", 443));
    assert_true(passes(filter, "192.0.2.1", 50000, "10.255.255.255", 8999));
    assert_true(passes(filter, "192.0.2.1", 50000, "10.0.0.1", 8000));
    assert_true(passes(filter, "2001:db9::1", 50000, "2001:db8:ffff::1", 443));
    assert_false(passes(filter, "192.0.2.1", 50000, "10.0.0.1", 9000));
    assert_false(passes(filter, "192.0.2.1", 50000, "11.0.0.1", 443));
    assert_false(passes(filter, "10.0.0.1", 50000, "192.0.2.1", 443)); /* the port is the other end's */
    assert_false(passes(filter, "2001:db9::1", 50000, "2001:db7:ffff::1", 443));
    free(filter);
}

static void what_is_excluded_is_so_whatever_includes_it(void **state)
{
    (void)state;
    struct filter *filter = calloc(1, sizeof(*filter));
    filter->include.count = filter->exclude.count = 1;
    add_prefix(&filter->include.rules[0], "10.0.0.0/8");
    add_prefix(&filter->exclude.rules[0], "10.9.9.9");
    assert_true(passes(filter, "10.9.9.8", 1, "10.0.0.1", 2));
    assert_false(passes(filter, "10.9.9.9", 1, "10.0.0.1", 2));
    memset(&filter->include, 0, sizeof(filter->include));
    assert_true(passes(filter, "192.0.2.1", 1, "192.0.2.2", 2));
    assert_false(passes(filter, "192.0.2.1", 1, "10.9.9.9", 2));
    free(filter);
}

/* Of each length the last address within and the first beyond, by arithmetic on numbers. */
static void a_prefix_covers_its_addresses_and_no_other(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 32; bits++) {
        char text[64], inside[64], outside[64];
        uint32_t base = 0xAC155AA5,
                 size_less_one = bits == 0 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << (32 - bits)) - 1);
        struct in_addr last = {htonl(base | size_less_one)}, beyond = {htonl((base | size_less_one) + 1)};
        struct in_addr given = {htonl(base)};
        struct filter *filter = calloc(1, sizeof(*filter));
        filter->include.count = 1;
        inet_ntop(AF_INET, &given, text, sizeof(text));
        snprintf(text + strlen(text), 8, "/%u", bits);
        add_prefix(&filter->include.rules[0], text);
        inet_ntop(AF_INET, &last, inside, sizeof(inside));
        inet_ntop(AF_INET, &beyond, outside, sizeof(outside));
        assert_true(passes(filter, inside, 1, "0.0.0.0", 2));
        if (bits > 0 && base + size_less_one + 1 > base)
            assert_false(passes(filter, outside, 1, "0.0.0.0", 2));
        assert_int_equal(passes(filter, "::", 1, "::", 2), 0); /* IPv6 is another matter, /0 too */
        free(filter);
    }
}

static void what_is_no_prefix_is_refused(void **state)
{
    (void)state;
    static const char *const good[] = {"0.0.0.0/0", "255.255.255.255/32", "::/0", "::1", "::ffff:10.0.0.1/128"};
    static const char *const bad[] = {"",
                                      "/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "10.0.0.0/08",
                                      "10.0.0.0/+8",
                                      "10.0.0.0/8 ",
                                      " 10.0.0.0",
                                      "10.0.0",
                                      "10.0.0.256",
                                      "::/129",
                                      "1::2::3",
                                      "host",
                                      "fe80::1%1",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/99999999999999999999",
                                      "0000000000000000000000000000000000000000000000000000000000000000000000001"};
    struct filter_prefix prefix;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(filter_prefix_read(good[i], &prefix));
    for (size_t i = 0; i < COUNT(bad); i++)
        if (filter_prefix_read(bad[i], &prefix))
            fail_msg("%s", bad[i]);
}

static void what_is_no_range_of_ports_is_refused(void **state)
{
    (void)state;
    static const char *const good[] = {"1-1", "1-65535", "65535-65535", "80-443"};
    static const char *const bad[] = {"",     "-",     "1",    "0-1",  "2-1",   "1-65536", "-1-2",
                                      "1--2", "1-2-3", "01-2", "1- 2", "1-2\n", "a-b",     "1-99999999999999999999"};
    struct filter_ports ports;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(filter_ports_read(good[i], &ports));
    for (size_t i = 0; i < COUNT(bad); i++)
        if (filter_ports_read(bad[i], &ports))
            fail_msg("%s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filter_without_rules_passes_all),
        cmocka_unit_test(a_rule_speaks_of_one_end),
        cmocka_unit_test(what_is_excluded_is_so_whatever_includes_it),
        cmocka_unit_test(a_prefix_covers_its_addresses_and_no_other),
        cmocka_unit_test(what_is_no_prefix_is_refused),
        cmocka_unit_test(what_is_no_range_of_ports_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

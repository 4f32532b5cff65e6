/* SPDX-License-Identifier: BSD-3-Clause */
/* A port whose device is isolated: it gives what the filter includes, and leaves the rest to the host. */
#include "capture_support.h"
#include "filter_support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void an_isolated_device_gives_tcp_that_is_included_and_nothing_else(void **state)
{
    (void)state;
    unsigned sent[ANSWERS] = {0};
    for (unsigned i = 0; i < FILTERS; i++) {
        struct filter filter, included;
        random_filter(&filter);
        included = filter;
        included.exclude.count = 0; /* software sees to these */
        nics[0] = nic_filtering();
        nics[0].no_priorities = nics[0].no_fragments = true;
        nics[0].no_last = below(2) == 1;
        struct ports *ports = open_ports(&filter, HARDWARE_FILTER_ISOLATE, 1, 1 + below(4));
        assert_in_force(ports, "isolate, by ", " rule");
        for (unsigned n = 0; n < FRAMES; n++) {
            struct connection connection;
            struct frame frame;
            random_connection(&connection);
            enum shape shape = random_shape(&connection);
            make_frame(&frame, &connection, shape);
            enum answer answer = answer_in_software(&included, &frame);
            bool came = nic_receive_frame(0, frame.bytes, frame.length) != NIC_KEPT_OUT;
            /* The first fragment has a header of TCP, so it comes with its connection. */
            if (shape != FIRST_FRAGMENT)
                assert_int_equal(came, answer == PASSES && shape != TAGGED);
            assert_int_equal(take_all(ports), came);
            sent[answer]++;
        }
        struct port_statistics statistics;
        ports_watch(ports);
        ports_statistics(ports, 0, &statistics);
        assert_false(statistics.filtered_is_known); /* what it leaves to the host */
        ports_close(ports);
        assert_int_equal(nics[0].rules, 0);
    }
    for (unsigned answer = 0; answer < RTE_DIM(sent); answer++)
        assert_true(sent[answer] > FILTERS * FRAMES / 20);
}

static void without_a_filter_an_isolated_device_gives_all_tcp(void **state)
{
    (void)state;
    static const struct filter none;
    nics[0] = nic_filtering();
    struct ports *ports = open_ports(&none, HARDWARE_FILTER_ISOLATE, 1, 1);
    assert_in_force(ports, "isolate, by 2 rules", "");
    for (enum shape shape = PLAIN; shape < SHAPES; shape++)
        for (unsigned family = 0; family < 2; family++) {
            struct connection connection = {"10.0.0.1", "10.0.0.2", 1024, 22, false};
            struct connection of_6 = {"2001:db8::1", "2001:db8::2", 1024, 22, true};
            struct frame frame;
            make_frame(&frame, family == 0 ? &connection : &of_6, shape);
            bool is_tcp = shape == PLAIN || shape == FIRST_FRAGMENT || shape == EXTENDED;
            assert_int_equal(nic_receive_frame(0, frame.bytes, frame.length) != NIC_KEPT_OUT, is_tcp);
            assert_int_equal(take_all(ports), is_tcp);
        }
    ports_close(ports);
}

static void both_directions_meet_on_an_isolated_device(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    for (unsigned i = 0; i < 4; i++) {
        bool by_flow = i % 2 == 1;
        nics[0] = nic_filtering();
        nics[0].flow_rules = by_flow;
        nics[0].key_by_update = nics[0].key_at_configure = false; /* RSS of its own has no effect there */
        nics[0].hides_key = true;
        nics[0].table_size = i / 2 == 1 ? 0 : 512;
        struct ports *ports = open_ports(&filter, HARDWARE_FILTER_ISOLATE, 1, 4);
        assert_int_equal(ports_sources_count(ports), 4);
        struct port_description description;
        ports_describe(ports, 0, &description);
        assert_non_null(strstr(description.rss_in_force, by_flow ? "by rte_flow" : "symmetric key"));
        assert_connections_meet(ports, 1);
        ports_close(ports);
    }
}

static void refuse_ranges(struct nic *nic)
{
    nic->no_last = nic->no_masks = true;
}

static void have_little_room(struct nic *nic)
{
    nic->rules_max = 5;
}

static void refuse_isolation(struct nic *nic)
{
    nic->no_isolation = true;
}

static void what_is_refused_of_isolation_ends_it(void **state)
{
    (void)state;
    static const struct {
        void (*make)(struct nic *nic);
        const char *says;
    } cases[] = {
        {refuse_isolation, "the device refused isolated mode (no such mode)"},
        {refuse_ranges, "(masks not supported)"},
        {have_little_room, "(no room)"},
    };
    struct filter filter;
    usual_filter(&filter);
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        nics[0] = nic_filtering();
        cases[i].make(&nics[0]);
        struct ports *ports = open_ports(&filter, HARDWARE_FILTER_ISOLATE, 1, 4);
        assert_in_force(ports, "in software: ", cases[i].says);
        assert_false(nics[0].isolated);
        assert_int_equal(nics[0].rules, 0);
        assert_int_equal(ports_sources_count(ports), 4);
        assert_connections_meet(ports, 1);
        ports_close(ports);
    }
}

static void a_device_that_cannot_leave_isolation_is_an_error_and_no_silence(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    nics[0] = nic_filtering();
    nics[0].keeps_isolated = nics[0].no_last = nics[0].no_masks = true;
    struct port_options option = {
        .device = "net_ring0", .descriptors = 256, .hardware_filter = HARDWARE_FILTER_ISOLATE};
    struct ports_options options = {.ports = &option, .count = 1, .workers = 1, .filter = &filter};
    struct ports *ports;
    struct error error = {""};
    assert_int_equal(ports_create(&options, &ports, &error), -ENOTSUP);
    assert_non_null(strstr(error.text, "(net_ring0): the device refused rule "));
    assert_non_null(strstr(error.text, "does not leave isolated mode again (no such mode)"));
    assert_non_null(strstr(error.text, "\"hardware_filter\": \"off\""));
}

static void an_isolated_device_that_has_no_promiscuous_mode_is_no_cause_for_a_warning(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    for (unsigned isolated = 0; isolated < 2; isolated++) {
        char text[2048];
        struct error error;
        nics[0] = nic_filtering();
        nics[0].promiscuous_code = -EINVAL;
        struct ports *ports = create_ports(&filter, isolated ? HARDWARE_FILTER_ISOLATE : HARDWARE_FILTER_DROP, 1, 1);
        messages_begin();
        assert_int_equal(ports_start(ports, &error), 0);
        messages_end(text, sizeof(text));
        assert_int_equal(strstr(text, "promiscuous") == NULL, isolated);
        ports_close(ports);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_isolated_device_gives_tcp_that_is_included_and_nothing_else),
        cmocka_unit_test(without_a_filter_an_isolated_device_gives_all_tcp),
        cmocka_unit_test(both_directions_meet_on_an_isolated_device),
        cmocka_unit_test(what_is_refused_of_isolation_ends_it),
        cmocka_unit_test(a_device_that_cannot_leave_isolation_is_an_error_and_no_silence),
        cmocka_unit_test(an_isolated_device_that_has_no_promiscuous_mode_is_no_cause_for_a_warning),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

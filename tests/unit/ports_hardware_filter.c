/* SPDX-License-Identifier: BSD-3-Clause */
/* The filter on a port's device: what it drops is what software would, whatever the device can do. */
#include "capture_support.h"
#include "filter_support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../app/capture/device_rules.h"

/* Sends random frames. In drop mode what software passes, and whatever is no TCP, comes, and nothing else; only of what
 * the device need not know (tags, extension headers) it may leave more to software. Counts what is sent by answer. */
static void check_dropping(const struct filter *filter, struct ports *ports, unsigned sent[ANSWERS])
{
    uint64_t kept_out = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        struct connection connection;
        struct frame frame;
        random_connection(&connection);
        enum shape shape = random_shape(&connection);
        make_frame(&frame, &connection, shape);
        enum answer answer = answer_in_software(filter, &frame);
        bool came = nic_receive_frame(0, frame.bytes, frame.length) != NIC_KEPT_OUT;
        bool must_come = answer != FILTERED, must_not = answer == FILTERED && shape == PLAIN;
        if ((must_come && !came) || (must_not && came))
            fail_msg("frame %u: %s:%u to %s:%u, shape %d, answer %d: %s", i, connection.source, connection.source_port,
                     connection.destination, connection.destination_port, (int)shape, (int)answer,
                     came ? "came" : "did not come");
        assert_int_equal(take_all(ports), came);
        kept_out += !came;
        sent[answer]++;
    }
    struct port_statistics statistics;
    ports_watch(ports);
    ports_statistics(ports, 0, &statistics);
    assert_int_equal(statistics.filtered_is_known, !nics[0].no_count);
    assert_int_equal(statistics.filtered, nics[0].no_count ? 0 : kept_out);
    assert_int_equal(statistics.packets, FRAMES - kept_out);
}

static void what_comes_is_what_software_passes_and_all_that_is_no_tcp(void **state)
{
    (void)state;
    unsigned sent[ANSWERS] = {0};
    for (unsigned i = 0; i < FILTERS; i++) {
        struct filter filter;
        random_filter(&filter);
        nics[0] = nic_filtering();
        nics[0].queues = below(2) ? 1 : 8;
        nics[0].no_last = below(2) == 1;
        nics[0].no_count = below(4) == 0;
        nics[0].flow_rules = below(2) == 1;
        nics[0].goes_by_protocol = below(2) == 1;
        nics[0].no_priorities = filter.include.count == 0 && !nics[0].flow_rules; /* what is excluded needs none */
        struct ports *ports = open_ports(&filter, HARDWARE_FILTER_DROP, 1, nics[0].queues == 1 ? 1 : 1 + below(4));
        assert_in_force(ports, "drop, by ", nics[0].no_count ? "does not count" : " rule");
        check_dropping(&filter, ports, sent);
        ports_close(ports);
        assert_int_equal(nics[0].rules, 0);
    }
    for (unsigned answer = 0; answer < RTE_DIM(sent); answer++)
        assert_true(sent[answer] > FILTERS * FRAMES / 20);
}

/* By each way to say a range; masks take at most 30 rules for one end. */
static void a_range_of_ports_holds_for_its_ports_and_no_other(void **state)
{
    (void)state;
    static const unsigned ranges[][2] = {{1, 65535}, {1, 65534}, {1, 1}, {65535, 65535}, {8000, 8999}, {443, 8443}};
    struct device_rule *rules = calloc(DEVICE_RULES_MAX, sizeof(*rules));
    assert_non_null(rules);
    for (unsigned i = 0; i < 2 * RTE_DIM(ranges); i++) {
        unsigned first = ranges[i / 2][0], last = ranges[i / 2][1];
        bool by_mask = i % 2 == 1;
        struct filter filter = {.include.count = 0};
        add_ports(add_rule(&filter.exclude), first, last);
        unsigned count = device_rules_make(&filter, HARDWARE_FILTER_DROP, !by_mask, rules);
        assert_true(count <= 4 * (by_mask ? 30 : 1)); /* two families, two directions */
        nics[0] = nic_filtering();
        nics[0].no_last = by_mask;
        struct ports *ports = open_ports(&filter, HARDWARE_FILTER_DROP, 1, 1);
        assert_int_equal(nics[0].rules, count);
        struct connection connection = {"10.0.0.1", "10.0.0.2", 0, 0, false};
        for (unsigned port = 0; port <= 65535; port++) {
            struct frame frame;
            bool is_near = port + 70 > first && port < last + 70 && (port < first + 70 || port + 70 > last);
            if (!is_near && port % 13 != 0)
                continue;
            connection.destination_port = port;
            make_frame(&frame, &connection, PLAIN);
            bool came = nic_receive_frame(0, frame.bytes, frame.length) != NIC_KEPT_OUT;
            assert_int_equal(came, port < first || port > last);
            if (came)
                assert_int_equal(take_all(ports), 1);
        }
        ports_close(ports);
    }
    free(rules);
}

static void both_directions_of_what_is_included_meet_in_one_source(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    for (unsigned i = 0; i < 8; i++) {
        unsigned ports_count = 1 + i % 2;
        nics[0] = nics[1] = nic_filtering();
        nics[0].flow_rules = nics[1].flow_rules = i / 2 % 2 == 1;
        nics[0].table_size = nics[1].table_size = i / 4 == 1 ? 128 : 512;
        struct ports *ports = open_ports(&filter, HARDWARE_FILTER_DROP, ports_count, 3);
        assert_in_force(ports, "drop, by ", "");
        assert_int_equal(ports_sources_count(ports), 3);
        assert_connections_meet(ports, ports_count);
        ports_close(ports);
    }
}

static void a_tag_on_one_direction_keeps_no_connection_apart(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    nics[0] = nic_filtering();
    struct ports *ports = open_ports(&filter, HARDWARE_FILTER_DROP, 1, 4);
    for (unsigned i = 0; i < 300; i++) {
        struct connection connection = {"10.1.1.2", "10.1.1.1", 1024 + below(60000), 443, false};
        struct frame frame;
        make_frame(&frame, &connection, PLAIN);
        unsigned queue = nic_receive_frame(0, frame.bytes, frame.length);
        turn_around(&connection);
        make_frame(&frame, &connection, TAGGED);
        assert_int_equal(nic_receive_frame(0, frame.bytes, frame.length), queue);
        assert_int_equal(drain(ports, queue), 2);
    }
    ports_close(ports);
}

/* Refusals: all or nothing */

static void refuse_priorities(struct nic *nic)
{
    nic->no_priorities = true;
}

static void refuse_ranges(struct nic *nic)
{
    nic->no_last = nic->no_masks = true;
}

static void refuse_fragments(struct nic *nic)
{
    nic->no_fragments = true;
}

static void have_little_room(struct nic *nic)
{
    nic->rules_max = 5;
}

static void refuse_at_the_last_moment(struct nic *nic)
{
    nic->creations_refused = 3;
}

static void take_rss_rules_at_one_priority(struct nic *nic)
{
    nic->no_priorities = nic->flow_rules = true;
}

static void keep_own_table(struct nic *nic)
{
    nic->table_size = 0;
}

static void hide_the_key(struct nic *nic)
{
    nic->flow_rules = nic->hides_key = true;
}

static void take_no_rules(struct nic *nic)
{
    nic->filters = false;
}

static void what_a_device_refuses_is_left_to_software_which_is_said(void **state)
{
    (void)state;
    static const struct {
        void (*make)(struct nic *nic);
        const char *says;
    } cases[] = {
        {refuse_priorities, "the device refused rule 3 of 12 (priorities not supported)"},
        {refuse_ranges, "(masks not supported)"},
        {refuse_fragments, "the device refused rule 1 of 12 (fragments not supported)"},
        {have_little_room, "(no room)"},
        {refuse_at_the_last_moment, "(no room)"},
        {take_rss_rules_at_one_priority, "the device takes the rules of RSS at the highest priority only"},
        {keep_own_table, "the device keeps its own table"},
        {hide_the_key, "the device does not tell the key of RSS"},
        {take_no_rules, "the device refused rule 1 of 12 (hash function not supported)"},
    };
    struct filter filter;
    usual_filter(&filter);
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        nics[0] = nic_filtering();
        cases[i].make(&nics[0]);
        struct ports *ports = open_ports(&filter, HARDWARE_FILTER_DROP, 1, 2);
        assert_in_force(ports, "in software: ", cases[i].says);
        assert_int_equal(nics[0].rules, nics[0].flow_rules ? 4 : 0); /* RSS's own: two families, TCP and all else */
        for (unsigned n = 0; n < 50 && nics[0].table_size > 0; n++) {
            struct connection connection;
            struct frame frame;
            random_connection(&connection);
            make_frame(&frame, &connection, PLAIN);
            assert_true(nic_receive_frame(0, frame.bytes, frame.length) != NIC_KEPT_OUT);
            assert_int_equal(take_all(ports), 1);
        }
        struct port_statistics statistics;
        ports_watch(ports);
        ports_statistics(ports, 0, &statistics);
        assert_true(statistics.filtered_is_known && statistics.filtered == 0);
        ports_close(ports);
        assert_int_equal(nics[0].rules, 0);
    }
}

/* Some devices do not like to be started more than once. */
static void a_device_that_knows_no_rules_is_not_started_to_be_asked_for_some(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    nics[0] = nic_filtering();
    nics[0].queues = 1;
    nics[0].has_no_flow = true;
    struct ports *ports = create_ports(&filter, HARDWARE_FILTER_DROP, 1, 1);
    assert_in_force(ports, "in software: ", "the device takes no rules");
    assert_int_equal(nics[0].starts, 0);
    ports_close(ports);
}

static void more_rules_than_a_port_may_have_are_left_to_software(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        struct filter filter = {.include.count = 0};
        /* 2 rules of 16 addresses, 16 ports and 2 directions are 1,024. */
        for (unsigned i = 0; i < 2 + more; i++) {
            struct filter_rule *rule = add_rule(&filter.exclude);
            for (unsigned j = 0; j < FILTER_ADDRESSES_MAX; j++) {
                char text[32];
                snprintf(text, sizeof(text), "10.%u.%u.0/24", i, j);
                add_prefix(rule, text);
                add_ports(rule, 80 + j, 80 + j);
            }
        }
        nics[0] = nic_filtering();
        struct ports *ports = open_ports(&filter, HARDWARE_FILTER_DROP, 1, 1);
        if (more)
            assert_in_force(ports, "in software: ", "more than 1024 rules");
        else
            assert_in_force(ports, "drop, by 1024 rules", "");
        assert_int_equal(nics[0].rules, more ? 0 : 1024);
        ports_close(ports);
    }
}

static void rules_are_made_anew_at_each_start_and_none_is_left_behind(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    nics[0] = nic_filtering();
    struct ports *ports = create_ports(&filter, HARDWARE_FILTER_DROP, 1, 2);
    assert_in_force(ports, "drop, by 12 rules", "");
    assert_int_equal(nics[0].created, 12); /* it was started for a moment */
    assert_int_equal(nics[0].rules, 0);
    struct error error;
    assert_int_equal(ports_start(ports, &error), 0);
    assert_int_equal(nics[0].created, 24);
    assert_int_equal(nics[0].rules, 12);
    ports_stop(ports);
    assert_int_equal(nics[0].rules, 0);
    ports_close(ports);
    ports = open_ports(&filter, HARDWARE_FILTER_DROP, 1, 2);
    assert_int_equal(nics[0].rules, 12);
    ports_close(ports);
    assert_int_equal(nics[0].rules, 0);
}

/* What was dropped until the last moment is counted, and stays. */
static void what_the_device_dropped_is_counted_until_it_stops(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    nics[0] = nic_filtering();
    struct ports *ports = open_ports(&filter, HARDWARE_FILTER_DROP, 1, 1);
    struct connection unwanted = {"10.0.0.1", "10.0.0.2", 1024, 22, false};
    struct connection excluded = {"10.1.1.3", "10.0.0.2", 1024, 443, false};
    struct frame frame;
    for (unsigned i = 0; i < 3; i++) {
        make_frame(&frame, i == 0 ? &excluded : &unwanted, PLAIN);
        assert_true(nic_receive_frame(0, frame.bytes, frame.length) == NIC_KEPT_OUT);
    }
    struct port_statistics statistics;
    ports_statistics(ports, 0, &statistics);
    assert_true(statistics.filtered == 0); /* as of the last time that it was asked */
    ports_watch(ports);
    ports_statistics(ports, 0, &statistics);
    assert_true(statistics.filtered_is_known && statistics.filtered == 3);
    assert_true(statistics.packets == 0 && statistics.missed == 0);
    nic_receive_frame(0, frame.bytes, frame.length);
    ports_stop(ports);
    ports_statistics(ports, 0, &statistics);
    assert_true(statistics.filtered_is_known && statistics.filtered == 4);
    ports_close(ports);
}

static void a_device_that_takes_rules_no_more_when_it_starts_is_left_to_software(void **state)
{
    (void)state;
    static const enum hardware_filter modes[] = {HARDWARE_FILTER_DROP, HARDWARE_FILTER_ISOLATE};
    struct filter filter;
    usual_filter(&filter);
    for (unsigned i = 0; i < RTE_DIM(modes); i++) {
        char text[2048];
        struct error error;
        nics[0] = nic_filtering();
        nics[0].filters_fade = true;
        struct ports *ports = create_ports(&filter, modes[i], 1, 2);
        assert_in_force(ports, hardware_filter_word(modes[i]), "rules");
        messages_begin();
        assert_int_equal(ports_start(ports, &error), 0);
        messages_end(text, sizeof(text));
        assert_in_force(ports, "in software: ", "(not any more)");
        assert_non_null(strstr(text, "filters otherwise than when it was tried: in software"));
        assert_false(nics[0].isolated);
        assert_connections_meet(ports, 1);
        ports_close(ports);
    }
}

static void without_a_filter_there_is_nothing_to_drop_which_is_said(void **state)
{
    (void)state;
    static const struct filter none;
    nics[0] = nic_filtering();
    struct ports *ports = open_ports(&none, HARDWARE_FILTER_DROP, 1, 1);
    struct port_description description;
    ports_describe(ports, 0, &description);
    assert_string_equal(description.hardware_filter_asked, "drop");
    assert_string_equal(description.hardware_filter_in_force, "no");
    assert_non_null(strstr(description.notes, "nothing for the device to drop"));
    assert_int_equal(nics[0].rules, 0);
    ports_close(ports);
}

static void a_port_that_is_not_asked_to_makes_no_rules(void **state)
{
    (void)state;
    struct filter filter;
    usual_filter(&filter);
    nics[0] = nic_filtering();
    struct ports *ports = open_ports(&filter, HARDWARE_FILTER_OFF, 1, 2);
    struct port_description description;
    ports_describe(ports, 0, &description);
    assert_string_equal(description.hardware_filter_asked, "off");
    assert_string_equal(description.hardware_filter_in_force, "no");
    assert_int_equal(nics[0].created, 0);
    assert_false(nics[0].isolated);
    ports_close(ports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_is_what_software_passes_and_all_that_is_no_tcp),
        cmocka_unit_test(a_range_of_ports_holds_for_its_ports_and_no_other),
        cmocka_unit_test(both_directions_of_what_is_included_meet_in_one_source),
        cmocka_unit_test(a_tag_on_one_direction_keeps_no_connection_apart),
        cmocka_unit_test(what_a_device_refuses_is_left_to_software_which_is_said),
        cmocka_unit_test(a_device_that_knows_no_rules_is_not_started_to_be_asked_for_some),
        cmocka_unit_test(more_rules_than_a_port_may_have_are_left_to_software),
        cmocka_unit_test(rules_are_made_anew_at_each_start_and_none_is_left_behind),
        cmocka_unit_test(what_the_device_dropped_is_counted_until_it_stops),
        cmocka_unit_test(a_device_that_takes_rules_no_more_when_it_starts_is_left_to_software),
        cmocka_unit_test(without_a_filter_there_is_nothing_to_drop_which_is_said),
        cmocka_unit_test(a_port_that_is_not_asked_to_makes_no_rules),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

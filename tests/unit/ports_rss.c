/* SPDX-License-Identifier: BSD-3-Clause */
/* Which queue, and so which worker, packets come to, by what a device can do. */
#include "capture_support.h"
#include "nic_support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "../../app/capture/rss.h"

#define FLOWS 512

static struct ports *create(unsigned ports_count, unsigned workers, const unsigned *queues)
{
    struct port_options options[2] = {{.device = "net_ring0", .descriptors = 256},
                                      {.device = "net_ring1", .descriptors = 256}};
    for (unsigned i = 0; queues != NULL && i < ports_count; i++)
        options[i].queues = queues[i];
    struct ports_options all = {.ports = options, .count = ports_count, .workers = workers};
    struct ports *ports;
    struct error error = {""};
    if (ports_create(&all, &ports, &error) != 0)
        fail_msg("%s", error.text);
    if (ports_start(ports, &error) != 0)
        fail_msg("%s", error.text);
    return ports;
}

/* Each connection comes to one source only, whichever direction and port its packets come by. */
static void assert_connections_meet(struct ports *ports, unsigned ports_count)
{
    unsigned sources = ports_sources_count(ports);
    for (unsigned flow = 0; flow < FLOWS; flow++) {
        bool ipv6 = flow % 2 == 1;
        nic_receive(0, flow, false, ipv6);
        nic_receive(ports_count - 1, flow, true, ipv6);
        unsigned owners = 0;
        for (unsigned source = 0; source < sources; source++) {
            unsigned taken = drain(ports, source);
            assert_true(taken == 0 || taken == 2);
            owners += taken == 2;
        }
        assert_int_equal(owners, 1);
    }
}

/* None has less than half or more than twice its share. */
static void assert_spread_is_even(struct ports *ports)
{
    struct port_statistics statistics;
    ports_statistics(ports, 0, &statistics);
    unsigned queues = statistics.queues;
    for (unsigned q = 0; q < queues; q++) {
        if (statistics.queue[q].packets < statistics.packets / queues / 2 ||
            statistics.queue[q].packets > statistics.packets / queues * 2)
            fail_msg("queue %u of %u has %lu of %lu packets", q, queues, statistics.queue[q].packets,
                     statistics.packets);
    }
}

static void assert_described(struct ports *ports, const char *accepted, const char *in_force)
{
    struct port_description description;
    ports_describe(ports, 0, &description);
    if (strstr(description.rss_accepted, accepted) == NULL)
        fail_msg("not accepted: \"%s\", but: %s", accepted, description.rss_accepted);
    if (strstr(description.rss_in_force, in_force) == NULL)
        fail_msg("not in force: \"%s\", but: %s", in_force, description.rss_in_force);
}

static void both_directions_meet_by_a_symmetric_key_of_either_length(void **state)
{
    (void)state;
    static const uint8_t lengths[] = {40, 52};
    static const unsigned workers[] = {2, 3, 4, 8};
    for (unsigned i = 0; i < RTE_DIM(lengths) * RTE_DIM(workers); i++) {
        nics[0] = nic_usual();
        nics[0].key_bytes = lengths[i / RTE_DIM(workers)];
        struct ports *ports = create(1, workers[i % RTE_DIM(workers)], NULL);
        assert_int_equal(ports_sources_count(ports), workers[i % RTE_DIM(workers)]);
        assert_described(ports, "rte_flow refused (hash function not supported); key taken", "symmetric key");
        assert_connections_meet(ports, 1);
        assert_spread_is_even(ports);
        ports_close(ports);
    }
}

static void a_device_that_sorts_directions_itself_gets_a_key_that_does_not_repeat(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    nics[0].flow_rules = true;
    struct ports *ports = create(1, 4, NULL);
    assert_int_equal(ports_sources_count(ports), 4);
    assert_described(ports, "rte_flow rules taken", "symmetric Toeplitz by rte_flow");
    assert_true(nics[0].rules >= 2);
    assert_connections_meet(ports, 1);
    assert_spread_is_even(ports); /* a key that repeats itself would send all to one queue */
    ports_close(ports);
    assert_int_equal(nics[0].rules, 0);
}

static void rules_that_cover_one_family_only_are_given_back(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    nics[0].flow_rules = nics[0].flow_rules_ipv4_only = true;
    struct ports *ports = create(1, 4, NULL);
    assert_int_equal(nics[0].rules, 0);
    assert_described(ports, "rte_flow refused", "symmetric key");
    assert_connections_meet(ports, 1);
    ports_close(ports);
}

static void a_device_that_takes_a_key_only_when_it_is_configured_gets_it_then(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    nics[0].key_by_update = false;
    struct ports *ports = create(1, 4, NULL);
    assert_int_equal(ports_sources_count(ports), 4);
    assert_described(ports, "key taken", "symmetric key");
    assert_connections_meet(ports, 1);
    assert_spread_is_even(ports);
    ports_close(ports);
}

static void a_device_that_hashes_only_addresses_is_symmetric_and_says_so(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    nics[0].types = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
    struct ports *ports = create(1, 4, NULL);
    assert_int_equal(ports_sources_count(ports), 4);
    assert_described(ports, "addresses only", "addresses only");
    assert_connections_meet(ports, 1);
    assert_spread_is_even(ports);
    ports_close(ports);
}

/* Virtual functions are like this: the key is the host's. */
static void a_device_that_keeps_its_own_key_is_spread_in_software(void **state)
{
    (void)state;
    for (unsigned hides = 0; hides < 2; hides++) {
        nics[0] = nic_usual();
        nics[0].key_by_update = nics[0].key_at_configure = false;
        nics[0].hides_key = hides == 1;
        struct ports *ports = create(1, 4, NULL);
        assert_int_equal(ports_sources_count(ports), 1);
        assert_described(ports, hides ? "does not tell its key" : "key not taken", "not symmetric");
        assert_non_null(strstr(ports_spread_text(ports), "in software"));
        assert_connections_meet(ports, 1);
        assert_spread_is_even(ports); /* over queues that one source takes from */
        ports_close(ports);
    }
}

static void a_device_with_one_queue_or_without_rss_gives_one_source(void **state)
{
    (void)state;
    for (unsigned without = 0; without < 2; without++) {
        nics[0] = nic_usual();
        if (without)
            nics[0].types = 0;
        else
            nics[0].queues = 1;
        struct ports *ports = create(1, 4, NULL);
        struct port_description description;
        ports_describe(ports, 0, &description);
        assert_int_equal(description.queues, 1);
        assert_string_equal(description.rss_in_force, "no");
        assert_int_equal(ports_sources_count(ports), 1);
        assert_non_null(strstr(ports_spread_text(ports), "another number of queues"));
        assert_connections_meet(ports, 1);
        ports_close(ports);
    }
}

static void two_ports_that_hash_alike_share_their_workers(void **state)
{
    (void)state;
    for (unsigned by_flow = 0; by_flow < 2; by_flow++) {
        nics[0] = nics[1] = nic_usual();
        nics[0].flow_rules = nics[1].flow_rules = by_flow == 1;
        struct ports *ports = create(2, 3, NULL);
        assert_int_equal(ports_sources_count(ports), 3);
        assert_connections_meet(ports, 2);
        ports_close(ports);
    }
}

static void two_ports_that_spread_differently_are_spread_in_software(void **state)
{
    (void)state;
    for (unsigned difference = 0; difference < 4; difference++) {
        static const unsigned queues[][2] = {{3, 3}, {3, 3}, {3, 3}, {3, 2}};
        nics[0] = nics[1] = nic_usual();
        nics[0].table_size = difference == 0 ? 128 : 512; /* 128 % 3 is not 512 % 3 */
        nics[0].flow_rules = difference == 1;
        if (difference == 2)
            nics[0].types = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;
        struct ports *ports = create(2, 3, queues[difference]);
        assert_int_equal(ports_sources_count(ports), 1);
        const char *reason = difference == 3 ? "another number of queues" : "in another way";
        if (strstr(ports_spread_text(ports), reason) == NULL)
            fail_msg("%s", ports_spread_text(ports));
        assert_connections_meet(ports, 2);
        ports_close(ports);
    }
}

static void a_device_that_forgets_at_its_start_what_it_took_before_is_refused(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    nics[0].flow_rules = nics[0].flow_rules_fade = true;
    struct port_options option = {.device = "net_ring0", .descriptors = 256};
    struct ports_options options = {.ports = &option, .count = 1, .workers = 4};
    struct ports *ports;
    struct error error = {""};
    assert_int_equal(ports_create(&options, &ports, &error), 0);
    assert_int_equal(ports_start(ports, &error), -EIO);
    assert_non_null(strstr(error.text, "net_ring0"));
    ports_close(ports);
}

static void a_key_is_symmetric_only_where_all_that_is_hashed_weighs_the_same(void **state)
{
    (void)state;
    uint8_t key[52];
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = i % 2 == 0 ? 0x6d : 0x5a;
    uint64_t all = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
    assert_true(rss_key_is_symmetric(key, 52, all));
    assert_true(rss_key_is_symmetric(key, 40, all));
    assert_false(rss_key_is_symmetric(key, 36, all)); /* too short for IPv6 and ports */
    assert_true(rss_key_is_symmetric(key, 36, RTE_ETH_RSS_IPV6));
    /* Any of the bits that count being another breaks it, and those beyond do not: of n bits of input the last weighs
     * what stands in the key from bit n - 1 to n + 30. */
    for (unsigned bit = 0; bit < sizeof(key) * 8; bit++) {
        key[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        assert_int_equal(rss_key_is_symmetric(key, 52, RTE_ETH_RSS_NONFRAG_IPV4_TCP), bit > 126);
        assert_int_equal(rss_key_is_symmetric(key, 52, RTE_ETH_RSS_IPV4), bit > 94);
        assert_int_equal(rss_key_is_symmetric(key, 52, RTE_ETH_RSS_NONFRAG_IPV6_TCP), bit > 318);
        key[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions_meet_by_a_symmetric_key_of_either_length),
        cmocka_unit_test(a_device_that_sorts_directions_itself_gets_a_key_that_does_not_repeat),
        cmocka_unit_test(rules_that_cover_one_family_only_are_given_back),
        cmocka_unit_test(a_device_that_takes_a_key_only_when_it_is_configured_gets_it_then),
        cmocka_unit_test(a_device_that_hashes_only_addresses_is_symmetric_and_says_so),
        cmocka_unit_test(a_device_that_keeps_its_own_key_is_spread_in_software),
        cmocka_unit_test(a_device_with_one_queue_or_without_rss_gives_one_source),
        cmocka_unit_test(two_ports_that_hash_alike_share_their_workers),
        cmocka_unit_test(two_ports_that_spread_differently_are_spread_in_software),
        cmocka_unit_test(a_device_that_forgets_at_its_start_what_it_took_before_is_refused),
        cmocka_unit_test(a_key_is_symmetric_only_where_all_that_is_hashed_weighs_the_same),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

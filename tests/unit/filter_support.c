/* SPDX-License-Identifier: BSD-3-Clause */
#include "filter_support.h"

#include "capture_support.h"

#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include <bearertap/packet.h>

static uint32_t chance = 20261125;

unsigned below(unsigned bound)
{
    chance = chance * 1664525 + 1013904223;
    return (chance >> 8) % bound;
}

struct nic nic_filtering(void)
{
    struct nic nic = nic_usual();
    nic.filters = true;
    return nic;
}

/* Filters */

void add_prefix(struct filter_rule *rule, const char *text)
{
    assert_true(filter_prefix_read(text, &rule->prefixes[rule->prefixes_count++]));
}

void add_ports(struct filter_rule *rule, unsigned first, unsigned last)
{
    rule->ports[rule->ports_count++] = (struct filter_ports){(uint16_t)first, (uint16_t)last};
}

struct filter_rule *add_rule(struct filter_rules *rules)
{
    return &rules->rules[rules->count++];
}

/* Few hosts and few ports, so that rules and packets meet: 10.0.0.0 to 10.1.1.3, and likewise in 2001:db8::/32. */
static void random_host(char text[64], bool ipv6)
{
    unsigned high = below(2), middle = below(2), low = below(4);
    if (ipv6)
        snprintf(text, 64, "2001:db8:%u::%u:%u", high, middle, low);
    else
        snprintf(text, 64, "10.%u.%u.%u", high, middle, low);
}

static unsigned random_port(void)
{
    static const unsigned ports[] = {1, 2, 79, 80, 81, 443, 7999, 8000, 8080, 8999, 9000, 65534, 65535};
    return ports[below(RTE_DIM(ports))];
}

static void random_rule(struct filter_rule *rule)
{
    static const unsigned lengths[2][5] = {{0, 15, 24, 31, 32}, {32, 48, 111, 127, 128}};
    bool any_ports = below(4) == 0;
    for (unsigned i = any_ports ? 1 + below(2) : below(3); i > 0; i--) {
        char host[64], text[80];
        bool ipv6 = below(3) == 0;
        random_host(host, ipv6);
        snprintf(text, sizeof(text), "%s/%u", host, lengths[ipv6][1 + below(4)]);
        add_prefix(rule, text);
    }
    for (unsigned i = any_ports ? 0 : 1 + below(2); i > 0; i--) {
        unsigned one = random_port(), other = below(2) ? one : random_port();
        add_ports(rule, RTE_MIN(one, other), RTE_MAX(one, other));
    }
}

void random_filter(struct filter *filter)
{
    memset(filter, 0, sizeof(*filter));
    unsigned included = below(4), excluded = below(4);
    if (included + excluded == 0)
        excluded = 1;
    for (unsigned i = 0; i < included; i++)
        random_rule(add_rule(&filter->include));
    for (unsigned i = 0; i < excluded; i++)
        random_rule(add_rule(&filter->exclude));
}

void usual_filter(struct filter *filter)
{
    memset(filter, 0, sizeof(*filter));
    struct filter_rule *service = add_rule(&filter->include), *client = add_rule(&filter->exclude);
    add_prefix(service, "10.0.0.0/15");
    add_prefix(service, "2001:db8::/32");
    add_ports(service, 443, 443);
    add_ports(service, 8000, 8999);
    add_prefix(client, "10.1.1.3");
}

/* Frames */

static void put_16_at(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_address(uint8_t *at, const char *text)
{
    struct filter_prefix host;
    assert_true(filter_prefix_read(text, &host));
    memcpy(at, host.bits, host.ip_version == 4 ? 4 : 16);
}

static unsigned put_ipv4(uint8_t *at, const struct connection *connection, enum shape shape, unsigned payload)
{
    at[0] = 0x45;
    put_16_at(at + 2, 20 + payload);
    put_16_at(at + 6, shape == FIRST_FRAGMENT ? 0x2000 : shape == LATER_FRAGMENT ? 0x0010 : 0x4000);
    at[8] = 64;
    at[9] = shape == UDP ? 17 : 6;
    put_address(at + 12, connection->source);
    put_address(at + 16, connection->destination);
    return 20;
}

static unsigned put_ipv6(uint8_t *at, const struct connection *connection, enum shape shape, unsigned payload)
{
    bool is_fragment = shape == FIRST_FRAGMENT || shape == LATER_FRAGMENT;
    bool has_header = is_fragment || shape == EXTENDED;
    uint8_t protocol = shape == UDP ? 17 : 6;
    at[0] = 0x60;
    put_16_at(at + 4, payload + (has_header ? 8 : 0));
    at[6] = is_fragment ? 44 : shape == EXTENDED ? 60 : protocol;
    at[7] = 64;
    put_address(at + 8, connection->source);
    put_address(at + 24, connection->destination);
    if (!has_header)
        return 40;
    at[40] = protocol;
    if (shape == EXTENDED)
        memcpy(at + 42, "\1\4\0\0\0\0", 6); /* padding */
    else
        put_16_at(at + 42, shape == FIRST_FRAGMENT ? 1 : 16 << 3);
    return 48;
}

void make_frame(struct frame *frame, const struct connection *connection, enum shape shape)
{
    memset(frame, 0, sizeof(*frame));
    uint8_t *at = frame->bytes + 12;
    if (shape == TAGGED) {
        put_16_at(at, 0x8100);
        put_16_at(at + 2, 0x2000); /* a priority tag, which names no network */
        at += 4;
    }
    put_16_at(at, shape == NOT_IP ? 0x0806 : connection->ipv6 ? 0x86dd : 0x0800);
    at += 2;
    at += connection->ipv6 ? put_ipv6(at, connection, shape, 20) : put_ipv4(at, connection, shape, 20);
    put_16_at(at, connection->source_port);
    put_16_at(at + 2, connection->destination_port);
    at[12] = 0x50;
    put_16_at(at + 14, 1000);
    frame->length = (unsigned)(at - frame->bytes) + 20;
}

void random_connection(struct connection *connection)
{
    connection->ipv6 = below(3) == 0;
    random_host(connection->source, connection->ipv6);
    random_host(connection->destination, connection->ipv6);
    connection->source_port = below(2) ? random_port() : 1 + below(65535);
    connection->destination_port = random_port();
}

void turn_around(struct connection *connection)
{
    struct connection other = *connection;
    memcpy(connection->source, other.destination, sizeof(other.source));
    memcpy(connection->destination, other.source, sizeof(other.source));
    connection->source_port = other.destination_port;
    connection->destination_port = other.source_port;
}

enum answer answer_in_software(const struct filter *filter, const struct frame *frame)
{
    struct segment segment;
    if (frame_decode(LINK_ETHERNET, frame->bytes, frame->length, frame->length, frame->length, &segment) !=
        OUTCOME_PENDING)
        return NO_TCP;
    return filter_passes(filter, &segment.endpoints) ? PASSES : FILTERED;
}

/* Ports */

struct ports *create_ports(const struct filter *filter, enum hardware_filter of_first, unsigned count, unsigned workers)
{
    struct port_options options[2] = {
        {.device = "net_ring0", .descriptors = 256, .hardware_filter = of_first},
        {.device = "net_ring1", .descriptors = 256},
    };
    struct ports_options all = {.ports = options, .count = count, .workers = workers, .filter = filter};
    struct ports *ports;
    struct error error = {""};
    if (ports_create(&all, &ports, &error) != 0)
        fail_msg("%s", error.text);
    return ports;
}

struct ports *open_ports(const struct filter *filter, enum hardware_filter of_first, unsigned count, unsigned workers)
{
    struct ports *ports = create_ports(filter, of_first, count, workers);
    struct error error = {""};
    if (ports_start(ports, &error) != 0)
        fail_msg("%s", error.text);
    return ports;
}

unsigned take_all(struct ports *ports)
{
    unsigned taken = 0;
    for (unsigned source = 0; source < ports_sources_count(ports); source++)
        taken += drain(ports, source);
    return taken;
}

void assert_in_force(struct ports *ports, const char *begins, const char *says)
{
    struct port_description description;
    ports_describe(ports, 0, &description);
    const char *text = description.hardware_filter_in_force;
    if (strncmp(text, begins, strlen(begins)) != 0 || strstr(text, says) == NULL)
        fail_msg("not \"%s\" with \"%s\", but: %s", begins, says, text);
}

enum shape random_shape(const struct connection *connection)
{
    enum shape shape = below(2) ? PLAIN : (enum shape)below(SHAPES);
    return shape == EXTENDED && !connection->ipv6 ? PLAIN : shape;
}

void assert_connections_meet(struct ports *ports, unsigned ports_count)
{
    unsigned used[8] = {0};
    for (unsigned i = 0; i < 300; i++) {
        struct connection connection;
        struct frame frame;
        random_connection(&connection);
        const char *network = connection.ipv6 ? "2001:db8:1::1:" : "10.1.1.";
        snprintf(connection.source, sizeof(connection.source), "%s2", network);
        snprintf(connection.destination, sizeof(connection.destination), "%s1", network);
        connection.source_port = 1024 + below(60000);
        connection.destination_port = 443;
        make_frame(&frame, &connection, PLAIN);
        assert_true(nic_receive_frame(0, frame.bytes, frame.length) != NIC_KEPT_OUT);
        turn_around(&connection);
        make_frame(&frame, &connection, ports_count == 1 || below(2) ? PLAIN : TAGGED);
        assert_true(nic_receive_frame(ports_count - 1, frame.bytes, frame.length) != NIC_KEPT_OUT);
        unsigned owners = 0;
        for (unsigned source = 0; source < ports_sources_count(ports); source++) {
            unsigned taken = drain(ports, source);
            assert_true(taken == 0 || taken == 2);
            owners += taken == 2;
            used[source] += taken;
        }
        assert_int_equal(owners, 1);
    }
    for (unsigned source = 0; source < ports_sources_count(ports); source++)
        assert_true(used[source] > 600 / ports_sources_count(ports) / 2);
}

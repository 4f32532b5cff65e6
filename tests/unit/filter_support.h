/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_FILTER_SUPPORT_H
#define BEARERTAP_TESTS_UNIT_FILTER_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <bearertap/filter.h>
#include <bearertap/ports.h>

#include "nic_support.h"

/* Filters and frames by chance, which meet often, and ports that are asked to filter, for the tests of filters on a
 * device. */

#define FRAMES  400 /* a filter */
#define FILTERS 40

/* The same numbers in each run. */
unsigned below(unsigned bound);

/* The usual card, and one that takes rules. */
struct nic nic_filtering(void);

/* Filters */

void add_prefix(struct filter_rule *rule, const char *text);
void add_ports(struct filter_rule *rule, unsigned first, unsigned last);
struct filter_rule *add_rule(struct filter_rules *rules);
void random_filter(struct filter *filter);

/* One that includes a service, and not one of its clients: 12 rules of a device, the first two of which exclude. */
void usual_filter(struct filter *filter);

/* Frames */

struct connection {
    char source[64], destination[64];
    unsigned source_port, destination_port;
    bool ipv6;
};

enum shape { PLAIN, TAGGED, FIRST_FRAGMENT, LATER_FRAGMENT, UDP, EXTENDED, NOT_IP, SHAPES };

struct frame {
    uint8_t bytes[128];
    unsigned length;
};

void random_connection(struct connection *connection);
void turn_around(struct connection *connection);
enum shape random_shape(const struct connection *connection);
void make_frame(struct frame *frame, const struct connection *connection, enum shape shape);

/* What software says of a frame. */
enum answer { PASSES, FILTERED, NO_TCP, ANSWERS };
enum answer answer_in_software(const struct filter *filter, const struct frame *frame);

/* Ports: net_ring0, with a filter on the device, and net_ring1 where there are two, without. */

struct ports *create_ports(const struct filter *filter, enum hardware_filter of_first, unsigned count,
                           unsigned workers);
struct ports *open_ports(const struct filter *filter, enum hardware_filter of_first, unsigned count, unsigned workers);
unsigned take_all(struct ports *ports);
void assert_in_force(struct ports *ports, const char *begins, const char *says);

/* Of connections that the usual filter passes. The way back comes by the last port, and of two sometimes with a tag,
 * and so by no rule. */
void assert_connections_meet(struct ports *ports, unsigned ports_count);

#endif

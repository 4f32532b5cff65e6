/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_DEVICE_RULES_H
#define BEARERTAP_APP_CAPTURE_DEVICE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_flow.h>

#include <bearertap/filter_rules.h>

/*
 * The filter as rules of rte_flow. A rule of the filter holds where either end has one of its addresses and one of its
 * ports; one of a device names a source and a destination. So each becomes one for each address, each range of ports
 * and each of the two directions.
 *
 * What a device may drop must be no more than the filter leaves out in software. Of rules that match, the one of the
 * lowest priority number decides (struct rte_flow_attr), and of several of one number it is not said which one: so all
 * of one number do the same.
 *
 *   0  what is excluded is dropped
 *   1  what is included comes
 *   2  any other TCP is dropped, where something is included
 *
 * A pattern of Ethernet, IP and TCP is one of untagged packets that are no tunnels. Fragments bear no ports, or only
 * the first of them does; some devices (mlx5) take whatever says TCP in IP's header for TCP. So whoever drops asks that
 * a packet is no fragment: IPv4's offset and more-fragments bit are 0, IPv6 has no fragment header.
 *
 * An isolated device gives nothing but what some rule takes. "Leave this one to the host" is no action there, so
 * software sees to what is excluded, and one priority is enough: more devices have that.
 */

#define DEVICE_RULES_MAX       1024u /* a port; software is better at more */
#define DEVICE_RULE_PRIORITIES 3

/* Without gaps between its members, so that two can be compared as bytes. */
struct device_rule {
    uint32_t priority;
    uint8_t ip_version;
    bool drops; /* else it takes */
    bool has_range;
    uint8_t unused;
    struct rte_flow_item_ipv4 ipv4, ipv4_mask;
    struct rte_flow_item_ipv6 ipv6, ipv6_mask;
    struct rte_flow_item_tcp tcp, tcp_last, tcp_mask;
};

/*
 * Fills `rules`, which has room for DEVICE_RULES_MAX, in the order in which they are to be made: no packet is lost
 * while only some of them are there. Each is there once: a device refuses one that it has. Ranges of ports are one rule
 * `by_last`, else as many as it takes of blocks that a mask describes, at most 30. Returns how many, 0 where there is
 * nothing to do, or DEVICE_RULES_MAX + 1 where there are more.
 */
unsigned device_rules_make(const struct filter *filter, enum hardware_filter mode, bool by_last,
                           struct device_rule *rules);

/* The pattern of a rule; it points into it. */
#define DEVICE_RULE_ITEMS 4
void device_rule_items(const struct device_rule *rule, struct rte_flow_item items[DEVICE_RULE_ITEMS]);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_DEVICE_FILTER_H
#define BEARERTAP_APP_CAPTURE_DEVICE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_flow.h>

#include <bearertap/error.h>
#include <bearertap/filter_rules.h>

#include "device_rules.h"
#include "rss.h"

/*
 * The filter on a port's device, as far as it takes the rules (device_rules.h): all of them or none. Whatever it
 * refuses, the port goes without, and says why; software filters in any case.
 *
 * rte_flow promises little. "Support for more than a single priority level is not guaranteed", and where several rules
 * of one priority match, "the outcome is undefined" (rte_flow.h, struct rte_flow_attr). So RSS's own rules, which match
 * the same packets, are made of a lower priority; where a device takes them only at the highest (i40e and ice know one
 * priority for them), there are none to drop. And a rule that takes packets bears RSS of its own: the same function,
 * key and table as the port's, so that a connection which only half matches, one direction of which bears a VLAN tag,
 * still comes to one queue.
 *
 * Rules are made at each start and taken back before each stop: what a stop leaves of them is the device's affair.
 */

struct device_filter {
    enum hardware_filter asked;
    const struct filter *filter;
    bool is_isolated;
    bool given_up;    /* why stands in `in_force` */
    bool is_in_force; /* since the last start */
    bool counts;      /* what is dropped, of every rule that drops */
    unsigned rules_count, flows_count;
    struct device_rule *rules;
    struct rte_flow **flows; /* made of the rules, in their order */
    char in_force[256];
};

/* `filter` must outlive it. */
void device_filter_begin(struct device_filter *filter, enum hardware_filter asked, const struct filter *rules);
void device_filter_end(struct device_filter *filter);

/* Whether there is anything to ask of the device. */
bool device_filter_is_wanted(const struct device_filter *filter);

/* Before each time that the device is configured: enters isolated mode where that is asked for. */
void device_filter_isolate(struct device_filter *filter, uint16_t port_id);

/* Before a device is configured anew after -EAGAIN (below): leaves isolated mode. A device need not be able to: then it
 * would give nothing for good, which is an error that names the port's `place`. */
int device_filter_leave(struct device_filter *filter, uint16_t port_id, const char *place, struct error *error);

/* On a device that is configured: gives up where there are no rules at all, so that it need not be started to learn
 * that. */
void device_filter_ask(struct device_filter *filter, uint16_t port_id);

/* On a device that was started, with its RSS in force, or none (NULL). Of an isolated device RSS is in the rules: `rss`
 * says afterwards which. 0, or -EAGAIN where an isolated one refused them: it is to be stopped, to leave that mode, and
 * to be configured anew. */
int device_filter_apply(struct device_filter *filter, uint16_t port_id, struct rss *rss,
                        const struct rte_eth_dev_info *info);

/* Before the device is stopped. */
void device_filter_release(struct device_filter *filter, uint16_t port_id);

/* Packets that the device dropped by its rules since the start. False where it is not known. */
bool device_filter_count(const struct device_filter *filter, uint16_t port_id, uint64_t *packets);

#endif

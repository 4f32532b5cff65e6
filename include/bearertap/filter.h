/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_FILTER_H
#define BEARERTAP_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which connections are inspected, by address and port.
 *
 * A rule speaks of one end of a connection: it holds where an end has one of the rule's addresses and, the same end,
 * one of its ports. So both directions of a connection always get the same answer. Built before the workers start, read
 * by all of them afterwards; nothing is allocated to evaluate it.
 */

#define FILTER_RULES_MAX     16 /* included, and as many excluded */
#define FILTER_ADDRESSES_MAX 16 /* of a rule */
#define FILTER_PORTS_MAX     16

struct filter_prefix {
    uint64_t mask[2], bits[2]; /* as they stand in a packet; bits are masked */
    uint8_t ip_version;
};

struct filter_ports {
    uint16_t first, last;
};

/* A rule without addresses holds for all of them, one without ports for all of those. */
struct filter_rule {
    unsigned prefixes_count, ports_count;
    struct filter_prefix prefixes[FILTER_ADDRESSES_MAX];
    struct filter_ports ports[FILTER_PORTS_MAX];
};

struct filter_rules {
    unsigned count;
    struct filter_rule rules[FILTER_RULES_MAX];
};

struct filter {
    struct filter_rules include, exclude; /* nothing included: everything is */
};

struct burst;
struct endpoints;

/* "10.0.0.0/8", "2001:db8::/32", or one address. False when it is none; bits behind the prefix are no matter. */
bool filter_prefix_read(const char *text, struct filter_prefix *prefix);

/* "8000-8999"; false when it is no range of ports from 1 to 65535. */
bool filter_ports_read(const char *text, struct filter_ports *ports);

static inline bool filter_is_empty(const struct filter *filter)
{
    return filter->include.count == 0 && filter->exclude.count == 0;
}

/* Is the connection to be inspected? Some rule that includes holds, and none that excludes. */
bool filter_passes(const struct filter *filter, const struct endpoints *endpoints);

/* Ends the pending packets of other connections. */
void filter_apply(const struct filter *filter, struct burst *burst);

#endif

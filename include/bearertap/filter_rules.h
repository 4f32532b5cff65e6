/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_FILTER_RULES_H
#define BEARERTAP_FILTER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which connections are inspected, by address and port: the rules. filter.h answers by them in software, always; a
 * port's device may be asked to leave out the same before it is received (ports.h).
 *
 * A rule speaks of one end of a connection: it holds where an end has one of the rule's addresses and, the same end,
 * one of its ports. So both directions of a connection always get the same answer.
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

static inline bool filter_is_empty(const struct filter *filter)
{
    return filter->include.count == 0 && filter->exclude.count == 0;
}

/* What a port's device does with the filter. */
enum hardware_filter {
    HARDWARE_FILTER_OFF,
    HARDWARE_FILTER_DROP,    /* drops TCP that the filter leaves out; all else comes */
    HARDWARE_FILTER_ISOLATE, /* only TCP that the filter includes comes; all else stays with the host */
};

/* As the configuration names it; NULL beyond the last one. */
static inline const char *hardware_filter_word(enum hardware_filter which)
{
    static const char *const words[] = {"off", "drop", "isolate"};
    return which < sizeof(words) / sizeof(words[0]) ? words[which] : NULL;
}

#endif

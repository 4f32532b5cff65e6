/* SPDX-License-Identifier: BSD-3-Clause */
#include "device_rules.h"

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

/* Offset and more-fragments bit; the one that forbids fragments says nothing. */
#define IPV4_FRAGMENT_MASK (RTE_IPV4_HDR_OFFSET_MASK | RTE_IPV4_HDR_MF_FLAG)

_Static_assert(sizeof(struct device_rule) == 8 + 2 * sizeof(struct rte_flow_item_ipv4) +
                                                 2 * sizeof(struct rte_flow_item_ipv6) +
                                                 3 * sizeof(struct rte_flow_item_tcp),
               "rules have no gaps, whose bytes could differ");

struct list {
    struct device_rule *rules;
    unsigned count; /* DEVICE_RULES_MAX + 1: too many */
    bool by_last;
};

enum end { END_SOURCE, END_DESTINATION };

static void add(struct list *list, const struct device_rule *rule)
{
    unsigned i = 0;
    while (i < RTE_MIN(list->count, DEVICE_RULES_MAX) && memcmp(&list->rules[i], rule, sizeof(*rule)) != 0)
        i++;
    if (i < list->count)
        return;
    if (list->count < DEVICE_RULES_MAX)
        list->rules[list->count] = *rule;
    list->count++;
}

static void set_address(struct device_rule *rule, enum end end, const struct filter_prefix *prefix)
{
    bool is_source = end == END_SOURCE;
    if (prefix->ip_version == 4) {
        memcpy(is_source ? &rule->ipv4.hdr.src_addr : &rule->ipv4.hdr.dst_addr, prefix->bits, 4);
        memcpy(is_source ? &rule->ipv4_mask.hdr.src_addr : &rule->ipv4_mask.hdr.dst_addr, prefix->mask, 4);
    } else {
        memcpy(is_source ? rule->ipv6.hdr.src_addr : rule->ipv6.hdr.dst_addr, prefix->bits, 16);
        memcpy(is_source ? rule->ipv6_mask.hdr.src_addr : rule->ipv6_mask.hdr.dst_addr, prefix->mask, 16);
    }
}

static void set_ports(struct device_rule *rule, enum end end, uint32_t first, uint32_t last, uint32_t mask)
{
    rule->has_range = first != last;
    rte_be16_t low = rte_cpu_to_be_16((uint16_t)first), high = rte_cpu_to_be_16((uint16_t)last);
    rte_be16_t bits = rte_cpu_to_be_16((uint16_t)mask);
    *(end == END_SOURCE ? &rule->tcp.hdr.src_port : &rule->tcp.hdr.dst_port) = low;
    *(end == END_SOURCE ? &rule->tcp_mask.hdr.src_port : &rule->tcp_mask.hdr.dst_port) = bits;
    if (rule->has_range)
        *(end == END_SOURCE ? &rule->tcp_last.hdr.src_port : &rule->tcp_last.hdr.dst_port) = high;
}

/* The longest block that begins at `at`, which a mask can describe, and that does not go beyond `last`. */
static uint32_t block_at(uint32_t at, uint32_t last)
{
    uint32_t size = at & -at; /* ports begin at 1 */
    while (at + size - 1 > last)
        size /= 2;
    return size;
}

static void add_range(struct list *list, struct device_rule rule, enum end end, const struct filter_ports *ports)
{
    if (list->by_last) {
        set_ports(&rule, end, ports->first, ports->last, UINT16_MAX);
        add(list, &rule);
        return;
    }
    for (uint32_t at = ports->first, size; at <= ports->last && list->count <= DEVICE_RULES_MAX; at += size) {
        size = block_at(at, ports->last);
        set_ports(&rule, end, at, at, UINT16_MAX & ~(size - 1));
        add(list, &rule);
    }
}

/* For one address, or any of a family (NULL). */
static void add_address(struct list *list, const struct device_rule *plain, const struct filter_prefix *prefix,
                        const struct filter_rule *of)
{
    for (enum end end = END_SOURCE; end <= END_DESTINATION; end++) {
        struct device_rule rule = *plain;
        if (prefix != NULL)
            set_address(&rule, end, prefix);
        for (unsigned i = 0; i < of->ports_count && list->count <= DEVICE_RULES_MAX; i++)
            add_range(list, rule, end, &of->ports[i]);
        if (of->ports_count == 0)
            add(list, &rule);
    }
}

/* What all rules that do the same have in common. */
static void begin_rule(struct device_rule *rule, bool drops, uint32_t priority, uint8_t ip_version)
{
    memset(rule, 0, sizeof(*rule));
    rule->drops = drops;
    rule->priority = priority;
    rule->ip_version = ip_version;
    if (drops && ip_version == 4)
        rule->ipv4_mask.hdr.fragment_offset = RTE_BE16(IPV4_FRAGMENT_MASK);
    else if (drops)
        rule->ipv6_mask.has_frag_ext = 1;
}

static void add_rule(struct list *list, const struct filter_rule *of, bool drops, uint32_t priority)
{
    struct device_rule plain[2];
    begin_rule(&plain[0], drops, priority, 4);
    begin_rule(&plain[1], drops, priority, 6);
    for (unsigned i = 0; i < of->prefixes_count; i++)
        add_address(list, &plain[of->prefixes[i].ip_version == 6], &of->prefixes[i], of);
    for (unsigned i = 0; i < RTE_DIM(plain) && of->prefixes_count == 0; i++)
        add_address(list, &plain[i], NULL, of);
}

unsigned device_rules_make(const struct filter *filter, enum hardware_filter mode, bool by_last,
                           struct device_rule *rules)
{
    static const struct filter_rule any;
    struct list list = {.rules = rules, .by_last = by_last};
    bool drops = mode == HARDWARE_FILTER_DROP;
    for (unsigned i = 0; drops && i < filter->exclude.count; i++)
        add_rule(&list, &filter->exclude.rules[i], true, 0);
    for (unsigned i = 0; i < filter->include.count; i++)
        add_rule(&list, &filter->include.rules[i], false, drops ? 1 : 0);
    if (drops && filter->include.count > 0)
        add_rule(&list, &any, true, 2);
    if (!drops && filter->include.count == 0)
        add_rule(&list, &any, false, 0);
    return RTE_MIN(list.count, DEVICE_RULES_MAX + 1);
}

static bool is_zero(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    size_t i = 0;
    while (i < length && at[i] == 0)
        i++;
    return i == length;
}

/* An item that asks for nothing has neither what to compare with nor a mask. */
static void set_item(struct rte_flow_item *item, enum rte_flow_item_type type, const void *spec, const void *last,
                     const void *mask, size_t length)
{
    *item = (struct rte_flow_item){.type = type};
    if (is_zero(mask, length))
        return;
    item->spec = spec;
    item->last = last;
    item->mask = mask;
}

void device_rule_items(const struct device_rule *rule, struct rte_flow_item items[DEVICE_RULE_ITEMS])
{
    items[0] = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_ETH};
    if (rule->ip_version == 4)
        set_item(&items[1], RTE_FLOW_ITEM_TYPE_IPV4, &rule->ipv4, NULL, &rule->ipv4_mask, sizeof(rule->ipv4_mask));
    else
        set_item(&items[1], RTE_FLOW_ITEM_TYPE_IPV6, &rule->ipv6, NULL, &rule->ipv6_mask, sizeof(rule->ipv6_mask));
    set_item(&items[2], RTE_FLOW_ITEM_TYPE_TCP, &rule->tcp, rule->has_range ? &rule->tcp_last : NULL, &rule->tcp_mask,
             sizeof(rule->tcp_mask));
    items[3] = (struct rte_flow_item){.type = RTE_FLOW_ITEM_TYPE_END};
}

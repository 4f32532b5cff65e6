/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>

#define ROOM 2048

struct rte_flow {
    struct rte_flow_conv_rule rule; /* what it points to lies behind it */
};

static struct nic_rules {
    struct rte_flow *flows[ROOM];
    uint64_t hits[ROOM];
} rules_of[RTE_DIM(nics)];

static struct nic_rules *rules_of_nic(const struct nic *nic)
{
    return &rules_of[nic - nics];
}

static uint16_t read_be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* Packets */

static void read_ipv4(struct nic_packet *packet, unsigned length)
{
    packet->ip_version = 4;
    packet->protocol = packet->ip[9];
    packet->is_fragment = (read_be16(packet->ip + 6) & 0x3fff) != 0;
    unsigned header = (packet->ip[0] & 15) * 4u;
    if ((read_be16(packet->ip + 6) & 0x1fff) == 0 && header < length)
        packet->transport = packet->ip + header;
    packet->length_behind = length - header;
}

static void read_ipv6(struct nic_packet *packet, unsigned length)
{
    unsigned at = 40;
    bool is_later = false;
    packet->ip_version = 6;
    packet->protocol = packet->ip[6];
    while (at + 8 <= length && (packet->protocol == 0 || packet->protocol == 44 || packet->protocol == 60)) {
        const uint8_t *header = packet->ip + at;
        if (packet->protocol == 44) {
            packet->has_fragment_header = true;
            packet->is_fragment = (read_be16(header + 2) & 0xfff9) != 0;
            is_later = (read_be16(header + 2) & 0xfff8) != 0;
        }
        at += packet->protocol == 44 ? 8 : 8 + header[1] * 8u;
        packet->protocol = header[0];
    }
    if (!is_later && at < length)
        packet->transport = packet->ip + at;
    packet->length_behind = length - at;
}

void nic_packet_read(struct nic_packet *packet, const uint8_t *frame, unsigned length)
{
    unsigned at = 14;
    uint16_t type = read_be16(frame + 12);
    *packet = (struct nic_packet){.ip_version = 0};
    while (type == 0x8100) {
        packet->is_tagged = true;
        type = read_be16(frame + at + 2);
        at += 4;
    }
    packet->ip = frame + at;
    if (type == 0x0800)
        read_ipv4(packet, length - at);
    else if (type == 0x86dd)
        read_ipv6(packet, length - at);
    packet->is_whole_tcp = packet->protocol == 6 && packet->transport != NULL && !packet->is_fragment;
}

/* Patterns */

static size_t size_of_item(enum rte_flow_item_type type)
{
    switch (type) {
    case RTE_FLOW_ITEM_TYPE_ETH:
        return sizeof(struct rte_flow_item_eth);
    case RTE_FLOW_ITEM_TYPE_IPV4:
        return sizeof(struct rte_flow_item_ipv4);
    case RTE_FLOW_ITEM_TYPE_IPV6:
        return sizeof(struct rte_flow_item_ipv6);
    case RTE_FLOW_ITEM_TYPE_TCP:
        return sizeof(struct rte_flow_item_tcp);
    case RTE_FLOW_ITEM_TYPE_UDP:
        return sizeof(struct rte_flow_item_udp);
    default:
        return 0;
    }
}

static bool masked_is_equal(const void *packet, const void *spec, const void *mask, size_t length)
{
    const uint8_t *here = packet, *there = spec, *bits = mask;
    for (size_t i = 0; i < length; i++)
        if (((here[i] ^ there[i]) & bits[i]) != 0)
            return false;
    return true;
}

static bool port_is_between(const uint8_t *packet, const uint8_t *spec, const uint8_t *last, const uint8_t *mask)
{
    uint16_t bits = read_be16(mask), here = read_be16(packet) & bits;
    uint16_t first = read_be16(spec) & bits, end = read_be16(last) & bits;
    return here >= first && here <= end;
}

static bool ip_matches(const struct nic_packet *packet, const struct rte_flow_item *item)
{
    bool ipv4 = item->type == RTE_FLOW_ITEM_TYPE_IPV4;
    if (packet->ip_version != (ipv4 ? 4 : 6))
        return false;
    if (item->spec == NULL)
        return true;
    assert_non_null(item->mask);
    if (ipv4)
        return masked_is_equal(packet->ip, item->spec, item->mask, sizeof(struct rte_ipv4_hdr));
    const struct rte_flow_item_ipv6 *spec = item->spec, *mask = item->mask;
    return masked_is_equal(packet->ip, &spec->hdr, &mask->hdr, sizeof(spec->hdr)) &&
           (!mask->has_frag_ext || spec->has_frag_ext == packet->has_fragment_header);
}

static bool transport_matches(const struct nic *nic, const struct nic_packet *packet, const struct rte_flow_item *item)
{
    uint8_t protocol = item->type == RTE_FLOW_ITEM_TYPE_TCP ? 6 : 17;
    if (packet->protocol != protocol || (packet->transport == NULL && !nic->goes_by_protocol))
        return false;
    if (item->spec == NULL)
        return true;
    assert_non_null(item->mask);
    if (packet->transport == NULL || packet->length_behind < 20)
        return false;
    if (item->last == NULL)
        return masked_is_equal(packet->transport, item->spec, item->mask, sizeof(struct rte_tcp_hdr));
    const uint8_t *spec = item->spec, *last = item->last, *mask = item->mask, *here = packet->transport;
    for (size_t i = 4; i < sizeof(struct rte_tcp_hdr); i++)
        assert_int_equal(mask[i], 0); /* ranges of what else there is are not needed here */
    return port_is_between(here, spec, last, mask) && port_is_between(here + 2, spec + 2, last + 2, mask + 2);
}

static bool pattern_matches(const struct nic *nic, const struct nic_packet *packet, const struct rte_flow_item *items)
{
    bool matches = true;
    for (; matches && items->type != RTE_FLOW_ITEM_TYPE_END; items++) {
        if (items->type == RTE_FLOW_ITEM_TYPE_IPV4 || items->type == RTE_FLOW_ITEM_TYPE_IPV6)
            matches = ip_matches(packet, items);
        else if (items->type == RTE_FLOW_ITEM_TYPE_TCP || items->type == RTE_FLOW_ITEM_TYPE_UDP)
            matches = transport_matches(nic, packet, items);
        else
            assert_true(items->type == RTE_FLOW_ITEM_TYPE_ETH && items->spec == NULL);
    }
    return matches;
}

static bool is_of_hash(const struct rte_flow_action *actions)
{
    return actions[0].type == RTE_FLOW_ACTION_TYPE_RSS &&
           ((const struct rte_flow_action_rss *)actions[0].conf)->queue_num == 0;
}

/* "To match untagged packets, the pattern is eth / ipv4" (rte_flow's guide). What sets the hash of the whole device,
 * and names no queues, is by kinds of packets, with tags or without, as ice and i40e have it. */
static bool rule_matches(const struct nic *nic, const struct nic_packet *packet, const struct rte_flow_conv_rule *rule)
{
    return (!packet->is_tagged || is_of_hash(rule->actions)) && pattern_matches(nic, packet, rule->pattern);
}

/* Of these the narrowest kind counts: TCP before IP. */
static unsigned breadth_of(const struct rte_flow_conv_rule *rule)
{
    return is_of_hash(rule->actions) && rule->pattern[2].type == RTE_FLOW_ITEM_TYPE_END;
}

/* The one that decides. */
static int find_rule(struct nic *nic, const struct nic_packet *packet)
{
    static uint32_t chance = 1;
    struct nic_rules *rules = rules_of_nic(nic);
    uint64_t best = UINT64_MAX;
    int found = -1;
    for (unsigned i = 0, alike = 0, seen = 0; seen < nic->rules; i++) {
        if (rules->flows[i] == NULL)
            continue;
        seen++;
        const struct rte_flow_conv_rule *rule = &rules->flows[i]->rule;
        uint64_t rank = rule->attr->priority * 2ull + breadth_of(rule);
        if (rank > best || !rule_matches(nic, packet, rule))
            continue;
        alike = rank < best ? 1 : alike + 1;
        best = rank;
        chance = chance * 1664525 + 1013904223;
        if ((chance >> 16) % alike == 0)
            found = (int)i;
    }
    return found;
}

/* A rule that spreads over queues of its own without a key has the driver's, whatever the port has (mlx5). */
static void take_spread(struct nic_hash *how, const struct rte_flow_action_rss *rss)
{
    static const uint8_t of_the_driver[] = {0x2c, 0xc6, 0x81, 0xd1, 0x5b, 0xdb, 0xf4, 0xf7, 0xfc, 0xa2,
                                            0x83, 0x19, 0xdb, 0x1a, 0x3e, 0x94, 0x6b, 0x9e, 0x38, 0xd9,
                                            0x2c, 0x9c, 0x03, 0xd1, 0xad, 0x99, 0x44, 0xa7, 0xd9, 0x56,
                                            0x3d, 0x59, 0x06, 0x3c, 0x25, 0xf3, 0xfc, 0x1f, 0xdc, 0x2a};
    how->types = rss->types;
    how->is_symmetric = rss->func == RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ;
    how->queues = rss->queue;
    how->queues_count = rss->queue_num;
    if (rss->key != NULL || rss->queue_num > 0) {
        how->key = rss->key != NULL ? rss->key : of_the_driver;
        how->key_bytes = rss->key != NULL ? rss->key_len : sizeof(of_the_driver);
    }
}

enum nic_decision nic_rules_decide(struct nic *nic, const struct nic_packet *packet, struct nic_hash *how,
                                   unsigned *queue)
{
    int number = find_rule(nic, packet);
    if (number < 0)
        return NIC_NO_RULE;
    struct nic_rules *rules = rules_of_nic(nic);
    rules->hits[number]++;
    for (const struct rte_flow_action *action = rules->flows[number]->rule.actions;; action++) {
        switch (action->type) {
        case RTE_FLOW_ACTION_TYPE_DROP:
            return NIC_DROP;
        case RTE_FLOW_ACTION_TYPE_QUEUE:
            *queue = ((const struct rte_flow_action_queue *)action->conf)->index;
            return NIC_QUEUE;
        case RTE_FLOW_ACTION_TYPE_RSS:
            take_spread(how, action->conf);
            return NIC_RSS;
        case RTE_FLOW_ACTION_TYPE_COUNT:
            break;
        default:
            fail_msg("an action that this card does not know: %d", action->type);
        }
    }
}

/* What it takes */

static bool has_action(const struct rte_flow_action *actions, enum rte_flow_action_type type)
{
    while (actions->type != RTE_FLOW_ACTION_TYPE_END && actions->type != type)
        actions++;
    return actions->type == type;
}

static const char *why_not_spread(const struct nic *nic, const struct rte_flow_action_rss *rss)
{
    if ((rss->types & ~nic->types) != 0)
        return "hash types not supported";
    if (rss->func == RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ)
        return nic->flow_rules && !(nic->flow_rules_fade && nic->starts > 1) ? NULL : "hash function not supported";
    for (unsigned i = 0; i < rss->queue_num; i++)
        if (rss->queue[i] >= nic->configured_queues)
            return "no such queue";
    if (rss->queue_num > RTE_MAX(nic->table_size, nic->configured_queues) || rss->queue_num == 0)
        return "no such table";
    return rss->key == NULL || rss->key_len == nic->key_bytes ? NULL : "no such key";
}

static const char *why_not_item(const struct nic *nic, const struct rte_flow_item *item)
{
    static const uint8_t none[4], whole[4] = {255, 255, 255, 255};
    if (item->last != NULL && nic->no_last)
        return "ranges not supported";
    if (item->spec == NULL)
        return item->mask == NULL && item->last == NULL ? NULL : "a mask without a specification";
    if (item->type == RTE_FLOW_ITEM_TYPE_IPV4) {
        const struct rte_flow_item_ipv4 *mask = item->mask;
        return mask->hdr.fragment_offset != 0 && nic->no_fragments ? "fragments not supported" : NULL;
    }
    if (item->type == RTE_FLOW_ITEM_TYPE_TCP) {
        const uint8_t *mask = item->mask;
        for (unsigned end = 0; end < 2 && nic->no_masks; end++)
            if (memcmp(mask + 2 * end, none, 2) != 0 && memcmp(mask + 2 * end, whole, 2) != 0)
                return "masks not supported";
    }
    return NULL;
}

static const char *why_not(const struct nic *nic, const struct rte_flow_attr *attributes,
                           const struct rte_flow_item *items, const struct rte_flow_action *actions)
{
    if (!nic->filters && !(is_of_hash(actions) && nic->flow_rules))
        return "hash function not supported";
    if (nic->filters_fade && !is_of_hash(actions) && nic->starts > 1)
        return "not any more";
    if (attributes->priority != 0 && nic->no_priorities)
        return "priorities not supported";
    if (has_action(actions, RTE_FLOW_ACTION_TYPE_COUNT) && nic->no_count)
        return "counters not supported";
    if (nic->flow_rules_ipv4_only && items[1].type == RTE_FLOW_ITEM_TYPE_IPV6)
        return "IPv6 not supported";
    const char *reason = actions[0].type == RTE_FLOW_ACTION_TYPE_RSS ? why_not_spread(nic, actions[0].conf) : NULL;
    for (; reason == NULL && items->type != RTE_FLOW_ITEM_TYPE_END; items++)
        reason = why_not_item(nic, items);
    return reason;
}

WRAP(int, rte_flow_validate, uint16_t port_id, const struct rte_flow_attr *attributes,
     const struct rte_flow_item *items, const struct rte_flow_action *actions, struct rte_flow_error *error)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_flow_validate(port_id, attributes, items, actions, error);
    if (nic->has_no_flow)
        return rte_flow_error_set(error, ENOSYS, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, rte_strerror(ENOSYS));
    const char *reason = why_not(nic, attributes, items, actions);
    return reason == NULL ? 0 : rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, reason);
}

/* Rules */

static bool part_is_equal(const void *one, const void *other, size_t length)
{
    return (one == NULL) == (other == NULL) && (one == NULL || memcmp(one, other, length) == 0);
}

static bool patterns_are_equal(const struct rte_flow_item *one, const struct rte_flow_item *other)
{
    for (;; one++, other++) {
        size_t length = size_of_item(one->type);
        if (one->type != other->type || !part_is_equal(one->spec, other->spec, length) ||
            !part_is_equal(one->last, other->last, length) || !part_is_equal(one->mask, other->mask, length))
            return false;
        if (one->type == RTE_FLOW_ITEM_TYPE_END)
            return true;
    }
}

static struct rte_flow *refuse(int code, const char *reason, struct rte_flow_error *error)
{
    rte_flow_error_set(error, code, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, reason);
    return NULL;
}

/* rte_flow_conv may still change: then this does. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

static struct rte_flow *copy_of(const struct rte_flow_conv_rule *rule)
{
    struct rte_flow_error error;
    int size = rte_flow_conv(RTE_FLOW_CONV_OP_RULE, NULL, 0, rule, &error);
    assert_true(size > 0);
    struct rte_flow *flow = calloc(1, (size_t)size);
    assert_non_null(flow);
    assert_int_equal(rte_flow_conv(RTE_FLOW_CONV_OP_RULE, &flow->rule, (size_t)size, rule, &error), size);
    return flow;
}

#pragma GCC diagnostic pop

WRAP(struct rte_flow *, rte_flow_create, uint16_t port_id, const struct rte_flow_attr *attributes,
     const struct rte_flow_item *items, const struct rte_flow_action *actions, struct rte_flow_error *error)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_flow_create(port_id, attributes, items, actions, error);
    assert_true(nic->running);
    assert_null(why_not(nic, attributes, items, actions));
    struct nic_rules *rules = rules_of_nic(nic);
    unsigned place = ROOM;
    for (unsigned i = 0; i < ROOM; i++) {
        if (rules->flows[i] == NULL)
            place = RTE_MIN(place, i);
        else if (rules->flows[i]->rule.attr->priority == attributes->priority &&
                 patterns_are_equal(rules->flows[i]->rule.pattern, items))
            return refuse(EEXIST, "there is such a rule", error);
    }
    nic->created++;
    if ((nic->creations_refused != 0 && nic->created >= nic->creations_refused) ||
        (nic->rules_max != 0 && nic->rules >= nic->rules_max) || place == ROOM)
        return refuse(ENOSPC, "no room", error);
    struct rte_flow *flow = copy_of(&(struct rte_flow_conv_rule){{attributes}, {items}, {actions}});
    rules->flows[place] = flow;
    rules->hits[place] = 0;
    nic->rules++;
    return flow;
}

static unsigned place_of(const struct nic *nic, const struct rte_flow *flow)
{
    const struct nic_rules *rules = rules_of_nic(nic);
    unsigned i = 0;
    while (i < ROOM && rules->flows[i] != flow)
        i++;
    assert_true(i < ROOM);
    return i;
}

WRAP(int, rte_flow_destroy, uint16_t port_id, struct rte_flow *flow, struct rte_flow_error *error)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_flow_destroy(port_id, flow, error);
    rules_of_nic(nic)->flows[place_of(nic, flow)] = NULL;
    free(flow);
    nic->rules--;
    return 0;
}

WRAP(int, rte_flow_query, uint16_t port_id, struct rte_flow *flow, const struct rte_flow_action *action, void *data,
     struct rte_flow_error *error)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_flow_query(port_id, flow, action, data, error);
    struct rte_flow_query_count *count = data;
    assert_int_equal(action->type, RTE_FLOW_ACTION_TYPE_COUNT);
    if (!has_action(flow->rule.actions, RTE_FLOW_ACTION_TYPE_COUNT))
        return rte_flow_error_set(error, EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, action, "this rule does not count");
    count->hits_set = 1;
    count->hits = rules_of_nic(nic)->hits[place_of(nic, flow)];
    return 0;
}

WRAP(int, rte_flow_isolate, uint16_t port_id, int set, struct rte_flow_error *error)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_flow_isolate(port_id, set, error);
    assert_false(nic->running);
    if (set != 0 ? nic->no_isolation || !nic->filters : nic->keeps_isolated)
        return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, "no such mode");
    nic->isolated = set != 0;
    return 0;
}

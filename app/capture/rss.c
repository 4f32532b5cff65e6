/* SPDX-License-Identifier: BSD-3-Clause */
#include "rss.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_errno.h>

/* What is hashed where a device can: connections by addresses and ports, all else by addresses. */
#define TYPES_TCP     (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_IPV6_TCP_EX)
#define TYPES_OTHER_4 (RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV4_SCTP)
#define TYPES_OTHER_6 (RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_NONFRAG_IPV6_SCTP | RTE_ETH_RSS_IPV6_UDP_EX)
#define TYPES_PORTS   (TYPES_TCP | TYPES_OTHER_4 | TYPES_OTHER_6)
#define TYPES_IPV4    (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER)
#define TYPES_IPV6    (RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER | RTE_ETH_RSS_IPV6_EX)
#define TYPES_ALL     (TYPES_PORTS | TYPES_IPV4 | TYPES_IPV6)

/* Where a device does not say how long its key is: that of the definition of Toeplitz for RSS, enough for IPv6. */
#define KEY_BYTES_USUAL 40

/* Any that does not repeat itself; the same on all ports, so that they agree. */
static const uint8_t plain_key[RSS_KEY_MAX] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca,
    0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b,
    0xbe, 0xac, 0x01, 0xfa, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 0x60, 0x71, 0x82, 0x93, 0xa4, 0xb5, 0xc6};

static void make_symmetric_key(uint8_t *key, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        key[i] = i % 2 == 0 ? 0x6d : 0x5a;
}

/* The 32 bits of the key that an input bit at `at` adds to the hash; false where the key is too short for it. */
static bool window(const uint8_t *key, unsigned key_bytes, unsigned at, uint32_t *bits)
{
    if (at + 32 > key_bytes * 8)
        return false;
    *bits = 0;
    for (unsigned i = at; i < at + 32; i++)
        *bits = *bits << 1 | ((unsigned)key[i / 8] >> (7 - i % 8) & 1u);
    return true;
}

/* Whether `count` input bits from `one` on weigh the same as those from `other` on. */
static bool weigh_the_same(const uint8_t *key, unsigned key_bytes, unsigned one, unsigned other, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t first, second;
        if (!window(key, key_bytes, one + i, &first) || !window(key, key_bytes, other + i, &second) || first != second)
            return false;
    }
    return true;
}

/* Toeplitz is linear: each input bit that is set adds its window. So swapping source and destination changes nothing,
 * whatever they are, if and only if their bits weigh the same. */
bool rss_key_is_symmetric(const uint8_t *key, unsigned key_bytes, uint64_t types)
{
    bool ipv4_ports = (types & (RTE_ETH_RSS_NONFRAG_IPV4_TCP | TYPES_OTHER_4)) != 0;
    bool ipv6_ports = (types & (TYPES_PORTS & ~(RTE_ETH_RSS_NONFRAG_IPV4_TCP | TYPES_OTHER_4))) != 0;
    bool ipv4 = ipv4_ports || (types & TYPES_IPV4) != 0, ipv6 = ipv6_ports || (types & TYPES_IPV6) != 0;
    return (!ipv4 || weigh_the_same(key, key_bytes, 0, 32, 32)) &&
           (!ipv4_ports || weigh_the_same(key, key_bytes, 64, 80, 16)) &&
           (!ipv6 || weigh_the_same(key, key_bytes, 0, 128, 128)) &&
           (!ipv6_ports || weigh_the_same(key, key_bytes, 256, 272, 16));
}

bool rss_is_offered(const struct rte_eth_dev_info *info)
{
    return info->max_rx_queues > 1 && (info->flow_type_rss_offloads & TYPES_ALL) != 0;
}

static const char *describe_types(uint64_t types)
{
    if ((types & TYPES_TCP) != 0)
        return "addresses and ports";
    return (types & TYPES_ALL) != 0 ? "addresses only" : "nothing";
}

void rss_prepare(struct rss *rss, const struct rte_eth_dev_info *info, unsigned queues, struct rte_eth_conf *conf)
{
    rss->queues = queues;
    rss->offered = rss->types = info->flow_type_rss_offloads & TYPES_ALL;
    rss->key_bytes = info->hash_key_size > 0 ? info->hash_key_size : KEY_BYTES_USUAL;
    conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf->rx_adv_conf.rss_conf.rss_hf = rss->types;
    if (rss->key_at_configure && !rss->key_refused) {
        make_symmetric_key(rss->key, rss->key_bytes);
        conf->rx_adv_conf.rss_conf.rss_key = rss->key;
        conf->rx_adv_conf.rss_conf.rss_key_len = (uint8_t)rss->key_bytes;
    }
    snprintf(rss->asked, sizeof(rss->asked),
             "symmetric Toeplitz by rte_flow, else a symmetric key of %u bytes; %s, over %u queues", rss->key_bytes,
             describe_types(rss->types), queues);
}

/* The rules, in the order in which they are tried; where a family's connections can be hashed by ports, that rule must
 * be taken, else that of its addresses. */
static const struct {
    uint64_t types;
    enum rte_flow_item_type items[3];
    uint64_t needed_unless; /* types offered that make another rule the needed one */
    bool is_needed;
} rules[RSS_RULES_MAX] = {
    {RTE_ETH_RSS_NONFRAG_IPV4_TCP, {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_TCP, RTE_FLOW_ITEM_TYPE_END}, 0, true},
    {RTE_ETH_RSS_NONFRAG_IPV6_TCP, {RTE_FLOW_ITEM_TYPE_IPV6, RTE_FLOW_ITEM_TYPE_TCP, RTE_FLOW_ITEM_TYPE_END}, 0, true},
    {RTE_ETH_RSS_IPV4, {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_END}, RTE_ETH_RSS_NONFRAG_IPV4_TCP, true},
    {RTE_ETH_RSS_IPV6, {RTE_FLOW_ITEM_TYPE_IPV6, RTE_FLOW_ITEM_TYPE_END}, RTE_ETH_RSS_NONFRAG_IPV6_TCP, true},
    {RTE_ETH_RSS_NONFRAG_IPV4_UDP, {RTE_FLOW_ITEM_TYPE_IPV4, RTE_FLOW_ITEM_TYPE_UDP, RTE_FLOW_ITEM_TYPE_END}, 0, false},
    {RTE_ETH_RSS_NONFRAG_IPV6_UDP, {RTE_FLOW_ITEM_TYPE_IPV6, RTE_FLOW_ITEM_TYPE_UDP, RTE_FLOW_ITEM_TYPE_END}, 0, false},
};

static struct rte_flow *make_rule(uint16_t port_id, uint32_t priority, unsigned i, struct rte_flow_error *error)
{
    struct rte_flow_attr attributes = {.ingress = 1, .priority = priority};
    struct rte_flow_item items[4] = {{.type = RTE_FLOW_ITEM_TYPE_ETH}};
    for (unsigned layer = 0; layer < RTE_DIM(rules[i].items); layer++)
        items[1 + layer].type = rules[i].items[layer];
    struct rte_flow_action_rss rss = {.func = RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ, .types = rules[i].types};
    struct rte_flow_action actions[] = {{.type = RTE_FLOW_ACTION_TYPE_RSS, .conf = &rss},
                                        {.type = RTE_FLOW_ACTION_TYPE_END}};
    memset(error, 0, sizeof(*error));
    if (rte_flow_validate(port_id, &attributes, items, actions, error) != 0)
        return NULL;
    return rte_flow_create(port_id, &attributes, items, actions, error);
}

void rss_release(struct rss *rss, uint16_t port_id)
{
    for (unsigned i = 0; i < RSS_RULES_MAX; i++) {
        struct rte_flow_error error;
        if (rss->rules[i] != NULL)
            rte_flow_destroy(port_id, rss->rules[i], &error);
        rss->rules[i] = NULL;
    }
}

/* The first way. What is not needed may be refused. */
static bool apply_rules(struct rss *rss, uint16_t port_id, uint64_t offered)
{
    for (unsigned i = 0; i < RSS_RULES_MAX; i++) {
        struct rte_flow_error error;
        if ((offered & rules[i].types) == 0)
            continue;
        rss->rules[i] = make_rule(port_id, rss->rules_priority, i, &error);
        if (rss->rules[i] != NULL || !rules[i].is_needed || (offered & rules[i].needed_unless) != 0)
            continue;
        int code = rte_errno;
        snprintf(rss->accepted, sizeof(rss->accepted), "rte_flow refused (%s)",
                 error.message != NULL ? error.message : rte_strerror(code));
        rss_release(rss, port_id);
        return false;
    }
    return true;
}

/* Where it refuses them below other rules, at the highest priority: RSS matters more than a filter on the device. */
static bool apply_rules_somehow(struct rss *rss, uint16_t port_id, uint64_t offered)
{
    if (apply_rules(rss, port_id, offered))
        return true;
    if (rss->rules_priority == 0)
        return false;
    rss->rules_priority = 0;
    rss->accepted[0] = '\0';
    return apply_rules(rss, port_id, offered);
}

/* What the device has now: its key, where it tells, and what it hashes. */
static void read_back(struct rss *rss, uint16_t port_id)
{
    struct rte_eth_rss_conf conf = {.rss_key = rss->key, .rss_key_len = (uint8_t)rss->key_bytes};
    memset(rss->key, 0, sizeof(rss->key));
    rss->key_is_known = rte_eth_dev_rss_hash_conf_get(port_id, &conf) == 0;
    if (rss->key_is_known)
        rss->types = conf.rss_hf;
}

static int set_key(struct rss *rss, uint16_t port_id, const uint8_t *key)
{
    memcpy(rss->key, key, rss->key_bytes);
    struct rte_eth_rss_conf conf = {.rss_key = rss->key, .rss_key_len = (uint8_t)rss->key_bytes, .rss_hf = rss->types};
    return rte_eth_dev_rss_hash_update(port_id, &conf);
}

/* Which queue an entry of the hash belongs to: all alike, and the same on all ports. */
static void set_table(struct rss *rss, uint16_t port_id, uint16_t size)
{
    unsigned groups = (size + RTE_ETH_RETA_GROUP_SIZE - 1u) / RTE_ETH_RETA_GROUP_SIZE;
    struct rte_eth_rss_reta_entry64 *table = calloc(RTE_MAX(groups, 1u), sizeof(*table));
    rss->table_size = 0;
    if (table == NULL)
        return;
    for (unsigned i = 0; i < size; i++) {
        table[i / RTE_ETH_RETA_GROUP_SIZE].mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
        table[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(i % rss->queues);
    }
    if (size > 0 && rte_eth_dev_rss_reta_update(port_id, table, size) == 0)
        rss->table_size = size;
    free(table);
}

static void append(char *text, size_t capacity, const char *more)
{
    size_t length = strlen(text);
    snprintf(text + length, capacity - length, "%s%s", length > 0 ? "; " : "", more);
}

static void describe(struct rss *rss)
{
    static const char *const ways[] = {
        [RSS_OFF] = "none",
        [RSS_BY_FLOW] = "symmetric Toeplitz by rte_flow",
        [RSS_BY_KEY] = "Toeplitz with a symmetric key",
        [RSS_NOT_SYMMETRIC] = "not symmetric",
    };
    char table[48] = "the device's own redirection table";
    if (rss->table_size > 0)
        snprintf(table, sizeof(table), "a redirection table of %u entries", rss->table_size);
    snprintf(rss->in_force, sizeof(rss->in_force), "%s; %s, %u queues, %s", ways[rss->way], describe_types(rss->types),
             rss->queues, table);
}

int rss_apply(struct rss *rss, uint16_t port_id, const struct rte_eth_dev_info *info)
{
    uint64_t offered = info->flow_type_rss_offloads & TYPES_ALL;
    uint8_t symmetric_key[RSS_KEY_MAX];
    make_symmetric_key(symmetric_key, sizeof(symmetric_key));
    rss->accepted[0] = '\0';
    int code = 0;
    /* Not beside a key that repeats itself. */
    bool by_flow = !rss->key_at_configure && apply_rules_somehow(rss, port_id, offered);
    if (by_flow)
        code = set_key(rss, port_id, plain_key);
    else if (!rss->key_at_configure)
        code = set_key(rss, port_id, symmetric_key);
    if (code != 0 && !by_flow) {
        rss->key_at_configure = true;
        return -EAGAIN;
    }
    read_back(rss, port_id);
    set_table(rss, port_id, info->reta_size);

    bool is_symmetric = rss->key_is_known && rss_key_is_symmetric(rss->key, rss->key_bytes, rss->types);
    rss->way = by_flow ? RSS_BY_FLOW : is_symmetric ? RSS_BY_KEY : RSS_NOT_SYMMETRIC;
    append(rss->accepted, sizeof(rss->accepted),
           by_flow              ? "rte_flow rules taken"
           : !rss->key_is_known ? "the device does not tell its key"
           : is_symmetric       ? "key taken"
                                : "key not taken");
    append(rss->accepted, sizeof(rss->accepted), describe_types(rss->types));
    describe(rss);
    return 0;
}

void rss_assume(struct rss *rss, const struct rte_eth_dev_info *info, enum rss_way way)
{
    rss->types = rss->offered;
    rss->table_size = (uint16_t)RTE_MAX(info->reta_size + 0u, rss->queues);
    if (way == RSS_BY_FLOW)
        memcpy(rss->key, plain_key, rss->key_bytes);
    else
        make_symmetric_key(rss->key, rss->key_bytes);
    rss->key_is_known = true;
    bool is_symmetric = way == RSS_BY_FLOW || rss_key_is_symmetric(rss->key, rss->key_bytes, rss->types);
    rss->way = is_symmetric ? way : RSS_NOT_SYMMETRIC;
    snprintf(rss->accepted, sizeof(rss->accepted), "in the rules of the filter; %s", describe_types(rss->types));
    describe(rss);
}

bool rss_fill_action(const struct rss *rss, uint8_t ip_version, struct rte_flow_action_rss *action)
{
    uint64_t types = rss->way == RSS_BY_FLOW ? rss->offered : rss->types;
    uint64_t by_ports = ip_version == 4 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP : RTE_ETH_RSS_NONFRAG_IPV6_TCP;
    uint64_t by_addresses = ip_version == 4 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6;
    action->types = types & ((types & by_ports) != 0 ? by_ports : by_addresses);
    /* Without a key a rule may have another one than the port. One that is not symmetric is any device's own affair. */
    bool has_key = rss->key_is_known && rss->way != RSS_NOT_SYMMETRIC;
    action->func = rss->way == RSS_BY_FLOW  ? RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ
                   : rss->way == RSS_BY_KEY ? RTE_ETH_HASH_FUNCTION_TOEPLITZ
                                            : RTE_ETH_HASH_FUNCTION_DEFAULT;
    action->key = has_key ? rss->key : NULL;
    action->key_len = has_key ? rss->key_bytes : 0;
    return action->types != 0;
}

bool rss_is_alike(const struct rss *one, const struct rss *other)
{
    return one->way == other->way && one->types == other->types && one->queues == other->queues &&
           one->table_size == other->table_size && one->table_size > 0 && one->key_is_known && other->key_is_known &&
           memcmp(one->key, other->key, RTE_MIN(RTE_MIN(one->key_bytes, other->key_bytes), KEY_BYTES_USUAL + 0u)) == 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_support.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_tcp.h>
#include <rte_thash.h>

#define TYPES_TCP (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP)

struct nic nics[2];

struct nic nic_usual(void)
{
    return (struct nic){
        .queues = 8,
        .types = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | TYPES_TCP,
        .key_bytes = 52,
        .table_size = 512,
        .key_by_update = true,
        .key_at_configure = true,
        .descriptors_max = 4096,
        .counts_by_queue = true,
    };
}

/* NULL for any other device. */
static struct nic *nic_of(uint16_t port_id)
{
    char name[RTE_ETH_NAME_MAX_LEN];
    unsigned n;
    if (rte_eth_dev_get_name_by_port(port_id, name) != 0 || sscanf(name, "net_ring%u", &n) != 1 || n >= RTE_DIM(nics))
        return NULL;
    return nics[n].queues > 0 ? &nics[n] : NULL;
}

#define WRAP(result, name, ...)                                                                                        \
    result __real_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__)

/* A key of its own that is not symmetric, before any other is set. */
static void set_own_key(struct nic *nic)
{
    for (unsigned i = 0; i < sizeof(nic->key); i++)
        nic->key[i] = (uint8_t)(i * 151 + 37);
}

WRAP(int, rte_eth_dev_info_get, uint16_t port_id, struct rte_eth_dev_info *info)
{
    static const uint32_t flags = RTE_ETH_DEV_INTR_RMV;
    int code = __real_rte_eth_dev_info_get(port_id, info);
    struct nic *nic = nic_of(port_id);
    if (code != 0 || nic == NULL)
        return code;
    info->max_rx_queues = (uint16_t)nic->queues;
    if (nic->max_mtu != 0)
        info->max_mtu = nic->max_mtu;
    info->rx_offload_capa = nic->offloads;
    info->flow_type_rss_offloads = nic->types;
    info->hash_key_size = nic->key_bytes;
    info->reta_size = nic->table_size;
    info->rx_desc_lim = (struct rte_eth_desc_lim){.nb_max = nic->descriptors_max, .nb_min = 64, .nb_align = 32};
    info->dev_flags = &flags;
    return 0;
}

WRAP(int, rte_eth_dev_adjust_nb_rx_tx_desc, uint16_t port_id, uint16_t *received, uint16_t *sending)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_eth_dev_adjust_nb_rx_tx_desc(port_id, received, sending);
    *received = (uint16_t)RTE_MIN(*received, nic->descriptors_max);
    return 0;
}

WRAP(int, rte_eth_dev_configure, uint16_t port_id, uint16_t receiving, uint16_t sending,
     const struct rte_eth_conf *conf)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_eth_dev_configure(port_id, receiving, sending, conf);
    const struct rte_eth_rss_conf *rss = &conf->rx_adv_conf.rss_conf;
    if ((rss->rss_hf & ~nic->types) != 0 || (conf->rxmode.offloads & ~nic->offloads) != 0 || receiving > nic->queues)
        return -EINVAL;
    if (nic->max_mtu != 0 && conf->rxmode.mtu > nic->max_mtu)
        return -EINVAL;
    if (rss->rss_key != NULL && (rss->rss_key_len != nic->key_bytes || !nic->key_at_configure))
        return -EINVAL;
    if (nic->needs_tx_at_configure && sending != receiving)
        return -EINVAL;
    set_own_key(nic);
    if (rss->rss_key != NULL)
        memcpy(nic->key, rss->rss_key, nic->key_bytes);
    nic->types_in_force = conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS ? rss->rss_hf : 0;
    nic->configured_queues = receiving;
    nic->tx_queues = sending;
    nic->rx_offloads = conf->rxmode.offloads;
    nic->mtu = conf->rxmode.mtu;
    struct rte_eth_conf plain = {.rxmode = {.mtu = conf->rxmode.mtu}};
    return __real_rte_eth_dev_configure(port_id, receiving, sending, &plain);
}

WRAP(int, rte_eth_rx_queue_setup, uint16_t port_id, uint16_t queue, uint16_t descriptors, unsigned node,
     const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
    struct nic *nic = nic_of(port_id);
    struct rte_eth_rxconf plain = *conf;
    if (nic != NULL) {
        nic->drops_when_full = conf->rx_drop_en;
        plain.offloads = 0;
        plain.rx_drop_en = 0;
    }
    return __real_rte_eth_rx_queue_setup(port_id, queue, descriptors, node, &plain, pool);
}

/* Starting sets the redirection table back, as many do. */
WRAP(int, rte_eth_dev_start, uint16_t port_id)
{
    struct nic *nic = nic_of(port_id);
    if (nic != NULL && nic->needs_tx_at_start && nic->tx_queues == 0)
        return -EINVAL;
    if (nic != NULL && nic->start_code != 0)
        return nic->start_code;
    if (nic != NULL) {
        nic->starts++;
        memset(nic->table, 0, sizeof(nic->table));
    }
    return __real_rte_eth_dev_start(port_id);
}

WRAP(int, rte_eth_promiscuous_enable, uint16_t port_id)
{
    struct nic *nic = nic_of(port_id);
    return nic != NULL && nic->promiscuous_code != 0 ? nic->promiscuous_code
                                                     : __real_rte_eth_promiscuous_enable(port_id);
}

WRAP(int, rte_eth_dev_rss_hash_update, uint16_t port_id, struct rte_eth_rss_conf *conf)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_eth_dev_rss_hash_update(port_id, conf);
    if (!nic->key_by_update)
        return -ENOTSUP;
    if (conf->rss_key_len != nic->key_bytes || (conf->rss_hf & ~nic->types) != 0)
        return -EINVAL;
    memcpy(nic->key, conf->rss_key, nic->key_bytes);
    nic->types_in_force = conf->rss_hf;
    return 0;
}

WRAP(int, rte_eth_dev_rss_hash_conf_get, uint16_t port_id, struct rte_eth_rss_conf *conf)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_eth_dev_rss_hash_conf_get(port_id, conf);
    if (nic->hides_key)
        return -ENOTSUP;
    memcpy(conf->rss_key, nic->key, nic->key_bytes);
    conf->rss_hf = nic->types_in_force;
    return 0;
}

WRAP(int, rte_eth_dev_rss_reta_update, uint16_t port_id, struct rte_eth_rss_reta_entry64 *table, uint16_t size)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_eth_dev_rss_reta_update(port_id, table, size);
    if (size != nic->table_size)
        return -EINVAL;
    for (unsigned i = 0; i < size; i++)
        if ((table[i / 64].mask >> i % 64 & 1) != 0)
            nic->table[i] = table[i / 64].reta[i % 64];
    return 0;
}

static bool takes_rule(const struct nic *nic, const struct rte_flow_item *items, const struct rte_flow_action *actions)
{
    const struct rte_flow_action_rss *rss = actions[0].conf;
    bool is_ipv6 = items[1].type == RTE_FLOW_ITEM_TYPE_IPV6;
    return nic->flow_rules && actions[0].type == RTE_FLOW_ACTION_TYPE_RSS &&
           rss->func == RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ && (rss->types & ~nic->types) == 0 &&
           !(nic->flow_rules_ipv4_only && is_ipv6) && !(nic->flow_rules_fade && nic->starts > 1);
}

WRAP(int, rte_flow_validate, uint16_t port_id, const struct rte_flow_attr *attributes,
     const struct rte_flow_item *items, const struct rte_flow_action *actions, struct rte_flow_error *error)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_flow_validate(port_id, attributes, items, actions, error);
    if (takes_rule(nic, items, actions))
        return 0;
    return rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, NULL, "hash function not supported");
}

WRAP(struct rte_flow *, rte_flow_create, uint16_t port_id, const struct rte_flow_attr *attributes,
     const struct rte_flow_item *items, const struct rte_flow_action *actions, struct rte_flow_error *error)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_flow_create(port_id, attributes, items, actions, error);
    nic->rules++;
    return (struct rte_flow *)(void *)nic;
}

WRAP(int, rte_flow_destroy, uint16_t port_id, struct rte_flow *flow, struct rte_flow_error *error)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_flow_destroy(port_id, flow, error);
    nic->rules--;
    return 0;
}

WRAP(int, rte_eth_stats_get, uint16_t port_id, struct rte_eth_stats *stats)
{
    int code = __real_rte_eth_stats_get(port_id, stats);
    struct nic *nic = nic_of(port_id);
    if (nic == NULL || code != 0)
        return code;
    stats->imissed = nic->missed;
    stats->ierrors = nic->errors;
    stats->rx_nombuf = nic->no_buffer;
    return nic->removed ? -EIO : 0;
}

/* The names that ethdev makes of what every device has, and a queue's errors behind them. */
WRAP(int, rte_eth_xstats_get_names, uint16_t port_id, struct rte_eth_xstat_name *names, unsigned size)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_eth_xstats_get_names(port_id, names, size);
    for (unsigned i = 0; names != NULL && i < size && i < 2 + nic->queues; i++)
        snprintf(names[i].name, sizeof(names[i].name), i < 2 ? "rx_good_packets" : "rx_q%u_errors", i - 2);
    return (int)(2 + nic->queues);
}

WRAP(int, rte_eth_xstats_get_by_id, uint16_t port_id, const uint64_t *ids, uint64_t *values, unsigned size)
{
    struct nic *nic = nic_of(port_id);
    if (nic == NULL)
        return __real_rte_eth_xstats_get_by_id(port_id, ids, values, size);
    for (unsigned i = 0; i < size; i++)
        values[i] = ids[i] >= 2 && nic->counts_by_queue ? nic->queue_errors[ids[i] - 2] : 0;
    return (int)size;
}

WRAP(int, rte_eth_link_get_nowait, uint16_t port_id, struct rte_eth_link *link)
{
    int code = __real_rte_eth_link_get_nowait(port_id, link);
    struct nic *nic = nic_of(port_id);
    if (nic != NULL)
        link->link_status = nic->link_down ? RTE_ETH_LINK_DOWN : RTE_ETH_LINK_UP;
    return code;
}

WRAP(int, rte_eth_dev_is_removed, uint16_t port_id)
{
    struct nic *nic = nic_of(port_id);
    return nic != NULL ? nic->removed : __real_rte_eth_dev_is_removed(port_id);
}

WRAP(int, rte_eth_dev_callback_register, uint16_t port_id, enum rte_eth_event_type event, rte_eth_dev_cb_fn function,
     void *context)
{
    struct nic *nic = nic_of(port_id);
    if (nic != NULL && event == RTE_ETH_EVENT_INTR_RMV) {
        nic->removal = function;
        nic->removal_context = context;
    }
    return __real_rte_eth_dev_callback_register(port_id, event, function, context);
}

void nic_vanish(unsigned n)
{
    nics[n].removed = true;
    nics[n].removal(0, RTE_ETH_EVENT_INTR_RMV, nics[n].removal_context, NULL);
}

/* What the card reads of a packet: addresses and ports in host order, in the order of the definition. */
static unsigned tuple_of(unsigned flow, bool reverse, bool ipv6, uint32_t tuple[9])
{
    uint32_t random = flow * 2654435761u, one[4], other[4];
    unsigned words = ipv6 ? 4 : 1;
    for (unsigned i = 0; i < 4; i++) {
        one[i] = (ipv6 && i < 3 ? 0x20010db8 + i : 0x0a000000) + (random >> 16);
        other[i] = (ipv6 && i < 3 ? 0x20010db8 + 7 * i : 0xc0a80000) + (random & 0xff);
    }
    memcpy(tuple, reverse ? other : one, words * 4);
    memcpy(tuple + words, reverse ? one : other, words * 4);
    uint32_t client_port = 1024 + (random >> 7) % 60000, server_port = 443;
    tuple[2 * words] = reverse ? server_port << 16 | client_port : client_port << 16 | server_port;
    return 2 * words;
}

static uint32_t hash_of(const struct nic *nic, unsigned flow, bool reverse, bool ipv6)
{
    uint32_t tuple[9], key[32];
    unsigned ports = tuple_of(flow, reverse, ipv6, tuple), words = ports / 2;
    memset(key, 0, sizeof(key));
    memcpy(key, nic->key, sizeof(nic->key));
    uint64_t tcp = ipv6 ? RTE_ETH_RSS_NONFRAG_IPV6_TCP : RTE_ETH_RSS_NONFRAG_IPV4_TCP;
    bool with_ports = (nic->types_in_force & tcp) != 0;
    /* rte_flow.h: "src, dst will be replaced by xor(src, dst)" */
    for (unsigned i = 0; nic->rules > 0 && i < words; i++)
        tuple[i] = tuple[words + i] = tuple[i] ^ tuple[words + i];
    if (nic->rules > 0)
        tuple[ports] = ((tuple[ports] >> 16) ^ (tuple[ports] & 0xffff)) * 0x10001u;
    return rte_softrss(tuple, with_ports ? ports + 1 : ports, (const uint8_t *)key);
}

unsigned nic_receive(unsigned n, unsigned flow, bool reverse, bool ipv6)
{
    struct nic *nic = &nics[n];
    static struct rte_mempool *pool;
    if (pool == NULL)
        pool = rte_pktmbuf_pool_create("wire", 8191, 0, 0, 2176, SOCKET_ID_ANY);
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
    assert_non_null(mbuf);
    mbuf->data_len = 64;
    mbuf->pkt_len = 64;
    memset(rte_pktmbuf_mtod(mbuf, char *), 0, 64);

    unsigned queue = 0;
    if (nic->types_in_force != 0)
        queue = nic->table[hash_of(nic, flow, reverse, ipv6) % nic->table_size];
    assert_true(queue < nic->configured_queues);
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "ETH_RXTX%u_net_ring%u", queue, n);
    struct rte_ring *ring = rte_ring_lookup(name);
    assert_non_null(ring);
    assert_int_equal(rte_ring_enqueue(ring, mbuf), 0);
    return queue;
}

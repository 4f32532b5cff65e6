/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_support.h"

#include "nic_rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
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

struct nic *nic_of(uint16_t port_id)
{
    char name[RTE_ETH_NAME_MAX_LEN];
    unsigned n;
    if (rte_eth_dev_get_name_by_port(port_id, name) != 0 || sscanf(name, "net_ring%u", &n) != 1 || n >= RTE_DIM(nics))
        return NULL;
    return nics[n].queues > 0 ? &nics[n] : NULL;
}

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
        nic->running = true;
        memset(nic->table, 0, sizeof(nic->table));
    }
    return __real_rte_eth_dev_start(port_id);
}

/* Rules that are still there have no meaning from here on. */
WRAP(int, rte_eth_dev_stop, uint16_t port_id)
{
    struct nic *nic = nic_of(port_id);
    if (nic != NULL) {
        assert_int_equal(nic->rules, 0);
        nic->running = false;
    }
    return __real_rte_eth_dev_stop(port_id);
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

/* Both directions' addresses and ports; the same for the same flow. */
static void address_frame(unsigned flow, bool reverse, bool ipv6, uint8_t *source, uint8_t *destination, uint8_t *ports)
{
    uint32_t random = flow * 2654435761u, one[4], other[4];
    for (unsigned i = 0; i < 4; i++) {
        one[i] = rte_cpu_to_be_32((ipv6 && i < 3 ? 0x20010db8 + i : 0x0a000000) + (random >> 16));
        other[i] = rte_cpu_to_be_32((ipv6 && i < 3 ? 0x20010db8 + 7 * i : 0xc0a80000) + (random & 0xff));
    }
    memcpy(source, reverse ? other : one, ipv6 ? 16 : 4);
    memcpy(destination, reverse ? one : other, ipv6 ? 16 : 4);
    uint16_t client_port = rte_cpu_to_be_16((uint16_t)(1024 + (random >> 7) % 60000)), server_port = RTE_BE16(443);
    memcpy(ports, reverse ? &server_port : &client_port, 2);
    memcpy(ports + 2, reverse ? &client_port : &server_port, 2);
}

unsigned nic_receive(unsigned n, unsigned flow, bool reverse, bool ipv6)
{
    uint8_t frame[80] = {[12] = ipv6 ? 0x86 : 0x08, [13] = ipv6 ? 0xdd : 0x00};
    uint8_t *ip = frame + 14, *tcp = ip + (ipv6 ? 40 : 20);
    ip[0] = ipv6 ? 0x60 : 0x45;
    ip[ipv6 ? 6 : 9] = 6;
    ip[ipv6 ? 5 : 3] = ipv6 ? 20 : 40;
    tcp[12] = 0x50;
    address_frame(flow, reverse, ipv6, ip + (ipv6 ? 8 : 12), ip + (ipv6 ? 24 : 16), tcp);
    return nic_receive_frame(n, frame, ipv6 ? 74 : 64);
}

/* Toeplitz over what is hashed of a packet, in host order and the order of the definition. */
static uint32_t hash_of(const struct nic_packet *packet, const struct nic_hash *how)
{
    uint32_t tuple[9] = {0}, key[64] = {0};
    unsigned words = packet->ip_version == 4 ? 1 : 4;
    uint64_t by_ports = words == 1 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP : RTE_ETH_RSS_NONFRAG_IPV6_TCP;
    uint64_t by_addresses = words == 1 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6;
    bool with_ports = (how->types & by_ports) != 0 && packet->is_whole_tcp;
    if (packet->ip_version == 0 || (how->types & (by_ports | by_addresses)) == 0)
        return 0;
    for (unsigned i = 0; i < 2 * words; i++) /* source and destination stand one behind the other */
        tuple[i] = rte_be_to_cpu_32(*(const unaligned_uint32_t *)(packet->ip + (words == 1 ? 12 : 8) + 4 * i));
    if (with_ports)
        tuple[2 * words] = rte_be_to_cpu_32(*(const unaligned_uint32_t *)packet->transport);
    /* rte_flow.h: "src, dst will be replaced by xor(src, dst)" */
    for (unsigned i = 0; how->is_symmetric && i < words; i++)
        tuple[i] = tuple[words + i] = tuple[i] ^ tuple[words + i];
    if (how->is_symmetric)
        tuple[2 * words] = ((tuple[2 * words] >> 16) ^ (tuple[2 * words] & 0xffff)) * 0x10001u;
    memcpy(key, how->key, how->key_bytes);
    return rte_softrss(tuple, with_ports ? 2 * words + 1 : 2 * words, (const uint8_t *)key);
}

static unsigned queue_by_rss(const struct nic *nic, const struct nic_packet *packet, const struct nic_hash *how)
{
    uint32_t hash = hash_of(packet, how);
    return how->queues_count > 0 ? how->queues[hash % how->queues_count] : nic->table[hash % nic->table_size];
}

/* NIC_KEPT_OUT, or the queue. */
static unsigned queue_of(struct nic *nic, const struct nic_packet *packet)
{
    struct nic_hash how = {nic->key, sizeof(nic->key), nic->types_in_force, false, NULL, 0};
    unsigned queue = 0;
    switch (nic_rules_decide(nic, packet, &how, &queue)) {
    case NIC_DROP:
        return NIC_KEPT_OUT;
    case NIC_QUEUE:
        return queue;
    case NIC_RSS:
        return queue_by_rss(nic, packet, &how);
    case NIC_NO_RULE:
        break;
    }
    if (nic->isolated)
        return NIC_KEPT_OUT;
    return nic->types_in_force != 0 ? queue_by_rss(nic, packet, &how) : 0;
}

unsigned nic_receive_frame(unsigned n, const uint8_t *frame, unsigned length)
{
    struct nic *nic = &nics[n];
    struct nic_packet packet;
    nic_packet_read(&packet, frame, length);
    unsigned queue = queue_of(nic, &packet);
    if (queue == NIC_KEPT_OUT)
        return queue;
    assert_true(queue < nic->configured_queues);

    static struct rte_mempool *pool;
    if (pool == NULL)
        pool = rte_pktmbuf_pool_create("wire", 8191, 0, 0, 2176, SOCKET_ID_ANY);
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
    assert_non_null(mbuf);
    mbuf->data_len = (uint16_t)length;
    mbuf->pkt_len = length;
    memcpy(rte_pktmbuf_mtod(mbuf, char *), frame, length);
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "ETH_RXTX%u_net_ring%u", queue, n);
    struct rte_ring *ring = rte_ring_lookup(name);
    assert_non_null(ring);
    assert_int_equal(rte_ring_enqueue(ring, mbuf), 0);
    return queue;
}

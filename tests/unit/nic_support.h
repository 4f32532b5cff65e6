/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_NIC_SUPPORT_H
#define BEARERTAP_TESTS_UNIT_NIC_SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include <bearertap/ports.h>

/*
 * A network card that is not here: a net_ring device, whose rings are its queues, with the capabilities that a test
 * chooses. What ethdev asks a driver for is answered here (the linker's --wrap puts these functions between ports and
 * ethdev: drivers' own headers are not installed with DPDK), within the rules that ethdev's documents lay down. Packets
 * go to the ring that RSS, as it was set, says: by rte_softrss, DPDK's own reckoning of Toeplitz, and the redirection
 * table; or to where a rule of rte_flow says that matches them (nic_rules.h).
 */
struct nic {
    unsigned queues;
    uint16_t max_mtu; /* 0: any */
    uint64_t offloads, types;
    uint8_t key_bytes;
    uint16_t table_size;
    int start_code, promiscuous_code;              /* what these answer, where not 0 */
    bool needs_tx_at_configure, needs_tx_at_start; /* as many queues to send with as to receive with */
    bool key_by_update, key_at_configure;          /* when it takes a key */
    bool hides_key;                                /* rte_eth_dev_rss_hash_conf_get is not there */
    bool flow_rules;                               /* takes symmetric Toeplitz by rte_flow */
    bool flow_rules_ipv4_only;
    bool flow_rules_fade; /* only until it is stopped */
    bool filters;         /* takes rules that drop packets or send them to queues, but for what the next ones say */
    bool no_priorities, no_last, no_masks, no_count, no_fragments, no_isolation;
    bool has_no_flow;           /* its driver knows nothing of rte_flow */
    bool keeps_isolated;        /* does not leave that mode */
    bool filters_fade;          /* only until it is stopped */
    bool goes_by_protocol;      /* takes for TCP whatever says so in IP's header: fragments, too */
    unsigned rules_max;         /* 0: any number */
    unsigned creations_refused; /* of the rules that validation let pass, all from this one on, counted from 1 */
    uint16_t descriptors_max;
    /* Counters: */
    uint64_t missed, errors, no_buffer;
    uint64_t queue_errors[16];
    bool counts_by_queue;
    bool link_down, removed;

    /* How it was set: */
    unsigned tx_queues, configured_queues, starts;
    uint64_t rx_offloads, types_in_force;
    uint32_t mtu;
    bool drops_when_full;
    uint8_t key[64];
    uint16_t table[1024];
    unsigned rules, created;
    bool running, isolated;
    int (*removal)(uint16_t, enum rte_eth_event_type, void *, void *);
    void *removal_context;
};

extern struct nic nics[2]; /* net_ring0 and net_ring1 */

/* The usual one: 8 queues, 52 bytes of key that it takes, everything hashed, 512 entries. */
struct nic nic_usual(void);

/* A TCP packet of no payload on the wire of nic `n`; addresses and ports by `flow`, either direction. Returns the queue
 * that it came to. */
unsigned nic_receive(unsigned n, unsigned flow, bool reverse, bool ipv6);

/* The same with any frame, which is copied. NIC_KEPT_OUT where a rule drops it, or an isolated card leaves it to the
 * host. */
#define NIC_KEPT_OUT UINT32_MAX
unsigned nic_receive_frame(unsigned n, const uint8_t *frame, unsigned length);

/* As the device's interrupt would. */
void nic_vanish(unsigned n);

#endif

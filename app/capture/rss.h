/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_RSS_H
#define BEARERTAP_APP_CAPTURE_RSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_flow.h>

/*
 * Receive side scaling by which both directions of a connection come to the same queue. Two ways to it:
 *
 * - The device sorts source and destination itself: rte_flow rules with RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ. The
 *   key must then be none that repeats itself: the two, made the same, would take each other out, and all packets have
 *   the same hash.
 * - Plain Toeplitz with a key that repeats every 16 bits: the hash is then one of all 16-bit words of addresses and
 *   ports XORed together, whichever side they stand on.
 *
 * What is in force is read back from the device, and a key is held to what symmetry needs of it bit by bit. A device
 * that hashes only addresses is symmetric too.
 */
enum rss_way { RSS_OFF, RSS_BY_FLOW, RSS_BY_KEY, RSS_NOT_SYMMETRIC };

#define RSS_KEY_MAX   256
#define RSS_RULES_MAX 8

struct rss {
    enum rss_way way;
    uint64_t offered, types; /* RTE_ETH_RSS_ bits: of the device; asked, and then as accepted */
    unsigned queues;
    unsigned key_bytes;
    uint8_t key[RSS_KEY_MAX]; /* as the device has it */
    bool key_is_known;        /* it could be read back */
    bool key_at_configure;    /* it takes a key then, and not later */
    bool key_refused;         /* and neither then */
    uint16_t table_size;      /* of the redirection table, set round robin; 0 where it could not be set */
    uint32_t rules_priority;  /* of rte_flow: the lower the number, the higher; 0 where the device refuses any other */
    struct rte_flow *rules[RSS_RULES_MAX];
    char asked[128], accepted[128], in_force[128];
};

/* Whether the device can spread over several queues. */
bool rss_is_offered(const struct rte_eth_dev_info *info);

/* Puts what is to be asked into the device's configuration. `rss` must outlive rte_eth_dev_configure. Where that fails
 * with a key in it (`key_at_configure`), say so (`key_refused`) and prepare again. */
void rss_prepare(struct rss *rss, const struct rte_eth_dev_info *info, unsigned queues, struct rte_eth_conf *conf);

/* On a device that was started. 0, or -EAGAIN where it takes a key only when it is configured: prepare it again, and
 * begin anew. */
int rss_apply(struct rss *rss, uint16_t port_id, const struct rte_eth_dev_info *info);

/* On an isolated device, which has no RSS but that of rules: as they will have it by `way`, or, where no key would be
 * symmetric, by none. */
void rss_assume(struct rss *rss, const struct rte_eth_dev_info *info, enum rss_way way);

/* Fills the action of a rule of an IP version's TCP, but for its queues, so that packets come to the queue that they
 * would come to without it: entry i of the table is queue i modulo `queues`. False where nothing of it is hashed: they
 * all come to the first. */
bool rss_fill_action(const struct rss *rss, uint8_t ip_version, struct rte_flow_action_rss *action);

/* Before the device is stopped. */
void rss_release(struct rss *rss, uint16_t port_id);

/* Whether the same packet comes to the queue of the same number on both. */
bool rss_is_alike(const struct rss *one, const struct rss *other);

/* Whether Toeplitz with this key gives both directions of a connection the same hash, for what is hashed (`types`). */
bool rss_key_is_symmetric(const uint8_t *key, unsigned key_bytes, uint64_t types);

#endif

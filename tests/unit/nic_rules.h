/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_NIC_RULES_H
#define BEARERTAP_TESTS_UNIT_NIC_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "nic_support.h"

/*
 * The rules of rte_flow of a card that is not here (nic_support.h), by what rte_flow.h says of patterns, priorities and
 * actions. Where it says that the outcome is undefined (several rules of one priority match), chance decides.
 */

#define WRAP(result, name, ...)                                                                                        \
    result __real_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__);                                                                                 \
    result __wrap_##name(__VA_ARGS__)

/* NULL for any other device. */
struct nic *nic_of(uint16_t port_id);

/* What the card reads of a packet. */
struct nic_packet {
    uint8_t ip_version; /* 0: no IP */
    bool is_tagged, is_fragment, has_fragment_header;
    bool is_whole_tcp;
    uint8_t protocol;
    const uint8_t *ip, *transport; /* NULL where there is no such header */
    unsigned length_behind;        /* of the transport's header, as far as it is there */
};

void nic_packet_read(struct nic_packet *packet, const uint8_t *frame, unsigned length);

/* How a packet is spread. Without queues of its own: by the card's table. */
struct nic_hash {
    const uint8_t *key;
    unsigned key_bytes;
    uint64_t types;
    bool is_symmetric;
    const uint16_t *queues;
    unsigned queues_count;
};

enum nic_decision { NIC_NO_RULE, NIC_DROP, NIC_QUEUE, NIC_RSS };

/* What the rules say of a packet, and counts it. `how` is that of the card, and changed to that of the rule. */
enum nic_decision nic_rules_decide(struct nic *nic, const struct nic_packet *packet, struct nic_hash *how,
                                   unsigned *queue);

#endif

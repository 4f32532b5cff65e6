/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/packet.h>

#include <string.h>

/*
 * The two ends are put in an order of their own before they are hashed, so that both directions hash alike. Sixteen
 * bytes for IPv4 cost three SipHash blocks, which is why it isn't hashed in IPv6's form.
 */
static inline uint64_t read_64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t read_32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

/* Each end is made a number, and the lower one goes first, so that both directions hash the same. */
uint64_t endpoints_hash(const struct siphash_key *key, const struct endpoints *endpoints)
{
    uint64_t vlan = endpoints->has_vlan ? endpoints->vlan_id | 0x8000u : 0;
    uint64_t source_port = endpoints->source_port, destination_port = endpoints->destination_port;
    if (endpoints->ip_version == 4) {
        uint64_t source = read_32(endpoints->source) << 16 | source_port;
        uint64_t destination = read_32(endpoints->destination) << 16 | destination_port;
        bool swap = source > destination;
        uint64_t words[2] = {(swap ? destination : source) | vlan << 48, (swap ? source : destination) | 4ull << 48};
        return siphash_13(key, words, 2);
    }
    uint64_t source[2] = {read_64(endpoints->source), read_64(endpoints->source + 8)};
    uint64_t destination[2] = {read_64(endpoints->destination), read_64(endpoints->destination + 8)};
    bool swap = source[0] != destination[0]   ? source[0] > destination[0]
                : source[1] != destination[1] ? source[1] > destination[1]
                                              : source_port > destination_port;
    const uint64_t *first = swap ? destination : source, *second = swap ? source : destination;
    uint64_t ports = swap ? destination_port << 16 | source_port : source_port << 16 | destination_port;
    uint64_t words[5] = {first[0], first[1], second[0], second[1],
                         ports << 32 | vlan << 16 | endpoints->ip_version};
    return siphash_13(key, words, 5);
}

void packet_decode(struct burst *burst, const struct siphash_key *key)
{
    for (unsigned i = 0; i < burst->count; i++) {
        if (burst->outcomes[i] != OUTCOME_PENDING)
            continue;
        struct rte_mbuf *mbuf = burst->mbufs[i];
        struct segment *segment = &burst->segments[i];
        enum outcome outcome =
            frame_decode(capture_port(mbuf->port)->link_type, rte_pktmbuf_mtod(mbuf, const uint8_t *),
                         rte_pktmbuf_data_len(mbuf), rte_pktmbuf_pkt_len(mbuf), *capture_wire_length(mbuf), segment);
        burst->outcomes[i] = (uint8_t)outcome;
        if (outcome == OUTCOME_PENDING)
            burst->hashes[i] = endpoints_hash(key, &segment->endpoints);
    }
}

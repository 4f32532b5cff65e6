/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/packet.h>

#include <string.h>

/*
 * The two ends are put in an order of their own before they are hashed, so that both directions hash alike. Sixteen
 * bytes for IPv4 cost three SipHash blocks, which is why it isn't hashed in IPv6's form.
 */
uint64_t endpoints_hash(const struct siphash_key *key, const struct endpoints *endpoints)
{
    struct {
        uint8_t addresses[32];
        uint16_t ports[2];
        uint16_t vlan;
        uint16_t version;
    } wide = {0};
    int order = memcmp(endpoints->source, endpoints->destination, 16);
    if (order == 0)
        order = (int)endpoints->source_port - (int)endpoints->destination_port;
    bool swap = order > 0;
    const uint8_t *first = swap ? endpoints->destination : endpoints->source;
    const uint8_t *second = swap ? endpoints->source : endpoints->destination;
    uint16_t first_port = swap ? endpoints->destination_port : endpoints->source_port;
    uint16_t second_port = swap ? endpoints->source_port : endpoints->destination_port;
    uint16_t vlan = endpoints->has_vlan ? (uint16_t)(endpoints->vlan_id | 0x8000) : 0;

    if (endpoints->ip_version == 4) {
        uint32_t narrow[4];
        memcpy(&narrow[0], first, 4);
        memcpy(&narrow[1], second, 4);
        narrow[2] = (uint32_t)first_port << 16 | second_port;
        narrow[3] = vlan;
        return siphash_64(key, narrow, sizeof(narrow));
    }
    memcpy(wide.addresses, first, 16);
    memcpy(wide.addresses + 16, second, 16);
    wide.ports[0] = first_port;
    wide.ports[1] = second_port;
    wide.vlan = vlan;
    wide.version = endpoints->ip_version;
    return siphash_64(key, &wide, sizeof(wide));
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

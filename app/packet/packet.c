/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/packet.h>

#include <string.h>

#include <rte_prefetch.h>

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

/*
 * A connection in words, each end made a number and the lower one first, so that both directions are the same. Returns
 * how many: 2 of IPv4, 5 of IPv6.
 */
static inline unsigned connection_words(const struct endpoints *endpoints, uint64_t words[5])
{
    uint64_t vlan = endpoints->has_vlan ? endpoints->vlan_id | 0x8000u : 0;
    uint64_t source_port = endpoints->source_port, destination_port = endpoints->destination_port;
    if (endpoints->ip_version == 4) {
        uint64_t source = read_32(endpoints->source) << 16 | source_port;
        uint64_t destination = read_32(endpoints->destination) << 16 | destination_port;
        bool swap = source > destination;
        words[0] = (swap ? destination : source) | vlan << 48;
        words[1] = (swap ? source : destination) | 4ull << 48;
        return 2;
    }
    uint64_t source[2] = {read_64(endpoints->source), read_64(endpoints->source + 8)};
    uint64_t destination[2] = {read_64(endpoints->destination), read_64(endpoints->destination + 8)};
    bool swap = source[0] != destination[0]   ? source[0] > destination[0]
                : source[1] != destination[1] ? source[1] > destination[1]
                                              : source_port > destination_port;
    memcpy(words, swap ? destination : source, 16);
    memcpy(words + 2, swap ? source : destination, 16);
    uint64_t ports = swap ? destination_port << 16 | source_port : source_port << 16 | destination_port;
    words[4] = ports << 32 | vlan << 16 | endpoints->ip_version;
    return 5;
}

uint64_t endpoints_hash(const struct siphash_key *key, const struct endpoints *endpoints)
{
    uint64_t words[5];
    unsigned count = connection_words(endpoints, words);
    return siphash_13(key, words, count);
}

/* Packets of a burst whose connections have as many words, to be hashed four at a time. */
struct hash_queue {
    unsigned words, count;
    uint64_t of[5][4]; /* word by word */
    unsigned packets[4];
};

static void hash_queued(struct hash_queue *queue, const struct siphash_key *key, struct burst *burst)
{
    uint64_t hashes[4];
    for (unsigned i = queue->count; i < 4; i++)
        for (unsigned word = 0; word < queue->words; word++)
            queue->of[word][i] = 0;
    siphash_13_of_4(key, queue->of, queue->words, hashes);
    for (unsigned i = 0; i < queue->count; i++)
        burst->hashes[queue->packets[i]] = hashes[i];
    queue->count = 0;
}

/* How many packets ahead a header is asked for; see flow_look_up. */
#define HEADER_AHEAD 8

static inline void ask_for_header(const struct burst *burst, unsigned i)
{
    if (i >= burst->count)
        return;
    rte_prefetch0(rte_pktmbuf_mtod(burst->mbufs[i], const void *));
    rte_prefetch0(rte_pktmbuf_mtod_offset(burst->mbufs[i], const void *, 64)); /* IPv6's TCP header reaches into it */
}

void packet_decode(struct burst *burst, const struct siphash_key *key)
{
    for (unsigned i = 0; i < HEADER_AHEAD; i++)
        ask_for_header(burst, i);
    struct hash_queue queues[2] = {{.words = 2}, {.words = 5}};
    for (unsigned i = 0; i < burst->count; i++) {
        ask_for_header(burst, i + HEADER_AHEAD);
        if (burst->outcomes[i] != OUTCOME_PENDING)
            continue;
        struct rte_mbuf *mbuf = burst->mbufs[i];
        struct segment *segment = &burst->segments[i];
        enum outcome outcome =
            frame_decode(capture_port(mbuf->port)->link_type, rte_pktmbuf_mtod(mbuf, const uint8_t *),
                         rte_pktmbuf_data_len(mbuf), rte_pktmbuf_pkt_len(mbuf), *capture_wire_length(mbuf), segment);
        burst->outcomes[i] = (uint8_t)outcome;
        if (outcome != OUTCOME_PENDING)
            continue;
        uint64_t words[5];
        unsigned count = connection_words(&segment->endpoints, words);
        struct hash_queue *queue = &queues[count == 5];
        for (unsigned word = 0; word < count; word++)
            queue->of[word][queue->count] = words[word];
        queue->packets[queue->count++] = i;
        if (queue->count == 4)
            hash_queued(queue, key, burst);
    }
    for (unsigned i = 0; i < 2; i++)
        if (queues[i].count > 0)
            hash_queued(&queues[i], key, burst);
}

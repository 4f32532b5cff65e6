/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/packet.h>

#include <string.h>

#include <rte_prefetch.h>

#include "plain.h"

/*
 * The two ends are put in an order of their own before they are hashed, so that both directions hash alike. Sixteen
 * bytes for IPv4 cost three SipHash blocks, which is why it isn't hashed in IPv6's form.
 */
static inline uint64_t word_of(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t half_word_of(const uint8_t *at)
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
        uint64_t source = half_word_of(endpoints->source) << 16 | source_port;
        uint64_t destination = half_word_of(endpoints->destination) << 16 | destination_port;
        bool swap = source > destination;
        words[0] = (swap ? destination : source) | vlan << 48;
        words[1] = (swap ? source : destination) | 4ull << 48;
        return 2;
    }
    uint64_t source[2] = {word_of(endpoints->source), word_of(endpoints->source + 8)};
    uint64_t destination[2] = {word_of(endpoints->destination), word_of(endpoints->destination + 8)};
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

/* The packets of a burst whose connections have so many words. */
struct hash_queue {
    unsigned words, count;
    uint64_t (*of)[BURST_MAX + 3]; /* word by word */
    uint8_t packets[BURST_MAX];
};

/* Four at a time, and when all are decoded: what was just written piece by piece can't be read at once without waiting.
 */
static void hash_queued(struct hash_queue *queue, const struct siphash_key *key, struct burst *burst)
{
    for (unsigned i = 0; i < queue->count; i += 4) {
        uint64_t words[5][4], hashes[4];
        for (unsigned word = 0; word < queue->words; word++)
            memcpy(words[word], &queue->of[word][i], sizeof(words[word]));
        siphash_13_of_4(key, words, queue->words, hashes);
        for (unsigned j = 0; j < 4 && i + j < queue->count; j++)
            burst->hashes[queue->packets[i + j]] = hashes[j];
    }
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

static inline enum outcome decode_packet(struct rte_mbuf *mbuf, struct segment *segment)
{
    const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
    uint32_t captured = rte_pktmbuf_data_len(mbuf), available = rte_pktmbuf_pkt_len(mbuf);
    uint32_t wire = *capture_wire_length(mbuf);
    enum link_type link_type = capture_port(mbuf->port)->link_type;
    if (link_type == LINK_ETHERNET && wire <= available && decode_plain(frame, captured, available, segment))
        return OUTCOME_PENDING;
    return frame_decode(link_type, frame, captured, available, wire, segment);
}

void packet_decode(struct burst *burst, const struct siphash_key *key)
{
    /* Beyond the last one are zeros, or what an earlier burst left: nobody looks at their hashes. */
    static _Thread_local uint64_t words_of_4[2][BURST_MAX + 3], words_of_6[5][BURST_MAX + 3];
    struct hash_queue of_4 = {.words = 2, .of = words_of_4}, of_6 = {.words = 5, .of = words_of_6};
    for (unsigned i = 0; i < HEADER_AHEAD; i++)
        ask_for_header(burst, i);
    for (unsigned i = 0; i < burst->count; i++) {
        ask_for_header(burst, i + HEADER_AHEAD);
        if (burst->outcomes[i] != OUTCOME_PENDING)
            continue;
        struct segment *segment = &burst->segments[i];
        burst->outcomes[i] = (uint8_t)decode_packet(burst->mbufs[i], segment);
        if (burst->outcomes[i] != OUTCOME_PENDING)
            continue;
        uint64_t words[5];
        unsigned count = connection_words(&segment->endpoints, words);
        struct hash_queue *queue = count == 2 ? &of_4 : &of_6;
        for (unsigned word = 0; word < count; word++)
            queue->of[word][queue->count] = words[word];
        queue->packets[queue->count++] = (uint8_t)i;
    }
    hash_queued(&of_4, key, burst);
    hash_queued(&of_6, key, burst);
}

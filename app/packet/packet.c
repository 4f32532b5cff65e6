/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/packet.h>

#include <string.h>

#include <rte_prefetch.h>

#include "plain.h"

uint64_t endpoints_hash(const struct siphash_key *key, const struct endpoints *endpoints)
{
    uint64_t words[CONNECTION_WORDS_MAX];
    unsigned count = connection_words(endpoints, words);
    return siphash_13(key, words, count);
}

/* Packets of a burst whose connections have so many words. Beyond the last one are zeros, or what an earlier burst
 * left: nobody looks at their hashes. */
struct hash_queue {
    unsigned count;
    uint8_t packets[BURST_MAX];
    uint64_t words[CONNECTION_WORDS_MAX][BURST_MAX + 3]; /* word by word */
};

static inline void enqueue(struct hash_queue *queue, const uint64_t *words, unsigned count, unsigned packet)
{
    for (unsigned i = 0; i < count; i++)
        queue->words[i][queue->count] = words[i];
    queue->packets[queue->count++] = (uint8_t)packet;
}

/* Four at a time, and when all are decoded: what was just written piece by piece can't be read at once without waiting.
 */
static inline void hash_queued(const struct hash_queue *queue, unsigned words_count, const struct siphash_key *key,
                               struct burst *burst)
{
    uint64_t hashes[BURST_MAX + 3];
    for (unsigned i = 0; i < queue->count; i += 4) {
        uint64_t words[CONNECTION_WORDS_MAX][4];
        for (unsigned word = 0; word < words_count; word++)
            memcpy(words[word], &queue->words[word][i], sizeof(words[word]));
        siphash_13_of_4(key, words, words_count, &hashes[i]);
    }
    for (unsigned i = 0; i < queue->count; i++)
        burst->hashes[queue->packets[i]] = hashes[i];
}

/* How many packets ahead a header is asked for; see flow_look_up. */
#define HEADER_AHEAD 8

static inline void ask_for_header(const struct burst *burst, unsigned count, unsigned i)
{
    if (i >= count)
        return;
    rte_prefetch0(rte_pktmbuf_mtod(burst->mbufs[i], const void *));
    rte_prefetch0(rte_pktmbuf_mtod_offset(burst->mbufs[i], const void *, 64)); /* IPv6's TCP header reaches into it */
}

/* By the layers. Returns how many words of the connection, 0 where the packet ended. */
static unsigned decode_by_layers(struct burst *burst, unsigned i, uint64_t words[CONNECTION_WORDS_MAX])
{
    struct rte_mbuf *mbuf = burst->mbufs[i];
    enum outcome outcome = frame_decode(capture_port(mbuf->port)->link_type, rte_pktmbuf_mtod(mbuf, const uint8_t *),
                                        rte_pktmbuf_data_len(mbuf), rte_pktmbuf_pkt_len(mbuf),
                                        *capture_wire_length(mbuf), &burst->segments[i]);
    burst->outcomes[i] = (uint8_t)outcome;
    return outcome == OUTCOME_PENDING ? connection_words(&burst->segments[i].endpoints, words) : 0;
}

void packet_decode(struct burst *burst, const struct siphash_key *key)
{
    static _Thread_local struct hash_queue of_4, of_6;
    const unsigned count = burst->count;
    uint32_t last_port = UINT32_MAX; /* nearly all packets come by one */
    bool is_ethernet = false;
    of_4.count = of_6.count = 0;
    for (unsigned i = 0; i < HEADER_AHEAD; i++)
        ask_for_header(burst, count, i);
    for (unsigned i = 0; i < count; i++) {
        ask_for_header(burst, count, i + HEADER_AHEAD);
        if (burst->outcomes[i] != OUTCOME_PENDING)
            continue;
        struct rte_mbuf *mbuf = burst->mbufs[i];
        if (mbuf->port != last_port) {
            last_port = mbuf->port;
            is_ethernet = capture_port(mbuf->port)->link_type == LINK_ETHERNET;
        }
        uint64_t words[CONNECTION_WORDS_MAX];
        unsigned words_count = 0;
        if (is_ethernet && *capture_wire_length(mbuf) <= rte_pktmbuf_pkt_len(mbuf))
            words_count = decode_plain(rte_pktmbuf_mtod(mbuf, const uint8_t *), rte_pktmbuf_data_len(mbuf),
                                       rte_pktmbuf_pkt_len(mbuf), &burst->segments[i], words);
        if (words_count == 0)
            words_count = decode_by_layers(burst, i, words);
        if (words_count == 2)
            enqueue(&of_4, words, 2, i);
        else if (words_count == 5)
            enqueue(&of_6, words, 5, i);
    }
    hash_queued(&of_4, 2, key, burst);
    hash_queued(&of_6, 5, key, burst);
}

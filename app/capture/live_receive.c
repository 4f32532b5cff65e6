/* SPDX-License-Identifier: BSD-3-Clause */
/* The sources: bursts of several queues, in turn. */
#include "live.h"

#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

/* By one thread, which writes; others read. */
static inline void count(uint64_t *counter, uint64_t more)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + more, __ATOMIC_RELAXED);
}

/* Two VLAN tags are as many as are looked behind. */
#define TAGS_MAX 2

/* How long the frame was by its IP header; its length here where that says nothing or less. */
static uint32_t length_by_header(const struct rte_mbuf *mbuf)
{
    uint32_t here = rte_pktmbuf_pkt_len(mbuf), at = RTE_ETHER_HDR_LEN, length = 0;
    const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
    if (rte_pktmbuf_data_len(mbuf) < RTE_ETHER_HDR_LEN + TAGS_MAX * 4 + sizeof(struct rte_ipv6_hdr))
        return here;
    unsigned type = (unsigned)bytes[12] << 8 | bytes[13];
    for (unsigned tags = 0; tags < TAGS_MAX && (type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ); tags++) {
        type = (unsigned)bytes[at + 2] << 8 | bytes[at + 3];
        at += 4;
    }
    if (type == RTE_ETHER_TYPE_IPV4)
        length = at + ((uint32_t)bytes[at + 2] << 8 | bytes[at + 3]);
    else if (type == RTE_ETHER_TYPE_IPV6)
        length = at + (uint32_t)sizeof(struct rte_ipv6_hdr) + ((uint32_t)bytes[at + 4] << 8 | bytes[at + 5]);
    return RTE_MAX(length, here);
}

static inline unsigned take(struct live_queue *queue, struct rte_mbuf **mbufs, unsigned max)
{
    if (unlikely(atomic_load_explicit(&queue->closed, memory_order_relaxed)))
        return 0;
    unsigned received = rte_eth_rx_burst(queue->port_id, queue->queue_id, mbufs, (uint16_t)max);
    if (received == 0) {
        count(&queue->empty_polls, 1);
        return 0;
    }
    uint64_t bytes = 0, cut = 0;
    for (unsigned i = 0; i < received; i++) {
        struct rte_mbuf *mbuf = mbufs[i];
        uint32_t length = rte_pktmbuf_pkt_len(mbuf), wire = length;
        if (unlikely(length >= queue->frame_bytes)) {
            wire = length_by_header(mbuf);
            cut += wire > length;
        }
        mbuf->port = queue->number;
        *capture_wire_length(mbuf) = wire;
        bytes += length;
    }
    count(&queue->bursts, 1);
    count(&queue->packets, received);
    count(&queue->bytes, bytes);
    if (unlikely(cut > 0))
        count(&queue->cut, cut);
    return received;
}

static uint64_t source_now_ns(const struct capture_source *base)
{
    return clock_ns(container_of(base, const struct live_source, source)->clock, rte_rdtsc());
}

/* By the one thread that takes from it. */
static inline uint64_t time_of_burst(struct live_source *source)
{
    uint64_t now_ns = source_now_ns(&source->source);
    /* A correction may make what was just read a nanosecond too much. */
    if (now_ns > source->last_ns)
        source->last_ns = now_ns;
    return source->last_ns;
}

/* Each queue once at most, beginning with the one after the last that was asked: a full one starves none. */
static int receive_from_queues(struct capture_source *base, struct rte_mbuf **mbufs, unsigned max)
{
    struct live_source *source = container_of(base, struct live_source, source);
    unsigned received = 0;
    for (unsigned asked = 0; asked < source->count && received < max; asked++) {
        struct live_queue *queue = source->queues[source->next];
        source->next = source->next + 1 < source->count ? source->next + 1 : 0;
        received += take(queue, mbufs + received, max - received);
    }
    if (received == 0)
        return 0;
    uint64_t now_ns = time_of_burst(source);
    for (unsigned i = 0; i < received; i++)
        *capture_time_ns(mbufs[i]) = now_ns;
    return (int)received;
}

/* All queues: a source's are those of its number, or all where there is but one source. */
int live_sources_create(struct ports *ports, struct error *error)
{
    unsigned queues = 0;
    for (unsigned i = 0; i < ports->count; i++)
        queues += ports->ports[i].queues_count;
    ports->sources = aligned_alloc(alignof(struct live_source), ports->sources_count * sizeof(*ports->sources));
    // NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are meant
    ports->source_queues = calloc(RTE_MAX(queues, 1u), sizeof(*ports->source_queues));
    if (ports->sources == NULL || ports->source_queues == NULL)
        return error_set(error, ENOMEM, "out of memory for the sources of %u queues", queues);
    memset(ports->sources, 0, ports->sources_count * sizeof(*ports->sources));
    struct live_queue **next = ports->source_queues;
    for (unsigned s = 0; s < ports->sources_count; s++) {
        struct live_source *source = &ports->sources[s];
        source->source.receive = receive_from_queues;
        source->source.now_ns = source_now_ns;
        source->clock = &ports->clock;
        source->queues = next;
        for (unsigned i = 0; i < ports->count; i++)
            for (unsigned q = 0; q < ports->ports[i].queues_count; q++)
                if (ports->sources_count == 1 || q == s)
                    source->queues[source->count++] = &ports->ports[i].queues[q];
        next += source->count;
    }
    return 0;
}

void live_sources_free(struct ports *ports)
{
    free(ports->sources);
    free(ports->source_queues);
}

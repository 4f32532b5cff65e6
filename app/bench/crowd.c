/* SPDX-License-Identifier: BSD-3-Clause */
#include "crowd.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include <bearertap/memory.h>

#define MBUFS 2048u
#define CACHE 256u

/* Two million packets a second, by packet time: no connection is idle for long, however many there are. */
#define PACKET_NS 500
/* 2023-11-14T22:13:20Z, as a player's. */
#define EPOCH_NS 1700000000000000000ull

/* What is told of a packet: a line. */
struct part {
    alignas(64) uint64_t at; /* of its bytes */
    uint32_t length;
    uint32_t sequence, acknowledgement; /* in the lap's first round */
    uint32_t own_bytes, peer_bytes;     /* what a round holds of its direction, and of the other */
    uint32_t burst;                     /* in which it was handed out last */
    uint16_t addresses_at, tcp_at, port;
    uint8_t address_bytes, sightings;
    uint8_t addresses[4]; /* as they were: what tells copies apart */
    bool of_sighted;      /* its connection bears a revoked key */
};

_Static_assert(sizeof(struct part) == 64, "a line");

struct copy {
    uint32_t next, rounds;
};

enum phase { PHASE_OPENINGS, PHASE_PACKETS, PHASE_LAST, PHASE_OVER };

struct crowd {
    struct capture_source source;
    struct lap *lap;
    struct part *parts, *openings;
    uint32_t (*first_sequences)[2]; /* by copy and connection: of the SYNs of both its openings */
    struct copy *copies;
    uint32_t copies_count;
    struct rte_mempool *pool;
    int cpu;
    bool pinned, opened;
    enum phase phase;
    uint64_t opening; /* what is opened next: SYN and answer of one connection of one copy */
    uint64_t left;    /* packets of the turn */
    uint32_t copy_at; /* whose rest is handed out, in the last turn; ... */
    bool copy_begun;  /* ... some of it was looked at */
    uint32_t burst;
    uint64_t chance, time_ns;
    uint64_t packets, ticks, entered, expected;
    struct sampler *sampler;
};

size_t crowd_bytes(void)
{
    return MBUFS * 384u + (1u << 20);
}

static void write_32(uint8_t *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof(value));
}

static uint32_t random_below(struct crowd *crowd, uint32_t count)
{
    crowd->chance ^= crowd->chance << 13;
    crowd->chance ^= crowd->chance >> 7;
    crowd->chance ^= crowd->chance << 17;
    return (uint32_t)((crowd->chance >> 32) * count >> 32);
}

/* Both ends' addresses get the same change, as lap_vary's. */
static void address(const struct part *part, uint8_t *frame, uint32_t copy)
{
    uint8_t *at = frame + part->addresses_at + 1;
    for (unsigned end = 0; end < 2; end++, at += part->address_bytes) {
        at[0] = (uint8_t)(part->addresses[2 * end] ^ copy >> 8);
        at[1] = (uint8_t)(part->addresses[2 * end + 1] ^ copy);
    }
}

static void hand_out(struct crowd *crowd, const struct part *part, uint32_t copy, uint32_t sequence,
                     uint32_t acknowledgement, struct rte_mbuf *mbuf)
{
    uint8_t *frame = crowd->lap->bytes + part->at;
    address(part, frame, copy);
    write_32(frame + part->tcp_at + 4, sequence);
    write_32(frame + part->tcp_at + 8, acknowledgement);
    mbuf->buf_addr = frame;
    mbuf->data_off = 0;
    mbuf->port = part->port;
    mbuf->data_len = (uint16_t)part->length;
    mbuf->pkt_len = part->length;
    mbuf->ol_flags = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    *capture_time_ns(mbuf) = crowd->time_ns;
    *capture_wire_length(mbuf) = part->length;
    crowd->time_ns += PACKET_NS;
}

/* The next packet of a copy, unless another copy handed it out in this burst: there is one of it in memory. */
static bool hand_out_next(struct crowd *crowd, uint32_t copy, struct rte_mbuf *mbuf)
{
    struct copy *of = &crowd->copies[copy];
    struct part *part = &crowd->parts[of->next];
    if (part->burst == crowd->burst)
        return false;
    part->burst = crowd->burst;
    hand_out(crowd, part, copy, part->sequence + of->rounds * part->own_bytes,
             part->acknowledgement + of->rounds * part->peer_bytes, mbuf);
    crowd->expected += part->sightings;
    if (++of->next == crowd->lap->count) {
        of->next = 0;
        of->rounds++;
    }
    rte_prefetch0(&crowd->parts[of->next]);
    return true;
}

/* Openings are handed out pair by pair, in a sequence that goes through connections and copies in leaps. */
static unsigned hand_out_openings(struct crowd *crowd, struct rte_mbuf **mbufs, unsigned max)
{
    const struct lap *lap = crowd->lap;
    uint64_t all = (uint64_t)lap->connections * crowd->copies_count;
    /* A prime above what all can be: every pair comes once, and a connection's copies far from each other. */
    const uint64_t leap = 2654435761u;
    unsigned count = 0;
    for (; count + 2 <= max && crowd->opening < all && count < lap->connections; crowd->opening++) {
        uint64_t pair = crowd->opening * (leap % all) % all;
        uint32_t connection = (uint32_t)(pair % lap->connections), copy = (uint32_t)(pair / lap->connections);
        const uint32_t *sequences = crowd->first_sequences[pair];
        const struct part *opening = &crowd->openings[2 * connection];
        hand_out(crowd, &opening[0], copy, sequences[0], 0, mbufs[count++]);
        hand_out(crowd, &opening[1], copy, sequences[1], sequences[0] + 1, mbufs[count++]);
    }
    return count;
}

static unsigned hand_out_by_chance(struct crowd *crowd, struct rte_mbuf **mbufs, unsigned max)
{
    unsigned count = 0, refused = 0;
    crowd->burst++;
    while (count < max && count < crowd->left && refused < max) {
        if (hand_out_next(crowd, random_below(crowd, crowd->copies_count), mbufs[count]))
            count++;
        else
            refused++;
    }
    crowd->left -= count;
    crowd->packets += count;
    return count;
}

static unsigned hand_out_rest(struct crowd *crowd, struct rte_mbuf **mbufs, unsigned max)
{
    unsigned count = 0;
    crowd->burst++;
    while (count < max && crowd->copy_at < crowd->copies_count) {
        struct copy *of = &crowd->copies[crowd->copy_at];
        uint32_t rounds = of->rounds;
        if (of->next == 0 && !crowd->copy_begun) {
            crowd->copy_at++; /* it stands at the beginning: nothing is half */
            continue;
        }
        crowd->copy_begun = true;
        if (!crowd->parts[of->next].of_sighted) {
            if (++of->next == crowd->lap->count)
                of->next = 0, of->rounds++;
        } else if (hand_out_next(crowd, crowd->copy_at, mbufs[count])) {
            count++;
        } else {
            break;
        }
        if (of->rounds != rounds) {
            crowd->copy_at++;
            crowd->copy_begun = false;
        }
    }
    return count;
}

static void pin(struct crowd *crowd)
{
    cpu_set_t cpus;
    if (crowd->cpu < 0 || crowd->pinned)
        return;
    CPU_ZERO(&cpus);
    CPU_SET((unsigned)crowd->cpu, &cpus);
    pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
    crowd->pinned = true;
}

static unsigned fill(struct crowd *crowd, struct rte_mbuf **mbufs, unsigned max)
{
    if (crowd->phase == PHASE_OPENINGS) {
        unsigned count = hand_out_openings(crowd, mbufs, max);
        if (count > 0)
            return count;
        crowd->opened = true;
        crowd->phase = PHASE_PACKETS;
    }
    return crowd->phase == PHASE_LAST ? hand_out_rest(crowd, mbufs, max) : hand_out_by_chance(crowd, mbufs, max);
}

/* The time runs from when packets are handed out to when more are asked for. */
static int receive(struct capture_source *source, struct rte_mbuf **mbufs, unsigned max)
{
    struct crowd *crowd = container_of(source, struct crowd, source);
    if (crowd->entered != 0)
        crowd->ticks += rte_rdtsc() - crowd->entered;
    crowd->entered = 0;
    if (crowd->sampler != NULL)
        sampler_stop(crowd->sampler);
    pin(crowd);
    if (rte_mempool_get_bulk(crowd->pool, (void **)mbufs, max) != 0)
        return -EAGAIN;
    unsigned count = fill(crowd, mbufs, max);
    if (count < max)
        rte_mempool_put_bulk(crowd->pool, (void **)(mbufs + count), max - count);
    if (crowd->phase == PHASE_PACKETS && count > 0) {
        if (crowd->sampler != NULL)
            sampler_start(crowd->sampler);
        crowd->entered = rte_rdtsc();
    }
    return (int)count;
}

struct capture_source *crowd_source(struct crowd *crowd)
{
    return &crowd->source;
}

void crowd_begin(struct crowd *crowd, uint64_t packets)
{
    crowd->left = packets;
    crowd->packets = crowd->ticks = crowd->entered = 0;
    crowd->phase = crowd->opened ? PHASE_PACKETS : PHASE_OPENINGS;
}

void crowd_begin_last(struct crowd *crowd)
{
    crowd_begin(crowd, 0);
    crowd->copy_at = 0;
    crowd->copy_begun = false;
    crowd->phase = PHASE_LAST;
}

struct played crowd_end(const struct crowd *crowd)
{
    return (struct played){.packets = crowd->packets, .ticks = crowd->ticks, .laps = 1};
}

uint64_t crowd_expected(const struct crowd *crowd)
{
    return crowd->expected;
}

void crowd_watch(struct crowd *crowd, struct sampler *sampler)
{
    crowd->sampler = sampler;
}

/* ---- making one ---- */

static struct part part_of(const struct lap *lap, const struct lap_packet *packet)
{
    struct part part = {.at = packet->at,
                        .length = packet->length,
                        .sequence = packet->sequence,
                        .acknowledgement = packet->acknowledgement,
                        .burst = UINT32_MAX,
                        .addresses_at = packet->addresses_at,
                        .tcp_at = packet->tcp_at,
                        .port = packet->port,
                        .address_bytes = packet->address_bytes,
                        .sightings = packet->sightings};
    const uint8_t *at = lap->bytes + packet->at + packet->addresses_at + 1;
    memcpy(part.addresses, at, 2);
    memcpy(part.addresses + 2, at + packet->address_bytes, 2);
    return part;
}

/* What a round holds of each direction: from its first byte to behind its last. */
static int measure_rounds(struct crowd *crowd, struct error *error)
{
    const struct lap *lap = crowd->lap;
    struct range {
        uint32_t begin[2], end[2];
        bool begun[2], sighted;
    } *ranges = calloc(lap->connections + 1ull, sizeof(*ranges));
    if (ranges == NULL)
        return error_set(error, ENOMEM, "out of memory for packets to play");
    for (uint32_t i = 0; i < lap->count; i++) {
        const struct lap_packet *packet = &lap->packets[i];
        struct range *range = &ranges[packet->connection];
        unsigned direction = packet->direction;
        if (!range->begun[direction])
            range->begin[direction] = range->end[direction] = packet->sequence;
        range->begun[direction] = true;
        uint32_t end = packet->sequence + packet->payload_length;
        if ((int32_t)(end - range->end[direction]) > 0)
            range->end[direction] = end;
        range->sighted = range->sighted || packet->sightings > 0;
    }
    for (uint32_t i = 0; i < lap->count; i++) {
        const struct lap_packet *packet = &lap->packets[i];
        const struct range *range = &ranges[packet->connection];
        unsigned direction = packet->direction;
        crowd->parts[i] = part_of(lap, packet);
        crowd->parts[i].own_bytes = range->end[direction] - range->begin[direction];
        crowd->parts[i].peer_bytes = range->end[1 - direction] - range->begin[1 - direction];
        crowd->parts[i].of_sighted = range->sighted;
    }
    free(ranges);
    return 0;
}

/* Places a copy somewhere in the lap, and finds the numbers with which its connections begin there: one before the
 * first byte that each end sends from there on. */
static void place_copy(struct crowd *crowd, uint32_t copy)
{
    const struct lap *lap = crowd->lap;
    uint32_t(*sequences)[2] = crowd->first_sequences + (size_t)copy * lap->connections;
    uint32_t begin = crowd->copies_count == 1 ? 0 : random_below(crowd, lap->count);
    crowd->copies[copy].next = begin;
    /* Backwards, so that the first one is written last. */
    for (uint32_t i = lap->count; i-- > 0;) {
        uint32_t number = begin + i < lap->count ? begin + i : begin + i - lap->count;
        const struct lap_packet *packet = &lap->packets[number];
        const struct lap_packet *syn = &lap->openings[2 * packet->connection];
        uint32_t round = number < begin ? 1 : 0;
        sequences[packet->connection][packet->direction == syn->direction ? 0 : 1] =
            packet->sequence + round * crowd->parts[number].own_bytes - 1;
    }
}

int crowd_create(struct lap *lap, uint32_t copies, int cpu, struct crowd **result, struct error *error)
{
    static unsigned created;
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    char name[RTE_MEMPOOL_NAMESIZE];
    if (crowd == NULL)
        return error_set(error, ENOMEM, "out of memory for packets to play");
    *crowd = (struct crowd){.source = {.receive = receive},
                            .lap = lap,
                            .copies_count = copies,
                            .cpu = cpu,
                            .chance = 0x9e3779b97f4a7c15u,
                            .time_ns = EPOCH_NS};
    crowd->parts = memory_take((lap->count + 1ull) * sizeof(*crowd->parts));
    crowd->openings = memory_take((lap->openings_count + 1ull) * sizeof(*crowd->openings));
    crowd->copies = calloc(copies, sizeof(*crowd->copies));
    crowd->first_sequences = calloc((size_t)copies * lap->connections + 1, sizeof(*crowd->first_sequences));
    snprintf(name, sizeof(name), "crowd_%u", created++);
    crowd->pool = rte_pktmbuf_pool_create(name, MBUFS, CACHE, 0, 0, SOCKET_ID_ANY);
    int status = 0;
    if (crowd->parts == NULL || crowd->openings == NULL || crowd->copies == NULL || crowd->first_sequences == NULL ||
        crowd->pool == NULL)
        status = error_set(error, ENOMEM, "out of memory for packets to play");
    if (status == 0)
        status = measure_rounds(crowd, error);
    if (status != 0) {
        crowd_destroy(crowd);
        return status;
    }
    for (uint32_t i = 0; i < lap->openings_count; i++)
        crowd->openings[i] = part_of(lap, &lap->openings[i]);
    for (uint32_t i = 0; i < copies; i++)
        place_copy(crowd, i);
    *result = crowd;
    return 0;
}

void crowd_destroy(struct crowd *crowd)
{
    if (crowd == NULL)
        return;
    memory_give_back(crowd->parts, (crowd->lap->count + 1ull) * sizeof(*crowd->parts));
    memory_give_back(crowd->openings, (crowd->lap->openings_count + 1ull) * sizeof(*crowd->openings));
    free(crowd->copies);
    free(crowd->first_sequences);
    free(crowd);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "lap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Packets begin on a line, as in a driver's buffers, and one line apart: nothing reads on from one into the next. */
#define LINE 64u

int lap_create(uint32_t packets_max, size_t bytes_max, struct lap **lap, struct error *error)
{
    struct lap *made = calloc(1, sizeof(*made));
    if (made != NULL) {
        made->max = packets_max;
        made->bytes_max = bytes_max;
        made->packets = calloc(packets_max, sizeof(*made->packets));
        made->payloads = calloc(packets_max, sizeof(*made->payloads));
        made->bytes = mmap(NULL, bytes_max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (made->bytes == MAP_FAILED)
            made->bytes = NULL;
    }
    if (made == NULL || made->packets == NULL || made->payloads == NULL || made->bytes == NULL) {
        lap_destroy(made);
        return error_set(error, ENOMEM, "out of memory for %zu MiB of packets to play", bytes_max >> 20);
    }
    madvise(made->bytes, bytes_max, MADV_HUGEPAGE);
    *lap = made;
    return 0;
}

void lap_destroy(struct lap *lap)
{
    if (lap == NULL)
        return;
    if (lap->bytes != NULL)
        munmap(lap->bytes, lap->bytes_max);
    free(lap->payloads);
    free(lap->openings);
    free(lap->packets);
    free(lap);
}

static uint8_t *take_bytes(struct lap *lap, uint32_t length, uint64_t *at)
{
    size_t needed = (length + 2 * LINE - 1) / LINE * LINE;
    if (needed > lap->bytes_max - lap->bytes_used)
        return NULL;
    *at = lap->bytes_used;
    lap->bytes_used += needed;
    return lap->bytes + *at;
}

bool lap_add(struct lap *lap, const uint8_t *bytes, uint32_t length, uint32_t wire, uint64_t time_ns, uint16_t port)
{
    if (lap->count == lap->max)
        return false;
    struct lap_packet *packet = &lap->packets[lap->count];
    uint8_t *to = take_bytes(lap, length, &packet->at);
    if (to == NULL)
        return false;
    memcpy(to, bytes, length);
    packet->length = length;
    packet->wire = wire;
    packet->time_ns = time_ns;
    packet->port = port;
    lap->frame_bytes += wire;
    lap->count++;
    return true;
}

/* Connections by their endpoints: a table of open addresses. */

struct known {
    uint32_t number;            /* + 1; 0: free */
    struct endpoints endpoints; /* of its first packet */
};

struct seal {
    struct known *known;
    uint32_t mask;
    struct joined {
        bool begins; /* its SYN is in the lap */
        bool has[2];
        uint32_t first[2]; /* number of the first packet of each direction */
        bool spoke[2];     /* streams: numbers of the floor's */
        uint32_t stream[2];
        uint16_t ports[2];
    } * of;
};

static bool same_endpoints(const struct endpoints *a, const struct endpoints *b, bool turned)
{
    return a->ip_version == b->ip_version && a->has_vlan == b->has_vlan && a->vlan_id == b->vlan_id &&
           memcmp(a->source, turned ? b->destination : b->source, 16) == 0 &&
           memcmp(a->destination, turned ? b->source : b->destination, 16) == 0 &&
           a->source_port == (turned ? b->destination_port : b->source_port) &&
           a->destination_port == (turned ? b->source_port : b->destination_port);
}

static uint32_t find_connection(struct lap *lap, struct seal *seal, const struct segment *segment, uint64_t hash,
                                uint8_t *direction)
{
    for (uint32_t slot = (uint32_t)hash & seal->mask;; slot = (slot + 1) & seal->mask) {
        struct known *known = &seal->known[slot];
        if (known->number == 0) {
            known->number = ++lap->connections;
            known->endpoints = segment->endpoints;
            *direction = 0;
            return known->number - 1;
        }
        for (unsigned turned = 0; turned < 2; turned++)
            if (same_endpoints(&known->endpoints, &segment->endpoints, turned == 1)) {
                *direction = (uint8_t)turned;
                return known->number - 1;
            }
    }
}

/* Which end is the server: of two ports the lower one, but for a SYN in the lap. */
static bool sent_by_server(const struct joined *joined, unsigned direction)
{
    return joined->ports[direction] < joined->ports[1 - direction];
}

static void seal_packet(struct lap *lap, struct seal *seal, uint32_t number, unsigned shares)
{
    static const struct siphash_key key = {0x6c61702c206b6579, 0x6564206f6e636521};
    struct lap_packet *packet = &lap->packets[number];
    const uint8_t *frame = lap->bytes + packet->at;
    struct segment segment;
    packet->connection = UINT32_MAX;
    if (frame_decode(capture_port(packet->port)->link_type, frame, packet->length, packet->length, packet->wire,
                     &segment) != OUTCOME_PENDING)
        return;
    uint64_t hash = endpoints_hash(&key, &segment.endpoints);
    packet->connection = find_connection(lap, seal, &segment, hash, &packet->direction);
    packet->share = (uint8_t)((hash >> 32) * shares >> 32);
    packet->sequence = segment.sequence;
    packet->acknowledgement = segment.acknowledgement;
    packet->payload_length = segment.payload_length;
    packet->flags = segment.flags;
    packet->tcp_at = (uint16_t)segment.transport_offset;
    packet->address_bytes = segment.endpoints.ip_version == 4 ? 4 : 16;
    packet->addresses_at = (uint16_t)(segment.network_offset + (packet->address_bytes == 4 ? 12 : 8));
    struct joined *joined = &seal->of[packet->connection];
    joined->begins = joined->begins || (segment.flags & TCP_SYN) != 0;
    joined->ports[packet->direction] = segment.endpoints.source_port;
    joined->ports[1 - packet->direction] = segment.endpoints.destination_port;
    if (!joined->has[packet->direction]) {
        joined->has[packet->direction] = true;
        joined->first[packet->direction] = number;
    }
    lap->payload_bytes += segment.payload_length;
    if (segment.payload_length == 0)
        return;
    if (!joined->spoke[packet->direction]) {
        joined->spoke[packet->direction] = true;
        joined->stream[packet->direction] = lap->streams++;
    }
    lap->payloads[lap->payloads_count++] = (struct floor_payload){
        .bytes = frame + segment.payload_offset,
        .length = segment.payload_length,
        .stream = joined->stream[packet->direction],
        .from_server = sent_by_server(joined, packet->direction),
    };
}

static void write_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void write_32(uint8_t *at, uint32_t value)
{
    write_16(at, value >> 16);
    write_16(at + 2, value & 0xffff);
}

/* The SYN, or its answer, that stood before `packet`, made of its headers; `turned`: as the other end sends it. */
static bool add_opening(struct lap *lap, const struct lap_packet *packet, bool turned, uint32_t sequence,
                        uint32_t acknowledgement, uint8_t flags)
{
    struct lap_packet *opening = &lap->openings[lap->openings_count];
    uint32_t length = packet->tcp_at + 20u, addresses = packet->addresses_at, bytes = packet->address_bytes;
    *opening = *packet;
    uint8_t *frame = take_bytes(lap, length, &opening->at);
    if (frame == NULL)
        return false;
    memcpy(frame, lap->bytes + packet->at, length);
    if (turned) {
        const uint8_t *from = lap->bytes + packet->at;
        memcpy(frame + addresses, from + addresses + bytes, bytes);
        memcpy(frame + addresses + bytes, from + addresses, bytes);
        memcpy(frame + packet->tcp_at, from + packet->tcp_at + 2, 2);
        memcpy(frame + packet->tcp_at + 2, from + packet->tcp_at, 2);
    }
    if (bytes == 4)
        write_16(frame + addresses - 10, length - (addresses - 12));
    else
        write_16(frame + addresses - 4, 20 + packet->tcp_at - (addresses + 32));
    uint8_t *tcp = frame + packet->tcp_at;
    write_32(tcp + 4, sequence);
    write_32(tcp + 8, acknowledgement);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    opening->length = opening->wire = length;
    opening->flags = flags;
    opening->payload_length = opening->sightings = 0;
    opening->direction = turned ? 1 - packet->direction : packet->direction;
    opening->time_ns = 0;
    lap->openings_count++;
    return true;
}

/* Both ends' SYNs of a connection that was under way when the lap begins. */
static bool open_connection(struct lap *lap, const struct joined *joined)
{
    unsigned direction = joined->has[0] ? 0 : 1;
    const struct lap_packet *packet = &lap->packets[joined->first[direction]];
    uint32_t own = packet->sequence - 1, peer = packet->acknowledgement - 1;
    if (joined->has[1 - direction])
        peer = lap->packets[joined->first[1 - direction]].sequence - 1;
    bool by_server = sent_by_server(joined, direction);
    if (by_server)
        return add_opening(lap, packet, true, peer, 0, TCP_SYN) &&
               add_opening(lap, packet, false, own, peer + 1, TCP_SYN | TCP_ACK);
    return add_opening(lap, packet, false, own, 0, TCP_SYN) &&
           add_opening(lap, packet, true, peer, own + 1, TCP_SYN | TCP_ACK);
}

static int open_all(struct lap *lap, const struct seal *seal, struct error *error)
{
    lap->openings = calloc((size_t)lap->connections * 2 + 1, sizeof(*lap->openings));
    if (lap->openings == NULL)
        return error_set(error, ENOMEM, "out of memory for packets to play");
    for (uint32_t i = 0; i < lap->connections; i++)
        if (!seal->of[i].begins && !open_connection(lap, &seal->of[i]))
            return error_set(error, ENOMEM, "out of memory for packets to play");
    return 0;
}

int lap_seal(struct lap *lap, bool open_joined, unsigned shares, struct error *error)
{
    struct seal seal = {.mask = 1};
    while (seal.mask < lap->count * 2ull)
        seal.mask *= 2;
    seal.known = calloc(seal.mask, sizeof(*seal.known));
    seal.of = calloc(lap->count + 1ull, sizeof(*seal.of));
    seal.mask--;
    int result = 0;
    if (seal.known == NULL || seal.of == NULL)
        result = error_set(error, ENOMEM, "out of memory for packets to play");
    uint64_t first_ns = lap->count > 0 ? lap->packets[0].time_ns : 0, last_ns = first_ns;
    for (uint32_t i = 0; result == 0 && i < lap->count; i++) {
        seal_packet(lap, &seal, i, shares);
        struct lap_packet *packet = &lap->packets[i];
        last_ns = packet->time_ns > last_ns ? packet->time_ns : last_ns;
        packet->time_ns = packet->time_ns > first_ns ? packet->time_ns - first_ns : 0;
    }
    lap->span_ns = last_ns - first_ns + 1000;
    if (result == 0 && open_joined)
        result = open_all(lap, &seal, error);
    free(seal.of);
    free(seal.known);
    return result;
}

/* Both ends' addresses get the same change, so that whoever talked to each other still does, and nobody else. */
static void vary(struct lap *lap, const struct lap_packet *packet, uint16_t change)
{
    if (packet->addresses_at == 0)
        return;
    uint8_t *at = lap->bytes + packet->at + packet->addresses_at + 1;
    for (unsigned end = 0; end < 2; end++, at += packet->address_bytes) {
        at[0] ^= (uint8_t)(change >> 8);
        at[1] ^= (uint8_t)change;
    }
}

void lap_vary(struct lap *lap, uint32_t variation)
{
    uint16_t change = (uint16_t)(variation ^ lap->variation);
    lap->variation = variation;
    for (uint32_t i = 0; i < lap->openings_count; i++)
        vary(lap, &lap->openings[i], change);
    for (uint32_t i = 0; i < lap->count; i++)
        vary(lap, &lap->packets[i], change);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_LAP_H
#define BEARERTAP_APP_BENCH_LAP_H

#include <floor.h>

#include <bearertap/packet.h>
#include <bearertap/traffic.h>

/*
 * A lap: packets in memory, to be played again and again. Filled once, packet by packet, then sealed; several players
 * may play it, one after another, since playing writes nothing but addresses into it, from lap to lap.
 */
struct lap_packet {
    uint64_t time_ns;      /* of the packet; since the lap's beginning once it is sealed */
    uint64_t at;           /* of its bytes in lap->bytes */
    uint32_t length, wire; /* captured, on the wire */
    uint16_t port;         /* as in the mbuf */
    uint16_t addresses_at; /* offset of IP's source address in the frame; 0: no IP */
    uint16_t tcp_at;       /* offset of TCP's header; 0: no TCP */
    uint8_t address_bytes; /* 4 or 16 */
    uint8_t share;         /* which worker's it is */
    uint32_t connection;   /* from 0; UINT32_MAX: no TCP */
    uint32_t sequence, acknowledgement, payload_length;
    uint8_t sightings; /* that end in it; the maker's to set, where they are told apart */
    uint8_t direction; /* 0: of the end that sent the connection's first packet in the lap */
    uint8_t flags;     /* TCP's */
};

struct lap {
    uint8_t *bytes;
    size_t bytes_max, bytes_used;
    struct lap_packet *packets;
    uint32_t count, max;
    struct lap_packet *openings; /* what made a connection that is joined in the lap known: its SYNs */
    uint32_t openings_count;
    struct floor_payload *payloads; /* of the packets that have some */
    uint32_t payloads_count, streams;
    uint32_t connections;
    uint32_t variation; /* that its addresses are in */
    uint64_t frame_bytes, payload_bytes, span_ns;
    uint64_t expected; /* sightings of all packets, the maker's to set */
};

/* Memory outside of EAL's, in huge pages where the system has them. 0, or a negative errno with `error` filled. */
int lap_create(uint32_t packets_max, size_t bytes_max, struct lap **lap, struct error *error);
void lap_destroy(struct lap *lap);

/* False when it is full. */
bool lap_add(struct lap *lap, const uint8_t *bytes, uint32_t length, uint32_t wire, uint64_t time_ns, uint16_t port);

/* Finds connections and what is to be scanned; with `open_joined` makes openings for the connections that have no SYN.
 * `shares`: over how many workers they are spread. */
int lap_seal(struct lap *lap, bool open_joined, unsigned shares, struct error *error);

/* Changes all addresses, in openings too, so that the connections are others: `variation` is from 0, the first state.
 */
void lap_vary(struct lap *lap, uint32_t variation);

#endif

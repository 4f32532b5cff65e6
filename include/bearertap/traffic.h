/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TRAFFIC_H
#define BEARERTAP_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/error.h>

/*
 * Makes traffic with known truth: HTTP/1.1 over TCP over IPv4 and IPv6 as a tap behind a TLS terminator shows it, in
 * one of several mixes, packet after packet. For `gen`, which writes captures, and `bench`, which plays them.
 *
 * The same options give the same bytes on any machine: nothing in it depends on the clock, on addresses, on the width
 * of integers or on floating point. One thread; a struct traffic shares nothing with another.
 *
 * Some connections' tokens bear a revoked key. Every such token is a sighting, and traffic tells of each that an
 * inspector of these packets must find: when its JOSE header was seen whole, from its first byte to its '.'. What chaos
 * loses of it is left out; no head loses more than one segment.
 */

struct traffic_mix {
    const char *name;
    const char *help; /* a line, for a person */
    /* The rest is how it is made: app/traffic/mixes.c has the table, and says what each member does. */
    const struct traffic_recipe *recipe;
};

extern const struct traffic_mix traffic_mixes[];
extern const unsigned traffic_mixes_count;

/* NULL where there is none of that name. */
const struct traffic_mix *traffic_mix_find(const char *name);

#define TRAFFIC_FLOWS_MAX   (1u << 20)
#define TRAFFIC_KEYS_MAX    10000000u
#define TRAFFIC_PAYLOAD_MAX 65000u /* of a segment */
#define TRAFFIC_FRAME_MAX   (TRAFFIC_PAYLOAD_MAX + 128)

struct traffic_options {
    const struct traffic_mix *mix;
    uint64_t seed;
    uint32_t flows;         /* connections alive at any time, 1 to TRAFFIC_FLOWS_MAX; when one ends the next begins */
    uint32_t keys;          /* revoked keys that its sightings are spread over, 1 to TRAFFIC_KEYS_MAX */
    uint32_t payload_bytes; /* of a full segment: 1448 (Ethernet, with timestamps), 8948 jumbo, up to
                               TRAFFIC_PAYLOAD_MAX for offloaded ones */
    /*
     * At first every connection stands at a random point of its life, as when a tap is plugged in, but never within a
     * request's head (its next packet begins one, or comes behind one); false: each begins with its SYN.
     */
    bool under_way;
    bool tell_tokens; /* fill token_sha256 of sightings (a microsecond each) */
};

struct traffic_packet {
    const uint8_t *bytes; /* an Ethernet frame, without its check sequence; valid until the next call */
    uint32_t length;
    uint64_t time_ns;    /* since 1970, in order, never twice the same */
    uint32_t connection; /* a number of its own for each connection, from 0 in order of their beginning */
    bool from_client;
    bool is_connection;      /* false: a lone packet (a flood's SYN, an ARP ...), whose connection is UINT32_MAX */
    uint16_t ip_offset;      /* of the IP header */
    uint16_t tcp_offset;     /* of the TCP header; 0: none */
    uint32_t payload_length; /* of TCP */
};

enum { TRAFFIC_KEY_ID_MAX = 64 };

struct traffic_sighting {
    uint64_t packet;  /* number of the packet that brought the last byte of its JOSE header, from 0 */
    uint64_t time_ns; /* its time */
    uint32_t connection;
    bool ipv6;
    uint8_t client_address[16], server_address[16]; /* IPv4: the first four bytes */
    uint16_t client_port, server_port;
    uint32_t key;          /* which of the revoked keys: traffic_key_id */
    const char *placement; /* as alerts name it: "authorization" */
    bool truncated;        /* its end is among what chaos lost */
    char token_sha256[65]; /* hex, of the whole token; empty where not asked for, or truncated */
};

typedef void traffic_sighting_function(void *context, const struct traffic_sighting *sighting);

struct traffic_totals {
    uint64_t packets, bytes;      /* frames without check sequence */
    uint64_t payload_bytes;       /* of TCP, retransmissions included */
    uint64_t connections;         /* begun, or under way at first */
    uint64_t requests, responses; /* begun */
    uint64_t tokens;              /* requests' tokens whose JOSE header was sent whole, revoked or not */
    uint64_t sightings;           /* that must be found */
    uint64_t lost_segments, duplicated_segments, reordered_segments; /* by chaos */
};

struct traffic;

/* `sighted` may be NULL; it is called from traffic_next, on its thread. 0, or a negative errno with `error` filled: an
 * option out of range, no memory. Memory grows with flows (a few hundred bytes each), not with what is made. */
int traffic_create(const struct traffic_options *options, traffic_sighting_function *sighted, void *context,
                   struct traffic **traffic, struct error *error);
void traffic_destroy(struct traffic *traffic);

/*
 * Makes the next packet. Always true before traffic_finish. After it: only what must still come so that no request's
 * head is left half, and what chaos held back; then false.
 */
bool traffic_next(struct traffic *traffic, struct traffic_packet *packet);
void traffic_finish(struct traffic *traffic);

const struct traffic_totals *traffic_totals(const struct traffic *traffic);

/*
 * The text of a revoked key's id (kid), `index` below options->keys; of text that is no thumbprint. They depend on the
 * seed and the index alone, so that a list of more keys holds those of fewer.
 */
void traffic_key_id(uint64_t seed, uint32_t index, char text[TRAFFIC_KEY_ID_MAX]);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_PACKET_H
#define BEARERTAP_PACKET_H

#include <stdint.h>

#include <rte_mbuf.h>

#include <bearertap/capture.h>
#include <bearertap/counters.h>
#include <bearertap/siphash.h>

/*
 * From a frame to a TCP segment, and the burst that every stage of a worker takes.
 *
 * packet_decode knows nothing of devices: frame_decode works on plain bytes, so that it can be tested and fuzzed alone.
 * What stands between the link and IP (VLAN tags now, tunnels later) is a table of encapsulations. Every frame becomes
 * a segment or ends in a named outcome; nothing of a packet is changed or copied.
 */

#define BURST_MAX 64

enum tcp_flags {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
};

/* The addresses of a segment, as they stood in the packet. IPv4 fills the first four bytes, the rest is zero. */
struct endpoints {
    uint8_t source[16], destination[16];
    uint16_t source_port, destination_port; /* host order */
    uint8_t ip_version;                     /* 4 or 6 */
    uint8_t has_vlan;
    uint16_t vlan_id; /* the outermost tag that names one: tells connections of different networks apart */
};

#define WINDOW_SHIFT_UNKNOWN 0xff

/* One decoded TCP segment. Offsets are from the frame's first byte. */
struct segment {
    struct endpoints endpoints;
    uint32_t sequence, acknowledgement;
    uint16_t network_offset, transport_offset; /* of the IP and the TCP header */
    uint32_t payload_offset;
    uint32_t payload_length; /* bytes captured */
    uint32_t payload_cut;    /* bytes that were on the wire but not captured (snap length) */
    uint16_t window;         /* as in the header, not scaled */
    uint16_t urgent_pointer;
    uint8_t flags; /* enum tcp_flags */
    uint8_t
        window_shift; /* of the SYN's window scale option (RFC 7323), 0 without it; unknown where not a SYN, or cut */
};

struct flow;

/* Up to 64 packets and what is known of each: arrays, one slot a packet, filled stage by stage. */
struct burst {
    unsigned count;
    struct rte_mbuf *mbufs[BURST_MAX];
    uint64_t time_ns[BURST_MAX];
    uint8_t outcomes[BURST_MAX]; /* enum outcome; PENDING while the packet goes on */
    uint64_t hashes[BURST_MAX];  /* keyed, symmetric: both directions of a connection have the same */
    struct segment segments[BURST_MAX];
    struct flow *flows[BURST_MAX];
    uint8_t directions[BURST_MAX]; /* index into flow->directions: which end sent it */
};

/*
 * Decodes one frame: `captured` bytes at `frame`, `wire` bytes on the wire. The headers must lie in these bytes; the
 * payload may go on beyond them (an mbuf chain): `available` is the whole frame's captured length. Fills `segment` and
 * returns OUTCOME_PENDING, or returns the outcome in which the frame ends.
 */
enum outcome frame_decode(enum link_type link_type, const uint8_t *frame, uint32_t captured, uint32_t available,
                          uint32_t wire, struct segment *segment);

/* Decodes all packets of a burst whose outcome is pending, and hashes their connections with `key`. */
void packet_decode(struct burst *burst, const struct siphash_key *key);

/* The symmetric hash of a segment's connection. */
uint64_t endpoints_hash(const struct siphash_key *key, const struct endpoints *endpoints);

#endif

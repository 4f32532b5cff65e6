/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One frame, layer by layer. A layer is a function that checks its header, moves the cursor behind it and names the
 * next layer; which function an EtherType leads to is the table `encapsulations`, where tunnels will be further rows.
 *
 * A header that lies outside the frame as it was on the wire is bad; one that was on the wire but not captured is cut.
 */
#include <bearertap/packet.h>

#include <string.h>

#include <rte_byteorder.h>

#include "plain.h"

/* Two tags are QinQ; provider networks stack a few more. Each step costs time, so there is a bound. */
#define VLAN_TAGS_MAX 8

/* RFC 8200 names six kinds of extension header, one of which may come twice. */
#define EXTENSIONS_MAX 8

struct cursor {
    const uint8_t *frame;
    uint32_t captured;  /* bytes at `frame` */
    uint32_t available; /* bytes captured of the whole frame */
    uint32_t end;       /* of what the current layer carries, on the wire */
    uint32_t offset;
    uint32_t tags;
    uint16_t ether_type; /* of the next layer */
    uint8_t protocol;    /* IP's, of the next layer */
    struct segment *segment;
};

/* Can `length` bytes be read at the cursor? If not: `bad` when the frame never had them, else they were cut off. */
static enum outcome require(const struct cursor *cursor, uint32_t length, enum outcome bad)
{
    if (length > cursor->end - cursor->offset)
        return bad;
    if (cursor->offset > cursor->captured || length > cursor->captured - cursor->offset)
        return OUTCOME_HEADER_CUT;
    return OUTCOME_PENDING;
}

#define REQUIRE(cursor, length, bad)                                                                                   \
    do {                                                                                                               \
        enum outcome outcome_ = require(cursor, length, bad);                                                          \
        if (outcome_ != OUTCOME_PENDING)                                                                               \
            return outcome_;                                                                                           \
    } while (0)

static enum outcome decode_tcp(struct cursor *cursor)
{
    REQUIRE(cursor, 20, OUTCOME_BAD_TCP_HEADER);
    const uint8_t *header = cursor->frame + cursor->offset;
    uint32_t header_length = (uint32_t)(header[12] >> 4) * 4;
    if (header_length < 20 || header_length > cursor->end - cursor->offset)
        return OUTCOME_BAD_TCP_HEADER;

    struct segment *segment = cursor->segment;
    segment->endpoints.source_port = read_16(header);
    segment->endpoints.destination_port = read_16(header + 2);
    segment->sequence = read_32(header + 4);
    segment->acknowledgement = read_32(header + 8);
    segment->flags = header[13] & 0x3f;
    segment->window = read_16(header + 14);
    segment->urgent_pointer = read_16(header + 18);
    segment->window_shift = WINDOW_SHIFT_UNKNOWN;

    if (segment->flags & TCP_SYN) {
        uint32_t readable = cursor->captured - cursor->offset;
        uint32_t end = header_length < readable ? header_length : readable;
        if (end == header_length) /* an option that was cut off is not one that was not there */
            segment->window_shift = 0;
        for (uint32_t at = 20; at < end && header[at] != 0;) {
            if (header[at] == 1) {
                at++;
                continue;
            }
            if (end - at < 2 || header[at + 1] < 2 || header[at + 1] > end - at)
                break;
            if (header[at] == 3 && header[at + 1] == 3) /* RFC 7323 section 2.3: at most 14 */
                segment->window_shift = header[at + 2] < 14 ? header[at + 2] : 14;
            at += header[at + 1];
        }
    }

    segment->transport_offset = (uint16_t)cursor->offset;
    segment->payload_offset = cursor->offset + header_length;
    uint32_t on_wire = cursor->end - segment->payload_offset;
    uint32_t here = cursor->available > segment->payload_offset ? cursor->available - segment->payload_offset : 0;
    segment->payload_length = on_wire < here ? on_wire : here;
    segment->payload_cut = on_wire - segment->payload_length;
    return OUTCOME_PENDING;
}

static enum outcome decode_ipv4(struct cursor *cursor)
{
    REQUIRE(cursor, 20, OUTCOME_BAD_IP_HEADER);
    const uint8_t *header = cursor->frame + cursor->offset;
    uint32_t header_length = (uint32_t)(header[0] & 0x0f) * 4;
    if (header[0] >> 4 != 4 || header_length < 20)
        return OUTCOME_BAD_IP_HEADER;
    uint32_t on_wire = cursor->end - cursor->offset;
    uint32_t total_length = read_16(header + 2);
    if (total_length == 0) /* left to segmentation offload: the frame says how long it is */
        total_length = on_wire;
    if (total_length < header_length || total_length > on_wire)
        return OUTCOME_BAD_IP_LENGTH;
    if (read_16(header + 6) & 0x3fff) /* more fragments, or an offset: RFC 791 section 3.1 */
        return OUTCOME_IP_FRAGMENT;

    struct endpoints *endpoints = &cursor->segment->endpoints;
    endpoints->ip_version = 4;
    cursor->segment->network_offset = (uint16_t)cursor->offset;
    memset(endpoints->source, 0, sizeof(endpoints->source));
    memset(endpoints->destination, 0, sizeof(endpoints->destination));
    memcpy(endpoints->source, header + 12, 4);
    memcpy(endpoints->destination, header + 16, 4);
    cursor->end = cursor->offset + total_length; /* what follows is padding */
    cursor->offset += header_length;
    cursor->protocol = header[9];
    return OUTCOME_PENDING;
}

/* RFC 8200 section 4, RFC 4302 section 2 (AH counts in four bytes, all others in eight), RFC 7045. */
static enum outcome skip_extensions(struct cursor *cursor)
{
    for (unsigned seen = 0;; seen++) {
        uint8_t kind = cursor->protocol;
        bool extension = kind == 0 || kind == 43 || kind == 44 || kind == 51 || kind == 60 || kind == 135 ||
                         kind == 139 || kind == 140;
        if (!extension)
            return OUTCOME_PENDING;
        if (seen == EXTENSIONS_MAX)
            return OUTCOME_TOO_MANY_EXTENSIONS;
        REQUIRE(cursor, 8, OUTCOME_BAD_IP_LENGTH);
        const uint8_t *header = cursor->frame + cursor->offset;
        uint32_t length = 8 + (uint32_t)header[1] * 8;
        if (kind == 44) {
            if (read_16(header + 2) & 0xfff9) /* an atomic fragment (RFC 6946) is a whole packet */
                return OUTCOME_IP_FRAGMENT;
            length = 8;
        } else if (kind == 51) {
            length = 8 + (uint32_t)header[1] * 4;
        }
        if (length > cursor->end - cursor->offset)
            return OUTCOME_BAD_IP_LENGTH;
        cursor->protocol = header[0];
        cursor->offset += length;
    }
}

static enum outcome decode_ipv6(struct cursor *cursor)
{
    REQUIRE(cursor, 40, OUTCOME_BAD_IP_HEADER);
    const uint8_t *header = cursor->frame + cursor->offset;
    if (header[0] >> 4 != 6)
        return OUTCOME_BAD_IP_HEADER;
    uint32_t on_wire = cursor->end - cursor->offset - 40;
    uint32_t payload_length = read_16(header + 4);
    if (payload_length == 0) /* a jumbogram or segmentation offload */
        payload_length = on_wire;
    if (payload_length > on_wire)
        return OUTCOME_BAD_IP_LENGTH;

    struct endpoints *endpoints = &cursor->segment->endpoints;
    endpoints->ip_version = 6;
    cursor->segment->network_offset = (uint16_t)cursor->offset;
    memcpy(endpoints->source, header + 8, 16);
    memcpy(endpoints->destination, header + 24, 16);
    cursor->offset += 40;
    cursor->end = cursor->offset + payload_length;
    cursor->protocol = header[6];
    return skip_extensions(cursor);
}

/* IEEE 802.1Q section 9: tag control, then the EtherType of what is inside. */
static enum outcome decode_vlan(struct cursor *cursor)
{
    if (++cursor->tags > VLAN_TAGS_MAX)
        return OUTCOME_TOO_MANY_TAGS;
    REQUIRE(cursor, 4, OUTCOME_BAD_LINK_HEADER);
    const uint8_t *tag = cursor->frame + cursor->offset;
    struct endpoints *endpoints = &cursor->segment->endpoints;
    uint16_t vlan_id = read_16(tag) & 0x0fff;
    if (!endpoints->has_vlan && vlan_id != 0) { /* 0 names no network: a priority tag, often on one direction only */
        endpoints->has_vlan = 1;
        endpoints->vlan_id = vlan_id;
    }
    cursor->ether_type = read_16(tag + 2);
    cursor->offset += 4;
    return OUTCOME_PENDING;
}

/* What an EtherType leads to. A row that is `inner` carries another EtherType, one that is not carries IP's payload. */
static const struct encapsulation {
    uint16_t ether_type;
    bool inner;
    enum outcome (*decode)(struct cursor *cursor);
} encapsulations[] = {
    {ETHER_TYPE_IPV4, false, decode_ipv4}, {ETHER_TYPE_IPV6, false, decode_ipv6},
    {0x8100, true, decode_vlan}, /* customer tag, IEEE 802.1Q */
    {0x88a8, true, decode_vlan}, /* service tag, IEEE 802.1ad (QinQ) */
    {0x9100, true, decode_vlan}, /* QinQ before there was a standard */
    {0x9200, true, decode_vlan},
};

static enum outcome decode_layers(struct cursor *cursor)
{
    for (;;) {
        const struct encapsulation *row = NULL;
        for (unsigned i = 0; i < RTE_DIM(encapsulations) && row == NULL; i++)
            if (encapsulations[i].ether_type == cursor->ether_type)
                row = &encapsulations[i];
        if (row == NULL)
            return OUTCOME_NOT_IP;
        enum outcome outcome = row->decode(cursor);
        if (outcome != OUTCOME_PENDING)
            return outcome;
        if (!row->inner)
            return cursor->protocol == 6 ? decode_tcp(cursor) : OUTCOME_NOT_TCP;
    }
}

static uint16_t ether_type_of_ip_version(uint8_t first_byte)
{
    return first_byte >> 4 == 4 ? ETHER_TYPE_IPV4 : first_byte >> 4 == 6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_UNKNOWN;
}

/* BSD's numbers for AF_INET6 differ: 24 (NetBSD, OpenBSD), 28 (FreeBSD), 30 (macOS). */
static uint16_t ether_type_of_family(uint32_t family)
{
    if (family == 2)
        return ETHER_TYPE_IPV4;
    return family == 24 || family == 28 || family == 30 ? ETHER_TYPE_IPV6 : ETHER_TYPE_UNKNOWN;
}

static enum outcome decode_link(struct cursor *cursor, enum link_type link_type)
{
    const uint8_t *header = cursor->frame;
    switch (link_type) {
    case LINK_ETHERNET:
        REQUIRE(cursor, 14, OUTCOME_BAD_LINK_HEADER);
        cursor->ether_type = read_16(header + 12);
        cursor->offset = 14;
        return OUTCOME_PENDING;
    case LINK_LINUX_SLL:
        REQUIRE(cursor, 16, OUTCOME_BAD_LINK_HEADER);
        cursor->ether_type = read_16(header + 14);
        cursor->offset = 16;
        return OUTCOME_PENDING;
    case LINK_LINUX_SLL2:
        REQUIRE(cursor, 20, OUTCOME_BAD_LINK_HEADER);
        cursor->ether_type = read_16(header);
        cursor->offset = 20;
        return OUTCOME_PENDING;
    case LINK_RAW:
        REQUIRE(cursor, 1, OUTCOME_BAD_LINK_HEADER);
        cursor->ether_type = ether_type_of_ip_version(header[0]);
        return cursor->ether_type == ETHER_TYPE_UNKNOWN ? OUTCOME_BAD_IP_HEADER : OUTCOME_PENDING;
    case LINK_NULL:
    case LINK_LOOP: {
        REQUIRE(cursor, 4, OUTCOME_BAD_LINK_HEADER);
        uint32_t family = read_32(header);
        if (family > 0xffff) /* LINK_NULL is in the writer's byte order, and no family is so large */
            family = rte_bswap32(family);
        cursor->ether_type = ether_type_of_family(family);
        cursor->offset = 4;
        return OUTCOME_PENDING;
    }
    case LINK_UNSUPPORTED:
        break;
    }
    return OUTCOME_NOT_IP;
}

enum outcome frame_decode(enum link_type link_type, const uint8_t *frame, uint32_t captured, uint32_t available,
                          uint32_t wire, struct segment *segment)
{
    uint64_t words[CONNECTION_WORDS_MAX];
    if (link_type == LINK_ETHERNET && wire <= available && decode_plain(frame, captured, available, segment, words) > 0)
        return OUTCOME_PENDING;
    struct cursor cursor = {
        .frame = frame,
        .captured = captured,
        .available = available,
        .end = wire > available ? wire : available,
        .segment = segment,
    };
    segment->endpoints.has_vlan = 0;
    segment->endpoints.vlan_id = 0;
    enum outcome outcome = decode_link(&cursor, link_type);
    return outcome == OUTCOME_PENDING ? decode_layers(&cursor) : outcome;
}

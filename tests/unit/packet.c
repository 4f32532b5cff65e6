/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames written byte by byte from the standards; each lies in a block of its exact size, so that a sanitizer sees any
 * read past its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bearertap/packet.h>

#include "../../app/packet/plain.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct frame {
    uint8_t bytes[2048];
    uint32_t length;
};

static void add(struct frame *frame, const void *bytes, size_t length)
{
    if (length > 0)
        memcpy(frame->bytes + frame->length, bytes, length);
    frame->length += (uint32_t)length;
}

#define ADD(frame, ...)                                                                                                \
    do {                                                                                                               \
        const uint8_t bytes_[] = {__VA_ARGS__};                                                                        \
        add(frame, bytes_, sizeof(bytes_));                                                                            \
    } while (0)

static void add_ethernet(struct frame *frame, uint16_t type)
{
    ADD(frame, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, (uint8_t)(type >> 8), (uint8_t)type);
}

/* 192.0.2.1 to 198.51.100.2, with `options` bytes of NOP options and `inside` bytes inside. */
static void add_ipv4(struct frame *frame, uint8_t protocol, unsigned options, unsigned inside)
{
    uint32_t total = 20 + options + inside;
    ADD(frame, (uint8_t)(0x45 + options / 4), 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 1, 0x40, 0, 64, protocol, 0,
        0, 192, 0, 2, 1, 198, 51, 100, 2);
    for (unsigned i = 0; i < options; i++)
        ADD(frame, 1);
}

/* 2001:db8::1 to 2001:db8::2. */
static void add_ipv6(struct frame *frame, uint8_t next, unsigned inside)
{
    ADD(frame, 0x60, 0, 0, 0, (uint8_t)(inside >> 8), (uint8_t)inside, next, 64);
    ADD(frame, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
    ADD(frame, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
}

/* 40000 to 8080, sequence 0x01020304, acknowledgement 0x05060708, window 0x1234, urgent 0x0009. */
static void add_tcp(struct frame *frame, uint8_t flags, const uint8_t *options, unsigned length)
{
    ADD(frame, 0x9c, 0x40, 0x1f, 0x90, 1, 2, 3, 4, 5, 6, 7, 8, (uint8_t)((5 + length / 4) << 4), flags, 0x12, 0x34, 0,
        0, 0, 9);
    add(frame, options, length);
}

static void add_payload(struct frame *frame)
{
    add(frame, "hello", 5);
}

/* Decodes with only `captured` bytes in memory. */
static enum outcome decode_cut(enum link_type link, const struct frame *frame, uint32_t captured, uint32_t wire,
                               struct segment *segment)
{
    uint8_t *copy = malloc(captured + (captured == 0));
    assert_non_null(copy);
    memcpy(copy, frame->bytes, captured);
    memset(segment, 0xa5, sizeof(*segment)); /* what isn't written shows */
    enum outcome outcome = frame_decode(link, copy, captured, captured, wire, segment);
    free(copy);
    return outcome;
}

static enum outcome decode(enum link_type link, const struct frame *frame, struct segment *segment)
{
    return decode_cut(link, frame, frame->length, frame->length, segment);
}

/* Whether the segment that add_ipv4 or add_ipv6, add_tcp and add_payload make came out. */
static void assert_hello(const struct segment *segment, const struct frame *frame, unsigned version)
{
    assert_int_equal(segment->endpoints.ip_version, version);
    assert_int_equal(segment->endpoints.source_port, 40000);
    assert_int_equal(segment->endpoints.destination_port, 8080);
    const uint8_t source[2][16] = {{192, 0, 2, 1}, {0x20, 1, 0x0d, 0xb8, [15] = 1}};
    const uint8_t destination[2][16] = {{198, 51, 100, 2}, {0x20, 1, 0x0d, 0xb8, [15] = 2}};
    assert_memory_equal(segment->endpoints.source, source[version == 6], 16);
    assert_memory_equal(segment->endpoints.destination, destination[version == 6], 16);
    assert_int_equal(segment->sequence, 0x01020304);
    assert_int_equal(segment->acknowledgement, 0x05060708);
    assert_int_equal(segment->window, 0x1234);
    assert_int_equal(segment->urgent_pointer, 9);
    assert_int_equal(segment->payload_length, 5);
    assert_int_equal(segment->payload_cut, 0);
    assert_memory_equal(frame->bytes + segment->payload_offset, "hello", 5);
}

static void each_link_type_leads_to_the_segment(void **state)
{
    (void)state;
    static const struct {
        enum link_type link;
        unsigned version;
        uint8_t length, header[20];
    } rows[] = {
        {LINK_ETHERNET, 4, 14, {[12] = 8, 0}},
        {LINK_ETHERNET, 6, 14, {[12] = 0x86, 0xdd}},
        {LINK_LINUX_SLL, 4, 16, {0, 4, 3, 4, 0, 6, [14] = 8, 0}},
        {LINK_LINUX_SLL, 6, 16, {0, 4, 3, 4, 0, 6, [14] = 0x86, 0xdd}},
        {LINK_LINUX_SLL2, 4, 20, {8, 0}},
        {LINK_LINUX_SLL2, 6, 20, {0x86, 0xdd}},
        {LINK_RAW, 4, 0, {0}},
        {LINK_RAW, 6, 0, {0}},
        {LINK_NULL, 4, 4, {2, 0, 0, 0}},  /* written by a little-endian machine */
        {LINK_NULL, 4, 4, {0, 0, 0, 2}},  /* by a big-endian one */
        {LINK_NULL, 6, 4, {24, 0, 0, 0}}, /* NetBSD, OpenBSD */
        {LINK_NULL, 6, 4, {28, 0, 0, 0}}, /* FreeBSD */
        {LINK_NULL, 6, 4, {0, 0, 0, 30}}, /* macOS */
        {LINK_LOOP, 4, 4, {0, 0, 0, 2}},
        {LINK_LOOP, 6, 4, {0, 0, 0, 24}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct frame frame = {.length = 0};
        struct segment segment;
        add(&frame, rows[i].header, rows[i].length);
        if (rows[i].version == 4)
            add_ipv4(&frame, 6, 0, 25);
        else
            add_ipv6(&frame, 6, 25);
        add_tcp(&frame, TCP_ACK | TCP_PSH, NULL, 0);
        add_payload(&frame);
        assert_int_equal(decode(rows[i].link, &frame, &segment), OUTCOME_PENDING);
        assert_hello(&segment, &frame, rows[i].version);
        assert_int_equal(segment.flags, TCP_ACK | TCP_PSH);
        assert_int_equal(segment.window_shift, WINDOW_SHIFT_UNKNOWN);
        assert_false(segment.endpoints.has_vlan);
    }
}

static void what_is_not_ip_or_not_tcp_is_said_so(void **state)
{
    (void)state;
    struct segment segment;
    struct frame frame = {.length = 0};
    add_ethernet(&frame, 0x0806); /* ARP */
    ADD(&frame, 0, 1, 8, 0, 6, 4, 0, 1);
    assert_int_equal(decode(LINK_ETHERNET, &frame, &segment), OUTCOME_NOT_IP);
    frame.length = 0;
    ADD(&frame, 0, 0, 0, 9); /* some other protocol family */
    assert_int_equal(decode(LINK_NULL, &frame, &segment), OUTCOME_NOT_IP);
    assert_int_equal(decode(LINK_UNSUPPORTED, &frame, &segment), OUTCOME_NOT_IP);
    frame.length = 0;
    ADD(&frame, 0x50, 0, 0, 0);
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_BAD_IP_HEADER);
    frame.length = 0;
    add_ipv4(&frame, 17, 0, 8);
    ADD(&frame, 0, 53, 0, 53, 0, 8, 0, 0);
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_NOT_TCP);
    frame.length = 0;
    add_ipv6(&frame, 58, 8); /* ICMPv6 */
    ADD(&frame, 128, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_NOT_TCP);
    frame.length = 0;
    add_ipv6(&frame, 50, 8); /* ESP: what is inside can't be read */
    ADD(&frame, 1, 2, 3, 4, 5, 6, 7, 8);
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_NOT_TCP);
}

static enum outcome decode_tagged(unsigned tags, const uint16_t *types, const uint16_t *controls,
                                  struct segment *segment, struct frame *frame)
{
    frame->length = 0;
    add_ethernet(frame, tags > 0 ? types[0] : 0x0800);
    for (unsigned i = 0; i < tags; i++) {
        uint16_t next = i + 1 < tags ? types[i + 1] : 0x0800;
        ADD(frame, (uint8_t)(controls[i] >> 8), (uint8_t)controls[i], (uint8_t)(next >> 8), (uint8_t)next);
    }
    add_ipv4(frame, 6, 0, 25);
    add_tcp(frame, TCP_ACK, NULL, 0);
    add_payload(frame);
    return decode(LINK_ETHERNET, frame, segment);
}

static void vlan_tags_are_followed_and_the_outermost_names_the_network(void **state)
{
    (void)state;
    struct segment segment;
    struct frame frame;
    const uint16_t types[9] = {0x88a8, 0x8100, 0x9100, 0x9200, 0x8100, 0x8100, 0x8100, 0x8100, 0x8100};
    const uint16_t controls[9] = {0xf064, 0x0002, 3, 4, 5, 6, 7, 8, 9}; /* priority and DEI are no part of the id */
    for (unsigned tags = 1; tags <= 8; tags++) {
        assert_int_equal(decode_tagged(tags, types, controls, &segment, &frame), OUTCOME_PENDING);
        assert_hello(&segment, &frame, 4);
        assert_true(segment.endpoints.has_vlan);
        assert_int_equal(segment.endpoints.vlan_id, 0x064);
    }
    assert_int_equal(decode_tagged(9, types, controls, &segment, &frame), OUTCOME_TOO_MANY_TAGS);
}

/* IEEE 802.1Q section 6.9.1: id 0 is a frame without VLAN; hosts tag so in one direction only. */
static void a_priority_tag_names_no_network(void **state)
{
    (void)state;
    struct segment segment;
    struct frame frame;
    const uint16_t types[2] = {0x8100, 0x8100}, controls[2] = {0xe000, 7};
    assert_int_equal(decode_tagged(1, types, controls, &segment, &frame), OUTCOME_PENDING);
    assert_hello(&segment, &frame, 4);
    assert_false(segment.endpoints.has_vlan);
    assert_int_equal(segment.endpoints.vlan_id, 0);
    assert_int_equal(decode_tagged(2, types, controls, &segment, &frame), OUTCOME_PENDING);
    assert_true(segment.endpoints.has_vlan);
    assert_int_equal(segment.endpoints.vlan_id, 7);
}

static void ipv4_options_are_skipped(void **state)
{
    (void)state;
    for (unsigned options = 0; options <= 40; options += 4) {
        struct segment segment;
        struct frame frame = {.length = 0};
        add_ipv4(&frame, 6, options, 25);
        add_tcp(&frame, TCP_ACK, NULL, 0);
        add_payload(&frame);
        assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_PENDING);
        assert_hello(&segment, &frame, 4);
    }
}

static void padding_is_no_payload(void **state)
{
    (void)state;
    struct segment segment;
    struct frame frame = {.length = 0};
    add_ethernet(&frame, 0x0800);
    add_ipv4(&frame, 6, 0, 20);
    add_tcp(&frame, TCP_ACK, NULL, 0);
    ADD(&frame, 'p', 'a', 'd', 'p', 'a', 'd'); /* up to Ethernet's sixty bytes */
    assert_int_equal(decode(LINK_ETHERNET, &frame, &segment), OUTCOME_PENDING);
    assert_int_equal(segment.payload_length, 0);
    assert_int_equal(segment.payload_cut, 0);
    frame.length = 0;
    add_ipv6(&frame, 6, 25);
    add_tcp(&frame, TCP_ACK, NULL, 0);
    add_payload(&frame);
    ADD(&frame, 'f', 'c', 's', '!');
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_PENDING);
    assert_hello(&segment, &frame, 6);
}

/* Of a hello over raw IPv4, with one or two bytes changed. */
static enum outcome decode_changed(unsigned at, uint8_t first, uint8_t second, struct segment *segment)
{
    struct frame frame = {.length = 0};
    add_ipv4(&frame, 6, 0, 25);
    add_tcp(&frame, TCP_ACK, NULL, 0);
    add_payload(&frame);
    frame.bytes[at] = first;
    frame.bytes[at + 1] = second;
    return decode(LINK_RAW, &frame, segment);
}

static void lies_in_ipv4_headers_have_their_outcomes(void **state)
{
    (void)state;
    struct segment segment;
    assert_int_equal(decode_changed(0, 0x44, 0, &segment), OUTCOME_BAD_IP_HEADER); /* header of 16 bytes */
    assert_int_equal(decode_changed(0, 0x40, 0, &segment), OUTCOME_BAD_IP_HEADER); /* of none */
    assert_int_equal(decode_changed(2, 0, 19, &segment), OUTCOME_BAD_IP_LENGTH);   /* shorter than the header */
    assert_int_equal(decode_changed(2, 0, 46, &segment), OUTCOME_BAD_IP_LENGTH);   /* a byte more than the frame */
    assert_int_equal(decode_changed(2, 0xff, 0xff, &segment), OUTCOME_BAD_IP_LENGTH);
    assert_int_equal(decode_changed(2, 0, 39, &segment), OUTCOME_BAD_TCP_HEADER); /* cuts TCP's header */
    assert_int_equal(decode_changed(6, 0x20, 0, &segment), OUTCOME_IP_FRAGMENT);  /* more fragments */
    assert_int_equal(decode_changed(6, 0x00, 1, &segment), OUTCOME_IP_FRAGMENT);  /* offset 8 */
    assert_int_equal(decode_changed(6, 0x1f, 0xff, &segment), OUTCOME_IP_FRAGMENT);
    assert_int_equal(decode_changed(6, 0xc0, 0, &segment), OUTCOME_PENDING); /* don't fragment, evil bit */
    assert_int_equal(decode_changed(32, 0x40, TCP_ACK, &segment), OUTCOME_BAD_TCP_HEADER);
    assert_int_equal(decode_changed(32, 0xf0, TCP_ACK, &segment), OUTCOME_BAD_TCP_HEADER); /* options past the end */
    assert_int_equal(decode_changed(2, 0, 0, &segment), OUTCOME_PENDING); /* total length left to the card */
    assert_int_equal(segment.payload_length, 5);
    assert_int_equal(decode_changed(2, 0, 42, &segment), OUTCOME_PENDING);
    assert_int_equal(segment.payload_length, 2);

    struct frame frame = {.length = 0};
    add_ethernet(&frame, 0x86dd); /* the EtherType and the version disagree */
    add_ipv4(&frame, 6, 0, 40);
    memset(frame.bytes + frame.length, 0, 40);
    frame.length += 40;
    assert_int_equal(decode(LINK_ETHERNET, &frame, &segment), OUTCOME_BAD_IP_HEADER);
}

/* `count` extension headers of the kinds given, each of `units` more than the least length, then TCP. */
static enum outcome decode_extended(const uint8_t *kinds, unsigned count, uint8_t units, struct segment *segment,
                                    struct frame *frame)
{
    frame->length = 0;
    unsigned inside = 25;
    for (unsigned i = 0; i < count; i++)
        inside += kinds[i] == 44 ? 8 : 8 + (unsigned)units * (kinds[i] == 51 ? 4 : 8);
    add_ipv6(frame, count > 0 ? kinds[0] : 6, inside);
    for (unsigned i = 0; i < count; i++) {
        unsigned length = kinds[i] == 44 ? 8 : 8 + (unsigned)units * (kinds[i] == 51 ? 4 : 8);
        uint8_t next = i + 1 < count ? kinds[i + 1] : 6;
        ADD(frame, next, kinds[i] == 44 ? 0 : units);
        memset(frame->bytes + frame->length, 0, length - 2);
        frame->length += length - 2;
    }
    add_tcp(frame, TCP_ACK, NULL, 0);
    add_payload(frame);
    return decode(LINK_RAW, frame, segment);
}

static void ipv6_extension_headers_are_skipped(void **state)
{
    (void)state;
    static const uint8_t kinds[] = {0, 60, 43, 44, 51, 135, 139, 140, 60};
    struct segment segment;
    struct frame frame;
    for (unsigned i = 0; i < 8; i++)
        for (uint8_t units = 0; units < 5; units++) {
            assert_int_equal(decode_extended(kinds + i, 1, units, &segment, &frame), OUTCOME_PENDING);
            assert_hello(&segment, &frame, 6);
        }
    assert_int_equal(decode_extended(kinds, 8, 1, &segment, &frame), OUTCOME_PENDING);
    assert_hello(&segment, &frame, 6);
    assert_int_equal(decode_extended(kinds, 9, 1, &segment, &frame), OUTCOME_TOO_MANY_EXTENSIONS);
}

static void lies_in_ipv6_headers_have_their_outcomes(void **state)
{
    (void)state;
    struct segment segment;
    struct frame frame;
    const uint8_t fragment = 44, destination = 60;
    assert_int_equal(decode_extended(&fragment, 1, 0, &segment, &frame), OUTCOME_PENDING); /* atomic, RFC 6946 */
    frame.bytes[43] = 1;                                                                   /* more fragments */
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_IP_FRAGMENT);
    frame.bytes[43] = 8; /* offset */
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_IP_FRAGMENT);
    frame.bytes[43] = 6; /* reserved bits only */
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_PENDING);
    assert_int_equal(decode_extended(&destination, 1, 0, &segment, &frame), OUTCOME_PENDING);
    frame.bytes[41] = 0xff; /* the extension goes on past the packet */
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_BAD_IP_LENGTH);
    frame.bytes[41] = 0;
    frame.bytes[5]++; /* payload length past the frame */
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_BAD_IP_LENGTH);
    frame.bytes[4] = frame.bytes[5] = 0; /* a jumbogram, or left to the card */
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_PENDING);
    assert_hello(&segment, &frame, 6);
    frame.bytes[5] = 7; /* too short for the extension */
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_BAD_IP_LENGTH);
    frame.bytes[0] = 0x40;
    frame.length = 40;
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_BAD_IP_HEADER);
}

static uint8_t shift_of(uint8_t flags, const uint8_t *options, unsigned length)
{
    struct segment segment;
    struct frame frame = {.length = 0};
    add_ipv4(&frame, 6, 0, 20 + length);
    add_tcp(&frame, flags, options, length);
    assert_int_equal(decode(LINK_RAW, &frame, &segment), OUTCOME_PENDING);
    assert_int_equal(segment.payload_length, 0);
    return segment.window_shift;
}

static void the_window_scale_is_read_from_a_syn(void **state)
{
    (void)state;
    const uint8_t linux_syn[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7};
    assert_int_equal(shift_of(TCP_SYN, linux_syn, sizeof(linux_syn)), 7);
    assert_int_equal(shift_of(TCP_SYN | TCP_ACK, linux_syn, sizeof(linux_syn)), 7);
    assert_int_equal(shift_of(TCP_ACK, linux_syn, sizeof(linux_syn)), WINDOW_SHIFT_UNKNOWN);
    assert_int_equal(shift_of(TCP_SYN, NULL, 0), 0);
    const uint8_t large[] = {3, 3, 200, 0};
    assert_int_equal(shift_of(TCP_SYN, large, 4), 14); /* RFC 7323 section 2.3 */
    const uint8_t ended[] = {0, 3, 3, 7};
    assert_int_equal(shift_of(TCP_SYN, ended, 4), 0);
    const uint8_t endless[] = {8, 0, 3, 3, 7, 0, 0, 0}; /* a length of nothing would never end */
    assert_int_equal(shift_of(TCP_SYN, endless, 8), 0);
    const uint8_t past_the_end[] = {1, 1, 3, 3};
    assert_int_equal(shift_of(TCP_SYN, past_the_end, 4), 0);
    const uint8_t bare_kind[] = {1, 1, 1, 3};
    assert_int_equal(shift_of(TCP_SYN, bare_kind, 4), 0);
}

/* A whole frame with everything in it, cut by the snap length at every byte. */
static void a_frame_cut_at_any_byte_is_read_no_further(void **state)
{
    (void)state;
    const uint8_t options[] = {1, 1, 1, 1, 1, 3, 3, 7};
    for (unsigned version = 4; version <= 6; version += 2) {
        struct segment segment;
        struct frame frame = {.length = 0};
        add_ethernet(&frame, 0x8100);
        ADD(&frame, 0, 5, version == 4 ? 8 : 0x86, version == 4 ? 0 : 0xdd);
        if (version == 4) {
            add_ipv4(&frame, 6, 8, 33);
        } else {
            add_ipv6(&frame, 60, 41);
            ADD(&frame, 6, 0, 1, 4, 0, 0, 0, 0);
        }
        uint32_t tcp = frame.length;
        add_tcp(&frame, TCP_SYN, options, sizeof(options));
        uint32_t payload = frame.length;
        add_payload(&frame);
        for (uint32_t captured = 0; captured <= frame.length; captured++) {
            enum outcome outcome = decode_cut(LINK_ETHERNET, &frame, captured, frame.length, &segment);
            if (captured < tcp + 20) {
                assert_int_equal(outcome, OUTCOME_HEADER_CUT);
                continue;
            }
            assert_int_equal(outcome, OUTCOME_PENDING);
            assert_int_equal(segment.payload_offset, payload);
            assert_int_equal(segment.payload_length, captured > payload ? captured - payload : 0);
            assert_int_equal(segment.payload_length + segment.payload_cut, 5);
            assert_int_equal(segment.window_shift, captured < payload ? WINDOW_SHIFT_UNKNOWN : 7);
        }
        /* The same without the rest ever having been on the wire. */
        for (uint32_t length = 0; length < frame.length; length++) {
            enum outcome outcome = decode_cut(LINK_ETHERNET, &frame, length, length, &segment);
            assert_int_equal(outcome, length < 18                                ? OUTCOME_BAD_LINK_HEADER
                                      : length < 18 + (version == 4 ? 20u : 40u) ? OUTCOME_BAD_IP_HEADER
                                                                                 : OUTCOME_BAD_IP_LENGTH);
        }
    }
}

static void link_headers_too_short_are_named(void **state)
{
    (void)state;
    static const struct {
        enum link_type link;
        uint32_t length;
    } rows[] = {{LINK_ETHERNET, 14}, {LINK_LINUX_SLL, 16}, {LINK_LINUX_SLL2, 20},
                {LINK_RAW, 1},       {LINK_NULL, 4},       {LINK_LOOP, 4}};
    struct frame frame = {.length = 0};
    struct segment segment;
    for (size_t i = 0; i < COUNT(rows); i++)
        for (uint32_t length = 0; length < rows[i].length; length++) {
            assert_int_equal(decode_cut(rows[i].link, &frame, length, length, &segment), OUTCOME_BAD_LINK_HEADER);
            assert_int_equal(decode_cut(rows[i].link, &frame, length, 100, &segment), OUTCOME_HEADER_CUT);
        }
}

/* The payload may lie in further mbufs: only the headers must be at hand. */
static void payload_beyond_the_first_buffer_counts_as_captured(void **state)
{
    (void)state;
    struct frame frame = {.length = 0};
    struct segment segment;
    add_ipv4(&frame, 6, 0, 20 + 1000);
    add_tcp(&frame, TCP_ACK, NULL, 0);
    assert_int_equal(frame_decode(LINK_RAW, frame.bytes, 40, 940, 1040, &segment), OUTCOME_PENDING);
    assert_int_equal(segment.payload_length, 900);
    assert_int_equal(segment.payload_cut, 100);
}

/* Nothing to expect of random bytes but that the answer is one, and lies in the frame. */
static void random_bytes_end_in_an_outcome(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    struct frame frame = {.length = 0};
    const uint8_t options[] = {2, 4, 5, 0xb4};
    add_ethernet(&frame, 0x8100);
    ADD(&frame, 0, 5, 0x86, 0xdd);
    add_ipv6(&frame, 0, 8 + 29);
    ADD(&frame, 6, 0, 1, 4, 0, 0, 0, 0);
    add_tcp(&frame, TCP_SYN, options, sizeof(options));
    add_payload(&frame);
    for (unsigned i = 0; i < 200000; i++) {
        struct frame changed = frame;
        for (unsigned j = 0; j < 1 + i % 4; j++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            changed.bytes[random % frame.length] = (uint8_t)(random >> 32);
        }
        uint32_t captured = (uint32_t)(random >> 40) % (frame.length + 1);
        uint32_t wire = i % 3 == 0 ? captured : i % 3 == 1 ? frame.length : 0xffffffffu;
        struct segment segment;
        enum outcome outcome = decode_cut((enum link_type)(i % 7), &changed, captured, wire, &segment);
        assert_true(outcome < OUTCOMES);
        if (outcome == OUTCOME_PENDING && segment.payload_length > 0)
            assert_true(segment.payload_offset < captured &&
                        segment.payload_length <= captured - segment.payload_offset);
    }
}

/*
 * The usual frames have a way of their own, past the layers. An Ethernet frame and the same packet behind Linux's
 * cooked header, which always goes through the layers, must be read alike.
 */
enum { ETHERNET = 14, COOKED = 16 };

static uint64_t mutation;

static uint32_t next_random(void)
{
    mutation ^= mutation << 13;
    mutation ^= mutation >> 7;
    mutation ^= mutation << 17;
    return (uint32_t)(mutation >> 32);
}

static enum outcome decode_copy(enum link_type link, const uint8_t *bytes, uint32_t captured, uint32_t available,
                                uint32_t wire, struct segment *segment)
{
    uint8_t *copy = malloc(captured);
    assert_non_null(copy);
    memcpy(copy, bytes, captured);
    memset(segment, 0x5a, sizeof(*segment));
    enum outcome outcome = frame_decode(link, copy, captured, available, wire, segment);
    free(copy);
    return outcome;
}

static enum outcome assert_read_alike(const struct frame *frame, uint32_t captured, uint32_t available, uint32_t wire)
{
    struct frame cooked = {.length = 0};
    struct segment segment, expected;
    ADD(&cooked, 0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0);
    add(&cooked, frame->bytes + ETHERNET - 2, frame->length - (ETHERNET - 2));
    enum outcome outcome = decode_copy(LINK_ETHERNET, frame->bytes, captured, available, wire, &segment);
    enum outcome by_layers = decode_copy(LINK_LINUX_SLL, cooked.bytes, captured + COOKED - ETHERNET,
                                         available + COOKED - ETHERNET, wire + COOKED - ETHERNET, &expected);
    assert_int_equal(outcome, by_layers);
    if (outcome != OUTCOME_PENDING)
        return outcome;
    /* And what is hashed of the connection is what its endpoints give. */
    uint64_t words[CONNECTION_WORDS_MAX], words_expected[CONNECTION_WORDS_MAX];
    unsigned count = wire <= available ? decode_plain(frame->bytes, captured, available, &segment, words) : 0;
    if (count > 0) {
        assert_int_equal(count, connection_words(&expected.endpoints, words_expected));
        assert_memory_equal(words, words_expected, count * sizeof(words[0]));
    }
    segment.network_offset += COOKED - ETHERNET;
    segment.transport_offset += COOKED - ETHERNET;
    segment.payload_offset += COOKED - ETHERNET;
    assert_memory_equal(&segment, &expected, sizeof(segment));
    return outcome;
}

static void usual_frames_are_read_as_the_layers_read_them(void **state)
{
    (void)state;
    static const uint8_t options[] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8}; /* a time stamp */
    static const uint8_t flags[] = {TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN, TCP_SYN, 0xff};
    unsigned read = 0, total = 400000;
    mutation = 88172645463325252u;
    for (unsigned i = 0; i < total; i++) {
        struct frame frame = {.length = 0};
        bool six = next_random() % 2 == 0;
        unsigned options_length = next_random() % 2 == 0 ? sizeof(options) : 0, payload = next_random() % 3 * 5;
        add_ethernet(&frame, six ? 0x86dd : 0x0800);
        if (six)
            add_ipv6(&frame, 6, 20 + options_length + payload);
        else
            add_ipv4(&frame, 6, 0, 20 + options_length + payload);
        uint32_t headers = frame.length + 20 + options_length;
        add_tcp(&frame, flags[next_random() % COUNT(flags)], options, options_length);
        add(&frame, "hello, you", payload);
        add(&frame, "\0\0\0\0\0\0\0", next_random() % 4 == 0 ? next_random() % 8 : 0); /* padding */
        /* Mostly of the headers behind Ethernet's, a small step as often as any byte. */
        for (unsigned changes = next_random() % 3; changes > 0; changes--) {
            uint8_t *byte = &frame.bytes[ETHERNET - 2 + next_random() % (headers - ETHERNET + 2)];
            *byte = (uint8_t)(next_random() % 2 == 0 ? next_random() : *byte + next_random() % 3 - 1);
        }
        uint32_t captured = frame.length, available = frame.length, wire = frame.length;
        switch (next_random() % 8) {
        case 0: /* a snap length */
            captured = available = ETHERNET + next_random() % (frame.length - ETHERNET + 1);
            break;
        case 1: /* a chain */
            captured = ETHERNET + next_random() % (frame.length - ETHERNET + 1);
            break;
        case 2: /* both, and a length that is not to be believed */
            captured = ETHERNET + next_random() % (frame.length - ETHERNET + 1);
            available = captured + next_random() % (frame.length - captured + 1);
            wire = next_random() % (2 * frame.length) + ETHERNET;
            break;
        default:
            break;
        }
        read += assert_read_alike(&frame, captured, available, wire) == OUTCOME_PENDING;
    }
    assert_in_range(read, total / 4, total - total / 8); /* and so both kinds are among them */
}

static void both_directions_have_one_hash_and_others_another(void **state)
{
    (void)state;
    const struct siphash_key key = {1, 2}, other_key = {1, 3};
    struct endpoints one = {.source = {10, 0, 0, 1},
                            .destination = {10, 0, 0, 2},
                            .source_port = 1000,
                            .destination_port = 80,
                            .ip_version = 4};
    struct endpoints back = {.source = {10, 0, 0, 2},
                             .destination = {10, 0, 0, 1},
                             .source_port = 80,
                             .destination_port = 1000,
                             .ip_version = 4};
    for (unsigned version = 4; version <= 6; version += 2) {
        one.ip_version = back.ip_version = (uint8_t)version;
        uint64_t hash = endpoints_hash(&key, &one);
        assert_int_equal(hash, endpoints_hash(&key, &back));
        assert_int_not_equal(hash, endpoints_hash(&other_key, &one));
        struct endpoints changed = one;
        changed.source_port++;
        assert_int_not_equal(hash, endpoints_hash(&key, &changed));
        changed = one;
        changed.destination[3]++;
        assert_int_not_equal(hash, endpoints_hash(&key, &changed));
        changed = one;
        changed.has_vlan = 1;
        changed.vlan_id = 5;
        assert_int_not_equal(hash, endpoints_hash(&key, &changed));
        changed = one; /* the ports the other way round, the addresses not: another connection */
        changed.source_port = one.destination_port;
        changed.destination_port = one.source_port;
        assert_int_not_equal(hash, endpoints_hash(&key, &changed));
    }
    memcpy(one.destination, one.source, 16); /* a host that speaks with itself */
    memcpy(back.source, back.destination, 16);
    assert_int_equal(endpoints_hash(&key, &one), endpoints_hash(&key, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_link_type_leads_to_the_segment),
        cmocka_unit_test(what_is_not_ip_or_not_tcp_is_said_so),
        cmocka_unit_test(vlan_tags_are_followed_and_the_outermost_names_the_network),
        cmocka_unit_test(a_priority_tag_names_no_network),
        cmocka_unit_test(ipv4_options_are_skipped),
        cmocka_unit_test(padding_is_no_payload),
        cmocka_unit_test(lies_in_ipv4_headers_have_their_outcomes),
        cmocka_unit_test(ipv6_extension_headers_are_skipped),
        cmocka_unit_test(lies_in_ipv6_headers_have_their_outcomes),
        cmocka_unit_test(the_window_scale_is_read_from_a_syn),
        cmocka_unit_test(a_frame_cut_at_any_byte_is_read_no_further),
        cmocka_unit_test(link_headers_too_short_are_named),
        cmocka_unit_test(payload_beyond_the_first_buffer_counts_as_captured),
        cmocka_unit_test(random_bytes_end_in_an_outcome),
        cmocka_unit_test(usual_frames_are_read_as_the_layers_read_them),
        cmocka_unit_test(both_directions_have_one_hash_and_others_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pcapng, as draft-ietf-opsawg-pcapng describes it: blocks of type, length, body and the length once more. A section
 * header block begins a section with a byte order and interfaces of its own; what a block of unknown type holds is
 * passed over, however long.
 *
 * A packet is handed out as soon as its bytes are there; the options behind it and the second length are looked at
 * afterwards. That second length is what tells damage: were it not compared, a wrong first one would lead into the
 * middle of a packet and on from there, in silence.
 */
#include "format.h"

#define BLOCK_INTERFACE       1u
#define BLOCK_PACKET          2u /* obsolete, but written by old dumpcaps */
#define BLOCK_SIMPLE_PACKET   3u
#define BLOCK_ENHANCED_PACKET 6u

#define BLOCK_HEADER_BYTES   8  /* type, length */
#define TRAILER_BYTES        4  /* the length once more */
#define SECTION_HEADER_BYTES 28 /* the fields, without options */
#define INTERFACE_BYTES      16
#define PACKET_BYTES         28 /* of either kind */
#define SIMPLE_PACKET_BYTES  12

#define BYTE_ORDER_MAGIC 0x1a2b3c4du

enum interface_option { OPTION_END = 0, OPTION_NAME = 2, OPTION_RESOLUTION = 9, OPTION_OFFSET = 14 };

/* Products of a 64-bit time and 10^9 need more. */
__extension__ typedef unsigned __int128 uint128;
__extension__ typedef __int128 int128;

void pcapng_begin(struct pcapng *pcapng, struct capture_interface *interfaces)
{
    memset(pcapng, 0, sizeof(*pcapng));
    pcapng->interface = interfaces;
}

/* Lengths should be multiples of four; some writers left the padding out of the number, though not out of the file. */
static uint64_t padded(uint32_t total)
{
    return ((uint64_t)total + 3) & ~UINT64_C(3);
}

/* Passes over all of a block but the second length, which is compared next. */
static void pass_block(struct pcapng *pcapng, uint32_t total, struct step *step)
{
    pcapng->trailer = total;
    step_skip(step, padded(total) - TRAILER_BYTES);
}

static void check_trailer(struct pcapng *pcapng, const uint8_t *bytes, size_t length, struct step *step)
{
    if (length < TRAILER_BYTES) {
        step_more(step, TRAILER_BYTES);
        return;
    }
    if (read_32(bytes, pcapng->swapped) != pcapng->trailer) {
        step_damaged(step, "a block's length is not the same at its beginning and its end");
        return;
    }
    pcapng->trailer = 0;
    step_skip(step, TRAILER_BYTES);
}

static void begin_section(struct pcapng *pcapng, const uint8_t *bytes, size_t length, struct step *step)
{
    if (length < SECTION_HEADER_BYTES - 12) { /* type, length, magic, version */
        step_more(step, SECTION_HEADER_BYTES - 12);
        return;
    }
    bool swapped = false;
    if (read_32(bytes + 8, swapped) != BYTE_ORDER_MAGIC)
        swapped = true;
    if (read_32(bytes + 8, swapped) != BYTE_ORDER_MAGIC) {
        step_damaged(step, "a section header without its byte-order magic");
        return;
    }
    if (read_16(bytes + 12, swapped) != 1) {
        step_damaged(step, "a pcapng section of another version than 1");
        return;
    }
    uint32_t total = read_32(bytes + 4, swapped);
    if (total < SECTION_HEADER_BYTES) {
        step_damaged(step, "a section header shorter than its fields");
        return;
    }
    pcapng->in_section = true;
    pcapng->swapped = swapped;
    pcapng->interfaces = 0;
    pass_block(pcapng, total, step);
}

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* if_tsresol: the negative power of 10 that a tick is, or of 2 where the highest bit is set. */
static void set_resolution(struct capture_interface *interface, uint8_t resolution)
{
    unsigned exponent = resolution & 0x7f;
    interface->multiplier = 1;
    interface->divisor = 1;
    interface->shift = 0;
    if ((resolution & 0x80) != 0) {
        interface->multiplier = 1000000000;
        interface->shift = exponent;
    } else if (exponent <= 9) {
        interface->multiplier = power_of_ten(9 - exponent);
    } else if (exponent - 9 <= 19) {
        interface->divisor = power_of_ten(exponent - 9);
    } else { /* 2^64 ticks of this kind are less than a nanosecond */
        interface->multiplier = 0;
    }
}

static uint64_t ticks_to_ns(const struct capture_interface *interface, uint64_t ticks)
{
    uint128 scaled = ((uint128)ticks * interface->multiplier) >> interface->shift;
    if (interface->divisor != 1) /* then the multiplier is 1, and 64 bits are enough */
        scaled = (uint64_t)scaled / interface->divisor;
    if (interface->offset_s == 0 && scaled <= UINT64_MAX)
        return (uint64_t)scaled;
    int128 moved = (int128)scaled + (int128)interface->offset_s * 1000000000;
    if (moved < 0)
        return 0;
    return moved > (int128)UINT64_MAX ? UINT64_MAX : (uint64_t)moved;
}

/* Options: code, length, value padded to four bytes. */
static void read_interface_options(struct capture_interface *interface, const uint8_t *bytes, size_t length,
                                   bool swapped)
{
    const uint8_t *name = NULL;
    size_t name_length = 0;
    while (length >= 4) {
        uint16_t code = read_16(bytes, swapped);
        uint16_t value_length = read_16(bytes + 2, swapped);
        bytes += 4;
        length -= 4;
        if (code == OPTION_END || value_length > length)
            break;
        if (code == OPTION_NAME) {
            name = bytes;
            name_length = value_length;
        } else if (code == OPTION_RESOLUTION && value_length == 1) {
            set_resolution(interface, bytes[0]);
        } else if (code == OPTION_OFFSET && value_length == 8) {
            interface->offset_s = (int64_t)read_64(bytes, swapped);
        }
        size_t step = RTE_MIN(length, (size_t)(value_length + 3) & ~(size_t)3);
        bytes += step;
        length -= step;
    }
    interface->port = capture_port_enter(interface->link_type, name, name_length);
}

static void read_interface(struct pcapng *pcapng, uint32_t total, const uint8_t *bytes, size_t length,
                           struct step *step)
{
    if (total < INTERFACE_BYTES + TRAILER_BYTES) {
        step_damaged(step, "an interface's description shorter than its fields");
        return;
    }
    uint32_t wanted = RTE_MIN(total - TRAILER_BYTES, DESCRIPTION_MAX);
    if (length < wanted) {
        step_more(step, wanted);
        return;
    }
    if (pcapng->interfaces == CAPTURE_PORTS_MAX) {
        step_damaged(step, "more than 4096 interfaces in a section");
        return;
    }
    struct capture_interface *interface = &pcapng->interface[pcapng->interfaces++];
    memset(interface, 0, sizeof(*interface));
    interface->link_number = read_16(bytes + 8, pcapng->swapped);
    interface->link_type = link_type_of(interface->link_number);
    interface->snap_length = read_32(bytes + 12, pcapng->swapped);
    set_resolution(interface, 6); /* the default: microseconds */
    read_interface_options(interface, bytes + INTERFACE_BYTES, wanted - INTERFACE_BYTES, pcapng->swapped);
    pass_block(pcapng, total, step);
}

/* A packet of `captured` bytes that stand `fields` bytes into a block of `total`. */
static void take_packet(struct pcapng *pcapng, uint32_t total, uint32_t fields, uint32_t captured, uint32_t wire,
                        size_t length, struct step *step)
{
    if (captured > PACKET_MAX) {
        step_damaged(step, "it claims to be longer than 262144 bytes");
    } else if (captured > total - TRAILER_BYTES - fields) {
        step_damaged(step, "it claims to be longer than its block");
    } else if (length < fields || length - fields < captured) {
        step_more(step, fields + captured);
    } else {
        pcapng->trailer = total;
        pcapng->last_time_ns = step->time_ns;
        step->kind = STEP_PACKET;
        step->length = fields;
        step->captured = captured;
        step->wire = RTE_MAX(wire, captured);
        step->after = padded(total) - TRAILER_BYTES - fields - captured;
    }
}

/* An Enhanced Packet Block, or a Packet Block: only the first four bytes differ. */
static void read_packet(struct pcapng *pcapng, uint32_t type, uint32_t total, const uint8_t *bytes, size_t length,
                        struct step *step)
{
    if (total < PACKET_BYTES + TRAILER_BYTES) {
        step_damaged(step, "a packet's block is shorter than its fields");
        return;
    }
    if (length < PACKET_BYTES) {
        step_more(step, PACKET_BYTES);
        return;
    }
    bool swapped = pcapng->swapped;
    uint32_t number = type == BLOCK_PACKET ? read_16(bytes + 8, swapped) : read_32(bytes + 8, swapped);
    if (number >= pcapng->interfaces) {
        step_damaged(step, "it is of an interface that was not described");
        return;
    }
    const struct capture_interface *interface = &pcapng->interface[number];
    uint64_t ticks = (uint64_t)read_32(bytes + 12, swapped) << 32 | read_32(bytes + 16, swapped);
    step->interface = interface;
    step->time_ns = ticks_to_ns(interface, ticks);
    take_packet(pcapng, total, PACKET_BYTES, read_32(bytes + 20, swapped), read_32(bytes + 24, swapped), length, step);
}

/* A Simple Packet Block is of the first interface; how much of it was captured follows from the snap length. */
static void read_simple_packet(struct pcapng *pcapng, uint32_t total, const uint8_t *bytes, size_t length,
                               struct step *step)
{
    if (total < SIMPLE_PACKET_BYTES + TRAILER_BYTES) {
        step_damaged(step, "a packet's block is shorter than its fields");
        return;
    }
    if (length < SIMPLE_PACKET_BYTES) {
        step_more(step, SIMPLE_PACKET_BYTES);
        return;
    }
    if (pcapng->interfaces == 0) {
        step_damaged(step, "it is of an interface that was not described");
        return;
    }
    const struct capture_interface *interface = &pcapng->interface[0];
    uint32_t wire = read_32(bytes + 8, pcapng->swapped);
    uint32_t captured = wire;
    if (interface->snap_length != 0 && captured > interface->snap_length)
        captured = interface->snap_length;
    step->interface = interface;
    step->time_ns = pcapng->last_time_ns;
    take_packet(pcapng, total, SIMPLE_PACKET_BYTES, captured, wire, length, step);
}

void pcapng_step(struct pcapng *pcapng, const uint8_t *bytes, size_t length, struct step *step)
{
    if (pcapng->trailer != 0) {
        check_trailer(pcapng, bytes, length, step);
        return;
    }
    if (length < BLOCK_HEADER_BYTES) {
        step_more(step, BLOCK_HEADER_BYTES);
        return;
    }
    uint32_t type = read_32(bytes, pcapng->swapped);
    if (type == PCAPNG_SECTION_HEADER) {
        begin_section(pcapng, bytes, length, step);
        return;
    }
    if (!pcapng->in_section) {
        step_damaged(step, "no section header");
        return;
    }
    uint32_t total = read_32(bytes + 4, pcapng->swapped);
    if (total < BLOCK_HEADER_BYTES + TRAILER_BYTES) {
        step_damaged(step, "a block shorter than its own header");
        return;
    }
    switch (type) {
    case BLOCK_INTERFACE:
        read_interface(pcapng, total, bytes, length, step);
        break;
    case BLOCK_ENHANCED_PACKET:
    case BLOCK_PACKET:
        read_packet(pcapng, type, total, bytes, length, step);
        break;
    case BLOCK_SIMPLE_PACKET:
        read_simple_packet(pcapng, total, bytes, length, step);
        break;
    default:
        pass_block(pcapng, total, step);
    }
}

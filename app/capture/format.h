/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_FORMAT_H
#define BEARERTAP_APP_CAPTURE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <bearertap/capture.h>

/*
 * The two file formats, as parsers on bytes: they know of no file, no block and no mbuf.
 *
 * A parser is shown the bytes that follow what was consumed so far, and says what the next step is. It never looks past
 * `length`, keeps no pointer to them, allocates nothing, and needs constant time a step. The caller consumes: after
 * STEP_PACKET it goes on behind the packet's bytes, after STEP_SKIP `length` bytes further, both maybe past what is at
 * hand. STEP_MORE and STEP_DAMAGED change nothing: asked again, the parser answers again.
 */

/* libpcap writes no longer packets (MAXIMUM_SNAPLEN), and where a length is greater, the file is damaged. */
#define PACKET_MAX 262144u

/* How much of an interface's description is looked at: its name and clock stand in the options. */
#define DESCRIPTION_MAX (128u * 1024)

/* What one step may ask to have at hand: a packet with what precedes it, or a description. */
#define STEP_MORE_MAX (PACKET_MAX + 64)

enum step_kind {
    STEP_PACKET,  /* a packet's bytes begin `length` bytes further on, all of them at hand */
    STEP_SKIP,    /* nothing to hand out: pass over `length` bytes, at hand or not */
    STEP_MORE,    /* can't tell before `length` bytes are at hand; at a file's end: it was cut */
    STEP_DAMAGED, /* `damage` says why; nothing sensible can follow */
};

/* Where a packet was seen: the only one of a pcap, or one of a pcapng's section. */
struct capture_interface {
    enum link_type link_type;
    uint32_t link_number;         /* LINKTYPE_ as the file has it, for messages */
    uint16_t port;                /* CAPTURE_PORTS_MAX: the table of ports was full */
    uint32_t snap_length;         /* 0: no limit */
    uint64_t multiplier, divisor; /* nanoseconds = (ticks * multiplier >> shift) / divisor + offset_s */
    unsigned shift;
    int64_t offset_s;
};

struct step {
    enum step_kind kind;
    uint64_t length;
    const char *damage;
    /* Of a packet: */
    const struct capture_interface *interface; /* valid until the next step */
    uint64_t time_ns;
    uint32_t captured; /* its bytes in the file, at most PACKET_MAX */
    uint32_t wire;     /* at least `captured` */
    uint64_t after;    /* to pass over after its bytes, before the next step: padding, options */
};

struct pcap {
    bool header_read;
    bool swapped; /* the writer's byte order is not ours */
    uint32_t fraction_ns;
    struct capture_interface interface;
};

struct pcapng {
    bool in_section;
    bool swapped;
    uint32_t trailer;      /* the length that must stand again at the end of the block begun; 0: at a block's start */
    uint64_t last_time_ns; /* for Simple Packet Blocks, which have no time */
    unsigned interfaces;
    struct capture_interface *interface; /* CAPTURE_PORTS_MAX of them, the caller's memory */
};

/* The magic numbers, as they read in the writer's byte order. */
#define PCAP_MAGIC_MICROSECONDS 0xa1b2c3d4u
#define PCAP_MAGIC_NANOSECONDS  0xa1b23c4du
#define PCAPNG_SECTION_HEADER   0x0a0d0d0au /* the same in either order */

void pcap_begin(struct pcap *pcap);
void pcap_step(struct pcap *pcap, const uint8_t *bytes, size_t length, struct step *step);

void pcapng_begin(struct pcapng *pcapng, struct capture_interface *interfaces);
void pcapng_step(struct pcapng *pcapng, const uint8_t *bytes, size_t length, struct step *step);

/* Is the parser between two packets or blocks, so that a file may end here? */
static inline bool pcapng_is_at_start(const struct pcapng *pcapng)
{
    return pcapng->trailer == 0;
}

/* Link types: LINKTYPE_ number to ours, and its name for a message ("IEEE802_11"; "unknown" where we know none). */
enum link_type link_type_of(uint32_t link_number);
const char *link_type_name(uint32_t link_number);

/* What else a file may be, told from its first bytes; NULL where there is no telling. The command that makes a capture
 * of it is `unpack`, the file's name, `unpack_after`; `unpack` is NULL where there is none. */
struct foreign_format {
    const char *what; /* "compressed with gzip" */
    const char *unpack;
    const char *unpack_after;
};
const struct foreign_format *foreign_format_of(const uint8_t *bytes, size_t length);

static inline uint16_t read_16(const uint8_t *bytes, bool swapped)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof(value));
    return swapped ? __builtin_bswap16(value) : value;
}

static inline uint32_t read_32(const uint8_t *bytes, bool swapped)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof(value));
    return swapped ? __builtin_bswap32(value) : value;
}

static inline uint64_t read_64(const uint8_t *bytes, bool swapped)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return swapped ? __builtin_bswap64(value) : value;
}

static inline void step_skip(struct step *step, uint64_t length)
{
    step->kind = STEP_SKIP;
    step->length = length;
}

static inline void step_more(struct step *step, uint64_t length)
{
    step->kind = STEP_MORE;
    step->length = length;
}

static inline void step_damaged(struct step *step, const char *damage)
{
    step->kind = STEP_DAMAGED;
    step->length = 0;
    step->damage = damage;
}

#endif

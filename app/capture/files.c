/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/capture.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include <bearertap/handover.h>

#include "block.h"
#include "format.h"
#include "input.h"

/* mbufs taken from the pool ahead of their packets, at once. */
#define STASH 64u

/* What one mbuf holds, and how many make the longest packet. */
#define SEGMENT_MAX 65535u
#define CHAIN_MAX   ((PACKET_MAX + SEGMENT_MAX - 1) / SEGMENT_MAX)

/* Link types that are told apart for messages; greater numbers count as the last. */
#define LINK_NUMBERS 65536u

/* After so many reads (32 MiB) without a packet the caller gets a chance to stop, as if a signal had come. */
#define FRUITLESS_READS 64

_Static_assert(STEP_MORE_MAX <= INPUT_AT_HAND_MAX && DESCRIPTION_MAX <= STEP_MORE_MAX,
               "what a parser asks for has room");

enum format_kind { FORMAT_UNKNOWN, FORMAT_PCAP, FORMAT_PCAPNG };

struct capture_files {
    struct capture_source source;
    const char *const *paths;
    unsigned count, next;

    struct block_pool *blocks;
    struct rte_mempool *mbufs;
    struct rte_mbuf *stash[STASH];
    unsigned stashed;

    /* The file being read: */
    struct input input;
    enum format_kind format;
    bool understood; /* its header was; from then on it is damaged or cut, not failed */
    struct pcap pcap;
    struct pcapng pcapng;
    struct capture_interface *interfaces;
    uint64_t packets;       /* in it so far, whether handed out or not */
    uint64_t record_number; /* of the packet at hand, or the next one where it is another block */
    uint64_t record_offset; /* where the packet or block at hand begins */

    struct capture_files_summary summary;
    bool table_full_said;
    uint8_t unsupported_said[LINK_NUMBERS / 8]; /* a bit a link type, so that a file can't flood the log */
};

/* Blocks enough that with packets of a kilobyte the mbufs run out first. */
static unsigned blocks_for(unsigned mbufs)
{
    return RTE_MIN(RTE_MAX(mbufs / 512, 16u), 64u);
}

static size_t mbufs_bytes(unsigned mbufs)
{
    return mbufs * 256 + rte_align64pow2((uint64_t)mbufs + 1) * sizeof(void *) + (1u << 20);
}

size_t capture_files_bytes(unsigned mbufs)
{
    return mbufs_bytes(mbufs + STASH) + blocks_for(mbufs) * (BLOCK_BYTES + 4096u);
}

/* The pool's caches, one a thread, must not hold so much that the reader finds nothing left. */
static unsigned cache_size(unsigned mbufs)
{
    return RTE_MIN(mbufs / (3 * rte_lcore_count()), 256u);
}

static int receive_from_source(struct capture_source *source, struct rte_mbuf **mbufs, unsigned max)
{
    return capture_files_receive(container_of(source, struct capture_files, source), mbufs, max);
}

struct capture_source *capture_files_source(struct capture_files *files)
{
    return &files->source;
}

int capture_files_create(const char *const *paths, unsigned count, unsigned mbufs, struct capture_files **result,
                         struct error *error)
{
    static unsigned created;
    char name[RTE_MEMPOOL_NAMESIZE];
    snprintf(name, sizeof(name), "capture_%u", __atomic_fetch_add(&created, 1, __ATOMIC_RELAXED));

    struct capture_files *files = calloc(1, sizeof(*files));
    if (files == NULL)
        return error_set(error, ENOMEM, "no memory to read captures with");
    files->source.receive = receive_from_source;
    files->paths = paths;
    files->count = count;
    files->interfaces = calloc(CAPTURE_PORTS_MAX, sizeof(*files->interfaces));
    files->blocks = block_pool_create(blocks_for(mbufs));
    /* This ring, since nobody in it waits for a thread that is not on a processor. */
    files->mbufs =
        rte_pktmbuf_pool_create_by_ops(name, mbufs + STASH, cache_size(mbufs), 0, 0, SOCKET_ID_ANY, "ring_mt_rts");
    if (files->interfaces == NULL || files->blocks == NULL || files->mbufs == NULL) {
        capture_files_destroy(files);
        return error_set(error, ENOMEM, "no memory for %u packets and %u blocks of %u KiB: give EAL at least %zu MiB",
                         mbufs, blocks_for(mbufs), BLOCK_BYTES >> 10, (capture_files_bytes(mbufs) >> 20) + 1);
    }
    *result = files;
    return 0;
}

void capture_files_destroy(struct capture_files *files)
{
    if (files == NULL)
        return;
    input_close(&files->input);
    if (files->stashed > 0)
        rte_mempool_put_bulk(files->mbufs, (void **)files->stash, files->stashed);
    rte_mempool_free(files->mbufs);
    block_pool_destroy(files->blocks);
    free(files->interfaces);
    free(files);
}

void capture_files_summary(const struct capture_files *files, struct capture_files_summary *summary)
{
    *summary = files->summary;
}

/* Goes to the next file that can be opened. 1, 0 where there is none, or -EINTR. */
static int open_next(struct capture_files *files)
{
    while (files->next < files->count) {
        struct error error;
        int result = input_open(&files->input, files->paths[files->next], &error);
        if (result == -EINTR)
            return result;
        files->next++;
        if (result == 0) {
            files->format = FORMAT_UNKNOWN;
            files->understood = false;
            files->packets = 0;
            files->record_offset = 0;
            return 1;
        }
        log_error("%s", error.text);
        files->summary.files_failed++;
    }
    return 0;
}

static void close_understood(struct capture_files *files, bool cut)
{
    files->summary.files_read++;
    if (cut)
        files->summary.files_cut++;
    input_close(&files->input);
}

static void close_failed(struct capture_files *files)
{
    files->summary.files_failed++;
    input_close(&files->input);
}

static void say_damaged(struct capture_files *files, const char *damage)
{
    const char *name = files->input.name;
    if (!files->understood) {
        log_error("%s is not a capture that can be read: %s", name, damage);
        close_failed(files);
        return;
    }
    log_warning("%s is damaged at packet %" PRIu64 ", in what begins at byte %" PRIu64
                ": %s; what comes before it is inspected",
                name, files->record_number, files->record_offset, damage);
    close_understood(files, true);
}

#define PLAIN_IN_SHELL "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%="

/* Nothing of what the file begins with is a capture's beginning. */
static void say_foreign(struct capture_files *files)
{
    const char *name = files->input.name;
    const uint8_t *bytes = input_bytes(&files->input);
    uint32_t length = input_at_hand(&files->input);
    const struct foreign_format *foreign = foreign_format_of(bytes, length);
    /* A command that can be pasted: names with anything that a shell looks at are left to the reader. */
    bool is_shown = files->input.fd != STDIN_FILENO && name[0] != '-' && name[strspn(name, PLAIN_IN_SHELL)] == '\0';
    if (foreign != NULL && foreign->unpack != NULL)
        log_error("%s is %s; unpack it on the way: %s %s%s | bearertap read -", name, foreign->what, foreign->unpack,
                  is_shown ? name : "FILE", foreign->unpack_after);
    else if (foreign != NULL)
        log_error("%s is %s, not a capture (pcap or pcapng)", name, foreign->what);
    else if (length < 4)
        log_error("%s is not a capture (pcap or pcapng): it has only %" PRIu32 " bytes", name, length);
    else
        log_error("%s is not a capture (pcap or pcapng): it begins with the bytes %02x %02x %02x %02x", name, bytes[0],
                  bytes[1], bytes[2], bytes[3]);
    close_failed(files);
}

static void say_ended(struct capture_files *files)
{
    const struct input *input = &files->input;
    bool between_packets = input->skip == 0 && input_at_hand(input) == 0 &&
                           (files->format == FORMAT_PCAP || pcapng_is_at_start(&files->pcapng));
    if (files->understood && between_packets) {
        close_understood(files, false);
    } else if (files->understood) {
        log_warning("%s was cut short at packet %" PRIu64 ", in the middle of what begins at byte %" PRIu64
                    "; what comes before it is inspected",
                    input->name, files->record_number, files->record_offset);
        close_understood(files, true);
    } else if (input->offset == 0 && input_at_hand(input) == 0) {
        log_error("%s is empty", input->name);
        close_failed(files);
    } else if (files->format == FORMAT_UNKNOWN) {
        say_foreign(files);
    } else {
        log_error("%s ends in the middle of its header", input->name);
        close_failed(files);
    }
}

static void say_read_failed(struct capture_files *files, int code)
{
    log_error("cannot read %s at byte %" PRIu64 ": %s", files->input.name, files->input.offset, strerror(code));
    if (files->understood)
        close_understood(files, true);
    else
        close_failed(files);
}

/* A packet that is not handed out: its link type is not understood, or there are more interfaces than ports. */
static void count_unsupported(struct capture_files *files, const struct capture_interface *interface)
{
    files->summary.unsupported_packets++;
    if (interface->link_type != LINK_UNSUPPORTED) {
        if (!files->table_full_said)
            log_warning("%s: more than %u different interfaces in all; packets of the others are not inspected",
                        files->input.name, CAPTURE_PORTS_MAX);
        files->table_full_said = true;
        return;
    }
    uint32_t number = RTE_MIN(interface->link_number, LINK_NUMBERS - 1);
    uint8_t bit = (uint8_t)(1u << (number % 8));
    if ((files->unsupported_said[number / 8] & bit) != 0)
        return;
    files->unsupported_said[number / 8] |= bit;
    const struct capture_port *port = capture_port(interface->port);
    const char *name = port != NULL ? port->name : "";
    log_warning("%s: packet %" PRIu64 "%s%s has the link type %s (%" PRIu32 "), which is not supported; packets of "
                "that type are not inspected",
                files->input.name, files->packets, name[0] != '\0' ? " of interface " : "", name,
                link_type_name(interface->link_number), interface->link_number);
}

/* Is there an mbuf for a packet, however long? */
static bool stash_fill(struct capture_files *files)
{
    unsigned missing = STASH - files->stashed;
    if (rte_pktmbuf_alloc_bulk(files->mbufs, &files->stash[files->stashed], missing) != 0) {
        missing = CHAIN_MAX - files->stashed;
        if (rte_pktmbuf_alloc_bulk(files->mbufs, &files->stash[files->stashed], missing) != 0)
            return false;
    }
    for (; missing > 0; missing--)
        handover_taken(files->stash[files->stashed++]);
    return true;
}

/* The packet's bytes begin at the input's position. */
static struct rte_mbuf *make_packet(struct capture_files *files, const struct step *step)
{
    struct block *block = files->input.block;
    uint8_t *bytes = input_bytes(&files->input);
    uint32_t left = step->captured;
    uint16_t length = (uint16_t)RTE_MIN(left, SEGMENT_MAX);

    struct rte_mbuf *packet = files->stash[--files->stashed];
    block_lend(block, packet, bytes, length);
    packet->pkt_len = step->captured;
    packet->port = step->interface->port;
    *capture_time_ns(packet) = step->time_ns;
    *capture_wire_length(packet) = step->wire;
    for (struct rte_mbuf *last = packet; (left -= length) > 0; last = last->next) {
        bytes += length;
        length = (uint16_t)RTE_MIN(left, SEGMENT_MAX);
        last->next = files->stash[--files->stashed];
        block_lend(block, last->next, bytes, length);
        packet->nb_segs++;
    }
    return packet;
}

/* Tells the format from the first bytes; STEP_MORE, STEP_SKIP (by nothing) once it is known, STEP_DAMAGED. */
static void identify(struct capture_files *files, struct step *step)
{
    if (input_at_hand(&files->input) < 4) {
        step_more(step, 4);
        return;
    }
    uint32_t magic = read_32(input_bytes(&files->input), false);
    uint32_t swapped = __builtin_bswap32(magic);
    step_skip(step, 0);
    if (magic == PCAPNG_SECTION_HEADER) {
        files->format = FORMAT_PCAPNG;
        pcapng_begin(&files->pcapng, files->interfaces);
    } else if (magic == PCAP_MAGIC_MICROSECONDS || magic == PCAP_MAGIC_NANOSECONDS ||
               swapped == PCAP_MAGIC_MICROSECONDS || swapped == PCAP_MAGIC_NANOSECONDS) {
        files->format = FORMAT_PCAP;
        pcap_begin(&files->pcap);
    } else {
        step_damaged(step, "unknown");
    }
}

static void begin_record(struct capture_files *files)
{
    files->record_offset = files->input.offset;
    files->record_number = files->packets + 1;
}

static void next_step(struct capture_files *files, struct step *step)
{
    const uint8_t *bytes = input_bytes(&files->input);
    uint32_t length = input_at_hand(&files->input);
    switch (files->format) {
    case FORMAT_PCAP:
        begin_record(files);
        pcap_step(&files->pcap, bytes, length, step);
        break;
    case FORMAT_PCAPNG:
        if (pcapng_is_at_start(&files->pcapng))
            begin_record(files);
        pcapng_step(&files->pcapng, bytes, length, step);
        break;
    case FORMAT_UNKNOWN:
        identify(files, step);
        return; /* its header is not understood yet */
    }
    if (step->kind == STEP_SKIP)
        files->understood = true;
}

static void take_packet(struct capture_files *files, const struct step *step, struct rte_mbuf **mbufs, unsigned *count)
{
    files->packets++;
    input_consume(&files->input, (uint32_t)step->length);
    if (step->interface->link_type == LINK_UNSUPPORTED || step->interface->port == CAPTURE_PORTS_MAX) {
        count_unsupported(files, step->interface);
    } else {
        mbufs[(*count)++] = make_packet(files, step);
        files->summary.packets++;
    }
    input_consume(&files->input, step->captured);
    if (step->after > 0)
        input_skip(&files->input, step->after);
}

/* Takes what is complete of what is at hand. Returns what stopped it: STEP_PACKET when `mbufs` is full or no mbuf is
 * left, STEP_MORE, STEP_DAMAGED. */
static enum step_kind take_packets(struct capture_files *files, struct rte_mbuf **mbufs, unsigned max, unsigned *count,
                                   struct step *step)
{
    struct input *input = &files->input;
    while (*count < max) {
        if (input->skip > 0 || input->block == NULL) {
            step_more(step, 1);
            return STEP_MORE;
        }
        if (files->stashed < CHAIN_MAX && !stash_fill(files))
            break;
        next_step(files, step);
        if (step->kind == STEP_PACKET)
            take_packet(files, step, mbufs, count);
        else if (step->kind == STEP_SKIP)
            input_skip(input, step->length);
        else
            return step->kind;
    }
    return STEP_PACKET;
}

int capture_files_receive(struct capture_files *files, struct rte_mbuf **mbufs, unsigned max)
{
    for (unsigned reads = 0; reads < FRUITLESS_READS;) {
        if (!input_is_open(&files->input)) {
            int result = open_next(files);
            if (result <= 0)
                return result;
        }
        unsigned count = 0;
        struct step step;
        enum step_kind stopped = take_packets(files, mbufs, max, &count, &step);
        if (count > 0)
            return (int)count; /* what stopped it will do so again */
        if (stopped == STEP_PACKET)
            return -EAGAIN;
        if (stopped == STEP_DAMAGED) {
            if (files->format == FORMAT_UNKNOWN)
                say_foreign(files);
            else
                say_damaged(files, step.damage);
            continue;
        }
        int result = input_read(&files->input, files->blocks);
        if (result == -EAGAIN || result == -EINTR)
            return result;
        if (result == 0)
            say_ended(files);
        else if (result < 0)
            say_read_failed(files, -result);
        reads++;
    }
    return -EINTR;
}

/* Packets that go back to their pools together. */
struct releasing {
    struct rte_mbuf_ext_shared_info *shared; /* of the block last seen: neighbours mostly share one */
    uint16_t references;
    unsigned batched;
    struct rte_mbuf *batch[STASH];
};

static void release_batch(struct releasing *releasing)
{
    if (releasing->batched > 0)
        rte_mempool_put_bulk(releasing->batch[0]->pool, (void **)releasing->batch, releasing->batched);
    releasing->batched = 0;
}

static void release_block(struct releasing *releasing)
{
    if (releasing->references > 0)
        block_give_back(releasing->shared, releasing->references);
    releasing->references = 0;
}

static void release_one(struct releasing *releasing, struct rte_mbuf *mbuf)
{
    if (rte_mbuf_refcnt_read(mbuf) != 1 ||
        (RTE_MBUF_HAS_EXTBUF(mbuf) ? !block_is_ours(mbuf->shinfo) : !RTE_MBUF_DIRECT(mbuf))) {
        rte_pktmbuf_free_seg(mbuf);
        return;
    }
    if (RTE_MBUF_HAS_EXTBUF(mbuf)) {
        if (mbuf->shinfo != releasing->shared) {
            release_block(releasing);
            releasing->shared = mbuf->shinfo;
        }
        releasing->references++;
        mbuf->ol_flags = 0;
    }
    if (mbuf->next != NULL) {
        mbuf->next = NULL;
        mbuf->nb_segs = 1;
    }
    handover_given(mbuf);
    if (releasing->batched == STASH || (releasing->batched > 0 && mbuf->pool != releasing->batch[0]->pool))
        release_batch(releasing);
    releasing->batch[releasing->batched++] = mbuf;
}

void capture_release(struct rte_mbuf **mbufs, unsigned count)
{
    struct releasing releasing;
    releasing.shared = NULL;
    releasing.references = 0;
    releasing.batched = 0;
    /* As a driver's mostly are, and then all of one pool: one look at each. */
    const uint64_t unusual = RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;
    unsigned plain = 0;
    while (plain < count && (mbufs[plain]->ol_flags & unusual) == 0 && mbufs[plain]->next == NULL &&
           rte_mbuf_refcnt_read(mbufs[plain]) == 1 && mbufs[plain]->pool == mbufs[0]->pool)
        handover_given(mbufs[plain++]);
    if (plain > 0)
        rte_mempool_put_bulk(mbufs[0]->pool, (void **)mbufs, plain);
    for (unsigned i = plain; i < count; i++)
        for (struct rte_mbuf *next, *mbuf = mbufs[i]; mbuf != NULL; mbuf = next) {
            next = mbuf->next;
            release_one(&releasing, mbuf);
        }
    release_block(&releasing);
    release_batch(&releasing);
}

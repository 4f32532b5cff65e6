/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_CAPTURE_H
#define BEARERTAP_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include <bearertap/error.h>

/*
 * Where packets come from: anything that hands out bursts of mbufs is a source. Here are capture files (pcap, pcapng,
 * "-" for stdin) as real mbufs.
 *
 * The bytes of a file are read into large blocks of a bounded pool and never copied again: an mbuf is attached to its
 * packet in the block (rte_pktmbuf_attach_extbuf) and the block goes back to the pool when its last mbuf is freed, by
 * whichever thread. So memory does not depend on the file's size, and files and pipes take the same way. A packet
 * longer than an mbuf's 65,535 bytes is a chain of mbufs on the same block. One thread reads; any thread frees.
 */

/* Link types that packet_decode understands; the LINKTYPE_ numbers are of tcpdump.org/linktypes.html. */
enum link_type {
    LINK_NULL,       /* LINKTYPE_NULL 0, BSD loopback: protocol family in the writer's byte order */
    LINK_LOOP,       /* LINKTYPE_LOOP 108: the same in network order */
    LINK_ETHERNET,   /* LINKTYPE_ETHERNET 1 */
    LINK_RAW,        /* LINKTYPE_RAW 101 (and 12, 14), LINKTYPE_IPV4 228, LINKTYPE_IPV6 229 */
    LINK_LINUX_SLL,  /* LINKTYPE_LINUX_SLL 113 */
    LINK_LINUX_SLL2, /* LINKTYPE_LINUX_SLL2 276 */
    LINK_UNSUPPORTED
};

/*
 * A port as a record names it: for files an interface of a capture, for `run` an ethdev port. mbuf->port is its number.
 * The table is fixed in size and grows while files are opened, by the reading thread only; a port never changes once a
 * packet bears its number.
 */
#define CAPTURE_PORTS_MAX 4096

struct capture_port {
    enum link_type link_type;
    char name[64]; /* pcapng's if_name; empty where the file does not say */
};

/* NULL where no port has that number. */
const struct capture_port *capture_port(uint16_t number);

/* The number of the port of that link type and name (`length` bytes, no NUL needed), which is new or was there before;
 * CAPTURE_PORTS_MAX when the table is full. By the thread that reads. */
uint16_t capture_port_enter(enum link_type link_type, const uint8_t *name, size_t length);

/* mbuf fields of ours: when the packet was seen, and how long it was on the wire (>= pkt_len when captured short). */
extern int capture_time_offset; /* dynfield uint64_t, nanoseconds since 1970 */
extern int capture_wire_offset; /* dynfield uint32_t, bytes */

static inline uint64_t *capture_time_ns(struct rte_mbuf *mbuf)
{
    return (uint64_t *)(void *)((char *)mbuf + capture_time_offset);
}

static inline uint32_t *capture_wire_length(struct rte_mbuf *mbuf)
{
    return (uint32_t *)(void *)((char *)mbuf + capture_wire_offset);
}

/*
 * What is to be added to packets' times for people; 0 for files. Packets' times never step: where the system's clock is
 * set while live ports run, all that waits for some time to pass would wait too long, or not at all. So they go on, and
 * the step is added here by who watches the ports; any thread reads (relaxed). What is derived from a packet's time, as
 * an id is, is derived from the time without it.
 */
extern _Atomic int64_t capture_correction_ns;

/* Registers the two fields; EAL must be up. Once, before any packet. */
int capture_register_fields(struct error *error);

/*
 * A source: one thread takes from it. What implements it embeds this struct.
 *
 * `receive` gives up to `max` next packets and returns how many; 0 at the end; -EAGAIN where nothing can be had until
 * packets are released; -EINTR where it was interrupted (call again, or stop). `again`, NULL where there is but one
 * round, is asked at the end, when all connections have been let go: true, and receive goes on.
 *
 * `now_ns`, NULL for all but live ones, says what time it is (as packets have it, nanoseconds since 1970): any thread
 * may ask. It makes the source one that is polled: `receive` returns 0 whenever nothing is there, and ends only by
 * being asked to stop.
 */
struct capture_source {
    int (*receive)(struct capture_source *source, struct rte_mbuf **mbufs, unsigned max);
    bool (*again)(struct capture_source *source);
    uint64_t (*now_ns)(const struct capture_source *source);
};

struct capture_files;

/* EAL memory that capture_files_create will take with this many mbufs, bytes. */
size_t capture_files_bytes(unsigned mbufs);

/* `paths` are read in order, as one capture; they must outlive it. Pools for `mbufs` mbufs are made here (a few hundred
 * more than are ever under way at once, or receive says -EAGAIN often); files are opened as their turn comes. */
int capture_files_create(const char *const *paths, unsigned count, unsigned mbufs, struct capture_files **files,
                         struct error *error);
/* All packets must have been freed, at the end or before it. */
void capture_files_destroy(struct capture_files *files);

/*
 * Up to `max` next packets. Returns how many; 0 at the end of all files; -EAGAIN where no mbuf or block is free until
 * others are released; -EINTR where the read was interrupted by a signal, or went on for long without any packet (call
 * again, or stop). What is wrong with a file is said once, by log_warning or log_error, naming the file, the packet's
 * number and the byte's offset, and the next file is gone on with; capture_files_summary tells how it went.
 *
 * It waits only in read(), where what a pipe gave so far is handed out: so send on what you hold before you call. After
 * -EAGAIN too: packets that wait in a buffer of yours for company hold their blocks.
 */
int capture_files_receive(struct capture_files *files, struct rte_mbuf **mbufs, unsigned max);

/* The files as a source. */
struct capture_source *capture_files_source(struct capture_files *files);

/*
 * Frees packets, chains too, as rte_pktmbuf_free_bulk does, with one atomic operation for a run of packets on one block
 * rather than one for each. Any thread; mbufs of any other origin are freed in the usual way.
 */
void capture_release(struct rte_mbuf **mbufs, unsigned count);

/* After the end: */
struct capture_files_summary {
    unsigned files_read;   /* opened and at least their header understood */
    unsigned files_failed; /* could not be opened, or nothing in them understood */
    unsigned files_cut;    /* ended in the middle of a packet, or were damaged from some point on */
    uint64_t packets;
    uint64_t unsupported_packets; /* of a link type that is not understood: not handed out, said once a type */
};
void capture_files_summary(const struct capture_files *files, struct capture_files_summary *summary);

#endif

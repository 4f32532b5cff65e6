/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_PORTS_H
#define BEARERTAP_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/capture.h>
#include <bearertap/error.h>
#include <bearertap/filter_rules.h>

/*
 * Live ports: ethdev ports and their queues as sources of packets. What a device can do is asked of it, and what was
 * asked, what it accepted and what is in force are told (ports_describe).
 *
 * Where every port has as many queues as there are workers, and all of them spread packets alike so that both
 * directions of a connection meet in the queue of one number, source i takes from queue i of every port. Anything else
 * is one source that takes from all queues, and packets are spread in software by who takes from it.
 *
 * One thread creates, starts, stops and closes; one thread takes from a source; one thread, no worker, calls
 * ports_watch some ten times a second: it asks the devices for their counters and links, and corrects the clock.
 * ports_describe and ports_statistics may be called by any thread at any time. Receiving neither allocates nor locks.
 *
 * The clock is the time stamp counter, read once a burst. It begins at CLOCK_REALTIME, to which it is drawn by at most
 * 500 millionths, so that it never goes back and never steps: where the system's clock is set, that is said, and goes
 * into capture_correction_ns.
 */

#define PORTS_MAX       16
#define PORT_QUEUES_MAX 64

struct port_options {
    const char *device;   /* as DPDK names it: "0000:3b:00.0", "net_af_packet0,iface=tap0" */
    unsigned queues;      /* 0: as many as workers, as far as the device has them and spreads over them */
    unsigned descriptors; /* a queue; 0: 4,096, or what the device has room for */
    unsigned mtu;         /* 0: what the device or interface has */
    enum hardware_filter hardware_filter;
};

struct ports_options {
    const struct port_options *ports;
    unsigned count, workers;
    const struct filter *filter; /* what devices are asked to leave out; NULL: nothing */
    bool no_hugepages; /* EAL starts without: a buffer then takes whole pages of 4 KiB. Matters to ports_memory_bytes */
};

struct ports;

/*
 * What rte_eal_init needs for these ports: "--no-pci" where no device is a PCI one, else "-a" and the device for each
 * that is. Other devices are probed by ports_create, so that a failure can be said in words. Puts at most `max`
 * pointers (2 * PORTS_MAX are enough), which live as long as the options, and returns how many.
 */
unsigned ports_eal_arguments(const struct ports_options *options, const char **arguments, unsigned max);

/* What can be known before EAL is up, so that it need not be started in vain, nor touch a device that is not for us:
 * whether devices are there, bound to a driver of DPDK's, each named once, and whether we may. As ports_create. */
int ports_check(const struct ports_options *options, struct error *error);

/* EAL memory that ports_create will take at most, bytes. EAL need not be up: devices are not asked, interfaces are. */
size_t ports_memory_bytes(const struct ports_options *options);

/*
 * Probes the devices, decides on queues and spreading, makes the pools of buffers on the devices' NUMA nodes, and
 * configures all. No packet is handed out before ports_start; a device that must be asked while it runs (RSS) is
 * started and stopped again. EAL must be up and capture_register_fields have been called. 0, or a negative errno with
 * `error` naming the port, what is wrong and what mends it; nothing is left behind then. The options need not outlive
 * it.
 */
int ports_create(const struct ports_options *options, struct ports **ports, struct error *error);

/* How many sources there are: `workers`, or 1. They belong to `ports`. */
unsigned ports_sources_count(const struct ports *ports);
struct capture_source *ports_source(struct ports *ports, unsigned i);

/* From here on packets are handed out. A link that is down is no failure: it is waited for, which is said. */
int ports_start(struct ports *ports, struct error *error);

void ports_watch(struct ports *ports);

/* Nobody will take from the sources any more: what comes from here on is not wanted, and so not lost. Losses are asked
 * for a last time and stay as they are; ports_watch goes on with all else. Any thread. */
void ports_end_losses(struct ports *ports);

/* No more packets; the sources give 0 from here on. The devices' counters are read a last time. Nobody may be in a
 * source's `receive`. */
void ports_stop(struct ports *ports);

/* All packets must have been freed. Stops first, if need be. */
void ports_close(struct ports *ports);

/* What the pools hold and why, in words: "pool of 36,352 buffers = 2 ports x 4 queues x 4,096 descriptors + ...; 81 MiB
 * on node 0". Lives as long as `ports`. */
const char *ports_memory_text(const struct ports *ports);

/* How packets come to workers, and why so: "queue i of each port to worker i", or "in software: ...". */
const char *ports_spread_text(const struct ports *ports);

/* Which clock stamps the packets of all ports, in words: as in port_description. */
const char *ports_clock_text(void);

unsigned ports_count(const struct ports *ports);

/* A port as it was set up; what changes is in port_statistics. */
struct port_description {
    char device[128]; /* as it was given, arguments too */
    char name[64];    /* the interface, or the device where there is none: as alerts and records name it */
    char driver[32];
    char clock[64];  /* which one stamps its packets */
    uint16_t number; /* of capture_port */
    int node;        /* NUMA node of the device, -1 where it has none */
    unsigned queues, queues_max;
    unsigned descriptors, descriptors_asked; /* a queue: had, and wanted */
    unsigned mtu;
    unsigned buffer_bytes; /* what one mbuf holds of a frame */
    bool scattered;        /* longer frames come in chains of mbufs; else they are cut or dropped */
    bool promiscuous;
    /* Receive side scaling, in words; "no" where there is nothing to say. */
    char rss_asked[128], rss_accepted[128], rss_in_force[128];
    bool rss_symmetric;
    /* The filter on the device: as the configuration names it, and "no", "drop, by 24 rules", or "in software: " and
     * why. Software filters in any case. */
    char hardware_filter_asked[16], hardware_filter_in_force[256];
    char notes[512]; /* what else was not as asked: descriptors, promiscuous mode */
};
void ports_describe(const struct ports *ports, unsigned i, struct port_description *description);

/* As of the last ports_watch, but for the queues' packets, bytes and polls, which are of now. Counted since
 * ports_start. A port that is gone keeps its last figures. */
struct port_queue_statistics {
    uint64_t packets, bytes; /* handed out */
    uint64_t bursts, empty_polls;
    uint64_t lost; /* by the device for this queue; only where losses_by_queue */
};

struct port_statistics {
    uint64_t packets, bytes; /* handed out, of all queues */
    uint64_t cut;            /* handed out, but longer than a frame may be: their ends are missing */
    uint64_t missed;         /* arrived and lost for want of a free descriptor (imissed, or the kernel's ring) */
    uint64_t errors;         /* arrived broken (ierrors) */
    uint64_t no_buffer;      /* not received for want of a free mbuf (rx_nombuf) */
    bool missed_is_estimate; /* the device does not count: the interface's own counters against what was received; it
                              * may become less again */
    bool losses_by_queue;    /* false: the device tells them for the whole port only */
    uint64_t filtered;       /* TCP that the device dropped by the filter's rules: never received, and no loss */
    bool filtered_is_known;  /* false: the device does not count it, or what is left out does not even come to it */
    bool link_up, gone;
    unsigned link_mbps;   /* 0: not known */
    unsigned link_losses; /* times that the link went down */
    unsigned queues;
    struct port_queue_statistics queue[PORT_QUEUES_MAX];
};
void ports_statistics(const struct ports *ports, unsigned i, struct port_statistics *statistics);

#endif

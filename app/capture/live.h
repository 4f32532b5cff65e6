/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_LIVE_H
#define BEARERTAP_APP_CAPTURE_LIVE_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <bearertap/ports.h>

#include "clock.h"
#include "device.h"
#include "device_filter.h"
#include "rss.h"

/* What the files of live ports share; ports.h is what others see of it. */

/* A queue. Its counters are written by the thread that takes from it, and read by any. */
struct live_queue {
    alignas(64) uint16_t port_id, queue_id;
    uint16_t number;      /* of capture_port: mbuf->port */
    uint32_t frame_bytes; /* a frame so long may have been cut; UINT32_MAX where none is */
    atomic_bool closed;   /* the device is gone: it is not asked again */
    uint64_t packets, bytes, bursts, empty_polls, cut;
};

/* A pool of mbufs, for the ports of a NUMA node that need buffers of one size. */
struct live_pool {
    int node;
    unsigned room; /* bytes an mbuf, headroom included */
    unsigned buffers;
    unsigned ports, descriptors; /* ports in it, and the descriptors of all their queues */
    struct rte_mempool *mempool;
};

/* The device's losses as of one moment. */
struct live_losses {
    uint64_t missed, errors, no_buffer;
    uint64_t queue[PORT_QUEUES_MAX];
};

struct live_port {
    struct device device;
    int claim; /* of its interface, where only one may have it; 0: none */
    uint16_t port_id;
    struct rte_eth_dev_info info;
    unsigned queues_count, descriptors, mtu;
    unsigned tx_queues; /* 0 where the device can do without */
    bool scattered, uses_rss, started;
    struct live_pool *pool;
    struct live_queue *queues;
    struct rss rss;
    struct device_filter filter;
    struct port_description description;

    /* ids of the counters of the device that tell losses by queue, and of which queue they are */
    unsigned loss_ids_count;
    uint64_t loss_ids[2 * PORT_QUEUES_MAX];
    uint8_t loss_queues[2 * PORT_QUEUES_MAX];

    /* Of the watching thread: */
    atomic_bool removed; /* set by the device's own event */
    bool link_is_known;
    bool losses_are_final;                     /* what comes is not wanted any more */
    struct live_losses base;                   /* as it was at the start */
    uint64_t interface_base, interface_before; /* its counter then, and at the watch before */
    struct port_statistics statistics;         /* what it found, under the lock */
};

/* Any worker may ask a source what time it is: what its owner writes with each burst lies apart. */
struct live_source {
    alignas(64) struct capture_source source;
    const struct live_clock *clock;
    unsigned count;
    struct live_queue **queues;
    alignas(64) uint64_t last_ns; /* packets' time never goes back by a look at the clock in between */
    unsigned next;
};

struct ports {
    unsigned count, workers;
    struct filter filter; /* that devices are asked for */
    struct live_port ports[PORTS_MAX];
    unsigned pools_count;
    struct live_pool pools[PORTS_MAX];
    unsigned sources_count;
    struct live_source *sources;
    struct live_queue **source_queues; /* the sources' lists, one after the other */
    struct live_clock clock;
    bool started;
    char memory_text[512], spread_text[256];
    pthread_mutex_t lock; /* of the ports' statistics, never taken by who receives */
};

/* live_memory.c: how many buffers, of what size, and where. */
unsigned live_room_for(unsigned frame_bytes, bool scattered);
int live_pools_create(struct ports *ports, struct error *error);
void live_pools_free(struct ports *ports);

/* live_setup.c: a port as far as it stands ready and gives nothing yet. */
int live_port_decide(struct ports *ports, struct live_port *port, const struct port_options *options,
                     struct error *error);
int live_port_set_up(struct live_port *port, struct error *error);
int live_port_start(struct live_port *port, struct error *error);
void live_port_hear_all(struct live_port *port);
void live_port_discard_early(struct live_port *port);
void live_port_stop(struct live_port *port);
void live_port_describe(struct live_port *port);

/* live_receive.c: the sources. */
int live_sources_create(struct ports *ports, struct error *error);
void live_sources_free(struct ports *ports);

/* live_watch.c */
void live_watch_begin(struct ports *ports, struct live_port *port);
void live_watch_port(struct ports *ports, struct live_port *port);
void live_watch_end_losses(struct ports *ports, struct live_port *port);
void live_watch_end(struct live_port *port);

#endif

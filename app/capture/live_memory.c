/* SPDX-License-Identifier: BSD-3-Clause */
/* How many buffers live ports need, of what size, and where: a formula, and its numbers in words. */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <bearertap/number.h>

/*
 * Beside those that wait in descriptors, buffers are under way: a burst of 64 in a worker's hands and one in the
 * reader's, 1,024 in the ring between them where packets are spread in software, and what a thread keeps at hand of the
 * pool (one and a half times its cache): 1,536 a thread, and two threads more than workers, the reader and the main
 * one.
 */
#define UNDER_WAY     1536u
#define CACHE         256u
#define OTHER_THREADS 2u

/* Where each buffer holds 64 KiB they are too dear for that. A device that copies leaves packets where they are as long
 * as there is no buffer, so fewer lose nothing. */
#define LARGE_ROOM      16384u
#define UNDER_WAY_LARGE 320u
#define CACHE_LARGE     32u

/* What each takes beside its room: its mbuf, a header, and padding that spreads them over memory channels. */
#define BUFFER_BESIDE (sizeof(struct rte_mbuf) + 3 * RTE_CACHE_LINE_SIZE + 2 * sizeof(void *))
#define POOL_BESIDE   (1u << 20)

/* This ring, since nobody in it waits for a thread that is not on a processor. */
#define POOL_RING "ring_mt_rts"

#define DESCRIPTORS_USUAL 4096u
#define MTU_USUAL         1500u

static bool is_large(unsigned room)
{
    return room > LARGE_ROOM;
}

unsigned live_room_for(unsigned frame_bytes, bool scattered)
{
    if (scattered || frame_bytes <= RTE_MBUF_DEFAULT_DATAROOM)
        return RTE_MBUF_DEFAULT_BUF_SIZE;
    return RTE_MIN(RTE_ALIGN_CEIL(frame_bytes + RTE_PKTMBUF_HEADROOM, RTE_CACHE_LINE_SIZE), UINT16_MAX + 0u);
}

static unsigned buffers_for(unsigned descriptors, unsigned room, unsigned workers)
{
    return descriptors + (workers + OTHER_THREADS) * (is_large(room) ? UNDER_WAY_LARGE : UNDER_WAY);
}

/* A buffer never crosses a hugepage: of each a buffer's worth is wasted, a 25th for the largest. Others lie close. */
static size_t bytes_for(unsigned buffers, unsigned room, bool no_hugepages)
{
    size_t each = room + BUFFER_BESIDE;
    return buffers * each + (no_hugepages ? 0 : buffers * each / 25) + POOL_BESIDE;
}

size_t ports_memory_bytes(const struct ports_options *options)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < options->count; i++) {
        const struct port_options *asked = &options->ports[i];
        struct device device;
        if (device_parse(asked, i, &device, NULL) != 0)
            continue; /* ports_create says why */
        unsigned queues = device.queues != 0 ? device.queues : asked->queues != 0 ? asked->queues : options->workers;
        unsigned descriptors = asked->descriptors != 0 ? asked->descriptors : DESCRIPTORS_USUAL;
        unsigned mtu = asked->mtu != 0 ? asked->mtu : RTE_MAX(device.interface.mtu, MTU_USUAL);
        unsigned frame = device.buffer_bytes != 0 ? device.buffer_bytes : mtu + 64;
        unsigned room = live_room_for(frame, false);
        if (!device.holds_buffers)
            descriptors = 0;
        queues = RTE_MIN(RTE_MAX(queues, 1u), PORT_QUEUES_MAX + 0u);
        descriptors = RTE_MIN(descriptors, UINT16_MAX + 0u);
        bytes += bytes_for(buffers_for(queues * descriptors, room, options->workers), room, options->no_hugepages);
    }
    return bytes;
}

/* The ports of a pool are mostly alike; where they are not, the sum must do. */
static void describe_descriptors(const struct ports *ports, const struct live_pool *pool, char *text, size_t capacity)
{
    char number[NUMBER_SHOWN_MAX];
    const struct live_port *first = NULL;
    bool alike = true;
    for (unsigned i = 0; i < ports->count; i++) {
        const struct live_port *port = &ports->ports[i];
        if (port->pool != pool || !port->device.holds_buffers)
            continue;
        first = first == NULL ? port : first;
        alike = alike && port->queues_count == first->queues_count && port->descriptors == first->descriptors;
    }
    if (first == NULL)
        text[0] = '\0';
    else if (alike)
        snprintf(text, capacity, "%u port%s x %u queue%s x %s descriptors + ", pool->ports, pool->ports == 1 ? "" : "s",
                 first->queues_count, first->queues_count == 1 ? "" : "s", number_show(first->descriptors, number));
    else
        snprintf(text, capacity, "%s descriptors of %u ports + ", number_show(pool->descriptors, number), pool->ports);
}

static void describe_pool(const struct ports *ports, const struct live_pool *pool, char *text, size_t capacity)
{
    char buffers[NUMBER_SHOWN_MAX], room[NUMBER_SHOWN_MAX], under_way[NUMBER_SHOWN_MAX], mib[NUMBER_SHOWN_MAX],
        descriptors[128], node[32] = "any node";
    describe_descriptors(ports, pool, descriptors, sizeof(descriptors));
    if (pool->node >= 0)
        snprintf(node, sizeof(node), "node %d", pool->node);
    snprintf(text, capacity, "pool of %s buffers of %s bytes = %s(%u worker%s + %u) x %s; %s MiB on %s",
             number_show(pool->buffers, buffers), number_show(pool->room, room), descriptors, ports->workers,
             ports->workers == 1 ? "" : "s", OTHER_THREADS,
             number_show(is_large(pool->room) ? UNDER_WAY_LARGE : UNDER_WAY, under_way),
             number_show((bytes_for(pool->buffers, pool->room, !rte_eal_has_hugepages()) >> 20) + 1, mib), node);
}

/*
 * Without hugepages buffers may cross pages, which rte_pktmbuf_pool_create does not do: no device that needs them in
 * one piece for its own reading works there. And af_xdp counts on it: its memory is as long as all buffers are, one
 * behind the other, and of buffers with gaps between them the kernel refuses those behind that, one after the other,
 * until there is none left.
 */
static struct rte_mempool *make_pool_of_small_pages(const struct live_pool *pool, const char *name, unsigned cache)
{
    struct rte_pktmbuf_pool_private size = {.mbuf_data_room_size = (uint16_t)pool->room};
    struct rte_mempool *mempool =
        rte_mempool_create_empty(name, pool->buffers, (unsigned)sizeof(struct rte_mbuf) + pool->room, cache,
                                 sizeof(size), SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    if (mempool == NULL)
        return NULL;
    int result = rte_mempool_set_ops_byname(mempool, POOL_RING, NULL);
    if (result == 0) {
        rte_pktmbuf_pool_init(mempool, &size);
        result = rte_mempool_populate_default(mempool);
    }
    if (result < 0) {
        rte_mempool_free(mempool);
        rte_errno = -result;
        return NULL;
    }
    rte_mempool_obj_iter(mempool, rte_pktmbuf_init, NULL);
    return mempool;
}

static struct rte_mempool *make_pool(const struct live_pool *pool, const char *name, unsigned cache, int node)
{
    if (!rte_eal_has_hugepages())
        return make_pool_of_small_pages(pool, name, cache);
    return rte_pktmbuf_pool_create_by_ops(name, pool->buffers, cache, 0, (uint16_t)pool->room, node, POOL_RING);
}

static int create_pool(const struct ports *ports, struct live_pool *pool, struct error *error)
{
    static unsigned created; /* names of pools are the process's */
    char name[RTE_MEMPOOL_NAMESIZE];
    snprintf(name, sizeof(name), "live_%u", __atomic_fetch_add(&created, 1, __ATOMIC_RELAXED));
    unsigned cache = is_large(pool->room) ? CACHE_LARGE : CACHE;
    pool->mempool = make_pool(pool, name, cache, pool->node);
    if (pool->mempool == NULL && pool->node >= 0) {
        pool->mempool = make_pool(pool, name, cache, SOCKET_ID_ANY);
        if (pool->mempool != NULL)
            log_warning("there is not enough memory on NUMA node %d for the buffers of a port there; they are on "
                        "another node, which is slower: give it more hugepages",
                        pool->node);
        pool->node = pool->mempool != NULL ? SOCKET_ID_ANY : pool->node;
    }
    if (pool->mempool != NULL)
        return 0;
    int code = rte_errno != 0 ? rte_errno : ENOMEM;
    char text[384];
    describe_pool(ports, pool, text, sizeof(text));
    return error_set(error, code,
                     "there is no memory for the ports' buffers (%s): %s; more hugepages and \"memory\": {\"mib\": N} "
                     "give more, fewer \"descriptors\" or \"queues\" of a port need less",
                     rte_strerror(code), text);
}

/* The pool of that node and room, which is new or was there. */
static struct live_pool *find_pool(struct ports *ports, int node, unsigned room)
{
    for (unsigned i = 0; i < ports->pools_count; i++)
        if (ports->pools[i].node == node && ports->pools[i].room == room)
            return &ports->pools[i];
    struct live_pool *pool = &ports->pools[ports->pools_count++];
    *pool = (struct live_pool){.node = node, .room = room};
    return pool;
}

int live_pools_create(struct ports *ports, struct error *error)
{
    for (unsigned i = 0; i < ports->count; i++) {
        struct live_port *port = &ports->ports[i];
        port->pool = find_pool(ports, port->description.node, port->description.buffer_bytes + RTE_PKTMBUF_HEADROOM);
        port->pool->ports++;
        if (port->device.holds_buffers)
            port->pool->descriptors += port->queues_count * port->descriptors;
    }
    for (unsigned i = 0; i < ports->pools_count; i++) {
        struct live_pool *pool = &ports->pools[i];
        pool->buffers = buffers_for(pool->descriptors, pool->room, ports->workers);
        int code = create_pool(ports, pool, error);
        if (code != 0)
            return code;
        size_t length = strlen(ports->memory_text);
        snprintf(ports->memory_text + length, sizeof(ports->memory_text) - length, "%s", length > 0 ? "; " : "");
        length = strlen(ports->memory_text);
        describe_pool(ports, pool, ports->memory_text + length, sizeof(ports->memory_text) - length);
    }
    return 0;
}

void live_pools_free(struct ports *ports)
{
    for (unsigned i = 0; i < ports->pools_count; i++)
        rte_mempool_free(ports->pools[i].mempool);
}

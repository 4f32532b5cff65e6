/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked of ports while they run, by one thread that is no worker: losses, links, whether they are still there.
 */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What devices call a queue's losses, behind "rx_qN_". */
static const char *const loss_names[] = {"errors", "dropped",  "drops",      "drop",
                                         "missed", "discards", "drop_total", "out_of_buffer"};

/* Finds the counters that tell losses by queue. ethdev gives each device "rx_qN_errors", whether or not it counts
 * them: what it says is believed once it was seen to count (take_losses). */
static void find_queue_losses(struct live_port *port)
{
    int count = rte_eth_xstats_get_names(port->port_id, NULL, 0);
    if (count <= 0)
        return;
    struct rte_eth_xstat_name *names = calloc((size_t)count, sizeof(*names));
    if (names == NULL)
        return;
    int got = rte_eth_xstats_get_names(port->port_id, names, (unsigned)count);
    for (int i = 0; i < RTE_MIN(got, count); i++) {
        const char *name = names[i].name;
        if (strncmp(name, "rx_q", 4) != 0 || name[4] < '0' || name[4] > '9')
            continue;
        char *after;
        unsigned long queue = strtoul(name + 4, &after, 10);
        if (*after != '_' || queue >= port->queues_count)
            continue;
        for (unsigned n = 0; n < RTE_DIM(loss_names); n++)
            if (strcmp(after + 1, loss_names[n]) == 0 && port->loss_ids_count < RTE_DIM(port->loss_ids)) {
                port->loss_ids[port->loss_ids_count] = (uint64_t)i;
                port->loss_queues[port->loss_ids_count++] = (uint8_t)queue;
            }
    }
    free(names);
}

static bool read_losses(const struct live_port *port, struct live_losses *losses)
{
    struct rte_eth_stats stats;
    memset(losses, 0, sizeof(*losses));
    if (rte_eth_stats_get(port->port_id, &stats) != 0)
        return false;
    losses->missed = stats.imissed;
    losses->errors = stats.ierrors;
    losses->no_buffer = stats.rx_nombuf;
    uint64_t values[RTE_DIM(port->loss_ids)];
    if (port->loss_ids_count == 0 || rte_eth_xstats_get_by_id(port->port_id, port->loss_ids, values,
                                                              port->loss_ids_count) != (int)port->loss_ids_count)
        return true;
    for (unsigned i = 0; i < port->loss_ids_count; i++)
        losses->queue[port->loss_queues[i]] += values[i];
    return true;
}

/* A counter of the device may be set back by others, or with the device; then it begins anew. */
static uint64_t since(uint64_t now, uint64_t base)
{
    return now >= base ? now - base : now;
}

static void take_losses(struct live_port *port)
{
    struct live_losses losses;
    struct port_statistics *statistics = &port->statistics;
    if (!read_losses(port, &losses))
        return;
    statistics->errors = since(losses.errors, port->base.errors);
    statistics->no_buffer = since(losses.no_buffer, port->base.no_buffer);
    if (!statistics->missed_is_estimate)
        statistics->missed = since(losses.missed, port->base.missed);
    uint64_t of_queues = 0;
    for (unsigned q = 0; q < port->queues_count; q++) {
        statistics->queue[q].lost = since(losses.queue[q], port->base.queue[q]);
        of_queues += statistics->queue[q].lost;
    }
    bool none = statistics->missed + statistics->errors == 0;
    statistics->losses_by_queue = port->loss_ids_count > 0 && (of_queues > 0 || none);
}

static void take_filtered(struct live_port *port)
{
    port->statistics.filtered_is_known = device_filter_count(&port->filter, port->port_id, &port->statistics.filtered);
}

/* What is lost of the only queue is known without more. */
static void book_on_only_queue(struct live_port *port)
{
    if (port->queues_count != 1)
        return;
    port->statistics.queue[0].lost = port->statistics.missed;
    port->statistics.losses_by_queue = true;
}

static uint64_t packets_taken(const struct live_port *port)
{
    uint64_t packets = 0;
    for (unsigned q = 0; q < port->queues_count; q++)
        packets += __atomic_load_n(&port->queues[q].packets, __ATOMIC_RELAXED);
    return packets;
}

/* What an AF_PACKET socket sees of it: what the interface sends, too. */
static uint64_t packets_of(const struct interface *interface)
{
    return interface->rx_packets + interface->tx_packets;
}

/* AF_PACKET counts no losses that its driver would tell. What went by the interface until the watch before, and was
 * not taken until now, is most likely lost; what came since may still be in the kernel's ring. Fragments of IPv4, which
 * the kernel puts together for the driver (PACKET_FANOUT_FLAG_DEFRAG), make it too large. */
static void estimate_missed(struct live_port *port, const struct interface *interface)
{
    uint64_t came = since(packets_of(interface), port->interface_base), taken = packets_taken(port);
    port->statistics.missed = port->interface_before > taken ? port->interface_before - taken : 0;
    port->interface_before = came;
}

static void port_vanishes(struct live_port *port, const char *how)
{
    port->statistics.gone = true;
    port->statistics.link_up = false;
    for (unsigned q = 0; q < port->queues_count; q++)
        atomic_store(&port->queues[q].closed, true);
    log_warning("port %s is gone: %s; the others carry on, and its counters stay as they are. When it is back, start "
                "bearertap again",
                port->description.name, how);
}

static void say_link(struct live_port *port, bool up)
{
    struct port_statistics *statistics = &port->statistics;
    const char *name = port->description.name;
    if (!port->link_is_known && !up)
        log_notice("port %s has no link: is the cable in, is the interface up? It is waited for", name);
    else if (port->link_is_known && !up && statistics->link_up)
        log_warning("port %s lost its link, for the %u. time", name, ++statistics->link_losses);
    else if (port->link_is_known && up && !statistics->link_up)
        log_notice("port %s has a link", name);
    port->link_is_known = true;
    statistics->link_up = up;
}

static void watch_interface(struct live_port *port)
{
    struct interface now;
    int code = interface_find(NULL, port->device.interface.index, &now);
    if (code == -ENODEV)
        port_vanishes(port, "its interface was deleted, or moved to another namespace");
    if (code != 0)
        return;
    if (port->statistics.missed_is_estimate && !port->losses_are_final)
        estimate_missed(port, &now);
    say_link(port, now.running);
}

static void watch_link(struct live_port *port)
{
    struct rte_eth_link link;
    memset(&link, 0, sizeof(link));
    if (rte_eth_link_get_nowait(port->port_id, &link) != 0)
        return;
    port->statistics.link_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
    say_link(port, link.link_status == RTE_ETH_LINK_UP);
}

static void watch(struct live_port *port)
{
    if (port->statistics.gone || !port->started)
        return;
    if (atomic_load(&port->removed) || rte_eth_dev_is_removed(port->port_id)) {
        port_vanishes(port, "the device was removed");
    } else {
        if (!port->losses_are_final) {
            take_losses(port);
            take_filtered(port);
        }
        if (port->device.interface.index != 0)
            watch_interface(port);
        else
            watch_link(port);
        book_on_only_queue(port);
    }
}

void live_watch_port(struct ports *ports, struct live_port *port)
{
    pthread_mutex_lock(&ports->lock);
    watch(port);
    pthread_mutex_unlock(&ports->lock);
}

void live_watch_end_losses(struct ports *ports, struct live_port *port)
{
    pthread_mutex_lock(&ports->lock);
    watch(port);
    port->losses_are_final = true;
    pthread_mutex_unlock(&ports->lock);
}

static int note_removal(uint16_t port_id, enum rte_eth_event_type type, void *context, void *returned)
{
    struct live_port *port = context;
    (void)port_id, (void)type, (void)returned;
    for (unsigned q = 0; q < port->queues_count; q++)
        atomic_store(&port->queues[q].closed, true);
    atomic_store(&port->removed, true);
    return 0;
}

/* From a start on all is counted from zero. */
void live_watch_begin(struct ports *ports, struct live_port *port)
{
    struct interface interface;
    find_queue_losses(port);
    read_losses(port, &port->base);
    rte_eth_dev_callback_register(port->port_id, RTE_ETH_EVENT_INTR_RMV, note_removal, port);
    if (port->device.interface.index != 0 && interface_find(NULL, port->device.interface.index, &interface) == 0)
        port->interface_base = packets_of(&interface);
    port->statistics.missed_is_estimate = port->device.kind == DEVICE_AF_PACKET;
    port->statistics.queues = port->queues_count;
    port->losses_are_final = false;
    live_watch_port(ports, port);
}

void live_watch_end(struct live_port *port)
{
    rte_eth_dev_callback_unregister(port->port_id, RTE_ETH_EVENT_INTR_RMV, note_removal, port);
}

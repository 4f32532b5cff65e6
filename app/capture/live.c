/* SPDX-License-Identifier: BSD-3-Clause */
/* Live ports from their beginning to their end. */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

unsigned ports_eal_arguments(const struct ports_options *options, const char **arguments, unsigned max)
{
    unsigned count = 0;
    for (unsigned i = 0; i < options->count; i++) {
        const char *text = options->ports[i].device;
        if (!device_names_pci(text) || count + 2 > max)
            continue;
        arguments[count++] = "-a";
        arguments[count++] = text;
    }
    if (count == 0 && max > 0)
        arguments[count++] = "--no-pci";
    return count;
}

/* Reads all devices of the options into `devices`, which has room for PORTS_MAX. */
static int check_devices(const struct ports_options *options, struct device *devices, struct error *error)
{
    if (options->count == 0 || options->count > PORTS_MAX)
        return error_set(error, EINVAL, "/ports: %u ports; 1 to %u are allowed", options->count, PORTS_MAX);
    for (unsigned i = 0; i < options->count; i++) {
        int code = device_parse(&options->ports[i], i, &devices[i], error);
        for (unsigned other = 0; code == 0 && other < i; other++)
            if (device_is_same(&devices[i], &devices[other]))
                return error_set(error, EEXIST, "%s: the same device as %s; remove one of them", devices[i].place,
                                 devices[other].place);
        if (code == 0)
            code = device_check(&devices[i], "/sys", error);
        if (code != 0)
            return code;
    }
    return 0;
}

int ports_check(const struct ports_options *options, struct error *error)
{
    struct device *devices = calloc(PORTS_MAX, sizeof(*devices));
    if (devices == NULL)
        return error_set(error, ENOMEM, "out of memory for %u ports", options->count);
    int code = check_devices(options, devices, error);
    free(devices);
    return code;
}

static int enter_port(struct live_port *port, struct error *error)
{
    struct port_description *description = &port->description;
    live_port_describe(port);
    description->number =
        capture_port_enter(LINK_ETHERNET, (const uint8_t *)description->name, strlen(description->name));
    if (description->number == CAPTURE_PORTS_MAX)
        return error_set(error, ENOSPC, "%s: the table of ports is full", port->device.place);
    for (unsigned q = 0; q < port->queues_count; q++)
        port->queues[q] = (struct live_queue){
            .port_id = port->port_id,
            .queue_id = (uint16_t)q,
            .number = description->number,
            .frame_bytes = port->device.frame_bytes != 0 ? port->device.frame_bytes : UINT32_MAX,
        };
    return 0;
}

/* Why packets must be spread in software; NULL where queue i of each port can be worker i's. */
static const char *why_in_software(const struct ports *ports)
{
    const struct live_port *first = &ports->ports[0];
    for (unsigned i = 0; i < ports->count; i++) {
        const struct live_port *port = &ports->ports[i];
        if (port->queues_count != ports->workers)
            return "has another number of queues than there are workers";
        if (!port->description.rss_symmetric)
            return "does not bring both directions of a connection to one queue";
        if (!rss_is_alike(&port->rss, &first->rss) && i > 0)
            return "spreads packets in another way than the first one";
    }
    return NULL;
}

static void decide_sources(struct ports *ports)
{
    if (ports->workers == 1) {
        ports->sources_count = 1;
        snprintf(ports->spread_text, sizeof(ports->spread_text), "all queues to the one worker");
        return;
    }
    const char *reason = why_in_software(ports);
    ports->sources_count = reason == NULL ? ports->workers : 1;
    if (reason == NULL)
        snprintf(ports->spread_text, sizeof(ports->spread_text), "by the device%s: queue i of each port to worker i",
                 ports->count > 1 ? "s" : "");
    else
        snprintf(ports->spread_text, sizeof(ports->spread_text),
                 "in software, one thread takes from all queues: a port %s", reason);
}

/* The driver of AF_XDP would put its program in the place of another one's, which would receive nothing any more and
 * never know; and take it away at its end. */
static int claim(struct live_port *port, struct error *error)
{
    const struct interface *interface = &port->device.interface;
    if (port->device.kind != DEVICE_AF_XDP)
        return 0;
    int result = interface_claim(interface);
    if (result == -EADDRINUSE)
        return error_set(error, EBUSY,
                         "%s: another bearertap receives from %s by AF_XDP, which only one can; end it, or use "
                         "net_af_packet, which any number can",
                         port->device.place, interface->name);
    if (result < 0)
        return error_set(error, -result, "%s: cannot claim %s: %s", port->device.place, interface->name,
                         strerror(-result));
    port->claim = result;
    return 0;
}

static void unclaim(struct live_port *port)
{
    if (port->claim > 0)
        close(port->claim);
    port->claim = 0;
}

static int create(struct ports *ports, const struct ports_options *options, struct error *error)
{
    struct device *devices = calloc(PORTS_MAX, sizeof(*devices));
    if (devices == NULL)
        return error_set(error, ENOMEM, "out of memory for %u ports", options->count);
    int code = check_devices(options, devices, error);
    for (unsigned i = 0; code == 0 && i < options->count; i++) {
        struct live_port *port = &ports->ports[i];
        port->device = devices[i];
        code = claim(port, error);
        if (code != 0)
            break;
        code = device_probe(&port->device, &port->port_id, error);
        if (code != 0) {
            unclaim(port);
            break;
        }
        ports->count++;
        code = live_port_decide(ports, port, &options->ports[i], error);
    }
    free(devices);
    if (code == 0)
        code = live_pools_create(ports, error);
    for (unsigned i = 0; code == 0 && i < ports->count; i++) {
        code = live_port_set_up(&ports->ports[i], error);
        if (code == 0)
            code = enter_port(&ports->ports[i], error);
    }
    if (code != 0)
        return code;
    decide_sources(ports);
    return live_sources_create(ports, error);
}

int ports_create(const struct ports_options *options, struct ports **result, struct error *error)
{
    struct ports *ports = calloc(1, sizeof(*ports));
    if (ports == NULL)
        return error_set(error, ENOMEM, "out of memory for %u ports", options->count);
    pthread_mutex_init(&ports->lock, NULL);
    ports->workers = options->workers;
    if (options->filter != NULL)
        ports->filter = *options->filter;
    struct clock_moment now;
    clock_sample(&now);
    clock_start(&ports->clock, rte_get_tsc_hz(), &now);
    atomic_store_explicit(&capture_correction_ns, 0, memory_order_relaxed);
    int code = create(ports, options, error);
    if (code != 0) {
        ports_close(ports);
        return code;
    }
    *result = ports;
    return 0;
}

/* Software filters in any case, so a filter that the device takes no more is no failure. */
static void say_what_changed(struct live_port *port)
{
    struct port_description *description = &port->description;
    if (strcmp(description->hardware_filter_in_force, port->filter.in_force) == 0)
        return;
    live_port_describe(port);
    log_warning("port %s filters otherwise than when it was tried: %s", description->name,
                description->hardware_filter_in_force);
}

static int start_port(struct live_port *port, struct error *error)
{
    enum rss_way way = port->rss.way;
    int code = live_port_start(port, error);
    if (code == 0 && port->rss.way != way)
        code = error_set(error, EIO, "%s: the device took RSS settings when they were tried, and not when it started",
                         port->device.place);
    if (code == 0)
        say_what_changed(port);
    return code;
}

int ports_start(struct ports *ports, struct error *error)
{
    for (unsigned i = 0; i < ports->count; i++) {
        struct live_port *port = &ports->ports[i];
        int code = start_port(port, error);
        if (code != 0) {
            ports_stop(ports);
            return code;
        }
        live_port_hear_all(port);
        live_port_discard_early(port);
        live_watch_begin(ports, port);
    }
    ports->started = true;
    const char *reason = ports->sources_count > 1 ? why_in_software(ports) : NULL;
    if (reason != NULL) {
        ports_stop(ports);
        return error_set(error, EIO, "a port %s, other than when it was tried", reason);
    }
    return 0;
}

static void watch_clock(struct ports *ports)
{
    struct clock_moment now;
    clock_sample(&now);
    int64_t step_ns = clock_correct(&ports->clock, &now);
    if (step_ns == 0)
        return;
    atomic_store_explicit(&capture_correction_ns, ports->clock.correction_ns, memory_order_relaxed);
    log_notice("the system's clock was set by %+.3f s; alerts bear its time from here on", (double)step_ns / 1e9);
}

void ports_watch(struct ports *ports)
{
    watch_clock(ports);
    for (unsigned i = 0; i < ports->count; i++)
        live_watch_port(ports, &ports->ports[i]);
}

void ports_end_losses(struct ports *ports)
{
    for (unsigned i = 0; i < ports->count; i++)
        live_watch_end_losses(ports, &ports->ports[i]);
}

void ports_stop(struct ports *ports)
{
    for (unsigned i = 0; i < ports->count; i++) {
        struct live_port *port = &ports->ports[i];
        live_watch_port(ports, port);
        if (port->started)
            live_watch_end(port);
        live_port_stop(port);
        for (unsigned q = 0; port->queues != NULL && q < port->queues_count; q++)
            atomic_store(&port->queues[q].closed, true);
    }
    ports->started = false;
}

void ports_close(struct ports *ports)
{
    if (ports == NULL)
        return;
    ports_stop(ports);
    for (unsigned i = 0; i < ports->count; i++) {
        struct live_port *port = &ports->ports[i];
        rte_eth_dev_close(port->port_id);
        if (port->device.is_ours && port->info.device != NULL)
            rte_dev_remove(port->info.device);
        unclaim(port);
        device_filter_end(&port->filter);
        free(port->queues);
    }
    live_sources_free(ports);
    live_pools_free(ports);
    pthread_mutex_destroy(&ports->lock);
    free(ports);
}

unsigned ports_sources_count(const struct ports *ports)
{
    return ports->sources_count;
}

struct capture_source *ports_source(struct ports *ports, unsigned i)
{
    return &ports->sources[i].source;
}

unsigned ports_count(const struct ports *ports)
{
    return ports->count;
}

const char *ports_memory_text(const struct ports *ports)
{
    return ports->memory_text;
}

const char *ports_spread_text(const struct ports *ports)
{
    return ports->spread_text;
}

const char *ports_clock_text(void)
{
    return "TSC, set by CLOCK_REALTIME";
}

void ports_describe(const struct ports *ports, unsigned i, struct port_description *description)
{
    *description = ports->ports[i].description;
}

void ports_statistics(const struct ports *ports, unsigned i, struct port_statistics *statistics)
{
    const struct live_port *port = &ports->ports[i];
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&ports->lock; /* the one thing in it that changes here */
    pthread_mutex_lock(lock);
    *statistics = port->statistics;
    pthread_mutex_unlock(lock);
    statistics->queues = port->queues_count;
    for (unsigned q = 0; q < port->queues_count; q++) {
        const struct live_queue *queue = &port->queues[q];
        struct port_queue_statistics *to = &statistics->queue[q];
        to->packets = __atomic_load_n(&queue->packets, __ATOMIC_RELAXED);
        to->bytes = __atomic_load_n(&queue->bytes, __ATOMIC_RELAXED);
        to->bursts = __atomic_load_n(&queue->bursts, __ATOMIC_RELAXED);
        to->empty_polls = __atomic_load_n(&queue->empty_polls, __ATOMIC_RELAXED);
        statistics->packets += to->packets;
        statistics->bytes += to->bytes;
        statistics->cut += __atomic_load_n(&queue->cut, __ATOMIC_RELAXED);
    }
}

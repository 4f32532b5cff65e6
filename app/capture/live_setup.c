/* SPDX-License-Identifier: BSD-3-Clause */
/* A port from its device's capabilities to where it stands ready. Nothing here asks for a driver's name. */
#include "live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "listening.h"

#define DESCRIPTORS_USUAL 4096u
#define TX_DESCRIPTORS    512u

/* What a frame has beside its MTU: Ethernet's header, two VLAN tags, and the check sequence that some devices keep. */
#define FRAME_BESIDE (RTE_ETHER_HDR_LEN + 8u + RTE_ETHER_CRC_LEN)

static void note(struct live_port *port, const char *text)
{
    char *notes = port->description.notes;
    size_t length = strlen(notes);
    snprintf(notes + length, sizeof(port->description.notes) - length, "%s%s", length > 0 ? "; " : "", text);
}

static int decide_queues(struct live_port *port, const struct port_options *options, unsigned workers,
                         struct error *error)
{
    unsigned most = RTE_MIN(port->info.max_rx_queues + 0u, PORT_QUEUES_MAX + 0u);
    if (port->device.queues != 0)
        most = RTE_MIN(most, port->device.queues);
    if (options->queues > most)
        return error_set(error, EINVAL, "%s: %u queues were asked for, the device has %u; write \"queues\": %u or less",
                         port->device.place, options->queues, most, most);
    if (options->queues != 0)
        port->queues_count = options->queues;
    else if (port->device.queues != 0)
        port->queues_count = most;
    else
        port->queues_count = rss_is_offered(&port->info) ? RTE_MIN(workers, most) : 1;
    port->description.queues_max = most;
    return 0;
}

static bool is_of_the_kernel(const struct live_port *port)
{
    return port->device.kind == DEVICE_AF_PACKET || port->device.kind == DEVICE_AF_XDP;
}

static int decide_mtu(struct live_port *port, const struct port_options *options, struct error *error)
{
    uint16_t mtu = RTE_ETHER_MTU;
    rte_eth_dev_get_mtu(port->port_id, &mtu);
    port->mtu = options->mtu != 0 ? options->mtu : mtu;
    if (is_of_the_kernel(port))
        port->mtu = RTE_MAX(options->mtu, port->device.interface.mtu);
    if (port->device.kind == DEVICE_AF_PACKET) /* its frames' places are as long as was asked for */
        return 0;
    if (port->mtu > port->info.max_mtu || port->mtu < port->info.min_mtu)
        return error_set(error, EINVAL, "%s: an MTU of %u, the device has %u to %u; %s%s%s", port->device.place,
                         port->mtu, port->info.min_mtu, port->info.max_mtu,
                         is_of_the_kernel(port) ? "`ip link set mtu` changes that of the interface " : "change \"mtu\"",
                         port->device.interface.name,
                         is_of_the_kernel(port) ? ", net_af_packet takes longer frames" : "");
    return 0;
}

/* Chains of usual buffers where the device makes them, else buffers that hold a whole frame. */
static int decide_buffers(struct live_port *port, struct error *error)
{
    unsigned frame = RTE_MAX(port->mtu + FRAME_BESIDE, port->info.min_rx_bufsize);
    port->scattered = frame > RTE_MBUF_DEFAULT_DATAROOM && port->device.buffer_bytes == 0 &&
                      (port->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
    if (port->device.buffer_bytes != 0)
        frame = port->device.buffer_bytes;
    unsigned room = live_room_for(frame, port->scattered);
    if (!port->scattered && frame > room - RTE_PKTMBUF_HEADROOM + 32) /* see FRAME_PLACE_MAX */
        return error_set(error, EINVAL, "%s: frames of %u bytes fit no buffer, which holds at most %u",
                         port->device.place, frame, UINT16_MAX - RTE_PKTMBUF_HEADROOM);
    port->description.buffer_bytes = room - RTE_PKTMBUF_HEADROOM;
    return 0;
}

static int decide_descriptors(struct live_port *port, const struct port_options *options, struct error *error)
{
    unsigned asked = options->descriptors != 0 ? options->descriptors : DESCRIPTORS_USUAL;
    uint16_t had = (uint16_t)RTE_MIN(asked, UINT16_MAX + 0u), sending = TX_DESCRIPTORS;
    int code = rte_eth_dev_adjust_nb_rx_tx_desc(port->port_id, &had, &sending);
    if (code != 0)
        return error_set(error, -code, "%s: cannot ask the device how many descriptors it has: %s", port->device.place,
                         strerror(-code));
    port->descriptors = had;
    port->description.descriptors_asked = asked;
    if (had != asked && options->descriptors != 0) {
        char text[96];
        snprintf(text, sizeof(text), "%u descriptors were asked for, the device has %u", asked, had);
        note(port, text);
    }
    return 0;
}

int live_port_decide(struct ports *ports, struct live_port *port, const struct port_options *options,
                     struct error *error)
{
    int code = rte_eth_dev_info_get(port->port_id, &port->info);
    if (code != 0)
        return error_set(error, -code, "%s: cannot ask the device what it can do: %s", port->device.place,
                         strerror(-code));
    code = decide_queues(port, options, ports->workers, error);
    if (code == 0)
        code = decide_mtu(port, options, error);
    if (code == 0)
        code = decide_buffers(port, error);
    if (code == 0)
        code = decide_descriptors(port, options, error);
    device_filter_begin(&port->filter, options->hardware_filter, &ports->filter);
    if (options->hardware_filter == HARDWARE_FILTER_DROP && filter_is_empty(&ports->filter))
        note(port, "there is no filter, and so nothing for the device to drop");
    port->tx_queues = port->device.kind == DEVICE_MEMIF;
    int node = rte_eth_dev_socket_id(port->port_id);
    port->description.node = node < 0 ? SOCKET_ID_ANY : node;
    port->queues = aligned_alloc(alignof(struct live_queue), port->queues_count * sizeof(*port->queues));
    if (code == 0 && port->queues == NULL)
        code = error_set(error, ENOMEM, "out of memory for %u queues", port->queues_count);
    return code;
}

static void fill_configuration(struct live_port *port, struct rte_eth_conf *conf)
{
    memset(conf, 0, sizeof(*conf));
    conf->rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
    if (!is_of_the_kernel(port))
        conf->rxmode.mtu = port->mtu;
    if (port->scattered)
        conf->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
    if ((*port->info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0)
        conf->intr_conf.rmv = 1;
    if (port->uses_rss)
        rss_prepare(&port->rss, &port->info, port->queues_count, conf);
}

static int set_up_queues(struct live_port *port, const struct rte_eth_conf *conf, const char **step)
{
    struct rte_eth_rxconf receive = port->info.default_rxconf;
    receive.offloads = conf->rxmode.offloads;
    /* A queue whose worker is late must not hold up those of others. */
    receive.rx_drop_en = port->queues_count > 1;
    unsigned node = (unsigned)port->description.node;
    *step = "set up its receive queues";
    for (unsigned i = 0; i < port->queues_count; i++) {
        int code = rte_eth_rx_queue_setup(port->port_id, (uint16_t)i, (uint16_t)port->descriptors, node, &receive,
                                          port->pool->mempool);
        if (code != 0)
            return code;
    }
    *step = "set up its transmit queues";
    for (unsigned i = 0; i < port->tx_queues; i++) {
        uint16_t received = (uint16_t)port->descriptors, sending = TX_DESCRIPTORS;
        rte_eth_dev_adjust_nb_rx_tx_desc(port->port_id, &received, &sending);
        int code = rte_eth_tx_queue_setup(port->port_id, (uint16_t)i, sending, node, NULL);
        if (code != 0)
            return code;
    }
    return 0;
}

static int configure(struct live_port *port, const char **step)
{
    struct rte_eth_conf conf;
    device_filter_isolate(&port->filter, port->port_id);
    fill_configuration(port, &conf);
    *step = "configure it";
    int code = rte_eth_dev_configure(port->port_id, (uint16_t)port->queues_count, (uint16_t)port->tx_queues, &conf);
    return code != 0 ? code : set_up_queues(port, &conf, step);
}

/*
 * What else to try where it does not go: more queues to send with (none at first, then one, then as many as it receives
 * with; only when it is configured or even started a device says that it cannot do without), then less of RSS.
 */
static bool try_otherwise(struct live_port *port)
{
    unsigned more = RTE_MIN(port->tx_queues == 0 ? 1 : port->queues_count, port->info.max_tx_queues + 0u);
    if (more > port->tx_queues) {
        port->tx_queues = more;
        return true;
    }
    if (!port->uses_rss)
        return false;
    port->tx_queues = 0;
    port->uses_rss = port->rss.key_at_configure && !port->rss.key_refused;
    port->rss.key_refused = true;
    return true;
}

static int configure_somehow(struct live_port *port, struct error *error)
{
    const char *step;
    char said[256];
    int code;
    do {
        struct listening listening;
        listening_begin(&listening);
        code = configure(port, &step);
        listening_end(&listening, said, sizeof(said));
    } while (code != 0 && try_otherwise(port));
    if (code == 0)
        return 0;
    return error_set(error, -code,
                     "%s: the device could not %s with %u queue%s, %u descriptors and an MTU of %u: %s%s%s",
                     port->device.place, step, port->queues_count, port->queues_count == 1 ? "" : "s",
                     port->descriptors, port->mtu, said, said[0] != '\0' ? "; " : "", strerror(-code));
}

static int apply_rules(struct live_port *port)
{
    int code = 0;
    if (port->uses_rss && !port->filter.is_isolated)
        code = rss_apply(&port->rss, port->port_id, &port->info);
    if (code == 0)
        code = device_filter_apply(&port->filter, port->port_id, port->uses_rss ? &port->rss : NULL, &port->info);
    return code;
}

/* Starts it, has it spread and filter packets, and stops it again if it cannot. */
static int start_once(struct live_port *port, char *said, size_t capacity)
{
    struct listening listening;
    listening_begin(&listening);
    int code = rte_eth_dev_start(port->port_id);
    if (code == 0) {
        code = apply_rules(port);
        if (code != 0)
            rte_eth_dev_stop(port->port_id);
    }
    listening_end(&listening, said, capacity);
    return code;
}

/* Where it refuses something, as far as it goes. */
int live_port_start(struct live_port *port, struct error *error)
{
    char said[256];
    int code;
    for (;;) {
        bool knew = port->rss.key_at_configure, hoped = device_filter_is_wanted(&port->filter);
        code = start_once(port, said, sizeof(said));
        if (code == 0)
            break;
        /* So that the next attempt is another one: */
        bool has_learnt = (port->rss.key_at_configure && !knew) || (hoped && !device_filter_is_wanted(&port->filter));
        if (!has_learnt && !try_otherwise(port))
            return error_set(error, -code, "%s: the device could not be started: %s%s%s", port->device.place, said,
                             said[0] != '\0' ? "; " : "", strerror(-code));
        code = device_filter_leave(&port->filter, port->port_id, port->device.place, error);
        if (code == 0)
            code = configure_somehow(port, error);
        if (code != 0)
            return code;
    }
    port->started = true;
    if (!port->uses_rss)
        port->rss.way = RSS_OFF;
    return 0;
}

/* All that comes by is for us, whoever it is addressed to. */
void live_port_hear_all(struct live_port *port)
{
    int code = rte_eth_promiscuous_enable(port->port_id);
    port->description.promiscuous = code == 0;
    /* Devices that have no addresses have no such mode, and an isolated one gives what its rules take, whoever it is
     * addressed to ("has no effect and may return errors": rte_flow_isolate). */
    if (code != 0 && code != -ENOTSUP && !port->filter.is_isolated)
        log_warning("port %s: promiscuous mode was refused (%s): only what is addressed to it is seen; a virtual "
                    "function needs `ip link set PF vf N trust on`",
                    port->description.name, strerror(-code));
    rte_eth_allmulticast_enable(port->port_id);
}

/*
 * AF_PACKET: the driver has its ring before it binds the socket to the interface, and until then the kernel puts into
 * it what comes to any interface. All that came before the start is given up, with it, and does not count: at most what
 * the ring holds, since more keeps coming.
 */
void live_port_discard_early(struct live_port *port)
{
    struct rte_mbuf *mbufs[32];
    unsigned left = UINT16_MAX, received;
    if (port->device.kind != DEVICE_AF_PACKET)
        return;
    do {
        received = rte_eth_rx_burst(port->port_id, 0, mbufs, RTE_DIM(mbufs));
        rte_pktmbuf_free_bulk(mbufs, received);
        left -= received;
    } while (received > 0 && left >= RTE_DIM(mbufs));
}

void live_port_stop(struct live_port *port)
{
    if (!port->started)
        return;
    device_filter_release(&port->filter, port->port_id);
    rss_release(&port->rss, port->port_id);
    /* An interface of the kernel keeps what was set, so it is left as it was found. */
    if (port->description.promiscuous && port->device.interface.index != 0 && !port->device.interface.promiscuous)
        rte_eth_promiscuous_disable(port->port_id);
    rte_eth_dev_stop(port->port_id);
    port->started = false;
}

/* As ready as it can be without running. What RSS and what rules it has is known only when it ran: so it does, for a
 * moment. */
int live_port_set_up(struct live_port *port, struct error *error)
{
    port->uses_rss = port->queues_count > 1 && rss_is_offered(&port->info);
    if (port->device.note[0] != '\0')
        note(port, port->device.note);
    if (port->filter.asked == HARDWARE_FILTER_DROP && device_filter_is_wanted(&port->filter))
        port->rss.rules_priority = DEVICE_RULE_PRIORITIES;
    int code = configure_somehow(port, error);
    if (code == 0)
        device_filter_ask(&port->filter, port->port_id);
    if (code != 0 || (!port->uses_rss && !device_filter_is_wanted(&port->filter)))
        return code;
    code = live_port_start(port, error);
    live_port_stop(port);
    return code;
}

/* What stands in the description once all is known. */
void live_port_describe(struct live_port *port)
{
    struct port_description *description = &port->description;
    snprintf(description->device, sizeof(description->device), "%.127s", port->device.given);
    snprintf(description->name, sizeof(description->name), "%s",
             port->device.interface.index != 0 ? port->device.interface.name : port->device.name);
    snprintf(description->driver, sizeof(description->driver), "%s", port->info.driver_name);
    snprintf(description->clock, sizeof(description->clock), "%s", ports_clock_text());
    description->queues = port->queues_count;
    description->descriptors = port->descriptors;
    description->mtu = port->mtu;
    description->scattered = port->scattered;
    description->rss_symmetric = port->rss.way == RSS_BY_FLOW || port->rss.way == RSS_BY_KEY;
    snprintf(description->rss_asked, sizeof(description->rss_asked), "%s",
             port->rss.asked[0] != '\0' ? port->rss.asked : "no");
    snprintf(description->rss_accepted, sizeof(description->rss_accepted), "%s",
             port->rss.accepted[0] != '\0' ? port->rss.accepted : "no");
    snprintf(description->rss_in_force, sizeof(description->rss_in_force), "%s",
             port->rss.way != RSS_OFF ? port->rss.in_force : "no");
    snprintf(description->hardware_filter_asked, sizeof(description->hardware_filter_asked), "%s",
             hardware_filter_word(port->filter.asked));
    snprintf(description->hardware_filter_in_force, sizeof(description->hardware_filter_in_force), "%s",
             port->filter.in_force);
}

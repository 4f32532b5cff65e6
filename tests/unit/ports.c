/* SPDX-License-Identifier: BSD-3-Clause */
/* Live ports from start to end: what is set up by what a device can do, what packets bear, and what is told of losses.
 */
#include "capture_support.h"
#include "nic_support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <bearertap/ports.h>

#include "../../app/capture/live.h"

/* Stands before libc's: how far the system's clock is set away. */
static int64_t clock_set_ns;

int clock_gettime(clockid_t id, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, id, now);
    if (id != CLOCK_REALTIME)
        return result;
    int64_t ns = now->tv_sec * 1000000000 + now->tv_nsec + clock_set_ns;
    *now = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return result;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("not said: \"%s\"; but: %s", part, text);
}

static int try_to_create(const struct port_options *options, unsigned count, unsigned workers, struct ports **ports,
                         struct error *error)
{
    struct ports_options all = {.ports = options, .count = count, .workers = workers};
    error->text[0] = '\0';
    return ports_create(&all, ports, error);
}

static struct ports *create(const struct port_options *options, unsigned count, unsigned workers)
{
    struct ports *ports;
    struct error error;
    if (try_to_create(options, count, workers, &ports, &error) != 0)
        fail_msg("%s", error.text);
    return ports;
}

static void start(struct ports *ports)
{
    struct error error = {""};
    if (ports_start(ports, &error) != 0)
        fail_msg("%s", error.text);
}

static void assert_refused(const struct port_options *options, unsigned count, int code, const char *const *says)
{
    struct ports *ports;
    struct error error;
    assert_int_equal(try_to_create(options, count, 2, &ports, &error), code);
    for (unsigned i = 0; says[i] != NULL; i++)
        assert_has(error.text, says[i]);
}

static uint64_t real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Small, so that tests fit small memory. */
static const struct port_options rings[] = {{.device = "net_ring0", .descriptors = 256},
                                            {.device = "net_ring1", .descriptors = 256}};

static void packets_bear_their_time_length_and_port(void **state)
{
    (void)state;
    nics[0] = nics[1] = nic_usual();
    struct ports *ports = create(rings, 2, 1);
    start(ports);
    struct capture_source *source = ports_source(ports, 0);
    struct rte_mbuf *mbufs[64];
    uint64_t before_ns = 0;
    for (unsigned i = 0; i < 100; i++) {
        nic_receive(i % 2, i, false, false);
        assert_int_equal(source->receive(source, mbufs, 64), 1);
        assert_int_equal(*capture_wire_length(mbufs[0]), 64);
        const struct capture_port *port = capture_port(mbufs[0]->port);
        assert_non_null(port);
        assert_int_equal(port->link_type, LINK_ETHERNET);
        assert_string_equal(port->name, i % 2 == 0 ? "net_ring0" : "net_ring1");
        uint64_t time_ns = *capture_time_ns(mbufs[0]), now_ns = real_ns();
        assert_true(time_ns >= before_ns && time_ns < now_ns + 5000000 && time_ns + 1000000000 > now_ns);
        before_ns = time_ns;
        assert_true(source->now_ns(source) >= time_ns);
        rte_pktmbuf_free(mbufs[0]);
    }
    struct port_description description;
    ports_describe(ports, 0, &description);
    assert_has(description.clock, "TSC");
    assert_int_equal(description.number, 0);
    ports_close(ports);
}

/* Any number of workers ask one source, whose owner must not feel it. */
static void who_asks_what_time_it_is_writes_nothing(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    struct ports *ports = create(rings, 1, 4);
    start(ports);
    assert_int_equal(ports_sources_count(ports), 4);
    for (unsigned i = 0; i < 4; i++) {
        struct capture_source *source = ports_source(ports, i);
        uint8_t before[sizeof(struct live_source)];
        memcpy(before, source, sizeof(before));
        assert_true(llabs((int64_t)(source->now_ns(source) - real_ns())) < 1000000000);
        assert_memory_equal(source, before, sizeof(before));
        assert_int_equal((uintptr_t)source % 64, 0);
    }
    assert_int_equal(offsetof(struct live_source, last_ns) % 64, 0);
    ports_close(ports);
}

static void when_the_systems_clock_is_set_packets_times_go_on_and_the_step_is_their_correction(void **state)
{
    (void)state;
    static const int64_t hour_ns = INT64_C(3600000000000);
    char text[2048];
    nics[0] = nic_usual();
    struct ports *ports = create(rings, 1, 1);
    start(ports);
    struct capture_source *source = ports_source(ports, 0);
    ports_watch(ports);
    assert_true(atomic_load(&capture_correction_ns) == 0);
    uint64_t before_ns = source->now_ns(source);
    messages_begin();
    clock_set_ns = -hour_ns;
    ports_watch(ports);
    ports_watch(ports);
    messages_end(text, sizeof(text));
    uint64_t after_ns = source->now_ns(source);
    int64_t correction_ns = atomic_load(&capture_correction_ns), off_ns = correction_ns + hour_ns;
    int64_t shown_ns = (int64_t)(after_ns + (uint64_t)correction_ns - real_ns());
    clock_set_ns = 0;
    assert_true(after_ns >= before_ns && after_ns - before_ns < 1000000000);
    assert_true(off_ns > -100000000 && off_ns < 100000000);
    assert_true(shown_ns > -100000000 && shown_ns < 100000000);
    assert_has(text, "the system's clock was set by -3600.00");
    assert_int_equal(count_of(text, "\n"), 1);
    ports_close(ports);
    ports = create(rings, 1, 1);
    assert_true(atomic_load(&capture_correction_ns) == 0);
    ports_close(ports);
}

static void a_port_that_is_always_full_starves_no_other(void **state)
{
    (void)state;
    nics[0] = nics[1] = nic_usual();
    nics[0].queues = nics[1].queues = 1;
    struct ports *ports = create(rings, 2, 1);
    start(ports);
    struct capture_source *source = ports_source(ports, 0);
    for (unsigned i = 0; i < 640; i++)
        nic_receive(0, i, false, false);
    nic_receive(1, 1, false, false);
    /* By the second burst at the latest. */
    struct rte_mbuf *mbufs[64];
    unsigned of_the_other = 0;
    for (unsigned burst = 0; burst < 2; burst++) {
        int count = source->receive(source, mbufs, 64);
        assert_int_equal(count, 64);
        for (int i = 0; i < count; i++)
            of_the_other += strcmp(capture_port(mbufs[i]->port)->name, "net_ring1") == 0;
        rte_pktmbuf_free_bulk(mbufs, (unsigned)count);
    }
    assert_int_equal(of_the_other, 1);
    assert_int_equal(drain(ports, 0), 641 - 128);
    ports_close(ports);
}

static void queues_count_packets_bytes_bursts_and_empty_polls(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    struct ports *ports = create(rings, 1, 4);
    start(ports);
    unsigned queue = nic_receive(0, 7, false, false);
    nic_receive(0, 7, true, false);
    assert_int_equal(drain(ports, queue), 2);
    struct port_statistics statistics;
    ports_statistics(ports, 0, &statistics);
    assert_int_equal(statistics.queues, 4);
    for (unsigned q = 0; q < 4; q++) {
        assert_int_equal(statistics.queue[q].packets, q == queue ? 2 : 0);
        assert_int_equal(statistics.queue[q].bytes, q == queue ? 128 : 0);
        assert_int_equal(statistics.queue[q].bursts, q == queue);
        assert_int_equal(statistics.queue[q].empty_polls, q == queue);
    }
    assert_int_equal(statistics.packets, 2);
    assert_int_equal(statistics.bytes, 128);
    ports_close(ports);
}

/* Losses */

static void what_a_device_lost_is_told_by_queue_where_it_knows(void **state)
{
    (void)state;
    for (unsigned knows = 0; knows < 2; knows++) {
        nics[0] = nic_usual();
        nics[0].missed = 1000; /* before we came */
        nics[0].queue_errors[1] = 1000;
        nics[0].counts_by_queue = knows == 1;
        struct ports *ports = create(rings, 1, 2);
        start(ports);
        nics[0].missed += 30;
        nics[0].errors += 4;
        nics[0].no_buffer += 5;
        nics[0].queue_errors[0] += 10;
        nics[0].queue_errors[1] += 20;
        ports_watch(ports);
        struct port_statistics statistics;
        ports_statistics(ports, 0, &statistics);
        assert_int_equal(statistics.missed, 30);
        assert_int_equal(statistics.errors, 4);
        assert_int_equal(statistics.no_buffer, 5);
        assert_false(statistics.missed_is_estimate);
        assert_int_equal(statistics.losses_by_queue, knows);
        assert_int_equal(statistics.queue[0].lost, knows ? 10 : 0);
        assert_int_equal(statistics.queue[1].lost, knows ? 20 : 0);
        /* And a last time when it stops. */
        nics[0].missed += 7;
        ports_stop(ports);
        ports_statistics(ports, 0, &statistics);
        assert_int_equal(statistics.missed, 37);
        ports_close(ports);
    }
}

static void what_comes_when_nobody_takes_any_more_is_not_lost(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    struct ports *ports = create(rings, 1, 1);
    struct port_statistics statistics;
    start(ports);
    nics[0].missed = 3;
    ports_end_losses(ports);
    nics[0].missed = 1000;
    nics[0].link_down = true;
    ports_watch(ports);
    ports_statistics(ports, 0, &statistics);
    assert_int_equal(statistics.missed, 3);
    assert_false(statistics.link_up); /* the rest is watched on */
    ports_stop(ports);
    ports_statistics(ports, 0, &statistics);
    assert_int_equal(statistics.missed, 3);
    ports_close(ports);
}

/* Links, and devices that go */

static void a_link_that_is_down_is_waited_for_and_flaps_are_said(void **state)
{
    (void)state;
    char text[2048];
    struct port_statistics statistics;
    nics[0] = nic_usual();
    nics[0].link_down = true;
    struct ports *ports = create(rings, 1, 1);
    messages_begin();
    start(ports);
    for (unsigned i = 0; i < 3; i++)
        ports_watch(ports);
    nics[0].link_down = false;
    ports_watch(ports);
    ports_watch(ports);
    nics[0].link_down = true;
    ports_watch(ports);
    ports_statistics(ports, 0, &statistics);
    messages_end(text, sizeof(text));
    assert_false(statistics.link_up);
    assert_int_equal(statistics.link_losses, 1);
    assert_int_equal(count_of(text, "\n"), 3);
    assert_int_equal(count_of(text, "port net_ring0 has no link"), 1);
    assert_int_equal(count_of(text, "port net_ring0 has a link"), 1);
    assert_int_equal(count_of(text, "warning: port net_ring0 lost its link"), 1);
    nic_receive(0, 1, false, false); /* whatever the link says, what comes is taken */
    assert_int_equal(drain(ports, 0), 1);
    ports_close(ports);
}

static void a_device_that_vanishes_is_said_once_and_others_carry_on(void **state)
{
    (void)state;
    char text[2048];
    struct port_statistics statistics;
    nics[0] = nics[1] = nic_usual();
    struct ports *ports = create(rings, 2, 1);
    start(ports);
    nic_receive(0, 1, false, false);
    assert_int_equal(drain(ports, 0), 1);
    nics[0].missed = 3;
    ports_watch(ports);
    messages_begin();
    nic_vanish(0);
    nics[0].missed = 999; /* what is read of a device that is not there is noise */
    nic_receive(0, 2, false, false);
    nic_receive(1, 3, false, false);
    unsigned taken = drain(ports, 0);
    for (unsigned i = 0; i < 3; i++)
        ports_watch(ports);
    messages_end(text, sizeof(text));
    assert_int_equal(taken, 1);
    assert_int_equal(count_of(text, "\n"), 1);
    assert_has(text, "warning: port net_ring0 is gone");
    ports_statistics(ports, 0, &statistics);
    assert_true(statistics.gone);
    assert_false(statistics.link_up);
    assert_int_equal(statistics.packets, 1);
    assert_int_equal(statistics.missed, 3);
    ports_statistics(ports, 1, &statistics);
    assert_false(statistics.gone);
    assert_int_equal(statistics.packets, 1);
    ports_close(ports);
}

/* What devices can do */

static void a_device_that_must_have_queues_to_send_with_gets_as_few_as_it_needs(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    struct ports *ports = create(rings, 1, 4);
    assert_int_equal(nics[0].tx_queues, 0);
    ports_close(ports);
    nics[0] = nic_usual();
    nics[0].needs_tx_at_start = true;
    ports = create(rings, 1, 4);
    assert_int_equal(nics[0].tx_queues, 1);
    assert_int_equal(ports_sources_count(ports), 4);
    ports_close(ports);
    nics[0] = nic_usual();
    nics[0].needs_tx_at_configure = true;
    ports = create(rings, 1, 4);
    assert_int_equal(nics[0].tx_queues, 4);
    assert_int_equal(ports_sources_count(ports), 4);
    ports_close(ports);
}

static void queues_of_a_device_do_not_hold_each_other_up(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        nics[0] = nic_usual();
        struct ports *ports = create(rings, 1, workers);
        assert_int_equal(nics[0].drops_when_full, workers > 1);
        ports_close(ports);
    }
}

static void long_frames_come_in_chains_or_in_one_long_buffer(void **state)
{
    (void)state;
    for (unsigned scatters = 0; scatters < 2; scatters++) {
        struct port_options option = {.device = "net_ring0", .descriptors = 64, .mtu = 9000};
        nics[0] = nic_usual();
        nics[0].offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_TCP_LRO;
        if (scatters)
            nics[0].offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
        struct ports *ports = create(&option, 1, 1);
        struct port_description description;
        ports_describe(ports, 0, &description);
        assert_int_equal(description.mtu, 9000);
        assert_int_equal(nics[0].mtu, 9000);
        assert_int_equal(description.scattered, scatters);
        assert_int_equal(nics[0].rx_offloads, scatters ? RTE_ETH_RX_OFFLOAD_SCATTER : 0);
        if (scatters)
            assert_int_equal(description.buffer_bytes, 2048);
        else
            assert_true(description.buffer_bytes >= 9026);
        ports_close(ports);
    }
}

static void fewer_descriptors_than_were_asked_for_are_told(void **state)
{
    (void)state;
    struct port_options option = {.device = "net_ring0", .descriptors = 4096};
    nics[0] = nic_usual();
    nics[0].descriptors_max = 512;
    struct ports *ports = create(&option, 1, 1);
    struct port_description description;
    ports_describe(ports, 0, &description);
    assert_int_equal(description.descriptors, 512);
    assert_int_equal(description.descriptors_asked, 4096);
    assert_has(description.notes, "4096 descriptors were asked for, the device has 512");
    assert_has(ports_memory_text(ports), "1 port x 1 queue x 512 descriptors + (1 worker + 2) x 1,536");
    assert_has(ports_memory_text(ports), "pool of 5,120 buffers");
    ports_close(ports);
}

/* Refusals */

static void what_a_device_has_not_is_refused_with_what_it_has(void **state)
{
    (void)state;
    nics[0] = nics[1] = nic_usual();
    nics[0].max_mtu = 2000;
    assert_refused(&(struct port_options){.device = "net_ring0", .queues = 9}, 1, -EINVAL,
                   (const char *[]){"/ports/0/device (net_ring0)", "9 queues were asked for, the device has 8", NULL});
    assert_refused(&(struct port_options){.device = "net_ring0", .mtu = 9000}, 1, -EINVAL,
                   (const char *[]){"MTU of 9000", "to 2000", NULL});
    assert_refused((struct port_options[]){{.device = "net_ring0"}, {.device = "net_ring0,nodeaction=x"}}, 2, -EEXIST,
                   (const char *[]){"/ports/1/device", "the same device as /ports/0/device", NULL});
    assert_refused(&(struct port_options){.device = "net_no_such_driver0"}, 1, -ENODEV,
                   (const char *[]){"net_no_such_driver0", "no driver", "net_af_packet0", NULL});
    struct ports *ports;
    struct error error;
    assert_true(try_to_create(&(struct port_options){.device = "net_null0,no-such-argument=1"}, 1, 1, &ports, &error) <
                0);
    assert_has(error.text, "its driver does not take \"net_null0,no-such-argument=1\"");
    assert_true(
        try_to_create(&(struct port_options){.device = "net_pcap0,iface=no-such-interface"}, 1, 1, &ports, &error) < 0);
    assert_has(error.text, "no-such-interface");
    assert_has(error.text, "No such device exists"); /* in the driver's own words */
    assert_refused(NULL, 0, -EINVAL, (const char *[]){"0 ports; 1 to 16 are allowed", NULL});
    struct port_options many[PORTS_MAX + 1] = {{.device = "net_ring0"}};
    assert_refused(many, PORTS_MAX + 1, -EINVAL, (const char *[]){"17 ports; 1 to 16", NULL});
}

static void a_device_that_does_not_start_is_given_up(void **state)
{
    (void)state;
    static const int codes[] = {-EIO, -EAGAIN};
    for (unsigned i = 0; i < RTE_DIM(codes); i++) {
        nics[0] = nic_usual();
        nics[0].start_code = codes[i];
        struct ports *ports;
        struct error error;
        assert_int_equal(try_to_create(rings, 1, 4, &ports, &error), codes[i]);
        assert_has(error.text, "/ports/0/device (net_ring0): the device could not be started");
    }
}

static void a_port_that_hears_only_what_is_addressed_to_it_is_said(void **state)
{
    (void)state;
    static const int codes[] = {0, -ENOTSUP, -EPERM};
    for (unsigned i = 0; i < RTE_DIM(codes); i++) {
        char text[2048];
        nics[0] = nic_usual();
        nics[0].promiscuous_code = codes[i];
        struct ports *ports = create(rings, 1, 4);
        messages_begin();
        start(ports);
        messages_end(text, sizeof(text));
        assert_int_equal(count_of(text, "promiscuous mode was refused"), codes[i] == -EPERM);
        struct port_description description;
        ports_describe(ports, 0, &description);
        assert_int_equal(description.promiscuous, codes[i] == 0);
        ports_close(ports);
    }
}

static void a_pool_that_does_not_fit_says_how_it_is_reckoned(void **state)
{
    (void)state;
    nics[0] = nics[1] = nic_usual();
    struct port_options options[] = {{.device = "net_ring0", .queues = 8, .descriptors = 4096, .mtu = 16000},
                                     {.device = "net_ring1", .queues = 8, .descriptors = 4096, .mtu = 16000}};
    assert_refused(options, 2, -ENOMEM,
                   (const char *[]){"2 ports x 8 queues x 4,096 descriptors + (2 workers + 2) x 1,536",
                                    "pool of 71,680 buffers", "MiB", "hugepages", NULL});
    /* And nothing is left of it: the same devices can be had with less. */
    struct ports *ports = create(rings, 2, 2);
    ports_close(ports);
}

static void the_memory_told_before_is_enough(void **state)
{
    (void)state;
    static const unsigned descriptors[] = {64, 512, 4096};
    for (unsigned i = 0; i < RTE_DIM(descriptors); i++) {
        nics[0] = nics[1] = nic_usual();
        struct port_options options[] = {{.device = "net_ring0", .descriptors = descriptors[i]},
                                         {.device = "net_ring1", .descriptors = descriptors[i]}};
        struct ports_options all = {.ports = options, .count = 2, .workers = 3, .no_hugepages = true};
        struct rte_malloc_socket_stats before, after;
        rte_malloc_get_socket_stats(0, &before);
        struct ports *ports = create(options, 2, 3);
        rte_malloc_get_socket_stats(0, &after);
        size_t taken = after.heap_allocsz_bytes - before.heap_allocsz_bytes, told = ports_memory_bytes(&all);
        assert_true(taken <= told && taken > told / 4); /* one pool is enough for both, so half is left over */
        ports_close(ports);
        rte_malloc_get_socket_stats(0, &after);
        assert_int_equal(after.heap_allocsz_bytes, before.heap_allocsz_bytes);
    }
}

/* Devices that are here */

static void packets_of_a_capture_come_through_net_pcap(void **state)
{
    (void)state;
    struct file file = {0};
    put_pcap_header(&file, false, ETHERNET);
    for (unsigned i = 0; i < 100; i++)
        put_pcap_packet(&file, i, 0, 60 + i * 20, 60 + i * 20);
    char device[256];
    snprintf(device, sizeof(device), "net_pcap0,rx_pcap=%s", store("live.pcap", file.bytes, file.length));
    struct port_options option = {.device = device};
    struct ports *ports = create(&option, 1, 2);
    assert_int_equal(ports_sources_count(ports), 1);
    start(ports);
    struct capture_source *source = ports_source(ports, 0);
    struct rte_mbuf *mbufs[64];
    unsigned taken = 0;
    for (int count; (count = source->receive(source, mbufs, 64)) > 0; taken += (unsigned)count)
        for (int i = 0; i < count; i++) {
            struct packet packet;
            packet_copy(&packet, mbufs[i]);
            assert_int_equal(packet.length, 60 + (taken + (unsigned)i) * 20);
            assert_int_equal(packet.wire, packet.length);
            assert_pattern(&packet);
            free(packet.bytes);
            rte_pktmbuf_free(mbufs[i]);
        }
    assert_int_equal(taken, 100);
    ports_close(ports);
    file_free(&file);
}

/* It has real RSS functions, of ethdev and of a driver. */
static void net_null_takes_the_symmetric_key(void **state)
{
    (void)state;
    struct port_options options[] = {{.device = "net_null0", .descriptors = 256},
                                     {.device = "net_null1", .descriptors = 256}};
    struct ports *ports = create(options, 2, 2);
    assert_int_equal(ports_sources_count(ports), 2);
    start(ports);
    uint8_t key[40];
    struct rte_eth_rss_conf conf = {.rss_key = key, .rss_key_len = sizeof(key)};
    uint16_t port_id;
    assert_int_equal(rte_eth_dev_get_port_by_name("net_null1", &port_id), 0);
    assert_int_equal(rte_eth_dev_rss_hash_conf_get(port_id, &conf), 0);
    for (unsigned i = 0; i < sizeof(key); i++)
        assert_int_equal(key[i], i % 2 == 0 ? 0x6d : 0x5a);
    struct rte_mbuf *mbufs[64];
    struct capture_source *source = ports_source(ports, 1);
    for (unsigned i = 0; i < 1000; i++) {
        int count = source->receive(source, mbufs, 64);
        assert_int_equal(count, 64);
        rte_pktmbuf_free_bulk(mbufs, (unsigned)count);
    }
    struct port_statistics statistics;
    ports_statistics(ports, 0, &statistics);
    assert_int_equal(statistics.queue[0].packets, 0);
    assert_int_equal(statistics.queue[1].packets, 1000 * 32); /* a burst is filled by the first port that has so much */
    ports_close(ports);
}

static void a_source_that_was_stopped_gives_nothing(void **state)
{
    (void)state;
    nics[0] = nic_usual();
    struct ports *ports = create(rings, 1, 1);
    start(ports);
    nic_receive(0, 1, false, false);
    ports_stop(ports);
    assert_int_equal(drain(ports, 0), 0);
    ports_close(ports);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_bear_their_time_length_and_port),
        cmocka_unit_test(who_asks_what_time_it_is_writes_nothing),
        cmocka_unit_test(when_the_systems_clock_is_set_packets_times_go_on_and_the_step_is_their_correction),
        cmocka_unit_test(a_port_that_is_always_full_starves_no_other),
        cmocka_unit_test(queues_count_packets_bytes_bursts_and_empty_polls),
        cmocka_unit_test(what_a_device_lost_is_told_by_queue_where_it_knows),
        cmocka_unit_test(what_comes_when_nobody_takes_any_more_is_not_lost),
        cmocka_unit_test(a_link_that_is_down_is_waited_for_and_flaps_are_said),
        cmocka_unit_test(a_device_that_vanishes_is_said_once_and_others_carry_on),
        cmocka_unit_test(a_device_that_must_have_queues_to_send_with_gets_as_few_as_it_needs),
        cmocka_unit_test(queues_of_a_device_do_not_hold_each_other_up),
        cmocka_unit_test(long_frames_come_in_chains_or_in_one_long_buffer),
        cmocka_unit_test(fewer_descriptors_than_were_asked_for_are_told),
        cmocka_unit_test(what_a_device_has_not_is_refused_with_what_it_has),
        cmocka_unit_test(a_device_that_does_not_start_is_given_up),
        cmocka_unit_test(a_port_that_hears_only_what_is_addressed_to_it_is_said),
        cmocka_unit_test(a_pool_that_does_not_fit_says_how_it_is_reckoned),
        cmocka_unit_test(the_memory_told_before_is_enough),
        cmocka_unit_test(packets_of_a_capture_come_through_net_pcap),
        cmocka_unit_test(net_null_takes_the_symmetric_key),
        cmocka_unit_test(a_source_that_was_stopped_gives_nothing),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

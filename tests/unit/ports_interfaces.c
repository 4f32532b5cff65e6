/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Live ports on interfaces of the kernel: a pair of veths in a network namespace of the test's own, into whose other
 * end it writes frames. As root; for others there is nothing to try.
 */
#include "capture_support.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <bearertap/ports.h>

#include "../../app/capture/interface.h"

#define FRAMES_OF_A_TEST 100

/* libxdp does not free all that it took for a socket's memory. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:xsk_umem__create\n";
}

static int far_fd = -1;

static void run(const char *command)
{
    if (system(command) != 0)
        fail_msg("failed: %s", command);
}

static int set_up(void **state)
{
    (void)state;
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0)
        return 0; /* each test finds no namespace and is skipped */
    /* Quiet ones: nothing but the test sends. */
    run("ip link add tap0 type veth peer name far0");
    run("for i in tap0 far0; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; ip link set $i up; done");
    far_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("far0")};
    assert_int_equal(bind(far_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (far_fd >= 0) {
        close(far_fd);
        run("ip link del tap0");
    }
    far_fd = -1;
    return 0;
}

/* An IPv4 frame of `length` bytes whose header says so. */
static void send_frame(unsigned length)
{
    static uint8_t frame[70000];
    memset(frame, 0x5a, sizeof(frame));
    memset(frame, 0xff, ETH_ALEN);
    frame[12] = 0x08;
    frame[13] = 0x00;
    frame[14] = 0x45;
    frame[16] = (uint8_t)((length - 14) >> 8);
    frame[17] = (uint8_t)(length - 14);
    frame[20] = frame[21] = 0; /* no fragment: those the kernel puts together first */
    assert_int_equal(send(far_fd, frame, length, 0), length);
}

static struct ports *start(const char *device)
{
    struct port_options option = {.device = device};
    struct ports_options options = {.ports = &option, .count = 1, .workers = 1, .no_hugepages = true};
    struct ports *ports;
    struct error error = {""};
    if (ports_create(&options, &ports, &error) != 0 || ports_start(ports, &error) != 0)
        fail_msg("%s", error.text);
    return ports;
}

/* What was sent is on its way when send() has returned: the kernel hands it over in its own time. */
#define DEADLINE_S 20

static bool is_over(time_t begin)
{
    sched_yield();
    return time(NULL) > begin + DEADLINE_S;
}

static unsigned poll_source(struct ports *ports, struct rte_mbuf **mbufs, unsigned max)
{
    struct capture_source *source = ports_source(ports, 0);
    return (unsigned)source->receive(source, mbufs, max < 64 ? max : 64);
}

/* Waits for `wanted` packets, and sees that no more of them have come. */
static unsigned take(struct ports *ports, struct rte_mbuf **mbufs, unsigned wanted)
{
    unsigned taken = 0;
    struct rte_mbuf *more;
    for (time_t begin = time(NULL); taken < wanted && !is_over(begin);)
        taken += poll_source(ports, mbufs + taken, wanted - taken);
    assert_int_equal(poll_source(ports, &more, 1), 0);
    return taken;
}

#define NEEDS_A_NAMESPACE()                                                                                            \
    do {                                                                                                               \
        if (far_fd < 0)                                                                                                \
            skip();                                                                                                    \
    } while (0)

static void frames_come_whole_and_in_order(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    static const char *const devices[] = {"net_af_packet0,iface=tap0", "net_af_xdp0,iface=tap0"};
    for (unsigned d = 0; d < RTE_DIM(devices); d++) {
        struct ports *ports = start(devices[d]);
        struct port_description description;
        ports_describe(ports, 0, &description);
        assert_string_equal(description.name, "tap0");
        assert_int_equal(description.queues, 1);
        assert_int_equal(description.mtu, 1500);
        for (unsigned i = 0; i < FRAMES_OF_A_TEST; i++)
            send_frame(60 + i * 14);
        struct rte_mbuf *mbufs[FRAMES_OF_A_TEST];

        assert_int_equal(take(ports, mbufs, FRAMES_OF_A_TEST), FRAMES_OF_A_TEST);
        for (unsigned i = 0; i < FRAMES_OF_A_TEST; i++) {
            assert_int_equal(rte_pktmbuf_pkt_len(mbufs[i]), 60 + i * 14);
            assert_int_equal(*capture_wire_length(mbufs[i]), 60 + i * 14);
            assert_string_equal(capture_port(mbufs[i]->port)->name, "tap0");
        }
        rte_pktmbuf_free_bulk(mbufs, FRAMES_OF_A_TEST);
        struct port_statistics statistics;
        ports_watch(ports);
        ports_watch(ports);
        ports_statistics(ports, 0, &statistics);
        assert_int_equal(statistics.packets, FRAMES_OF_A_TEST);
        assert_int_equal(statistics.missed, 0);
        assert_int_equal(statistics.cut, 0);
        assert_int_equal(statistics.missed_is_estimate, d == 0);
        ports_close(ports);
    }
}

/* The kernel takes a tag off; what comes to us has it again. */
static void tags_of_a_vlan_stay_in_the_frame(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    static const char *const devices[] = {"net_af_packet0,iface=tap0", "net_af_xdp0,iface=tap0"};
    static const uint8_t tag[] = {0x81, 0x00, 0x00, 0x2a, 0x08, 0x00, 0x45};
    for (unsigned d = 0; d < RTE_DIM(devices); d++) {
        struct ports *ports = start(devices[d]);
        uint8_t frame[100] = {0};
        memset(frame, 0xff, ETH_ALEN);
        memcpy(frame + 12, tag, sizeof(tag));
        assert_int_equal(send(far_fd, frame, sizeof(frame), 0), sizeof(frame));
        struct rte_mbuf *mbuf;
        assert_int_equal(take(ports, &mbuf, 1), 1);
        assert_int_equal(rte_pktmbuf_pkt_len(mbuf), sizeof(frame));
        assert_int_equal(*capture_wire_length(mbuf), sizeof(frame));
        assert_memory_equal(rte_pktmbuf_mtod(mbuf, uint8_t *), frame, sizeof(frame));
        rte_pktmbuf_free(mbuf);
        ports_close(ports);
    }
}

/* As segments are that the other end did not cut; only what is longer than any mbuf is cut, and seen to be. */
static void frames_of_64_kib_come_whole_and_a_shorter_place_cuts_them_visibly(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    run("ip link set tap0 mtu 65535; ip link set far0 mtu 65535");
    struct ports *ports = start("net_af_packet0,iface=tap0");
    struct rte_mbuf *mbufs[4];
    struct port_statistics statistics;
    send_frame(65226);
    send_frame(65535);
    assert_int_equal(take(ports, mbufs, 2), 2);
    assert_int_equal(rte_pktmbuf_pkt_len(mbufs[0]), 65226);
    assert_int_equal(*capture_wire_length(mbufs[0]), 65226);
    assert_true(rte_pktmbuf_pkt_len(mbufs[1]) < 65535);
    assert_int_equal(*capture_wire_length(mbufs[1]), 65535);
    rte_pktmbuf_free_bulk(mbufs, 2);
    ports_statistics(ports, 0, &statistics);
    assert_int_equal(statistics.cut, 1);
    ports_close(ports);

    ports = start("net_af_packet0,iface=tap0,framesz=2048");
    send_frame(2048 - 66); /* as long as there is room for */
    send_frame(2048 - 66 + 1);
    send_frame(9000);
    assert_int_equal(take(ports, mbufs, 3), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rte_pktmbuf_pkt_len(mbufs[i]), 2048 - 66);
    assert_int_equal(*capture_wire_length(mbufs[0]), 2048 - 66);
    assert_int_equal(*capture_wire_length(mbufs[1]), 2048 - 66 + 1);
    assert_int_equal(*capture_wire_length(mbufs[2]), 9000);
    rte_pktmbuf_free_bulk(mbufs, 3);
    ports_statistics(ports, 0, &statistics);
    assert_int_equal(statistics.cut, 2);
    ports_close(ports);
}

static void what_af_packet_loses_is_estimated_and_what_af_xdp_loses_is_counted(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    static const char *const devices[] = {"net_af_packet0,iface=tap0,framesz=2048,blocksz=4096,framecnt=64",
                                          "net_af_xdp0,iface=tap0"};
    for (unsigned d = 0; d < RTE_DIM(devices); d++) {
        struct ports *ports = start(devices[d]);
        enum { SENT = 20000 };
        for (unsigned i = 0; i < SENT; i++)
            send_frame(60);
        /* All are taken or told as lost, and nothing changes that afterwards. */
        struct rte_mbuf *mbufs[64];
        struct port_statistics statistics = {0};
        for (time_t begin = time(NULL); statistics.packets + statistics.missed != SENT && !is_over(begin);) {
            rte_pktmbuf_free_bulk(mbufs, poll_source(ports, mbufs, 64));
            ports_watch(ports);
            ports_statistics(ports, 0, &statistics);
        }
        ports_watch(ports);
        ports_watch(ports);
        ports_statistics(ports, 0, &statistics);
        assert_true(statistics.packets >= 64 && statistics.missed > 0);
        assert_int_equal(statistics.packets + statistics.missed, SENT);
        /* What comes when nobody takes any more is not wanted. */
        ports_end_losses(ports);
        for (unsigned i = 0; i < SENT; i++)
            send_frame(60);
        ports_watch(ports);
        ports_watch(ports);
        ports_statistics(ports, 0, &statistics);
        assert_int_equal(statistics.packets + statistics.missed, SENT);
        ports_close(ports);
    }
}

static void links_flap_and_a_deleted_interface_is_said_once(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    char text[2048];
    struct rte_mbuf *mbufs[4];
    struct port_statistics statistics;
    run("ip link set far0 down");
    messages_begin();
    struct ports *ports = start("net_af_packet0,iface=tap0");
    run("ip link set far0 up");
    ports_watch(ports);
    send_frame(60);
    unsigned taken = take(ports, mbufs, 1);
    run("ip link set tap0 down");
    ports_watch(ports);
    run("ip link set tap0 up");
    ports_watch(ports);
    send_frame(60);
    taken += take(ports, mbufs + taken, 1);
    ports_watch(ports);
    run("ip link del tap0");
    for (unsigned i = 0; i < 3; i++)
        ports_watch(ports);
    unsigned of_nothing = poll_source(ports, mbufs + taken, 1);
    /* Another one of its name is not it. */
    run("ip link add tap0 type veth peer name far1");
    ports_watch(ports);
    messages_end(text, sizeof(text));
    assert_int_equal(taken, 2);
    assert_int_equal(of_nothing, 0);
    rte_pktmbuf_free_bulk(mbufs, 2);
    assert_int_equal(count_of(text, "\n"), 5);
    assert_int_equal(count_of(text, "port tap0 has no link"), 1);
    assert_int_equal(count_of(text, "port tap0 has a link"), 2);
    assert_int_equal(count_of(text, "port tap0 lost its link"), 1);
    assert_int_equal(count_of(text, "port tap0 is gone: its interface was deleted"), 1);
    ports_statistics(ports, 0, &statistics);
    assert_true(statistics.gone);
    assert_int_equal(statistics.packets, 2);
    ports_close(ports);
}

static void two_ports_of_one_interface_are_refused(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    struct port_options ports[] = {{.device = "net_af_packet0,iface=tap0"}, {.device = "net_af_xdp0,iface=tap0"}};
    struct ports_options options = {.ports = ports, .count = 2, .workers = 1};
    struct error error = {""};
    assert_int_equal(ports_check(&options, &error), -EEXIST);
    assert_non_null(strstr(error.text, "/ports/1/device (net_af_xdp0,iface=tap0): the same device as /ports/0/device"));
}

static void a_frame_that_af_xdp_cannot_hold_is_refused_by_the_interfaces_mtu(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    run("ip link set tap0 mtu 9000");
    struct port_options port = {.device = "net_af_xdp0,iface=tap0"};
    struct ports_options options = {.ports = &port, .count = 1, .workers = 1};
    struct ports *ports;
    struct error error = {""};
    assert_int_equal(ports_create(&options, &ports, &error), -EINVAL);
    assert_non_null(strstr(error.text, "an MTU of 9000"));
    assert_non_null(strstr(error.text, "ip link set"));
}

static void an_interface_is_left_as_it_was_found(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    for (unsigned before = 0; before < 2; before++) {
        struct interface interface;
        run(before ? "ip link set tap0 promisc on" : "ip link set tap0 promisc off");
        struct ports *ports = start("net_af_packet0,iface=tap0");
        assert_int_equal(interface_find("tap0", 0, &interface), 0);
        assert_true(interface.promiscuous);
        ports_close(ports);
        assert_int_equal(interface_find("tap0", 0, &interface), 0);
        assert_int_equal(interface.promiscuous, before);
    }
}

static void an_interface_tells_what_it_is(void **state)
{
    (void)state;
    NEEDS_A_NAMESPACE();
    struct interface interface, again;
    run("ip link set tap0 mtu 1234; ip link set far0 down");
    assert_int_equal(interface_find("tap0", 0, &interface), 0);
    assert_string_equal(interface.kind, "veth");
    assert_string_equal(interface.name, "tap0");
    assert_int_equal(interface.mtu, 1234);
    assert_true(interface.up);
    assert_false(interface.running);
    assert_true(interface_joins_segments(&interface));
    assert_int_equal(interface_find(NULL, interface.index, &again), 0);
    assert_string_equal(again.name, "tap0");
    assert_int_equal(interface_find("tap1", 0, &interface), -ENODEV);
    assert_int_equal(interface_find(NULL, 9999, &interface), -ENODEV);
    assert_int_equal(interface_find("0123456789abcdef", 0, &interface), -ENODEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_come_whole_and_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tags_of_a_vlan_stay_in_the_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(frames_of_64_kib_come_whole_and_a_shorter_place_cuts_them_visibly, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_af_packet_loses_is_estimated_and_what_af_xdp_loses_is_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(links_flap_and_a_deleted_interface_is_said_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_ports_of_one_interface_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_frame_that_af_xdp_cannot_hold_is_refused_by_the_interfaces_mtu, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_interface_is_left_as_it_was_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_interface_tells_what_it_is, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

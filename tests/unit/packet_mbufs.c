/* SPDX-License-Identifier: BSD-3-Clause */
/* Bursts of real mbufs; what frames hold is tests/unit/packet.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include <bearertap/packet.h>

#include "../../app/capture/format.h"

/* IPv4 (RFC 791), TCP (RFC 9293) from 192.0.2.1 port 40000 to 198.51.100.2 port 8080, and five bytes of payload. */
static const uint8_t there[] = {0x45, 0,   0,    45,   0,    1,    0x40, 0,    64,   6, 0,   0,   192, 0,   2,
                                1,    198, 51,   100,  2,    0x9c, 0x40, 0x1f, 0x90, 0, 0,   0,   1,   0,   0,
                                0,    2,   0x50, 0x18, 0x10, 0,    0,    0,    0,    0, 'h', 'e', 'l', 'l', 'o'};
/* The same the other way, without payload. */
static const uint8_t back[] = {0x45, 0,    0,    40,   0, 1, 0x40, 0, 64, 6, 0, 0, 198,  51,   100,  2, 192, 0, 2, 1,
                               0x1f, 0x90, 0x9c, 0x40, 0, 0, 0,    2, 0,  0, 0, 6, 0x50, 0x10, 0x10, 0, 0,   0, 0, 0};
static const uint8_t ethernet[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};

static struct rte_mempool *pool;
static uint16_t raw_port, ethernet_port;

static void append(struct rte_mbuf *mbuf, const void *bytes, size_t length)
{
    char *room = rte_pktmbuf_append(mbuf, (uint16_t)length);
    assert_non_null(room);
    memcpy(room, bytes, length);
}

static struct rte_mbuf *packet_of(uint16_t port, const uint8_t *bytes, size_t length)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
    assert_non_null(mbuf);
    mbuf->port = port;
    if (port == ethernet_port)
        append(mbuf, ethernet, sizeof(ethernet));
    append(mbuf, bytes, length);
    *capture_wire_length(mbuf) = mbuf->pkt_len;
    return mbuf;
}

static struct burst burst;

static void begin(void)
{
    memset(&burst, 0, sizeof(burst)); /* and so OUTCOME_PENDING */
}

static struct segment *put(struct rte_mbuf *mbuf)
{
    burst.mbufs[burst.count] = mbuf;
    return &burst.segments[burst.count++];
}

static void decode(void)
{
    packet_decode(&burst, &(struct siphash_key){1, 2});
}

static void end(void)
{
    rte_pktmbuf_free_bulk(burst.mbufs, burst.count);
    assert_int_equal(rte_mempool_in_use_count(pool), 0);
}

static void each_packet_is_decoded_by_the_link_type_of_its_port(void **state)
{
    (void)state;
    begin();
    const struct segment *raw = put(packet_of(raw_port, there, sizeof(there)));
    const struct segment *framed = put(packet_of(ethernet_port, there, sizeof(there)));
    decode();
    assert_int_equal(burst.outcomes[0], OUTCOME_PENDING);
    assert_int_equal(burst.outcomes[1], OUTCOME_PENDING);
    assert_int_equal(raw->payload_offset, 40);
    assert_int_equal(framed->payload_offset, 54);
    assert_memory_equal(&raw->endpoints, &framed->endpoints, sizeof(raw->endpoints));
    assert_int_equal(burst.hashes[0], burst.hashes[1]);
    end();
}

static void both_directions_have_one_hash_and_each_key_another(void **state)
{
    (void)state;
    begin();
    put(packet_of(raw_port, there, sizeof(there)));
    put(packet_of(raw_port, back, sizeof(back)));
    decode();
    uint64_t hash = burst.hashes[0];
    assert_int_equal(burst.hashes[1], hash);
    packet_decode(&burst, &(struct siphash_key){1, 3});
    assert_true(burst.hashes[0] != hash);
    assert_int_equal(burst.hashes[1], burst.hashes[0]);
    end();
}

static void a_payload_that_goes_on_in_further_mbufs_counts_whole(void **state)
{
    (void)state;
    static uint8_t packet[40 + 3000];
    memcpy(packet, there, 40);
    packet[2] = (uint8_t)(sizeof(packet) >> 8);
    packet[3] = (uint8_t)sizeof(packet);
    begin();
    struct rte_mbuf *first = packet_of(raw_port, packet, 1000), *second = packet_of(raw_port, packet + 1000, 1500),
                    *third = packet_of(raw_port, packet + 2500, sizeof(packet) - 2500);
    assert_int_equal(rte_pktmbuf_chain(first, second), 0);
    assert_int_equal(rte_pktmbuf_chain(first, third), 0);
    *capture_wire_length(first) = sizeof(packet);
    const struct segment *segment = put(first);
    decode();
    assert_int_equal(burst.outcomes[0], OUTCOME_PENDING);
    assert_int_equal(segment->payload_offset, 40);
    assert_int_equal(segment->payload_length, 3000);
    assert_int_equal(segment->payload_cut, 0);
    end();
}

static void what_the_wire_had_more_than_was_captured_is_cut(void **state)
{
    (void)state;
    begin();
    struct rte_mbuf *mbuf = packet_of(raw_port, there, 42);
    *capture_wire_length(mbuf) = sizeof(there);
    const struct segment *segment = put(mbuf);
    decode();
    assert_int_equal(burst.outcomes[0], OUTCOME_PENDING);
    assert_int_equal(segment->payload_length, 2);
    assert_int_equal(segment->payload_cut, 3);
    end();
}

static void a_packet_that_has_ended_is_left_alone_and_one_that_ends_stops_no_other(void **state)
{
    (void)state;
    begin();
    struct segment untouched, *ended = put(packet_of(raw_port, there, sizeof(there)));
    burst.outcomes[0] = OUTCOME_NOT_TCP;
    memset(ended, 0xa5, sizeof(*ended));
    untouched = *ended;
    put(packet_of(raw_port, there, 30)); /* captured to the middle of TCP's header */
    *capture_wire_length(burst.mbufs[1]) = sizeof(there);
    const struct segment *good = put(packet_of(raw_port, there, sizeof(there)));
    decode();
    assert_int_equal(burst.outcomes[0], OUTCOME_NOT_TCP);
    assert_memory_equal(ended, &untouched, sizeof(untouched));
    assert_int_equal(burst.outcomes[1], OUTCOME_HEADER_CUT);
    assert_int_equal(burst.outcomes[2], OUTCOME_PENDING);
    assert_int_equal(good->payload_length, 5);
    end();
}

static int set_up(void **state)
{
    (void)state;
    char *arguments[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                         "-m",   "16",        "--lcores",    "0",        "--log-level=*:error"};
    struct error error;
    if (rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])), arguments) < 0 ||
        capture_register_fields(&error) != 0)
        return -1;
    pool = rte_pktmbuf_pool_create("packets", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    raw_port = capture_port_enter(LINK_RAW, (const uint8_t *)"raw", 3);
    ethernet_port = capture_port_enter(LINK_ETHERNET, (const uint8_t *)"eth", 3);
    return pool == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    rte_mempool_free(pool);
    return rte_eal_cleanup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_packet_is_decoded_by_the_link_type_of_its_port),
        cmocka_unit_test(both_directions_have_one_hash_and_each_key_another),
        cmocka_unit_test(a_payload_that_goes_on_in_further_mbufs_counts_whole),
        cmocka_unit_test(what_the_wire_had_more_than_was_captured_is_cut),
        cmocka_unit_test(a_packet_that_has_ended_is_left_alone_and_one_that_ends_stops_no_other),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

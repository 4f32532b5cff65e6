/* SPDX-License-Identifier: BSD-3-Clause */
/* What bench plays is what it says: laps of captures, their other addresses, what opens their connections, crowds; and
 * its figures are the medians of what was measured in one round. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bearertap/eal.h>
#include <bearertap/packet.h>

#include "../../app/bench/compare.h"
#include "../../app/bench/crowd.h"
#include "../../app/bench/make_lap.h"
#include "../../app/bench/player.h"

#define CAPTURE "tests/captures/storm-0558.pcap"

static const int no_cpu = -1;

/* ---- figures ---- */

static void the_median_is_the_middle_one(void **state)
{
    double none[1] = {7}, one[] = {3}, odd[] = {9, 1, 5}, even[] = {8, 2, 4, 100};
    (void)state;
    assert_true(median(none, 0) < 0.001);
    assert_float_equal(median(one, 1), 3, 0.001);
    assert_float_equal(median(odd, 3), 5, 0.001);
    assert_float_equal(median(even, 4), 6, 0.001);
}

/* In each round one side takes twice the other's time, while the machine gets slower and faster: of the medians alone
 * the ratio would be another. */
static void ratios_are_of_turns_of_one_round(void **state)
{
    const struct comparison comparison = {
        .sides_count = 4,
        .rounds = 3,
        .ns = {{20, 200, 2}, {10, 100, 1}, {10, 300, 3}, {5, 50, 0.5}},
    };
    const unsigned first[] = {0, 1}, second[] = {1, 3};
    (void)state;
    assert_float_equal(comparison_ratio(&comparison, 0, 1), 2, 0.001);
    assert_float_equal(comparison_ratio(&comparison, 2, 1), 3, 0.001);
    assert_float_equal(comparison_ratio_by_two(&comparison, 0, 1, 3), 4.0 / 3, 0.001);
    assert_float_equal(comparison_ratio_of_ratios(&comparison, first, second), 1, 0.001);
    assert_float_equal(comparison_ns(&comparison, 0), 20, 0.001);
}

static void a_side_without_time_has_no_ratio(void **state)
{
    const struct comparison comparison = {.sides_count = 2, .rounds = 1, .ns = {{5}, {0}}};
    (void)state;
    assert_float_equal(comparison_ratio(&comparison, 0, 1), 0, 0.001);
}

/* ---- laps ---- */

static struct lap *capture_lap(const char *path, unsigned shares)
{
    struct error error = {""};
    struct lap *lap;
    if (lap_of_capture(path, 0, shares, &lap, &error) != 0)
        fail_msg("%s", error.text);
    return lap;
}

static struct lap *made_lap(const char *mix)
{
    const struct lap_options options = {.mix = traffic_mix_find(mix),
                                        .flows = 30,
                                        .keys = 10,
                                        .payload_bytes = 1448,
                                        .frame_bytes = 400000,
                                        .shares = 1};
    struct error error = {""};
    struct lap *lap;
    if (lap_of_traffic(&options, &lap, &error) != 0)
        fail_msg("%s", error.text);
    return lap;
}

static struct segment decode(const struct lap *lap, const struct lap_packet *packet)
{
    struct segment segment;
    assert_int_equal(frame_decode(capture_port(packet->port)->link_type, lap->bytes + packet->at, packet->length,
                                  packet->length, packet->wire, &segment),
                     OUTCOME_PENDING);
    return segment;
}

/* As tshark counts them: frames, frame.len, tcp.stream, tcp.len. */
static void a_lap_of_a_capture_holds_all_of_it(void **state)
{
    struct lap *lap = capture_lap(CAPTURE, 1);
    (void)state;
    assert_int_equal(lap->count, 20);
    assert_int_equal(lap->connections, 1);
    assert_int_equal(lap->frame_bytes, 8071);
    assert_int_equal(lap->payload_bytes, 6735);
    assert_int_equal(lap->payloads_count, 12);
    assert_int_equal(lap->openings_count, 0);
    lap_destroy(lap);
}

static void a_lap_that_is_to_be_short_is(void **state)
{
    struct error error;
    struct lap *lap;
    (void)state;
    assert_int_equal(lap_of_capture(CAPTURE, 100, 1, &lap, &error), 0);
    assert_in_range(lap->count, 1, 2);
    lap_destroy(lap);
}

static void what_is_no_capture_is_no_lap(void **state)
{
    struct error error = {""};
    struct lap *lap;
    (void)state;
    assert_true(lap_of_capture("tests/captures/no-such-file.pcap", 0, 1, &lap, &error) < 0);
    assert_non_null(strstr(error.text, "no-such-file"));
}

static void shares_keep_both_directions_together(void **state)
{
    struct lap *lap = capture_lap("tests/captures/node-ipv6.pcap", 2); /* of four connections */
    unsigned of[2] = {0, 0};
    (void)state;
    for (uint32_t i = 0; i < lap->count; i++) {
        assert_in_range(lap->packets[i].share, 0, 1);
        of[lap->packets[i].share]++;
        for (uint32_t j = 0; j < i; j++)
            if (lap->packets[i].connection == lap->packets[j].connection)
                assert_int_equal(lap->packets[i].share, lap->packets[j].share);
    }
    assert_int_equal(lap->connections, 4);
    assert_true(of[0] > 0 && of[1] > 0);
    lap_destroy(lap);
}

static bool are_of_one_connection(const struct endpoints *a, const struct endpoints *b)
{
    bool same = memcmp(a->source, b->source, 16) == 0 && memcmp(a->destination, b->destination, 16) == 0 &&
                a->source_port == b->source_port && a->destination_port == b->destination_port;
    bool turned = memcmp(a->source, b->destination, 16) == 0 && memcmp(a->destination, b->source, 16) == 0 &&
                  a->source_port == b->destination_port && a->destination_port == b->source_port;
    return same || turned;
}

static void varied_addresses_are_others_and_keep_their_pairs(void **state)
{
    struct lap *lap = made_lap("api");
    uint32_t count = lap->count < 300 ? lap->count : 300;
    struct segment before[300];
    uint8_t *bytes = malloc(lap->bytes_used);
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, lap->bytes, lap->bytes_used);
    for (uint32_t i = 0; i < count; i++)
        before[i] = decode(lap, &lap->packets[i]);
    lap_vary(lap, 0x1234);
    for (uint32_t i = 0; i < count; i++) {
        struct segment after = decode(lap, &lap->packets[i]);
        assert_false(are_of_one_connection(&before[i].endpoints, &after.endpoints));
        assert_int_equal(after.sequence, before[i].sequence);
        assert_int_equal(after.payload_length, before[i].payload_length);
        for (uint32_t j = 0; j < i; j++) {
            struct segment other = decode(lap, &lap->packets[j]);
            assert_int_equal(are_of_one_connection(&before[i].endpoints, &before[j].endpoints),
                             are_of_one_connection(&after.endpoints, &other.endpoints));
        }
    }
    assert_memory_not_equal(bytes, lap->bytes, lap->bytes_used);
    lap_vary(lap, 0);
    assert_memory_equal(bytes, lap->bytes, lap->bytes_used);
    free(bytes);
    lap_destroy(lap);
}

/* Both ends say SYN, one before the first byte that they send in the lap. */
static void openings_stand_before_what_they_open(void **state)
{
    struct lap *lap = made_lap("api");
    (void)state;
    assert_true(lap->openings_count > 0 && lap->openings_count % 2 == 0);
    for (uint32_t i = 0; i < lap->openings_count; i += 2) {
        struct segment syn = decode(lap, &lap->openings[i]), answer = decode(lap, &lap->openings[i + 1]);
        assert_int_equal(syn.flags, TCP_SYN);
        assert_int_equal(answer.flags, TCP_SYN | TCP_ACK);
        assert_int_equal(answer.acknowledgement, syn.sequence + 1);
        assert_int_equal(syn.payload_length + answer.payload_length, 0);
        assert_true(are_of_one_connection(&syn.endpoints, &answer.endpoints));
        assert_memory_equal(syn.endpoints.source, answer.endpoints.destination, 16);
        bool seen[2] = {false, false};
        for (uint32_t j = 0; j < lap->count; j++) {
            struct segment segment = decode(lap, &lap->packets[j]);
            if (!are_of_one_connection(&segment.endpoints, &syn.endpoints))
                continue;
            bool by_answerer = segment.endpoints.source_port == answer.endpoints.source_port &&
                               memcmp(segment.endpoints.source, answer.endpoints.source, 16) == 0;
            if (!seen[by_answerer])
                assert_int_equal(segment.sequence, (by_answerer ? answer.sequence : syn.sequence) + 1);
            seen[by_answerer] = true;
        }
        assert_true(seen[0] || seen[1]);
    }
    lap_destroy(lap);
}

/* ---- crowds ---- */

enum { COPIES = 3, STREAMS_MAX = 1024, TURN = 20000 };

struct known_stream {
    struct endpoints endpoints;
    uint32_t next_sequence, segments;
};

/* Every segment begins where the last of its direction ended, the first behind the SYN. */
static void follow(struct known_stream *streams, unsigned *count, const struct segment *segment)
{
    unsigned i = 0;
    while (i < *count && memcmp(&streams[i].endpoints, &segment->endpoints, sizeof(segment->endpoints)) != 0)
        i++;
    if (i == *count) {
        assert_true(i < STREAMS_MAX);
        assert_true((segment->flags & TCP_SYN) != 0);
        streams[(*count)++] = (struct known_stream){segment->endpoints, segment->sequence + 1, 0};
        return;
    }
    assert_int_equal(segment->flags & (TCP_SYN | TCP_FIN | TCP_RST), 0);
    assert_int_equal(segment->sequence, streams[i].next_sequence);
    streams[i].next_sequence += segment->payload_length;
    streams[i].segments++;
}

static uint32_t take_turn(struct crowd *crowd, struct known_stream *streams, unsigned *count)
{
    struct capture_source *source = crowd_source(crowd);
    struct rte_mbuf *mbufs[BURST_MAX];
    uint32_t packets = 0;
    for (int taken; (taken = source->receive(source, mbufs, BURST_MAX)) > 0;) {
        for (int i = 0; i < taken; i++) {
            uint32_t length = rte_pktmbuf_pkt_len(mbufs[i]);
            struct segment segment;
            memset(&segment, 0, sizeof(segment));
            assert_int_equal(frame_decode(LINK_ETHERNET, rte_pktmbuf_mtod(mbufs[i], const uint8_t *), length, length,
                                          length, &segment),
                             OUTCOME_PENDING);
            follow(streams, count, &segment);
            packets += (segment.flags & TCP_SYN) == 0;
        }
        rte_pktmbuf_free_bulk(mbufs, (unsigned)taken);
    }
    return packets;
}

static void a_crowds_streams_go_on_in_order_round_after_round(void **state)
{
    struct error error = {""};
    struct lap *lap;
    struct crowd *crowd;
    struct known_stream *streams = calloc(STREAMS_MAX, sizeof(*streams));
    unsigned count = 0;
    (void)state;
    assert_non_null(streams);
    assert_int_equal(crowd_make_lap(60, 1500000, &lap, &error), 0);
    assert_true(lap->connections > 20 && lap->count < TURN / COPIES);
    assert_int_equal(lap->openings_count, 2 * lap->connections);
    assert_int_equal(crowd_create(lap, COPIES, no_cpu, &crowd, &error), 0);
    for (unsigned turn = 0; turn < 2; turn++) {
        crowd_begin(crowd, TURN);
        assert_int_equal(take_turn(crowd, streams, &count), TURN);
        assert_int_equal(crowd_end(crowd).packets, TURN);
        assert_int_equal(count, 2 * COPIES * lap->connections);
    }
    for (unsigned i = 0; i < count; i++)
        assert_true(streams[i].segments > 0);
    crowd_begin_last(crowd);
    take_turn(crowd, streams, &count);
    assert_int_equal(count, 2 * COPIES * lap->connections);
    crowd_destroy(crowd);
    lap_destroy(lap);
    free(streams);
}

/* When it is over each copy has come to its lap's end as far as tokens go, so what was handed out holds whole laps'. */
static void a_crowd_knows_what_is_to_be_found(void **state)
{
    struct error error = {""};
    struct lap *lap;
    struct crowd *crowd;
    struct known_stream *streams = calloc(STREAMS_MAX, sizeof(*streams));
    unsigned count = 0;
    (void)state;
    assert_non_null(streams);
    assert_int_equal(crowd_make_lap(500, 3000000, &lap, &error), 0);
    assert_true(lap->expected > 0);
    assert_int_equal(crowd_create(lap, 1, no_cpu, &crowd, &error), 0);
    crowd_begin(crowd, lap->count + lap->count / 2);
    uint32_t packets = take_turn(crowd, streams, &count);
    assert_int_equal(packets, lap->count + lap->count / 2);
    crowd_begin_last(crowd);
    take_turn(crowd, streams, &count);
    assert_int_equal(crowd_expected(crowd), 2 * lap->expected);
    crowd_destroy(crowd);
    lap_destroy(lap);
    free(streams);
}

/* The time of a lap that is spread over others runs until the last of them is done. */
static void a_lap_with_owners_is_over_when_all_its_packets_have_come_back(void **state)
{
    enum { PACKETS = 20 }; /* as tshark counts them */
    struct lap *lap = capture_lap(CAPTURE, 1);
    struct rte_mbuf *mbufs[BURST_MAX];
    struct error error = {""};
    struct player *player;
    (void)state;
    if (player_create_with_owners(lap, 2, &player, &error) != 0)
        fail_msg("%s", error.text);
    struct capture_source *source = player_source(player);
    players_begin(&player, 1);
    assert_int_equal(source->receive(source, mbufs, BURST_MAX), PACKETS);
    assert_int_equal(source->receive(source, &mbufs[PACKETS], 1), -EAGAIN);
    capture_release(mbufs, PACKETS - 1);
    assert_int_equal(source->receive(source, &mbufs[PACKETS], 1), -EAGAIN);
    capture_release(&mbufs[PACKETS - 1], 1);
    assert_int_equal(source->receive(source, mbufs, BURST_MAX), 0);
    assert_false(source->again(source));
    struct played played = players_end(&player);
    assert_int_equal(played.packets, PACKETS);
    assert_int_equal(played.laps, 1);
    assert_true(played.ticks > 0);
    players_destroy(&player, 1);
    lap_destroy(lap);
}

static int start(void **state)
{
    struct error error = {""};
    (void)state;
    int result = eal_start_for_files((size_t)64 << 20, 1, &error);
    return result != 0 ? result : capture_register_fields(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_median_is_the_middle_one),
        cmocka_unit_test(ratios_are_of_turns_of_one_round),
        cmocka_unit_test(a_side_without_time_has_no_ratio),
        cmocka_unit_test(a_lap_of_a_capture_holds_all_of_it),
        cmocka_unit_test(a_lap_that_is_to_be_short_is),
        cmocka_unit_test(what_is_no_capture_is_no_lap),
        cmocka_unit_test(shares_keep_both_directions_together),
        cmocka_unit_test(varied_addresses_are_others_and_keep_their_pairs),
        cmocka_unit_test(openings_stand_before_what_they_open),
        cmocka_unit_test(a_crowds_streams_go_on_in_order_round_after_round),
        cmocka_unit_test(a_crowd_knows_what_is_to_be_found),
        cmocka_unit_test(a_lap_with_owners_is_over_when_all_its_packets_have_come_back),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Made traffic is the same each time, right in every header, and what its mix promises. Requests are read where they
 * are one segment (65,000 bytes of payload), so that nothing here puts streams together as the program does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bearertap/packet.h>
#include <bearertap/traffic.h>

enum { CONNECTIONS_MAX = 1 << 16, TOKENS_MAX = 1 << 14, HEADER_MAX = 512 };

struct maker {
    struct traffic *traffic;
    struct traffic_packet packet;
    uint64_t told; /* sightings */
    struct traffic_sighting last;
};

static void take_sighting(void *context, const struct traffic_sighting *sighting)
{
    struct maker *maker = context;
    maker->told++;
    maker->last = *sighting;
}

static struct traffic_options options_of(const char *mix)
{
    const struct traffic_options options = {
        .mix = traffic_mix_find(mix), .seed = 1, .flows = 200, .keys = 100, .payload_bytes = 1448};
    assert_non_null(options.mix);
    return options;
}

static void make(struct maker *maker, const struct traffic_options *options)
{
    struct error error;
    *maker = (struct maker){.traffic = NULL};
    assert_int_equal(traffic_create(options, take_sighting, maker, &maker->traffic, &error), 0);
}

static bool next(struct maker *maker)
{
    return traffic_next(maker->traffic, &maker->packet);
}

static const struct traffic_totals *totals(const struct maker *maker)
{
    return traffic_totals(maker->traffic);
}

static const char *payload_of(const struct traffic_packet *packet)
{
    return (const char *)packet->bytes + packet->tcp_offset + (packet->bytes[packet->tcp_offset + 12] >> 4) * 4;
}

static bool begins_request(const struct traffic_packet *packet)
{
    const char *payload = payload_of(packet);
    return packet->from_client && packet->payload_length > 5 &&
           (memcmp(payload, "GET /", 5) == 0 || memcmp(payload, "POST /", 6) == 0);
}

/* The token of a request that is one segment. */
static const char *token_of(const struct traffic_packet *packet, size_t *header_length, size_t *length)
{
    const char *payload = payload_of(packet);
    const char *name = memmem(payload, packet->payload_length, "uthorization: ", 14);
    assert_non_null(name);
    const char *token = name + 14 + 7; /* "Bearer " in either spelling */
    *length = strcspn(token, "\r");
    *header_length = strcspn(token, ".");
    return token;
}

/* ---- the same, and another ---- */

static void the_same_options_give_the_same_packets(void **state)
{
    (void)state;
    for (unsigned i = 0; i < traffic_mixes_count; i++) {
        struct traffic_options options = options_of(traffic_mixes[i].name);
        options.under_way = i % 2 == 1;
        struct maker a, b;
        make(&a, &options);
        options.tell_tokens = true; /* looking on changes nothing */
        make(&b, &options);
        for (unsigned packets = 0; packets < 6000; packets++) {
            assert_true(next(&a) && next(&b));
            assert_int_equal(a.packet.length, b.packet.length);
            assert_memory_equal(a.packet.bytes, b.packet.bytes, a.packet.length);
            assert_int_equal(a.packet.time_ns, b.packet.time_ns);
            assert_int_equal(a.packet.connection, b.packet.connection);
        }
        assert_memory_equal(totals(&a), totals(&b), sizeof(*totals(&a)));
        traffic_destroy(a.traffic);
        traffic_destroy(b.traffic);
    }
}

static void another_seed_gives_other_packets(void **state)
{
    (void)state;
    struct traffic_options options = options_of("api");
    struct maker a, b;
    unsigned same = 0;
    make(&a, &options);
    options.seed = 2;
    make(&b, &options);
    for (unsigned packets = 0; packets < 1000; packets++) {
        assert_true(next(&a) && next(&b));
        same += a.packet.length == b.packet.length && memcmp(a.packet.bytes, b.packet.bytes, a.packet.length) == 0;
    }
    assert_int_equal(same, 0);
    traffic_destroy(a.traffic);
    traffic_destroy(b.traffic);
}

/* ---- headers ---- */

/* As RFC 1071 words it, two bytes at a time. */
static uint32_t sum_of(const uint8_t *bytes, uint32_t length)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < length; i++)
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
}

static uint32_t add(uint32_t a, uint32_t b)
{
    return ((a + b) & 0xffff) + ((a + b) >> 16);
}

static void assert_right_headers(const struct traffic_packet *packet)
{
    const uint8_t *ip = packet->bytes + packet->ip_offset, *tcp = packet->bytes + packet->tcp_offset;
    struct segment segment;
    assert_int_equal(
        frame_decode(LINK_ETHERNET, packet->bytes, packet->length, packet->length, packet->length, &segment),
        OUTCOME_PENDING);
    assert_int_equal(segment.payload_length, packet->payload_length);
    assert_int_equal(segment.payload_offset, payload_of(packet) - (const char *)packet->bytes);
    bool ipv6 = segment.endpoints.ip_version == 6;
    uint32_t tcp_length = (uint32_t)(tcp[12] >> 4) * 4 + packet->payload_length;
    uint32_t used = packet->tcp_offset + tcp_length;
    assert_int_equal(packet->length, used < 60 ? 60 : used);
    for (uint32_t i = used; i < packet->length; i++)
        assert_int_equal(packet->bytes[i], 0);
    uint32_t pseudo = add(sum_of(ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8), add(6, tcp_length & 0xffff));
    assert_int_equal(add(pseudo, sum_of(tcp, tcp_length)), 0xffff);
    if (!ipv6)
        assert_int_equal(sum_of(ip, 20), 0xffff);
    assert_int_equal(packet->bytes[0] & 3, 2); /* locally administered, one station's */
    assert_int_equal(packet->bytes[6] & 3, 2);
}

static void every_frame_has_right_lengths_and_checksums(void **state)
{
    (void)state;
    static const uint32_t payloads[] = {1448, 1, 37, 8948, 65000};
    unsigned of_version[2] = {0, 0};
    for (unsigned i = 0; i < traffic_mixes_count; i++)
        for (unsigned j = 0; j < sizeof(payloads) / sizeof(payloads[0]); j++) {
            struct traffic_options options = options_of(traffic_mixes[i].name);
            struct maker maker;
            uint64_t before = 0;
            options.payload_bytes = payloads[j];
            make(&maker, &options);
            for (unsigned packets = 0; packets < 1500; packets++) {
                assert_true(next(&maker));
                assert_right_headers(&maker.packet);
                assert_true(maker.packet.payload_length <= payloads[j]);
                assert_true(maker.packet.time_ns > before);
                before = maker.packet.time_ns;
                of_version[maker.packet.tcp_offset == 54]++;
            }
            traffic_destroy(maker.traffic);
        }
    assert_true(of_version[1] > of_version[0] / 10 && of_version[1] < of_version[0] / 2);
}

/* What a tap knows of a connection's end: what it sends next, and what it last acknowledged. */
struct end {
    bool spoke, acknowledged;
    uint32_t next, acknowledgement, window;
};

static uint32_t word_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Without chaos: each byte once and in order, nothing acknowledged that was not sent, nothing beyond the window. */
static void segments_follow_on_each_other_and_keep_to_the_window(void **state)
{
    (void)state;
    static struct end ends[CONNECTIONS_MAX][2];
    static const char *const mixes[] = {"api", "bulk", "small", "handshakes", "deep"};
    for (unsigned i = 0; i < 5; i++) {
        struct traffic_options options = options_of(mixes[i]);
        struct maker maker;
        options.payload_bytes = i % 2 == 0 ? 1448 : 65000;
        options.under_way = i == 1;
        make(&maker, &options);
        memset(ends, 0, sizeof(ends));
        for (unsigned packets = 0; packets < 20000; packets++) {
            assert_true(next(&maker));
            const uint8_t *tcp = maker.packet.bytes + maker.packet.tcp_offset;
            struct end *own = &ends[maker.packet.connection][!maker.packet.from_client];
            struct end *other = &ends[maker.packet.connection][maker.packet.from_client];
            uint32_t sequence = word_at(tcp + 4), acknowledgement = word_at(tcp + 8);
            assert_true(!own->spoke || own->next == sequence);
            own->spoke = true;
            own->next = sequence + maker.packet.payload_length + ((tcp[13] & (TCP_SYN | TCP_FIN)) != 0);
            if (other->acknowledged)
                assert_true(own->next - other->acknowledgement <= other->window);
            if ((tcp[13] & TCP_ACK) && other->spoke)
                assert_true((int32_t)(other->next - acknowledgement) >= 0);
            if ((tcp[13] & (TCP_ACK | TCP_SYN)) == TCP_ACK) {
                own->acknowledged = true;
                own->acknowledgement = acknowledgement;
                own->window = ((uint32_t)tcp[14] << 8 | tcp[15]) << 7; /* the shift of its SYN */
            }
        }
        traffic_destroy(maker.traffic);
    }
}

/* ---- totals and ends ---- */

static void totals_are_what_was_counted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < traffic_mixes_count; i++) {
        const struct traffic_options options = options_of(traffic_mixes[i].name);
        struct traffic_totals counted = {.connections = options.flows};
        struct maker maker;
        make(&maker, &options);
        for (unsigned packets = 0; packets < 10000; packets++) {
            assert_true(next(&maker));
            counted.packets++;
            counted.bytes += maker.packet.length;
            counted.payload_bytes += maker.packet.payload_length;
            if (maker.packet.is_connection && maker.packet.connection >= counted.connections)
                counted.connections = maker.packet.connection + 1u;
            assert_int_equal(maker.packet.is_connection, maker.packet.connection != UINT32_MAX);
        }
        assert_int_equal(totals(&maker)->packets, counted.packets);
        assert_int_equal(totals(&maker)->bytes, counted.bytes);
        assert_int_equal(totals(&maker)->payload_bytes, counted.payload_bytes);
        assert_int_equal(totals(&maker)->connections, counted.connections);
        assert_int_equal(totals(&maker)->sightings, maker.told);
        traffic_destroy(maker.traffic);
    }
}

/* The requests' heads, by their connection: how much of "\r\n\r\n" stood last, and whether that was whole. */
static void finish_leaves_no_head_half(void **state)
{
    (void)state;
    static char tails[1024][4];
    static bool within[1024];
    struct traffic_options options = options_of("api");
    struct maker maker;
    unsigned half = 0;
    options.payload_bytes = 100;
    make(&maker, &options);
    memset(within, 0, sizeof(within));
    for (unsigned packets = 0; packets < 60000; packets++) {
        if (packets == 20000)
            traffic_finish(maker.traffic);
        if (!next(&maker))
            break;
        assert_true(maker.packet.connection < 1024);
        char *tail = tails[maker.packet.connection];
        bool *is_within = &within[maker.packet.connection];
        if (begins_request(&maker.packet))
            *is_within = true;
        for (uint32_t i = 0; maker.packet.from_client && i < maker.packet.payload_length; i++) {
            memmove(tail, tail + 1, 3);
            tail[3] = payload_of(&maker.packet)[i];
            if (memcmp(tail, "\r\n\r\n", 4) == 0)
                *is_within = false;
        }
        if (packets == 19999)
            for (unsigned i = 0; i < 1024; i++)
                half += within[i];
    }
    assert_true(half > 10); /* or there was nothing to finish */
    for (unsigned i = 0; i < 1024; i++)
        assert_false(within[i]);
    assert_false(next(&maker));
    traffic_destroy(maker.traffic);
}

static void finish_sends_what_chaos_held_back(void **state)
{
    (void)state;
    struct traffic_options options = options_of("chaos");
    unsigned afterwards = 0;
    for (options.seed = 1; options.seed < 16; options.seed++) {
        struct maker maker;
        make(&maker, &options);
        while (totals(&maker)->packets < 9000)
            assert_true(next(&maker));
        uint64_t requests = totals(&maker)->requests, responses = totals(&maker)->responses;
        traffic_finish(maker.traffic);
        while (next(&maker))
            afterwards += !maker.packet.from_client && maker.packet.payload_length > 0;
        assert_int_equal(totals(&maker)->requests, requests); /* nothing begins */
        assert_int_equal(totals(&maker)->responses, responses);
        traffic_destroy(maker.traffic);
    }
    assert_true(afterwards > 0);
}

/* ---- beginnings ---- */

static void connections_begin_with_a_syn_and_under_way_without_and_never_within_a_head(void **state)
{
    (void)state;
    static bool seen[CONNECTIONS_MAX], spoke[CONNECTIONS_MAX];
    for (unsigned under_way = 0; under_way < 2; under_way++)
        for (unsigned i = 0; i < traffic_mixes_count; i++) {
            struct traffic_options options = options_of(traffic_mixes[i].name);
            struct maker maker;
            unsigned without_syn = 0, with_server = 0, within_answer = 0;
            options.under_way = under_way;
            make(&maker, &options);
            memset(seen, 0, sizeof(seen));
            memset(spoke, 0, sizeof(spoke));
            for (unsigned packets = 0; packets < 10000; packets++) {
                assert_true(next(&maker));
                if (!maker.packet.is_connection)
                    continue;
                uint32_t number = maker.packet.connection;
                bool is_syn = maker.packet.bytes[maker.packet.tcp_offset + 13] == TCP_SYN;
                if (!seen[number] && !is_syn) {
                    assert_true(number < options.flows);
                    without_syn++;
                    with_server += !maker.packet.from_client;
                    within_answer += !maker.packet.from_client && maker.packet.payload_length > 0 &&
                                     memcmp(payload_of(&maker.packet), "HTTP/1.1", 8) != 0;
                }
                seen[number] = true;
                if (maker.packet.from_client && maker.packet.payload_length > 0 && !spoke[number]) {
                    assert_true(begins_request(&maker.packet));
                    spoke[number] = true;
                }
            }
            assert_true(under_way ? without_syn > options.flows * 9 / 10 : without_syn == 0);
            assert_true(!under_way || with_server > options.flows / 4);
            assert_true(!under_way || i > 0 || within_answer > options.flows / 4); /* 0 is api */
            traffic_destroy(maker.traffic);
        }
}

static void no_more_connections_are_alive_than_asked_for(void **state)
{
    (void)state;
    static bool open[CONNECTIONS_MAX], closing[CONNECTIONS_MAX];
    struct traffic_options options = options_of("handshakes");
    struct maker maker;
    unsigned alive = 0, most = 0;
    options.flows = 7;
    make(&maker, &options);
    for (unsigned packets = 0; packets < 20000; packets++) {
        assert_true(next(&maker));
        uint32_t number = maker.packet.connection;
        unsigned flags = maker.packet.bytes[maker.packet.tcp_offset + 13];
        alive += !open[number];
        open[number] = true;
        most = alive > most ? alive : most;
        if (closing[number] && flags == TCP_ACK)
            alive--;
        closing[number] = flags == (TCP_FIN | TCP_ACK);
    }
    assert_int_equal(most, 7);
    traffic_destroy(maker.traffic);
}

/* ---- what the mixes promise ---- */

static uint64_t make_bytes(struct maker *maker, const char *mix, uint64_t bytes)
{
    const struct traffic_options options = options_of(mix);
    make(maker, &options);
    while (totals(maker)->bytes < bytes)
        assert_true(next(maker));
    return totals(maker)->bytes / totals(maker)->packets;
}

static void the_packets_of_each_mix_are_as_long_as_they_should(void **state)
{
    (void)state;
    static const struct {
        const char *mix;
        uint64_t least, most;
    } rows[] = {{"api", 900, 1030}, {"bulk", 1000, 1060}, {"small", 60, 70}, {"flood", 100, 200}, {"deep", 850, 1030}};
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct maker maker;
        assert_in_range(make_bytes(&maker, rows[i].mix, 20000000), rows[i].least, rows[i].most);
        traffic_destroy(maker.traffic);
    }
}

struct header {
    char text[HEADER_MAX];
};

static int compare_headers(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct header));
}

/* How many different JOSE headers stand in the first tokens of a mix; looks at each token on the way. */
static unsigned count_headers(const char *mix, unsigned tokens, uint64_t *sightings)
{
    struct header *headers = calloc(tokens, sizeof(*headers));
    struct traffic_options options = options_of(mix);
    struct maker maker;
    unsigned found = 0, different = 1, longest = 0, shortest = UINT32_MAX;
    assert_non_null(headers);
    options.payload_bytes = TRAFFIC_PAYLOAD_MAX;
    make(&maker, &options);
    while (found < tokens) {
        size_t header_length, length;
        assert_true(next(&maker));
        if (!begins_request(&maker.packet))
            continue;
        const char *token = token_of(&maker.packet, &header_length, &length);
        assert_in_range(length, 900, 2200);
        assert_in_range(header_length, 60, HEADER_MAX - 1);
        longest = length > longest ? (unsigned)length : longest;
        shortest = length < shortest ? (unsigned)length : shortest;
        memcpy(headers[found++].text, token, header_length);
    }
    assert_true(longest > 2000 && shortest < 1100);
    assert_int_equal(totals(&maker)->tokens, found);
    *sightings = totals(&maker)->sightings;
    qsort(headers, tokens, sizeof(*headers), compare_headers);
    for (unsigned i = 1; i < tokens; i++)
        different += compare_headers(&headers[i - 1], &headers[i]) != 0;
    free(headers);
    traffic_destroy(maker.traffic);
    return different;
}

static void api_has_a_handful_of_headers_unique_as_many_as_tokens(void **state)
{
    (void)state;
    uint64_t sightings;
    unsigned different = count_headers("api", 20000, &sightings);
    assert_in_range(different, 4, 20);
    assert_in_range(sightings, 10, 120); /* 0.2 % of connections, of 35 calls each */
    assert_int_equal(count_headers("unique", 20000, &sightings), 20000);
    assert_in_range(sightings, 10, 120);
}

static void every_token_of_storm_is_a_sighting_of_any_of_the_keys(void **state)
{
    (void)state;
    uint64_t sightings;
    unsigned different = count_headers("storm", 20000, &sightings);
    assert_int_equal(sightings, 20000);
    assert_int_equal(different, 100);
}

static void two_in_a_thousand_connections_have_a_revoked_key(void **state)
{
    (void)state;
    struct traffic_options options = options_of("handshakes");
    struct maker maker;
    make(&maker, &options);
    while (totals(&maker)->connections < 20000)
        assert_true(next(&maker));
    assert_in_range(totals(&maker)->sightings, 38, 41);
    assert_true(maker.last.key < options.keys);
    assert_string_equal(maker.last.placement, "authorization");
    assert_int_equal(maker.last.token_sha256[0], '\0');
    traffic_destroy(maker.traffic);
}

static void nine_of_ten_packets_of_flood_are_syns_of_strangers(void **state)
{
    (void)state;
    struct traffic_options options = options_of("flood");
    struct maker maker;
    unsigned lone = 0;
    make(&maker, &options);
    for (unsigned packets = 0; packets < 100000; packets++) {
        assert_true(next(&maker));
        if (maker.packet.is_connection)
            continue;
        lone++;
        assert_int_equal(maker.packet.bytes[maker.packet.tcp_offset + 13], TCP_SYN);
        assert_int_not_equal(maker.packet.bytes[maker.packet.ip_offset + 12], 10); /* where clients are */
    }
    assert_in_range(lone, 89500, 90500);
    traffic_destroy(maker.traffic);
}

static void chaos_disturbs_as_many_segments_as_it_says(void **state)
{
    (void)state;
    struct maker maker;
    make_bytes(&maker, "chaos", 200000000);
    const struct traffic_totals *sums = totals(&maker);
    uint64_t segments = sums->payload_bytes / 1250; /* with payload, about */
    assert_in_range(sums->reordered_segments, segments * 8 / 1000, segments * 12 / 1000);
    assert_in_range(sums->duplicated_segments, segments * 8 / 1000, segments * 12 / 1000);
    assert_in_range(sums->lost_segments, segments * 7 / 10000, segments * 14 / 10000);
    assert_true(sums->tokens < sums->requests);
    traffic_destroy(maker.traffic);
    make_bytes(&maker, "api", 2000000);
    assert_int_equal(totals(&maker)->reordered_segments + totals(&maker)->duplicated_segments, 0);
    traffic_destroy(maker.traffic);
}

static void mixed_has_the_other_mixes_in_it(void **state)
{
    (void)state;
    struct maker maker;
    make_bytes(&maker, "mixed", 20000000);
    assert_true(totals(&maker)->sightings > totals(&maker)->tokens / 500); /* storm */
    assert_true(totals(&maker)->duplicated_segments > 0);                  /* chaos */
    assert_true(totals(&maker)->connections > 300);                        /* handshakes */
    traffic_destroy(maker.traffic);
}

/* ---- keys and options ---- */

static void key_ids_depend_on_seed_and_index_alone_and_are_no_thumbprints(void **state)
{
    (void)state;
    char a[TRAFFIC_KEY_ID_MAX], b[TRAFFIC_KEY_ID_MAX];
    traffic_key_id(1, 5, a);
    traffic_key_id(1, 5, b);
    assert_string_equal(a, b);
    traffic_key_id(2, 5, b);
    assert_string_not_equal(a, b);
    traffic_key_id(1, TRAFFIC_KEYS_MAX - 1, b);
    assert_string_not_equal(a, b);
    /* the lengths of 20 and of 32 bytes in base64url, base64 and hex */
    static const size_t thumbprints[] = {27, 28, 43, 44, 40, 64, 59, 95};
    for (unsigned i = 0; i < sizeof(thumbprints) / sizeof(thumbprints[0]); i++)
        assert_int_not_equal(strlen(a), thumbprints[i]);
    assert_int_equal(strlen(a), strlen(b));
}

static void options_out_of_range_are_refused_with_what_is_allowed(void **state)
{
    (void)state;
    struct traffic_options good = options_of("api"), bad[8];
    static const char *const words[] = {"mix", "1048576", "1048576", "10000000", "10000000", "65000", "65000"};
    for (unsigned i = 0; i < 7; i++)
        bad[i] = good;
    bad[0].mix = NULL;
    bad[1].flows = 0;
    bad[2].flows = TRAFFIC_FLOWS_MAX + 1;
    bad[3].keys = 0;
    bad[4].keys = TRAFFIC_KEYS_MAX + 1;
    bad[5].payload_bytes = 0;
    bad[6].payload_bytes = TRAFFIC_PAYLOAD_MAX + 1;
    for (unsigned i = 0; i < 7; i++) {
        struct traffic *traffic;
        struct error error;
        assert_true(traffic_create(&bad[i], NULL, NULL, &traffic, &error) < 0);
        assert_non_null(strstr(error.text, words[i]));
    }
    assert_null(traffic_mix_find("no such mix"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_options_give_the_same_packets),
        cmocka_unit_test(another_seed_gives_other_packets),
        cmocka_unit_test(every_frame_has_right_lengths_and_checksums),
        cmocka_unit_test(segments_follow_on_each_other_and_keep_to_the_window),
        cmocka_unit_test(totals_are_what_was_counted),
        cmocka_unit_test(finish_leaves_no_head_half),
        cmocka_unit_test(finish_sends_what_chaos_held_back),
        cmocka_unit_test(connections_begin_with_a_syn_and_under_way_without_and_never_within_a_head),
        cmocka_unit_test(no_more_connections_are_alive_than_asked_for),
        cmocka_unit_test(the_packets_of_each_mix_are_as_long_as_they_should),
        cmocka_unit_test(api_has_a_handful_of_headers_unique_as_many_as_tokens),
        cmocka_unit_test(every_token_of_storm_is_a_sighting_of_any_of_the_keys),
        cmocka_unit_test(two_in_a_thousand_connections_have_a_revoked_key),
        cmocka_unit_test(nine_of_ten_packets_of_flood_are_syns_of_strangers),
        cmocka_unit_test(chaos_disturbs_as_many_segments_as_it_says),
        cmocka_unit_test(mixed_has_the_other_mixes_in_it),
        cmocka_unit_test(key_ids_depend_on_seed_and_index_alone_and_are_no_thumbprints),
        cmocka_unit_test(options_out_of_range_are_refused_with_what_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

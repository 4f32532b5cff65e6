/* SPDX-License-Identifier: BSD-3-Clause */
/* Folding: which sightings a line tells. */
#include "alert_support.h"

static struct record sighting_at(uint64_t second)
{
    struct record record = test_record();
    record.time_ns = MORNING + second * SECOND;
    record.position += second;
    return record;
}

static void take_at(struct alerts *alerts, uint64_t second)
{
    struct record record = sighting_at(second);
    test_take(alerts, &record, TOKEN);
}

static json_int_t sum_of_sightings(json_t *lines)
{
    json_int_t sum = 0;
    size_t i;
    json_t *line;
    json_array_foreach(lines, i, line)
    {
        sum += json_integer_value(member(line, "bearertap.sightings"));
    }
    return sum;
}

static void a_first_sighting_leaves_at_once_and_repeats_wait(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    take_at(sink.alerts, 0);
    json_t *lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 1);
    assert_int_equal(number_at(lines, 0, "bearertap.sightings"), 1);
    json_decref(lines);

    take_at(sink.alerts, 10);
    take_at(sink.alerts, 20);
    lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 1);
    json_decref(lines);

    sink_finish(&sink);
    lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 2);
    assert_int_equal(number_at(lines, 1, "bearertap.sightings"), 2);
    assert_int_equal(number_at(lines, 1, "event.sequence"), 2);
    assert_string_equal(text_at(lines, 1, "event.start"), "2023-06-15T03:12:54.000000Z");
    assert_string_equal(text_at(lines, 1, "event.end"), "2023-06-15T03:13:04.000000Z");
    assert_string_equal(text_at(lines, 1, "@timestamp"), "2023-06-15T03:13:04.000000Z");
    assert_string_equal(text_at(lines, 1, "message"), "A token that names revoked key " REVOKED_KID
                                                      " was sent again by 10.0.0.5 to 10.0.0.9:80, 2 times more");
    /* Tied to the first, with an id of its own. */
    assert_string_equal(text_at(lines, 1, "bearertap.finding.id"), text_at(lines, 0, "bearertap.finding.id"));
    assert_string_not_equal(text_at(lines, 1, "event.id"), text_at(lines, 0, "event.id"));
    json_decref(lines);
    sink_close(&sink);
}

static void an_updates_id_is_that_of_its_first_token(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink folded = sink_open((struct alert_options){.keys = &keys});
    take_at(folded.alerts, 0);
    take_at(folded.alerts, 10);
    take_at(folded.alerts, 20);
    sink_finish(&folded);
    struct sink alone = sink_open((struct alert_options){.keys = &keys});
    take_at(alone.alerts, 10);
    json_t *lines = sink_json(&folded), *only = sink_json(&alone);
    assert_string_equal(text_at(lines, 1, "event.id"), text_at(only, 0, "event.id"));
    json_decref(lines);
    json_decref(only);
    sink_close(&folded);
    sink_close(&alone);
}

/* Whatever closes the windows. Sightings by second, and the lines that they make. */
static void a_window_of_a_minute_holds_what_came_in_it(void **state)
{
    (void)state;
    static const struct {
        int sightings[8]; /* ends at -1 */
        int lines[8];     /* sightings in each, ends at 0 */
    } cases[] = {
        {{0, 59, -1}, {1, 1}},
        {{0, 1, 59, 60, 61, -1}, {1, 2, 2}},         /* [0, 60) and [60, 120) */
        {{0, 1, 60, 119, 120, -1}, {1, 1, 2, 1}},    /* the next window begins where the last ended */
        {{0, 60, 61, -1}, {1, 1, 1}},                /* a minute of silence: leaves at once, not later */
        {{0, 200, 201, 259, 260, -1}, {1, 1, 2, 1}}, /* and opens a window of its own */
        {{0, 1, 200, 201, -1}, {1, 1, 1, 1}},        /* a window closed late is not longer */
        {{100, 90, 50, 159, 160, -1}, {1, 3, 1}},    /* times that go backwards stay in the window */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int with_time = 0; with_time <= 1; with_time++) {
            struct key_table keys = test_keys();
            struct sink sink = sink_open((struct alert_options){.keys = &keys});
            for (int j = 0; cases[i].sightings[j] >= 0; j++) {
                take_at(sink.alerts, (uint64_t)cases[i].sightings[j]);
                /* The worker's time goes to where the next sighting will be. */
                if (with_time == 1 && cases[i].sightings[j + 1] >= 0)
                    test_time(sink.alerts, 0, MORNING + (uint64_t)cases[i].sightings[j + 1] * SECOND);
            }
            test_flow_end(sink.alerts, 0, 1);
            json_t *lines = sink_json(&sink);
            for (size_t j = 0; j < 8; j++) {
                int got = j < json_array_size(lines) ? number_at(lines, j, "bearertap.sightings") : 0;
                if (got != cases[i].lines[j])
                    fail_msg("case %zu, line %zu: %d, not %d", i, j, got, cases[i].lines[j]);
                if (cases[i].lines[j] == 0)
                    break;
            }
            json_decref(lines);
            sink_close(&sink);
        }
    }
}

static void time_closes_the_windows_of_its_worker_only(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    for (int worker = 0; worker < 2; worker++) {
        for (uint64_t second = 0; second < 2; second++) {
            struct record record = sighting_at(second);
            record.worker = (uint8_t)worker;
            record.flow.client_port = (uint16_t)(1000 + worker);
            test_take(sink.alerts, &record, TOKEN); /* the same flow number: another connection all the same */
        }
    }
    test_time(sink.alerts, 1, MORNING + 59 * SECOND);
    json_t *lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 2);
    json_decref(lines);
    test_time(sink.alerts, 1, MORNING + 61 * SECOND);
    lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 3);
    assert_int_equal(number_at(lines, 2, "source.port"), 1001);
    json_decref(lines);
    sink_close(&sink);
}

static void a_connections_end_closes_its_folds_and_no_others(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    for (int round = 0; round < 2; round++) {
        for (uint64_t flow = 1; flow <= 3; flow++) {
            struct record record = sighting_at((uint64_t)round);
            record.flow.id = flow;
            record.flow.client_port = (uint16_t)flow;
            test_take(sink.alerts, &record, TOKEN);
            record.placement = PLACEMENT_QUERY;
            test_take(sink.alerts, &record, TOKEN);
        }
    }
    test_flow_end(sink.alerts, 1, 2); /* another worker's */
    test_flow_end(sink.alerts, 0, 9); /* unknown */
    json_t *lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 6);
    json_decref(lines);

    test_flow_end(sink.alerts, 0, 2);
    lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 8);
    for (size_t i = 6; i < 8; i++)
        assert_int_equal(number_at(lines, i, "source.port"), 2);
    assert_string_equal(text_at(lines, 6, "bearertap.token.placement"), "authorization");
    assert_string_equal(text_at(lines, 7, "bearertap.token.placement"), "query");
    json_decref(lines);

    test_flow_end(sink.alerts, 0, 2); /* nothing is left of it */
    sink_finish(&sink);
    lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 12);
    assert_int_equal(sum_of_sightings(lines), 12);
    assert_int_equal(alerts_counters(sink.alerts)->sightings, 12);
    assert_int_equal(alerts_counters(sink.alerts)->alerts, 12);
    json_decref(lines);
    sink_close(&sink);
}

/* Few buckets, so that connections meet in them, whatever the random key of the hash. */
static void connections_in_one_bucket_are_told_apart(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    for (int attempt = 0; attempt < 20; attempt++) {
        struct sink sink = sink_open((struct alert_options){.keys = &keys, .folds_max = 8});
        for (int i = 0; i < 16; i++) {
            struct record record = sighting_at((uint64_t)(i / 8));
            record.worker = (uint8_t)(i % 2);
            record.flow.id = (uint64_t)(i % 8 / 2);
            test_take(sink.alerts, &record, TOKEN);
        }
        for (uint64_t i = 0; i < 8; i++) {
            assert_int_equal(alerts_counters(sink.alerts)->alerts, 8 + i);
            test_flow_end(sink.alerts, (uint8_t)(i % 2), i / 2);
        }
        assert_int_equal(alerts_counters(sink.alerts)->alerts, 16);
        sink_close(&sink);
    }
}

static void only_the_same_token_in_the_same_place_is_folded(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    for (int i = 0; i < 5; i++) {
        struct record record = sighting_at(0);
        record.flow.id += i == 1;
        record.from_server = i == 2;
        record.placement = i == 3 ? PLACEMENT_COOKIE : PLACEMENT_AUTHORIZATION;
        test_take(sink.alerts, &record, i == 4 ? TOKEN_HEADER_TEXT "." TOKEN_PAYLOAD_TEXT "." : TOKEN);
    }
    json_t *lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 5);
    json_decref(lines);
    sink_close(&sink);
}

static void when_there_is_no_room_the_longest_unseen_leaves_early(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys, .folds_max = 2});
    static const uint64_t flows[] = {1, 2, 1, 2, 1, 3, 1, 2};
    for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
        struct record record = sighting_at(i);
        record.flow.id = flows[i];
        record.flow.client_port = (uint16_t)flows[i];
        test_take(sink.alerts, &record, TOKEN);
    }
    /* 3 found no room and made 2 leave, which had one repeat; then 2 came again and made 3 leave, which had none. */
    assert_int_equal(alerts_counters(sink.alerts)->folds_evicted, 1);
    sink_finish(&sink);
    json_t *lines = sink_json(&sink);
    static const struct {
        int port, sightings;
    } expected[] = {{1, 1}, {2, 1}, {3, 1}, {2, 1}, {2, 1}, {1, 3}};
    assert_int_equal(json_array_size(lines), 6);
    assert_int_equal(sum_of_sightings(lines), 8);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(number_at(lines, i, "source.port"), expected[i].port);
    assert_int_equal(number_at(lines, 5, "source.port"), expected[5].port);
    assert_int_equal(number_at(lines, 5, "bearertap.sightings"), expected[5].sightings);
    json_decref(lines);
    sink_close(&sink);
}

static uint64_t random_state;

static uint64_t random_number(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

#define FLOWS     40
#define SIGHTINGS 30

/* The lines of one flow, in order: start, end and sightings of each, as text. */
static void lines_of_flow(json_t *lines, int port, char *out, size_t capacity)
{
    size_t used = 0, i;
    json_t *line;
    out[0] = '\0';
    json_array_foreach(lines, i, line)
    {
        if (number_at(lines, i, "source.port") != port)
            continue;
        used += (size_t)snprintf(out + used, capacity - used, "%s %s %s %d\n", text_at(lines, i, "event.id"),
                                 text_at(lines, i, "event.start"), text_at(lines, i, "event.end"),
                                 number_at(lines, i, "bearertap.sightings"));
        assert_true(used < capacity);
    }
}

static void take_of_flow(struct alerts *alerts, int flow, int workers, uint64_t time_ns, uint64_t position)
{
    struct record record = test_record();
    record.worker = (uint8_t)(flow % workers);
    record.flow.id = (uint64_t)(flow / workers + 1);
    record.flow.client_port = (uint16_t)(1 + flow);
    record.time_ns = time_ns;
    record.position = position;
    test_take(alerts, &record, TOKEN);
}

/* Many connections at once, on one worker and on three, with and without time records, against each of them alone. */
static void a_connection_folds_alike_whatever_happens_beside_it(void **state)
{
    (void)state;
    static uint64_t times[FLOWS][SIGHTINGS];
    static char alone[FLOWS][SIGHTINGS * 128], together[SIGHTINGS * 128];
    struct key_table keys = test_keys();
    for (uint64_t seed = 1; seed <= 8; seed++) {
        random_state = seed * 0x9e3779b97f4a7c15U;
        for (int flow = 0; flow < FLOWS; flow++) {
            struct sink sink = sink_open((struct alert_options){.keys = &keys});
            uint64_t time_ns = MORNING;
            for (int i = 0; i < SIGHTINGS; i++) {
                time_ns += random_number(40) * SECOND;
                times[flow][i] = time_ns;
                take_of_flow(sink.alerts, flow, 1, time_ns, (uint64_t)i);
            }
            sink_finish(&sink);
            json_t *lines = sink_json(&sink);
            assert_int_equal(sum_of_sightings(lines), SIGHTINGS);
            lines_of_flow(lines, 1 + flow, alone[flow], sizeof(alone[flow]));
            json_decref(lines);
            sink_close(&sink);
        }
        for (int workers = 1; workers <= 3; workers += 2) {
            struct sink sink = sink_open((struct alert_options){.keys = &keys});
            int next[FLOWS] = {0};
            for (int left = FLOWS * SIGHTINGS; left > 0; left--) {
                int earliest = -1;
                for (int flow = 0; flow < FLOWS; flow++)
                    if (next[flow] < SIGHTINGS &&
                        (earliest < 0 || times[flow][next[flow]] < times[earliest][next[earliest]]))
                        earliest = flow;
                uint64_t time_ns = times[earliest][next[earliest]];
                if (workers == 3 || random_number(3) == 0)
                    test_time(sink.alerts, (uint8_t)(earliest % workers), time_ns);
                take_of_flow(sink.alerts, earliest, workers, time_ns, (uint64_t)next[earliest]);
                if (++next[earliest] == SIGHTINGS && random_number(2) == 0)
                    test_flow_end(sink.alerts, (uint8_t)(earliest % workers), (uint64_t)(earliest / workers + 1));
            }
            sink_finish(&sink);
            json_t *lines = sink_json(&sink);
            assert_int_equal(sum_of_sightings(lines), FLOWS * SIGHTINGS);
            for (int flow = 0; flow < FLOWS; flow++) {
                lines_of_flow(lines, 1 + flow, together, sizeof(together));
                if (strcmp(together, alone[flow]) != 0)
                    fail_msg("seed %" PRIu64 ", %d workers, flow %d:\n%s\nalone:\n%s", seed, workers, flow, together,
                             alone[flow]);
            }
            json_decref(lines);
            sink_close(&sink);
        }
    }
}

/* Random times, backwards too: whenever the worker's time has gone on, every window that is over has left, and no
 * other. The model keeps a list and looks through all of it. */
static void time_closes_every_window_that_is_over_and_no_other(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    for (uint64_t seed = 1; seed <= 10; seed++) {
        random_state = seed * 0x9e3779b97f4a7c15U;
        struct sink sink = sink_open((struct alert_options){.keys = &keys});
        uint64_t start[400];
        bool open[400] = {false};
        uint64_t expected = 0;
        for (int flow = 0; flow < 400; flow++) {
            start[flow] = MORNING + random_number(600 * SECOND);
            take_of_flow(sink.alerts, flow, 1, start[flow], 0);
            expected++;
            if (random_number(3) > 0) {
                take_of_flow(sink.alerts, flow, 1, start[flow] + 1, 1);
                open[flow] = true;
            }
            if (random_number(4) == 0) {
                test_flow_end(sink.alerts, 0, (uint64_t)flow + 1);
                expected += open[flow];
                open[flow] = false;
            }
        }
        for (uint64_t now = MORNING; now < MORNING + 700 * SECOND; now += random_number(30 * SECOND)) {
            test_time(sink.alerts, 0, now);
            for (int flow = 0; flow < 400; flow++) {
                if (open[flow] && now >= start[flow] + 61 * SECOND) { /* a window, and the grace for held packets */
                    open[flow] = false;
                    expected++;
                }
            }
            if (alerts_counters(sink.alerts)->alerts != expected)
                fail_msg("seed %" PRIu64 ": %" PRIu64 " lines, not %" PRIu64, seed,
                         alerts_counters(sink.alerts)->alerts, expected);
        }
        sink_close(&sink);
    }
}

static void take_request(struct alerts *alerts, uint64_t second, const char *path, bool gap)
{
    struct record record = sighting_at(second);
    record.gap = gap;
    record.request = (struct record_request){.method_length = 3, .method = "GET", .user_agent_length = 1};
    record.request.user_agent[0] = 'x';
    record.request.path_length = (uint16_t)strlen(path);
    memcpy(record.request.path, path, strlen(path));
    test_take(alerts, &record, TOKEN);
}

/* The first one's path at the time of another would be made up. */
static void an_update_tells_the_request_only_where_all_its_sightings_have_it(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    take_request(sink.alerts, 0, "/a", false);
    take_request(sink.alerts, 1, "/a", false);
    take_request(sink.alerts, 2, "/a", false);
    take_request(sink.alerts, 61, "/a", false); /* the first update leaves: all alike */
    take_request(sink.alerts, 62, "/b", true);
    take_request(sink.alerts, 63, "/a", false);
    take_request(sink.alerts, 121, "/a", false); /* the second: one of them is another */
    sink_finish(&sink);                          /* the third: alike again */
    json_t *lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 4);
    static const char *const paths[] = {"/a", "/a", "(nothing)", "/a"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(text_at(lines, i, "url.path"), paths[i]);
        assert_string_equal(text_at(lines, i, "http.request.method"), i == 2 ? "(nothing)" : "GET");
        assert_string_equal(text_at(lines, i, "user_agent.original"), i == 2 ? "(nothing)" : "x");
        assert_int_equal(strstr(text_at(lines, i, "message"), "(GET /a)") != NULL, i != 2);
        assert_int_equal(json_is_true(member(json_array_get(lines, i), "bearertap.stream.gap")), i >= 2);
    }
    json_decref(lines);
    sink_close(&sink);
}

/* The clock set back by an hour in the midst of a window: lines tell the time anew, and windows and ids know nothing of
 * it. */
static void when_the_systems_clock_was_set_lines_tell_its_time_and_folding_goes_on(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    json_t *lines[2];
    for (unsigned is_set = 0; is_set < 2; is_set++) {
        struct sink sink = sink_open((struct alert_options){.keys = &keys});
        struct record record = test_record();
        test_take(sink.alerts, &record, TOKEN);
        record.time_ns += SECOND;
        test_take(sink.alerts, &record, TOKEN);
        atomic_store(&capture_correction_ns, is_set ? -3600 * (int64_t)SECOND : 0);
        test_time(sink.alerts, 0, MORNING + 61 * SECOND);
        record.time_ns = MORNING + 130 * SECOND;
        test_take(sink.alerts, &record, TOKEN);
        lines[is_set] = sink_json(&sink);
        atomic_store(&capture_correction_ns, 0);
        sink_close(&sink);
    }
    static const char *const times[] = {"@timestamp", "event.start", "event.end"};
    static const char *const said[2][3] = {
        {"2023-06-15T03:12:44.000000Z", "2023-06-15T03:12:45.000000Z", "2023-06-15T03:14:54.000000Z"},
        {"2023-06-15T03:12:44.000000Z", "2023-06-15T02:12:45.000000Z", "2023-06-15T02:14:54.000000Z"}};
    for (unsigned is_set = 0; is_set < 2; is_set++) {
        assert_int_equal(json_array_size(lines[is_set]), 3);
        for (unsigned i = 0; i < 3; i++) {
            for (unsigned t = 0; t < 3; t++)
                assert_string_equal(text_at(lines[is_set], i, times[t]), said[is_set][i]);
            assert_string_equal(text_at(lines[is_set], i, "event.id"), text_at(lines[0], i, "event.id"));
        }
    }
    json_decref(lines[0]);
    json_decref(lines[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_sighting_leaves_at_once_and_repeats_wait),
        cmocka_unit_test(an_update_tells_the_request_only_where_all_its_sightings_have_it),
        cmocka_unit_test(an_updates_id_is_that_of_its_first_token),
        cmocka_unit_test(a_window_of_a_minute_holds_what_came_in_it),
        cmocka_unit_test(time_closes_the_windows_of_its_worker_only),
        cmocka_unit_test(a_connections_end_closes_its_folds_and_no_others),
        cmocka_unit_test(connections_in_one_bucket_are_told_apart),
        cmocka_unit_test(only_the_same_token_in_the_same_place_is_folded),
        cmocka_unit_test(when_there_is_no_room_the_longest_unseen_leaves_early),
        cmocka_unit_test(a_connection_folds_alike_whatever_happens_beside_it),
        cmocka_unit_test(time_closes_every_window_that_is_over_and_no_other),
        cmocka_unit_test(when_the_systems_clock_was_set_lines_tell_its_time_and_folding_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What may leave and how: no secret, nothing that a reader chokes on, and a failing output is said. */
#include "alert_support.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>

/* Cut as a worker cuts. */
static uint16_t put(uint8_t *out, size_t capacity, const char *text)
{
    size_t length = strlen(text) < capacity ? strlen(text) : capacity;
    memcpy(out, text, length);
    return (uint16_t)length;
}

static struct record record_with(const char *path, const char *user_agent, const char *domain)
{
    struct record record = test_record();
    struct record_request *request = &record.request;
    request->path_length = put(request->path, sizeof(request->path), path);
    request->user_agent_length = put(request->user_agent, sizeof(request->user_agent), user_agent);
    request->domain_length = put(request->domain, sizeof(request->domain), domain);
    return record;
}

/* In either format, all that is written for one sighting, with a repeat and a clean copy. The caller frees it. */
static char *all_output(const struct record *record, const char *token)
{
    char *all = calloc(1, 1 << 20);
    static const char *const formats[] = {"ecs", "text"};
    for (size_t i = 0; i < 2; i++) {
        struct key_table keys = test_keys();
        struct sink sink = sink_open(
            (struct alert_options){.keys = &keys, .format = alert_format_find(formats[i]), .all_tokens = true});
        test_take(sink.alerts, record, token);
        test_take(sink.alerts, record, token);
        test_take(sink.alerts, record, CLEAN_TOKEN);
        sink_finish(&sink);
        strcat(all, sink_text(&sink));
        sink_close(&sink);
    }
    return all;
}

/* Tokens that begin otherwise than the one that is told of; the second with a space before its '{'. */
#define OTHER_PAYLOAD   "eyJzdWIiOiJtYWxsb3J5In0"
#define OTHER_SIGNATURE "c2lnbmF0dXJlLW9mLW1hbGxvcnk"
#define OTHER_REST      OTHER_PAYLOAD "." OTHER_SIGNATURE
#define OTHER_TOKEN     "eyJraWQiOiJvdGhlciIsImFsZyI6IlJTMjU2In0." OTHER_REST
#define SPACED_TOKEN    "IHsia2lkIjoib3RoZXIiLCJhbGciOiJSUzI1NiJ9." OTHER_REST

static void no_line_holds_a_token_or_a_query(void **state)
{
    (void)state;
    static const struct {
        const char *path, *user_agent, *domain;
    } requests[] = {
        {"/verify/" TOKEN "/now", "curl", "api"},
        {"/verify/" CLEAN_TOKEN, "agent/" TOKEN, "api"},
        {"/reset-" TOKEN, "agent (" CLEAN_TOKEN "; " TOKEN ")", "api"},
        {"/x", "y", TOKEN},
        {"/reset-" OTHER_TOKEN, "agent_" OTHER_TOKEN ".x", "api." OTHER_TOKEN},
        {"/" SPACED_TOKEN "/x", "agent " SPACED_TOKEN, "api"},
        {"/v/%65yJ%2E" OTHER_TOKEN, "agent\x80" OTHER_TOKEN, "api"},
        {"/a;jwt=" CLEAN_TOKEN, TOKEN TOKEN, "api"},
        {"/eyJ-eyJ_eyJ-eyJ_eyJ-eyJ_" CLEAN_TOKEN, "a." CLEAN_TOKEN, "b"},
        {"/search?q=querysecret&t=" TOKEN, "querysecret-not", "api"},
    };
    static const char *const secrets[] = {TOKEN_PAYLOAD_TEXT,
                                          TOKEN_SIGNATURE_TEXT,
                                          "4idrPxzVh1uEBJsFvGnSXFRvVVEg0u0x",
                                          "eyJpc3MiOiJ4In0",
                                          "q=querysecret",
                                          OTHER_PAYLOAD,
                                          OTHER_SIGNATURE,
                                          "IHsia2lk"};
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct record record = record_with(requests[i].path, requests[i].user_agent, requests[i].domain);
        char *all = all_output(&record, TOKEN);
        assert_non_null(strstr(all, TOKEN_SHA256));
        for (size_t j = 0; j < sizeof(secrets) / sizeof(secrets[0]); j++)
            if (strstr(all, secrets[j]) != NULL)
                fail_msg("request %zu shows %s: %s", i, secrets[j], all);
        free(all);
    }
}

/* A path is cut at RECORD_PATH_MAX, and the token in it anywhere. */
static void a_token_that_a_cut_path_begins_is_hidden_too(void **state)
{
    (void)state;
    for (size_t length = sizeof(TOKEN_HEADER_TEXT) + 4; length < sizeof(TOKEN); length += 5) {
        char path[RECORD_PATH_MAX];
        snprintf(path, sizeof(path), "/v/%.*s", (int)length, TOKEN);
        struct record record = record_with(path, "a", "b");
        char *all = all_output(&record, TOKEN);
        assert_null(strstr(all, ".eyJh"));
        assert_null(strstr(all, "eyJhbGci"));
        free(all);
        all = all_output(&record, TOKEN_HEADER_TEXT ".e30.");
        assert_null(strstr(all, ".eyJh")); /* another token than the one that is told of */
        free(all);
    }
}

/* It shares no beginning with TOKEN, by which it would be known for the own one. */
#define ANOTHER "eyJraWQiOiJvdGhlciJ9.e30."

/* Any of its characters may be, and of another's too. */
static void a_percent_coded_token_in_the_path_is_hidden(void **state)
{
    (void)state;
    for (size_t step = 1; step < 60; step += 3) {
        char path[RECORD_PATH_MAX] = "/v/";
        size_t length = strlen(path);
        for (size_t i = 0; TOKEN[i] != '\0' && length + 4 < sizeof(path); i++)
            length += (size_t)snprintf(path + length, sizeof(path) - length, i % step == 0 ? "%%%02x" : "%c", TOKEN[i]);
        struct record record = record_with(path, "a", "b");
        for (unsigned own = 0; own < 2; own++) {
            char *all = all_output(&record, own ? TOKEN : ANOTHER);
            assert_non_null(strstr(all, "/v/[token]\""));
            free(all);
        }
    }
}

static void a_token_behind_a_percent_sign_is_hidden(void **state)
{
    (void)state;
    struct record record = record_with("/%a" TOKEN, "%" TOKEN, "z");
    char *all = all_output(&record, ANOTHER);
    assert_null(strstr(all, TOKEN));
    assert_null(strstr(all, "yJhbGci"));
    free(all);
}

/* What is junk to a decoder parts it for us. */
static void the_claims_of_a_token_that_is_parted_are_hidden(void **state)
{
    (void)state;
    struct record record = record_with("/", "a", "x " TOKEN_HEADER_TEXT "!.eyJzdWIiOiJhbGljZSJ9!.c2ln");
    char *all = all_output(&record, ANOTHER);
    assert_null(strstr(all, "eyJzdWI"));
    assert_null(strstr(all, "eyJhbGci"));
    free(all);
}

static void an_opaque_token_in_the_path_is_hidden(void **state)
{
    (void)state;
    struct sink sink = sink_open((struct alert_options){.all_tokens = true});
    struct record record = record_with("/t/ya29.a0AfH6/SMBx+secret==/u", "y", "z");
    record.opaque = true;
    test_take(sink.alerts, &record, "ya29.a0AfH6/SMBx+secret==");
    json_t *lines = sink_json(&sink);
    assert_string_equal(text_at(lines, 0, "url.path"), "/t/[token]/u");
    json_decref(lines);
    sink_close(&sink);
}

static void ordinary_paths_are_shown_as_they_are(void **state)
{
    (void)state;
    static const char *const paths[] = {"/",
                                        "/v1/mail",
                                        "/keyIdentifiersAndMore.configuration.html",
                                        "/eyewitness.reports.2023",
                                        "/reviews/ewok.pictures.of.the.moon.jpeg",
                                        "/a.b/c.d/e.f/%7Euser/x.min.js",
                                        "/eyJhIjoxfQ",
                                        "/1LTMzakihiRla_8z2BEJVXeWMqo"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct key_table keys = test_keys();
        struct sink sink = sink_open((struct alert_options){.keys = &keys});
        struct record record = record_with(paths[i], "Mozilla/5.0 (X11; Linux x86_64)", "api.example.com");
        test_take(sink.alerts, &record, TOKEN);
        json_t *lines = sink_json(&sink);
        assert_string_equal(text_at(lines, 0, "url.path"), paths[i]);
        assert_string_equal(text_at(lines, 0, "url.domain"), "api.example.com");
        assert_string_equal(text_at(lines, 0, "user_agent.original"), "Mozilla/5.0 (X11; Linux x86_64)");
        json_decref(lines);
        sink_close(&sink);
    }
}

/* Expected texts by Python: bytes.decode('utf-8', 'replace'). */
static void what_is_not_utf_8_is_replaced(void **state)
{
    (void)state;
#define R "\xef\xbf\xbd"
    static const struct {
        const char *raw, *text;
    } cases[] = {
        {"/a\x80z", "/a" R "z"},
        {"\xe2\x82", R},
        {"\xe2\x82x", R "x"},
        {"\xf0\x9f\x98", R},
        {"\xf0\x9f\x98\x80!", "\xf0\x9f\x98\x80!"},
        {"\xc0\xaf", R R},
        {"\xed\xa0\x80", R R R},
        {"\xf4\x90\x80\x80", R R R R},
        {"\xe0\x80\x80", R R R},
        {"\xf0\x80\x80\x41", R R R "A"},
        {"\xc3\x28", R "("},
        {"\x01\x1f\"\\\x7f/", "\x01\x1f\"\\\x7f/"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct key_table keys = test_keys();
        struct sink sink = sink_open((struct alert_options){.keys = &keys});
        struct record record = record_with(cases[i].raw, "y", "z");
        test_take(sink.alerts, &record, TOKEN);
        json_t *lines = sink_json(&sink);
        assert_string_equal(text_at(lines, 0, "url.path"), cases[i].text);
        json_decref(lines);
        sink_close(&sink);
    }
    /* A character that does not fit is left out whole. */
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    struct record record = record_with("/", "y", "z");
    memset(record.request.path, '\x80', RECORD_PATH_MAX);
    record.request.path_length = RECORD_PATH_MAX;
    test_take(sink.alerts, &record, TOKEN);
    json_t *lines = sink_json(&sink);
    assert_int_equal(strlen(text_at(lines, 0, "url.path")), RECORD_PATH_MAX / 3 * 3);
    json_decref(lines);
    /* And nothing after it. */
    memset(record.request.path, 'a', RECORD_PATH_MAX);
    record.request.path[RECORD_PATH_MAX - 2] = 0x80;
    record.flow.id++;
    test_take(sink.alerts, &record, TOKEN);
    lines = sink_json(&sink);
    assert_int_equal(strlen(text_at(lines, 1, "url.path")), RECORD_PATH_MAX - 2);
    json_decref(lines);
    sink_close(&sink);
}

static void text_cannot_drive_a_terminal_or_forge_a_column(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *shown;
    } cases[] = {
        {"/\033[31mred", "/\\x1B[31mred"},
        {"/a\r\nb\tc", "/a\\x0D\\x0Ab\\x09c"},
        {"/\x7f", "/\\x7F"},
        {"/\302\23331m", "/\\xC2\\x9B31m"},       /* CSI as one C1 character */
        {"/\u202egpj", "/\\xE2\\x80\\xAEgpj"},    /* right-to-left override */
        {"/\u2066x", "/\\xE2\\x81\\xA6x"},        /* left-to-right isolate */
        {"/\u061c", "/\\xD8\\x9C"},               /* Arabic letter mark */
        {"/\u2028", "/\\xE2\\x80\\xA8"},          /* line separator */
        {"/\u200b", "/\\xE2\\x80\\x8B"},          /* zero width space */
        {"/\U000e0041", "/\\xF3\\xA0\\x81\\x81"}, /* tag A */
        {"/\\x41", "/\\x5Cx41"},                  /* our own escape is not to be forged */
        {" a", " \\x20a"},                        /* one space: without a slash it is no part of the domain */
        {"/a  b c ", "/a \\x20b c\\x20"},         /* nor a column */
        {"/gr\u00fc\u00dfe/\u65e5", "/gr\u00fc\u00dfe/\u65e5"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct key_table keys = test_keys();
        struct sink sink = sink_open((struct alert_options){.keys = &keys, .format = alert_format_find("text")});
        struct record record = record_with(cases[i].raw, "y", "z");
        test_take(sink.alerts, &record, TOKEN);
        char wanted[128];
        snprintf(wanted, sizeof(wanted), "  z%s  authorization  ", cases[i].shown);
        if (strstr(sink_text(&sink), wanted) == NULL)
            fail_msg("case %zu: %s", i, sink_text(&sink));
        sink_close(&sink);
    }
}

/* All of the object's own memory; folds and buffers hold only what lines say, and all_output looks at lines. */
static void nothing_of_a_token_stays_in_memory(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys, .all_tokens = true});
    static const char *const tokens[] = {TOKEN, CLEAN_TOKEN, OTHER_TOKEN};
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct record record = test_record();
        record.flow.id = i;
        test_take(sink.alerts, &record, tokens[i]);
        assert_null(memmem(sink.alerts, malloc_usable_size(sink.alerts), tokens[i], strlen(tokens[i])));
        assert_null(memmem(sink.alerts, malloc_usable_size(sink.alerts), strchr(tokens[i], '.'), 12));
    }
    sink_close(&sink);
}

/* Bytes that grow most, in every place at once. */
static void the_longest_line_fits(void **state)
{
    (void)state;
    static char text[2][RECORD_PATH_MAX + 1];
    memset(text[0], '\x01', RECORD_PATH_MAX);
    memset(text[1], '"', RECORD_PATH_MAX);
    for (int i = 0; i < 2; i++) {
        struct key_entry entry = {
            .id = text[i], .reason = text[i], .revoked_at = "2023-06-16T00:00:00.123456789+00:00"};
        struct key_table keys = test_keys();
        keys.conclusion.entries_count = CONCLUSION_ENTRIES_MAX;
        for (int j = 0; j < CONCLUSION_ENTRIES_MAX; j++) {
            keys.conclusion.entries[j].entry = entry;
            keys.conclusion.entries[j].matched_by = 0x3f;
        }
        struct record record = record_with("", "", "");
        memset(&record.request, text[i][0], sizeof(record.request));
        record.request.method_length = UINT16_MAX; /* lengths that lie stay within their arrays */
        record.request.domain_length = record.request.path_length = record.request.user_agent_length = UINT16_MAX;
        struct sink sink = sink_open((struct alert_options){.keys = &keys, .observer_name = text[i]});
        test_take(sink.alerts, &record, TOKEN);
        json_t *lines = sink_json(&sink);
        assert_int_equal(json_array_size(lines), 1);
        assert_int_equal(strlen(text_at(lines, 0, "user_agent.original")), RECORD_USER_AGENT_MAX);
        assert_int_equal(json_array_size(member(json_array_get(lines, 0), "bearertap.key")), CONCLUSION_ENTRIES_MAX);
        json_decref(lines);
        sink_close(&sink);
    }
}

static struct alerts *alerts_to(int fd, struct key_table *keys)
{
    struct alert_options options = {
        .fd = fd, .keys = keys, .format = alert_format_find("ecs"), .observer_name = "tap1", .folds_max = 10};
    struct alerts *alerts;
    struct error error;
    assert_int_equal(alerts_create(&options, &alerts, &error), 0);
    return alerts;
}

static int take_once(struct alerts *alerts, uint64_t flow_id, struct error *error)
{
    struct record record = test_record();
    record.flow.id = flow_id;
    return test_take_cut(alerts, &record, TOKEN, strlen(TOKEN), CHUNK_DATA_MAX, error);
}

static void a_reader_that_went_away_is_epipe_for_good(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    struct key_table keys = test_keys();
    struct alerts *alerts = alerts_to(ends[1], &keys);
    struct error error;
    assert_int_equal(take_once(alerts, 1, &error), 0); /* buffered */
    assert_int_equal(alerts_flush(alerts, &error), -EPIPE);
    assert_int_equal(take_once(alerts, 2, &error), -EPIPE);
    assert_int_equal(alerts_finish(alerts, &error), -EPIPE);
    assert_int_equal(alerts_counters(alerts)->lines_written, 0);
    assert_int_equal(alerts_counters(alerts)->lines_lost, 2);
    alerts_destroy(alerts);
    close(ends[1]);
}

static void a_full_disk_is_said_in_words(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0);
    int saved = dup(STDOUT_FILENO);
    fflush(stdout);
    dup2(full, STDOUT_FILENO);
    struct key_table keys = test_keys();
    struct alerts *alerts = alerts_to(STDOUT_FILENO, &keys);
    struct error error = {""}, again = {""};
    int taken = take_once(alerts, 1, &error), flushed = alerts_flush(alerts, &error);
    int more = take_once(alerts, 2, NULL); /* still judged: what is lost is counted */
    int finished = alerts_finish(alerts, &again);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(full);
    alerts_destroy(alerts);
    assert_int_equal(taken, 0);
    assert_int_equal(flushed, -ENOSPC);
    assert_int_equal(more, -ENOSPC);
    static const char place[] =
        "cannot write alerts to standard output: No space left on device; 0 lines were written, 1 ";
    assert_memory_equal(error.text, place, sizeof(place) - 1);
    assert_non_null(strstr(again.text, "0 lines were written, 2 lost"));
    assert_int_equal(finished, -ENOSPC);
}

struct slow_reader {
    int fd;
    size_t bytes, lines;
};

static void *read_slowly(void *context)
{
    struct slow_reader *reader = context;
    char bytes[1000];
    ssize_t more;
    while ((more = read(reader->fd, bytes, sizeof(bytes))) > 0) {
        reader->bytes += (size_t)more;
        for (ssize_t i = 0; i < more; i++)
            reader->lines += bytes[i] == '\n';
        if (reader->bytes < 50000)
            usleep(1000);
    }
    return NULL;
}

static void nothing_is_lost_to_a_slow_pipe_that_does_not_block(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    struct slow_reader reader = {.fd = ends[0]};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
    struct key_table keys = test_keys();
    struct alerts *alerts = alerts_to(ends[1], &keys);
    struct error error;
    for (uint64_t flow = 0; flow < 1000; flow++) /* some 1.3 MB: several buffers, many pipes */
        assert_int_equal(take_once(alerts, flow, &error), 0);
    assert_int_equal(alerts_finish(alerts, &error), 0);
    assert_int_equal(alerts_counters(alerts)->alerts, 1000);
    alerts_destroy(alerts);
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
    assert_int_equal(reader.lines, 1000);
}

static void a_line_says_what_was_lost_before_it(void **state)
{
    (void)state;
    static const char *const formats[] = {"ecs", "text"};
    static const char *const said[] = {"(1 alert lost before this one)\n", "(12 alerts lost before this one)\n"};
    for (unsigned i = 0; i < 4; i++) {
        struct key_table keys = test_keys();
        struct sink sink = sink_open((struct alert_options){
            .keys = &keys, .live = true, .all_tokens = true, .format = alert_format_find(formats[i % 2])});
        struct record record = test_record();
        alerts_note_lost(sink.alerts, i < 2 ? 1 : 12);
        test_take(sink.alerts, &record, i < 2 ? TOKEN : CLEAN_TOKEN);
        record.flow.id++;
        test_take(sink.alerts, &record, TOKEN);
        sink_finish(&sink);
        if (i % 2 == 0) {
            json_t *lines = sink_json(&sink);
            assert_int_equal(number_at(lines, 0, "bearertap.lost"), i < 2 ? 1 : 12);
            assert_null(member(json_array_get(lines, 1), "bearertap.lost"));
            json_decref(lines);
        } else {
            const char *first = strstr(sink_text(&sink), said[i / 2]);
            assert_non_null(first);
            assert_null(strstr(first + strlen(said[i / 2]), "before this one"));
        }
        sink_close(&sink);
    }
}

static void a_line_says_which_clock_stamped_its_packets_where_that_is_known(void **state)
{
    (void)state;
    for (unsigned is_known = 0; is_known < 2; is_known++) {
        struct key_table keys = test_keys();
        struct sink sink = sink_open((struct alert_options){.keys = &keys, .clock = is_known ? "sundial" : NULL});
        struct record record = test_record();
        test_take(sink.alerts, &record, TOKEN);
        json_t *lines = sink_json(&sink);
        assert_string_equal(text_at(lines, 0, "bearertap.capture.clock"), is_known ? "sundial" : "(nothing)");
        assert_int_equal(member(json_array_get(lines, 0), "bearertap.capture") != NULL, is_known);
        json_decref(lines);
        sink_close(&sink);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_line_holds_a_token_or_a_query),
        cmocka_unit_test(a_token_that_a_cut_path_begins_is_hidden_too),
        cmocka_unit_test(a_percent_coded_token_in_the_path_is_hidden),
        cmocka_unit_test(a_token_behind_a_percent_sign_is_hidden),
        cmocka_unit_test(the_claims_of_a_token_that_is_parted_are_hidden),
        cmocka_unit_test(an_opaque_token_in_the_path_is_hidden),
        cmocka_unit_test(ordinary_paths_are_shown_as_they_are),
        cmocka_unit_test(what_is_not_utf_8_is_replaced),
        cmocka_unit_test(text_cannot_drive_a_terminal_or_forge_a_column),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(nothing_of_a_token_stays_in_memory),
        cmocka_unit_test(a_reader_that_went_away_is_epipe_for_good),
        cmocka_unit_test(a_full_disk_is_said_in_words),
        cmocka_unit_test(nothing_is_lost_to_a_slow_pipe_that_does_not_block),
        cmocka_unit_test(a_line_says_what_was_lost_before_it),
        cmocka_unit_test(a_line_says_which_clock_stamped_its_packets_where_that_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests in a buffer, and the window of kept client bytes over a stream. */
#include "../../app/http/request.h"
#include "scan_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bearertap/token.h>

/* Finds the place of the first byte of `what` in the bytes. */
static bool find(const char *bytes, const char *what, struct http_place *place)
{
    const char *at = strstr(bytes, what);
    assert_non_null(at);
    return http_find_request((const uint8_t *)bytes, (uint32_t)strlen(bytes), (uint32_t)(at - bytes), place);
}

static void assert_view(struct http_view view, const char *text)
{
    if (text == NULL) {
        assert_true(view.bytes == NULL || view.length == 0);
        return;
    }
    assert_non_null(view.bytes);
    assert_int_equal(view.length, strlen(text));
    assert_memory_equal(view.bytes, text, view.length);
}

static void a_byte_of_each_region_knows_its_request(void **state)
{
    (void)state;
    static const char bytes[] =
        "POST /a/b?q=QUERY HTTP/1.1\r\nHost: h.example:8080\r\nUser-Agent:  x y \r\n"
        "Content-Type: text/plain\r\nX-Long: one\r\n FOLDED\r\nContent-Length: 8\r\n\r\nBODY1234";
    static const struct {
        const char *what;
        enum http_region region;
        const char *header;
    } rows[] = {{"POST", HTTP_REQUEST_LINE, NULL},
                {"QUERY", HTTP_REQUEST_LINE, NULL},
                {"h.example", HTTP_HEADER, "Host"},
                {"one", HTTP_HEADER, "X-Long"},
                {"FOLDED", HTTP_HEADER, "X-Long"},
                {"BODY", HTTP_BODY, NULL},
                {"4", HTTP_BODY, NULL}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_place place;
        assert_true(find(bytes, rows[i].what, &place));
        assert_int_equal(place.region, rows[i].region);
        assert_view(place.header_name, rows[i].header);
        assert_view(place.method, "POST");
        assert_view(place.path, "/a/b");
        assert_view(place.host, "h.example");
        assert_view(place.user_agent, "x y");
        assert_view(place.content_type, "text/plain");
        assert_true(place.body_end_known);
        assert_int_equal(place.body_end, strlen(bytes));
    }
}

static void a_line_in_a_body_is_a_body(void **state)
{
    (void)state;
    static const char bytes[] = "POST /a HTTP/1.1\r\nHost: good\r\nContent-Length: 60\r\n\r\n"
                                "\r\nHost: evil\r\n\r\nGET /evil HTTP/1.1\r\nHost: evil\r\n\r\nTOKEN.......";
    struct http_place place;
    assert_true(find(bytes, "TOKEN", &place));
    assert_int_equal(place.region, HTTP_BODY);
    assert_view(place.host, "good");
    assert_view(place.path, "/a");
}

static void pipelined_requests_do_not_borrow_from_each_other(void **state)
{
    (void)state;
    static const char bytes[] =
        "POST /1 HTTP/1.1\r\nHost: one\r\nUser-Agent: a\r\nContent-Length: 3\r\n\r\nabc"
        "GET /2 HTTP/1.1\r\nX: SECOND\r\n\r\n"
        "POST /3 HTTP/1.1\nTransfer-Encoding: chunked\nHost: three\n\n5;x=y\r\nTHIRD\r\n0\r\nT: v\r\n\r\n"
        "GET http://u@four:80/4?x HTTP/1.1\r\nHost: FOURTH\r\n\r\n";
    struct http_place place;
    assert_true(find(bytes, "SECOND", &place));
    assert_view(place.path, "/2");
    assert_view(place.host, NULL);
    assert_view(place.user_agent, NULL);
    assert_true(find(bytes, "THIRD", &place));
    assert_view(place.path, "/3");
    assert_view(place.host, "three");
    assert_int_equal(place.region, HTTP_BODY);
    assert_false(place.body_end_known); /* by Content-Length alone */
    assert_true(find(bytes, "FOURTH", &place));
    assert_view(place.path, "/4");
    assert_view(place.host, "four"); /* RFC 9112 section 3.2.2: the target's authority comes first */
    uint64_t body_end;
    assert_int_equal(http_complete_requests((const uint8_t *)bytes, (uint32_t)strlen(bytes), &body_end), strlen(bytes));
    assert_int_equal(body_end, 0);
}

static void what_is_no_request_is_not_one(void **state)
{
    (void)state;
    static const char *const none[] = {"HTTP/1.1 200 OK\r\n\r\n",
                                       "\x16\x03\x01",
                                       "GET\r\n\r\n",
                                       "GET / HTTP/2.0\r\n\r\n",
                                       "{\"a\":1}",
                                       "GET / HTTP/1.1 x\r\n\r\n",
                                       " GET / HTTP/1.1\r\n\r\n",
                                       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};
    struct http_place place;
    for (size_t i = 0; i < COUNT(none); i++) {
        uint32_t length = (uint32_t)strlen(none[i]);
        assert_false(http_find_request((const uint8_t *)none[i], length, length - 1, &place));
        assert_int_equal(http_complete_requests((const uint8_t *)none[i], length, NULL), -1);
    }
}

static void a_body_whose_end_receivers_differ_about_has_none(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 4\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: 4x\r\n",
        "Content-Length: \r\n",
        "Content-Length: 9999999999999999999\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: gzip\r\n chunked\r\nContent-Length: 4\r\n",
        "Content-Length : 4\r\n",
    };
    for (size_t i = 0; i < COUNT(heads); i++) {
        char bytes[256];
        snprintf(bytes, sizeof(bytes), "POST / HTTP/1.1\r\n%s\r\nBODYGET /2 HTTP/1.1\r\n\r\n", heads[i]);
        struct http_place place;
        assert_true(find(bytes, "HTTP/1.1", &place)); /* the head is sure */
        assert_false(place.body_end_known);
        assert_false(find(bytes, "BODY", &place)); /* what follows may be its body, or another request */
        uint64_t body_end = 1;
        assert_int_equal(http_complete_requests((const uint8_t *)bytes, (uint32_t)strlen(bytes), &body_end), 0);
        assert_int_equal(body_end, 0);
    }
}

static void a_chunk_size_cannot_lead_out_of_the_buffer(void **state)
{
    (void)state;
    static const char *const sizes[] = {"ffffffffffffffff", "fffffffffffffffff", "7fffffff", "ffffffff", "10", "", "g"};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char bytes[256];
        snprintf(bytes, sizeof(bytes), "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\nab\r\n", sizes[i]);
        size_t length = strlen(bytes);
        uint8_t *copy = malloc(length);
        memcpy(copy, bytes, length);
        uint64_t body_end;
        assert_int_equal(http_complete_requests(copy, (uint32_t)length, &body_end), 0);
        struct http_place place;
        assert_true(http_find_request(copy, (uint32_t)length, (uint32_t)length - 1, &place));
        assert_int_equal(place.region, HTTP_BODY);
        free(copy);
    }
}

static void an_incomplete_request_tells_where_its_body_ends(void **state)
{
    (void)state;
    static const char bytes[] = "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nabc";
    uint64_t body_end;
    assert_int_equal(http_complete_requests((const uint8_t *)bytes, (uint32_t)strlen(bytes), &body_end),
                     strstr(bytes, "POST") - bytes);
    assert_int_equal(body_end, strstr(bytes, "abc") - bytes + 1000000);
}

static void hosts_lose_their_port(void **state)
{
    (void)state;
    static const char *const hosts[][2] = {
        {"a:1", "a"}, {"[::1]:80", "[::1]"}, {"[::1]", "[::1]"}, {"[::1", "[::1"}, {"a", "a"}, {":80", ""}};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        char bytes[128];
        snprintf(bytes, sizeof(bytes), "GET / HTTP/1.1\r\nHost: %s\r\nX: HERE\r\n\r\n", hosts[i][0]);
        struct http_place place;
        assert_true(find(bytes, "HERE", &place));
        assert_int_equal(place.host.length, strlen(hosts[i][1]));
        assert_memory_equal(place.host.bytes, hosts[i][1], place.host.length);
    }
}

/* What a client adds at the end of its request's head cannot rename it. */
static void of_repeated_headers_the_first_is_shown(void **state)
{
    (void)state;
    static const char bytes[] =
        "GET / HTTP/1.1\r\nHost: first\r\nUser-Agent: one\r\nContent-Type: a/b\r\nHost: second\r\n"
        "User-Agent: two\r\nContent-Type: c/d\r\nX: HERE\r\n\r\n";
    struct http_place place;
    assert_true(find(bytes, "HERE", &place));
    assert_view(place.host, "first");
    assert_view(place.user_agent, "one");
    assert_view(place.content_type, "a/b");
}

/* Every prefix of some requests, every offset: nothing is read beyond the end (a sanitizer sees it). */
static void every_cut_is_read_as_far_as_it_goes(void **state)
{
    (void)state;
    static const char bytes[] =
        "\r\nPOST http://h/a?b HTTP/1.1\r\nHost: x\r\n y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
        "\r\nPUT / HTTP/1.0\nContent-Length: 3\n\nxyz";
    for (uint32_t length = 1; length <= strlen(bytes); length++) {
        uint8_t *copy = malloc(length);
        memcpy(copy, bytes, length);
        for (uint32_t offset = 0; offset < length; offset++) {
            struct http_place place;
            http_find_request(copy, length, offset, &place);
        }
        uint64_t body_end;
        assert_in_range(http_complete_requests(copy, length, &body_end), 0, length);
        free(copy);
    }
}

/*
 * A request as most are is followed to its end as its bytes come by. Where it is said to be complete, the walk over its
 * headers must find just one request, that ends there.
 */
static bool is_tracked_as_walked(const char *text, uint32_t length, unsigned *seed)
{
    struct http_tracker tracker = {.body = 0};
    enum http_track track = TRACK_MORE;
    uint32_t done = 0, end = 0;
    while (track == TRACK_MORE && done < length) {
        uint32_t here = 1 + (uint32_t)rand_r(seed) % (rand_r(seed) % 2 == 0 ? 20 : length);
        here = here < length - done ? here : length - done;
        uint8_t *run = malloc(here);
        memcpy(run, text + done, here);
        track = http_track_request(&tracker, run, here, &end);
        free(run);
        done += track == TRACK_MORE ? here : 0;
    }
    if (track != TRACK_COMPLETE)
        return false;
    uint32_t whole = done + end;
    int64_t walked = http_complete_requests((const uint8_t *)text, whole, NULL);
    int64_t before = http_complete_requests((const uint8_t *)text, whole - 1, NULL);
    if (walked != whole || before != 0)
        fail_msg("complete with %u bytes, but %ld of these are walked over, and %ld without the last: %.*s", whole,
                 (long)walked, (long)before, (int)length, text);
    return true;
}

static void a_request_that_is_followed_ends_where_the_walk_ends_it(void **state)
{
    (void)state;
    /* Put together at random, they are requests of all kinds, and none. */
    static const char *const pieces[] = {
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\n",
        "POST /a/long/path/of?several=words&more HTTP/1.0\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.x\r\n",
        "GET / HTTP/2.0\r\n",
        "GET /a b HTTP/1.1\r\n",
        "GET /\x80\xff HTTP/1.1\r\n",
        "GET HTTP/1.1\r\n",
        "GET /\t HTTP/1.1\r\n",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1\r\n",
        "Host: x\r\n",
        "Host: x\r\n",
        "Host:x\n",
        " folded\r\n",
        "\tfolded: 3\r\n",
        "no colon\r\n",
        "C: d\r\n",
        "t: u\r\n",
        "Content-Type: a/b\r\n",
        "Content-Length: 5\r\n",
        "content-LENGTH: 5\r\n",
        "Content-Length: 0\r\n",
        "Content-Length:5\r\n",
        "Content-Length: 5 \r\n",
        "Content-Length : 5\r\n",
        "Content-Length: 5\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: \r\n",
        "Content-Length:\r\n",
        "Content-Length: 4294967295\r\n",
        "Content-Length: 4294967301\r\n",
        "Content-Length: 429496728\r\n",
        "Content-Length: 000000000000000005\r\n",
        "Content-Length: 0000000000000000005\r\n",
        "Content-Lengths: 7\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "transfer-encodings: chunked\r\n",
        "\r\n",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "hello",
        "hello",
        "5\r\nhello\r\n0\r\n\r\n",
    };
    unsigned seed = 1, complete = 0;
    for (unsigned round = 0; round < 400000; round++) {
        char text[600];
        uint32_t length = 0;
        for (unsigned count = 1 + (unsigned)rand_r(&seed) % 9; count > 0; count--) {
            const char *piece = pieces[(unsigned)rand_r(&seed) % COUNT(pieces)];
            if (length == 0 && rand_r(&seed) % 8 > 0)
                piece = pieces[(unsigned)rand_r(&seed) % 3];
            memcpy(text + length, piece, strlen(piece));
            length += (uint32_t)strlen(piece);
        }
        if (rand_r(&seed) % 8 == 0)
            text[(unsigned)rand_r(&seed) % length] = (char)rand_r(&seed);
        if (rand_r(&seed) % 8 == 0)
            length = 1 + (uint32_t)rand_r(&seed) % length;
        complete += is_tracked_as_walked(text, length, &seed);
    }
    assert_true(complete > 10000);
}

/* ---- the window ---- */

struct window {
    struct bench *bench;
    struct flow *flow;
    uint64_t position;
};

static void keep(struct window *window, const char *bytes, bool turn)
{
    bench_run(window->bench, window->flow, 1, bytes, strlen(bytes), window->position, turn, false);
    window->position += strlen(bytes);
}

static void assert_path(struct window *window, uint64_t position, const char *path)
{
    struct http_place place;
    bool found = http_find_place(window->bench->http, window->flow, 1, position, &place);
    assert_int_equal(found, path != NULL);
    if (found)
        assert_view(place.path, path);
}

static void a_body_goes_on_behind_a_100_continue(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    struct window window = {bench, bench_flow(bench, 1), 0};
    keep(&window, "POST /up HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n", true);
    keep(&window, "GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n", true); /* the server said 100 in between */
    assert_path(&window, window.position - 5, "/up");
    keep(&window, "xxxxxx", false);
    keep(&window, "GET /2 HTTP/1.1\r\n\r\n", true);
    assert_path(&window, window.position - 5, "/2");
    bench_destroy(bench);
}

/* What comes behind a full window is not taken for the beginning of a request: not in the head, whether the server
 * spoke in between or not, and not behind it, where no framing is known. */
static void a_head_longer_than_the_window_can_not_name_another_host(void **state)
{
    (void)state;
    char *filling = malloc(20001);
    memset(filling, 'x', 20000);
    filling[20000] = '\0';
    for (size_t piece = 100; piece <= 8100; piece += 1000) {
        struct bench *bench = bench_create(&bench_usual_sizes);
        struct window window = {bench, bench_flow(bench, 1), 0};
        keep(&window, "GET /good HTTP/1.1\r\nHost: good\r\nX: ", true);
        for (size_t done = 0; done < 20000; done += piece) {
            char part[8200];
            snprintf(part, sizeof(part), "%.*s", (int)(piece < 20000 - done ? piece : 20000 - done), filling + done);
            keep(&window, part, false);
        }
        keep(&window, "GET /evil HTTP/1.1\r\nHost: evil\r\nX: y", piece % 200 == 0);
        assert_path(&window, window.position - 1, "/good");
        keep(&window, "\r\n\r\n", false);
        keep(&window, "GET /evil HTTP/1.1\r\nHost: evil\r\nX: y", false);
        assert_path(&window, window.position - 1, NULL);
        keep(&window, "GET /next HTTP/1.1\r\nHost: good\r\nX: y", true);
        assert_path(&window, window.position - 1, "/next");
        bench_destroy(bench);
    }
    free(filling);
}

static void assert_place(struct window *window, enum http_region region, const char *header)
{
    struct http_place place;
    assert_true(http_find_place(window->bench->http, window->flow, 1, window->position - 1, &place));
    assert_int_equal(place.region, region);
    assert_view(place.header_name, header);
    assert_view(place.method, "GET");
    assert_view(place.path, "/long");
    assert_true(place.head_complete); /* no more of it will be known */
    assert_false(place.body_end_known);
}

static void the_beginning_of_an_overlong_head_speaks_for_all_of_it(void **state)
{
    (void)state;
    static const char *const ends[] = {"\r\n\r\n", "\n\n", "\r\n\n", "\n\r\n"};
    char filling[8001];
    memset(filling, 'x', 8000);
    filling[8000] = '\0';
    for (unsigned in_query = 0; in_query < 2; in_query++)
        for (size_t end = 0; end < COUNT(ends); end++)
            for (size_t cut = 0; cut <= strlen(ends[end]); cut++) {
                struct bench *bench = bench_create(&bench_usual_sizes);
                struct window window = {bench, bench_flow(bench, 1), 0};
                keep(&window, in_query ? "GET /long?q=" : "GET /long HTTP/1.1\r\nHost: h\r\nCookie: a=", true);
                for (unsigned i = 0; i < 5; i++)
                    keep(&window, filling, false);
                assert_place(&window, in_query ? HTTP_REQUEST_LINE : HTTP_HEADER, in_query ? NULL : "Cookie");
                keep(&window, "\r\nX: y", false);
                assert_place(&window, HTTP_HEADER, NULL);
                char part[8];
                snprintf(part, sizeof(part), "%.*s", (int)cut, ends[end]);
                if (cut > 0)
                    keep(&window, part, false);
                if (cut < strlen(ends[end]))
                    keep(&window, ends[end] + cut, false);
                keep(&window, "GET /behind HTTP/1.1\r\n\r\n", false);
                assert_path(&window, window.position - 1, NULL);
                keep(&window, "GET /next HTTP/1.1\r\nX: y", true);
                assert_path(&window, window.position - 1, "/next");
                bench_destroy(bench);
            }
}

/* Whatever stood before it in the window: of a head the first 14 KiB are kept, wherever it begins in a chunk. */
static void an_overlong_head_behind_other_requests_is_kept_too(void **state)
{
    (void)state;
    char line[513];
    memset(line, 'x', 512);
    line[512] = '\0';
    for (unsigned before = 0; before < 40; before++) {
        struct bench *bench = bench_create(&bench_usual_sizes);
        struct window window = {bench, bench_flow(bench, 1), 0};
        for (unsigned i = 0; i < before; i++)
            keep(&window, "GET /short HTTP/1.1\r\nHost: short\r\nAccept: text/html, text/plain\r\n\r\n", i == 0);
        keep(&window, "GET /long HTTP/1.1\r\nHost: h\r\n", before == 0);
        uint64_t begin = window.position;
        while (window.position < begin + 32768) {
            keep(&window, "X: ", false);
            keep(&window, line, false);
            assert_path(&window, window.position - 1, "/long");
            keep(&window, "\r\n", false);
        }
        bench_destroy(bench);
    }
}

static void nothing_is_known_behind_a_gap_until_the_client_speaks_again(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    struct window window = {bench, bench_flow(bench, 1), 0};
    keep(&window, "GET /1 HTTP/1.1\r\n\r\n", true);
    http_forget(bench->http, window.flow, 1);
    window.position += 100;
    keep(&window, "GET /evil HTTP/1.1\r\n\r\n", false);
    assert_path(&window, window.position - 1, NULL);
    keep(&window, "GET /2 HTTP/1.1\r\nX: y", true);
    assert_path(&window, window.position - 1, "/2");
    bench_destroy(bench);
}

static void an_exhausted_pool_takes_from_the_oldest_and_counts_it(void **state)
{
    (void)state;
    struct bench_sizes sizes = bench_usual_sizes;
    sizes.kept_chunks = 4;
    struct bench *bench = bench_create(&sizes);
    struct window windows[6];
    for (unsigned i = 0; i < COUNT(windows); i++) {
        windows[i] = (struct window){bench, bench_flow(bench, 1), 0};
        keep(&windows[i], "GET /1 HTTP/1.1\r\nX: y", true);
    }
    assert_int_equal(bench->counters.events[EVENT_CONTEXT_EVICTED], 2);
    for (unsigned i = 0; i < COUNT(windows); i++)
        assert_path(&windows[i], 20, i < 2 ? NULL : "/1");
    bench_end(bench, windows[2].flow); /* its chunk comes back */
    struct window another = {bench, bench_flow(bench, 1), 0};
    keep(&another, "GET /new HTTP/1.1\r\nX: y", true);
    assert_int_equal(bench->counters.events[EVENT_CONTEXT_EVICTED], 2);
    assert_path(&another, 20, "/new");
    assert_path(&windows[3], 20, "/1");
    bench_destroy(bench);
}

/* The same bytes with chunks in the pool for one window: any leak would show as an eviction. */
static void all_chunks_come_back(void **state)
{
    (void)state;
    struct bench_sizes sizes = bench_usual_sizes;
    sizes.kept_chunks = FLOW_KEPT_CHUNKS;
    struct bench *bench = bench_create(&sizes);
    unsigned seed = 7;
    char *bytes = calloc(1, 64 * 1024);
    for (unsigned i = 0; i < 300; i++)
        sprintf(bytes + strlen(bytes), "POST /%u HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n%.*s", i, i % 50,
                (int)(i % 50), "--------------------------------------------------");
    for (unsigned round = 1; round < 30; round++) { /* the last request lacks some bytes: it is kept */
        struct flow *flow = bench_flow(bench, 1);
        bench_feed(bench, flow, 1, bytes, strlen(bytes) - round, round % 4 == 0 ? 1448 : 0, &seed);
        struct http_place place;
        assert_true(http_find_place(bench->http, flow, 1, strlen(bytes) - round - 1, &place));
        bench_end(bench, flow);
    }
    assert_int_equal(bench->counters.events[EVENT_CONTEXT_EVICTED], 0);
    free(bytes);
    bench_destroy(bench);
}

/* One connection's cursor does not answer for another's bytes. */
static void connections_asked_in_turn_get_their_own_answers(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    struct window a = {bench, bench_flow(bench, 1), 0}, b = {bench, bench_flow(bench, 1), 0};
    keep(&a, "GET /a HTTP/1.1\r\nX: y\r\n\r\nGET /aa HTTP/1.1\r\nX: y", true);
    keep(&b, "GET /b HTTP/1.1\r\nX: y\r\n\r\nGET /bb HTTP/1.1\r\nX: y", true);
    for (unsigned round = 0; round < 3; round++) {
        assert_path(&a, 44, "/aa");
        assert_path(&a, 30, "/aa");
        assert_path(&b, 30, "/bb");
        assert_path(&b, 44, "/bb");
        assert_path(&a, 3, NULL); /* a request that was complete is gone */
    }
    keep(&a, "\r\n\r\nGET /aaa HTTP/1.1\r\n", false);
    assert_path(&a, 60, "/aaa");
    bench_end(bench, a.flow);
    assert_path(&a, 3, NULL);
    bench_destroy(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_of_each_region_knows_its_request),
        cmocka_unit_test(a_line_in_a_body_is_a_body),
        cmocka_unit_test(pipelined_requests_do_not_borrow_from_each_other),
        cmocka_unit_test(what_is_no_request_is_not_one),
        cmocka_unit_test(a_body_whose_end_receivers_differ_about_has_none),
        cmocka_unit_test(a_chunk_size_cannot_lead_out_of_the_buffer),
        cmocka_unit_test(an_incomplete_request_tells_where_its_body_ends),
        cmocka_unit_test(hosts_lose_their_port),
        cmocka_unit_test(of_repeated_headers_the_first_is_shown),
        cmocka_unit_test(every_cut_is_read_as_far_as_it_goes),
        cmocka_unit_test(a_request_that_is_followed_ends_where_the_walk_ends_it),
        cmocka_unit_test(a_body_goes_on_behind_a_100_continue),
        cmocka_unit_test(a_head_longer_than_the_window_can_not_name_another_host),
        cmocka_unit_test(the_beginning_of_an_overlong_head_speaks_for_all_of_it),
        cmocka_unit_test(an_overlong_head_behind_other_requests_is_kept_too),
        cmocka_unit_test(nothing_is_known_behind_a_gap_until_the_client_speaks_again),
        cmocka_unit_test(an_exhausted_pool_takes_from_the_oldest_and_counts_it),
        cmocka_unit_test(all_chunks_come_back),
        cmocka_unit_test(connections_asked_in_turn_get_their_own_answers),
    };
    return cmocka_run_group_tests(tests, bench_start, NULL);
}

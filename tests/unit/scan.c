/* SPDX-License-Identifier: BSD-3-Clause */
/* Where tokens are found, and what of them: one table of cases, each under every kind of cut. */
#include "scan_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_mempool.h>

/* ---- the cases ---- */

static unsigned seed_of_this_run = 1;

static char *filled(size_t length, char with)
{
    char *text = malloc(length + 1);
    memset(text, with, length);
    text[length] = '\0';
    return text;
}

static char *joined(const char *a, const char *b, const char *c)
{
    size_t capacity = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = malloc(capacity);
    snprintf(text, capacity, "%s%s%s", a, b, c);
    return text;
}

/* A connection of these bytes of endpoint 1, in runs of `most` bytes (0: at random), and its end. */
static void feed_whole(struct bench *bench, int sides, const char *bytes, size_t most)
{
    struct flow *flow = bench_flow(bench, sides);
    bench_feed(bench, flow, 1, bytes, strlen(bytes), most, &seed_of_this_run);
    bench_end(bench, flow);
}

static void check_notes(const struct bench *bench, const struct scan_case *the, size_t length, const char *cut)
{
    unsigned wanted = 0;
    bool used[COUNT(the->expected)] = {false};
    while (wanted < COUNT(the->expected) && the->expected[wanted].text != NULL)
        wanted++;
    for (unsigned i = 0; i < bench->notes_count; i++) {
        const struct note *note = &bench->notes[i];
        unsigned match = 0;
        for (; match < wanted; match++) {
            const struct expected *expected = &the->expected[match];
            const char *raw = expected->raw != NULL ? expected->raw : expected->text;
            bool here = note->position < length && strncmp(the->bytes + note->position, raw, strlen(raw)) == 0;
            if (!used[match] && here && strcmp(note->text, expected->text) == 0 &&
                note->placement == expected->placement && note->opaque == expected->opaque &&
                note->truncated == expected->truncated)
                break;
        }
        if (match == wanted)
            fail_msg("%s (%s, seed %u): not expected: %s at %lu in %s%s%s", the->name, cut, seed_of_this_run,
                     note->text, note->position, placement_names[note->placement], note->opaque ? ", opaque" : "",
                     note->truncated ? ", truncated" : "");
        used[match] = true;
    }
    for (unsigned i = 0; i < wanted; i++)
        if (!used[i])
            fail_msg("%s (%s, seed %u): not found: %s", the->name, cut, seed_of_this_run, the->expected[i].text);
}

static void run_case(struct bench *bench, const struct scan_case *the, size_t most, const char *cut)
{
    size_t length = strlen(the->bytes);
    struct flow *flow = bench_flow(bench, 1);
    bench_feed(bench, flow, 1, the->bytes, length, most, &seed_of_this_run);
    bench_end(bench, flow);
    check_notes(bench, the, length, cut);
    bench_forget_notes(bench);
    assert_int_equal(bench_chunks_out(bench), 0);
}

static void every_case_in_one_run(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (size_t i = 0; i < COUNT(cases); i++)
        run_case(bench, &cases[i], 1 << 20, "one run");
    bench_destroy(bench);
}

static void every_case_in_single_bytes(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (size_t i = 0; i < COUNT(cases); i++)
        run_case(bench, &cases[i], 1, "single bytes");
    bench_destroy(bench);
}

static void every_case_cut_in_two_anywhere(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length = strlen(cases[i].bytes);
        for (size_t cut = 1; cut < length; cut++) {
            char name[32];
            snprintf(name, sizeof(name), "cut at %zu", cut);
            struct flow *flow = bench_flow(bench, 1);
            bench_run(bench, flow, 1, cases[i].bytes, cut, 0, true, false);
            bench_run(bench, flow, 1, cases[i].bytes + cut, length - cut, cut, false, false);
            flow_table_end_all(bench->flows);
            check_notes(bench, &cases[i], length, name);
            bench_forget_notes(bench);
        }
    }
    bench_destroy(bench);
}

static void every_case_in_random_cuts(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (unsigned round = 0; round < 20; round++)
        for (size_t i = 0; i < COUNT(cases); i++)
            run_case(bench, &cases[i], 0, "random cuts");
    bench_destroy(bench);
}

/* Where nobody knows who the client is, both directions are a client's. */
static void every_case_is_found_where_the_sides_are_not_known(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (size_t i = 0; i < COUNT(cases); i++)
        for (unsigned direction = 0; direction < 2; direction++) {
            struct flow *flow = bench_flow(bench, -1);
            bench_feed(bench, flow, direction, cases[i].bytes, strlen(cases[i].bytes), 7, &seed_of_this_run);
            bench_end(bench, flow);
            check_notes(bench, &cases[i], strlen(cases[i].bytes), "unknown sides");
            bench_forget_notes(bench);
        }
    bench_destroy(bench);
}

static void every_case_of_a_server_under_every_cut(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (size_t i = 0; i < COUNT(server_cases); i++) {
        const struct scan_case *the = &server_cases[i];
        size_t length = strlen(the->bytes);
        for (size_t cut = 0; cut < length; cut++)
            for (int sides = -1; sides <= 0; sides++) { /* not known; endpoint 0 is the client */
                struct flow *flow = bench_flow(bench, sides);
                if (cut > 0)
                    bench_run(bench, flow, 1, the->bytes, cut, 0, true, false);
                bench_run(bench, flow, 1, the->bytes + cut, length - cut, cut, cut == 0, false);
                flow_table_end_all(bench->flows);
                char name[48];
                snprintf(name, sizeof(name), "%s, cut at %zu", sides < 0 ? "unknown sides" : "server", cut);
                check_notes(bench, the, length, name);
                bench_forget_notes(bench);
            }
    }
    bench_destroy(bench);
}

/* Runs of one and two bytes between two others: a prefix and the byte before it lie in up to four runs. */
static void every_case_with_the_shortest_runs_anywhere(void **state)
{
    (void)state;
    static const size_t runs[][4] = {{1}, {1, 1}, {1, 1, 1}, {2}, {1, 2}, {2, 1}};
    static const struct scan_case quoted = {
        "behind a quote", OK "[\"" T1 "\", \"" T2 "\"]", {FOUND(JSON_BODY, T1), FOUND(JSON_BODY, T2)}};
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (size_t i = 0; i <= COUNT(cases) + COUNT(server_cases); i++) {
        bool server = i >= COUNT(cases);
        const struct scan_case *the = !server                                  ? &cases[i]
                                      : i - COUNT(cases) < COUNT(server_cases) ? &server_cases[i - COUNT(cases)]
                                                                               : &quoted;
        size_t length = strlen(the->bytes);
        for (size_t pattern = server ? 0 : 2; pattern < (server ? COUNT(runs) : 3); pattern++)
            for (size_t cut = 1; cut < length; cut++) {
                struct flow *flow = bench_flow(bench, server ? 0 : 1);
                size_t done = cut;
                bench_run(bench, flow, 1, the->bytes, cut, 0, true, false);
                for (size_t j = 0; runs[pattern][j] > 0 && done + runs[pattern][j] <= length; j++) {
                    bench_run(bench, flow, 1, the->bytes + done, runs[pattern][j], done, false, false);
                    done += runs[pattern][j];
                }
                if (done < length)
                    bench_run(bench, flow, 1, the->bytes + done, length - done, done, false, false);
                flow_table_end_all(bench->flows);
                char name[48];
                snprintf(name, sizeof(name), "short runs %zu from %zu on", pattern, cut);
                check_notes(bench, the, length, name);
                bench_forget_notes(bench);
            }
    }
    bench_destroy(bench);
}

/* The status line behind it lies in one chunk, in two, in the next alone, wherever the chunks meet. */
static void a_raw_token_of_any_length_ends_where_the_next_response_begins(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (size_t length = CHUNK_DATA_MAX - 64; length < CHUNK_DATA_MAX + 64; length++) {
        char *filling = filled(length - strlen(H1 "."), 'A'), *token = joined(H1 ".", filling, "");
        char *bytes = joined(OK, token, NEXT);
        static const size_t most[] = {1 << 20, 1, 700};
        for (size_t i = 0; i < COUNT(most); i++) {
            struct flow *flow = bench_flow(bench, 0);
            bench_feed(bench, flow, 1, bytes, strlen(bytes), most[i], &seed_of_this_run);
            assert_int_equal(bench->notes_count, 1);
            assert_false(bench->notes[0].truncated);
            assert_string_equal(bench->notes[0].text, token);
            bench_forget_notes(bench);
            assert_int_equal(bench_chunks_out(bench), 0);
            bench_end(bench, flow);
        }
        free(bytes);
        free(token);
        free(filling);
    }
    bench_destroy(bench);
}

/* What is judged must not depend on whether whole tokens are wanted. */
static void a_token_that_is_passed_hides_no_other(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    bench->want = false;
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned wanted = 0;
        for (size_t j = 0; j < COUNT(cases[i].expected) && cases[i].expected[j].text != NULL; j++)
            wanted += !cases[i].expected[j].opaque;
        feed_whole(bench, 1, cases[i].bytes, 0);
        if (bench->notes_count != wanted)
            fail_msg("%s: %u tokens judged, not %u", cases[i].name, bench->notes_count, wanted);
        bench_forget_notes(bench);
    }
    bench_destroy(bench);
}

/* ---- long ones ---- */

static const size_t cuts[] = {1 << 20, 1, 1448, 16384, 0};

static void a_token_longer_than_the_bound_leaves_truncated(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    char *body = filled(70000, 'A'), *bytes = joined(GET "Authorization: Bearer " H1 ".", body, "\r\n\r\n");
    for (size_t i = 0; i < COUNT(cuts); i++) {
        feed_whole(bench, 1, bytes, cuts[i]);
        assert_int_equal(bench->notes_count, 1);
        assert_true(bench->notes[0].truncated);
        assert_int_equal(bench->notes[0].length, 64 * 1024);
        assert_int_equal(bench->counters.events[EVENT_TOKEN_TOO_LONG], i + 1);
        bench_forget_notes(bench);
    }
    free(body);
    free(bytes);
    bench_destroy(bench);
}

/* In the header's text, not decoded: base64 of 16 KiB are 21,848 characters. */
static void a_header_longer_than_the_bound_is_counted_and_not_guessed_at(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    char *header = filled(22000, 'A'), *bytes = joined(GET "X: eyJ", header, "." P ".c2ln\r\n\r\n");
    for (size_t i = 0; i < COUNT(cuts); i++) {
        feed_whole(bench, 1, bytes, cuts[i]);
        assert_int_equal(bench->notes_count, 0);
        assert_int_equal(bench->counters.events[EVENT_HEADER_TOO_LONG], i + 1);
        assert_int_equal(bench_chunks_out(bench), 0);
    }
    free(header);
    free(bytes);
    bench_destroy(bench);
}

/* A run longer than the pieces it is scanned in: a prefix may lie across their border. */
static void a_servers_token_is_found_wherever_it_lies_in_a_long_run(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    for (size_t before = 16384 - 90; before < 16384 + 10; before++) {
        char *text = filled(before, '-');
        char *bytes = joined("HTTP/1.1 200 OK\r\n\r\n{\"a\":\"", text, "\",\"t\":\"" T1 "\"}");
        struct flow *flow = bench_flow(bench, 1);
        bench_feed(bench, flow, 0, bytes, strlen(bytes), 1 << 20, &seed_of_this_run);
        bench_end(bench, flow);
        assert_int_equal(bench->notes_count, 1);
        assert_string_equal(bench->notes[0].text, T1);
        assert_true(bench->notes[0].from_server);
        assert_int_equal(bench->notes[0].placement, PLACEMENT_JSON_BODY);
        assert_int_equal(bench->notes[0].position, strstr(bytes, T1) - bytes);
        bench_forget_notes(bench);
        free(text);
        free(bytes);
    }
    bench_destroy(bench);
}

static void what_a_server_issues_is_placed_by_the_quote_before_it(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    static const char bytes[] = "HTTP/1.1 200 OK\r\nSet-Cookie: s=" T1 "\r\n\r\n{\"access_token\": \"" T2 "\"}";
    for (size_t i = 0; i < COUNT(cuts); i++) {
        feed_whole(bench, 0, bytes, cuts[i]);
        assert_int_equal(bench->notes_count, 2);
        assert_string_equal(bench->notes[0].text, T1);
        assert_string_equal(bench->notes[1].text, T2);
        assert_int_equal(bench->notes[0].placement, PLACEMENT_OTHER);
        assert_int_equal(bench->notes[1].placement, PLACEMENT_JSON_BODY);
        assert_true(bench->notes[0].from_server && bench->notes[1].from_server);
        bench_forget_notes(bench);
    }
    bench_destroy(bench);
}

static void a_long_uploads_last_token_knows_its_request(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    char *filling = filled(1 << 20, 'x'), head[256];
    snprintf(head, sizeof(head),
             "POST /up?q HTTP/1.1\r\nHost: h.example:80\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n[\"",
             strlen(filling) + 2 + strlen("\",\"" T1));
    char *bytes = joined(head, filling, "\",\"" T1 "GET /next HTTP/1.1\r\nX: " T2 "\r\n\r\n");
    static const size_t long_cuts[] = {1 << 20, 1448, 0};
    for (size_t i = 0; i < COUNT(long_cuts); i++) {
        struct flow *flow = bench_flow(bench, 1);
        bench_feed(bench, flow, 1, bytes, strlen(bytes), long_cuts[i], &seed_of_this_run);
        assert_int_equal(bench->notes_count, 2);
        assert_string_equal(bench->notes[0].text, T1);
        assert_int_equal(bench->notes[0].placement, PLACEMENT_JSON_BODY);
        assert_string_equal(bench->notes[0].path, "/up");
        assert_string_equal(bench->notes[0].host, "h.example");
        assert_string_equal(bench->notes[1].text, T2);
        assert_string_equal(bench->notes[1].path, "/next");
        assert_string_equal(bench->notes[1].host, "");
        bench_end(bench, flow);
        bench_forget_notes(bench);
    }
    free(filling);
    free(bytes);
    bench_destroy(bench);
}

/* ---- gaps and ends ---- */

static void a_gap_in_the_rest_leaves_a_truncated_token(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    struct flow *flow = bench_flow(bench, 1);
    static const char before[] = GET "Authorization: Bearer " H1 "." P, after[] = "c2ln\r\nX: " T2 "\r\n";
    bench_run(bench, flow, 1, before, strlen(before), 0, true, false);
    bench_run(bench, flow, 1, after, strlen(after), strlen(before) + 100, false, true);
    assert_int_equal(bench->notes_count, 2);
    assert_true(bench->notes[0].truncated);
    assert_string_equal(bench->notes[0].text, H1 "." P);
    assert_string_equal(bench->notes[1].text, T2);
    assert_int_equal(bench->notes[1].placement, PLACEMENT_OTHER); /* of a request that is not known */
    bench_destroy(bench);
}

static void a_gap_in_the_header_is_counted_and_not_guessed_at(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    struct flow *flow = bench_flow(bench, 1);
    static const char before[] = GET "Authorization: Bearer eyJhbGciOi", after[] = "JSUzI1NiJ9." P ".c2ln\r\n";
    bench_run(bench, flow, 1, before, strlen(before), 0, true, false);
    bench_run(bench, flow, 1, after, strlen(after), strlen(before) + 4, false, true);
    assert_int_equal(bench->counters.events[EVENT_HEADER_CUT], 1);
    assert_int_equal(bench_chunks_out(bench), 0);
    for (unsigned i = 0; i < bench->notes_count; i++)
        fail_msg("%s", bench->notes[i].text);
    bench_destroy(bench);
}

static void a_prefix_does_not_join_over_a_gap(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    struct flow *flow = bench_flow(bench, 1);
    bench_run(bench, flow, 1, "X: e", 4, 0, true, false);
    static const char after[] = "yJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ." P ".c2ln\r\n";
    bench_run(bench, flow, 1, after, strlen(after), 4 + 1000, false, true);
    assert_int_equal(bench->notes_count, 0);
    bench_destroy(bench);
}

static void the_end_of_a_connection_leaves_a_truncated_token(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    struct flow *flow = bench_flow(bench, 1);
    bench_feed(bench, flow, 1, GET "X: " T1, strlen(GET "X: " T1), 0, &seed_of_this_run);
    assert_int_equal(bench->notes_count, 0);
    bench_end(bench, flow);
    assert_int_equal(bench->notes_count, 1);
    assert_true(bench->notes[0].truncated);
    assert_string_equal(bench->notes[0].text, T1);
    bench_destroy(bench);
}

/* ---- bounds ---- */

static void tokens_that_never_end_do_not_keep_others_from_chunks(void **state)
{
    (void)state;
    const struct bench_sizes sizes = {
        .chunks = 63, .captures = 1000, .captures_chunks = 31, .kept_chunks = 8, .extras = 2048};
    struct bench *bench = bench_create(&sizes);
    for (unsigned i = 0; i < 200; i++)
        bench_run(bench, bench_flow(bench, 1), 1, "X: eyJabc", 9, 0, true, false);
    assert_in_range(bench_chunks_out(bench), 1, 31);
    assert_int_equal(bench->counters.events[EVENT_CAPTURES_FULL], 200 - 31);
    struct flow *flow = bench_flow(bench, 1);
    bench_feed(bench, flow, 1, GET "X: " T1 "\r\n", strlen(GET "X: " T1 "\r\n"), 5, &seed_of_this_run);
    assert_int_equal(bench->notes_count, 1);
    assert_string_equal(bench->notes[0].text, T1);
    assert_int_equal(bench->counters.events[EVENT_CHUNKS_EXHAUSTED], 0);
    bench_destroy(bench);
}

static void announcements_that_never_end_do_not_keep_others_from_captures(void **state)
{
    (void)state;
    const struct bench_sizes sizes = {
        .chunks = 63, .captures = 10, .captures_chunks = 31, .kept_chunks = 8, .extras = 2048};
    struct bench *bench = bench_create(&sizes);
    struct flow *flow = NULL;
    for (unsigned i = 0; i < 50; i++) {
        flow = bench_flow(bench, 1);
        bench_run(bench, flow, 1, "authorization: ", 15, 0, true, false);
    }
    assert_int_equal(bench->counters.events[EVENT_CAPTURES_FULL], 40);
    bench_run(bench, flow, 1, "Bearer " T1 "\n", strlen("Bearer " T1 "\n"), 15, false, false);
    assert_int_equal(bench->notes_count, 1);
    for (unsigned i = 0; i < 50; i++) { /* the places come back */
        flow = bench_flow(bench, 1);
        bench_feed(bench, flow, 1, GET "X: " T1 "\r\n", strlen(GET "X: " T1 "\r\n"), 9, &seed_of_this_run);
    }
    assert_int_equal(bench->notes_count, 51);
    bench_destroy(bench);
}

/* A peer may send on when both have said that they won't; the extra is gone then, and what it knew of positions. */
static void bytes_behind_a_connections_end_are_scanned_from_there(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    static const char first[] = GET "Authorization: Bearer " T1 "\r\n\r\n", late[] = GET "X: " T2 "\r\n\r\n";
    for (unsigned jump = 0; jump < 3; jump++)
        for (unsigned after_gap = 0; after_gap < 2; after_gap++) {
            struct flow *flow = bench_flow(bench, 1);
            uint64_t begin = after_gap ? 5000 : 0;
            bench_run(bench, flow, 1, first, strlen(first), begin, true, after_gap != 0);
            scan_end(bench->scan, flow, 1);
            http_forget(bench->http, flow, 1);
            flow_extra_release(bench->flows, &flow->directions[1]);
            uint64_t position = begin + strlen(first) + jump * 7;
            bench_run(bench, flow, 1, late, strlen(late), position, true, false);
            assert_int_equal(bench->notes_count, 2);
            assert_string_equal(bench->notes[1].text, T2);
            assert_int_equal(bench->notes[1].position, position + (uint64_t)(strstr(late, T2) - late));
            bench_end(bench, flow);
            bench_forget_notes(bench);
        }
    bench_destroy(bench);
}

static void one_direction_alone_can_fill_the_captures(void **state)
{
    (void)state;
    const struct bench_sizes sizes = {
        .chunks = 63, .captures = 1, .captures_chunks = 31, .kept_chunks = 8, .extras = 64};
    struct bench *bench = bench_create(&sizes);
    static const char bytes[] = "GET /?access_token=access_token=access_token=" T1 "&" T2 "\r\n";
    bench_feed(bench, bench_flow(bench, 1), 1, bytes, strlen(bytes), 1, &seed_of_this_run);
    assert_true(bench->counters.events[EVENT_CAPTURES_FULL] > 0);
    assert_true(bench->notes_count >= 1);
    assert_string_equal(bench->notes[bench->notes_count - 1].text, T2);
    bench_destroy(bench);
}

static void an_empty_pool_of_chunks_is_counted_and_nothing_is_lost_from_it(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    struct chunk *all = NULL, *chunk;
    while ((chunk = chunk_take(bench->chunks)) != NULL) {
        chunk->next = all;
        all = chunk;
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        feed_whole(bench, 1, cases[i].bytes, i % 2 == 0 ? 1 : 1000);
    }
    assert_true(bench->counters.events[EVENT_CHUNKS_EXHAUSTED] > 0);
    chunk_give_back(bench->chunks, all);
    assert_int_equal(bench_chunks_out(bench), 0);
    bench_forget_notes(bench);
    run_case(bench, &cases[0], 1, "chunks are back");
    bench_destroy(bench);
}

/* They hold tokens: none may be found in a core dump, or in what the next holder does not write over. */
static void a_chunk_that_is_given_back_holds_nothing(void **state)
{
    (void)state;
    enum { CHUNKS = 63 };
    struct error error = {""};
    struct rte_mempool *pool = chunk_pool_create("test_wiped", CHUNKS, &error);
    assert_non_null(pool);
    struct chunk *all = NULL;
    for (unsigned i = 0; i < CHUNKS; i++) {
        struct chunk *chunk = chunk_take(pool);
        assert_non_null(chunk);
        chunk->length = i % 2 == 0 ? CHUNK_DATA_MAX : 100 + i;
        memset(chunk->data, 'T', chunk->length);
        chunk->next = all;
        all = chunk;
    }
    chunk_give_back(pool, all);
    for (unsigned i = 0; i < CHUNKS; i++) {
        const struct chunk *chunk = chunk_take(pool);
        assert_non_null(chunk);
        assert_null(chunk->next);
        assert_null(memchr(chunk->data, 'T', CHUNK_DATA_MAX));
    }
    rte_mempool_free(pool);
}

static void without_extras_tokens_in_one_run_are_found(void **state)
{
    (void)state;
    struct bench_sizes sizes = bench_usual_sizes;
    sizes.extras = 1;
    struct bench *bench = bench_create(&sizes);
    bench_run(bench, bench_flow(bench, 1), 1, "GET", 3, 0, true, false); /* takes the only one */
    for (size_t i = 0; i < COUNT(cases); i++) {
        feed_whole(bench, 1, cases[i].bytes, i % 2 == 0 ? 1 : 1000);
    }
    bench_forget_notes(bench);
    struct flow *flow = bench_flow(bench, 1);
    bench_run(bench, flow, 1, "GET ", 4, 0, true, false);
    bench_run(bench, flow, 1, cases[0].bytes, strlen(cases[0].bytes), 4, false, false);
    assert_int_equal(bench->notes_count, 1);
    bench_destroy(bench);
}

/* Hundreds of tokens in one head, each of which asks where it stands, do not read the head hundreds of times. */
static void many_tokens_in_one_request_cost_little(void **state)
{
    (void)state;
    struct bench *bench = bench_create(&bench_usual_sizes);
    bench->want = false;
    enum { LINES = 380, ROUNDS = 20 };
    char head[HTTP_KEPT_MAX];
    size_t length = (size_t)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\n");
    for (unsigned i = 0; i < LINES; i++)
        length += (size_t)snprintf(head + length, sizeof(head) - length, "a:" H1 ".\r\n");

    clock_t start = clock();
    for (unsigned i = 0; i < LINES * ROUNDS; i++)
        assert_int_equal(http_complete_requests((const uint8_t *)head, (uint32_t)length, NULL), 0);
    clock_t anew = clock() - start;

    start = clock();
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct flow *flow = bench_flow(bench, 1);
        bench_run(bench, flow, 1, head, length, 0, true, false);
        assert_int_equal(bench->notes_count, LINES);
        for (unsigned i = 0; i < LINES; i++)
            assert_int_equal(bench->notes[i].placement, PLACEMENT_HEADER);
        bench_forget_notes(bench);
        bench_end(bench, flow);
    }
    clock_t took = clock() - start;
    if (took > anew / 2)
        fail_msg("%ld of %ld us", (long)took, (long)anew);
    bench_destroy(bench);
}

static void random_bytes_of_the_right_alphabet_do_no_harm(void **state)
{
    (void)state;
    static const char token[] = T1, header[] = H1;
    static const char *const pieces[] = {"eyJ",
                                         "authorization:",
                                         "\nauthorization:",
                                         " Bearer ",
                                         "access_token=",
                                         ".",
                                         "\"access_token\"",
                                         ":",
                                         "\"",
                                         "%2e",
                                         "%",
                                         "\\u002e",
                                         "\\",
                                         " ",
                                         "\r\n",
                                         "\r\n ",
                                         "&",
                                         token,
                                         header,
                                         "GET / HTTP/1.1\r\n",
                                         "\r\n\r\n",
                                         "IHs",
                                         "Cns",
                                         "Content-Length: 20\r\n",
                                         "Transfer-Encoding: chunked\r\n",
                                         "5\r\n",
                                         "0"};
    const struct bench_sizes sizes = {
        .chunks = 127, .captures = 8, .captures_chunks = 8, .kept_chunks = 10, .extras = 64};
    struct bench *bench = bench_create(&sizes);
    char *bytes = malloc(64 * 1024);
    for (unsigned round = 0; round < 400; round++) {
        size_t length = 0;
        for (unsigned i = 0; i < 150; i++)
            length += (size_t)snprintf(bytes + length, 64 * 1024 - length, "%s",
                                       pieces[(unsigned)rand_r(&seed_of_this_run) % COUNT(pieces)]);
        struct flow *flow = bench_flow(bench, (int)(round % 3) - 1);
        unsigned open = (unsigned)rand_r(&seed_of_this_run) % 2;
        bench_feed(bench, flow, open, bytes, length, round % 5 == 0 ? 1 : 0, &seed_of_this_run);
        bench_forget_notes(bench);
        if (round % 4 != 0)
            bench_end(bench, flow);
    }
    free(bytes);
    bench_destroy(bench);
}

int main(void)
{
    const char *given = getenv("TEST_SEED");
    seed_of_this_run = given != NULL ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("TEST_SEED=%u\n", seed_of_this_run);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_in_one_run),
        cmocka_unit_test(every_case_in_single_bytes),
        cmocka_unit_test(every_case_cut_in_two_anywhere),
        cmocka_unit_test(every_case_in_random_cuts),
        cmocka_unit_test(every_case_is_found_where_the_sides_are_not_known),
        cmocka_unit_test(every_case_of_a_server_under_every_cut),
        cmocka_unit_test(every_case_with_the_shortest_runs_anywhere),
        cmocka_unit_test(a_raw_token_of_any_length_ends_where_the_next_response_begins),
        cmocka_unit_test(a_token_that_is_passed_hides_no_other),
        cmocka_unit_test(a_token_longer_than_the_bound_leaves_truncated),
        cmocka_unit_test(a_header_longer_than_the_bound_is_counted_and_not_guessed_at),
        cmocka_unit_test(a_servers_token_is_found_wherever_it_lies_in_a_long_run),
        cmocka_unit_test(what_a_server_issues_is_placed_by_the_quote_before_it),
        cmocka_unit_test(a_long_uploads_last_token_knows_its_request),
        cmocka_unit_test(a_gap_in_the_rest_leaves_a_truncated_token),
        cmocka_unit_test(a_gap_in_the_header_is_counted_and_not_guessed_at),
        cmocka_unit_test(a_prefix_does_not_join_over_a_gap),
        cmocka_unit_test(the_end_of_a_connection_leaves_a_truncated_token),
        cmocka_unit_test(tokens_that_never_end_do_not_keep_others_from_chunks),
        cmocka_unit_test(announcements_that_never_end_do_not_keep_others_from_captures),
        cmocka_unit_test(bytes_behind_a_connections_end_are_scanned_from_there),
        cmocka_unit_test(one_direction_alone_can_fill_the_captures),
        cmocka_unit_test(an_empty_pool_of_chunks_is_counted_and_nothing_is_lost_from_it),
        cmocka_unit_test(a_chunk_that_is_given_back_holds_nothing),
        cmocka_unit_test(without_extras_tokens_in_one_run_are_found),
        cmocka_unit_test(many_tokens_in_one_request_cost_little),
        cmocka_unit_test(random_bytes_of_the_right_alphabet_do_no_harm),
    };
    return cmocka_run_group_tests(tests, bench_start, NULL);
}

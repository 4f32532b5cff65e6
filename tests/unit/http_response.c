/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the bodies are in what a server sends. What is to be left out stands in braces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bearertap/response.h>

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define STREAM_MAX    4096
#define OK            "HTTP/1.1 200 OK\r\n"
#define FIVE          OK "Content-Length: 5\r\n\r\n"
#define CHUNKED       OK "Transfer-Encoding: chunked\r\n\r\n"
#define AND_THEN_FIVE FIVE "{hello}"

struct stream {
    uint32_t length;
    uint8_t bytes[STREAM_MAX];
    bool left_out[STREAM_MAX];
};

static void read_stream(const char *text, struct stream *stream)
{
    bool left_out = false;
    stream->length = 0;
    for (; *text != '\0'; text++) {
        if (*text == '{' || *text == '}') {
            left_out = *text == '{';
            continue;
        }
        assert_true(stream->length < STREAM_MAX);
        stream->left_out[stream->length] = left_out;
        stream->bytes[stream->length++] = (uint8_t)*text;
    }
}

/* Feeds bytes from a block of exactly their size, and notes what is left out of them. */
static void feed(struct response_frame *frame, const uint8_t *bytes, uint32_t length, uint64_t depth, bool *left_out)
{
    uint8_t *exact = malloc(length > 0 ? length : 1);
    memcpy(exact, bytes, length);
    struct response_walk walk = response_walk(frame, exact, length, depth);
    uint32_t piece, done = 0;
    bool is_left_out, before = false;
    while (response_walk_next(&walk, &piece, &is_left_out)) {
        assert_true(piece > 0 && piece <= length - done);
        assert_true(done == 0 || is_left_out != before); /* pieces of one kind are one piece */
        for (uint32_t i = 0; i < piece; i++)
            left_out[done + i] = is_left_out;
        done += piece;
        before = is_left_out;
    }
    assert_int_equal(done, length);
    free(exact);
}

static void assert_stream(const struct stream *stream, const bool *left_out, const char *text, uint32_t cut)
{
    for (uint32_t i = 0; i < stream->length; i++)
        if (left_out[i] != stream->left_out[i])
            fail_msg("cut at %u, byte %u (%.20s) of\n%s\nis %s", cut, i, (const char *)stream->bytes + i, text,
                     left_out[i] ? "left out" : "scanned");
}

/* In one run, in single bytes, and cut at every byte in two. */
static void check(const char *text, uint64_t depth)
{
    struct stream stream;
    bool left_out[STREAM_MAX];
    read_stream(text, &stream);
    for (uint32_t cut = 0; cut <= stream.length; cut++) {
        struct response_frame frame = {0};
        response_begin(&frame, 0);
        feed(&frame, stream.bytes, cut, depth, left_out);
        feed(&frame, stream.bytes + cut, stream.length - cut, depth, left_out + cut);
        assert_stream(&stream, left_out, text, cut);
    }
    struct response_frame frame = {0};
    response_begin(&frame, 0);
    for (uint32_t i = 0; i < stream.length; i++)
        feed(&frame, stream.bytes + i, 1, depth, left_out + i);
    assert_stream(&stream, left_out, text, 1);
}

static void bodies_are_left_out_and_heads_are_not(void **state)
{
    (void)state;
    static const char *const rows[] = {
        AND_THEN_FIVE,
        AND_THEN_FIVE AND_THEN_FIVE AND_THEN_FIVE,
        OK "content-length:5\n\n{hello}" AND_THEN_FIVE,
        OK "X: y\r\n folded\r\nCONTENT-LENGTH: \t5 \r\nTe: x\r\nC\r\n\r\n{hello}" AND_THEN_FIVE,
        OK "Content-Length: 5\r\nContent-Length: 05\r\n\r\n{hello}" AND_THEN_FIVE,
        OK "Content-Length: 0\r\n\r\n" AND_THEN_FIVE,
        OK "X-Very-Long: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"
           "Content-Length: 5\r\n\r\n{hello}" AND_THEN_FIVE,
        "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n{hello}" AND_THEN_FIVE,
        /* chunks */
        CHUNKED "{5\r\nhello\r\n0\r\n\r\n}" AND_THEN_FIVE,
        CHUNKED "{A;name=\"value\"; other\r\nhelloworld\r\n00a\r\nhelloworld\r\n000\r\n\r\n}" AND_THEN_FIVE,
        CHUNKED "{5 \r\nhello\r\n0;last\r\n}X-Trailer: y\r\nAnother: z\r\n\r\n" AND_THEN_FIVE,
        CHUNKED "{5\nhello\n0\n\n}" AND_THEN_FIVE,
        CHUNKED "{0\r\n\r\n}" AND_THEN_FIVE,
        CHUNKED
        "{5;"
        "0123456789012345678901234567890123456789012345678901234567890123456789\r\nhello\r\n0\r\n\r\n}" AND_THEN_FIVE,
        OK "transfer-encoding:CHUNKED\r\n\r\n{5\r\nHTTP/\r\n0\r\n\r\n}" AND_THEN_FIVE,
        /* to the connection's end, where it says so */
        OK "Connection: close\r\n\r\n{all of it\r\n}{\r\n\r\nHTTP/1.1 200 OK}",
        "HTTP/1.0 200 OK\r\n\r\n{all of it}",
        /* statuses without a body */
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" AND_THEN_FIVE,
        "HTTP/1.1 204 No Content\r\n\r\n" AND_THEN_FIVE,
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n" AND_THEN_FIVE,
        /* white space that might be in front of a response, and is all of the body */
        OK "Content-Length: 2\r\n\r\n\r\n" AND_THEN_FIVE,
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i], 0);
}

/* What follows would be left out if it were followed, as a body of a length and as chunks; neither begins as a response
 * does. */
#define BODY_OF_BOTH_KINDS "5\r\nhello\r\n0\r\n\r\n" FIVE "hello"

static void what_is_not_understood_is_scanned_from_there(void **state)
{
    (void)state;
    static const char *const heads[] = {
        OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        OK "Transfer-Encoding: gzip, chunked\r\n\r\n",
        OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK "Transfer-Encoding:\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK "Content-Length: -5\r\n\r\n",
        OK "Content-Length: +5\r\n\r\n",
        OK "Content-Length: 5, 5\r\n\r\n",
        OK "Content-Length: 0x5\r\n\r\n",
        OK "Content-Length: 5 5\r\n\r\n",
        OK "Content-Length:\r\n\r\n",
        OK "Content-Length: 1000000000000000000\r\n\r\n",
        OK "Content-Length: 18446744073709551621\r\n\r\n",
        OK "Content-Length:                                                                     5\r\n\r\n",
        OK "Content-Length : 5\r\n\r\n",
        OK "Content\rLength: 5\r\n\r\n",
        OK "Connection: close\r\nContent-Length: 5, 5\r\n\r\n",
        OK "Content-Length: 5\r\n 0\r\n\r\n",
        OK "Content-Length: 5\r\n\t\r\n\r\n",
        OK "\r\n", /* no length, and no word of an end: a tunnel is opened so */
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1  200 OK\r\nContent-Length: 5\r\n\r\n",
        "http/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "220 mail.example ESMTP\r\n",
        "{hello}junk", /* behind a body that was understood; see below */
        CHUNKED "junk\r\n",
        CHUNKED "\r\n5\r\n",
        CHUNKED "-5\r\n",
    };
    for (size_t i = 0; i < COUNT(heads); i++) {
        char text[STREAM_MAX];
        snprintf(text, sizeof(text), "%s%s%s", heads[i][0] == '{' ? FIVE : "", heads[i], BODY_OF_BOTH_KINDS);
        check(text, 0);
    }
}

static void the_answer_to_head_hides_nothing_behind_it(void **state)
{
    (void)state;
    check(OK "Content-Length: 500\r\n\r\n" FIVE "hello" FIVE "hello", 0);
    check(OK "Content-Length: 500\r\n\r\n \r\n\r\n" FIVE "hello" FIVE "hello", 0);
    check(OK "Connection: close\r\n\r\n" FIVE "hello", 0);
    check(CHUNKED FIVE "hello" FIVE "hello", 0);
    check(OK "Content-Length: 0\r\n\r\n" AND_THEN_FIVE, 0);
}

static void a_chunk_that_goes_wrong_ends_the_following(void **state)
{
    (void)state;
    static const char *const rows[] = {
        CHUNKED "{5\r\nhello}junk\r\n0\r\n\r\n" FIVE "hello",
        CHUNKED "{5\r\nhello\r\n}\r\n" FIVE "hello",
        CHUNKED "{5\r\nhello\r\n}" FIVE "hello",
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        check(rows[i], 0);
    /* Of the line itself what was seen before it went wrong may be left out, when it is cut. */
    static const char *const lines[] = {"5g\r\n", "1234567890abcdef\r\n", "FFFFFFFFFFFFFFFFFF\r\n", "5:\r\n"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct stream stream;
        bool left_out[STREAM_MAX];
        char text[STREAM_MAX];
        struct response_frame frame = {0};
        snprintf(text, sizeof(text), "%s%s%s", CHUNKED, lines[i], FIVE "hello");
        read_stream(text, &stream);
        response_begin(&frame, 0);
        feed(&frame, stream.bytes, stream.length, 0, left_out);
        assert_stream(&stream, left_out, text, 0);
        for (uint32_t b = 0; b < stream.length; b++) {
            if (b == 0) {
                memset(&frame, 0, sizeof(frame));
                response_begin(&frame, 0);
            }
            feed(&frame, stream.bytes + b, 1, 0, left_out + b);
        }
        for (size_t b = strlen(CHUNKED) + strlen(lines[i]); b < stream.length; b++)
            assert_false(left_out[b]);
    }
}

/* A body may begin like a response, or nearly: what is seen before that is known is scanned, and the next head in any
 * case. */
static void a_body_that_begins_like_a_response_hides_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool is_left_out;
    } rows[] = {{"HTML!", true},       {"HTTP", true}, {"HTTP:", true},  {"HTTP/", false},
                {"\nHTTP/1.1", false}, {" H", true},   {"\n\n\n", true}, {"HTTPHTTP/1.1 200 OK", true}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[STREAM_MAX];
        struct stream stream;
        size_t length = strlen(rows[i].body);
        snprintf(text, sizeof(text), OK "Content-Length: %zu\r\n\r\n%s" FIVE "hello", length, rows[i].body);
        read_stream(text, &stream);
        uint32_t head = (uint32_t)strlen(text) - (uint32_t)length - (uint32_t)strlen(FIVE "hello");
        for (uint32_t cut = 0; cut <= stream.length; cut++) {
            bool left_out[STREAM_MAX];
            struct response_frame frame = {0};
            response_begin(&frame, 0);
            feed(&frame, stream.bytes, cut, 0, left_out);
            feed(&frame, stream.bytes + cut, stream.length - cut, 0, left_out + cut);
            for (uint32_t b = 0; b < head; b++)
                assert_false(left_out[b]);
            for (size_t b = head + length; b < head + length + strlen(FIVE); b++)
                assert_false(left_out[b]);
            assert_int_equal(left_out[stream.length - 1], rows[i].is_left_out);
        }
    }
}

static void of_each_body_the_first_bytes_are_scanned_to_the_depth(void **state)
{
    (void)state;
    check(FIVE "he{llo}" FIVE "he{llo}", 2);
    check(FIVE "hello" FIVE "hello", 5);
    check(FIVE "hello" FIVE "hello", UINT64_MAX);
    check(FIVE "{hello}", 0);
    /* as they stand on the wire: sizes of chunks count */
    check(CHUNKED "5\r\nhe{llo\r\n5\r\nhello\r\n0\r\n\r\n}" FIVE "hello", 5);
    check(CHUNKED "5\r\nhello\r\n5{\r\nhello\r\n0\r\n}X: y\r\n\r\n" FIVE "hello", 11);
    check("HTTP/1.0 200 OK\r\n\r\nal{l of it}", 2);
}

/* Feeds the beginning, skips, feeds the rest. */
static void check_gap(const char *before, uint32_t gap, bool counted, const char *after)
{
    struct stream first, second;
    bool left_out[STREAM_MAX];
    struct response_frame frame = {0};
    read_stream(before, &first);
    read_stream(after, &second);
    response_begin(&frame, 0);
    feed(&frame, first.bytes, first.length, 0, left_out);
    assert_stream(&first, left_out, before, 0);
    response_skip_gap(&frame, first.length + gap, counted);
    feed(&frame, second.bytes, second.length, 0, left_out);
    assert_stream(&second, left_out, after, 0);
}

static void a_gap_within_a_body_is_followed_over(void **state)
{
    (void)state;
    check_gap(OK "Content-Length: 10\r\n\r\n{abc}", 2, true, "{world}" AND_THEN_FIVE);
    check_gap(OK "Content-Length: 10\r\n\r\n{abc}", 7, true, AND_THEN_FIVE);
    check_gap(CHUNKED "{a\r\nabc}", 2, true, "{world\r\n0\r\n\r\n}" AND_THEN_FIVE);
    check_gap("HTTP/1.0 200 OK\r\n\r\n{all}", 7, true, "{ of it}");
}

static void a_gap_anywhere_else_ends_the_following(void **state)
{
    (void)state;
    check_gap(OK "Content-Length: 10\r\n\r\n{abc}", 8, true, FIVE "hello");
    check_gap(OK "Content-Length: 10\r\n\r\n{abc}", 0, true, FIVE "hello");
    check_gap(OK "Content-Length: 10\r\n\r\n{abc}", 2, false, "world" FIVE "hello");
    check_gap(OK "Content-Length: 10\r\n\r\n", 10, true, FIVE "hello");
    check_gap(OK "Content-Le", 3, true, "h: 5\r\n\r\nhello" FIVE "hello");
    check_gap(FIVE "{hello}", 3, true, FIVE "hello");
    check_gap(CHUNKED "{5\r\nhello}", 2, true, "5\r\nhello\r\n0\r\n\r\n" FIVE "hello");
    check_gap(CHUNKED "{5\r\nhello\r\n0\r\n}X: y", 2, true, "\r\n\r\n" FIVE "hello");
    check_gap("", 2, true, FIVE "hello");
}

static void a_frame_of_zeros_follows_nothing(void **state)
{
    (void)state;
    struct response_frame frame = {0};
    struct stream stream;
    bool left_out[STREAM_MAX];
    read_stream(FIVE "hello", &stream);
    feed(&frame, stream.bytes, stream.length, 0, left_out);
    assert_stream(&stream, left_out, FIVE "hello", 0);
}

static void note_client(struct response_frame *frame, const char *text, uint64_t position, bool after_gap)
{
    response_note_client(frame, (const uint8_t *)text, (uint32_t)strlen(text), position, after_gap);
}

static void a_tunnel_has_no_responses(void **state)
{
    (void)state;
    static const char request[] = "CONNECT host.example:443 HTTP/1.1\r\n\r\n";
    for (size_t cut = 0; cut < sizeof(request) - 1; cut++) {
        struct response_frame frame = {0};
        char first[sizeof(request)] = {0};
        memcpy(first, request, cut);
        response_begin(&frame, 0);
        note_client(&frame, first, 0, false);
        note_client(&frame, request + cut, cut, false);
        assert_int_equal(frame.state, RESPONSE_LOST);
    }
    struct response_frame frame = {0};
    response_begin(&frame, 0);
    note_client(&frame, "GET / HTTP/1.1\r\n\r\n", 0, false);
    note_client(&frame, "CONNECTED", 18, false);
    note_client(&frame, "CON", 27, false);
    assert_int_equal(frame.state, RESPONSE_STATUS_LINE);
    note_client(&frame, request, 30, false);
    assert_int_equal(frame.state, RESPONSE_LOST);
}

/* CONNECT may have stood in the gap, and nothing but the connection's end would end what is left out. */
static void behind_a_clients_gap_no_body_goes_to_the_end(void **state)
{
    (void)state;
    struct response_frame frame = {0};
    struct stream stream;
    bool left_out[STREAM_MAX];
    response_begin(&frame, 0);
    note_client(&frame, "host.example:443 HTTP/1.0\r\n\r\n", 8, true);
    read_stream(AND_THEN_FIVE "HTTP/1.0 200 Connection established\r\n\r\nall of it", &stream);
    feed(&frame, stream.bytes, stream.length, 0, left_out);
    assert_stream(&stream, left_out, "", 0);
}

static void a_run_is_left_out_as_a_whole_only_within_a_body(void **state)
{
    (void)state;
    struct response_frame frame = {0};
    bool left_out[STREAM_MAX];
    static const char text[] = OK "Content-Length: 10\r\n\r\nhello";
    response_begin(&frame, 0);
    assert_false(response_leaves_out(&frame, 1));
    feed(&frame, (const uint8_t *)text, sizeof(text) - 1, 7, left_out);
    assert_false(response_leaves_out(&frame, 5)); /* two more bytes are scanned */
    feed(&frame, (const uint8_t *)"wo", 2, 7, left_out);
    assert_true(response_leaves_out(&frame, 3));
    assert_false(response_leaves_out(&frame, 4));
    assert_false(response_pass(&frame, 3)); /* a head follows */
    assert_true(response_pass(&frame, 2));
    static const char rest[] = "d" FIVE "hello";
    feed(&frame, (const uint8_t *)rest, sizeof(rest) - 1, 0, left_out);
    assert_true(left_out[0]);
    assert_false(left_out[1]);
    assert_true(left_out[sizeof(rest) - 2]);
    assert_false(response_pass(&frame, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_left_out_and_heads_are_not),
        cmocka_unit_test(what_is_not_understood_is_scanned_from_there),
        cmocka_unit_test(the_answer_to_head_hides_nothing_behind_it),
        cmocka_unit_test(a_chunk_that_goes_wrong_ends_the_following),
        cmocka_unit_test(a_body_that_begins_like_a_response_hides_nothing),
        cmocka_unit_test(of_each_body_the_first_bytes_are_scanned_to_the_depth),
        cmocka_unit_test(a_gap_within_a_body_is_followed_over),
        cmocka_unit_test(a_gap_anywhere_else_ends_the_following),
        cmocka_unit_test(a_frame_of_zeros_follows_nothing),
        cmocka_unit_test(a_tunnel_has_no_responses),
        cmocka_unit_test(behind_a_clients_gap_no_body_goes_to_the_end),
        cmocka_unit_test(a_run_is_left_out_as_a_whole_only_within_a_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

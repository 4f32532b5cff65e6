/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket's protocol: requests, answers, garbage, and clients that are slow, many, or gone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_support.h"

#define ECHO        "{\"version\":1,\"command\":\"echo\"}\n"
#define LIST        "{\"version\":1,\"command\":\"keys list\"}\n"
#define HEARD(text) "{\"version\":1,\"result\":{\"heard\":\"" text "\"}}"

static bool is_error(const char *line)
{
    return strncmp(line, "{\"version\":1,\"error\":\"", 22) == 0;
}

/* ---- requests and answers ---- */

static void a_request_is_answered_with_its_arguments(void **state)
{
    (void)state;
    int fd = dial();
    assert_string_equal(ask(fd, ECHO), HEARD(""));
    assert_string_equal(ask(fd, "{\"version\":1,\"command\":\"echo\",\"arguments\":[\"a b\",\"\",\"\\u00e9\"]}\r\n"),
                        HEARD("[a b][][\xc3\xa9]"));
    assert_string_equal(ask(fd, " { \"arguments\" : [ ] , \"command\":\"echo\", \"version\":1}\n"), HEARD(""));
    assert_int_equal(asked.times, 3);
    assert_int_equal(asked.uid, geteuid());
    assert_int_equal(asked.pid, getpid());
    assert_string_equal(hear(fd), "(nothing)");
    close(fd);
}

static void many_requests_in_one_write_are_answered_in_their_order(void **state)
{
    (void)state;
    enum { REQUESTS = 500 };
    char text[REQUESTS * 80];
    size_t length = 0;
    int fd = dial();
    for (int i = 0; i < REQUESTS; i++)
        length += (size_t)sprintf(text + length, "{\"version\":1,\"command\":\"%s\",\"arguments\":[\"%d\"]}\n",
                                  i % 7 == 3 ? "none" : "echo", i);
    say_bytes(fd, text, length);
    serve();
    for (int i = 0; i < REQUESTS; i++) {
        char expected[80];
        const char *line = hear(fd);
        if (line[0] == '(') { /* no answer is made before there is room for it */
            serve();
            line = hear(fd);
        }
        sprintf(expected, HEARD("[%d]"), i);
        if (i % 7 == 3)
            assert_true(is_error(line));
        else
            assert_string_equal(line, expected);
    }
    assert_string_equal(hear(fd), "(nothing)");
    close(fd);
}

static void a_request_in_single_bytes_is_one(void **state)
{
    (void)state;
    int fd = dial();
    for (const char *at = ECHO; *at != '\0'; at++) {
        assert_string_equal(hear(fd), "(nothing)");
        say_bytes(fd, at, 1);
        serve();
    }
    assert_string_equal(hear(fd), HEARD(""));
    close(fd);
}

static void who_writes_no_more_still_gets_all_answers(void **state)
{
    (void)state;
    int fd = dial();
    asked.length = 3;
    say(fd, ECHO LIST ECHO);
    shutdown(fd, SHUT_WR);
    serve();
    assert_string_equal(hear(fd), HEARD(""));
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(hear(fd), "\"part\""));
    assert_string_equal(hear(fd), "{\"version\":1,\"result\":{\"length\":3}}");
    assert_string_equal(hear(fd), HEARD(""));
    assert_string_equal(hear(fd), "(hung up)");
    close(fd);
}

static void what_is_refused_leaves_the_connection_open(void **state)
{
    (void)state;
    static const struct {
        const char *request, *answer;
    } rows[] = {
        {"{\"version\":1,\"command\":\"fail\"}\n", "it is \\\"broken\\\""},
        {"{\"version\":1,\"command\":\"fail\",\"arguments\":[\"a\"]}\n",
         "\\\"fail\\\" takes no arguments, and not 1 argument"},
        {"{\"version\":1,\"command\":\"big\"}\n", "\\\"big\\\" takes arguments BYTES, and not 0 arguments"},
        {"{\"version\":1,\"command\":\"keys lst\"}\n", "there is no such command; was \\\"keys list\\\" meant?"},
        {"{\"version\":1,\"command\":\"\\u001b[2J\"}\n", "there is no such command"},
    };
    int fd = dial();
    for (size_t i = 0; i < COUNT(rows); i++) {
        char expected[256];
        snprintf(expected, sizeof(expected), "{\"version\":1,\"error\":\"%s\"}", rows[i].answer);
        assert_string_equal(ask(fd, rows[i].request), expected);
    }
    assert_string_equal(ask(fd, ECHO), HEARD(""));
    assert_int_equal(asked.ends, 0);
    close(fd);
}

static void an_answer_that_is_too_long_becomes_an_error(void **state)
{
    (void)state;
    static const char too_long[] = "{\"version\":1,\"error\":\"the answer has a line of more than 1048576 bytes\"}";
    int fd = dial();
    assert_string_equal(ask(fd, "{\"version\":1,\"command\":\"big\",\"arguments\":[\"1100000\"]}\n"), too_long);
    asked = (struct asked){.length = 1, .part_bytes = 1100000};
    assert_string_equal(ask(fd, LIST), too_long);
    assert_int_equal(asked.ends, 1);
    assert_string_equal(ask(fd, ECHO), HEARD(""));
    close(fd);
}

/* ---- garbage ---- */

static void garbage_gets_one_error_and_is_hung_up_on(void **state)
{
    (void)state;
    static const struct {
        const char *line, *error;
    } rows[] = {
        {"", "the request is no JSON"},
        {"GET / HTTP/1.1\r", "the request is no JSON (byte 3 of 15)"},
        {"{\"version\":1,\"command\":\"echo\"", "the request is no JSON"},
        {"{\"version\":1,\"command\":\"echo\"}}", "the request is no JSON"},
        {"{\"version\":1,\"command\":\"a\\u0000b\"}", "the request is no JSON"},
        {"{\"version\":1,\"command\":\"\xff\xfe\"}", "the request is no JSON"},
        {"{\"version\":99999999999999999999,\"command\":\"echo\"}", "the request is no JSON"},
        {"[]", "the request is no JSON object"},
        {"{}", "the request has no member \\\"version\\\""},
        {"{\"version\":1}", "the request has no member \\\"command\\\""},
        {"{\"version\":2,\"command\":\"echo\"}", "the request's version is not 1"},
        {"{\"version\":1.0,\"command\":\"echo\"}", "the request's version is not 1"},
        {"{\"version\":\"1\",\"command\":\"echo\"}", "the request's version is not 1"},
        {"{\"version\":1,\"command\":[]}", "the request's command is no string"},
        {"{\"version\":1,\"version\":1,\"command\":\"echo\"}", "the request has a member twice"},
        {"{\"version\":1,\"command\":\"echo\",\"arguments\":[{\"a\":1,\"a\":2}]}", "the request has a member twice"},
        {"{\"version\":1,\"command\":\"echo\",\"argument\":[]}", "the request has a member that is none of"},
        {"{\"version\":1,\"command\":\"echo\",\"arguments\":{}}", "the request's arguments are no array"},
        {"{\"version\":1,\"command\":\"echo\",\"arguments\":null}", "the request's arguments are no array"},
        {"{\"version\":1,\"command\":\"echo\",\"arguments\":[\"a\",1]}", "the request's argument 2 is no string"},
        {"{\"version\":1,\"command\":\"echo\",\"arguments\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}",
         "the request's arguments are no array of 16 strings at most"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = dial();
        say(fd, rows[i].line);
        say(fd, "\n" ECHO);
        serve();
        const char *line = hear(fd);
        if (!is_error(line) || strncmp(line + 22, rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("%s\ngets %s\nand not %s", rows[i].line, line, rows[i].error);
        assert_string_equal(hear(fd), "(hung up)");
        close(fd);
    }
    assert_int_equal(asked.times, 0);
}

static void nothing_of_garbage_is_repeated(void **state)
{
    (void)state;
    static const char *const rows[] = {"secret\n",
                                       "{\"secret\":1}\n",
                                       "{\"version\":\"secret\"}\n",
                                       "{\"version\":1,\"command\":\"secret\"}\n",
                                       "{\"version\":1,\"command\":\"fail\",\"arguments\":[\"secret\"]}\n",
                                       "{\"secret\":1,\"secret\":2}\n",
                                       "[secret\n"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        int fd = dial();
        const char *line = ask(fd, rows[i]);
        assert_true(is_error(line));
        assert_null(strstr(line, "secret"));
        close(fd);
    }
}

static void bytes_of_any_kind_are_survived(void **state)
{
    (void)state;
    uint64_t random = 20240711;
    for (int round = 0; round < 2000; round++) {
        char bytes[300];
        size_t length = 0;
        int fd = dial();
        for (size_t i = 0; i < sizeof(bytes) - 40; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            unsigned kind = (unsigned)(random >> 33) % 40, byte = (unsigned)(random >> 40) & 0xff;
            static const char *const pieces[] = {
                "{\"version\":1,", "\"command\":", "\"echo\"", "}", "\n", "[", "]", ","};
            if (kind < COUNT(pieces) && length + 40 < sizeof(bytes))
                length += (size_t)sprintf(bytes + length, "%s", pieces[kind]);
            else if (length + 40 < sizeof(bytes))
                bytes[length++] = (char)byte;
        }
        say_bytes(fd, bytes, length);
        if (round % 2 == 0)
            shutdown(fd, SHUT_WR);
        serve();
        for (const char *line; (line = hear(fd))[0] != '(';)
            if (!is_error(line) && strncmp(line, "{\"version\":1,\"result\":", 22) != 0)
                fail_msg("round %d: %s", round, line);
        close(fd);
    }
    int fd = dial();
    assert_string_equal(ask(fd, ECHO), HEARD(""));
    close(fd);
}

static void what_is_nested_as_deep_as_a_line_is_long_is_refused(void **state)
{
    (void)state;
    static char line[CONTROL_REQUEST_BYTES_MAX + 1];
    static const char *const kinds[] = {"[", "{\"a\":"};
    for (size_t k = 0; k < COUNT(kinds); k++) {
        size_t length = 0;
        while (length + strlen(kinds[k]) < CONTROL_REQUEST_BYTES_MAX)
            length += (size_t)sprintf(line + length, "%s", kinds[k]);
        line[length++] = '\n';
        int fd = dial();
        say_bytes(fd, line, length);
        serve();
        assert_true(is_error(hear(fd)));
        assert_string_equal(hear(fd), "(hung up)");
        close(fd);
    }
}

static void a_line_may_have_64_kib_and_not_one_byte_more(void **state)
{
    (void)state;
    static char line[CONTROL_REQUEST_BYTES_MAX + 2];
    for (size_t more = 0; more < 2; more++) {
        size_t length = CONTROL_REQUEST_BYTES_MAX + more;
        memset(line, ' ', length);
        memcpy(line, ECHO, strlen(ECHO) - 1);
        line[length] = '\n';
        int fd = dial();
        for (size_t sent = 0; sent < length + (more == 0); sent += 1 << 14) { /* more > 0: the newline never comes */
            size_t left = length + (more == 0) - sent;
            say_bytes(fd, line + sent, left < 1 << 14 ? left : 1 << 14);
            serve();
        }
        if (more == 0)
            assert_string_equal(hear(fd), HEARD(""));
        else
            assert_string_equal(hear(fd), "{\"version\":1,\"error\":\"the request has more than 65536 bytes without a "
                                          "newline\"}");
        assert_string_equal(hear(fd), more == 0 ? "(nothing)" : "(hung up)");
        close(fd);
    }
}

static void a_connection_that_ends_within_a_request_is_told(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, ECHO "{\"version\":1,\"command\":\"echo\"}"); /* as `printf | nc -U` would */
    shutdown(fd, SHUT_WR);
    serve();
    assert_string_equal(hear(fd), HEARD(""));
    assert_string_equal(hear(fd),
                        "{\"version\":1,\"error\":\"the connection ends within a request; a newline ends one\"}");
    assert_string_equal(hear(fd), "(hung up)");
    close(fd);
}

/* ---- parts, and slow clients ---- */

static void take_list(int fd, unsigned length)
{
    for (unsigned i = 0; i < length; i++) {
        char begin[64];
        const char *line = hear(fd);
        if (line[0] == '(') { /* nothing yet: the server may go on */
            assert_string_equal(line, "(nothing)");
            serve();
            line = hear(fd);
        }
        int size = sprintf(begin, "{\"version\":1,\"part\":{\"number\":%u,\"text\":\"y", i);
        if (strncmp(line, begin, (size_t)size) != 0)
            fail_msg("part %u is %.100s", i, line);
    }
}

static void a_client_that_does_not_read_costs_a_few_parts_and_stops_nobody(void **state)
{
    (void)state;
    enum { LENGTH = 100000 };
    int slow = dial(), quick = dial();
    asked.length = LENGTH;
    say(slow, LIST ECHO);
    serve();
    assert_in_range(asked.parts, 100, LENGTH / 10);
    unsigned before = asked.parts;
    for (int i = 0; i < 10; i++)
        assert_string_equal(ask(quick, ECHO), HEARD(""));
    assert_int_equal(asked.parts, before);
    close(quick);
    for (int turn = 0; asked.parts < LENGTH && turn < LENGTH; turn++) { /* reads what is there, and no more */
        char bytes[1 << 16];
        ssize_t received = recv(slow, bytes, sizeof(bytes), MSG_DONTWAIT);
        assert_true(received > 0);
        serve();
    }
    assert_int_equal(asked.parts, LENGTH);
    close(slow);
    serve();
    assert_int_equal(asked.ends, 1);
}

static void a_list_comes_whole_and_in_order_and_the_next_answer_after_it(void **state)
{
    (void)state;
    int fd = dial();
    asked.length = 3000;
    say(fd, LIST ECHO);
    serve();
    take_list(fd, 3000);
    assert_string_equal(hear(fd), "{\"version\":1,\"result\":{\"length\":3000}}");
    assert_string_equal(hear(fd), HEARD(""));
    assert_int_equal(asked.ends, 1);
    close(fd);
}

static void a_list_that_breaks_ends_with_the_error(void **state)
{
    (void)state;
    int fd = dial();
    asked.length = 2;
    asked.failure = -EIO;
    say(fd, LIST ECHO);
    serve();
    take_list(fd, 2);
    assert_string_equal(hear(fd), "{\"version\":1,\"error\":\"the list broke\"}");
    assert_string_equal(hear(fd), HEARD(""));
    assert_int_equal(asked.ends, 1);
    close(fd);
}

static void an_answer_ends_once_when_its_client_vanishes(void **state)
{
    (void)state;
    asked.length = 100000;
    for (unsigned i = 1; i <= 3; i++) {
        int fd = dial();
        asked.parts = 0;
        say(fd, LIST);
        serve();
        if (i == 2)
            recv(fd, (char[1000]){0}, 1000, 0);
        close(fd);
        serve();
        assert_int_equal(asked.ends, i);
    }
}

static void what_is_not_known_yet_is_asked_for_again_when_woken(void **state)
{
    (void)state;
    int fd = dial();
    asked.length = 2;
    asked.not_yet = true;
    assert_string_equal(ask(fd, LIST), "(nothing)");
    control_wake(server);
    serve(); /* which ends, though it still has none */
    assert_string_equal(hear(fd), "(nothing)");
    asked.not_yet = false;
    serve();
    assert_string_equal(hear(fd), "(nothing)");
    control_wake(server);
    serve();
    take_list(fd, 2);
    assert_string_equal(hear(fd), "{\"version\":1,\"result\":{\"length\":2}}");
    close(fd);
}

static void who_waits_for_an_answer_may_leave(void **state)
{
    (void)state;
    int fd = dial();
    asked.not_yet = true;
    assert_string_equal(ask(fd, LIST), "(nothing)");
    close(fd);
    serve();
    assert_int_equal(asked.ends, 1);
    control_wake(server);
    serve();
    assert_int_equal(asked.ends, 1);
}

/* Reads whatever is there. */
static size_t take(int fd, char *bytes, size_t capacity)
{
    ssize_t received = recv(fd, bytes, capacity, MSG_DONTWAIT);
    return received > 0 ? (size_t)received : 0;
}

static void who_is_hung_up_on_gets_what_was_answered_before(void **state)
{
    (void)state;
    enum { BYTES = 1000000 };
    static const char last[] = "has a member twice\"}\n";
    char *bytes = malloc(BYTES * 2);
    size_t length = 0;
    int fd = dial();
    say(fd, "{\"version\":1,\"command\":\"big\",\"arguments\":[\"1000000\"]}\n{\"version\":1,\"version\":1}\n");
    for (size_t more = 1; more > 0; length += more) {
        serve();
        more = take(fd, bytes + length, BYTES * 2 - length);
    }
    assert_true(length > BYTES && memcmp(bytes + length - strlen(last), last, strlen(last)) == 0);
    assert_string_equal(hear(fd), "(hung up)");
    free(bytes);
    close(fd);
}

static void what_fits_is_sent_when_the_server_ends(void **state)
{
    static char bytes[1 << 20];
    int fd = dial();
    say(fd, "{\"version\":1,\"command\":\"big\",\"arguments\":[\"1000000\"]}\n");
    serve();
    while (take(fd, bytes, sizeof(bytes)) > 0)
        continue;
    stop_server(state);
    assert_true(take(fd, bytes, sizeof(bytes)) > 10000);
    close(fd);
    start_server(state);
}

static void what_was_answered_arrives_though_the_server_ends(void **state)
{
    int fd = dial();
    say(fd, ECHO);
    serve();
    stop_server(state);
    assert_string_equal(hear(fd), HEARD(""));
    assert_string_equal(hear(fd), "(hung up)");
    close(fd);
    start_server(state);
}

/* ---- many ---- */

static void allow_descriptors(rlim_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void of_a_thousand_connections_the_newest_are_served_and_the_others_told(void **state)
{
    (void)state;
    enum { CLIENTS = 1000 };
    static int fds[CLIENTS];
    allow_descriptors(CLIENTS + 200);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = dial();
        assert_true(fds[i] >= 0);
        serve();
    }
    for (int i = 0; i < CLIENTS - CONTROL_CONNECTIONS_MAX; i++) {
        assert_string_equal(hear(fds[i]), "{\"version\":1,\"error\":\"all connections are in use, and this one was "
                                          "idle for the longest\"}");
        assert_string_equal(hear(fds[i]), "(hung up)");
    }
    for (int i = CLIENTS - CONTROL_CONNECTIONS_MAX; i < CLIENTS; i++)
        assert_string_equal(ask(fds[i], ECHO), HEARD(""));
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
}

static void who_asked_lately_stays_and_who_is_idle_leaves(void **state)
{
    (void)state;
    int fds[CONTROL_CONNECTIONS_MAX];
    for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        fds[i] = dial();
    serve();
    assert_string_equal(ask(fds[0], ECHO), HEARD("")); /* so the second is idle for the longest now */
    int newest = dial();
    assert_string_equal(ask(newest, ECHO), HEARD(""));
    assert_true(is_error(hear(fds[1])));
    assert_string_equal(ask(fds[0], ECHO), HEARD(""));
    for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        close(fds[i]);
    close(newest);
}

static void who_is_idle_leaves_before_who_is_slow(void **state)
{
    (void)state;
    int slow = dial(), fds[CONTROL_CONNECTIONS_MAX - 1];
    asked.length = 1000000;
    say(slow, LIST);
    serve();
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = dial();
    serve();
    int newest = dial();
    assert_string_equal(ask(newest, ECHO), HEARD(""));
    assert_int_equal(asked.ends, 0);
    assert_true(is_error(hear(fds[0])));
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(slow);
    close(newest);
}

static void clients_that_never_read_lock_nobody_out(void **state)
{
    (void)state;
    int fds[CONTROL_CONNECTIONS_MAX];
    asked.length = 1000000;
    for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        fds[i] = dial();
        say(fds[i], LIST);
        serve();
    }
    int newest = dial();
    assert_string_equal(ask(newest, ECHO), HEARD(""));
    assert_int_equal(asked.ends, 1);
    for (int i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        close(fds[i]);
    serve();
    assert_int_equal(asked.ends, CONTROL_CONNECTIONS_MAX);
    assert_string_equal(ask(newest, ECHO), HEARD(""));
    close(newest);
}

static void who_finds_no_descriptor_left_is_told_and_the_server_sleeps(void **state)
{
    (void)state;
    int first = dial(), second = dial(), last = dup(first);
    close(last);
    allow_descriptors((rlim_t)last); /* not one more */
    serve();
    assert_string_equal(hear(first), "{\"version\":1,\"error\":\"no descriptor is left for one more connection "
                                     "(`ulimit -n`)\"}");
    assert_string_equal(hear(first), "(hung up)");
    assert_true(is_error(hear(second)));
    allow_descriptors(200);
    close(first);
    close(second);
    int third = dial();
    assert_string_equal(ask(third, ECHO), HEARD(""));
    close(third);
}

#define SERVED(name) cmocka_unit_test_setup_teardown(name, start_server, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(a_request_is_answered_with_its_arguments),
        SERVED(many_requests_in_one_write_are_answered_in_their_order),
        SERVED(a_request_in_single_bytes_is_one),
        SERVED(who_writes_no_more_still_gets_all_answers),
        SERVED(what_is_refused_leaves_the_connection_open),
        SERVED(an_answer_that_is_too_long_becomes_an_error),
        SERVED(garbage_gets_one_error_and_is_hung_up_on),
        SERVED(nothing_of_garbage_is_repeated),
        SERVED(bytes_of_any_kind_are_survived),
        SERVED(what_is_nested_as_deep_as_a_line_is_long_is_refused),
        SERVED(a_line_may_have_64_kib_and_not_one_byte_more),
        SERVED(a_connection_that_ends_within_a_request_is_told),
        SERVED(a_client_that_does_not_read_costs_a_few_parts_and_stops_nobody),
        SERVED(a_list_comes_whole_and_in_order_and_the_next_answer_after_it),
        SERVED(a_list_that_breaks_ends_with_the_error),
        SERVED(an_answer_ends_once_when_its_client_vanishes),
        SERVED(what_is_not_known_yet_is_asked_for_again_when_woken),
        SERVED(who_waits_for_an_answer_may_leave),
        SERVED(who_is_hung_up_on_gets_what_was_answered_before),
        SERVED(what_fits_is_sent_when_the_server_ends),
        SERVED(what_was_answered_arrives_though_the_server_ends),
        SERVED(of_a_thousand_connections_the_newest_are_served_and_the_others_told),
        SERVED(who_asked_lately_stays_and_who_is_idle_leaves),
        SERVED(who_is_idle_leaves_before_who_is_slow),
        SERVED(clients_that_never_read_lock_nobody_out),
        SERVED(who_finds_no_descriptor_left_is_told_and_the_server_sleeps),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

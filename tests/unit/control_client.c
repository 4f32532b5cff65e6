/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's end of the control socket: what it asks, and what it makes of anything that answers. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control_support.h"

static struct control_client *client;
static int listener;

static int connect_client(void **state)
{
    struct error error;
    start_server(state);
    if (control_client_connect(path, 10, &client, &error) != 0)
        fail_msg("%s", error.text);
    return 0;
}

static int close_client(void **state)
{
    control_client_close(client);
    return stop_server(state);
}

static void request(const char *command, const char *argument)
{
    struct error error;
    if (control_client_ask(client, command, &argument, argument != NULL, &error) != 0)
        fail_msg("%s", error.text);
    serve();
}

static void a_result_is_received(void **state)
{
    (void)state;
    struct error error;
    json_t *result;
    request("echo", "\"\\ \xc3\xa9\n");
    assert_int_equal(control_client_receive(client, &result, &error), 0);
    assert_string_equal(json_string_value(json_object_get(result, "heard")), "[\"\\ \xc3\xa9\n]");
    json_decref(result);
}

static void parts_are_received_and_then_the_result(void **state)
{
    (void)state;
    struct error error;
    json_t *object;
    asked.length = 100; /* which are there at once */
    request("keys list", NULL);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(control_client_receive(client, &object, &error), 1);
        assert_int_equal(json_integer_value(json_object_get(object, "number")), i);
        json_decref(object);
    }
    assert_int_equal(control_client_receive(client, &object, &error), 0);
    assert_int_equal(json_integer_value(json_object_get(object, "length")), 100);
    json_decref(object);
}

static void an_error_is_the_servers_words(void **state)
{
    (void)state;
    struct error error;
    json_t *object;
    request("fail", NULL);
    assert_int_equal(control_client_receive(client, &object, &error), -EREMOTEIO);
    assert_string_equal(error.text, "it is \"broken\"");
    assert_null(object);
}

/* The server takes its turns in a process of its own, since an answer of this length does not fit a socket's buffer. */
static void the_longest_answer_fits(void **state)
{
    (void)state;
    enum { BYTES = CONTROL_ANSWER_BYTES_MAX - 40 };
    struct error error;
    json_t *object;
    char bytes[16];
    snprintf(bytes, sizeof(bytes), "%d", BYTES);
    request("big", bytes);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct pollfd polled = {.fd = control_descriptor(server), .events = POLLIN};
        while (poll(&polled, 1, -1) == 1)
            control_serve(server);
        _exit(0);
    }
    int result = control_client_receive(client, &object, &error);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(result, 0);
    assert_int_equal(json_string_length(json_object_get(object, "text")), BYTES);
    json_decref(object);
}

static void what_cannot_be_asked_is_said(void **state)
{
    (void)state;
    struct error error;
    char *text = malloc(70000);
    const char *arguments[] = {"\xff"};
    assert_int_equal(control_client_ask(client, "echo", arguments, 1, &error), -EINVAL);
    memset(text, 'a', 69999);
    text[69999] = '\0';
    arguments[0] = text;
    assert_int_equal(control_client_ask(client, "echo", arguments, 1, &error), -E2BIG);
    assert_string_equal(error.text, "the arguments are too long: a request may have 65536 bytes");
    free(text);
}

/* ---- who is no bearertap ---- */

static int open_listener(void **state)
{
    (void)state;
    struct error error;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(listener, 1) != 0)
        return -1;
    return control_client_connect(path, 1, &client, &error);
}

static int close_listener(void **state)
{
    (void)state;
    control_client_close(client);
    close(listener);
    return unlink(path);
}

static void assert_received(int code, const char *text)
{
    struct error error = {""};
    json_t *object;
    assert_int_equal(control_client_receive(client, &object, &error), code);
    assert_null(object);
    if (strstr(error.text, text) == NULL)
        fail_msg("%s\nlacks: %s", error.text, text);
}

static void what_is_no_answer_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *line, *text;
    } rows[] = {
        {"", "what answers there is no bearertap of this version"},
        {"HTTP/1.1 400 Bad Request\r", "no bearertap of this version"},
        {"{\"version\":2,\"result\":{}}", "no bearertap of this version"},
        {"{\"version\":1,\"version\":1,\"result\":{}}", "no bearertap of this version"},
        {"{\"version\":1}", "neither a result nor an error"},
        {"{\"version\":1,\"result\":[]}", "neither a result nor an error"},
        {"{\"version\":1,\"error\":7}", "neither a result nor an error"},
    };
    int fd = accept(listener, NULL, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        say(fd, rows[i].line);
        say(fd, "\n");
        assert_received(-EPROTO, rows[i].text);
    }
    say(fd, "{\"version\":1,\"error\":\"\\u001b[2J\"}\n");
    assert_received(-EREMOTEIO, "\\x1b[2J"); /* not for a terminal to act on */
    say(fd, "{\"version\":1,\"res");
    close(fd);
    assert_received(-ECONNRESET, "it hung up without an answer's end");
}

static void who_hangs_up_without_a_word_is_told_of(void **state)
{
    (void)state;
    struct error error;
    close(accept(listener, NULL, NULL));
    assert_int_equal(control_client_ask(client, "status", NULL, 0, &error), 0);
    assert_received(-ECONNRESET, "it hung up without an answer");
}

static void who_says_nothing_is_not_waited_for_without_end(void **state)
{
    (void)state;
    int fd = accept(listener, NULL, NULL);
    assert_received(-ETIMEDOUT, "no answer for 1 s");
    close(fd);
}

static void a_line_without_end_is_given_up(void **state)
{
    (void)state;
    static char bytes[1 << 16];
    memset(bytes, ' ', sizeof(bytes));
    int fd = accept(listener, NULL, NULL);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        while (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
            continue;
        _exit(0);
    }
    close(fd);
    struct error error;
    json_t *object;
    int result = control_client_receive(client, &object, &error);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(result, -EMSGSIZE);
    assert_non_null(strstr(error.text, "it answers with a line of more than"));
}

/* ---- where there is none ---- */

static void assert_not_connected(const char *at, int code, const char *text)
{
    struct error error = {""};
    assert_int_equal(control_client_connect(at, 1, &client, &error), -code);
    assert_null(client);
    if (strstr(error.text, text) == NULL || strstr(error.text, at) == NULL)
        fail_msg("%s\nlacks: %s", error.text, text);
}

static int not_connected_for_want_of_rights(void)
{
    struct error error = {""};
    int result = control_client_connect(path, 1, &client, &error);
    return result == -EACCES && strstr(error.text, "you may not connect; run as root") != NULL ? 0 : 1;
}

static void where_nobody_listens_is_said(void **state)
{
    char other[CONTROL_PATH_MAX];
    snprintf(other, sizeof(other), "%s/none", folder);
    assert_not_connected(other, ENOENT, "there is no such socket");
    assert_not_connected("/etc/passwd", ECONNREFUSED, "that is no socket");
    assert_not_connected("/dev/null/x", ENOTDIR, "Not a directory");
    open_listener(state);
    control_client_close(client);
    close(listener);
    assert_not_connected(path, ECONNREFUSED, "nobody listens there");
    unlink(path);
    int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(datagrams, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_not_connected(path, EPROTOTYPE, "a socket of another kind");
    if (geteuid() == 0) {
        chmod(path, 0600);
        assert_int_equal(in_child(not_connected_for_want_of_rights, 65534, 65534, NULL, 0), 0);
    }
    close(datagrams);
    unlink(path);
}

static int default_of_an_ordinary_user(void)
{
    char at[CONTROL_PATH_MAX], long_folder[200];
    struct error error;
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    if (control_default_path(at, &error) != 0 || strcmp(at, "/run/user/7/bearertap.sock") != 0)
        return 1;
    unsetenv("XDG_RUNTIME_DIR");
    if (control_default_path(at, &error) != -ENOENT || strstr(error.text, "XDG_RUNTIME_DIR") == NULL)
        return 2;
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    if (control_default_path(at, &error) != -ENOENT)
        return 3;
    memset(long_folder, '/', sizeof(long_folder));
    long_folder[100] = '\0';
    setenv("XDG_RUNTIME_DIR", long_folder, 1);
    return control_default_path(at, &error) == -ENAMETOOLONG ? 0 : 4;
}

static void the_default_place_is_the_users(void **state)
{
    (void)state;
    char at[CONTROL_PATH_MAX];
    struct error error;
    if (geteuid() == 0) {
        assert_int_equal(control_default_path(at, &error), 0);
        assert_string_equal(at, "/run/bearertap.sock");
    }
    assert_int_equal(in_child(default_of_an_ordinary_user, geteuid() == 0 ? 65534 : geteuid(), 65534, NULL, 0), 0);
}

#define ASKING(name)    cmocka_unit_test_setup_teardown(name, connect_client, close_client)
#define LISTENING(name) cmocka_unit_test_setup_teardown(name, open_listener, close_listener)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ASKING(a_result_is_received),
        ASKING(parts_are_received_and_then_the_result),
        ASKING(an_error_is_the_servers_words),
        ASKING(the_longest_answer_fits),
        ASKING(what_cannot_be_asked_is_said),
        LISTENING(what_is_no_answer_is_said),
        LISTENING(who_hangs_up_without_a_word_is_told_of),
        LISTENING(who_says_nothing_is_not_waited_for_without_end),
        LISTENING(a_line_without_end_is_given_up),
        cmocka_unit_test(where_nobody_listens_is_said),
        cmocka_unit_test(the_default_place_is_the_users),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

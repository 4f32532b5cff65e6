/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
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

struct asked asked;
char folder[64], path[CONTROL_PATH_MAX];
struct control *server;

/* ---- commands ---- */

static void note(const struct control_request *request)
{
    asked.times++;
    asked.uid = request->uid;
    asked.pid = request->pid;
    asked.last[0] = '\0';
    for (unsigned i = 0; i < request->arguments_count; i++) {
        size_t length = strlen(asked.last);
        snprintf(asked.last + length, sizeof(asked.last) - length, "[%s]", request->arguments[i]);
    }
}

static int echo(void *context, const struct control_request *request, struct control_answer *answer,
                struct error *error)
{
    (void)error;
    note(request);
    assert_ptr_equal(context, &asked);
    return json_object_set_new(answer->result, "heard", json_string(asked.last));
}

static int big(void *context, const struct control_request *request, struct control_answer *answer, struct error *error)
{
    (void)context;
    (void)error;
    note(request);
    size_t length = strtoul(request->arguments[0], NULL, 10);
    char *text = malloc(length + 1);
    memset(text, 'x', length);
    text[length] = '\0';
    json_object_set_new(answer->result, "text", json_string(text));
    free(text);
    return 0;
}

static int next_part(void *state, json_t *part, struct error *error)
{
    assert_ptr_equal(state, &asked);
    if (asked.not_yet)
        return -EAGAIN;
    if (asked.parts == asked.length)
        return asked.failure != 0 ? error_set(error, -asked.failure, "the list broke") : 0;
    json_object_set_new(part, "number", json_integer(asked.parts++));
    char *text = calloc(1, asked.part_bytes + 1);
    memset(text, 'y', asked.part_bytes);
    json_object_set_new(part, "text", json_string(text));
    free(text);
    return 1;
}

static void end_list(void *state)
{
    assert_ptr_equal(state, &asked);
    asked.ends++;
}

static int fail_(void *context, const struct control_request *request, struct control_answer *answer,
                 struct error *error)
{
    note(request);
    answer->end = end_list; /* which is not for an answer that never began */
    answer->state = context;
    return error_set(error, EINVAL, "it is \"broken\"");
}

static int list(void *context, const struct control_request *request, struct control_answer *answer,
                struct error *error)
{
    (void)error;
    note(request);
    answer->next = next_part;
    answer->end = end_list;
    answer->state = context;
    return json_object_set_new(answer->result, "length", json_integer(asked.length));
}

const struct control_command test_commands[] = {
    {"echo", "[TEXT...]", "says it again", 0, 16, echo},
    {"fail", NULL, "cannot", 0, 0, fail_},
    {"big", "BYTES", "a long answer", 1, 1, big},
    {"keys list", NULL, "parts", 0, 0, list},
};
const unsigned test_commands_count = COUNT(test_commands);

/* ---- a server ---- */

int create(const char *at, const char *group, struct control **control, struct error *error)
{
    const struct control_options options = {at, group, test_commands, test_commands_count, &asked};
    error->text[0] = '\0';
    return control_create(&options, control, error);
}

int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/bearertap-control-XXXXXX");
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/socket", folder);
    return 0;
}

int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails where a test left something in it */
}

int start_server(void **state)
{
    struct error error;
    (void)state;
    asked = (struct asked){.part_bytes = 10};
    if (create(path, NULL, &server, &error) != 0)
        fail_msg("%s", error.text);
    return 0;
}

int stop_server(void **state)
{
    (void)state;
    control_destroy(server);
    server = NULL;
    return 0;
}

static bool has_something_to_do(void)
{
    struct pollfd poll_fd = {.fd = control_descriptor(server), .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

void serve(void)
{
    unsigned turns = 0;
    while (has_something_to_do() && turns++ < 100000)
        control_serve(server);
    assert_true(turns < 100000); /* it would never sleep */
}

/* ---- a client ---- */

int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

void say_bytes(int fd, const void *bytes, size_t length)
{
    assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

const char *hear(int fd)
{
    static char line[1 << 17];
    size_t length = 0;
    for (; length + 1 < sizeof(line); length++) {
        ssize_t received = recv(fd, line + length, 1, MSG_DONTWAIT);
        if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return length == 0 ? "(nothing)" : "(half a line)";
        if (received <= 0)
            return length == 0 ? "(hung up)" : "(half a line, hung up)";
        if (line[length] == '\n')
            break;
    }
    line[length] = '\0';
    return line;
}

const char *ask(int fd, const char *text)
{
    say(fd, text);
    serve();
    return hear(fd);
}

int in_child(int (*what)(void), uid_t uid, gid_t gid, const gid_t *groups, size_t groups_count)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (uid != geteuid() && (setgroups(groups_count, groups) != 0 || setgid(gid) != 0 || setuid(uid) != 0))
            _exit(99);
        _exit(what());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

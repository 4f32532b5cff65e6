/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What comes over the control socket. The first byte says how: a line for the parser alone, which is taken within its
 * bounds or refused in words that repeat none of it; or bytes for a connection, in pieces of the length that the second
 * byte says, to which a command answers, whole or in parts. Whatever comes, each line that leaves is an answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../app/control/connection.h"
#include "../../app/control/request.h"
#include "support.h"

static unsigned begun, ended, parts;

static int echo(void *context, const struct control_request *request, struct control_answer *answer,
                struct error *error)
{
    (void)context;
    REQUIRE(request->arguments_count >= 1 && request->arguments_count <= 3);
    if (request->arguments[0][0] == 'x')
        return error_set(error, EINVAL, "no");
    return json_object_set_new(answer->result, "heard", json_string(request->arguments[0]));
}

static int next_part(void *state, json_t *part, struct error *error)
{
    (void)state;
    (void)error;
    return parts == 0 ? 0 : json_object_set_new(part, "number", json_integer(parts--)) == 0;
}

static void end_list(void *state)
{
    (void)state;
    ended++;
}

static int list(void *context, const struct control_request *request, struct control_answer *answer,
                struct error *error)
{
    (void)context;
    (void)request;
    (void)error;
    begun++;
    parts = 3;
    answer->next = next_part;
    answer->end = end_list;
    return 0;
}

static const struct control_command commands[] = {
    {"echo", "TEXT...", "", 1, 3, echo},
    {"keys list", NULL, "", 0, 0, list},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void parse(const uint8_t *data, size_t size)
{
    struct control_line line;
    struct error error = {""};
    uint8_t *bytes = fuzz_copy(data, size);
    int result = control_line_parse(&line, (const char *)bytes, size, &error);
    REQUIRE((result == 0) == (error.text[0] == '\0'));
    REQUIRE(strlen(error.text) < 200 && line.arguments_count <= CONTROL_ARGUMENTS_MAX);
    if (result == 0) {
        for (unsigned i = 0; i < line.arguments_count; i++)
            REQUIRE(line.arguments[i] != NULL);
        const struct control_command *command = control_command_find(commands, COMMANDS, &line, &error);
        REQUIRE((command != NULL) == (error.text[0] == '\0'));
        REQUIRE(command == NULL || strcmp(command->name, line.command) == 0);
    }
    control_line_release(&line);
    free(bytes);
}

/* Takes what was answered; returns how many lines. */
static unsigned take_answers(int fd, bool is_end)
{
    static char bytes[1 << 18];
    unsigned lines = 0;
    ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    for (char *at = bytes, *newline; length > 0; length -= newline - at, at = newline) {
        newline = memchr(at, '\n', (size_t)length);
        REQUIRE(newline != NULL);
        json_t *line = json_loadb(at, (size_t)(++newline - at), JSON_REJECT_DUPLICATES, NULL);
        REQUIRE(json_object_size(line) == 2 && json_integer_value(json_object_get(line, "version")) == CONTROL_VERSION);
        lines += json_object_get(line, "part") == NULL;
        json_decref(line);
    }
    REQUIRE(!is_end || recv(fd, bytes, 1, MSG_DONTWAIT) <= 0);
    return lines;
}

static void converse(const uint8_t *data, size_t size, size_t piece)
{
    struct control_service service = {commands, COMMANDS, NULL, epoll_create1(EPOLL_CLOEXEC), 0};
    struct connection connection = {.fd = -1, .number = 0};
    const struct control_peer peer = {0, 0, 1};
    struct epoll_event event;
    unsigned answers = 0, lines = 1; /* one more may be that the connection ended within a line */
    int ends[2];
    REQUIRE(service.epoll >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    REQUIRE(connection_open(&connection, ends[0], &peer, &service) == 0);
    begun = ended = 0;
    for (size_t at = 0; at <= size && connection.fd >= 0;) {
        size_t length = piece < size - at ? piece : size - at;
        if (length > 0)
            REQUIRE(send(ends[1], data + at, length, MSG_NOSIGNAL) == (ssize_t)length);
        else
            shutdown(ends[1], SHUT_WR);
        for (size_t i = 0; i < length; i++)
            lines += data[at + i] == '\n';
        for (unsigned turns = 0; epoll_wait(service.epoll, &event, 1, 0) == 1 && connection.fd >= 0; turns++) {
            REQUIRE(turns < 10 + size); /* it would never sleep */
            connection_serve(&connection, &service, (event.events & EPOLLHUP) != 0);
            answers += take_answers(ends[1], false);
        }
        at += length > 0 ? length : 1;
    }
    answers += take_answers(ends[1], true);
    REQUIRE(connection.fd < 0); /* all was said */
    REQUIRE(answers <= lines && begun == ended);
    close(ends[1]);
    close(service.epoll);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = fuzz_input(data, size);
    bool is_conversation = (fuzz_byte(&input) & 1) != 0;
    size_t piece = is_conversation ? (size_t)fuzz_byte(&input) * 16 + 1 : 0;
    if (is_conversation)
        converse(input.at, fuzz_left(&input), piece);
    else
        parse(input.at, fuzz_left(&input));
    return 0;
}

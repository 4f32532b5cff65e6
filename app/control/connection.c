/* SPDX-License-Identifier: BSD-3-Clause */
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "request.h"

enum {
    REQUESTS_A_TURN = 16,
    PARTS_BYTES_A_TURN = 1 << 15, /* parts are gathered up to this: about a hundred keys, a millisecond */
    OUT_FIRST_BYTES = 1 << 12,
    OUT_KEPT_BYTES = 1 << 16, /* a buffer that had to grow further is given back */
};

/* ---- what goes out ---- */

struct line {
    struct connection *connection;
    size_t begin; /* where in `out` */
    int failure;
};

static bool make_room(struct connection *connection, size_t bytes)
{
    size_t capacity = connection->out_capacity > 0 ? connection->out_capacity : OUT_FIRST_BYTES;
    while (capacity - connection->out_length < bytes)
        capacity *= 2;
    if (capacity == connection->out_capacity)
        return true;
    char *out = realloc(connection->out, capacity);
    if (out == NULL)
        return false;
    connection->out = out;
    connection->out_capacity = capacity;
    return true;
}

static int append(const char *bytes, size_t length, void *context)
{
    struct line *line = context;
    struct connection *connection = line->connection;
    if (length > CONTROL_ANSWER_BYTES_MAX - (connection->out_length - line->begin))
        line->failure = -EMSGSIZE;
    else if (!make_room(connection, length))
        line->failure = -ENOMEM;
    else
        memcpy(connection->out + connection->out_length, bytes, length);
    if (line->failure == 0)
        connection->out_length += length;
    return line->failure != 0 ? -1 : 0;
}

static int put_line(struct connection *connection, const char *member, const json_t *value)
{
    struct line line = {connection, connection->out_length, 0};
    char begin[64];
    int length = snprintf(begin, sizeof(begin), "{\"version\":%d,\"%s\":", CONTROL_VERSION, member);
    if (append(begin, (size_t)length, &line) == 0 &&
        json_dump_callback(value, append, &line, JSON_COMPACT | JSON_ENCODE_ANY) == 0 && append("}\n", 2, &line) == 0)
        return 0;
    connection->out_length = line.begin;
    return line.failure != 0 ? line.failure : -EINVAL;
}

static void put_error(struct connection *connection, int code, const struct error *error)
{
    json_t *text = json_string(error->text[0] != '\0' ? error->text : strerror(-code));
    if (put_line(connection, "error", text) != 0)
        connection->hangs_up = true; /* no memory for a sentence */
    json_decref(text);
}

/* A part or a result. 0, or a negative errno where an error left in its place. */
static int put_answer(struct connection *connection, const char *member, const json_t *value)
{
    struct error error = {""};
    int result = put_line(connection, member, value);
    if (result == -EMSGSIZE)
        error_set(&error, EMSGSIZE, "the answer has a line of more than %d bytes", CONTROL_ANSWER_BYTES_MAX);
    if (result != 0)
        put_error(connection, result, &error);
    return result;
}

bool connection_send(struct connection *connection, struct control_service *service)
{
    while (connection->out_sent < connection->out_length) {
        ssize_t sent = send(connection->fd, connection->out + connection->out_sent,
                            connection->out_length - connection->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EINTR)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        if (sent > 0) {
            connection->out_sent += (size_t)sent;
            connection->moved = ++service->moves;
        }
    }
    connection->out_sent = connection->out_length = 0;
    if (connection->out_capacity > OUT_KEPT_BYTES) {
        free(connection->out);
        connection->out = NULL;
        connection->out_capacity = 0;
    }
    return true;
}

void connection_refuse(int fd, const char *text)
{
    struct connection connection = {.fd = fd};
    struct control_service service = {.epoll = -1};
    struct error error;
    snprintf(error.text, sizeof(error.text), "%s", text);
    put_error(&connection, -EACCES, &error);
    connection_send(&connection, &service);
    free(connection.out);
}

/* ---- answers ---- */

static void end_answer(struct connection *connection)
{
    if (connection->answer.end != NULL)
        connection->answer.end(connection->answer.state);
    json_decref(connection->answer.result);
    connection->answer = (struct control_answer){NULL, NULL, NULL, NULL};
    connection->answering = connection->waiting = false;
}

/* Parts until there is enough to send, or the end. */
static void make_parts(struct connection *connection)
{
    struct control_answer *answer = &connection->answer;
    struct error error = {""};
    int more = 1;
    while (more == 1 && connection->out_length < PARTS_BYTES_A_TURN) {
        json_t *part = json_object();
        more = part != NULL ? answer->next(answer->state, part, &error) : -ENOMEM;
        if (more == 1 && put_answer(connection, "part", part) != 0) {
            json_decref(part);
            end_answer(connection);
            return;
        }
        json_decref(part);
    }
    connection->waiting = more == -EAGAIN;
    if (more == 1 || more == -EAGAIN)
        return;
    if (more == 0)
        put_answer(connection, "result", answer->result);
    else
        put_error(connection, more, &error);
    end_answer(connection);
}

static void answer_request(struct connection *connection, const struct control_service *service,
                           const struct control_line *line)
{
    struct control_answer *answer = &connection->answer;
    struct error error = {""};
    const struct control_command *command =
        control_command_find(service->commands, service->commands_count, line, &error);
    if (command == NULL) {
        put_error(connection, -EINVAL, &error);
        return;
    }
    const struct control_request request = {line->arguments, line->arguments_count, connection->peer.uid,
                                            connection->peer.pid};
    *answer = (struct control_answer){.result = json_object()};
    int result = answer->result != NULL ? command->answer(service->context, &request, answer, &error) : -ENOMEM;
    if (result != 0) {
        answer->end = NULL; /* what was begun, the command has ended itself */
        put_error(connection, result, &error);
    } else if (answer->next != NULL) {
        connection->answering = true;
        return;
    } else {
        put_answer(connection, "result", answer->result);
    }
    end_answer(connection);
}

/* ---- what comes in ---- */

static void take_input(struct connection *connection, struct control_service *service)
{
    size_t room = CONTROL_REQUEST_BYTES_MAX + 1 - connection->in_length;
    ssize_t received = recv(connection->fd, connection->in + connection->in_length, room, MSG_DONTWAIT);
    if (received > 0) {
        connection->in_length += (size_t)received;
        connection->moved = ++service->moves;
    } else if (received == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        connection->input_ended = true;
    }
}

/* NULL: no whole line is here. */
static const char *find_newline(struct connection *connection)
{
    const char *newline =
        memchr(connection->in + connection->in_searched, '\n', connection->in_length - connection->in_searched);
    connection->in_searched = newline != NULL ? (size_t)(newline - connection->in) : connection->in_length;
    return newline;
}

static void hang_up_with(struct connection *connection, const struct error *error)
{
    put_error(connection, -EPROTO, error);
    connection->hangs_up = true;
}

/* What came is no request and never will be? */
static bool refuse_input(struct connection *connection)
{
    struct error error;
    if (connection->in_length > CONTROL_REQUEST_BYTES_MAX)
        error_set(&error, EPROTO, "the request has more than %d bytes without a newline", CONTROL_REQUEST_BYTES_MAX);
    else if (connection->input_ended && connection->in_length > 0)
        error_set(&error, EPROTO, "the connection ends within a request; a newline ends one");
    else
        return false;
    hang_up_with(connection, &error);
    return true;
}

/* False: there is none yet. */
static bool take_request(struct connection *connection, const struct control_service *service)
{
    const char *newline = find_newline(connection);
    if (newline == NULL)
        return refuse_input(connection);
    struct control_line line;
    struct error error = {""};
    size_t length = (size_t)(newline - connection->in), taken = length + 1;
    if (control_line_parse(&line, connection->in, length, &error) != 0) {
        hang_up_with(connection, &error);
    } else {
        answer_request(connection, service, &line);
        connection->in_length -= taken;
        connection->in_searched = 0;
        memmove(connection->in, connection->in + taken, connection->in_length);
    }
    control_line_release(&line);
    return true;
}

/* ---- turns ---- */

static uint32_t wanted(struct connection *connection)
{
    if (connection->out_sent < connection->out_length)
        return EPOLLOUT;
    if (connection->answering)
        return connection->waiting ? 0 : EPOLLOUT;
    return connection->hangs_up || find_newline(connection) != NULL ? EPOLLOUT : EPOLLIN;
}

static void set_interest(struct connection *connection, const struct control_service *service)
{
    struct epoll_event event = {.events = wanted(connection), .data.u32 = connection->number};
    if (event.events == connection->interest)
        return;
    connection->interest = event.events;
    if (epoll_ctl(service->epoll, EPOLL_CTL_MOD, connection->fd, &event) != 0)
        connection_close(connection); /* nothing would ever be heard of it */
}

/* A turn's work. False: it is over. */
static bool work(struct connection *connection, struct control_service *service)
{
    for (unsigned requests = 0; requests < REQUESTS_A_TURN; requests++) {
        if (!connection_send(connection, service))
            return false;
        if (connection->out_sent < connection->out_length)
            return true;
        if (connection->hangs_up)
            return false;
        if (connection->answering) {
            if (!connection->waiting)
                make_parts(connection);
            return connection_send(connection, service);
        }
        if (!take_request(connection, service))
            return !connection->input_ended;
    }
    return true;
}

void connection_serve(struct connection *connection, struct control_service *service, bool peer_is_gone)
{
    if (connection->waiting && peer_is_gone) {
        connection_close(connection);
        return;
    }
    if (connection->interest == EPOLLIN)
        take_input(connection, service);
    if (work(connection, service))
        set_interest(connection, service);
    else
        connection_close(connection);
}

void connection_resume(struct connection *connection, struct control_service *service)
{
    if (!connection->waiting)
        return;
    connection->waiting = false;
    set_interest(connection, service);
}

/* ---- beginning and end ---- */

int connection_open(struct connection *connection, int fd, const struct control_peer *peer,
                    struct control_service *service)
{
    uint32_t number = connection->number;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    *connection = (struct connection){.fd = fd, .number = number, .interest = EPOLLIN, .peer = *peer};
    connection->moved = ++service->moves;
    connection->in = malloc(CONTROL_REQUEST_BYTES_MAX + 1);
    int result = connection->in == NULL ? -ENOMEM : 0;
    if (result == 0 && epoll_ctl(service->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        result = -errno;
    if (result != 0)
        connection_close(connection);
    return result;
}

void connection_close(struct connection *connection)
{
    if (connection->fd < 0)
        return;
    if (connection->answering)
        end_answer(connection);
    close(connection->fd); /* leaves epoll too */
    free(connection->in);
    free(connection->out);
    connection->in = connection->out = NULL;
    connection->fd = -1;
}

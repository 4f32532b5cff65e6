/* SPDX-License-Identifier: BSD-3-Clause */
/* The server: who comes in, who has to leave for it, and whose turn it is. */
#include <bearertap/control.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "peer.h"
#include "socket.h"

/* Who has no connection's number, in what epoll tells. */
enum { NUMBER_LISTENER = CONTROL_CONNECTIONS_MAX, NUMBER_WAKER, NUMBERS };

#define ACCEPTED_A_TURN 64

struct control {
    struct control_service service;
    struct control_socket socket;
    int waker; /* an eventfd */
    int spare; /* given up for a moment to turn a client away when there are no more descriptors */
    struct connection connections[CONTROL_CONNECTIONS_MAX];
};

/* ---- who comes in ---- */

/* A place for one more: a free one; else that of who is idle for the longest; else of who took nothing for the longest.
 */
static struct connection *find_place(struct control *control)
{
    struct connection *place = NULL;
    for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        struct connection *each = &control->connections[i];
        if (each->fd < 0)
            return each;
        bool is_better = place == NULL || connection_is_idle(each) > connection_is_idle(place);
        bool is_equal = place != NULL && connection_is_idle(each) == connection_is_idle(place);
        if (is_better || (is_equal && each->moved < place->moved))
            place = each;
    }
    return place;
}

static void make_way(struct connection *connection)
{
    if (connection->fd < 0)
        return;
    if (connection_is_idle(connection))
        connection_refuse(connection->fd, "all connections are in use, and this one was idle for the longest");
    connection_close(connection);
}

static void admit(struct control *control, int fd)
{
    struct control_peer peer;
    struct error error = {""};
    if (control_peer_admit(fd, control->socket.group, &peer, &error) != 0) {
        connection_refuse(fd, error.text);
        close(fd);
        return;
    }
    struct connection *connection = find_place(control);
    make_way(connection);
    connection_open(connection, fd, &peer, &control->service); /* where that fails, the client sees it hang up */
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Who waits where no descriptor is left would make the listener readable for ever. */
static bool turn_one_away(struct control *control)
{
    if (control->spare < 0)
        return false;
    close(control->spare);
    int fd = accept4(control->socket.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        connection_refuse(fd, "no descriptor is left for one more connection (`ulimit -n`)");
        close(fd);
    }
    control->spare = open_spare();
    return fd >= 0;
}

static void accept_clients(struct control *control)
{
    for (unsigned i = 0; i < ACCEPTED_A_TURN; i++) {
        int fd = accept4(control->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0)
            admit(control, fd);
        else if (errno == EMFILE || errno == ENFILE ? !turn_one_away(control) : errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

/* ---- turns ---- */

static void resume_waiting(struct control *control)
{
    uint64_t wakes;
    if (read(control->waker, &wakes, sizeof(wakes)) != sizeof(wakes))
        return;
    for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        if (control->connections[i].fd >= 0)
            connection_resume(&control->connections[i], &control->service);
}

void control_serve(struct control *control)
{
    struct epoll_event events[NUMBERS];
    int count = epoll_wait(control->service.epoll, events, NUMBERS, 0);
    bool is_knocked = false;
    for (int i = 0; i < count; i++) {
        uint32_t number = events[i].data.u32;
        if (number == NUMBER_LISTENER)
            is_knocked = true;
        else if (number == NUMBER_WAKER)
            resume_waiting(control);
        else if (control->connections[number].fd >= 0)
            connection_serve(&control->connections[number], &control->service,
                             (events[i].events & (EPOLLHUP | EPOLLERR)) != 0);
    }
    if (is_knocked) /* last, since another's events must not meet a new one in its place */
        accept_clients(control);
}

void control_wake(const struct control *control)
{
    const uint64_t one = 1;
    int before = errno; /* a signal handler's */
    ssize_t written = write(control->waker, &one, sizeof(one));
    (void)written; /* a counter that is full is a wake-up already */
    errno = before;
}

int control_descriptor(const struct control *control)
{
    return control->service.epoll;
}

/* ---- beginning and end ---- */

static bool watch(const struct control *control, int fd, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    return epoll_ctl(control->service.epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int make_descriptors(struct control *control, struct error *error)
{
    control->service.epoll = epoll_create1(EPOLL_CLOEXEC);
    control->waker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    control->spare = open_spare();
    if (control->service.epoll < 0 || control->waker < 0 || control->spare < 0 ||
        !watch(control, control->socket.fd, NUMBER_LISTENER) || !watch(control, control->waker, NUMBER_WAKER))
        return error_set(error, errno, "control socket %s: no descriptors for it: %s", control->socket.path,
                         strerror(errno));
    return 0;
}

int control_create(const struct control_options *options, struct control **out, struct error *error)
{
    struct control *control = malloc(sizeof(*control));
    if (control == NULL)
        return error_set(error, ENOMEM, "no memory for the control socket");
    *control = (struct control){
        .service = {options->commands, options->commands_count, options->context, -1, 0}, .waker = -1, .spare = -1};
    for (uint32_t i = 0; i < CONTROL_CONNECTIONS_MAX; i++)
        control->connections[i] = (struct connection){.fd = -1, .number = i};
    int result = control_socket_open(&control->socket, options->path, options->group, error);
    if (result == 0)
        result = make_descriptors(control, error);
    if (result != 0) {
        control_destroy(control);
        control = NULL;
    }
    *out = control;
    return result;
}

void control_destroy(struct control *control)
{
    if (control == NULL)
        return;
    for (unsigned i = 0; i < CONTROL_CONNECTIONS_MAX; i++) {
        if (control->connections[i].fd >= 0)
            connection_send(&control->connections[i], &control->service);
        connection_close(&control->connections[i]);
    }
    control_socket_close(&control->socket);
    const int descriptors[] = {control->service.epoll, control->waker, control->spare};
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    free(control);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CONTROL_CONNECTION_H
#define BEARERTAP_APP_CONTROL_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/control.h>

#include "peer.h"

/*
 * One client's connection. It is in one of these states, and in each of them waits for one thing only:
 *
 *     something to send    for room: nothing is read and nothing answered until all of it is gone
 *     an answer in parts   for room too, in which the next parts are made; or, where the command has none yet, for
 *                          control_wake
 *     a whole line here    for room, as if it had something to send: so that lines behind the first are no event lost
 *     else                 for bytes
 */

/* What all connections share. */
struct control_service {
    const struct control_command *commands;
    unsigned commands_count;
    void *context;
    int epoll;
    uint64_t moves; /* counts whenever a connection gave or took something */
};

struct connection {
    int fd;            /* -1: none; the rest is meaningless then */
    uint32_t number;   /* its place in the table, which epoll tells */
    uint32_t interest; /* what epoll is asked for */
    uint64_t moved;    /* service->moves when it last gave or took something */
    struct control_peer peer;

    char *in; /* CONTROL_REQUEST_BYTES_MAX, and a newline */
    size_t in_length, in_searched;
    bool input_ended;

    char *out;
    size_t out_capacity, out_length, out_sent;
    bool hangs_up; /* once all is sent */

    bool answering; /* in parts */
    bool waiting;   /* for control_wake */
    struct control_answer answer;
};

/* Takes the descriptor over. 0, or a negative errno, and then it is closed. */
int connection_open(struct connection *connection, int fd, const struct control_peer *peer,
                    struct control_service *service);
void connection_close(struct connection *connection);

/* Gives and takes what can be given and taken now, up to a bound; closes it where it is over. */
void connection_serve(struct connection *connection, struct control_service *service, bool peer_is_gone);

/* Asks a command again that had no part yet. */
void connection_resume(struct connection *connection, struct control_service *service);

/* Sends what there is and can be sent. False: the client is gone. */
bool connection_send(struct connection *connection, struct control_service *service);

static inline bool connection_is_idle(const struct connection *connection)
{
    return !connection->answering && connection->out_sent == connection->out_length;
}

/* One error, to somebody who is not served. */
void connection_refuse(int fd, const char *text);

#endif

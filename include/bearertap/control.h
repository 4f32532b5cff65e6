/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_CONTROL_H
#define BEARERTAP_CONTROL_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include <jansson.h>

#include <bearertap/error.h>

/*
 * The control socket: how a running bearertap is asked and told, and both ends of it.
 *
 * A Unix stream socket on which JSON lines go both ways. A request, and its answer:
 *
 *     {"version":1,"command":"keys count"}
 *     {"version":1,"result":{"entries":3,"names":5}}
 *
 *     {"version":1,"command":"keys add","arguments":["VALUE"]}
 *     {"version":1,"error":"one sentence for a person"}
 *
 * What may be long comes in parts, any number of lines {"version":1,"part":{...}} before the result (or the error) that
 * ends the answer. A connection may send any number of requests, one after another or at once; they are answered in
 * their order. A request that is refused leaves the connection open; bytes that are no request get one error and are
 * hung up on: no JSON, no object, another version, an unknown member or one that is there twice, a line that is too
 * long or never ends.
 *
 * Whoever connects is asked who it is (SO_PEERCRED, SO_PEERGROUPS): root, the user that this process runs as, and the
 * members of the configured group are served; anybody else gets one error.
 *
 * Everything is bounded. A connection holds one request line and one answer line, or a few parts: nothing more is read
 * from it, and no further part is made, until it has taken what there is. So a client that does not read costs memory
 * for one answer and no time. When all connections are in use, a new one takes the place of the one that has been idle
 * for the longest, or, where all of them are being answered, of the one that took nothing for the longest.
 */

enum {
    CONTROL_VERSION = 1,
    CONTROL_CONNECTIONS_MAX = 64,
    CONTROL_ARGUMENTS_MAX = 16,
    CONTROL_REQUEST_BYTES_MAX = 1 << 16, /* of a line, without its newline */
    CONTROL_ANSWER_BYTES_MAX = 1 << 20,  /* of a line; 64 workers' and ports' worth of counters is a tenth of it */
    CONTROL_PATH_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path), /* with its NUL: 108 */
};

/* ---- the server ---- */

/* A request. All of it lives until `answer` returns. */
struct control_request {
    const char *const *arguments; /* UTF-8; from outside, and may be a secret */
    unsigned arguments_count;
    uid_t uid; /* who asks */
    pid_t pid;
};

struct control_answer {
    json_t *result; /* an empty object, to be filled; control's own, and stays until the whole answer was taken */

    /*
     * NULL: `result` is the answer. Else it is called again and again as the client takes what there is, and before
     * `result` leaves: 1 when it filled `part` (an empty object); 0 at the end; -EAGAIN where there is nothing yet (the
     * connection waits, and it is called again after control_wake); or another negative errno with `error` filled,
     * which ends the answer. It may put into `result` too.
     */
    int (*next)(void *state, json_t *part, struct error *error);
    void (*end)(void *state); /* once, after the last call of `next`, also when the client went away; may be NULL */
    void *state;
};

struct control_command {
    const char *name;      /* "keys add" */
    const char *arguments; /* for a person, as in "VALUE [FILE]"; NULL: none */
    const char *summary;
    unsigned arguments_least, arguments_most; /* others are refused before `answer` is called */
    /* 0, or a negative errno with `error` filled, which leaves as the answer. It must not wait for anything. */
    int (*answer)(void *context, const struct control_request *request, struct control_answer *answer,
                  struct error *error);
};

struct control_options {
    const char *path;
    const char *group;                      /* name or number: mode 0660 and this group; NULL: mode 0600 */
    const struct control_command *commands; /* the table outlives the control */
    unsigned commands_count;
    void *context; /* for `answer` */
};

struct control;

/*
 * Makes the socket and listens. A socket that a killed process left behind is replaced; one on which somebody listens
 * is refused, with the pid. 0, or a negative errno with `error` filled.
 */
int control_create(const struct control_options *options, struct control **control, struct error *error);

/* Readable (poll, epoll, select) whenever control_serve has something to do. */
int control_descriptor(const struct control *control);

/* Does what there is to do, for each connection a bounded piece, and never waits. By one thread, which also runs the
 * commands and destroys the control. */
void control_serve(struct control *control);

/* Makes control_serve ask those again whose `next` said -EAGAIN. Any thread, signal handlers too. */
void control_wake(const struct control *control);

/* Sends what can be sent at once, hangs up, and removes the socket, if it is still this one's. NULL is allowed. */
void control_destroy(struct control *control);

/* ---- the client ---- */

/* Where the socket is unless told otherwise: /run/bearertap.sock for root, bearertap.sock in the user's runtime folder
 * ($XDG_RUNTIME_DIR) for others. 0, or a negative errno with `error` filled where there is no such folder. */
int control_default_path(char path[CONTROL_PATH_MAX], struct error *error);

struct control_client;

/* `patience_s` bounds each wait for the other side. 0, or a negative errno with `error` filled. */
int control_client_connect(const char *path, unsigned patience_s, struct control_client **client, struct error *error);

/* Sends a request. 0, or a negative errno with `error` filled. */
int control_client_ask(struct control_client *client, const char *command, const char *const *arguments,
                       unsigned arguments_count, struct error *error);

/*
 * Waits for the next line of the answer: 1 for a part, more of which may follow, 0 for the result; both give an object
 * which is the caller's to json_decref. Or a negative errno with `error` filled: what the server said (-EREMOTEIO), or
 * what is wrong with the connection.
 */
int control_client_receive(struct control_client *client, json_t **object, struct error *error);

/* NULL is allowed. */
void control_client_close(struct control_client *client);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_CONTROL_SUPPORT_H
#define BEARERTAP_TESTS_UNIT_CONTROL_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <bearertap/control.h>

/*
 * A server and its clients in one thread: what a client sends is there at once, and `serve` gives the server its turns
 * until it has nothing more to do, so that no test waits for anything.
 */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the commands do, and what they were asked. */
struct asked {
    unsigned times;  /* that a command was run */
    unsigned parts;  /* made so far, by `list` */
    unsigned length; /* of the list; each part is of `part_bytes` */
    unsigned part_bytes;
    unsigned ends;
    bool not_yet; /* `list` has no part */
    int failure;  /* with which `list` ends */
    char last[256];
    uid_t uid;
    pid_t pid;
};

extern struct asked asked;
extern char folder[64], path[CONTROL_PATH_MAX]; /* of the socket of this test */
extern struct control *server;

/* echo [TEXT...], fail, big BYTES, list; for any options. */
extern const struct control_command test_commands[];
extern const unsigned test_commands_count;

int make_folder(void **state);
int remove_folder(void **state);
/* Setup and teardown of a test: a server at `path`, and all connections gone. */
int start_server(void **state);
int stop_server(void **state);

int create(const char *at, const char *group, struct control **control, struct error *error);

void serve(void);
int dial(void);
void say(int fd, const char *text);
void say_bytes(int fd, const void *bytes, size_t length);

/* The next line, without its newline; "(nothing)" where none is there, "(hung up)" at the end. Until the next call. */
const char *hear(int fd);

/* All of it: says, serves, hears. */
const char *ask(int fd, const char *text);

/* Runs it in a process of its own, as that user and groups; what it returns. */
int in_child(int (*what)(void), uid_t uid, gid_t gid, const gid_t *groups, size_t groups_count);

#endif

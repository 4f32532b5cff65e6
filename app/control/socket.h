/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CONTROL_SOCKET_H
#define BEARERTAP_APP_CONTROL_SOCKET_H

#include <sys/types.h>

#include <bearertap/control.h>
#include <bearertap/error.h>

/* The socket's file: making it, replacing what a killed process left, and removing it. */

#define CONTROL_NO_GROUP ((gid_t)-1)

struct control_socket {
    int fd; /* listens; -1: none */
    char path[CONTROL_PATH_MAX];
    dev_t device; /* what stands at `path` while it is ours */
    ino_t inode;
    gid_t group; /* whose members may connect; CONTROL_NO_GROUP: nobody's */
};

/* `group` is a name or a number, or NULL. 0, or a negative errno with `error` filled and nothing left behind. */
int control_socket_open(struct control_socket *socket, const char *path, const char *group, struct error *error);

/* Closes it, and removes the file unless something else stands there by now. */
void control_socket_close(struct control_socket *socket);

/* An address for that path: 0, or a negative errno with `error` filled where it is empty or too long. */
int control_address(struct sockaddr_un *address, const char *path, struct error *error);

#endif

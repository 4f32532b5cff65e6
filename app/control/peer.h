/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CONTROL_PEER_H
#define BEARERTAP_APP_CONTROL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#include <bearertap/error.h>

/* Who is at the other end, as the kernel noted when it connected. */
struct control_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};

/* Root, this process's own user and the members of `group` (CONTROL_NO_GROUP: nobody) are let in: 0; others are not,
 * and `error` says who would be. */
int control_peer_admit(int fd, gid_t group, struct control_peer *peer, struct error *error);

#endif

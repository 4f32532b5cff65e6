/* SPDX-License-Identifier: BSD-3-Clause */
#include "peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket.h"

/* By its first group or one beside it. Who is in more groups than fit is let in by the first alone. */
static bool is_member(int fd, const struct control_peer *peer, gid_t group)
{
    enum { GROUPS_MAX = 1024 };
    gid_t groups[GROUPS_MAX];
    socklen_t bytes = sizeof(groups);
    if (group == CONTROL_NO_GROUP)
        return false;
    if (peer->gid == group)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) != 0)
        return false; /* ERANGE: more than fit */
    for (size_t i = 0; i < bytes / sizeof(groups[0]); i++)
        if (groups[i] == group)
            return true;
    return false;
}

int control_peer_admit(int fd, gid_t group, struct control_peer *peer, struct error *error)
{
    struct ucred found;
    socklen_t bytes = sizeof(found);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &bytes) != 0 || bytes != sizeof(found))
        return error_set(error, EACCES, "who you are cannot be told, so you may not control this process");
    *peer = (struct control_peer){found.uid, found.gid, found.pid};
    if (peer->uid == 0 || peer->uid == geteuid() || is_member(fd, peer, group))
        return 0;
    if (group == CONTROL_NO_GROUP)
        return error_set(error, EACCES, "user %u may not control this process: root and user %u may",
                         (unsigned)peer->uid, (unsigned)geteuid());
    return error_set(error, EACCES,
                     "user %u may not control this process: root, user %u and the members of group %u may",
                     (unsigned)peer->uid, (unsigned)geteuid(), (unsigned)group);
}

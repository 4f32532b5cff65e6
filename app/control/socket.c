/* SPDX-License-Identifier: BSD-3-Clause */
#include "socket.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than come at once; who finds it full waits in connect(). */
#define BACKLOG 128

int control_address(struct sockaddr_un *address, const char *path, struct error *error)
{
    size_t length = strlen(path);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (length == 0)
        return error_set(error, EINVAL, "control socket: an empty path; name a file, as in /run/bearertap.sock");
    if (length >= sizeof(address->sun_path))
        return error_set(error, ENAMETOOLONG,
                         "control socket %s: the path has %zu bytes, and a socket's may have %zu; choose a shorter one",
                         path, length, sizeof(address->sun_path) - 1);
    memcpy(address->sun_path, path, length + 1);
    return 0;
}

/* ---- what stands there already ---- */

static const char *kind_of(mode_t mode)
{
    static const struct {
        mode_t format;
        const char *name;
    } kinds[] = {{S_IFREG, "a file"},        {S_IFDIR, "a folder"}, {S_IFLNK, "a symbolic link"},
                 {S_IFCHR, "a device file"}, {S_IFIFO, "a pipe"},   {S_IFBLK, "a device file"}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if ((mode & S_IFMT) == kinds[i].format)
            return kinds[i].name;
    return "something else";
}

static int refuse_second(int fd, const char *path, struct error *error)
{
    struct ucred listener;
    socklen_t length = sizeof(listener);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &length) != 0 || listener.pid <= 0)
        return error_set(error, EADDRINUSE,
                         "control socket %s: another process listens there; stop it, or name another socket", path);
    return error_set(error, EADDRINUSE,
                     "control socket %s: process %d (of user %u) listens there; stop it (`bearertap ctl -s %s stop`), "
                     "or name another socket",
                     path, (int)listener.pid, (unsigned)listener.uid, path);
}

/* 0 where nobody listens on the socket. */
static int probe(const struct sockaddr_un *address, struct error *error)
{
    const char *path = address->sun_path;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), result = 0;
    if (fd < 0)
        return error_set(error, errno, "control socket %s: no socket to be had: %s", path, strerror(errno));
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        result = refuse_second(fd, path, error);
    else if (errno == EAGAIN) /* it listens, and its queue is full */
        result =
            error_set(error, EADDRINUSE,
                      "control socket %s: a process that is busy listens there; stop it, or name another socket", path);
    else if (errno != ECONNREFUSED && errno != ENOENT)
        result =
            error_set(error, errno,
                      "control socket %s: a socket is there, and whether somebody listens on it cannot be told: %s; "
                      "remove it, or name another socket",
                      path, strerror(errno));
    close(fd);
    return result;
}

/* Nothing stands there when this returns 0. */
static int clear_the_place(const struct sockaddr_un *address, struct error *error)
{
    const char *path = address->sun_path;
    struct stat before, now;
    if (lstat(path, &before) != 0)
        return 0; /* or bind says why not */
    if (!S_ISSOCK(before.st_mode))
        return error_set(error, EEXIST,
                         "control socket %s: %s is there, which is not replaced; remove it, or name "
                         "another socket",
                         path, kind_of(before.st_mode));
    int result = probe(address, error);
    if (result != 0)
        return result;
    /* Another process that starts may have put its own there since: then bind says that it is in use. */
    if (lstat(path, &now) != 0 || now.st_dev != before.st_dev || now.st_ino != before.st_ino)
        return 0;
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set(error, errno,
                         "control socket %s: a killed process left it behind, and it cannot be removed: %s; remove it, "
                         "or name another socket",
                         path, strerror(errno));
    return 0;
}

/* ---- making it ---- */

static int find_group(const char *name, gid_t *gid, struct error *error)
{
    *gid = CONTROL_NO_GROUP;
    if (name == NULL)
        return 0;
    errno = 0;
    const struct group *group = getgrnam(name);
    if (group != NULL) {
        *gid = group->gr_gid;
        return 0;
    }
    char *end;
    errno = 0;
    unsigned long number = strtoul(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || *end != '\0' || errno != 0 || number >= CONTROL_NO_GROUP)
        return error_set(error, EINVAL,
                         "control socket: there is no group %s; name one of /etc/group, or make it: `groupadd %s`",
                         name, name);
    *gid = (gid_t)number;
    return 0;
}

static int explain_bind(int reason, const char *path, struct error *error)
{
    static const struct {
        int reason;
        const char *mend;
    } rows[] = {
        {ENOENT, "; its folder is not there: make it, or name another socket"},
        {ENOTDIR, "; what its path has for a folder is none: name another socket"},
        {EACCES, "; the folder does not let you write: name a socket in one that does, or run as its owner"},
        {EPERM, "; name a socket in a folder that takes one"},
        {EROFS, "; name a socket on a file system that can be written to, such as /run"},
        {EADDRINUSE, "; another process was quicker: stop it, or name another socket"},
    };
    const char *mend = "";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].reason == reason)
            mend = rows[i].mend;
    return error_set(error, reason, "control socket %s: %s%s", path, strerror(reason), mend);
}

/* From its first moment it is nobody else's: Linux gives the file the mode of the unbound socket, less the umask. */
static int make_file(struct control_socket *socket, const struct sockaddr_un *address, struct error *error)
{
    struct stat made;
    if (fchmod(socket->fd, 0600) != 0 || bind(socket->fd, (const struct sockaddr *)address, sizeof(*address)) != 0)
        return explain_bind(errno, socket->path, error);
    if (lstat(socket->path, &made) != 0)
        return explain_bind(errno, socket->path, error);
    socket->device = made.st_dev;
    socket->inode = made.st_ino;
    return 0;
}

static int open_to_group(const struct control_socket *socket, const char *name, struct error *error)
{
    mode_t mode = socket->group == CONTROL_NO_GROUP ? 0600 : 0660;
    if (socket->group != CONTROL_NO_GROUP && lchown(socket->path, (uid_t)-1, socket->group) != 0)
        return error_set(error, errno,
                         "control socket %s: cannot be given to the group %s: %s; run as root or as a member of it, or "
                         "name another group",
                         socket->path, name, strerror(errno));
    if (chmod(socket->path, mode) != 0) /* the umask may have taken the owner's own rights */
        return error_set(error, errno, "control socket %s: its mode cannot be set: %s", socket->path, strerror(errno));
    return 0;
}

int control_socket_open(struct control_socket *socket_, const char *path, const char *group, struct error *error)
{
    struct sockaddr_un address;
    *socket_ = (struct control_socket){.fd = -1, .group = CONTROL_NO_GROUP};
    int result = control_address(&address, path, error);
    if (result != 0)
        return result;
    memcpy(socket_->path, address.sun_path, sizeof(socket_->path));
    result = find_group(group, &socket_->group, error);
    if (result == 0)
        result = clear_the_place(&address, error);
    if (result != 0)
        return result;
    socket_->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_->fd < 0)
        return error_set(error, errno, "control socket %s: no socket to be had: %s", path, strerror(errno));
    result = make_file(socket_, &address, error);
    if (result == 0)
        result = open_to_group(socket_, group, error);
    if (result == 0 && listen(socket_->fd, BACKLOG) != 0)
        result = error_set(error, errno, "control socket %s: cannot listen: %s", path, strerror(errno));
    if (result != 0)
        control_socket_close(socket_);
    return result;
}

void control_socket_close(struct control_socket *socket)
{
    struct stat now;
    if (socket->fd < 0)
        return;
    if (socket->inode != 0 && lstat(socket->path, &now) == 0 && now.st_dev == socket->device &&
        now.st_ino == socket->inode)
        unlink(socket->path);
    close(socket->fd);
    socket->fd = -1;
}

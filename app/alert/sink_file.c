/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file that lines are added to, made where there is none, for its owner's eyes. It may be a FIFO or a character
 * device: opened without waiting, and never to become the process's terminal.
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* What mends it, by what is wrong. */
static const char *cure_of(int code)
{
    static const struct {
        int code;
        const char *cure;
    } cures[] = {
        {EISDIR, "name a file in it"},
        {ENOENT, "make the folder that it is to be in"},
        {ENOTDIR, "name a file in a folder"},
        {EACCES, "let this user write there, or name another file"},
        {EPERM, "let this user write there, or name another file"},
        {EROFS, "name a file where one can be written"},
        {ENOSPC, "make room"},
        {EDQUOT, "make room"},
    };
    for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
        if (cures[i].code == code)
            return cures[i].cure;
    return "name another file";
}

static int refuse(struct sink *sink, int code, struct error *error)
{
    sink_close(sink);
    return error_set(error, code, "cannot write alerts to %s: %s: %s", sink->name, strerror(code), cure_of(code));
}

/* ENXIO is a FIFO that nobody reads, or a socket, to which no file's writes go. */
static bool is_unread_fifo(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISFIFO(status.st_mode);
}

/* Whoever was killed in the middle of a line left it without an end, and the next would be lost with it. We may write
 * only, so it is opened once more; where that is not allowed there is no knowing. */
static bool last_line_has_no_end(const struct sink *sink)
{
    char own[64], last = '\n';
    snprintf(own, sizeof(own), "/proc/self/fd/%d", sink->fd);
    struct stat status;
    int fd = open(own, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && status.st_size > 0 && pread(fd, &last, 1, status.st_size - 1) != 1)
        last = '\n';
    close(fd);
    return last != '\n';
}

int sink_file_open(struct sink *sink, struct error *error)
{
    sink->owes_newline = false;
    sink->fd = open(sink->path, FILE_FLAGS, 0600);
    if (sink->fd < 0 && errno == ENXIO && is_unread_fifo(sink->path))
        return -ENXIO;
    if (sink->fd < 0 && errno == ENXIO)
        return error_set(error, EINVAL, "cannot write alerts to %s: it is a socket, or a device that is not there: %s",
                         sink->name, cure_of(EINVAL));
    if (sink->fd < 0)
        return refuse(sink, errno, error);
    int result = sink_look(sink);
    if (result != 0)
        return refuse(sink, -result, error);
    if (sink->is_block_device) /* a disk, on which lines would take the place of what is there */
        return refuse(sink, ENOTSUP, error);
    if (sink->is_regular)
        sink->owes_newline = last_line_has_no_end(sink);
    return 0;
}

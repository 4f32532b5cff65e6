/* SPDX-License-Identifier: BSD-3-Clause */
/* Appending a key id to a text list, so that what is there stays whole whatever happens. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* Another one that appends holds the lock for as long as its disk takes. Somebody else may hold it for ever. */
enum { LOCK_TRIES = 100, LOCK_PAUSE_NS = 10000000 };

static int fail(const struct saving *saving, int code, const char *what, struct error *error)
{
    return error_set(error, code, "cannot save the key in %s: %s", saving->path, what);
}

/* ---- opening ---- */

/* O_NONBLOCK, for a pipe without a reader would block. */
static int open_file(struct saving *saving)
{
    enum { FLAGS = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };
    saving->was_created = false;
    saving->fd = open(saving->path, FLAGS);
    if (saving->fd < 0 && errno == ENOENT) {
        saving->fd = open(saving->path, FLAGS | O_CREAT | O_EXCL, 0600);
        saving->was_created = saving->fd >= 0;
        if (saving->fd < 0 && errno == EEXIST) /* another one was faster */
            saving->fd = open(saving->path, FLAGS);
    }
    return saving->fd >= 0 ? 0 : -errno;
}

static int lock_file(struct saving *saving)
{
    for (unsigned tries = 0; flock(saving->fd, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (tries == LOCK_TRIES)
            return -EWOULDBLOCK;
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
    }
    return 0;
}

/* Is it still what the path leads to? Another one may have put a new file there while we waited for the lock. */
static bool is_current(const struct saving *saving)
{
    struct stat named;
    return stat(saving->path, &named) == 0 && named.st_dev == saving->before.st_dev &&
           named.st_ino == saving->before.st_ino;
}

static int open_locked(struct saving *saving, struct error *error)
{
    for (unsigned tries = 0; tries < 8; tries++) {
        int result = open_file(saving);
        if (result != 0)
            return fail(saving, -result, strerror(-result), error);
        if (fstat(saving->fd, &saving->before) == 0 && !S_ISREG(saving->before.st_mode))
            return fail(saving, EINVAL, "it is no file; allowed is a text with one key id a line", error);
        result = lock_file(saving);
        if (result == -EWOULDBLOCK)
            return fail(saving, EWOULDBLOCK, "another process has locked it; try again when that is done", error);
        if (result != 0 || fstat(saving->fd, &saving->before) != 0)
            return fail(saving, result != 0 ? -result : errno, strerror(result != 0 ? -result : errno), error);
        if (is_current(saving))
            return 0;
        close(saving->fd);
        saving->fd = -1;
    }
    return fail(saving, EAGAIN, "it is replaced all the time; try again", error);
}

/* ---- what is in it ---- */

/* Is this line the id? */
static bool line_is(const char *line, size_t length, const char *id)
{
    size_t found = key_find_id(&line, length);
    return found == strlen(id) && memcmp(line, id, found) == 0;
}

/* Would a list that holds this line, as its first or later, be a text that names the id? */
static bool can_stand(const char *id, bool is_first)
{
    return line_is(id, strlen(id), id) && !(is_first && (strchr("[{", id[0]) != NULL || (uint8_t)id[0] == 0xef));
}

/* Is there a line with this id? Reads a piece a time, of any file's length. */
static int look_for(struct saving *saving, struct source *source, const char *id)
{
    source->piece = "a line";
    for (;;) {
        int more = source_read_line(source);
        if (more < 0)
            return more;
        if (line_is(source->buffer + source->mark, source->at - source->mark, id))
            saving->is_there = true;
        if (more == 0) {
            saving->needs_newline = source->at > source->mark;
            saving->line = source->line + saving->needs_newline;
            return 0;
        }
        source_end_line(source);
    }
}

static int look_into(struct saving *saving, const char *id, struct error *error)
{
    struct source source;
    int result = source_open(&source, saving->path, error);
    if (result != 0)
        return result;
    const char *kind = NULL;
    bool is_blank = false;
    result = key_list_tell_kind(&source, &kind, &is_blank);
    if (result == 0 && kind != NULL)
        result = error_set(error, EINVAL,
                           "cannot save the key in %s, which is %s; allowed is a text with one key id a line, or a "
                           "file that is not there yet",
                           saving->path, kind);
    else if (result == 0 && !can_stand(id, is_blank))
        result =
            fail(saving, EINVAL,
                 "it would be read as something else in a text list; put it into a JWK Set, as {\"kid\": ...}", error);
    if (result == 0)
        result = look_for(saving, &source, id);
    source_close(&source);
    return result;
}

int saving_begin(struct saving *saving, const char *path, const char *id, struct error *error)
{
    *saving = (struct saving){.path = path, .fd = -1};
    if (strcmp(path, "-") == 0 || path[0] == '\0')
        return fail(saving, EINVAL, "it is no name of a file", error);
    int result = open_locked(saving, error);
    if (result == 0)
        result = look_into(saving, id, error);
    if (result != 0)
        saving_end(saving);
    return result;
}

void saving_end(struct saving *saving)
{
    if (saving->fd < 0)
        return;
    struct stat now;
    if (saving->was_created && fstat(saving->fd, &now) == 0 && now.st_size == 0 && is_current(saving))
        unlink(saving->path); /* or the next reload would find an empty list */
    close(saving->fd);
    saving->fd = -1;
}

/* ---- appending ---- */

/* That the file is there must be on the disk too. */
static int sync_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int result = fd >= 0 && fsync(fd) == 0 ? 0 : -1;
    if (fd >= 0)
        close(fd);
    free(copy);
    return result;
}

/* One write: whoever appends without our lock comes before or behind it. */
static ssize_t write_line(const struct saving *saving, const char *id, size_t *length)
{
    char line[KEY_TEXT_MAX + 3];
    *length = (size_t)snprintf(line, sizeof(line), "%s%s\n", saving->needs_newline ? "\n" : "", id);
    ssize_t written;
    do {
        written = write(saving->fd, line, *length);
    } while (written < 0 && errno == EINTR);
    return written;
}

/* Takes back a line that was written in part, as long as it is the last thing in the file. */
static void take_back(const struct saving *saving, size_t written)
{
    struct stat now;
    if (written > 0 && fstat(saving->fd, &now) == 0 && now.st_size == saving->before.st_size + (off_t)written &&
        ftruncate(saving->fd, saving->before.st_size) != 0)
        log_warning("%s ends in a part of a key id, which could not be taken back: %s", saving->path, strerror(errno));
}

int saving_append(struct saving *saving, const char *id, struct stat *after, struct error *error)
{
    size_t length;
    ssize_t written = write_line(saving, id, &length);
    int code = written < 0 ? errno : written < (ssize_t)length ? ENOSPC : 0;
    if (code == 0 && (fsync(saving->fd) != 0 || (saving->was_created && sync_folder(saving->path) != 0)))
        code = errno;
    if (code == 0 && fstat(saving->fd, after) != 0)
        code = errno;
    if (code == 0)
        return 0;
    take_back(saving, written > 0 ? (size_t)written : 0);
    return error_set(error, code, "the key is in force, but was not saved in %s: %s", saving->path, strerror(code));
}

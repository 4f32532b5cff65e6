/* SPDX-License-Identifier: BSD-3-Clause */
#include "output.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert_line.h"

/* Twice the longest line: at some 1.5 KB a line that is at least 85 lines a system call. */
#define OUTPUT_BUFFER_BYTES (256 * 1024)
_Static_assert(OUTPUT_BUFFER_BYTES >= 2 * LINE_MAX_BYTES, "lines gather while there is room for the longest");

struct output {
    int fd;
    int failure; /* 0 or a negative errno */
    size_t length;
    uint64_t lines; /* committed */
    uint64_t written;
    char buffer[OUTPUT_BUFFER_BYTES];
};

struct output *output_create(int fd)
{
    struct output *output = malloc(sizeof(*output));
    if (output != NULL) {
        output->fd = fd;
        output->failure = 0;
        output->length = 0;
        output->lines = 0;
        output->written = 0;
    }
    return output;
}

void output_destroy(struct output *output)
{
    free(output);
}

struct line output_begin(struct output *output)
{
    if (sizeof(output->buffer) - output->length < LINE_MAX_BYTES)
        output_flush(output);
    return (struct line){.bytes = output->buffer + output->length, .capacity = LINE_MAX_BYTES};
}

void output_commit(struct output *output, const struct line *line)
{
    assert(!line->overflow);
    output->lines++;
    if (!line->overflow && output->failure == 0)
        output->length += line->length;
}

/* Waits until a descriptor that does not block can take more; what is wrong with it, the next write says. */
static void wait_writable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLOUT};
    poll(&polled, 1, -1);
}

static uint64_t whole_lines(const char *bytes, size_t length)
{
    uint64_t lines = 0;
    for (const char *end; (end = memchr(bytes, '\n', length)) != NULL; lines++) {
        length -= (size_t)(end + 1 - bytes);
        bytes = end + 1;
    }
    return lines;
}

void output_flush(struct output *output)
{
    size_t written = 0;
    while (written < output->length && output->failure == 0) {
        ssize_t more = write(output->fd, output->buffer + written, output->length - written);
        if (more > 0)
            written += (size_t)more;
        else if (more == 0)
            output->failure = -EIO; /* POSIX lets only other kinds of file do this; it must not spin */
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            wait_writable(output->fd);
        else if (errno != EINTR)
            output->failure = -errno;
    }
    if (output->failure == 0)
        output->written = output->lines;
    else
        output->written += whole_lines(output->buffer, written);
    output->length = 0;
}

void output_count(const struct output *output, uint64_t *written, uint64_t *lost)
{
    *written = output->written;
    *lost = output->failure != 0 ? output->lines - output->written : 0;
}

int output_failure(const struct output *output, struct error *error)
{
    if (output->failure == 0 || output->failure == -EPIPE)
        return output->failure;
    char name[32] = "standard output";
    if (output->fd != STDOUT_FILENO)
        snprintf(name, sizeof(name), "file descriptor %d", output->fd);
    const char *mend = output->failure == -EBADF ? "open it for writing" : "make room";
    uint64_t written, lost;
    output_count(output, &written, &lost);
    return error_set(error, -output->failure,
                     "cannot write alerts to %s: %s; %" PRIu64 " lines were written, %" PRIu64
                     " lost, and what follows in the capture was not inspected: %s and read it again",
                     name, strerror(-output->failure), written, lost, mend);
}

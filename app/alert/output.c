/* SPDX-License-Identifier: BSD-3-Clause */
#include "output.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "alert_line.h"

/* Twice the longest line: at some 1.5 KB a line that is at least 85 lines a system call. */
#define OUTPUT_BUFFER_BYTES (256 * 1024)
_Static_assert(OUTPUT_BUFFER_BYTES >= 2 * LINE_MAX_BYTES, "lines gather while there is room for the longest");

#define READER_WAIT_NS (100 * 1000 * 1000) /* between two looks for a FIFO's reader: nothing tells of it */

/* A sink, and how much of it left: other threads may ask. */
struct target {
    struct sink sink;
    uint64_t lines, bytes;
};

struct output {
    int failure;     /* 0 or a negative errno */
    unsigned failed; /* whose */
    size_t length;
    uint64_t lines, buffered; /* committed, and those of them that are in the buffer */
    unsigned count;
    struct target *targets;
    char buffer[OUTPUT_BUFFER_BYTES];
};

int output_create(const struct alert_options *options, struct output **result, struct error *error)
{
    unsigned count = sinks_count(options);
    struct output *output = malloc(sizeof(*output));
    struct target *targets = calloc(count, sizeof(*targets));
    struct sink *sinks = calloc(count, sizeof(*sinks));
    int status = -ENOMEM;
    if (output == NULL || targets == NULL || sinks == NULL)
        error_set(error, ENOMEM, "cannot set up alerts: out of memory");
    else
        status = sinks_open(options, sinks, error);
    if (status != 0) {
        free(output);
        free(targets);
    } else {
        for (unsigned i = 0; i < count; i++)
            targets[i].sink = sinks[i];
        output->failure = 0;
        output->failed = 0;
        output->length = 0;
        output->lines = output->buffered = 0;
        output->count = count;
        output->targets = targets;
        *result = output;
    }
    free(sinks);
    return status;
}

void output_destroy(struct output *output)
{
    if (output == NULL)
        return;
    for (unsigned i = 0; i < output->count; i++)
        sink_close(&output->targets[i].sink);
    free(output->targets);
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
    __atomic_store_n(&output->lines, output->lines + 1, __ATOMIC_RELAXED);
    if (line->overflow || output->failure != 0)
        return;
    output->length += line->length;
    output->buffered++;
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

static void fail(struct output *output, const struct target *target, int code)
{
    output->failure = -code;
    output->failed = (unsigned)(target - output->targets);
}

/* A FIFO is opened when somebody reads it. */
static int wait_for_reader(struct sink *sink)
{
    const struct timespec pause = {.tv_nsec = READER_WAIT_NS};
    int result = 0;
    if (sink->fd < 0)
        log_notice("waiting for somebody who reads %s", sink->name);
    while (sink->fd < 0 && (result = sink->kind->open(sink, NULL)) == -ENXIO)
        nanosleep(&pause, NULL);
    return result;
}

/* All of the bytes, or the output has failed. Returns how many. */
static size_t write_all(struct output *output, struct target *target, const char *bytes, size_t length)
{
    size_t written = 0;
    while (written < length && output->failure == 0) {
        ssize_t more = write(target->sink.fd, bytes + written, length - written);
        if (more > 0)
            written += (size_t)more;
        else if (more == 0)
            fail(output, target, EIO); /* POSIX lets only other kinds of file do this; it must not spin */
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            wait_writable(target->sink.fd);
        else if (errno != EINTR)
            fail(output, target, errno);
    }
    return written;
}

static void flush_to(struct output *output, struct target *target)
{
    struct sink *sink = &target->sink;
    int opened = wait_for_reader(sink);
    if (opened != 0)
        fail(output, target, -opened);
    if (sink->owes_newline)
        sink->owes_newline = write_all(output, target, "\n", 1) == 0;
    size_t written = write_all(output, target, output->buffer, output->length);
    uint64_t lines = written == output->length ? output->buffered : whole_lines(output->buffer, written);
    __atomic_store_n(&target->lines, target->lines + lines, __ATOMIC_RELAXED);
    __atomic_store_n(&target->bytes, target->bytes + written, __ATOMIC_RELAXED);
}

void output_flush(struct output *output)
{
    for (unsigned i = 0; i < output->count && output->length > 0 && output->failure == 0; i++)
        flush_to(output, &output->targets[i]);
    output->length = 0;
    output->buffered = 0;
}

void output_count(const struct output *output, uint64_t *written, uint64_t *lost)
{
    *written = output->targets[output->failed].lines;
    *lost = output->failure != 0 ? output->lines - *written : 0;
}

int output_failure(const struct output *output, struct error *error)
{
    const struct sink *sink = &output->targets[output->failed].sink;
    if (output->failure == 0 || (output->failure == -EPIPE && sink->path == NULL))
        return output->failure;
    const char *mend = output->failure == -EBADF   ? "open it for writing"
                       : output->failure == -EPIPE ? "start its reader again"
                                                   : "make room";
    uint64_t written, lost;
    output_count(output, &written, &lost);
    error_set(error, -output->failure,
              "cannot write alerts to %s: %s; %" PRIu64 " lines were written, %" PRIu64
              " lost, and what follows in the capture was not inspected: %s and read it again",
              sink->name, strerror(-output->failure), written, lost, mend);
    return output->failure == -EPIPE ? -EIO : output->failure;
}

unsigned output_status(const struct output *output, struct sink_status *status, unsigned max)
{
    unsigned count = output->count < max ? output->count : max;
    uint64_t made = __atomic_load_n(&output->lines, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < count; i++) {
        const struct target *target = &output->targets[i];
        uint64_t lines = __atomic_load_n(&target->lines, __ATOMIC_RELAXED);
        status[i] = (struct sink_status){
            .kind = target->sink.kind,
            .path = target->sink.path,
            .state = SINK_OPEN,
            .lines = lines,
            .bytes = __atomic_load_n(&target->bytes, __ATOMIC_RELAXED),
            .queued = made > lines ? made - lines : 0,
        };
    }
    return output->count;
}

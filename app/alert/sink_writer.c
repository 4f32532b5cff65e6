/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread of one sink: a loop that does one thing at a time, and looks between any two what it is asked to do. */
#include "sink_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RETRY_NS  UINT64_C(1000000000)
#define REOPEN_NS UINT64_C(1000000000) /* how long alerts_reopen waits for a line to be finished in the old file */

uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void set_state(struct sink_writer *writer, enum sink_state state)
{
    atomic_store_explicit(&writer->state, state, memory_order_release);
}

static bool is_within_a_line(const struct sink_writer *writer)
{
    return writer->position != atomic_load_explicit(&writer->queue.tail, memory_order_relaxed);
}

/* Puts another file in the sink's place. A line that was cut begins again: whoever gets it now did not get its first
 * part, unless it is the same file, in which the part then stands as a line of its own. */
static void put_in_place(struct sink_writer *writer, const struct sink *fresh)
{
    struct sink *sink = &writer->sink;
    writer->position = atomic_load_explicit(&writer->queue.tail, memory_order_relaxed);
    sink_close(sink);
    sink->fd = fresh->fd;
    sink->is_regular = fresh->is_regular;
    sink->may_block = fresh->may_block;
    sink->owes_newline = fresh->owes_newline;
    sink->device = fresh->device;
    sink->inode = fresh->inode;
    writer->said_moved = false;
}

/* Sleeps until something is asked of it, the descriptor (where it is not -1) can take more, or the time has come. */
static void writer_wait(struct sink_writer *writer, int fd, uint64_t until_ns)
{
    struct pollfd fds[2] = {{.fd = writer->wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLOUT}};
    uint64_t deadline = atomic_load(&writer->deadline_ns), now = monotonic_ns();
    if (deadline != 0 && deadline < until_ns)
        until_ns = deadline;
    int timeout = -1;
    if (until_ns != UINT64_MAX)
        timeout = until_ns > now ? (int)((until_ns - now + 999999) / 1000000) : 0;
    if (poll(fds, 2, timeout) > 0 && (fds[0].revents & POLLIN) != 0) {
        uint64_t wakes;
        if (read(writer->wake_fd, &wakes, sizeof(wakes)) < 0)
            return;
    }
}

/* Announces itself, looks once more, and only then sleeps. */
static void wait_for_lines(struct sink_writer *writer)
{
    const char *bytes;
    atomic_store(&writer->is_idle, true);
    if (sink_queue_peek(&writer->queue, writer->position, &bytes) == 0)
        writer_wait(writer, -1, UINT64_MAX);
    atomic_store(&writer->is_idle, false);
}

static void tell_of_losses(struct sink_writer *writer)
{
    bool is_losing = sink_queue_is_losing(&writer->queue);
    uint64_t lost = atomic_load_explicit(&writer->queue.lost, memory_order_relaxed) - writer->said_lost;
    if (is_losing && !writer->said_losing) {
        log_warning("%s takes no more alerts: %u MiB of them wait, and more are lost for it until half has left",
                    writer->sink.name, SINK_QUEUE_BYTES >> 20);
        writer->said_losing = true;
    } else if (!is_losing && lost > 0) {
        log_notice("%s takes alerts again: %" PRIu64 " %s lost for it", writer->sink.name, lost,
                   lost == 1 ? "was" : "were");
        writer->said_losing = false;
        writer->said_lost += lost;
    }
}

/* Once: whoever rotates files asks for a new one, and forgets to in a script. */
static void tell_of_a_moved_file(struct sink_writer *writer)
{
    const struct sink *sink = &writer->sink;
    struct stat status;
    if (writer->said_moved || !sink->is_regular || sink->path == NULL)
        return;
    if (stat(sink->path, &status) == 0 && status.st_dev == sink->device && status.st_ino == sink->inode)
        return;
    writer->said_moved = true;
    log_warning("%s was moved or removed: alerts go on to the file that is open until `bearertap ctl reopen`",
                sink->name);
}

static void retry_later(struct sink_writer *writer, enum sink_state state)
{
    set_state(writer, state);
    writer->retry_at_ns = monotonic_ns() + RETRY_NS;
}

static void close_under_lock(struct sink_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    sink_close(&writer->sink);
    pthread_mutex_unlock(&writer->lock);
}

static void lose_reader(struct sink_writer *writer)
{
    if (writer->path == NULL) {
        set_state(writer, SINK_GONE);
        log_error("the reader of %s went away: it gets no more alerts", writer->sink.name);
        return;
    }
    close_under_lock(writer);
    if (!writer->said_failing)
        log_warning("the reader of %s went away: alerts wait for another", writer->sink.name);
    writer->said_failing = true;
    retry_later(writer, SINK_WAITING);
}

static void fail(struct sink_writer *writer, int code)
{
    if (code == EPIPE) {
        lose_reader(writer);
        return;
    }
    if (!writer->said_failing)
        log_error("cannot write alerts to %s: %s; it is tried again every second, and %u MiB of them can wait",
                  writer->sink.name, strerror(code), SINK_QUEUE_BYTES >> 20);
    writer->said_failing = true;
    retry_later(writer, SINK_FAILING);
    /* What is no want of room may be the descriptor's fault: a file server that began anew, say. */
    if (writer->path != NULL && code != ENOSPC && code != EDQUOT && code != EFBIG)
        close_under_lock(writer);
}

static void succeed(struct sink_writer *writer)
{
    if (writer->said_failing)
        log_notice("alerts are written to %s again", writer->sink.name);
    writer->said_failing = false;
    writer->retry_at_ns = 0;
    set_state(writer, SINK_OPEN);
}

static void open_again(struct sink_writer *writer)
{
    struct sink fresh = writer->sink;
    struct error error = {""};
    int result = fresh.kind->open(&fresh, &error);
    if (result == -ENXIO) {
        if (!writer->said_failing)
            log_notice("nobody reads %s: alerts wait for somebody who does", writer->sink.name);
        writer->said_failing = true;
        retry_later(writer, SINK_WAITING);
        return;
    }
    if (result != 0) {
        if (!writer->said_failing)
            log_error("%s; it is tried again every second", error.text);
        writer->said_failing = true;
        retry_later(writer, SINK_FAILING);
        return;
    }
    pthread_mutex_lock(&writer->lock);
    put_in_place(writer, &fresh);
    pthread_mutex_unlock(&writer->lock);
    writer->retry_at_ns = 0;
    if (atomic_load(&writer->state) == SINK_WAITING)
        succeed(writer);
}

/* Between two lines, or where the line that was begun cannot be finished. Returns whether a file waits for that. */
static bool take_replacement(struct sink_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    bool waits = writer->replacement.fd >= 0;
    bool is_stuck = writer->sink.fd < 0 || atomic_load(&writer->state) == SINK_FAILING;
    if (waits && (is_stuck || !is_within_a_line(writer))) {
        put_in_place(writer, &writer->replacement);
        writer->replacement.fd = -1;
        writer->retry_at_ns = 0;
        waits = false;
        pthread_cond_broadcast(&writer->changed);
    }
    pthread_mutex_unlock(&writer->lock);
    return waits;
}

/* Frees the lines that are whole. */
static void note_written(struct sink_writer *writer, const char *bytes, size_t length)
{
    uint64_t lines = 0;
    size_t whole = 0;
    for (const char *end; (end = memchr(bytes + whole, '\n', length - whole)) != NULL; lines++)
        whole = (size_t)(end + 1 - bytes);
    uint64_t before = writer->position;
    writer->position += length;
    atomic_fetch_add_explicit(&writer->bytes, length, memory_order_relaxed);
    if (lines > 0)
        sink_queue_release(&writer->queue, before + whole, lines);
}

/* Could it take bytes without waiting? */
static bool is_writable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLOUT};
    return poll(&polled, 1, 0) > 0;
}

/* One write(2): as much as lies in one piece, up to the line's end where a new file waits for that. */
static void write_some(struct sink_writer *writer, bool to_line_end)
{
    struct sink *sink = &writer->sink;
    const char *bytes;
    size_t length = sink_queue_peek(&writer->queue, writer->position, &bytes);
    const char *end = to_line_end ? memchr(bytes, '\n', length) : NULL;
    if (end != NULL)
        length = (size_t)(end + 1 - bytes);
    bool is_guard = sink->owes_newline && !is_within_a_line(writer);
    if (is_guard) {
        bytes = "\n";
        length = 1;
    }
    if (sink->may_block && !sink->is_regular) { /* a pipe that can take bytes takes so many without waiting */
        if (!is_writable(sink->fd)) {
            writer_wait(writer, sink->fd, UINT64_MAX);
            return;
        }
        length = length < PIPE_BUF ? length : PIPE_BUF;
    }
    tell_of_a_moved_file(writer);
    ssize_t written = write(sink->fd, bytes, length);
    if (written > 0 && is_guard)
        sink->owes_newline = false;
    else if (written > 0)
        note_written(writer, bytes, (size_t)written);
    if (written > 0)
        succeed(writer);
    else if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        writer_wait(writer, sink->fd, UINT64_MAX);
    else if (written == 0 || errno != EINTR)
        fail(writer, written == 0 ? EIO : errno);
}

/* A failure is tried again when its time has come, when told to, and a last time before the end. */
static bool may_try(struct sink_writer *writer)
{
    bool is_last = atomic_load(&writer->deadline_ns) != 0 && !writer->tried_last;
    bool is_told = atomic_exchange(&writer->retry_now, false);
    writer->tried_last = writer->tried_last || is_last;
    if (writer->retry_at_ns == 0)
        return true;
    if (!is_last && !is_told && monotonic_ns() < writer->retry_at_ns)
        return false;
    atomic_fetch_add_explicit(&writer->retries, 1, memory_order_relaxed);
    return true;
}

static bool is_done(const struct sink_writer *writer)
{
    const char *bytes;
    uint64_t deadline = atomic_load(&writer->deadline_ns);
    if (sink_writer_is_gone(writer))
        return true;
    return deadline != 0 &&
           (monotonic_ns() >= deadline || sink_queue_peek(&writer->queue, writer->position, &bytes) == 0);
}

static uint64_t lines_left(const struct sink_writer *writer)
{
    /* Those written first: none is written that was not accepted. */
    uint64_t written = atomic_load_explicit(&writer->queue.written, memory_order_acquire);
    uint64_t accepted = atomic_load_explicit(&writer->queue.accepted, memory_order_relaxed);
    return accepted - written;
}

/* All that is lost and was not said before. */
static void tell_of_the_end(const struct sink_writer *writer)
{
    uint64_t lost = atomic_load_explicit(&writer->queue.lost, memory_order_relaxed) - writer->said_lost;
    uint64_t left = lines_left(writer);
    if (sink_writer_is_gone(writer) || lost + left == 0)
        return;
    log_warning("%" PRIu64 " alert%s lost for %s: it did not take them before the end", lost + left,
                lost + left == 1 ? " was" : "s were", writer->sink.name);
}

static void *writer_run(void *argument)
{
    struct sink_writer *writer = argument;
    const char *bytes;
    while (!is_done(writer)) {
        tell_of_losses(writer);
        bool replacement_waits = take_replacement(writer);
        if (!may_try(writer))
            writer_wait(writer, -1, writer->retry_at_ns);
        else if (writer->sink.fd < 0)
            open_again(writer);
        else if (sink_queue_peek(&writer->queue, writer->position, &bytes) == 0)
            wait_for_lines(writer);
        else
            write_some(writer, replacement_waits);
    }
    tell_of_the_end(writer);
    atomic_store(&writer->is_over, true);
    pthread_mutex_lock(&writer->lock);
    writer->has_ended = true;
    pthread_cond_broadcast(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* The other threads' side. */

void sink_writer_wake(struct sink_writer *writer)
{
    uint64_t one = 1;
    if (write(writer->wake_fd, &one, sizeof(one)) < 0)
        return; /* it would overflow: so it is awake */
}

void sink_writer_tell_of_lines(struct sink_writer *writer)
{
    atomic_thread_fence(memory_order_seq_cst); /* the lines before the look at the sleeper */
    if (atomic_load(&writer->is_idle) && atomic_exchange(&writer->is_idle, false))
        sink_writer_wake(writer);
}

/* Signals are the other threads' business. */
static int start_thread(struct sink_writer *writer)
{
    char name[16]; /* as many as the system keeps */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&writer->thread, NULL, writer_run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    snprintf(name, sizeof(name), "sink-%s", writer->kind->name);
    if (result == 0)
        pthread_setname_np(writer->thread, name);
    return -result;
}

static void set_up_lock(struct sink_writer *writer)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&writer->lock, NULL);
}

int sink_writer_create(const struct sink *sink, struct sink_writer **result, struct error *error)
{
    if (sink->path == NULL && fcntl(sink->fd, F_GETFL) < 0)
        return error_set(error, errno, "cannot write alerts to %s: %s: open it for writing, or give sinks", sink->name,
                         strerror(errno));
    struct sink_writer *writer = aligned_alloc(alignof(struct sink_writer), sizeof(*writer));
    struct sink opened = *sink;
    if (writer == NULL) {
        sink_close(&opened);
        return error_set(error, ENOMEM, "out of memory for the sink %s", sink->name);
    }
    memset(writer, 0, sizeof(*writer));
    writer->kind = sink->kind;
    writer->path = sink->path;
    writer->sink = *sink;
    writer->replacement = *sink;
    writer->replacement.fd = -1;
    writer->state = SINK_OPEN;
    set_up_lock(writer);
    writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int status = writer->wake_fd >= 0 ? sink_queue_create(&writer->queue) : -errno;
    if (status == 0)
        status = start_thread(writer);
    if (status == 0) {
        *result = writer;
        return 0;
    }
    writer->has_ended = true;
    sink_writer_destroy(writer);
    return error_set(error, -status, "cannot start the thread of the sink %s: %s", sink->name, strerror(-status));
}

void sink_writer_end(struct sink_writer *writer, uint64_t deadline_ns)
{
    atomic_store(&writer->deadline_ns, deadline_ns);
    sink_writer_wake(writer);
}

/* Until `is_met`, with the lock held; false: the time is over. */
static bool wait_changed(struct sink_writer *writer, uint64_t deadline_ns)
{
    const struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                      .tv_nsec = (long)(deadline_ns % 1000000000)};
    return pthread_cond_timedwait(&writer->changed, &writer->lock, &deadline) != ETIMEDOUT;
}

void sink_writer_join(struct sink_writer *writer, uint64_t deadline_ns)
{
    pthread_mutex_lock(&writer->lock);
    while (!writer->has_ended && wait_changed(writer, deadline_ns))
        ;
    bool has_ended = writer->has_ended;
    pthread_mutex_unlock(&writer->lock);
    if (has_ended) {
        pthread_join(writer->thread, NULL);
        return;
    }
    atomic_store(&writer->is_over, true);
    log_warning("%" PRIu64 " alerts were lost for %s: a write to it does not come back", lines_left(writer),
                writer->sink.name);
}

void sink_writer_destroy(struct sink_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    bool has_ended = writer->has_ended;
    pthread_mutex_unlock(&writer->lock);
    if (!has_ended) {
        pthread_detach(writer->thread); /* it may come back, and look at what is its own */
        return;
    }
    sink_close(&writer->sink);
    sink_close(&writer->replacement);
    if (writer->wake_fd >= 0)
        close(writer->wake_fd);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    sink_queue_destroy(&writer->queue);
    free(writer);
}

int sink_writer_reopen(struct sink_writer *writer, struct error *error)
{
    if (writer->path == NULL)
        return 0;
    struct sink fresh = {.kind = writer->kind, .path = writer->path, .fd = -1};
    memcpy(fresh.name, writer->sink.name, sizeof(fresh.name)); /* which stays what it is */
    int result = fresh.kind->open(&fresh, error);
    if (result == -ENXIO)
        return 0; /* a FIFO that nobody reads: the writer looks every second */
    if (result != 0)
        return result;
    uint64_t deadline = monotonic_ns() + REOPEN_NS;
    pthread_mutex_lock(&writer->lock);
    sink_close(&writer->replacement);
    if (sink_is_same_file(&fresh, &writer->sink))
        sink_close(&fresh);
    writer->replacement.fd = -1;
    if (fresh.fd >= 0)
        writer->replacement = fresh;
    atomic_store(&writer->retry_now, true);
    sink_writer_wake(writer);
    while (writer->replacement.fd >= 0 && !writer->has_ended && wait_changed(writer, deadline))
        ;
    bool is_taken = writer->replacement.fd < 0 || writer->has_ended;
    pthread_mutex_unlock(&writer->lock);
    if (!is_taken)
        return error_set(error, ETIMEDOUT, "%s is opened anew, but a line is not yet finished in the old file",
                         fresh.name);
    return 0;
}

bool sink_writer_is_gone(const struct sink_writer *writer)
{
    return atomic_load_explicit(&writer->state, memory_order_acquire) == SINK_GONE;
}

void sink_writer_status(const struct sink_writer *writer, struct sink_status *status)
{
    uint64_t left = lines_left(writer);
    *status = (struct sink_status){
        .kind = writer->kind,
        .path = writer->path,
        .state = atomic_load_explicit(&writer->state, memory_order_acquire),
        .lines = atomic_load_explicit(&writer->queue.written, memory_order_relaxed),
        .bytes = atomic_load_explicit(&writer->bytes, memory_order_relaxed),
        .lost = atomic_load_explicit(&writer->queue.lost, memory_order_relaxed),
        .retries = atomic_load_explicit(&writer->retries, memory_order_relaxed),
    };
    if (status->state == SINK_OPEN && sink_queue_is_losing(&writer->queue))
        status->state = SINK_LOSING;
    /* What is left in the queue of one that has ended will not be written. */
    if (status->state == SINK_GONE || atomic_load(&writer->is_over))
        status->lost += left;
    else
        status->queued = left;
}

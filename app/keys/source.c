/* SPDX-License-Identifier: BSD-3-Clause */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lint.h"

/* A piece of SOURCE_PIECE_MAX fits, and a read is of a decent size even then. */
#define BUFFER_BYTES (SOURCE_PIECE_MAX + 256 * 1024)

int source_open(struct source *source, const char *path, struct error *error)
{
    *source = (struct source){.path = path, .error = error, .piece = "a piece", .line = 1};
    source->fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (source->fd < 0) {
        int code = errno;
        return error_set(error, code, "cannot open key list %s: %s", path, strerror(code));
    }

    int result;
    struct stat status;
    if (fstat(source->fd, &status) != 0) {
        int code = errno;
        result = error_set(error, code, "cannot read key list %s: %s", path, strerror(code));
    } else if (S_ISDIR(status.st_mode)) {
        result =
            error_set(error, EISDIR,
                      "%s is a directory; allowed is a file: a JWK Set, PEM, or a text with one key id a line", path);
    } else if (S_ISREG(status.st_mode) && status.st_size > SOURCE_FILE_MAX) {
        result = error_set(error, EFBIG, "key list %s is of %lld bytes; allowed are %d at most, so split it", path,
                           (long long)status.st_size, SOURCE_FILE_MAX);
    } else if ((source->buffer = malloc(BUFFER_BYTES)) == NULL) {
        result = error_set(error, ENOMEM, "out of memory for reading key list %s", path);
    } else {
        return 0;
    }
    source_close(source);
    return result;
}

void source_close(struct source *source)
{
    free(source->buffer);
    source->buffer = NULL;
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

int source_fill(struct source *source)
{
    if (source->ended)
        return 0;
    if (source->at - source->mark > SOURCE_PIECE_MAX)
        return source_fail(source, (struct place){.line = source->line}, E2BIG,
                           "%s is longer than the %d bytes that are allowed", source->piece, SOURCE_PIECE_MAX);

    if (source->mark > 0) {
        memmove(source->buffer, source->buffer + source->mark, source->end - source->mark);
        source->at -= source->mark;
        source->end -= source->mark;
        source->mark = 0;
    }
    /* Only a look-ahead (source_fill without reading on to `end`) can come here with a full buffer. */
    if (source->end == BUFFER_BYTES)
        return 1;

    ssize_t got;
    do {
        got = read(source->fd, source->buffer + source->end, BUFFER_BYTES - source->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        int code = errno;
        return error_set(source->error, code, "cannot read key list %s: %s", source->path, strerror(code));
    }
    if (got == 0) {
        source->ended = true;
        return 0;
    }
    source->end += (size_t)got;
    source->total += (uint64_t)got;
    if (source->total > SOURCE_FILE_MAX)
        return error_set(source->error, EFBIG, "key list %s is longer than the %d bytes that are allowed, so split it",
                         source->path, SOURCE_FILE_MAX);
    return 1;
}

struct place source_place(const struct source *source, size_t offset)
{
    uint64_t position = source->total - source->end + offset;
    return (struct place){.line = source->line,
                          .column = position >= source->line_start ? (unsigned)(position - source->line_start) + 1 : 0};
}

static int tell(struct source *source, struct place place, int code, const char *format, va_list arguments)
{
    char what[ERROR_TEXT_MAX], key[32] = "";
    vsnprintf(what, sizeof(what), format, arguments);
    if (place.key > 0)
        snprintf(key, sizeof(key), "key %u: ", place.key);
    if (source->lint != NULL)
        key_lint_report(source->lint, true, source->path, place, what);
    return error_set(source->error, code, "%s:%u: %s%s", source->path, place.line, key, what);
}

int source_fail(struct source *source, struct place place, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = tell(source, place, code, format, arguments);
    va_end(arguments);
    source->failure_told = true;
    return result;
}

int source_fault(struct source *source, struct place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = tell(source, place, EINVAL, format, arguments);
    va_end(arguments);
    return source->lint != NULL ? 0 : result;
}

int source_read_line(struct source *source)
{
    for (;;) {
        const char *newline = memchr(source->buffer + source->at, '\n', source->end - source->at);
        if (newline != NULL) {
            source->at = (size_t)(newline - source->buffer);
            return 1;
        }
        source->at = source->end;
        int filled = source_fill(source);
        if (filled <= 0)
            return filled;
    }
}

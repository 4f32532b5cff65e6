/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_SOURCE_H
#define BEARERTAP_APP_KEYS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/error.h>

/*
 * A file read through a window of fixed size, with the line number: a list of a gigabyte, a pipe and a file that
 * changes under us all cost the same memory. Whatever a reader wants in one piece (a line, a key, a PEM block) stands
 * between `mark` and `at`.
 */

#define SOURCE_FILE_MAX  (1024 * 1024 * 1024) /* bytes; a list of ten million keys is about 0.5 GiB */
#define SOURCE_PIECE_MAX (1024 * 1024)        /* the longest piece; the largest JWK in use are a few KiB */

struct key_lint;

struct source {
    const char *path;
    struct error *error;
    struct key_lint *lint; /* NULL: the list is loaded, and the first mistake ends it */
    const char *piece;     /* what a piece is called, for the error when it is too long */
    int fd;
    bool ended;
    bool failure_told;    /* by source_fail: a lint has it as a problem */
    unsigned line;        /* of `at`, from 1 */
    uint64_t line_start;  /* that line's first byte, counted from the file's */
    uint64_t total;       /* bytes read */
    size_t mark, at, end; /* offsets in buffer; mark <= at <= end */
    char *buffer;
};

/* "-" is standard input. */
int source_open(struct source *source, const char *path, struct error *error);
void source_close(struct source *source);

/* Reads more behind `end`, moving the piece to the buffer's start. 1: there is more, 0: the file's end, or -errno. */
int source_fill(struct source *source);

/* The byte at `at`, SOURCE_END or -errno. */
#define SOURCE_END 256
static inline int source_peek(struct source *source)
{
    if (source->at == source->end) {
        int filled = source_fill(source);
        if (filled <= 0)
            return filled == 0 ? SOURCE_END : filled;
    }
    return (uint8_t)source->buffer[source->at];
}

/* Takes the byte that was peeked at. */
static inline void source_take(struct source *source)
{
    if (source->buffer[source->at++] == '\n') {
        source->line++;
        source->line_start = source->total - (source->end - source->at);
    }
}

/*
 * Reads on from `at` to the end of its line: one that `mark` begins is from mark to at, wherever a fill moves them. 1:
 * a newline ends it; 0: the file's end does; or -errno. source_end_line goes on to the next one, after a 1.
 */
int source_read_line(struct source *source);
static inline void source_end_line(struct source *source)
{
    source_take(source);
    source->mark = source->at;
}

/* Where in the file something is; 0 and NULL: not known, or of no matter. */
struct place {
    unsigned line, column; /* from 1; the column in bytes */
    unsigned key;          /* the entry of a JWK Set, from 1 */
    const char *member;
};

/* Of the byte at `offset` in the buffer, in the line of `at`. */
struct place source_place(const struct source *source, size_t offset);

/*
 * A mistake. It is "FILE:LINE: ..." in the error, or a lint's problem. source_fail: reading cannot go on; returns
 * -code. source_fault: it could, and does when the list is linted, which is told by 0; else -EINVAL.
 */
int source_fail(struct source *source, struct place place, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int source_fault(struct source *source, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif

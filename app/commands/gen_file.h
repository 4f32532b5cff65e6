/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_GEN_FILE_H
#define BEARERTAP_APP_COMMANDS_GEN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A file that gen writes, or standard output. Writing goes on as if all were well after a failure, which is kept: who
 * writes looks now and then, and must look at the end.
 */
struct gen_file {
    const char *path; /* NULL: not wanted, and nothing is written */
    int fd;
    int failure; /* the first errno */
    uint64_t written;
    uint8_t *buffer;
    size_t filled;
};

enum { GEN_FILE_BUFFER = 1 << 20 };

/* Opens (and empties) it; - is standard output. 0, or an exit status with the error said. */
int gen_file_open(struct gen_file *file, const char *path);

/* Room for `length` bytes, at most GEN_FILE_BUFFER, which the caller fills; they are written in time. */
uint8_t *gen_file_take(struct gen_file *file, size_t length);
void gen_file_put(struct gen_file *file, const char *text);
void gen_file_format(struct gen_file *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the rest and closes. False where some write failed, which is said once, unless the reader of a pipe went away:
 * then `failure` is EPIPE. */
bool gen_file_close(struct gen_file *file);

/* Frees what it has and closes, without a word. */
void gen_file_abandon(struct gen_file *file);

#endif

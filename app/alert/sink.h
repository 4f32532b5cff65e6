/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_SINK_H
#define BEARERTAP_APP_ALERT_SINK_H

#include <stdbool.h>
#include <sys/types.h>

#include <bearertap/alert.h>
#include <bearertap/error.h>

/*
 * One of the places that lines go to: a descriptor, what it is called in messages, and how it is opened. A kind of sink
 * is a row of the table in sinks.c and a file sink_*.c.
 */
#define SINK_NAME_MAX 512

struct sink {
    const struct sink_kind *kind;
    const char *path; /* NULL: it has none, and cannot be opened anew; not owned */
    int fd;           /* -1: not open */
    bool is_regular;  /* a file: it takes what there is room for, and does not block */
    bool is_block_device;
    bool may_block;    /* a write to it may wait, however ready it said it was */
    bool owes_newline; /* somebody's last line in it has no end: one byte is due before the first line */
    dev_t device;      /* which file it is, while it is open */
    ino_t inode;
    char name[SINK_NAME_MAX]; /* "standard output", or the path */
};

struct sink_kind {
    const char *name;
    bool has_path;
    /* 0; -ENXIO: a FIFO that nobody reads yet, `fd` stays -1 and it is to be tried again; or another negative errno
     * with `error` filled. Never waits. */
    int (*open)(struct sink *sink, struct error *error);
};

int sink_stdout_open(struct sink *sink, struct error *error);
int sink_file_open(struct sink *sink, struct error *error);

/* Closes what was opened here; standard output stays open. */
void sink_close(struct sink *sink);

/* Looks what kind of file the descriptor is. 0 or a negative errno. */
int sink_look(struct sink *sink);

/* Are both open, and one file in which their lines would mix? */
bool sink_is_same_file(const struct sink *one, const struct sink *other);

/*
 * Opens all of them into `sinks`, which has room for as many; without options there is one, standard output. A FIFO
 * that nobody reads stays closed. 0, or a negative errno with `error` filled and all of them closed.
 */
unsigned sinks_count(const struct alert_options *options);
int sinks_open(const struct alert_options *options, struct sink *sinks, struct error *error);

#endif

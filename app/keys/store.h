/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_STORE_H
#define BEARERTAP_APP_KEYS_STORE_H

#include <bearertap/key_store.h>

#include <sys/stat.h>

#include "list.h"
#include "table.h"

/* What the store's files share: store.c changes single keys, store_reload.c reads the sources, store_watch.c watches
 * them, store_save.c appends. */

/* A state of a file. */
struct file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct file_state file_state_of(const struct stat *status);
bool file_states_equal(const struct file_state *one, const struct file_state *other);

struct store_file {
    char *path;
    struct file_state loaded; /* as it was before it was last read, and after what was appended since */
    bool is_known;            /* in that state there is nothing new in it */
    bool is_missing;          /* and that was said */
    bool has_changed;
};

struct store_value {
    char *id;
    const char *source;
    bool is_removed;
};

/* Something on the way to a file: an event for this name in the folder that is watched. */
struct store_watch {
    int descriptor;
    size_t file;
    bool is_last; /* the file itself */
    char *name;
};

struct key_store {
    struct store_file *files;
    size_t files_count;
    struct store_value *values;
    size_t values_count;
    struct key_list *list;    /* NULL: dropped */
    struct key_counts counts; /* of the list read last */
    bool is_reloading;        /* another thread may read the paths, and the values' ids and sources */
    bool is_to_be_retried;
    int inotify; /* or a negative errno */
    bool has_events;
    struct store_watch *watches;
    size_t watches_count, watches_capacity;
    struct error unwatched; /* a folder with a file that nobody may look into */
};

/* Reads all sources into a list, at the start: what cannot be read is refused. 0, or a negative errno with `error`
 * filled. */
int store_read_all(struct key_store *store, struct key_list **list, struct error *error);

/* Watches what is on the way to each file now, and no longer what was before. */
void store_watch_files(struct key_store *store);
void store_unwatch_files(struct key_store *store);

/* A file that a key is about to be appended to: open, locked, and a text. */
struct saving {
    const char *path;
    int fd;
    bool was_created, is_there; /* is_there: the id stands in it already */
    bool needs_newline;
    unsigned line; /* that it will be */
    struct stat before;
};

/* Opens it for this id, or refuses. 0, or a negative errno with `error` filled. */
int saving_begin(struct saving *saving, const char *path, const char *id, struct error *error);

/* Appends the line, whole or not at all, and waits for the disk; `after` is the file's state then. */
int saving_append(struct saving *saving, const char *id, struct stat *after, struct error *error);

/* Unlocks it, and removes what was created in vain. */
void saving_end(struct saving *saving);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_KEY_STORE_H
#define BEARERTAP_KEY_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include <bearertap/error.h>
#include <bearertap/keys.h>

/*
 * What keys are in force, and from where: files, values that were given at the start, and keys that were added while it
 * runs. The store reads the sources, makes changes in a key table, and watches the files.
 *
 * It keeps the sources' names, not the keys: those are in the table, with their source and line (key_table_walk,
 * key_table_entries). One thread calls it, the table's writer; workers see the table only. Adding and removing take
 * microseconds (with a file to save to: as long as its disk, and as reading it). A reload reads all files, which with
 * ten million keys takes as long as it took at the start (five seconds, on a busy machine fifteen): the two steps of it
 * that take long may be another thread's, and keys are added and removed meanwhile. No function takes a NULL table.
 */
struct key_store;

/* A key id that was given as such, and by whom: "-k", "configuration". The source's string outlives the store. */
struct key_store_value {
    const char *id, *source;
};

/* The source of what key_store_add added. */
#define KEY_STORE_ADDED "ctl"

/*
 * Begins to watch the files, and reads all of them into a list; before EAL is up. Files are what key_list_add_file
 * takes, but for standard input and pipes, which cannot be read again. The arguments are copied. 0, or a negative errno
 * with `error` filled.
 */
int key_store_create(const char *const *files, size_t files_count, const struct key_store_value *values,
                     size_t values_count, struct key_store **store, struct error *error);
void key_store_destroy(struct key_store *store);

/* The list to make the table of. It is several hundred bytes a key: drop it when the table is made. */
const struct key_list *key_store_list(const struct key_store *store);
void key_store_drop_list(struct key_store *store);

/* EAL memory to reserve for the table: as it is now, and beside it for a moment one of a list twice as long (100,000
 * keys at least). */
size_t key_store_table_bytes(const struct key_store *store);

/*
 * Reads all files and values again and puts them in the place of what the table was made of. What key_store_add added
 * stays; but if it was saved in one of the files, and has come with it, it is the file's from now on.
 *
 * A file that cannot be read, or has a mistake in it, keeps its keys of before in force, whatever becomes of the
 * others: then a negative errno is returned, and the error says what is wrong where. Where nothing could be read, or
 * there is no memory for the table, all is as it was.
 */
int key_store_reload(struct key_store *store, struct key_table *table, struct error *error);

/*
 * The same in its steps, in this order. What is added meanwhile is in force at once and stays so; what is removed is
 * not brought back. One at a time, and the store and the table stay until its end. _begin is the store's thread's: 0,
 * or a negative errno with `error` filled. _read takes long, any thread. _put is the store's thread's again, takes no
 * time, and returns as key_store_reload does. _end, any thread, waits for the workers (when it returns, what is in the
 * old lists alone is found no more), frees what was replaced, and the struct.
 */
struct key_reload;
int key_store_reload_begin(struct key_store *store, struct key_table *table, struct key_reload **reload,
                           struct error *error);
void key_reload_read(struct key_reload *reload);
int key_store_reload_put(struct key_store *store, struct key_reload *reload, struct error *error);
void key_reload_end(struct key_reload *reload);

/* Did the last one fail for what no change of a file may mend (no memory, a disk that does not answer)? It is to be
 * tried again after a while. */
bool key_store_is_to_be_retried(const struct key_store *store);

/* What became of a key that was to be added. */
struct key_store_added {
    bool is_in_force;
    bool was_there;   /* before; then `source` and `line` say from where */
    bool is_saved;    /* stands in the file that was given, now or already */
    char source[256]; /* cut */
    unsigned line;
};

/*
 * Adds a key by its id, as -k id:VALUE takes it: in force when this returns, for all issuers, until the process ends.
 * With a path it is appended to that file too, a text with one key id a line, which is created for its owner alone if
 * it is missing. A file that is none (a JWK Set, PEM), or an id that cannot stand in one, is refused before anything is
 * changed. The line is whole or not there, and on the disk when this returns. Whoever may name the path can have a line
 * without white space appended to any text that this process may write: that is for the caller to restrict.
 *
 * 0; or a negative errno with `error` filled, and then `added->is_in_force` tells whether saving alone failed. The id
 * stands in no error.
 */
int key_store_add(struct key_store *store, struct key_table *table, const char *id, const char *path,
                  struct key_store_added *added, struct error *error);

/* What was removed. The next reload brings back what is from files; values are gone until the next start. */
#define KEY_STORE_REMOVED_SHOWN 8
struct key_store_removed {
    size_t entries;    /* all */
    size_t from_files; /* of them */
    size_t shown_count;
    struct {
        char source[256]; /* cut */
        unsigned line;
        bool is_file;
    } shown[KEY_STORE_REMOVED_SHOWN]; /* the first of them */
};

/* Removes every entry that is called by this id, as text or as the thumbprint that it spells. 0, or a negative errno
 * with `error` filled: -ENOENT where there is none. */
int key_store_remove(struct key_store *store, struct key_table *table, const char *id,
                     struct key_store_removed *removed, struct error *error);

/*
 * Watching. The descriptor becomes readable when something happens in the folders on the way to a file (symbolic links
 * are followed); -1 if nothing can be watched, and then *error says why, and files are read again on demand alone.
 * Where one folder cannot be watched, *error says so too; else its text is empty.
 *
 * key_store_changed takes all that happened, and tells whether a reload is due: a file was written and closed, renamed,
 * linked, made readable, or came back. A file that vanished is no reason: it fills `vanished` (else its text is empty),
 * once, and its keys stay in force. What key_store_add appended is none either. It never blocks. While a reload is
 * under way nothing is due: ask again after its _put, which what happened meanwhile waits for.
 *
 * A change that comes from elsewhere, such as on a file system of the network, is not noticed.
 */
int key_store_watch_descriptor(const struct key_store *store, struct error *error);
bool key_store_changed(struct key_store *store, struct error *vanished);

#endif

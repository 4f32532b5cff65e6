/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_TABLE_H
#define BEARERTAP_APP_KEYS_TABLE_H

#include <bearertap/keys.h>

#include <rte_hash.h>
#include <rte_rcu_qsbr.h>
#include <sys/queue.h>

#include <bearertap/siphash.h>

#include "list.h"

/*
 * What the table is made of, for the files that make it (edition.c, build.c), look into it (table.c), change it
 * (changes.c) and free what readers may still hold (retired.c).
 *
 * An rte_hash leads from a name to a slot: one entry, or a list of several. Readers take no lock, so whatever they may
 * hold is changed in two ways only: a slot of the hash is given another value in one store, and an entry is marked as
 * removed in one store. A list is never written: another takes its place. What was replaced is retired, and freed or
 * used again when each reader has been quiescent since.
 */

/* A name in the hash. Each of the two digest words is as good as random, so one of them is the hash. */
struct table_key {
    struct siphash_digest digest;
    uint64_t kind;
};

_Static_assert(sizeof(struct table_key) == 24, "with rte_hash's 8 bytes a key slot is 32, half a cache line");

/* ---- entries ---- */

/* What an entry's marks say: its line above two bits. A file of 1 GiB has no more lines than fit. */
enum { MARK_REMOVED = 1, MARK_ID_IS_NAME = 2, MARK_LINE_SHIFT = 2, MARK_LINE_MAX = UINT32_MAX >> MARK_LINE_SHIFT };

/* An entry of a list, as it lies in an edition: strings are offsets into the edition's text; 0 is NULL. */
struct table_entry {
    uint32_t id, issuer, reason, severity, revoked_at, source;
    uint32_t marks; /* atomic */
};

_Static_assert(sizeof(struct table_entry) == 28, "ten million of them are 280 MB");

/* An entry added alone, which outlives editions: it is in ordinary memory, whole. */
struct added_entry {
    struct key_entry entry;
    uint32_t marks; /* atomic */
    /* The writer's. */
    const char
        *saved_in; /* a file of the list, where it is since: key_table_reload lets it go when that has brought it */
    unsigned saved_line;
    bool is_left_out;
    bool stays_saved; /* the list that is about to come does not tell whether it still stands in that file */
    uint64_t serial;  /* counted from 1, in the order of addition */
    char id[];
};

/* ---- slots ---- */

/* A slot is a pointer, and in its lowest bits what it points to: a table_entry of the edition, an added_entry, or an
 * entry_list. 0 is none. */
enum { SLOT_IS_LIST = 1, SLOT_IS_ADDED = 2, SLOT_BITS = 3 };

struct entry_list {
    uint32_t count; /* atomic: written last */
    uint32_t is_changed;
    uintptr_t slots[]; /* entries, no lists */
};

/* Stands before a list that was made for a change; those that an edition was built with lie in one block. */
struct changed_list {
    LIST_ENTRY(changed_list) others;
};

static inline struct entry_list *slot_list(uintptr_t slot)
{
    return (struct entry_list *)(slot & ~(uintptr_t)SLOT_BITS);
}

static inline struct added_entry *slot_added(uintptr_t slot)
{
    return (struct added_entry *)(slot & ~(uintptr_t)SLOT_BITS);
}

static inline uint32_t *slot_marks(uintptr_t slot)
{
    return (slot & SLOT_IS_ADDED) != 0 ? &slot_added(slot)->marks : &((struct table_entry *)slot)->marks;
}

/*
 * Acquires what the writer released with the marks, which is all of the entry. (rte_hash orders its own stores no less,
 * but in a library of which ThreadSanitizer sees nothing.)
 */
static inline bool slot_is_removed(uintptr_t slot)
{
    return (__atomic_load_n(slot_marks(slot), __ATOMIC_ACQUIRE) & MARK_REMOVED) != 0;
}

/* The entries that a slot leads to: an array of slots, of which a lone entry's is `*slot` itself. Returns how many. */
static inline size_t slot_entries(const uintptr_t *slot, const uintptr_t **entries)
{
    *entries = slot;
    if ((*slot & SLOT_IS_LIST) == 0)
        return *slot != 0;
    *entries = slot_list(*slot)->slots;
    return __atomic_load_n(&slot_list(*slot)->count, __ATOMIC_ACQUIRE);
}

static inline enum key_name_kind thumbprint_kind(size_t length)
{
    return length == KEY_SHA1_BYTES ? KEY_NAME_SHA1 : KEY_NAME_SHA256;
}

/* ---- editions ---- */

/*
 * An index, and the block of entries that a list made. Another edition takes its place when a list is read anew, or
 * when the index is full: that one has the same entries.
 */
struct key_edition {
    struct rte_hash *names; /* names to slots */
    struct siphash_key siphash_key;
    char *text;
    struct table_entry *entries; /* in list order */
    size_t entries_count;
    uint8_t *lists; /* struct entry_list, one behind the other */

    /* The writer's. A name that is not told by the entry's id (x5t, x5t#S256, the thumbprint of a key), by its position
     * in the index; in the order of entries. */
    struct extra_name {
        uint32_t entry, position;
    } * extras;
    size_t extras_count;
    LIST_HEAD(changed_lists, changed_list) changed_lists;
    bool contents_moved; /* entries, text and lists are another edition's now */
};

struct key_counts {
    size_t entries, names, extras, text_length;
};

struct key_counts list_counts(const struct key_list *list);

/* What an edition of so much takes of EAL's memory, at most. */
size_t edition_bytes(const struct key_counts *counts);

/* How many names there is room for where so many are loaded. */
size_t edition_room_for(size_t names);

/* An index without a name, and no entries: what the others begin with. NULL where there is no memory. */
struct key_edition *edition_create_empty(size_t room);

/* An edition of the list alone. All editions of a table have the same key, so that a name's digest is good for each. 0,
 * or a negative errno. */
int edition_create(const struct key_list *list, const struct siphash_key *siphash_key, struct key_edition **edition);

/* A thumbprint of a list that is this long holds the table_key of a name, of which nothing else is known. */
#define KEY_DIGEST_BYTES sizeof(struct table_key)

/* One with a larger index and the same entries, which are its own from then on: `old` is left for edition_destroy with
 * its index alone. 0, or a negative errno, and then `old` is as it was. */
int edition_create_larger(struct key_edition *old, struct key_edition **edition);
void edition_destroy(struct key_edition *edition);

struct table_key edition_key(const struct key_edition *edition, enum key_name_kind kind, const void *name,
                             size_t length);

/* The slot of a name, or 0. Readers too. */
uintptr_t edition_look_up(const struct key_edition *edition, const struct table_key *key);

/* Where a name stands in the index, or a negative errno; and which name stands there. */
int32_t edition_position(const struct key_edition *edition, const struct table_key *key);
bool edition_key_at(const struct key_edition *edition, uint32_t position, struct table_key *key);

/* Gives a name its slot, whether or not it had another. -ENOSPC where there is no room for one more name. */
int edition_put(struct key_edition *edition, const struct table_key *key, uintptr_t slot);

/* Takes a name out. Its position stays taken until edition_free_position. Returns it. */
int32_t edition_delete(struct key_edition *edition, const struct table_key *key);
void edition_free_position(struct key_edition *edition, int32_t position);

/* The names that an id alone tells: the text, and the thumbprint that it may be. Returns how many. */
unsigned edition_names_of_id(const struct key_edition *edition, const char *id, struct table_key names[2]);

/* All the names of an entry; returns how many. */
unsigned edition_names_of(const struct key_edition *edition, uintptr_t slot,
                          struct table_key names[KEY_LISTED_NAMES_MAX]);

/* The entry as the rest of the program sees it. Readers too. */
struct key_entry edition_entry(const struct key_edition *edition, uintptr_t slot);

/* ---- retired things ---- */

enum retired_kind { RETIRED_POSITION, RETIRED_MEMORY, RETIRED_EDITION };

struct retired {
    enum retired_kind kind;
    int32_t position;
    void *pointer; /* RETIRED_POSITION: the edition */
    uint64_t token;
};

/* What waits for the readers, in the order of its unlinking: a ring that grows. */
struct retired_queue {
    struct retired *ring;
    size_t capacity, first, count; /* capacity: a power of two, or 0 */
};

/* ---- the table ---- */

/* Added entries in the order of their serials; NULL where one was removed, until a half of them is. */
struct added_keys {
    struct added_place {
        uint64_t serial;
        struct added_entry *entry;
    } * places;
    size_t used, capacity, live;
    uint64_t last_serial;
};

/* An id that was removed while another edition was made. */
struct removed_id {
    SLIST_ENTRY(removed_id) others;
    char id[];
};

struct key_table {
    struct siphash_key siphash_key;
    unsigned keeper; /* the number of a reader more, for table_keep */

    /* Readers take these; the writer stores them (release). */
    struct key_edition *current;
    uint64_t generation;
    size_t entries_count; /* in force */
    struct rte_rcu_qsbr *readers;

    /* The writer's. */
    size_t names_count;
    uint64_t reloads;
    struct added_keys added;
    struct retired_queue retired;
    bool is_replacing; /* between table_replacement_begin and _put */
    SLIST_HEAD(removed_ids, removed_id) removed;
};

/* Nobody comes to it any more from now on: it is freed when each reader has been quiescent. It is left where it is,
 * lost, if there is no memory to remember it. */
void table_retire(struct key_table *table, enum retired_kind kind, void *pointer, int32_t position);

/* Frees what no reader can hold; never waits. */
void table_reclaim(struct key_table *table);

/* Waits until no reader can hold what is in the queue, and frees all of it. */
void retired_reclaim_all(struct retired_queue *queue, struct rte_rcu_qsbr *readers);
/* Frees what waits and is no EAL memory, and the queue. */
void retired_forget(struct retired_queue *queue);

/*
 * Another edition in the place of the one in force, in steps, of which what takes long may be another thread's: the
 * writer goes on changing single keys meanwhile. What it adds is entered when the edition is put in its place, and what
 * it removes is not brought back by it.
 */
struct table_replacement {
    struct key_edition *next; /* NULL: there is none */
    struct key_edition *gone; /* what _end destroys */
    size_t entries_count, names_count;
    struct retired_queue retired;
};

/* The writer. One at a time; _put follows whatever becomes of it. */
void table_replacement_begin(struct key_table *table, struct table_replacement *replacement);

/* Any thread: makes the edition. 0, or a negative errno with `error` filled. */
int table_replacement_build(const struct key_table *table, const struct key_list *list,
                            struct table_replacement *replacement, struct error *error);

/* The writer, at once: puts it in its place, if there is one. 0, or a negative errno with all as it was. */
int table_replacement_put(struct key_table *table, struct table_replacement *replacement);

/* Any thread: waits until no reader can hold what was replaced, and frees it. */
void table_replacement_end(const struct key_table *table, struct table_replacement *replacement);

/* Adds to the list the entries in force that are of this source, as they are, and counts them. Any one thread at a
 * time, beside the writer. 0, or a negative errno with `error` filled. */
int table_keep(struct key_table *table, const char *source, struct key_list *list, size_t *count, struct error *error);

/*
 * Puts what was added alone into an edition that is not in force yet, and counts it; a larger one takes its place if it
 * is full. Left out is what was removed, and what was saved and has come with the list. 0, or a negative errno.
 */
int table_enter_added(struct key_table *table, struct key_edition **edition, size_t *entries_count,
                      size_t *names_count);

/* Remembers that this id is removed, if an edition is being made. 0, or -ENOMEM. */
int table_remember_removed(struct key_table *table, const char *id);

/* Takes that back: there was no such key. */
void table_forget_last_removed(struct key_table *table);

/* Removes from an edition that is not in force what was remembered. */
void table_remove_remembered(struct key_table *table, struct key_edition *edition, size_t *entries_count,
                             size_t *names_count);
void table_forget_removed(struct key_table *table);

/* Lets what was left out go, once that edition is in force. */
void table_forget_left_out(struct key_table *table);

/* The added ones: makes room for one more, takes it, finds it, lets it go. */
int added_make_room(struct added_keys *added);
/* Frees all of them. */
void added_free(struct added_keys *added);
void added_append(struct added_keys *added, struct added_entry *entry);
void added_forget(struct key_table *table, const struct added_entry *entry);

/* The key that was added with this id (or another spelling of it) stands in a file of the list now. `path` must live as
 * long as the table. */
void added_set_saved(struct key_table *table, const char *id, const char *path, unsigned line);

/* What is saved from now on stands in its file whatever the list says that is about to come. */
void added_begin_replacement(struct added_keys *added);

/* All that is saved in a file of this path stays so, though the list that is about to come does not bring it. */
void added_keep_saved(struct key_table *table, const char *path);

/* The entry as the writer's side tells it: of what was saved in a file of the list, that is the source. */
struct key_entry table_entry_told(const struct key_table *table, uintptr_t slot);

#endif

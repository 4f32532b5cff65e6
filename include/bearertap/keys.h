/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_KEYS_H
#define BEARERTAP_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/error.h>

/*
 * The revoked keys: lists as operators write them, and the table that workers read.
 *
 * A list (struct key_list) lives in ordinary memory and is built before EAL starts, since its size decides how much
 * memory EAL is given. A table (struct key_table) is an rte_hash with lock-free readers: key_table_find may be called
 * by any number of registered readers at once while one writer changes it; it takes no lock and allocates nothing.
 * Names are stored as a kind and a 128-bit keyed digest (SipHash, random key), so a sender cannot aim at a bucket.
 */

/* What a name is compared as. Text that decodes (hex, hex in pairs, base64, base64url) to 20 or 32 bytes is entered as
 * that thumbprint too, and a token's kid is looked up both ways. */
enum key_name_kind { KEY_NAME_TEXT, KEY_NAME_SHA1, KEY_NAME_SHA256 };

/* One revoked key. Immutable once in a table; strings are NUL-terminated UTF-8, NULL where the list says nothing. */
struct key_entry {
    const char *id;     /* the entry's first name as the list writes it */
    const char *issuer; /* narrows plain-text kids only */
    const char *reason;
    const char *severity;   /* "low", "medium", "high" or "critical" */
    const char *revoked_at; /* RFC 3339, as written, checked */
    const char *source;     /* the file, or "-k", "configuration", "ctl" */
    unsigned line;          /* in it, from 1 */
};

struct key_list;

/* A list belongs to the thread that builds it. 0, or -ENOMEM. */
int key_list_create(struct key_list **list);
void key_list_destroy(struct key_list *list);

/*
 * Adds a file: a JWK Set or a single JWK (RFC 7517, with the extra members revoked_at, reason, severity, issuer), a
 * text file with one key id a line ('#' starts a comment at the line's start or after white space), PEM certificates or
 * public keys. The kind is told from the content. On failure nothing is added and the error names file, line, member,
 * what was found and what is allowed. A file without any key is an error too, and so is one of more than 1 GiB. It may
 * be a pipe, and "-" is standard input.
 */
int key_list_add_file(struct key_list *list, const char *path, struct error *error);

/* Adds one bare key id, as `-k id:VALUE` gives it (the part after "id:"). Where that is none, the error begins "id:".
 */
int key_list_add_value(struct key_list *list, const char *value, struct error *error);

size_t key_list_entries(const struct key_list *list); /* keys */
size_t key_list_names(const struct key_list *list);   /* names under which they are found; of several, once for each */

/* Where an entry has a name from; bits. */
enum key_origin {
    KEY_FROM_KID = 1,              /* the kid, or the line of a text, itself or as the thumbprint that it spells */
    KEY_FROM_X5T = 2,              /* the member x5t */
    KEY_FROM_X5T_S256 = 4,         /* the member x5t#S256 */
    KEY_FROM_NUMBERS = 8,          /* RFC 7638, of n and e (crv, x and y; k), or of a public key in PEM */
    KEY_FROM_CERTIFICATE = 16,     /* the digest of x5c[0], or of a certificate in PEM */
    KEY_FROM_CERTIFICATE_KEY = 32, /* RFC 7638, of that certificate's key */
};

/* A name under which an entry is found. Points into the list. */
struct key_listed_name {
    enum key_name_kind kind;
    const uint8_t *bytes; /* text: not NUL-terminated by promise; thumbprints: 20 or 32 */
    size_t length;
    unsigned origins; /* enum key_origin, or-ed */
};

/* As text, and as thumbprints: of kid, x5t, x5t#S256, the numbers (two ways), and of x5c three. */
#define KEY_LISTED_NAMES_MAX 9

/* An entry as it will stand in the table, with all its names: what key_table_create makes of the list. */
struct key_listed {
    struct key_entry entry;
    unsigned names_count;
    struct key_listed_name names[KEY_LISTED_NAMES_MAX];
};

/* Walks a list in order, from a cursor of zeros. False after the last. */
struct key_list_cursor {
    size_t entry, thumbprint;
};
bool key_list_next(const struct key_list *list, struct key_list_cursor *cursor, struct key_listed *listed);

/*
 * Linting: a list read to its end whatever is wrong in it, and everything told that is worth telling. An error is what
 * makes key_list_add_file refuse the file, so a file without one is taken; a warning is what it takes, but that most
 * likely does not do what was meant: can never match, is there twice, is passed over, holds a secret.
 */
struct key_problem {
    bool is_error;
    const char *source;    /* the file */
    unsigned line, column; /* from 1, the column in bytes; 0: not known, or the file as a whole */
    unsigned key;          /* which entry of a JWK Set, from 1; 0: of none */
    const char *member;    /* of it; NULL: none */
    const char *text;      /* what was found, what is allowed: without place and key. Holds no secret. */
};

typedef void key_problem_report(void *context, const struct key_problem *problem);

struct key_lint;

/* Each problem is reported as it is found, in a file's order of lines but for what a line can't say. 0, -ENOMEM, or
 * another negative errno where there are no random bytes for its hash. */
int key_lint_create(struct key_lint **lint, key_problem_report *report, void *context);
void key_lint_destroy(struct key_lint *lint);

/* Lints one more file; keys of the files before count for what is there twice. Returns how many errors it had. */
size_t key_lint_file(struct key_lint *lint, const char *path);

/* What was readable of all the files. */
const struct key_list *key_lint_list(const struct key_lint *lint);

/* EAL memory that a table of this list will take, bytes, generously (by 5 to 15 %). EAL need not be up. */
size_t key_list_table_bytes(const struct key_list *list);

/*
 * A NULL table is an empty one to all that reads, so that a program without keys needs no table.
 *
 * It has room for a quarter more names than it was made with (8,192 at least); when they are taken, a larger index is
 * made. The index takes 60 bytes a name (at ten million: 40 in key slots, 13 in buckets, 7 in the ring of free slots),
 * an entry 28 and its text, and a name that is not its id's 8 more.
 *
 * One writer: one thread, which must not be a reader that is online, makes all changes, and walks and counts.
 */
struct key_table;

/* Builds the table, in EAL memory, and so EAL must be up. The entries are copied: the list may be destroyed afterwards.
 * It has `readers` readers, all offline. 0, or a negative errno with `error` filled. */
int key_table_create(const struct key_list *list, unsigned readers, struct key_table **table, struct error *error);
/* No reader is online: it waits for them. */
void key_table_destroy(struct key_table *table);
/* In its place at the end of a process, with whose memory EAL's goes: frees only what lies outside of that, and so
 * takes no second for a table of millions. There are no readers any more. NULL is allowed. */
void key_table_leave(struct key_table *table);

/*
 * Puts what the list says in the place of what the table was made of, for readers that go on reading: a key of both is
 * found at any moment, a new one from some moment before it returns, and one that is only in the old no more when it
 * returns. What key_table_add added stays. On failure the table is as it was. It sleeps until no reader can hold an old
 * entry, and needs EAL memory for both meanwhile (key_list_table_bytes). Ten million keys take seconds.
 */
int key_table_reload(struct key_table *table, const struct key_list *list, struct error *error);

/*
 * Adds one key by its id, as key_list_add_value does, with the same refusals. It is found by the time this returns, in
 * microseconds at any size. `source` is where it comes from, a string that outlives the table. *found is the entry, or
 * with -EEXIST the one that bears the id already (for any issuer); the strings are valid until the next change.
 *
 * When the index is full, a larger one is made and takes its place; readers miss nothing meanwhile, but this call takes
 * seconds at ten million, and EAL memory for a second, larger index. Where there is none (-ENOMEM), the table is as it
 * was. 0, or a negative errno with `error` filled.
 */
int key_table_add(struct key_table *table, const char *id, const char *source, struct key_entry *found,
                  struct error *error);

/* Called for each entry that is removed, before it is; the strings are valid until it returns. */
typedef void key_entry_report(void *context, const struct key_entry *entry);

/*
 * Removes all entries that are called by this id, as text or as the thumbprint that it spells, with all their names.
 * None is found when this returns. 0, -ENOENT where there is none, or -EINVAL where it is no key id, with `error`
 * filled.
 */
int key_table_remove(struct key_table *table, const char *id, key_entry_report *report, void *context,
                     struct error *error);

/* Frees what readers cannot hold any more; never waits. Each change does it too: for a quiet hour after one. */
void key_table_reclaim(struct key_table *table);

/*
 * Walks through all that is in force from a cursor of zeros, first what was loaded, in list order, then what was added.
 * False after the last. Changes may come between two calls: an entry that is there all the time comes once. Only after
 * a reload (key_table_reloads tells) some may come twice, or not. Strings are valid until the next change.
 */
struct key_cursor {
    size_t entry;
    uint64_t serial;
};
bool key_table_walk(const struct key_table *table, struct key_cursor *cursor, struct key_entry *entry);

size_t key_table_entries(const struct key_table *table); /* in force */
size_t key_table_names(const struct key_table *table);   /* by which they are found; of several, once for each */
uint64_t key_table_reloads(const struct key_table *table);

/* A reader (0 .. readers-1) tells when it holds no entry: once a burst, and offline before it blocks (RCU, QSBR). */
void key_table_reader_online(struct key_table *table, unsigned reader);
void key_table_reader_offline(struct key_table *table, unsigned reader);
void key_table_reader_quiescent(struct key_table *table, unsigned reader);

/* The entries that bear one name: one, or any number, since a kid such as "default" may be listed for many issuers. The
 * members are key_table_find's and key_matches_next's. */
struct key_matches {
    const struct key_edition *edition;
    const uintptr_t *slots; /* NULL: `alone` is all there is */
    uintptr_t alone;
    size_t next, count;
    bool by_text;
};

/*
 * Looks a name up. What it gives is of one moment, and valid until the reader's next quiescent state.
 *
 * key_matches_next gives one entry after the other, in list order, and false after the last; its strings are valid as
 * long. An entry is known by the place of its id: two entries never have the same pointer there. `narrowed` is true
 * where the match is by plain text and the entry has an issuer: then it counts only for tokens of that issuer.
 */
void key_table_find(const struct key_table *table, enum key_name_kind kind, const uint8_t *name, size_t length,
                    struct key_matches *matches);
bool key_matches_next(struct key_matches *matches, struct key_entry *entry, bool *narrowed);

/* Is there any entry at all? */
bool key_table_is_empty(const struct key_table *table);

/* Changes with every change of the table: what was remembered of an older generation is void. */
uint64_t key_table_generation(const struct key_table *table);

/*
 * A token's kid, as it may be looked up: decodes hex (either case; also in pairs with a colon, space or dash between
 * each two), base64 and base64url text of a 20- or 32-byte value. Returns 20, 32, or 0 when it is none of these.
 * Linear, at most 128 bytes of text looked at.
 */
size_t key_text_to_thumbprint(const uint8_t *text, size_t length, uint8_t thumbprint[32]);

#endif

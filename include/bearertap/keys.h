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
    const char *source;     /* the file, or "-k" */
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
 * A NULL table is an empty one to all that follows, so that a program without keys needs no table.
 *
 * It has room for twice the names it was made with, for keys that are added while it runs (which comes with control)
 * and so that no insertion fails. The index takes 102 bytes a name (at ten million: 64 in key slots, 26 in buckets, 13
 * in the ring of free slots), an entry 56 and its text.
 */
struct key_table;

/* Builds the table, in EAL memory, and so EAL must be up. The entries are copied: the list may be destroyed afterwards.
 * It has `readers` readers, all offline. 0, or a negative errno with `error` filled. */
int key_table_create(const struct key_list *list, unsigned readers, struct key_table **table, struct error *error);
void key_table_destroy(struct key_table *table);

/*
 * Puts what the list says in the place of what the table holds, for readers that go on reading: a key of both is found
 * at any moment, a new one from some moment before it returns, and one that is only in the old no more when it returns.
 * On failure the table is as it was. One writer at a time, which must not be a reader that is online: it sleeps until
 * no reader can hold an old entry, and needs EAL memory for both meanwhile (key_list_table_bytes).
 */
int key_table_reload(struct key_table *table, const struct key_list *list, struct error *error);

/* A reader (0 .. readers-1) tells when it holds no entry: once a burst, and offline before it blocks (RCU, QSBR). */
void key_table_reader_online(struct key_table *table, unsigned reader);
void key_table_reader_offline(struct key_table *table, unsigned reader);
void key_table_reader_quiescent(struct key_table *table, unsigned reader);

/*
 * The entries that bear this name, at most `max` of them, in list order; valid until the reader's next quiescent state.
 * `narrowed[i]` is true where the match is by plain text and the entry has an issuer: then it counts only for tokens of
 * that issuer. Returns how many.
 */
unsigned key_table_find(const struct key_table *table, enum key_name_kind kind, const uint8_t *name, size_t length,
                        const struct key_entry **entries, bool *narrowed, unsigned max);

/* The same from the `first`-th of them on: a kid such as "default" may be listed for any number of issuers. */
unsigned key_table_find_from(const struct key_table *table, enum key_name_kind kind, const uint8_t *name, size_t length,
                             size_t first, const struct key_entry **entries, bool *narrowed, unsigned max);

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

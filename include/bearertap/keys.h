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

/* What a name is compared as. Text that decodes (hex, hex with colons, base64, base64url) to 20 or 32 bytes is entered
 * as that thumbprint too, and a token's kid is looked up both ways. */
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

int key_list_create(struct key_list **list);
void key_list_destroy(struct key_list *list);

/*
 * Adds a file: a JWK Set or a single JWK (RFC 7517, with the extra members revoked_at, reason, severity, issuer), a
 * text file with one key id a line ('#' starts a comment at the line's start or after white space), PEM certificates or
 * public keys. The kind is told from the content. On failure nothing is added and the error names file, line, member,
 * what was found and what is allowed. A file without any key is an error too, and so is one of more than 1 GiB. It may
 * be a pipe.
 */
int key_list_add_file(struct key_list *list, const char *path, struct error *error);

/* Adds one bare key id, as `-k id:VALUE` gives it (the part after "id:"). */
int key_list_add_value(struct key_list *list, const char *value, struct error *error);

size_t key_list_entries(const struct key_list *list); /* keys */
size_t key_list_names(const struct key_list *list);   /* names under which they are found */

/* EAL memory that a table of this list will take, bytes, generously (by 5 to 15 %). EAL need not be up. */
size_t key_list_table_bytes(const struct key_list *list);

/*
 * A NULL table is an empty one to all that follows, so that a program without keys needs no table.
 *
 * It has room for twice the names it was made with. The index takes 102 bytes a name (at ten million: 64 in key slots,
 * 26 in buckets, 13 in the ring of free slots), an entry 56 and its text.
 */
struct key_table;

/* Builds the table, in EAL memory, and so EAL must be up. The entries are copied: the list may be destroyed afterwards.
 * At most `readers` readers may be registered. */
int key_table_create(const struct key_list *list, unsigned readers, struct key_table **table, struct error *error);
void key_table_destroy(struct key_table *table);

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

/* Is there any entry at all? */
bool key_table_is_empty(const struct key_table *table);

/* Changes with every change of the table: what was remembered of an older generation is void. */
uint64_t key_table_generation(const struct key_table *table);

/*
 * A token's kid, as it may be looked up: decodes hex (either case), hex with colons, base64 and base64url text of a
 * 20- or 32-byte value. Returns 20, 32, or 0 when it is none of these. Linear, at most 128 bytes of text looked at.
 */
size_t key_text_to_thumbprint(const uint8_t *text, size_t length, uint8_t thumbprint[32]);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_LIST_H
#define BEARERTAP_APP_KEYS_LIST_H

#include <bearertap/keys.h>
#include <bearertap/token.h>

#include "source.h"

/*
 * What the files of this module share: how a list is kept in memory, and the draft of an entry that every format fills.
 *
 * Lists of a million keys are ordinary, so strings are offsets into one growing block rather than pointers (which also
 * makes the copy into a table one memcpy), and an entry is 28 bytes.
 */

/* A key id, an issuer or a reason longer than this is a mistake: a whole JOSE header is 16 KiB at most. */
#define KEY_TEXT_MAX 4096

/* The longest number of a key, in base64url, and so in bytes: 16 Kibit of RSA are 2,731 characters. */
#define KEY_NUMBER_MAX KEY_TEXT_MAX

#define KEY_SHA1_BYTES   20
#define KEY_SHA256_BYTES 32

/* kid, x5t, x5t#S256, the numbers (canonical and as written), and of x5c: SHA-1, SHA-256 and the numbers. */
#define KEY_DRAFT_THUMBPRINTS_MAX 8

struct key_thumbprint {
    uint8_t length;  /* 20 or 32, which tells its kind; another in what keep.c adds alone */
    uint8_t origins; /* enum key_origin, or-ed */
    uint8_t bytes[KEY_SHA256_BYTES];
};

/* An entry while it is read. Strings belong to the reader of the format; key_list_add copies them. */
struct key_draft {
    const char *id, *issuer, *reason, *severity, *revoked_at; /* NULL where the list says nothing */
    bool id_is_name;                                          /* tokens may bear the id itself, as their kid */
    struct place place;
    unsigned thumbprints_count;
    struct key_thumbprint thumbprints[KEY_DRAFT_THUMBPRINTS_MAX];
};

/* Adds a thumbprint, or where it comes from too if the draft has it already. */
void key_draft_add_thumbprint(struct key_draft *draft, const uint8_t *bytes, size_t length, enum key_origin origin);

/* Names the draft by a key id: as text, and as the thumbprint that it may be. */
void key_draft_name_by_id(struct key_draft *draft, const char *id);

/* Strings as offsets into key_list.text; 0 is NULL. */
struct list_entry {
    uint32_t id, issuer, reason, severity, revoked_at, source;
    uint32_t line : 31;
    uint32_t id_is_name : 1;
};

/* The string at an offset, in a block that is key_list.text or a copy of it. */
static inline const char *list_text(const char *block, uint32_t offset)
{
    return offset != 0 ? block + offset : NULL;
}

/* The entry as the rest of the program sees it, with its strings in the block. */
struct key_entry list_entry_view(const struct list_entry *entry, const char *block);

struct list_thumbprint {
    uint32_t entry;
    struct key_thumbprint thumbprint;
};

/*
 * Issuers, reasons and dates repeat: each of these slots remembers a string by its hash, so that a string that came not
 * long ago is kept once. Without it a million entries with all members take half as much again.
 */
#define KEY_RECENT_TEXTS 16384

struct key_list {
    char *text;
    size_t text_length, text_capacity;
    struct list_entry *entries;
    size_t entries_count, entries_capacity;
    struct list_thumbprint *thumbprints;
    size_t thumbprints_count, thumbprints_capacity;
    size_t text_names; /* entries with id_is_name */
    uint32_t source;   /* of the file being read */
    uint32_t recent[KEY_RECENT_TEXTS];
};

/* Adds the draft as an entry; to a list that is linted, then looks whether another one names the same key. */
int key_list_add(struct key_list *list, const struct key_draft *draft, struct source *source);

/* The same for a draft that comes from no file. */
int key_list_add_draft(struct key_list *list, const struct key_draft *draft, struct error *error);

/* Remembers where the following keys come from. */
int key_list_set_source(struct key_list *list, const char *source, struct error *error);

/* May it be a key id of a command line? 0, or -EINVAL with an error that begins "id:" and does not hold it. */
int key_value_check(const char *value, struct error *error);

/* key_list_add_value for a value from elsewhere than -k. */
int key_list_add_value_from(struct key_list *list, const char *value, const char *source, struct error *error);

/* Reads a whole file into the list, in the format that it is in; what was added before a failure stays. */
int key_list_read(struct key_list *list, struct source *source);

/* What a file is that is no text with one key id a line, told from its beginning, or NULL; and whether nothing but
 * white space stands there. The source is then at the first line. 0, or a negative errno. */
int key_list_tell_kind(struct source *source, const char **kind, bool *is_blank);

/* The formats: each reads the whole of `source` into `list`. */
int key_list_read_jwks(struct key_list *list, struct source *source);
int key_list_read_pem(struct key_list *list, struct source *source);
int key_list_read_text(struct key_list *list, struct source *source);

/* One JSON object of a set, which is changed; `place` is where it begins, with its number from 1. */
int key_list_read_jwk(struct key_list *list, struct source *source, char *text, size_t length, struct place place);

/*
 * Is it a text that a list or id:VALUE may give as a key id? If not, why: a phrase, without the text, and in *at how
 * many bytes stand before what is wrong. NULL if it is. White space is allowed in a thumbprint alone: other text with
 * it most likely is a table, or prose, and taken for a key id it would never match, which nobody would notice.
 */
const char *key_id_fault(const char *text, size_t length, size_t *at);

/* The key id in a line of text: moves to its first byte and returns its length, 0 where there is white space and a
 * comment at most. It may be none: see key_id_fault. */
size_t key_find_id(const char **line, size_t length);

/*
 * Does a token in compact form stand anywhere in it: a JSON object's beginning in base64url, a dot, base64url or
 * nothing (of a JWE), a dot? Then someone pasted the wrong thing, and it is not to be kept or shown. Linear.
 */
bool key_is_like_a_token(const char *text, size_t length);

/* A value for an error: in quotes, cut at 64 characters, everything but printable ASCII as \xNN; of one that holds a
 * token these words instead. Returns `out`. */
#define KEY_SHOWN_MAX   (64 * 4 + 8)
#define KEY_TOKEN_WORDS "what looks like a whole token"
const char *key_show(const char *text, size_t length, char out[KEY_SHOWN_MAX]);

/*
 * Decodes base64 or base64url, padded or not, with nothing else in it (`skip_space`: but white space). Returns the
 * length, at most `length` / 4 * 3 + 2, or -1. `out` may be `text`.
 */
ptrdiff_t key_decode_base64(const char *text, size_t length, bool skip_space, uint8_t *out);

/* What RFC 7638 makes a thumbprint of; numbers in base64url. */
struct key_material {
    const char *kty;        /* "RSA", "EC", "OKP", "oct" */
    const char *crv;        /* EC and OKP: a plain word, without anything that JSON would escape */
    const char *numbers[2]; /* RSA: e, n. EC: x, y. OKP: x. oct: k. */
};

/* RFC 7638 section 3, by token.h's jwk_words_thumbprint: the same for a list's key as for a token's. */
bool key_material_thumbprint(const struct key_material *material, uint8_t thumbprint[KEY_SHA256_BYTES]);

/* Bytes a coordinate has on this curve (RFC 7518 section 6.2.1.2, RFC 8037 section 2, RFC 8812); 0: not known. */
size_t key_curve_bytes(const char *crv);

/*
 * Adds what a certificate in DER is known by: SHA-1 (x5t), SHA-256 (x5t#S256) and the RFC 7638 thumbprint of its public
 * key, as far as that is of a kind JWKs know. -EINVAL where it is no certificate.
 */
int key_draft_add_certificate(struct key_draft *draft, const uint8_t *der, size_t length);

/* Adds the RFC 7638 thumbprint of a public key in DER: SubjectPublicKeyInfo, or PKCS #1 (`is_pkcs1`). */
int key_draft_add_public_key(struct key_draft *draft, const uint8_t *der, size_t length, bool is_pkcs1);

#endif

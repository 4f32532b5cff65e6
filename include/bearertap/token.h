/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TOKEN_H
#define BEARERTAP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a token says: base64url, the JOSE header, the registered claims.
 *
 * Everything here works on byte buffers that came off the wire: bounded, linear in the input, no allocation, no state
 * that outlives a call, so that a worker, the alert side and a fuzzer can all call it from any thread. The scanner is
 * our own because a general JSON parser rejects or hides what real validators accept: duplicates (the first and the
 * last are always yielded), 20-digit integers, lone surrogates, a non-ASCII first member.
 */

#define TOKEN_MAX            (64 * 1024) /* a whole token in compact form; longer ones are truncated */
#define JOSE_HEADER_MAX      (16 * 1024) /* a decoded JOSE header, bytes */
#define JOSE_HEADER_TEXT_MAX (JOSE_HEADER_MAX / 3 * 4 + 4) /* the same in base64url */

/*
 * Decodes base64url (RFC 4648 section 5) as lenient validators do: '+' and '/' are taken for '-' and '_', bytes outside
 * the alphabet are skipped, the first '=' ends the text, and a dangling sextet is dropped. Writes at most `capacity`
 * bytes to `out`. Returns the decoded length, or -1 when it would exceed `capacity`. `junk`, when not NULL, receives
 * the number of bytes skipped. `out` may be `text` itself: what is written never overtakes what is read.
 */
ptrdiff_t base64url_decode(const uint8_t *text, size_t length, uint8_t *out, size_t capacity, size_t *junk);

/* Encodes without padding; `out` has room for (length * 4 + 2) / 3 + 1 chars and is NUL-terminated. Returns the length.
 */
size_t base64url_encode(const uint8_t *bytes, size_t length, char *out);

/* What a JSON value is, by its first byte. */
enum json_kind { JSON_KIND_STRING, JSON_KIND_NUMBER, JSON_KIND_OBJECT, JSON_KIND_ARRAY, JSON_KIND_LITERAL };

/* A top-level member. Both views point into the scanned text and are raw: a string's quotes left out, escapes kept. */
struct json_member {
    const uint8_t *name;
    size_t name_length;
    enum json_kind kind;
    const uint8_t *value;
    size_t value_length;
};

/*
 * Walks the top-level members of one JSON object, duplicates too, in order, skipping over nested values (whose depth is
 * counted, not recursed into). Leading white space and a UTF-8 byte order mark are allowed.
 *
 *     struct json_scanner scanner;
 *     json_scan_begin(&scanner, text, length);
 *     while (json_scan_next(&scanner, &member)) ...
 *     if (scanner.malformed) ...
 *
 * It is no validator: what any real parser accepts comes out right, what all refuse may pass (strings with raw control
 * characters, "[}", NaN, letters in numbers, anything after the closing brace). A value that runs into the end of the
 * text is not yielded, since it may have been cut there.
 */
struct json_scanner {
    const uint8_t *at, *end;
    bool started;
    bool finished;  /* the object's closing brace was seen */
    bool malformed; /* the text stopped being JSON; members yielded before that stand */
};

void json_scan_begin(struct json_scanner *scanner, const uint8_t *text, size_t length);
bool json_scan_next(struct json_scanner *scanner, struct json_member *member);

/*
 * Undoes the escapes of a raw JSON string (RFC 8259 section 7) into `out` as UTF-8; a lone surrogate becomes its
 * three-byte form, as Python's json keeps it; a broken escape is copied as it stands. Never grows the text: `out` needs
 * `length` bytes. Returns the unescaped length. `out` may not overlap `raw`.
 */
size_t json_unescape(const uint8_t *raw, size_t length, uint8_t *out);

/* Is the raw string (or number), unescaped, byte for byte this text? Needs no buffer, whatever its length. */
bool json_text_is(const uint8_t *raw, size_t length, const char *text, size_t text_length);

/* Is the raw member name, unescaped, exactly this NUL-terminated word? */
bool json_name_is(const struct json_member *member, const char *word);

/* How a token can name its key. */
enum key_reference_kind {
    KEY_REFERENCE_KID,        /* RFC 7515 section 4.1.4: text, compared byte for byte after unescaping */
    KEY_REFERENCE_X5T,        /* section 4.1.7: SHA-1 of the certificate, 20 bytes */
    KEY_REFERENCE_X5T_S256,   /* section 4.1.8: SHA-256 of the certificate, 32 bytes */
    KEY_REFERENCE_JWK,        /* section 4.1.3: the RFC 7638 SHA-256 thumbprint of the embedded key, 32 bytes */
    KEY_REFERENCE_X5C_SHA1,   /* section 4.1.6: SHA-1 of the first certificate's DER, 20 bytes */
    KEY_REFERENCE_X5C_SHA256, /* the same, SHA-256, 32 bytes */
    KEY_REFERENCE_KINDS
};

/* "kid", "x5t", "x5t#S256", "jwk", "x5c", "x5c": as `bearertap.key.match` shows it. */
extern const char *const key_reference_names[KEY_REFERENCE_KINDS];

struct key_reference {
    enum key_reference_kind kind;
    const uint8_t *bytes; /* in the iterator's scratch, until the next call */
    size_t length;        /* 20 or 32 for the thumbprints, any for a kid (0 too) */
};

/*
 * Of each word that names a key (kid, x5t, x5t#S256, jwk, x5c) so many members are read where they come, and of those
 * behind them the last. No issuer writes one twice; a header of 16 KiB has room for 1,300, which would take 200 us.
 * Parsers that keep the first of duplicates and those that keep the last see what is read, and so no number of other
 * members hides a key from both.
 */
#define JOSE_REFERENCES_MAX 4 /* of a word */
#define JOSE_KEY_WORDS      5

/*
 * Yields everything in a decoded JOSE header that names the signing key: every kid, x5t, x5t#S256, jwk and x5c, in
 * order, duplicates too, up to the bound above; `left_out` says after the last whether some were not read. No
 * malloc (SHA through OpenSSL's non-allocating calls). A member whose value makes no sense (an x5t that does not decode
 * to 20 bytes, a jwk without its numbers, an object as kid) yields nothing; a numeric kid yields its literal text.
 * Besides base64url, x5t and x5t#S256 are read in hex, hex with colons, and base64url of hex, as some issuers write
 * them. A header of at most JOSE_HEADER_MAX bytes.
 */
struct jose_references {
    struct json_scanner scanner;
    bool x5c_sha256_pending;
    bool left_out;
    uint8_t members[JOSE_KEY_WORDS];          /* read where they came, by word */
    unsigned lasts_read;                      /* of `lasts` */
    struct json_member lasts[JOSE_KEY_WORDS]; /* beyond JOSE_REFERENCES_MAX, by word; name NULL: none */
    uint8_t digest[32];
    uint8_t scratch[JOSE_HEADER_MAX];
};

void jose_references_begin(struct jose_references *iterator, const uint8_t *header, size_t length);
bool jose_references_next(struct jose_references *iterator, struct key_reference *reference);

/* The members of a JWK that RFC 7638 hashes, in the order in which it does. */
enum jwk_word { JWK_CRV, JWK_E, JWK_K, JWK_KTY, JWK_N, JWK_X, JWK_Y, JWK_WORDS };

/* Their strings, raw: quotes left out, escapes kept (what has none, as base64url, is raw as it is). NULL: missing. */
struct jwk_words {
    struct {
        const uint8_t *text;
        size_t length;
    } of[JWK_WORDS];
};

/*
 * The RFC 7638 SHA-256 thumbprint, over the strings as they stand, escapes undone. This is the one implementation, of
 * tokens' keys and lists' keys alike. False when kty is none of RSA, EC, OKP, oct or a member that it requires is
 * missing.
 */
bool jwk_words_thumbprint(const struct jwk_words *words, uint8_t thumbprint[32]);

/* The same of a JWK's text, of duplicates the last. */
bool jwk_thumbprint(const uint8_t *jwk, size_t length, uint8_t thumbprint[32]);

/* What x5t and x5t#S256 hold of a certificate in DER (RFC 7515 sections 4.1.7 and 4.1.8). Allocates nothing. */
void certificate_digests(const uint8_t *der, size_t length, uint8_t sha1[20], uint8_t sha256[32]);

/* The algorithms of RFC 7518, RFC 8037 and RFC 8812 that are counted by name; any other is TOKEN_ALGORITHM_OTHER. */
enum token_algorithm {
    TOKEN_ALGORITHM_MISSING, /* no alg member: not a JOSE header by RFC 7515, but lenient validators exist */
    TOKEN_ALGORITHM_OTHER,
    TOKEN_ALGORITHM_NONE,
    TOKEN_ALGORITHM_HS256,
    TOKEN_ALGORITHM_HS384,
    TOKEN_ALGORITHM_HS512,
    TOKEN_ALGORITHM_RS256,
    TOKEN_ALGORITHM_RS384,
    TOKEN_ALGORITHM_RS512,
    TOKEN_ALGORITHM_PS256,
    TOKEN_ALGORITHM_PS384,
    TOKEN_ALGORITHM_PS512,
    TOKEN_ALGORITHM_ES256,
    TOKEN_ALGORITHM_ES384,
    TOKEN_ALGORITHM_ES512,
    TOKEN_ALGORITHM_ES256K,
    TOKEN_ALGORITHM_EDDSA,
    TOKEN_ALGORITHM_RSA1_5,
    TOKEN_ALGORITHM_RSA_OAEP,
    TOKEN_ALGORITHM_RSA_OAEP_256,
    TOKEN_ALGORITHM_DIR,
    TOKEN_ALGORITHM_ECDH_ES,
    TOKEN_ALGORITHMS
};

extern const char *const token_algorithm_names[TOKEN_ALGORITHMS]; /* "missing", "other", "none", "HS256", ... */

enum token_format { TOKEN_JWS, TOKEN_JWE, TOKEN_OPAQUE };

extern const char *const token_format_names[3]; /* "jws", "jwe", "opaque" */

/* What a worker wants of a JOSE header at a glance. */
struct jose_summary {
    enum token_algorithm algorithm; /* of the last alg member, as most validators read it */
    enum token_format format;       /* JWE when it has an enc member (RFC 7516 section 4.1.2), else JWS */
    bool names_a_key;               /* some kid, x5t, x5t#S256, jwk or x5c stands in it */
};

/* False when the bytes are not a JSON object with at least one member: then it is no JOSE header. */
bool jose_summarize(const uint8_t *header, size_t length, struct jose_summary *summary);

/*
 * Of JSON objects in base64url there are many (session cookies, paging cursors); a JOSE header is one that says how it
 * is signed (RFC 7515 section 4.1.1 requires alg), or at least with which key, for validators that do without alg.
 */
static inline bool jose_summary_is_header(const struct jose_summary *summary)
{
    return summary->algorithm != TOKEN_ALGORITHM_MISSING || summary->names_a_key;
}

/*
 * Decodes one part (from 0) of a token in compact form into `out`. Returns its length, or -1 when the token has no such
 * part or it would exceed `capacity`. The last part may have been cut.
 */
ptrdiff_t token_decode_part(const uint8_t *token, size_t length, unsigned part, uint8_t *out, size_t capacity);

/*
 * A string for an alert, copied, unescaped, made valid UTF-8 (utf8.h), cut at the capacity on
 * a character's border. Not NUL-terminated; control characters, NUL too, may stand in it: whoever writes it escapes.
 */
#define TOKEN_FIELD_MAX 256

struct token_field {
    bool present;
    bool cut;
    uint16_t length;
    char text[TOKEN_FIELD_MAX];
};

/* What an alert shows of a token, and no more. Last duplicates win, as in most validators. Numbers keep their text. */
struct token_fields {
    enum token_format format;
    struct token_field alg, kid, typ;                  /* JOSE header */
    struct token_field issuer, subject, audience, jti; /* claims; an array of audiences is joined with ", " */
    bool has_issued_at, has_expires_at;
    int64_t issued_at_s, expires_at_s; /* RFC 7519 NumericDate, fractions cut; years 1 to 9999, others left out */
};

/*
 * Reads a compact token (RFC 7515 section 7.1, RFC 7516 section 7.1; what there is of it when truncated). `scratch` has
 * TOKEN_MAX bytes. Claims are read for a JWS only. Returns false when the first part is no JOSE header
 * (jose_summary_is_header) or decodes to more than JOSE_HEADER_MAX bytes; then the format is TOKEN_OPAQUE and nothing
 * is present.
 */
bool token_read_fields(const uint8_t *token, size_t length, uint8_t *scratch, struct token_fields *fields);

#endif

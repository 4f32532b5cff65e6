/* SPDX-License-Identifier: BSD-3-Clause */
/* The JOSE header: what names the key, and what a worker wants to know of it at a glance. */
#include "json.h"
#include "thumbprint.h"

#include <string.h>

const char *const key_reference_names[KEY_REFERENCE_KINDS] = {
    [KEY_REFERENCE_KID] = "kid", [KEY_REFERENCE_X5T] = "x5t",      [KEY_REFERENCE_X5T_S256] = "x5t#S256",
    [KEY_REFERENCE_JWK] = "jwk", [KEY_REFERENCE_X5C_SHA1] = "x5c", [KEY_REFERENCE_X5C_SHA256] = "x5c",
};

const char *const token_format_names[3] = {[TOKEN_JWS] = "jws", [TOKEN_JWE] = "jwe", [TOKEN_OPAQUE] = "opaque"};

const char *const token_algorithm_names[TOKEN_ALGORITHMS] = {
    [TOKEN_ALGORITHM_MISSING] = "missing",   [TOKEN_ALGORITHM_OTHER] = "other",
    [TOKEN_ALGORITHM_NONE] = "none",         [TOKEN_ALGORITHM_HS256] = "HS256",
    [TOKEN_ALGORITHM_HS384] = "HS384",       [TOKEN_ALGORITHM_HS512] = "HS512",
    [TOKEN_ALGORITHM_RS256] = "RS256",       [TOKEN_ALGORITHM_RS384] = "RS384",
    [TOKEN_ALGORITHM_RS512] = "RS512",       [TOKEN_ALGORITHM_PS256] = "PS256",
    [TOKEN_ALGORITHM_PS384] = "PS384",       [TOKEN_ALGORITHM_PS512] = "PS512",
    [TOKEN_ALGORITHM_ES256] = "ES256",       [TOKEN_ALGORITHM_ES384] = "ES384",
    [TOKEN_ALGORITHM_ES512] = "ES512",       [TOKEN_ALGORITHM_ES256K] = "ES256K",
    [TOKEN_ALGORITHM_EDDSA] = "EdDSA",       [TOKEN_ALGORITHM_RSA1_5] = "RSA1_5",
    [TOKEN_ALGORITHM_RSA_OAEP] = "RSA-OAEP", [TOKEN_ALGORITHM_RSA_OAEP_256] = "RSA-OAEP-256",
    [TOKEN_ALGORITHM_DIR] = "dir",           [TOKEN_ALGORITHM_ECDH_ES] = "ECDH-ES",
};

/* The header's members that matter here; HEADER_OTHER is any other. */
enum header_word {
    HEADER_ALG,
    HEADER_ENC,
    HEADER_KID,
    HEADER_X5T,
    HEADER_X5T_S256,
    HEADER_JWK,
    HEADER_X5C,
    HEADER_OTHER
};

static const char *const header_words[HEADER_OTHER] = {"alg", "enc", "kid", "x5t", "x5t#S256", "jwk", "x5c"};

#define THREE(a, b, c) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16)

static enum header_word three_letter_word(const uint8_t *name)
{
    switch (THREE(name[0], name[1], name[2])) {
    case THREE('a', 'l', 'g'):
        return HEADER_ALG;
    case THREE('e', 'n', 'c'):
        return HEADER_ENC;
    case THREE('k', 'i', 'd'):
        return HEADER_KID;
    case THREE('x', '5', 't'):
        return HEADER_X5T;
    case THREE('j', 'w', 'k'):
        return HEADER_JWK;
    case THREE('x', '5', 'c'):
        return HEADER_X5C;
    default:
        return HEADER_OTHER;
    }
}

/* Each member of each header comes through here, so the comparison that minds escapes is for names that have some. */
static enum header_word header_word(const struct json_member *member)
{
    if (member->name_length == 3)
        return three_letter_word(member->name);
    if (member->name_length != strlen("x5t#S256") && memchr(member->name, '\\', member->name_length) == NULL)
        return HEADER_OTHER;
    int word = 0;
    while (word < HEADER_OTHER && !json_name_is(member, header_words[word]))
        word++;
    return (enum header_word)word;
}

static enum token_algorithm read_algorithm(const struct json_member *member)
{
    if (member->kind != JSON_KIND_STRING)
        return TOKEN_ALGORITHM_OTHER;
    for (int i = TOKEN_ALGORITHM_NONE; i < TOKEN_ALGORITHMS; i++)
        if (json_text_is(member->value, member->value_length, token_algorithm_names[i],
                         strlen(token_algorithm_names[i])))
            return (enum token_algorithm)i;
    return TOKEN_ALGORITHM_OTHER;
}

bool jose_summarize(const uint8_t *header, size_t length, struct jose_summary *summary)
{
    struct json_scanner scanner;
    struct json_member member, algorithm = {0};
    bool any = false;

    *summary = (struct jose_summary){.algorithm = TOKEN_ALGORITHM_MISSING, .format = TOKEN_JWS};
    json_scan_begin(&scanner, header, length);
    while (json_scan_next(&scanner, &member)) {
        any = true;
        switch (header_word(&member)) {
        case HEADER_ALG:
            algorithm = member;
            break;
        case HEADER_ENC:
            summary->format = TOKEN_JWE;
            break;
        case HEADER_OTHER:
            break;
        default:
            summary->names_a_key = true;
            break;
        }
    }
    if (algorithm.name != NULL)
        summary->algorithm = read_algorithm(&algorithm);
    return any;
}

/* The words that name a key stand together, from HEADER_KID on. */
_Static_assert(HEADER_OTHER - HEADER_KID == JOSE_KEY_WORDS, "one of each");

void jose_references_begin(struct jose_references *iterator, const uint8_t *header, size_t length)
{
    json_scan_begin(&iterator->scanner, header, length);
    iterator->x5c_sha256_pending = false; /* the buffers are written before they are read */
    iterator->left_out = false;
    iterator->lasts_read = 0;
    for (int i = 0; i < JOSE_KEY_WORDS; i++) {
        iterator->members[i] = 0;
        iterator->lasts[i].name = NULL;
    }
}

static bool yield(struct key_reference *reference, enum key_reference_kind kind, const uint8_t *bytes, size_t length)
{
    *reference = (struct key_reference){.kind = kind, .bytes = bytes, .length = length};
    return true;
}

/* A string unescaped, a number as it stands. */
static bool read_kid(struct jose_references *iterator, const struct json_member *member,
                     struct key_reference *reference)
{
    size_t length = member->value_length;
    if (member->kind == JSON_KIND_STRING)
        length = json_unescape(member->value, length, iterator->scratch);
    else if (member->kind == JSON_KIND_NUMBER)
        memcpy(iterator->scratch, member->value, length);
    else
        return false;
    return yield(reference, KEY_REFERENCE_KID, iterator->scratch, length);
}

static bool read_x5t(struct jose_references *iterator, const struct json_member *member, enum key_reference_kind kind,
                     struct key_reference *reference)
{
    size_t size = kind == KEY_REFERENCE_X5T ? 20 : 32;
    if (member->kind != JSON_KIND_STRING)
        return false;
    size_t length = json_unescape(member->value, member->value_length, iterator->scratch);
    return thumbprint_from_text(iterator->scratch, length, size, iterator->digest) &&
           yield(reference, kind, iterator->digest, size);
}

/* The first certificate of the chain, which is the one that bears the signing key; base64, not base64url. */
static bool read_x5c(struct jose_references *iterator, const struct json_member *member,
                     struct key_reference *reference)
{
    if (member->kind != JSON_KIND_ARRAY)
        return false;
    const uint8_t *at = member->value + 1, *end = member->value + member->value_length;
    struct json_member first;
    if (!json_next_element(&at, end, &first) || first.kind != JSON_KIND_STRING)
        return false;

    uint8_t *scratch = iterator->scratch;
    size_t text_length = json_unescape(first.value, first.value_length, scratch);
    ptrdiff_t der_length = base64url_decode(scratch, text_length, scratch, sizeof(iterator->scratch), NULL);
    if (der_length <= 0)
        return false;
    uint8_t sha1[20];
    certificate_digests(scratch, (size_t)der_length, sha1, iterator->digest);
    memcpy(scratch, sha1, sizeof(sha1));
    iterator->x5c_sha256_pending = true;
    return yield(reference, KEY_REFERENCE_X5C_SHA1, scratch, sizeof(sha1));
}

static bool read_reference(struct jose_references *iterator, enum header_word word, const struct json_member *member,
                           struct key_reference *reference)
{
    /* Only a header longer than JOSE_HEADER_MAX, which nobody should pass, can hold one. */
    if (member->value_length > sizeof(iterator->scratch))
        return false;
    switch (word) {
    case HEADER_KID:
        return read_kid(iterator, member, reference);
    case HEADER_X5T:
        return read_x5t(iterator, member, KEY_REFERENCE_X5T, reference);
    case HEADER_X5T_S256:
        return read_x5t(iterator, member, KEY_REFERENCE_X5T_S256, reference);
    case HEADER_JWK:
        return member->kind == JSON_KIND_OBJECT &&
               jwk_thumbprint(member->value, member->value_length, iterator->digest) &&
               yield(reference, KEY_REFERENCE_JWK, iterator->digest, 32);
    case HEADER_X5C:
        return read_x5c(iterator, member, reference);
    default:
        return false;
    }
}

bool jose_references_next(struct jose_references *iterator, struct key_reference *reference)
{
    if (iterator->x5c_sha256_pending) {
        iterator->x5c_sha256_pending = false;
        return yield(reference, KEY_REFERENCE_X5C_SHA256, iterator->digest, 32);
    }
    struct json_member member;
    while (json_scan_next(&iterator->scanner, &member)) {
        enum header_word word = header_word(&member);
        if (word < HEADER_KID || word == HEADER_OTHER)
            continue;
        unsigned key_word = word - HEADER_KID;
        if (iterator->members[key_word] == JOSE_REFERENCES_MAX) {
            iterator->left_out |= iterator->lasts[key_word].name != NULL;
            iterator->lasts[key_word] = member;
            continue;
        }
        iterator->members[key_word]++;
        if (read_reference(iterator, word, &member, reference))
            return true;
    }
    while (iterator->lasts_read < JOSE_KEY_WORDS) {
        enum header_word word = (enum header_word)(HEADER_KID + iterator->lasts_read++);
        const struct json_member *last = &iterator->lasts[word - HEADER_KID];
        if (last->name != NULL && read_reference(iterator, word, last, reference))
            return true;
    }
    return false;
}

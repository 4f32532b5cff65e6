/* SPDX-License-Identifier: BSD-3-Clause */
/* The key material of a JWK: its numbers (RFC 7518 section 6, RFC 8037) and its certificate (RFC 7517 section 4.7). */
#include "jwk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lint.h"

/* The members that hold the public numbers, by kty, in the order of key_material. */
static const struct key_kind {
    const char *kty;
    bool has_crv;
    bool is_minimal; /* big-endian numbers without leading zeros, rather than octets of a fixed width */
    bool is_secret;  /* all of it */
    unsigned count;
    enum known_member members[2];
} key_kinds[] = {
    {"RSA", false, true, false, 2, {MEMBER_E, MEMBER_N}},
    {"EC", true, false, false, 2, {MEMBER_X, MEMBER_Y}},
    {"OKP", true, false, false, 1, {MEMBER_X}},
    {"oct", false, false, true, 1, {MEMBER_K}},
};

static const char number_allowed[] = "a number in base64url";
static const char curve_allowed[] = "a curve's name, such as P-256";

/* Room for a number in base64url after its leading zeros are gone, and for as many bytes. */
#define NUMBER_ROOM (KEY_NUMBER_MAX / 3 * 4 + 8)

/* Is the number written as RFC 7518 wants it already? Most are; the others are decoded and encoded again. */
static bool is_canonical(const char *text, size_t length, bool is_minimal)
{
    if (length < 2 || length % 4 == 1 || (is_minimal && text[0] == 'A'))
        return false;
    /* It was decoded, so that padding stands at the end alone. */
    if (text[length - 1] == '=' || memchr(text, '+', length) != NULL || memchr(text, '/', length) != NULL)
        return false;
    /* The bits of the last character that belong to no byte are zero. */
    if (length % 4 == 2)
        return strchr("AQgw", text[length - 1]) != NULL;
    return length % 4 == 0 || strchr("AEIMQUYcgkosw048", text[length - 1]) != NULL;
}

/*
 * The number as RFC 7518 wants it written; published sets have leading zeros, padding and the other alphabet. NULL
 * where it is a mistake, and *result what telling that made. Found values aren't shown: the k of an oct is a secret.
 */
static const char *canonical_number(struct jwk *jwk, const struct key_kind *kind, enum known_member member,
                                    size_t curve_bytes, char out[NUMBER_ROOM], int *result)
{
    const struct object_member *written = &jwk->members[member];
    uint8_t room[KEY_NUMBER_MAX];
    ptrdiff_t decoded = key_decode_base64(written->value, written->length, false, room);
    if (decoded <= 0) {
        *result = jwk_fault(jwk, member, "not base64url", number_allowed);
        return NULL;
    }
    const uint8_t *bytes = room;
    size_t length = (size_t)decoded;
    while (kind->is_minimal && length > 1 && *bytes == 0) {
        bytes++;
        length--;
    }
    if (curve_bytes != 0 && length != curve_bytes) {
        char found[64], wanted[64];
        snprintf(found, sizeof(found), "of %zu bytes", length);
        snprintf(wanted, sizeof(wanted), "what this crv has, %zu", curve_bytes);
        *result = jwk_fault(jwk, member, found, wanted);
        return NULL;
    }
    if (is_canonical(written->value, written->length, kind->is_minimal))
        return written->value;
    base64url_encode(bytes, length, out);
    return out;
}

/* Adds the thumbprint of the numbers as the RFCs want them written and, where the entry writes them otherwise, as it
 * does: tools that make a kid hash what they are given. */
static int add_material(struct jwk *jwk, const struct key_kind *kind, const struct key_material *written)
{
    char rooms[2][NUMBER_ROOM];
    struct key_material canonical = {.kty = written->kty, .crv = written->crv};
    size_t curve_bytes = kind->has_crv ? key_curve_bytes(written->crv) : 0;
    bool is_canonical = true;
    for (unsigned i = 0; i < kind->count; i++) {
        int result = 0;
        canonical.numbers[i] = canonical_number(jwk, kind, kind->members[i], curve_bytes, rooms[i], &result);
        if (canonical.numbers[i] == NULL)
            return result;
        is_canonical &= canonical.numbers[i] == written->numbers[i];
    }
    uint8_t thumbprint[KEY_SHA256_BYTES];
    if (key_material_thumbprint(&canonical, thumbprint))
        key_draft_add_thumbprint(jwk->draft, thumbprint, sizeof(thumbprint), KEY_FROM_NUMBERS);
    if (!is_canonical && key_material_thumbprint(written, thumbprint))
        key_draft_add_thumbprint(jwk->draft, thumbprint, sizeof(thumbprint), KEY_FROM_NUMBERS);
    return 0;
}

/* crv goes into the thumbprint's JSON as it stands, so it may hold nothing that JSON would escape. */
static bool is_plain_word(const char *text)
{
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")] == '\0' &&
           strlen(text) <= 64;
}

/* `kty` without its numbers is allowed, half of the numbers is a mistake. */
static int read_numbers(struct jwk *jwk, const struct key_kind *kind)
{
    struct key_material written = {.kty = kind->kty};
    enum known_member missing = KNOWN_MEMBERS;
    bool is_some_there = false, is_all_right = true;
    for (unsigned i = 0; i < kind->count; i++) {
        int result = jwk_read_text(jwk, kind->members[i], number_allowed, &written.numbers[i]);
        if (result != 0)
            return result;
        is_some_there |= jwk_has(jwk, kind->members[i]);
        is_all_right &= written.numbers[i] != NULL;
        if (!jwk_has(jwk, kind->members[i]))
            missing = kind->members[i];
    }
    if (kind->has_crv) {
        int result = jwk_read_text(jwk, MEMBER_CRV, curve_allowed, &written.crv);
        if (result != 0)
            return result;
        is_all_right &= written.crv != NULL;
        if (!jwk_has(jwk, MEMBER_CRV))
            missing = MEMBER_CRV;
    }
    if (!is_some_there)
        return 0;
    if (missing != KNOWN_MEMBERS)
        return jwk_fault(jwk, missing, "missing", "all numbers of the key or none");
    if (!is_all_right)
        return 0;
    if (kind->has_crv && !is_plain_word(written.crv))
        return jwk_fault_value(jwk, MEMBER_CRV, curve_allowed);
    return add_material(jwk, kind, &written);
}

int jwk_read_material(struct jwk *jwk)
{
    static const char allowed[] = "RSA, EC, OKP or oct, or no numbers with it";
    const char *kty;
    int result = jwk_read_text(jwk, MEMBER_KTY, allowed, &kty);
    if (result != 0)
        return result;
    if (!jwk_has(jwk, MEMBER_KTY)) {
        bool has_numbers =
            (jwk_has(jwk, MEMBER_N) && jwk_has(jwk, MEMBER_E)) || (jwk_has(jwk, MEMBER_CRV) && jwk_has(jwk, MEMBER_X));
        return has_numbers ? jwk_fault(jwk, MEMBER_KTY, "missing", allowed) : 0;
    }
    for (size_t i = 0; kty != NULL && i < sizeof(key_kinds) / sizeof(key_kinds[0]); i++) {
        if (strcmp(key_kinds[i].kty, kty) != 0)
            continue;
        if (!key_kinds[i].is_secret && jwk_has(jwk, MEMBER_D))
            result = jwk_fault(jwk, MEMBER_D, "there, which makes it a private key",
                               "the public half only (and think of who has seen this file)");
        return result == 0 ? read_numbers(jwk, &key_kinds[i]) : result;
    }
    return 0; /* a kind of later RFCs: found by its names */
}

/* Only x5c[0] is the key's own certificate. */
int jwk_read_certificates(struct jwk *jwk)
{
    static const char allowed[] = "an array of X.509 certificates, each DER in base64";
    struct object_member *member = &jwk->members[MEMBER_X5C];
    if (!jwk_has(jwk, MEMBER_X5C))
        return 0;
    if (member->kind != JSON_KIND_ARRAY)
        return jwk_fault_value(jwk, MEMBER_X5C, allowed);
    if (array_is_empty(member->value, member->length))
        return jwk_fault(jwk, MEMBER_X5C, "an empty array", allowed);
    char *text;
    size_t length;
    if (!array_first_string(member->value, member->length, &text, &length))
        return jwk_fault(jwk, MEMBER_X5C, "an array of something else", allowed);

    uint8_t *der = malloc(length + 1);
    if (der == NULL)
        return source_fail(jwk->source, jwk->place, ENOMEM, "out of memory");
    ptrdiff_t der_length = key_decode_base64(text, length, true, der);
    int result = 0;
    if (der_length <= 0)
        result = jwk_fault(jwk, MEMBER_X5C, "an array whose first string is not base64", allowed);
    else if (key_draft_add_certificate(jwk->draft, der, (size_t)der_length) != 0)
        result = jwk_fault(jwk, MEMBER_X5C, "an array whose first string is no X.509 certificate", allowed);
    else if (jwk->source->lint != NULL)
        key_lint_certificate(jwk->source->lint, jwk->source, jwk_member_place(jwk, MEMBER_X5C), jwk->draft->revoked_at,
                             der, (size_t)der_length);
    free(der);
    return result;
}

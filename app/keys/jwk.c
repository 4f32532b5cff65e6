/* SPDX-License-Identifier: BSD-3-Clause */
/* One JWK (RFC 7517 section 4) with this program's extra members: revoked_at, reason, severity, issuer. */
#include "list.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timestamp.h"

/* The object under way, and what its errors need. */
struct jwk {
    struct source *source;
    const char *text; /* as the file has it */
    size_t length;
    unsigned line, ordinal;
    const json_t *object;
    struct key_draft *draft;
};

/*
 * The line a member stands in: jansson forgets it, so it is looked for again when there is an error to tell. The text
 * is known to be JSON. A name written with escapes isn't found, and the object's line is told.
 */
static unsigned member_line(const struct jwk *jwk, const char *member)
{
    unsigned line = jwk->line, depth = 0;
    size_t name_length = strlen(member);
    for (size_t at = 0; at < jwk->length; at++) {
        char byte = jwk->text[at];
        line += byte == '\n';
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        if (byte != '"')
            continue;
        size_t start = ++at;
        while (at < jwk->length && jwk->text[at] != '"')
            at += jwk->text[at] == '\\' ? 2 : 1;
        size_t after = at + 1;
        while (after < jwk->length && isspace((unsigned char)jwk->text[after]))
            after++;
        if (depth == 1 && after < jwk->length && jwk->text[after] == ':' && at - start == name_length &&
            memcmp(jwk->text + start, member, name_length) == 0)
            return line;
    }
    return jwk->line;
}

/* What a value is, for an error. */
static const char *show_value(const json_t *value, char shown[KEY_SHOWN_MAX])
{
    static const char *const words[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "an array", [JSON_STRING] = "",     [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",      [JSON_FALSE] = "false", [JSON_NULL] = "null"};
    if (json_is_string(value))
        return key_show(json_string_value(value), json_string_length(value), shown);
    return words[json_typeof(value)];
}

/* "list.json:12: key 3: member "x5t" is "abc"; allowed is ..." */
static int fail_member(const struct jwk *jwk, const char *member, const char *found, const char *allowed)
{
    return source_fail(jwk->source, member_line(jwk, member), EINVAL, "key %u: member \"%s\" is %s; allowed is %s",
                       jwk->ordinal, member, found, allowed);
}

static int fail_value(const struct jwk *jwk, const char *member, const char *allowed)
{
    char shown[KEY_SHOWN_MAX];
    return fail_member(jwk, member, show_value(json_object_get(jwk->object, member), shown), allowed);
}

/* A member that is a string; NULL where there is none. */
static int read_text(const struct jwk *jwk, const char *member, const char *allowed, const char **text)
{
    *text = NULL;
    const json_t *value = json_object_get(jwk->object, member);
    if (value == NULL)
        return 0;
    if (!json_is_string(value))
        return fail_value(jwk, member, allowed);
    if (json_string_length(value) == 0)
        return fail_member(jwk, member, "empty", allowed);
    if (json_string_length(value) > KEY_TEXT_MAX)
        return fail_member(jwk, member, "longer than 4,096 bytes", allowed);
    *text = json_string_value(value);
    return 0;
}

/* A kid is any text; x5t and x5t#S256 are thumbprints (RFC 7517 sections 4.5, 4.8 and 4.9), in any spelling. */
static int read_ids(struct jwk *jwk)
{
    static const struct {
        const char *member;
        size_t bytes;
        const char *allowed;
    } thumbprints[] = {
        {"x5t", KEY_SHA1_BYTES, "the certificate's SHA-1 in base64url, 27 characters"},
        {"x5t#S256", KEY_SHA256_BYTES, "the certificate's SHA-256 in base64url, 43 characters"},
    };
    const char *text;
    int result = read_text(jwk, "kid", "a string of 1 to 4,096 bytes", &text);
    if (result != 0)
        return result;
    if (text != NULL)
        key_draft_name_by_id(jwk->draft, text);

    for (size_t i = 0; i < sizeof(thumbprints) / sizeof(thumbprints[0]); i++) {
        const char *member = thumbprints[i].member;
        uint8_t thumbprint[KEY_SHA256_BYTES];
        result = read_text(jwk, member, thumbprints[i].allowed, &text);
        if (result != 0)
            return result;
        if (text == NULL)
            continue;
        if (key_text_to_thumbprint((const uint8_t *)text, strlen(text), thumbprint) != thumbprints[i].bytes)
            return fail_value(jwk, member, thumbprints[i].allowed);
        key_draft_add_thumbprint(jwk->draft, thumbprint, thumbprints[i].bytes);
        if (jwk->draft->id == NULL)
            jwk->draft->id = text;
    }
    return 0;
}

static int read_remarks(struct jwk *jwk)
{
    static const char *const severities[] = {"low", "medium", "high", "critical"};
    static const char severity_allowed[] = "low, medium, high or critical";
    static const char time_allowed[] = "an RFC 3339 time such as 2023-07-11T00:00:00Z";
    struct key_draft *draft = jwk->draft;
    int result = read_text(jwk, "issuer", "the issuer's iss, a string of 1 to 4,096 bytes", &draft->issuer);
    if (result == 0)
        result = read_text(jwk, "reason", "a string of 1 to 4,096 bytes", &draft->reason);
    if (result == 0)
        result = read_text(jwk, "revoked_at", time_allowed, &draft->revoked_at);
    if (result == 0)
        result = read_text(jwk, "severity", severity_allowed, &draft->severity);
    if (result != 0)
        return result;

    if (draft->revoked_at != NULL && !timestamp_is_rfc3339(draft->revoked_at))
        return fail_value(jwk, "revoked_at", time_allowed);
    if (draft->severity == NULL)
        return 0;
    for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++)
        if (strcmp(draft->severity, severities[i]) == 0)
            return 0;
    return fail_value(jwk, "severity", severity_allowed);
}

/* The members that hold the public numbers, by kty (RFC 7518 section 6, RFC 8037), in the order of key_material. */
static const struct key_kind {
    const char *kty;
    bool has_crv;
    bool is_minimal; /* big-endian numbers without leading zeros, rather than octets of a fixed width */
    const char *members[2];
    const char *secret; /* the member that makes it a private key */
} key_kinds[] = {
    {"RSA", false, true, {"e", "n"}, "d"},
    {"EC", true, false, {"x", "y"}, "d"},
    {"OKP", true, false, {"x", NULL}, "d"},
    {"oct", false, false, {"k", NULL}, NULL},
};

/* The number as RFC 7518 wants it written; published sets have leading zeros, padding and the other alphabet. */
static int canonical_number(const struct jwk *jwk, const struct key_kind *kind, const char *member, const char *text,
                            size_t curve_bytes, char *out)
{
    /* Found values aren't shown: the k of an oct is a secret. */
    static const char allowed[] = "a number in base64url";
    uint8_t room[KEY_NUMBER_MAX];
    ptrdiff_t decoded = key_decode_base64(text, strlen(text), false, room);
    if (decoded <= 0)
        return fail_member(jwk, member, "something else", allowed);
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
        return fail_member(jwk, member, found, wanted);
    }
    base64url_encode(bytes, length, out);
    return 0;
}

/* Adds the thumbprint of the numbers as the RFCs want them written and, where the entry writes them otherwise, as it
 * does: tools that make a kid hash what they are given. */
static int add_material(struct jwk *jwk, const struct key_kind *kind, const struct key_material *written)
{
    char numbers[2][KEY_NUMBER_MAX / 3 * 4 + 8];
    struct key_material canonical = {.kty = written->kty, .crv = written->crv};
    size_t curve_bytes = kind->has_crv ? key_curve_bytes(written->crv) : 0;
    for (unsigned i = 0; i < 2 && written->numbers[i] != NULL; i++) {
        int result = canonical_number(jwk, kind, kind->members[i], written->numbers[i], curve_bytes, numbers[i]);
        if (result != 0)
            return result;
        canonical.numbers[i] = numbers[i];
    }
    uint8_t thumbprint[KEY_SHA256_BYTES];
    if (key_material_thumbprint(&canonical, thumbprint))
        key_draft_add_thumbprint(jwk->draft, thumbprint, sizeof(thumbprint));
    if (key_material_thumbprint(written, thumbprint))
        key_draft_add_thumbprint(jwk->draft, thumbprint, sizeof(thumbprint));
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
    const char *present = NULL, *missing = NULL;
    int result = 0;
    for (unsigned i = 0; i < 2 && kind->members[i] != NULL && result == 0; i++) {
        result = read_text(jwk, kind->members[i], "a number in base64url", &written.numbers[i]);
        *(written.numbers[i] != NULL ? &present : &missing) = kind->members[i];
    }
    if (result == 0 && kind->has_crv)
        result = read_text(jwk, "crv", "a curve's name, such as P-256", &written.crv);
    if (result != 0 || present == NULL)
        return result;
    if (kind->has_crv && written.crv == NULL)
        missing = "crv";
    if (missing != NULL)
        return fail_member(jwk, missing, "missing", "all numbers of the key or none");
    if (kind->has_crv && !is_plain_word(written.crv))
        return fail_value(jwk, "crv", "a curve's name, such as P-256");
    return add_material(jwk, kind, &written);
}

static int read_material(struct jwk *jwk)
{
    static const char allowed[] = "RSA, EC, OKP or oct, or no numbers with it";
    const char *kty;
    int result = read_text(jwk, "kty", allowed, &kty);
    if (result != 0)
        return result;
    if (kty == NULL) {
        bool has_numbers = (json_object_get(jwk->object, "n") != NULL && json_object_get(jwk->object, "e") != NULL) ||
                           (json_object_get(jwk->object, "crv") != NULL && json_object_get(jwk->object, "x") != NULL);
        return has_numbers ? fail_member(jwk, "kty", "missing", allowed) : 0;
    }
    for (size_t i = 0; i < sizeof(key_kinds) / sizeof(key_kinds[0]); i++) {
        if (strcmp(key_kinds[i].kty, kty) != 0)
            continue;
        if (key_kinds[i].secret != NULL && json_object_get(jwk->object, key_kinds[i].secret) != NULL)
            return fail_member(jwk, key_kinds[i].secret, "there, which makes it a private key",
                               "the public half only (and think of who has seen this file)");
        return read_numbers(jwk, &key_kinds[i]);
    }
    return 0; /* a kind of later RFCs: found by its names */
}

/* Only x5c[0] is the key's own certificate (RFC 7517 section 4.7). */
static int read_certificates(struct jwk *jwk)
{
    static const char allowed[] = "an array of X.509 certificates, each DER in base64";
    const json_t *certificates = json_object_get(jwk->object, "x5c");
    if (certificates == NULL)
        return 0;
    const json_t *first = json_array_get(certificates, 0); /* NULL where it is no array */
    if (!json_is_array(certificates))
        return fail_value(jwk, "x5c", allowed);
    if (first == NULL)
        return fail_member(jwk, "x5c", "an empty array", allowed);
    if (!json_is_string(first))
        return fail_member(jwk, "x5c", "an array of something else", allowed);

    size_t length = json_string_length(first);
    uint8_t *der = malloc(length + 1);
    if (der == NULL)
        return source_fail(jwk->source, jwk->line, ENOMEM, "out of memory");
    ptrdiff_t der_length = key_decode_base64(json_string_value(first), length, true, der);
    int result = 0;
    if (der_length <= 0)
        result = fail_member(jwk, "x5c", "an array whose first string is not base64", allowed);
    else if (key_draft_add_certificate(jwk->draft, der, (size_t)der_length) != 0)
        result = fail_member(jwk, "x5c", "an array whose first string is no X.509 certificate", allowed);
    free(der);
    return result;
}

/* The object is read whole; the draft is added unless there is nothing to find it by. */
static int read_object(struct jwk *jwk, struct key_list *list)
{
    struct key_draft *draft = jwk->draft;
    int result = read_ids(jwk);
    if (result == 0)
        result = read_remarks(jwk);
    if (result == 0)
        result = read_material(jwk);
    if (result == 0)
        result = read_certificates(jwk);
    if (result != 0)
        return result;
    if (!draft->id_is_name && draft->thumbprints_count == 0)
        return source_fail(jwk->source, jwk->line, EINVAL,
                           "key %u: has nothing to find it by; allowed are kid, x5t, x5t#S256, x5c, or kty with its "
                           "numbers (n and e; crv, x and y; k)",
                           jwk->ordinal);
    if (draft->id != NULL)
        return key_list_add(list, draft, jwk->source->error);
    char id[KEY_SHA256_BYTES / 3 * 4 + 8];
    base64url_encode(draft->thumbprints[0].bytes, draft->thumbprints[0].length, id);
    draft->id = id;
    result = key_list_add(list, draft, jwk->source->error);
    draft->id = NULL; /* it was ours */
    return result;
}

/* jansson's text without its "near '...'": that may be part of a token or of a secret. A member's name isn't. */
static int fail_json(struct source *source, unsigned line, unsigned ordinal, json_error_t *error)
{
    static const char near_name[] = " near '\""; /* then the name and "' */
    char shown[KEY_SHOWN_MAX];
    char *name = strstr(error->text, near_name), *near = strstr(error->text, " near ");
    if (json_error_code(error) == json_error_duplicate_key && name != NULL) {
        name += sizeof(near_name) - 1;
        size_t length = strlen(name);
        return source_fail(source, line, EINVAL, "key %u: member %s is there twice; allowed is once", ordinal,
                           key_show(name, length > 2 ? length - 2 : 0, shown));
    }
    if (near != NULL)
        *near = '\0';
    return source_fail(source, line, EINVAL, "key %u: not JSON: %s; allowed is an object as RFC 8259 has it", ordinal,
                       error->text);
}

int key_list_read_jwk(struct key_list *list, struct source *source, const char *text, size_t length, unsigned line,
                      unsigned ordinal)
{
    json_error_t json_error;
    /* Numbers mean nothing here, and a 20-digit one in a member that is ignored isn't a reason to refuse. */
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &json_error);
    if (object == NULL)
        return fail_json(source, line + (unsigned)(json_error.line > 0 ? json_error.line - 1 : 0), ordinal,
                         &json_error);
    struct key_draft draft = {.line = line};
    struct jwk jwk = {source, text, length, line, ordinal, object, &draft};
    int result = read_object(&jwk, list);
    json_decref(object);
    return result;
}

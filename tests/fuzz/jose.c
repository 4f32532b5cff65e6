/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A token's text: its header decoded, walked and searched for key references, and its fields read. jansson, an
 * independent parser, reads the same header and claims: where it accepts them, all that it finds must have been found.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <bearertap/token.h>

#include "support.h"

#define TEXT_MAX 8192

/* Strings only: what is shown of the others is a matter of taste. A field is the beginning of a long string. */
static void check_field(const json_t *object, const char *name, const struct token_field *field)
{
    const json_t *value = json_object_get(object, name);
    REQUIRE(field->present || !json_is_string(value));
    if (!json_is_string(value))
        return;
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    REQUIRE(field->cut ? field->length < length && field->length > TOKEN_FIELD_MAX - 4 : field->length == length);
    REQUIRE(memcmp(field->text, text, field->length) == 0);
}

static void check_date(const json_t *claims, const char *name, bool has, int64_t seconds)
{
    const json_t *value = json_object_get(claims, name);
    if (!json_is_integer(value))
        return;
    json_int_t number = json_integer_value(value);
    bool is_date = number >= -62135596800 && number <= 253402300799; /* years 1 to 9999, by date(1) */
    REQUIRE(has == is_date && (!has || seconds == number));
}

static void check_references(const json_t *object, const uint8_t *header, size_t length)
{
    static struct jose_references references;
    struct key_reference reference;
    const json_t *kid = json_object_get(object, "kid");
    bool found = !json_is_string(kid);
    unsigned count = 0;
    jose_references_begin(&references, header, length);
    while (jose_references_next(&references, &reference)) {
        REQUIRE(reference.kind < KEY_REFERENCE_KINDS && ++count <= length);
        if (reference.kind != KEY_REFERENCE_KID)
            REQUIRE(reference.length == 20 || reference.length == 32);
        else if (!found && reference.length == json_string_length(kid))
            found = memcmp(reference.bytes, json_string_value(kid), reference.length) == 0;
    }
    REQUIRE(found);
}

static json_t *parse(const uint8_t *text, ptrdiff_t length)
{
    json_t *value = length > 0 ? json_loadb((const char *)text, (size_t)length, JSON_ALLOW_NUL, NULL) : NULL;
    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

static void check_token(const uint8_t *token, size_t length)
{
    static uint8_t scratch[TOKEN_MAX], part[TOKEN_MAX];
    struct token_fields fields;
    bool is_token = token_read_fields(token, length, scratch, &fields);
    ptrdiff_t header_length = token_decode_part(token, length, 0, part, JOSE_HEADER_MAX);
    REQUIRE(header_length <= (ptrdiff_t)(length * 3 / 4));
    json_t *object = parse(part, header_length);
    if (header_length >= 0) {
        uint8_t *header = fuzz_copy(part, (size_t)header_length);
        struct jose_summary summary;
        bool any = jose_summarize(header, (size_t)header_length, &summary);
        REQUIRE(is_token == (any && jose_summary_is_header(&summary)));
        REQUIRE(any || object == NULL || json_object_size(object) == 0);
        check_references(object, header, (size_t)header_length);
        free(header);
    }
    if (object != NULL) {
        REQUIRE(is_token || (json_object_get(object, "alg") == NULL && json_object_get(object, "kid") == NULL));
        REQUIRE(!is_token || (fields.format == TOKEN_JWE) == (json_object_get(object, "enc") != NULL));
        if (is_token) {
            check_field(object, "alg", &fields.alg);
            check_field(object, "kid", &fields.kid);
            check_field(object, "typ", &fields.typ);
        }
        json_decref(object);
    }
    json_t *claims = parse(part, token_decode_part(token, length, 1, part, TOKEN_MAX));
    if (claims != NULL && is_token && fields.format == TOKEN_JWS) {
        check_field(claims, "iss", &fields.issuer);
        check_field(claims, "sub", &fields.subject);
        check_field(claims, "aud", &fields.audience);
        check_field(claims, "jti", &fields.jti);
        check_date(claims, "iat", fields.has_issued_at, fields.issued_at_s);
        check_date(claims, "exp", fields.has_expires_at, fields.expires_at_s);
    }
    json_decref(claims);
}

/* The first byte says whether the token itself follows, or its header and claims in plain, parted by a byte 0xff, which
 * no JSON holds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char encoded[TEXT_MAX * 2];
    if (size < 1 || size > TEXT_MAX)
        return 0;
    const uint8_t *text = data + 1;
    size_t length = size - 1;
    if (data[0] % 2 != 0) {
        const uint8_t *parting = length > 0 ? memchr(text, 0xff, length) : NULL;
        size_t header_length = parting != NULL ? (size_t)(parting - text) : length, done;
        done = base64url_encode(text, header_length, encoded);
        encoded[done++] = '.';
        if (parting != NULL)
            done += base64url_encode(parting + 1, length - header_length - 1, encoded + done);
        text = (const uint8_t *)encoded;
        length = done;
    }
    uint8_t *token = fuzz_copy(text, length);
    check_token(token, length);
    free(token);
    return 0;
}

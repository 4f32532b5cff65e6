/* SPDX-License-Identifier: BSD-3-Clause */
/* What an alert shows of a token: a handful of strings and dates, read on the alert side. */
#include "json.h"

#include <string.h>

#include <bearertap/utf8.h>

ptrdiff_t token_decode_part(const uint8_t *token, size_t length, unsigned part, uint8_t *out, size_t capacity)
{
    const uint8_t *at = token, *end = token + length, *dot;
    for (; part > 0; part--) {
        dot = memchr(at, '.', (size_t)(end - at));
        if (dot == NULL)
            return -1;
        at = dot + 1;
    }
    dot = memchr(at, '.', (size_t)(end - at));
    return base64url_decode(at, (size_t)((dot == NULL ? end : dot) - at), out, capacity, NULL);
}

/* Appends whole characters while they fit; what is no character becomes U+FFFD. */
static void append_utf8(struct token_field *field, const uint8_t *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        int taken = utf8_character_length(text + at, length - at);
        const void *character = taken > 0 ? (const void *)(text + at) : UTF8_REPLACEMENT;
        size_t size = taken > 0 ? (size_t)taken : UTF8_REPLACEMENT_LENGTH;
        if ((size_t)(TOKEN_FIELD_MAX - field->length) < size) {
            field->cut = true;
            return;
        }
        memcpy(field->text + field->length, character, size);
        field->length = (uint16_t)(field->length + size);
        at += (size_t)(taken > 0 ? taken : -taken);
    }
}

/*
 * Appends a string or a number. Each byte of output stands for six bytes of text at most, so a prefix of the text that
 * is long enough fills the field; an escape or a character that the prefix cuts in two lies beyond the field's end.
 */
static bool append_value(struct token_field *field, const struct json_member *member)
{
    uint8_t unescaped[6 * (TOKEN_FIELD_MAX + 4)];
    if (member->kind != JSON_KIND_STRING && member->kind != JSON_KIND_NUMBER)
        return false;
    size_t length = member->value_length;
    if (length > sizeof(unescaped))
        length = sizeof(unescaped);
    append_utf8(field, unescaped, json_unescape(member->value, length, unescaped));
    field->present = true;
    return true;
}

/* A later duplicate takes the place of an earlier one, even when it is of no use. */
static void set_field(struct token_field *field, const struct json_member *member)
{
    *field = (struct token_field){0};
    append_value(field, member);
}

/* RFC 7519 section 4.1.3: one string, or an array of them. */
static void set_audience(struct token_field *field, const struct json_member *member)
{
    set_field(field, member);
    if (member->kind != JSON_KIND_ARRAY)
        return;
    const uint8_t *at = member->value + 1, *end = member->value + member->value_length;
    struct json_member element;
    while (!field->cut && json_next_element(&at, end, &element)) {
        struct token_field before = *field;
        if (field->present)
            append_utf8(field, (const uint8_t *)", ", 2);
        if (!append_value(field, &element))
            *field = before; /* neither string nor number: no separator either */
    }
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* The exponent of a number, from the 'e' on; beyond +-1000 it makes no difference any more. */
static bool read_exponent(const uint8_t *at, const uint8_t *end, int *exponent)
{
    bool negative = false;
    at++;
    if (at < end && (*at == '+' || *at == '-'))
        negative = *at++ == '-';
    if (at == end)
        return false;
    int value = 0;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        if (value < 1000)
            value = value * 10 + (*at - '0');
    }
    *exponent = negative ? -value : value;
    return true;
}

/* RFC 3339 can write the years 0001 to 9999 only: what lies outside is no date for an alert. */
#define DATE_MIN (-62135596800)
#define DATE_MAX 253402300799

/*
 * NumericDate (RFC 7519 section 2) is any JSON number, 1.7e9 too. In exact decimal: the digits with the point moved by
 * the exponent, and cut there. False when it is no number or no date.
 */
static bool read_date(const uint8_t *text, size_t length, int64_t *seconds)
{
    const uint8_t *at = text, *end = text + length;
    bool negative = at < end && *at == '-';
    at += negative;
    const uint8_t *digits = at;
    while (at < end && is_digit(*at))
        at++;
    size_t whole = (size_t)(at - digits), fraction = 0;
    if (whole == 0)
        return false;
    if (at < end && *at == '.')
        for (at++; at < end && is_digit(*at); at++)
            fraction++;
    int exponent = 0;
    if (at < end && ((*at | 0x20) != 'e' || !read_exponent(at, end, &exponent)))
        return false;

    int64_t value = 0;
    ptrdiff_t places = (ptrdiff_t)whole + exponent;
    for (ptrdiff_t i = 0; i < places; i++) {
        size_t digit = (size_t)i;
        if (digit >= whole + fraction && value == 0)
            break; /* nothing but zeros, however many follow */
        value *= 10;
        if (digit < whole + fraction)
            value += (digit < whole ? digits[digit] : digits[digit + 1]) - '0'; /* the point lies between */
        if (value > DATE_MAX)
            return false;
    }
    *seconds = negative ? -value : value;
    return *seconds >= DATE_MIN;
}

static void read_header(const uint8_t *header, size_t length, struct token_fields *fields)
{
    struct json_scanner scanner;
    struct json_member member;
    json_scan_begin(&scanner, header, length);
    while (json_scan_next(&scanner, &member)) {
        if (json_name_is(&member, "alg"))
            set_field(&fields->alg, &member);
        else if (json_name_is(&member, "kid"))
            set_field(&fields->kid, &member);
        else if (json_name_is(&member, "typ"))
            set_field(&fields->typ, &member);
    }
}

static void read_claims(const uint8_t *claims, size_t length, struct token_fields *fields)
{
    struct json_scanner scanner;
    struct json_member member;
    json_scan_begin(&scanner, claims, length);
    while (json_scan_next(&scanner, &member)) {
        bool is_number = member.kind == JSON_KIND_NUMBER;
        if (json_name_is(&member, "iss"))
            set_field(&fields->issuer, &member);
        else if (json_name_is(&member, "sub"))
            set_field(&fields->subject, &member);
        else if (json_name_is(&member, "aud"))
            set_audience(&fields->audience, &member);
        else if (json_name_is(&member, "jti"))
            set_field(&fields->jti, &member);
        else if (json_name_is(&member, "iat"))
            fields->has_issued_at = is_number && read_date(member.value, member.value_length, &fields->issued_at_s);
        else if (json_name_is(&member, "exp"))
            fields->has_expires_at = is_number && read_date(member.value, member.value_length, &fields->expires_at_s);
    }
}

bool token_read_fields(const uint8_t *token, size_t length, uint8_t *scratch, struct token_fields *fields)
{
    struct jose_summary summary;
    *fields = (struct token_fields){.format = TOKEN_OPAQUE};
    ptrdiff_t header_length = token_decode_part(token, length, 0, scratch, JOSE_HEADER_MAX);
    if (header_length < 0 || !jose_summarize(scratch, (size_t)header_length, &summary) ||
        !jose_summary_is_header(&summary))
        return false;
    fields->format = summary.format;
    read_header(scratch, (size_t)header_length, fields);
    if (summary.format != TOKEN_JWS)
        return true; /* a JWE's claims are encrypted */

    ptrdiff_t claims_length = token_decode_part(token, length, 1, scratch, TOKEN_MAX);
    if (claims_length > 0)
        read_claims(scratch, (size_t)claims_length, fields);
    return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scanner: one pass, a pointer that only moves forward, no stack.
 *
 * It is no validator. Whatever some real parser accepts must come out right; of what all parsers refuse it is enough
 * that nothing bad happens. So strings may hold raw control characters (Python's strict=False), numbers and literals
 * are any run of letters, digits, '+', '-' and '.' (NaN and -Infinity with them), a nested value is skipped by counting
 * brackets of either kind alike ("[}" passes), and what follows the closing brace is not looked at. A value that runs
 * into the end of the text is not yielded, since it may have been cut there.
 */
#include "json.h"

#include <emmintrin.h>
#include <string.h>

/* A NUL too: jansson 2.14 passes one over behind a number or a literal, and validators are built on it. */
static inline const uint8_t *skip_space(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t' || *at == '\0'))
        at++;
    return at;
}

/*
 * From a string's first byte to its closing quote; NULL when there is none. Sixteen bytes at a time: the strings of
 * headers (kids, thumbprints, certificates) are long enough for it to be worth.
 */
static const uint8_t *find_closing_quote(const uint8_t *at, const uint8_t *end)
{
    const __m128i quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\');
    while (at < end) {
        while (end - at >= 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
            unsigned hits = (unsigned)_mm_movemask_epi8(
                _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes)));
            if (hits != 0) {
                at += __builtin_ctz(hits);
                break;
            }
            at += 16;
        }
        if (at == end)
            return NULL;
        if (*at == '"')
            return at;
        if (*at == '\\' && ++at == end)
            return NULL;
        at++;
    }
    return NULL;
}

/* From an opening bracket past the closing one; NULL when there is none. */
static const uint8_t *skip_nested(const uint8_t *at, const uint8_t *end)
{
    size_t depth = 0;
    for (; at < end; at++) {
        switch (*at) {
        case '"':
            at = find_closing_quote(at + 1, end);
            if (at == NULL)
                return NULL;
            break;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return at + 1;
            break;
        default:
            break;
        }
    }
    return NULL;
}

static inline bool is_bare(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           byte == '+' || byte == '-' || byte == '.';
}

/* A number or a literal: from its first byte past its last; NULL when it is empty or ends with the text. */
static const uint8_t *skip_bare(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *start = at;
    while (at < end && is_bare(*at))
        at++;
    return at == start || at == end ? NULL : at;
}

static enum json_kind bare_kind(const uint8_t *value, size_t length)
{
    if (value[0] == '-')
        return length > 1 && value[1] == 'I' ? JSON_KIND_LITERAL : JSON_KIND_NUMBER;
    return value[0] >= '0' && value[0] <= '9' ? JSON_KIND_NUMBER : JSON_KIND_LITERAL;
}

bool json_read_value(const uint8_t **at, const uint8_t *end, struct json_member *member)
{
    const uint8_t *start = *at, *past;
    if (start == end)
        return false;
    if (*start == '"') {
        const uint8_t *quote = find_closing_quote(start + 1, end);
        if (quote == NULL)
            return false;
        member->kind = JSON_KIND_STRING;
        member->value = start + 1;
        member->value_length = (size_t)(quote - member->value);
        *at = quote + 1;
        return true;
    }
    bool nested = *start == '{' || *start == '[';
    past = nested ? skip_nested(start, end) : skip_bare(start, end);
    if (past == NULL)
        return false;
    member->value = start;
    member->value_length = (size_t)(past - start);
    if (nested)
        member->kind = *start == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
    else
        member->kind = bare_kind(start, member->value_length);
    *at = past;
    return true;
}

bool json_next_element(const uint8_t **at, const uint8_t *end, struct json_member *element)
{
    *at = skip_space(*at, end);
    if (*at < end && **at == ',')
        *at = skip_space(*at + 1, end);
    return json_read_value(at, end, element); /* a closing bracket is no value */
}

void json_scan_begin(struct json_scanner *scanner, const uint8_t *text, size_t length)
{
    *scanner = (struct json_scanner){.at = text, .end = text + length};
}

static bool stop_malformed(struct json_scanner *scanner)
{
    scanner->malformed = true;
    return false;
}

static inline bool take_byte(struct json_scanner *scanner, uint8_t byte)
{
    scanner->at = skip_space(scanner->at, scanner->end);
    if (scanner->at == scanner->end || *scanner->at != byte)
        return false;
    scanner->at++;
    return true;
}

/* Up to where a member's name must begin: past the opening brace, or past a comma. */
static bool advance_to_member(struct json_scanner *scanner)
{
    if (scanner->started) {
        if (take_byte(scanner, ','))
            return true;
        scanner->finished = take_byte(scanner, '}');
        return scanner->finished ? false : stop_malformed(scanner);
    }
    scanner->started = true;
    if (scanner->end - scanner->at >= 3 && memcmp(scanner->at, "\xef\xbb\xbf", 3) == 0)
        scanner->at += 3;
    if (!take_byte(scanner, '{'))
        return stop_malformed(scanner);
    scanner->finished = take_byte(scanner, '}');
    return !scanner->finished;
}

bool json_scan_next(struct json_scanner *scanner, struct json_member *member)
{
    if (scanner->finished || scanner->malformed)
        return false;
    if (!advance_to_member(scanner))
        return false;

    if (!take_byte(scanner, '"'))
        return stop_malformed(scanner);
    const uint8_t *quote = find_closing_quote(scanner->at, scanner->end);
    if (quote == NULL)
        return stop_malformed(scanner);
    member->name = scanner->at;
    member->name_length = (size_t)(quote - scanner->at);
    scanner->at = quote + 1;

    if (!take_byte(scanner, ':'))
        return stop_malformed(scanner);
    scanner->at = skip_space(scanner->at, scanner->end);
    return json_read_value(&scanner->at, scanner->end, member) || stop_malformed(scanner);
}

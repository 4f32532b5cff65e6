/* SPDX-License-Identifier: BSD-3-Clause */
#include "json.h"

#include <emmintrin.h>
#include <string.h>

#include <bearertap/hex.h>
#include <bearertap/utf8.h>

static char *skip_space(struct object_reader *reader, char *at)
{
    for (; at < reader->end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'); at++)
        if (*at == '\n') {
            reader->line++;
            reader->line_start = at + 1;
        }
    return at;
}

static struct object_position position_of(const struct object_reader *reader, const char *at)
{
    return (struct object_position){reader->line, (unsigned)(at - reader->line_start)};
}

static char *fail(struct object_reader *reader, char *at, const char *fault)
{
    reader->at = at;
    reader->fault = fault;
    return NULL;
}

size_t plain_bytes(const char *at, size_t length)
{
    const __m128i quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\'), newlines = _mm_set1_epi8('\n');
    size_t plain = 0;
    for (; length - plain >= 16; plain += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + plain));
        __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes)),
                                     _mm_cmpeq_epi8(bytes, newlines));
        unsigned hits = (unsigned)_mm_movemask_epi8(found);
        if (hits != 0)
            return plain + (unsigned)__builtin_ctz(hits);
    }
    while (plain < length && at[plain] != '"' && at[plain] != '\\' && at[plain] != '\n')
        plain++;
    return plain;
}

/* From a string's inside to the next byte that is not plain ASCII: a quote, a backslash, a control or a high byte. */
static char *skip_ascii(char *at, const char *end)
{
    /* Compared as signed, bytes from 0x80 on are below the space too. */
    const __m128i quotes = _mm_set1_epi8('"'), backslashes = _mm_set1_epi8('\\'), spaces = _mm_set1_epi8(' ');
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i found = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, backslashes)),
                                     _mm_cmplt_epi8(bytes, spaces));
        unsigned hits = (unsigned)_mm_movemask_epi8(found);
        if (hits != 0)
            return at + __builtin_ctz(hits);
    }
    while (at < end && *at != '"' && *at != '\\' && (signed char)*at >= ' ')
        at++;
    return at;
}

/* Four hex digits; -1 where they are not there. */
static int read_unit(const char *at, const char *end)
{
    int unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit((uint8_t)at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static char *write_character(char *out, unsigned code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* One escape, `at` on its backslash, undone to *out unless that is NULL. Returns what follows it. */
static char *read_escape(struct object_reader *reader, char *at, char **out)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *end = reader->end;
    const char *letter = end - at >= 2 && at[1] != '\0' ? strchr(letters, at[1]) : NULL;
    if (letter != NULL) {
        if (*out != NULL)
            *(*out)++ = meant[letter - letters];
        return at + 2;
    }
    int unit = end - at >= 2 && at[1] == 'u' ? read_unit(at + 2, end) : -1;
    if (unit < 0)
        return fail(reader, at, "an escape that JSON does not have");
    if (unit == 0)
        return fail(reader, at, "\\u0000 in a string, which no name has");
    unsigned code = (unsigned)unit, length = 6;
    if (code >= 0xd800 && code <= 0xdfff) {
        int low = code < 0xdc00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u' ? read_unit(at + 8, end) : -1;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(reader, at, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + ((unsigned)low - 0xdc00);
        length = 12;
    }
    if (*out != NULL)
        *out = write_character(*out, code);
    return at + length;
}

/* From behind the opening quote to behind the closing one. With `length` it is made ready in place, else only read. */
static char *read_string(struct object_reader *reader, char *at, size_t *length)
{
    char *begin = at, *out = NULL; /* `out` from the first escape on, where bytes move */
    for (;;) {
        char *run = at;
        at = skip_ascii(at, reader->end);
        for (int high; at < reader->end && (uint8_t)*at >= 0x80; at += high) {
            high = utf8_character_length((const uint8_t *)at, (size_t)(reader->end - at));
            if (high < 0)
                break;
        }
        if (out != NULL) {
            memmove(out, run, (size_t)(at - run));
            out += at - run;
        }
        if (at == reader->end)
            return fail(reader, at, "a string without its end");
        if (*at == '"')
            break;
        if (*at == '\\') {
            if (out == NULL && length != NULL)
                out = at;
            at = read_escape(reader, at, &out);
            if (at == NULL)
                return NULL;
        } else if ((uint8_t)*at >= 0x80) {
            return fail(reader, at, "a string that is not UTF-8");
        } else if ((uint8_t)*at < 0x20) {
            return fail(reader, at, "a control byte in a string");
        }
    }
    if (length != NULL) {
        *length = (size_t)((out != NULL ? out : at) - begin);
        begin[*length] = '\0';
    }
    return at + 1;
}

static char *skip_digits(char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

static char *read_number(struct object_reader *reader, char *at)
{
    static const char fault[] = "a number that is none";
    const char *end = reader->end;
    char *digits = at + (*at == '-');
    at = skip_digits(digits, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return fail(reader, digits, fault);
    if (at < end && *at == '.') {
        digits = at + 1;
        at = skip_digits(digits, end);
        if (at == digits)
            return fail(reader, at, fault);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        digits = at + (at < end && (*at == '+' || *at == '-'));
        at = skip_digits(digits, end);
        if (at == digits)
            return fail(reader, at, fault);
    }
    return at;
}

static char *read_literal(struct object_reader *reader, char *at)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(reader->end - at) >= length && memcmp(at, words[i], length) == 0)
            return at + length;
    }
    return fail(reader, at, at == reader->end ? "it ends too early" : "a word that is no JSON value");
}

static char *read_scalar(struct object_reader *reader, char *at)
{
    if (at < reader->end && *at == '"')
        return read_string(reader, at + 1, NULL);
    if (at < reader->end && (*at == '-' || (*at >= '0' && *at <= '9')))
        return read_number(reader, at);
    return read_literal(reader, at);
}

static const char comma_before_brace[] = "a comma too many before }";

/* A member's name and its colon, `at` being on what should be the quote. */
static char *read_name(struct object_reader *reader, char *at, struct object_member *member)
{
    if (at == reader->end || *at != '"')
        return fail(reader, at, "a member without its name in quotes");
    if (member != NULL) {
        member->name = at + 1;
        member->position = position_of(reader, at);
    }
    at = read_string(reader, at + 1, member != NULL ? &member->name_length : NULL);
    if (at == NULL)
        return NULL;
    at = skip_space(reader, at);
    if (at == reader->end || *at != ':')
        return fail(reader, at, "no colon after a member's name");
    return skip_space(reader, at + 1);
}

/* Moves behind an object or array, `at` being on its bracket. A bit for each that is open says which of both it is. */
static char *read_nested(struct object_reader *reader, char *at)
{
    const char *end = reader->end;
    uint64_t objects = 0;
    unsigned depth = 0;
    for (;;) {
        bool is_value_read = false;
        if (at < end && (*at == '{' || *at == '[')) {
            if (depth == JSON_DEPTH_MAX)
                return fail(reader, at, "objects and arrays nested too deep");
            depth++;
            objects = objects << 1 | (*at == '{');
            at = skip_space(reader, at + 1);
            is_value_read = at < end && *at == (objects & 1 ? '}' : ']');
            if (!is_value_read && (objects & 1) && (at = read_name(reader, at, NULL)) == NULL)
                return NULL;
            if (!is_value_read)
                continue;
        } else if ((at = read_scalar(reader, at)) == NULL) {
            return NULL;
        }
        for (;;) { /* behind a value, or on the bracket that closes nothing */
            at = skip_space(reader, at);
            if (at == end)
                return fail(reader, at, "it ends too early");
            if (*at != (objects & 1 ? '}' : ']'))
                break;
            at++;
            objects >>= 1;
            if (--depth == 0)
                return at;
        }
        if (*at != ',')
            return fail(reader, at, "no comma and no end after a value");
        at = skip_space(reader, at + 1);
        if (at < end && *at == (objects & 1 ? '}' : ']'))
            return fail(reader, at, objects & 1 ? comma_before_brace : "a comma too many before ]");
        if ((objects & 1) && (at = read_name(reader, at, NULL)) == NULL)
            return NULL;
    }
}

static char *read_value(struct object_reader *reader, char *at, struct object_member *member)
{
    member->value = at;
    if (at == reader->end)
        return fail(reader, at, "it ends too early");
    switch (*at) {
    case '"':
        member->kind = JSON_KIND_STRING;
        member->value = at + 1;
        return read_string(reader, at + 1, &member->length);
    case '{':
    case '[':
        member->kind = *at == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
        at = read_nested(reader, at);
        break;
    default:
        member->kind = *at == '-' || (*at >= '0' && *at <= '9') ? JSON_KIND_NUMBER : JSON_KIND_LITERAL;
        at = read_scalar(reader, at);
        break;
    }
    if (at != NULL)
        member->length = (size_t)(at - member->value);
    return at;
}

void object_begin(struct object_reader *reader, char *text, size_t length)
{
    *reader = (struct object_reader){.at = text, .end = text + length, .line_start = text};
}

struct object_position object_position(const struct object_reader *reader)
{
    return position_of(reader, reader->at);
}

bool object_next(struct object_reader *reader, struct object_member *member)
{
    if (reader->ended || reader->fault != NULL)
        return false;
    char *at = skip_space(reader, reader->at);
    bool is_first = !reader->began;
    if (is_first) {
        if (at == reader->end || *at != '{')
            return fail(reader, at, "no object") != NULL;
        reader->began = true;
        at = skip_space(reader, at + 1);
    }
    if (at < reader->end && *at == '}') {
        reader->ended = true;
        at = skip_space(reader, at + 1);
        if (at != reader->end)
            return fail(reader, at, "something behind the object") != NULL;
        return false;
    }
    if (!is_first) {
        if (at == reader->end || *at != ',')
            return fail(reader, at, "no comma and no end after a value") != NULL;
        at = skip_space(reader, at + 1);
        if (at < reader->end && *at == '}')
            return fail(reader, at, comma_before_brace) != NULL;
    }
    at = read_name(reader, at, member);
    if (at != NULL)
        at = read_value(reader, at, member);
    if (at == NULL)
        return false;
    reader->at = at;
    return true;
}

bool array_is_empty(const char *array, size_t length)
{
    size_t at = 1;
    while (at < length && strchr(" \n\t\r", array[at]) != NULL)
        at++;
    return at < length && array[at] == ']';
}

bool array_first_string(char *array, size_t length, char **string, size_t *string_length)
{
    struct object_reader reader = {.end = array + length};
    char *at = skip_space(&reader, array + 1);
    if (at == reader.end || *at != '"')
        return false;
    *string = at + 1;
    return read_string(&reader, at + 1, string_length) != NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a list may stand in a message: any text, made harmless, but no token. */
#include "list.h"

#include <stdio.h>
#include <string.h>

/* A header of fewer characters names no algorithm. */
#define TOKEN_HEADER_MIN 16

/* As much of a header as is looked at: a multiple of four, and more than any first member's name takes. */
#define TOKEN_HEADER_LOOKED_AT 64

static bool is_base64(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '_' || byte == '+' || byte == '/';
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static size_t skip_space(const uint8_t *text, size_t at, size_t length)
{
    while (at < length && is_space(text[at]))
        at++;
    return at;
}

/* Does a JSON object's first member stand here: a brace, a name in quotes and a colon? What is cut may lack the rest.
 */
static bool begins_object(const uint8_t *text, size_t length, bool is_cut)
{
    size_t at = skip_space(text, 0, length);
    if (at == length || text[at] != '{')
        return false;
    at = skip_space(text, at + 1, length);
    if (at < length && text[at] != '"')
        return false;
    for (at++; at < length && text[at] != '"'; at += text[at] == '\\' ? 2 : 1)
        if (text[at] < 0x20 || text[at] == 0x7f)
            return false;
    if (at < length)
        at = skip_space(text, at + 1, length);
    return at < length ? text[at] == ':' : is_cut;
}

/*
 * Is a token's header at the end of these characters? What stands before it may be of the alphabet too, as in
 * Bearer_eyJ, so each place where one can begin is looked at: "e" is of a brace, the others of white space before it.
 * Host names have an "ey" as well (journey-planner.example), but decode to no JSON.
 */
static bool ends_in_header(const char *text, size_t length)
{
    for (size_t at = 0; length - at >= TOKEN_HEADER_MIN; at++) {
        if (strchr("eICD", text[at]) == NULL)
            continue;
        uint8_t decoded[TOKEN_HEADER_LOOKED_AT];
        size_t looked_at = length - at < TOKEN_HEADER_LOOKED_AT ? length - at : TOKEN_HEADER_LOOKED_AT;
        looked_at -= looked_at % 4 == 1; /* a dangling character is no byte */
        ptrdiff_t bytes = key_decode_base64(text + at, looked_at, false, decoded);
        if (bytes > 0 && begins_object(decoded, (size_t)bytes, looked_at == TOKEN_HEADER_LOOKED_AT))
            return true;
    }
    return false;
}

bool key_is_like_a_token(const char *text, size_t length)
{
    const char *end = text + length, *begin = text;
    for (const char *dot; (dot = memchr(begin, '.', (size_t)(end - begin))) != NULL; begin = dot + 1) {
        const char *next = dot + 1;
        while (next < end && (is_base64(*next) || *next == '='))
            next++;
        if (next == end)
            return false; /* no second dot behind this one, nor behind a later */
        if (*next != '.')
            continue;
        const char *header_end = dot, *header;
        while (header_end > begin && header_end[-1] == '=')
            header_end--;
        for (header = header_end; header > begin && is_base64(header[-1]);)
            header--;
        if (ends_in_header(header, (size_t)(header_end - header)))
            return true;
    }
    return false;
}

const char *key_show(const char *text, size_t length, char out[KEY_SHOWN_MAX])
{
    if (key_is_like_a_token(text, length))
        return memcpy(out, KEY_TOKEN_WORDS, sizeof(KEY_TOKEN_WORDS));
    size_t shown = length < 64 ? length : 64;
    char *at = out;
    *at++ = '"';
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (byte >= 0x20 && byte < 0x7f)
            *at++ = (char)byte;
        else
            at += snprintf(at, 5, "\\x%02x", byte);
    }
    at += snprintf(at, 5, shown < length ? "\"..." : "\""); /* outside: two dots in it would end a token */
    return out;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * JWK Sets (RFC 7517 section 5), key by key.
 *
 * A tree of a whole set of a million keys takes 700 MB and forgets the line numbers, so a small scanner walks the outer
 * object and the array and cuts out one value at a time; json.h, which knows JSON, reads only that. What the scanner
 * must know is where a value ends: strings, brackets, and nothing else.
 */
#include "json.h"
#include "list.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct jwks {
    struct key_list *list;
    struct source *source;
    unsigned ordinal;  /* of the key being read, from 1; 0 outside of them */
    bool has_misnamed; /* keys under another name than "keys": a fault that was told */
};

/* Where reading is. */
static struct place place_here(const struct jwks *jwks)
{
    struct place place = source_place(jwks->source, jwks->source->at);
    place.key = jwks->ordinal;
    return place;
}

static int fail_syntax(struct jwks *jwks, int byte, const char *allowed)
{
    char shown[KEY_SHOWN_MAX];
    if (byte < 0)
        return byte; /* the error is filled */
    if (byte == SOURCE_END)
        return source_fail(jwks->source, place_here(jwks), EINVAL, "the file ends here; allowed is %s", allowed);
    char found = (char)byte;
    return source_fail(jwks->source, place_here(jwks), EINVAL, "found %s; allowed is %s", key_show(&found, 1, shown),
                       allowed);
}

/* Skips white space; returns the byte after it, SOURCE_END or -errno. */
static int skip_space(struct source *source)
{
    int byte;
    while ((byte = source_peek(source)) == ' ' || byte == '\n' || byte == '\t' || byte == '\r')
        source_take(source);
    return byte;
}

static int expect(struct jwks *jwks, int wanted, const char *allowed)
{
    int byte = skip_space(jwks->source);
    if (byte != wanted)
        return fail_syntax(jwks, byte, allowed);
    source_take(jwks->source);
    return 0;
}

/* Moves behind the closing quote; `at` is behind the opening one. */
static int skip_string(struct jwks *jwks)
{
    struct source *source = jwks->source;
    bool is_escaped = false;
    for (;;) {
        if (!is_escaped)
            source->at += plain_bytes(source->buffer + source->at, source->end - source->at);
        int byte = source_peek(source);
        if (byte < 0 || byte == SOURCE_END)
            return fail_syntax(jwks, byte, "the end of a string, \"");
        source_take(source);
        if (byte == '"' && !is_escaped)
            return 0;
        is_escaped = byte == '\\' && !is_escaped;
    }
}

/* Moves behind an object or array, `at` being on its bracket. Whether brackets match in kind is for json.h to say. */
static int skip_brackets(struct jwks *jwks)
{
    struct source *source = jwks->source;
    unsigned depth = 0;
    do {
        int byte = source_peek(source);
        if (byte < 0 || byte == SOURCE_END)
            return fail_syntax(jwks, byte, "the end of an object or array");
        source_take(source);
        int result = 0;
        if (byte == '"')
            result = skip_string(jwks);
        else if (byte == '{' || byte == '[')
            depth++;
        else if (byte == '}' || byte == ']')
            depth--;
        if (result != 0)
            return result;
        if (depth > JSON_DEPTH_MAX)
            return source_fail(source, place_here(jwks), EINVAL, "objects and arrays nested %u deep; allowed are %d",
                               depth, JSON_DEPTH_MAX);
    } while (depth > 0);
    return 0;
}

/* Moves behind any value. */
static int skip_value(struct jwks *jwks)
{
    struct source *source = jwks->source;
    int byte = skip_space(source);
    if (byte == '{' || byte == '[')
        return skip_brackets(jwks);
    if (byte == '"') {
        source_take(source);
        return skip_string(jwks);
    }
    size_t before = source->at - source->mark;
    while (byte >= 0 && byte != SOURCE_END && strchr(",]} \t\r\n", byte) == NULL) {
        source_take(source);
        byte = source_peek(source);
    }
    return source->at - source->mark == before ? fail_syntax(jwks, byte, "a JSON value") : 0;
}

/* Is the quoted text, escapes undone, this word? */
static bool name_is(const char *quoted, size_t length, const char *word)
{
    return json_text_is((const uint8_t *)quoted + 1, length - 2, word, strlen(word));
}

/* One element of "keys". What is no object is a fault, and passed over. */
static int read_key(struct jwks *jwks)
{
    struct source *source = jwks->source;
    int byte = skip_space(source);
    if (byte < 0 || byte == SOURCE_END || strchr("{[\"-0123456789tfn", byte) == NULL)
        return fail_syntax(jwks, byte, "an object, as a JWK is");
    source->mark = source->at;
    struct place place = place_here(jwks);
    char found = (char)byte, shown[KEY_SHOWN_MAX];
    int result = byte == '{' ? skip_brackets(jwks) : skip_value(jwks);
    if (result == 0 && byte != '{')
        result = source_fault(source, place, "found %s; allowed is an object, as a JWK is", key_show(&found, 1, shown));
    else if (result == 0)
        result = key_list_read_jwk(jwks->list, source, source->buffer + source->mark, source->at - source->mark, place);
    source->mark = source->at;
    return result;
}

/* The elements of "keys"; `at` is before the array. */
static int read_keys(struct jwks *jwks)
{
    struct source *source = jwks->source;
    int result = expect(jwks, '[', "an array of keys after \"keys\"");
    if (result != 0)
        return result;
    source->piece = "a key";
    for (;;) {
        int byte = skip_space(source);
        if (byte < 0)
            return byte;
        if (byte == ']') {
            if (jwks->ordinal > 0)
                result = source_fault(source, place_here(jwks), "a comma too many before ]");
            if (result != 0)
                return result;
            source_take(source);
            break;
        }
        jwks->ordinal++;
        result = read_key(jwks);
        if (result != 0)
            return result;
        byte = skip_space(source);
        if (byte == '{') { /* a forgotten comma: the one mistake of syntax that can be read on after */
            result = source_fault(source, place_here(jwks), "found \"{\"; allowed is a comma or ] after a key");
            if (result != 0)
                return result;
            continue;
        }
        if (byte != ',' && byte != ']')
            return fail_syntax(jwks, byte, "a comma or ] after a key");
        source_take(source);
        if (byte == ']')
            break;
    }
    jwks->ordinal = 0;
    return 0;
}

/*
 * Keys under a name that is nearly "keys" would be lost without a word, beside others or in what then is a JWK without
 * names. `name`, quoted, and `value`, behind which reading is, are offsets from the mark.
 */
static int check_name(struct jwks *jwks, struct place place, size_t name, size_t name_length, size_t value)
{
    static const char *const nearly[] = {"keys", "key", "jwks", "jwk"};
    struct source *source = jwks->source;
    const char *text = source->buffer + source->mark, *array = text + value, *end = source->buffer + source->at;
    if (*array != '[')
        return 0;
    do
        array++;
    while (array < end && strchr(" \t\r\n", *array) != NULL);
    for (size_t i = 0; *array == '{' && i < sizeof(nearly) / sizeof(nearly[0]); i++) {
        size_t length = strlen(nearly[i]);
        char shown[KEY_SHOWN_MAX];
        if (name_length != length + 2 || strncasecmp(text + name + 1, nearly[i], length) != 0)
            continue;
        jwks->has_misnamed = true;
        return source_fault(source, place, "member %s is not known; was \"keys\" meant?",
                            key_show(text + name + 1, length, shown));
    }
    return 0;
}

/*
 * The members of the outer object, `at` being behind its brace; behind the closing one afterwards. While "keys" has not
 * come, everything is kept from the mark on, since the object may be a single JWK.
 */
static int read_members(struct jwks *jwks, bool *has_keys)
{
    struct source *source = jwks->source;
    int byte = skip_space(source);
    if (byte == '}') {
        source_take(source);
        return 0;
    }
    for (;;) {
        byte = skip_space(source);
        if (byte == '}')
            return source_fail(source, place_here(jwks), EINVAL, "a comma too many before }");
        if (byte != '"')
            return fail_syntax(jwks, byte, "a member's name in quotes");
        struct place place = place_here(jwks);
        size_t name = source->at - source->mark;
        source_take(source);
        int result = skip_string(jwks);
        if (result != 0)
            return result;
        size_t name_length = source->at - source->mark - name;
        bool is_keys = name_is(source->buffer + source->mark + name, name_length, "keys");
        if (is_keys && *has_keys)
            return source_fail(source, place_here(jwks), EINVAL, "a second member \"keys\"; allowed is one");
        result = expect(jwks, ':', "a colon after a member's name");
        if (result == 0 && (byte = skip_space(source)) < 0)
            result = byte;
        size_t value = source->at - source->mark;
        if (result == 0)
            result = is_keys ? read_keys(jwks) : skip_value(jwks);
        if (result == 0 && !is_keys)
            result = check_name(jwks, place, name, name_length, value);
        if (result != 0)
            return result;
        *has_keys |= is_keys;
        if (*has_keys)
            source->mark = source->at;
        byte = skip_space(source);
        if (byte != ',' && byte != '}')
            return fail_syntax(jwks, byte, "a comma or } after a member");
        source_take(source);
        if (byte == '}')
            return 0;
    }
}

int key_list_read_jwks(struct key_list *list, struct source *source)
{
    struct jwks jwks = {.list = list, .source = source};
    source->piece = "what stands before the member \"keys\"";
    int result = skip_space(source);
    if (result < 0)
        return result;
    struct place place = place_here(&jwks);
    place.key = 1;
    source->mark = source->at;
    result = expect(&jwks, '{', "a JWK Set, {\"keys\": [...]}, or a JWK, {\"kid\": ...}");
    bool has_keys = false;
    if (result == 0)
        result = read_members(&jwks, &has_keys);
    if (result == 0 && !has_keys && !jwks.has_misnamed)
        result = key_list_read_jwk(list, source, source->buffer + source->mark, source->at - source->mark, place);
    if (result != 0)
        return result;
    source->mark = source->at;
    int byte = skip_space(source);
    return byte == SOURCE_END ? 0 : fail_syntax(&jwks, byte, "nothing after the object; many keys go into one JWK Set");
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Escapes of JSON strings (RFC 8259 section 7): undone into a buffer, or on the way of a comparison. */
#include "json.h"

#include <string.h>

#include <bearertap/hex.h>

/* The code unit of a \uXXXX at `raw`; -1 when none stands there. */
static int32_t read_code_unit(const uint8_t *raw, size_t left)
{
    if (left < 6 || raw[0] != '\\' || raw[1] != 'u')
        return -1;
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(raw[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t put_utf8(uint32_t code_point, uint8_t out[4])
{
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (uint8_t)(0xc0 | code_point >> 6);
        out[1] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code_point >> 12);
        out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code_point >> 18);
    out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code_point & 0x3f));
    return 4;
}

/* One UTF-16 unit, or a pair of surrogates, which are 12 bytes of text. 0 when the escape is broken. */
static size_t read_unicode_escape(const uint8_t *raw, size_t left, uint8_t out[4], size_t *out_length)
{
    int32_t unit = read_code_unit(raw, left);
    if (unit < 0)
        return 0;
    uint32_t code_point = (uint32_t)unit;
    size_t taken = 6;
    if (code_point >= 0xd800 && code_point <= 0xdbff) {
        int32_t second = read_code_unit(raw + 6, left - 6);
        if (second >= 0xdc00 && second <= 0xdfff) {
            code_point = 0x10000 + ((code_point - 0xd800) << 10) + ((uint32_t)second - 0xdc00);
            taken = 12;
        }
    }
    *out_length = put_utf8(code_point, out);
    return taken;
}

size_t json_read_escape(const uint8_t *raw, size_t left, uint8_t out[4], size_t *out_length)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

    if (left >= 2 && raw[1] == 'u') {
        size_t taken = read_unicode_escape(raw, left, out, out_length);
        if (taken > 0)
            return taken;
    } else if (left >= 2) {
        const char *letter = memchr(letters, raw[1], sizeof(letters) - 1);
        if (letter != NULL) {
            out[0] = (uint8_t)meanings[letter - letters];
            *out_length = 1;
            return 2;
        }
    }
    out[0] = '\\';
    *out_length = 1;
    return 1;
}

size_t json_unescape(const uint8_t *raw, size_t length, uint8_t *out)
{
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        const uint8_t *backslash = memchr(raw + at, '\\', length - at);
        size_t plain = backslash == NULL ? length - at : (size_t)(backslash - raw) - at;
        memcpy(out + written, raw + at, plain);
        written += plain;
        at += plain;
        if (backslash != NULL) {
            uint8_t bytes[4];
            size_t count;
            at += json_read_escape(raw + at, length - at, bytes, &count);
            memcpy(out + written, bytes, count);
            written += count;
        }
    }
    return written;
}

/* The slow half of json_text_is: from the first backslash on. */
static bool escaped_text_is(const uint8_t *raw, size_t length, const char *text, size_t text_length)
{
    size_t matched = 0;
    for (size_t at = 0; at < length;) {
        uint8_t bytes[4] = {raw[at]};
        size_t count = 1, taken = 1;
        if (raw[at] == '\\')
            taken = json_read_escape(raw + at, length - at, bytes, &count);
        if (text_length - matched < count || memcmp(text + matched, bytes, count) != 0)
            return false;
        at += taken;
        matched += count;
    }
    return matched == text_length;
}

bool json_text_is(const uint8_t *raw, size_t length, const char *text, size_t text_length)
{
    /* Unescaping never grows the text, and shrinks it to a sixth at most. */
    if (length < text_length || length / 6 > text_length)
        return false;
    size_t same = 0;
    while (same < text_length && raw[same] != '\\' && raw[same] == (uint8_t)text[same])
        same++;
    if (same < length && raw[same] == '\\')
        return escaped_text_is(raw + same, length - same, text + same, text_length - same);
    return same == length && same == text_length;
}

bool json_name_is(const struct json_member *member, const char *word)
{
    return json_text_is(member->name, member->name_length, word, strlen(word));
}

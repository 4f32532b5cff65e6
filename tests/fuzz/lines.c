/* SPDX-License-Identifier: BSD-3-Clause */
#include "lines.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "support.h"

static void require_string(const json_t *line, const char *first, const char *second)
{
    const json_t *value = json_object_get(json_object_get(line, first), second);
    REQUIRE(json_is_string(value) && json_string_length(value) > 0);
}

json_t *lines_check_json(const char *output, size_t length)
{
    json_t *lines = json_array();
    const char *at = output, *end = output + length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        REQUIRE(newline != NULL);
        json_t *line = json_loadb(at, (size_t)(newline - at), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        REQUIRE(json_is_object(line));
        REQUIRE(json_is_string(json_object_get(line, "@timestamp")) &&
                json_is_string(json_object_get(line, "message")));
        require_string(line, "ecs", "version");
        require_string(line, "event", "id");
        require_string(line, "source", "ip");
        require_string(line, "destination", "ip");
        json_array_append_new(lines, line);
        at = newline + 1;
    }
    return lines;
}

void lines_check_text(const char *output, size_t length)
{
    REQUIRE(length == 0 || output[length - 1] == '\n');
    /* jansson's own reading of UTF-8, by way of a string. */
    json_t *text = json_stringn(output, length);
    REQUIRE(text != NULL);
    json_decref(text);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)output[i], next = i + 1 < length ? (uint8_t)output[i + 1] : 0;
        uint8_t third = i + 2 < length ? (uint8_t)output[i + 2] : 0;
        REQUIRE((byte >= 0x20 && byte != 0x7f) || byte == '\n');
        REQUIRE(byte != 0xc2 || next >= 0xa0); /* C1 */
        REQUIRE(byte != 0xe2 || next != 0x80 || third < 0x8b || (third > 0x8f && third < 0xa8) || third > 0xae);
        REQUIRE(byte != 0xe2 || next != 0x81 || third < 0xa0 || third > 0xaf); /* isolates */
    }
}

static bool is_of_base64url(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static size_t part_length(const char *text, size_t length)
{
    size_t part = 0;
    while (part < length && is_of_base64url(text[part]))
        part++;
    return part;
}

static bool is_header(const char *text, size_t length)
{
    uint8_t padded[1024], decoded[1024];
    if (length > sizeof(padded) - 4 || length % 4 == 1)
        return false;
    memset(padded, '=', sizeof(padded));
    for (size_t i = 0; i < length; i++)
        padded[i] = (uint8_t)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
    int bytes = EVP_DecodeBlock(decoded, padded, (int)((length + 3) / 4 * 4));
    if (bytes <= 0)
        return false;
    bytes -= (int)((4 - length % 4) % 4);
    json_t *header = json_loadb((const char *)decoded, (size_t)bytes, 0, NULL);
    bool is = json_is_string(json_object_get(header, "alg"));
    json_decref(header);
    return is;
}

void lines_check_no_token(const char *output, size_t length)
{
    for (size_t at = 0; at + 2 < length; at++) {
        if (output[at] != 'e' || output[at + 1] != 'y')
            continue;
        size_t header = part_length(output + at, length - at), dot = at + header;
        if (header < 4 || dot + 2 >= length || output[dot] != '.' || !is_header(output + at, header))
            continue;
        size_t payload = part_length(output + dot + 1, length - dot - 1);
        size_t second = dot + 1 + payload;
        REQUIRE(second + 1 >= length || output[second] != '.' ||
                part_length(output + second + 1, length - second - 1) == 0);
    }
}

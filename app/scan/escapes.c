/* SPDX-License-Identifier: BSD-3-Clause */
/* The escapes in which a token may be written: %41 in URLs and forms, \u0041 and its siblings in JSON. */
#include "captures.h"

#include <string.h>

#include <bearertap/hex.h>

bool capture_is_escape(const struct capture *capture, uint8_t byte)
{
    return capture->syntax == SYNTAX_JSON ? byte == '\\' : byte == '%' && capture->syntax != SYNTAX_CREDENTIALS;
}

bool capture_escape_goes_on(const struct capture *capture, uint8_t byte)
{
    if (capture->escape[0] == '%')
        return hex_digit(byte) >= 0;
    return capture->escape_length == 1 ? byte >= 0x20 : hex_digit(byte) >= 0;
}

unsigned capture_escape_add(struct capture *capture, uint8_t byte)
{
    uint8_t *escape = capture->escape;
    escape[capture->escape_length++] = byte;
    unsigned length = capture->escape_length;
    if (escape[0] == '%') {
        if (length < 3)
            return 0;
        escape[0] = (uint8_t)((unsigned)hex_digit(escape[1]) << 4 | (unsigned)hex_digit(escape[2]));
        return 1;
    }
    if (length == 1)
        return 0;
    if (escape[1] != 'u') {
        static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
        const char *at = strchr(from, escape[1]);
        escape[0] = at != NULL && escape[1] != 0 ? (uint8_t)to[at - from] : escape[1];
        return 1;
    }
    if (length < 6)
        return 0;
    unsigned code = 0;
    for (unsigned i = 2; i < 6; i++)
        code = code << 4 | (unsigned)hex_digit(escape[i]);
    if (code < 0x80) {
        escape[0] = (uint8_t)code;
        return 1;
    }
    unsigned out = 0;
    if (code >= 0x800) {
        escape[out++] = (uint8_t)(0xe0 | code >> 12);
        escape[out++] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    } else {
        escape[out++] = (uint8_t)(0xc0 | code >> 6);
    }
    escape[out++] = (uint8_t)(0x80 | (code & 0x3f));
    return out;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "print.h"

#include <stdbool.h>
#include <string.h>

#include <bearertap/utf8.h>

static void put_text(FILE *out, const char *text, size_t length, bool escape_backslash)
{
    const uint8_t *at = (const uint8_t *)text;
    for (size_t taken; length > 0; at += taken, length -= taken) {
        uint32_t code = utf8_code_point(at, length, &taken);
        if (code == '\\' && escape_backslash)
            fputs("\\\\", out);
        else if (!utf8_is_unseen(code))
            fwrite(at, 1, taken, out);
        else
            for (size_t i = 0; i < taken; i++)
                fprintf(out, "\\x%02x", at[i]);
    }
}

void print_text(FILE *out, const char *text, size_t length)
{
    put_text(out, text, length, true);
}

void print_notice(FILE *out, const char *text)
{
    put_text(out, text, strlen(text), false);
}

void print_json_string(FILE *out, const char *text, size_t length)
{
    const uint8_t *at = (const uint8_t *)text;
    putc('"', out);
    for (size_t taken; length > 0; at += taken, length -= taken) {
        uint32_t code = utf8_code_point(at, length, &taken);
        if (code == UTF8_NO_CHARACTER)
            fputs("\\ufffd", out);
        else if (code == '"' || code == '\\')
            fprintf(out, "\\%c", (int)code);
        else if (utf8_is_unseen(code) && code >= 0x10000)
            fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
        else if (utf8_is_unseen(code))
            fprintf(out, "\\u%04x", code);
        else
            fwrite(at, 1, taken, out);
    }
    putc('"', out);
}

void print_hex(FILE *out, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        putc(digits[bytes[i] >> 4], out);
        putc(digits[bytes[i] & 15], out);
    }
}

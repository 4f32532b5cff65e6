/* SPDX-License-Identifier: BSD-3-Clause */
#include "print.h"

#include <stdbool.h>

/* Decodes one character (RFC 3629): its bytes, and its code in *code. 0: there is none at `at`. */
static unsigned read_character(const uint8_t *at, size_t left, unsigned *code)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned length = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf8 ? 4 : 0;
    if (length == 0 || length > left)
        return 0;
    *code = length == 1 ? at[0] : at[0] & (0x7fu >> length);
    for (unsigned i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (at[i] & 0x3fu);
    }
    bool is_one = *code >= least[length] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
    return is_one ? length : 0;
}

/* Unicode's controls, and its format characters that hide or turn text. */
static bool is_unseen(unsigned code)
{
    static const struct {
        unsigned first, last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},      {0x61c, 0x61c},
                  {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},  {0x2060, 0x206f},
                  {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

void print_text(FILE *out, const char *text, size_t length)
{
    const uint8_t *at = (const uint8_t *)text;
    while (length > 0) {
        unsigned code = 0, bytes = read_character(at, length, &code);
        bool is_seen = bytes > 0 && !is_unseen(code);
        if (bytes == 0)
            bytes = 1;
        if (code == '\\' && is_seen)
            fputs("\\\\", out);
        else if (is_seen)
            fwrite(at, 1, bytes, out);
        else
            for (unsigned i = 0; i < bytes; i++)
                fprintf(out, "\\x%02x", at[i]);
        at += bytes;
        length -= bytes;
    }
}

void print_json_string(FILE *out, const char *text, size_t length)
{
    const uint8_t *at = (const uint8_t *)text;
    putc('"', out);
    while (length > 0) {
        unsigned code = 0xfffd, bytes = read_character(at, length, &code);
        if (bytes == 0) {
            bytes = 1;
            fputs("\\ufffd", out);
        } else if (code == '"' || code == '\\') {
            fprintf(out, "\\%c", (int)code);
        } else if (is_unseen(code) && code >= 0x10000) {
            fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
        } else if (is_unseen(code)) {
            fprintf(out, "\\u%04x", code);
        } else {
            fwrite(at, 1, bytes, out);
        }
        at += bytes;
        length -= bytes;
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

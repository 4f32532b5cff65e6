/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_UTF8_H
#define BEARERTAP_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * UTF-8 as the Unicode standard has it (15.0, table 3-7): no overlong forms, no surrogates, nothing past U+10FFFF. Text
 * from the wire becomes text that may leave by way of this, and every copy of it agrees on what is replaced, and every
 * place where a person reads it on what is shown. Pure functions, any thread.
 */

/* What stands for bytes that are no character. */
#define UTF8_REPLACEMENT        "\xef\xbf\xbd" /* U+FFFD */
#define UTF8_REPLACEMENT_LENGTH 3

/*
 * The length of the character that begins here, 1 to 4; or, where none does, minus the length of the maximal subpart of
 * one (-1 to -3), which one U+FFFD stands for: the standard's section 3.9, and Python's errors='replace'. `left` is at
 * least 1; nothing behind it is read.
 */
int utf8_character_length(const uint8_t *bytes, size_t left);

/*
 * The code point of the character that begins here, and its bytes in *length; where none does, UTF8_NO_CHARACTER, and
 * the bytes of that maximal subpart. `left` is at least 1.
 */
#define UTF8_NO_CHARACTER UINT32_MAX
uint32_t utf8_code_point(const uint8_t *bytes, size_t left, size_t *length);

/*
 * Is it something that a terminal acts on, or that nobody sees, or sees somewhere else than it stands, or takes for
 * another? So are controls (C0, DEL, C1), what turns the direction of writing, what has no width, separators of lines,
 * the space that is not broken; and UTF8_NO_CHARACTER. The backslash is not, which those who escape these may escape.
 */
bool utf8_is_unseen(uint32_t code);

#endif

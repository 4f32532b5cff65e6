/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_PRINT_H
#define BEARERTAP_APP_COMMANDS_PRINT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Text from files, for a terminal and for JSON. What a file names may be anything: what a terminal acts on or nobody
 * sees (utf8_is_unseen), and bytes that are not UTF-8, come out escaped.
 */

/* As it is, but \xNN for the bytes of such, and \\ for a backslash. */
void print_text(FILE *out, const char *text, size_t length);

/* The same for a message, in which what it shows of a file is escaped already: a backslash is left as it is. */
void print_notice(FILE *out, const char *text);

/* In quotes; \u escapes for such, U+FFFD for what is not UTF-8. */
void print_json_string(FILE *out, const char *text, size_t length);

/* Lower-case hexadecimal digits. */
void print_hex(FILE *out, const uint8_t *bytes, size_t length);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TOKEN_JSON_H
#define BEARERTAP_APP_TOKEN_JSON_H

/* What this module's own files use of the JSON reader beyond the public header. */

#include <bearertap/token.h>

/*
 * Reads one value at *at (no white space before it) and moves *at past it; fills kind, value and value_length of
 * `member`. False when it is no value, or runs into the end of the text and so may have been cut.
 */
bool json_read_value(const uint8_t **at, const uint8_t *end, struct json_member *member);

/*
 * Walks the elements of an array: *at begins just after the opening bracket. Fills `element` but for its name. False
 * after the last.
 */
bool json_next_element(const uint8_t **at, const uint8_t *end, struct json_member *element);

/*
 * Undoes one escape: `raw` begins with a backslash and has `left` >= 1 bytes. Writes 1 to 4 bytes to `out`, their
 * number to *out_length, and returns how many bytes of `raw` they stand for. Of a broken escape the backslash alone is
 * taken, as itself.
 */
size_t json_read_escape(const uint8_t *raw, size_t left, uint8_t out[4], size_t *out_length);

#endif

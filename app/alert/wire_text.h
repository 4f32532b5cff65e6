/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_WIRE_TEXT_H
#define BEARERTAP_APP_ALERT_WIRE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes from the wire become text that may leave the process: the one gate that all of it passes.
 *
 * The text is valid UTF-8 (what is not becomes U+FFFD, one for each maximal subpart, as the Unicode standard section
 * 3.9 recommends and Python's errors='replace' does), and holds no token: neither the sighting's own, nor any other
 * that stands there with a JOSE header or claims that can be read, percent-coded or not (a path or a user agent may
 * well hold one). Such a run of characters is replaced by "[token]".
 */

struct token_bytes {
    const uint8_t *bytes;
    size_t length;
};

/* Writes at most `capacity` bytes, cutting on a character's border. Returns how many. Linear in `length`. */
size_t wire_text_clean(const uint8_t *bytes, size_t length, const struct token_bytes *own, char *out, size_t capacity);

#endif

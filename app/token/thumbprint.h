/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TOKEN_THUMBPRINT_H
#define BEARERTAP_APP_TOKEN_THUMBPRINT_H

/* Digests that name keys, inside this module. */

#include <bearertap/token.h>

/*
 * A thumbprint of `size` bytes (at most 32) as tokens write it: base64url (RFC 7515 section 4.1.7), and what some
 * issuers write instead: hex, hex with colons, base64url of the hex text. False when it is none of these.
 *
 * Lists are read by keys.h's key_text_to_thumbprint, and stay apart from this: there the size is not known, one text
 * has one reading only, and junk makes it another text, while here the member says the size and junk is skipped as
 * lenient validators do. Whatever that one takes, this one takes for the same bytes; a test says so.
 */
bool thumbprint_from_text(const uint8_t *text, size_t length, size_t size, uint8_t *thumbprint);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TOKEN_THUMBPRINT_H
#define BEARERTAP_APP_TOKEN_THUMBPRINT_H

/* Digests that name keys, inside this module. */

#include <bearertap/token.h>

void digest_certificate(const uint8_t *der, size_t length, uint8_t sha1[20], uint8_t sha256[32]);

/*
 * A thumbprint of `size` bytes (at most 32) as tokens write it: base64url (RFC 7515 section 4.1.7), and what some
 * issuers write instead: hex, hex with colons, base64url of the hex text. False when it is none of these.
 */
bool thumbprint_from_text(const uint8_t *text, size_t length, size_t size, uint8_t *thumbprint);

#endif

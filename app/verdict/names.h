/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_VERDICT_NAMES_H
#define BEARERTAP_APP_VERDICT_NAMES_H

/* How a token's way to name a key becomes the names that the table knows: shared by both halves of the policy. */

#include <bearertap/keys.h>
#include <bearertap/token.h>

#define KEY_NAMES_MAX 2

struct key_name {
    enum key_name_kind kind;
    const uint8_t *bytes;
    size_t length;
};

/*
 * A kid is looked up as text and, where it reads as one, as a thumbprint (written to `thumbprint`, which the names then
 * point into); everything else is a thumbprint already. Returns how many names.
 */
static inline unsigned key_reference_to_names(const struct key_reference *reference, uint8_t thumbprint[32],
                                              struct key_name names[KEY_NAMES_MAX])
{
    if (reference->kind != KEY_REFERENCE_KID) {
        enum key_name_kind kind = reference->length == 20 ? KEY_NAME_SHA1 : KEY_NAME_SHA256;
        names[0] = (struct key_name){kind, reference->bytes, reference->length};
        return 1;
    }
    names[0] = (struct key_name){KEY_NAME_TEXT, reference->bytes, reference->length};
    size_t length = key_text_to_thumbprint(reference->bytes, reference->length, thumbprint);
    if (length == 0)
        return 1;
    names[1] = (struct key_name){length == 20 ? KEY_NAME_SHA1 : KEY_NAME_SHA256, thumbprint, length};
    return 2;
}

#endif

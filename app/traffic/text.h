/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_TEXT_H
#define BEARERTAP_APP_TRAFFIC_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "random.h"

/* Text that grows at its end. Whoever makes one knows how long it can get: the heads here are bounded by their parts.
 */
struct text {
    char *bytes;
    size_t length;
};

static inline void text_add(struct text *text, const char *bytes, size_t length)
{
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

/* A literal, or any NUL-terminated string. */
static inline void text_put(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_put_number(struct text *text, uint64_t number);
void text_put_two_digits(struct text *text, unsigned number);
void text_put_hex(struct text *text, uint64_t value, unsigned digits);
void text_put_uuid(struct text *text, struct random *random);
/* `count` random characters of base64url. */
void text_put_base64url_noise(struct text *text, struct random *random, size_t count);
/* The base64url of these bytes, unpadded. Our own: the token module's is among what this traffic is to test. */
void text_put_base64url(struct text *text, const uint8_t *bytes, size_t length);
/* A lower-case English word. */
void text_put_word(struct text *text, struct random *random);

#endif

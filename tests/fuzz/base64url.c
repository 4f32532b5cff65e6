/* SPDX-License-Identifier: BSD-3-Clause */
/* base64url, held against OpenSSL's decoder where the text is such that both accept it. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <bearertap/token.h>

#include "support.h"

/* What OpenSSL makes of text that is base64url and nothing else; -1 where it isn't. `out` has length + 4 bytes. */
static ptrdiff_t decode_strictly(const uint8_t *text, size_t length, uint8_t *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/";
    if (length % 4 == 1)
        return -1;
    uint8_t *padded = malloc(length + 4);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0' || strchr(alphabet, text[i]) == NULL) {
            free(padded);
            return -1;
        }
        padded[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    }
    size_t padding = (4 - length % 4) % 4;
    memset(padded + length, '=', padding);
    int decoded = EVP_DecodeBlock(out, padded, (int)(length + padding));
    free(padded);
    return decoded < 0 ? -1 : decoded - (ptrdiff_t)padding;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 4096)
        return 0;
    size_t length = size - 1, junk = 0;
    uint8_t *text = fuzz_copy(data + 1, length);
    uint8_t *strict = malloc(length + 4), *ours = malloc(length + 1);
    ptrdiff_t wanted = decode_strictly(text, length, strict);
    ptrdiff_t decoded = base64url_decode(text, length, ours, length, &junk);
    REQUIRE(decoded >= 0 && decoded <= (ptrdiff_t)(length * 3 / 4) && junk <= length);
    if (wanted >= 0)
        REQUIRE(decoded == wanted && junk == 0 && memcmp(ours, strict, (size_t)wanted) == 0);

    /* Room for exactly so much is enough, for one byte less is not. */
    uint8_t *exact = malloc((size_t)decoded + (decoded == 0));
    REQUIRE(base64url_decode(text, length, exact, (size_t)decoded, NULL) == decoded);
    REQUIRE(memcmp(exact, ours, (size_t)decoded) == 0);
    if (decoded > 0)
        REQUIRE(base64url_decode(text, length, exact, (size_t)decoded - 1, NULL) == -1);
    free(exact);

    /* In place, and there and back: what is encoded decodes to itself, whatever junk is strewn in. */
    uint8_t *place = fuzz_copy(text, length);
    REQUIRE(base64url_decode(place, length, place, length, NULL) == decoded);
    REQUIRE(memcmp(place, ours, (size_t)decoded) == 0);
    free(place);
    size_t room = (length * 4 + 2) / 3 + 1;
    char *encoded = malloc(room + 4);
    size_t encoded_length = base64url_encode(text, length, encoded);
    REQUIRE(encoded_length < room && encoded[encoded_length] == '\0');
    if (encoded_length > 0) {
        size_t at = data[0] % encoded_length;
        memmove(encoded + at + 3, encoded + at, encoded_length - at);
        memcpy(encoded + at, "!\n%", 3);
        encoded_length += 3;
    }
    uint8_t *again = malloc(length + 1);
    REQUIRE(base64url_decode((uint8_t *)encoded, encoded_length, again, length, &junk) == (ptrdiff_t)length);
    REQUIRE(memcmp(again, text, length) == 0 && junk == (length > 0 ? 3 : 0));
    free(again);
    free(encoded);
    free(text);
    free(strict);
    free(ours);
    return 0;
}

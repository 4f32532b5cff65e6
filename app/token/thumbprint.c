/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Digests on a worker: once for each distinct header that embeds a key or a certificate.
 *
 * OpenSSL's EVP interface allocates once a digest, even with a prefetched algorithm (measured), and a worker allocates
 * nothing; the older calls, deprecated but there, work on a context of the caller's.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "thumbprint.h"
#include "json.h"

#include <openssl/sha.h>

#include <string.h>

#include <bearertap/hex.h>

void certificate_digests(const uint8_t *der, size_t length, uint8_t sha1[20], uint8_t sha256[32])
{
    SHA_CTX sha1_context;
    SHA1_Init(&sha1_context);
    SHA1_Update(&sha1_context, der, length);
    SHA1_Final(sha1, &sha1_context);

    SHA256_CTX sha256_context;
    SHA256_Init(&sha256_context);
    SHA256_Update(&sha256_context, der, length);
    SHA256_Final(sha256, &sha256_context);
}

/* Exactly `size` bytes in hex, a colon allowed between any two. */
static bool read_hex(const uint8_t *text, size_t length, size_t size, uint8_t *out)
{
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        if (i > 0 && at < length && text[at] == ':')
            at++;
        if (length - at < 2)
            return false;
        int high = hex_digit(text[at]), low = hex_digit(text[at + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return at == length;
}

bool thumbprint_from_text(const uint8_t *text, size_t length, size_t size, uint8_t *thumbprint)
{
    if (read_hex(text, length, size, thumbprint))
        return true;
    uint8_t decoded[64];
    ptrdiff_t decoded_length = base64url_decode(text, length, decoded, sizeof(decoded), NULL);
    if (decoded_length == (ptrdiff_t)size) {
        memcpy(thumbprint, decoded, size);
        return true;
    }
    return decoded_length == (ptrdiff_t)(2 * size) && read_hex(decoded, 2 * size, size, thumbprint);
}

/* The members that RFC 7638 section 3.2, RFC 8037 section 2 and RFC 7518 section 6.4 require, by key type. */
static const char *const word_names[JWK_WORDS] = {"crv", "e", "k", "kty", "n", "x", "y"};

static const struct key_type {
    const char *name;
    unsigned required; /* bits: 1u << enum jwk_word, whose order is the lexicographic one of the thumbprint's input */
} key_types[] = {
    {"RSA", 1u << JWK_E | 1u << JWK_KTY | 1u << JWK_N},
    {"EC", 1u << JWK_CRV | 1u << JWK_KTY | 1u << JWK_X | 1u << JWK_Y},
    {"OKP", 1u << JWK_CRV | 1u << JWK_KTY | 1u << JWK_X},
    {"oct", 1u << JWK_K | 1u << JWK_KTY},
};

/* The last string under each word, as parsers keep the last of duplicates. */
static void find_jwk_words(const uint8_t *jwk, size_t length, struct jwk_words *words)
{
    struct json_scanner scanner;
    struct json_member member;
    memset(words, 0, sizeof(*words));
    json_scan_begin(&scanner, jwk, length);
    while (json_scan_next(&scanner, &member))
        for (int word = 0; word < JWK_WORDS; word++)
            if (json_name_is(&member, word_names[word])) {
                words->of[word].text = member.kind == JSON_KIND_STRING ? member.value : NULL;
                words->of[word].length = member.value_length;
                break;
            }
}

/* Unescaped on the way into the digest, so that no buffer of the value's size is needed. */
static void digest_unescaped(SHA256_CTX *context, const uint8_t *raw, size_t length)
{
    for (size_t at = 0; at < length;) {
        const uint8_t *backslash = memchr(raw + at, '\\', length - at);
        size_t plain = backslash == NULL ? length - at : (size_t)(backslash - raw) - at;
        SHA256_Update(context, raw + at, plain);
        at += plain;
        if (backslash != NULL) {
            uint8_t bytes[4];
            size_t count;
            at += json_read_escape(raw + at, length - at, bytes, &count);
            SHA256_Update(context, bytes, count);
        }
    }
}

static void digest_word(SHA256_CTX *context, const char *word)
{
    SHA256_Update(context, word, strlen(word));
}

bool jwk_words_thumbprint(const struct jwk_words *words, uint8_t thumbprint[32])
{
    const struct key_type *type = NULL;
    for (size_t i = 0; words->of[JWK_KTY].text != NULL && i < sizeof(key_types) / sizeof(key_types[0]); i++)
        if (json_text_is(words->of[JWK_KTY].text, words->of[JWK_KTY].length, key_types[i].name,
                         strlen(key_types[i].name)))
            type = &key_types[i];
    if (type == NULL)
        return false;

    SHA256_CTX context;
    SHA256_Init(&context);
    const char *before = "{\"";
    for (int word = 0; word < JWK_WORDS; word++) {
        if ((type->required & 1u << word) == 0)
            continue;
        if (words->of[word].text == NULL)
            return false;
        digest_word(&context, before);
        digest_word(&context, word_names[word]);
        digest_word(&context, "\":\"");
        digest_unescaped(&context, words->of[word].text, words->of[word].length);
        before = "\",\"";
    }
    digest_word(&context, "\"}");
    SHA256_Final(thumbprint, &context);
    return true;
}

bool jwk_thumbprint(const uint8_t *jwk, size_t length, uint8_t thumbprint[32])
{
    struct jwk_words words;
    find_jwk_words(jwk, length, &words);
    return jwk_words_thumbprint(&words, thumbprint);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What a key is known by: thumbprints from text, and RFC 7638 thumbprints from key material. */
#include "list.h"

#include <string.h>

#include <bearertap/hex.h>

/* `count` pairs of hex digits, `step` characters apart; with step 3 between them the same colon, space or dash. */
static bool decode_hex(const uint8_t *text, size_t count, size_t step, uint8_t *out)
{
    const uint8_t separator = text[2];
    if (step == 3 && separator != ':' && separator != ' ' && separator != '-')
        return false;
    for (size_t i = 0; i < count; i++, text += step) {
        int high = hex_digit(text[0]), low = hex_digit(text[1]);
        if (high < 0 || low < 0 || (step == 3 && i + 1 < count && text[2] != separator))
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* The sextet of a character of either alphabet, plus one; 0: of none. */
#define FIVE(c, v) [c] = (v), [(c) + 1] = (v) + 1, [(c) + 2] = (v) + 2, [(c) + 3] = (v) + 3, [(c) + 4] = (v) + 4
static const uint8_t sextets_plus_one[256] = {
    FIVE('A', 1),  FIVE('F', 6),  FIVE('K', 11), FIVE('P', 16), FIVE('U', 21), ['Z'] = 26, /* A-Z */
    FIVE('a', 27), FIVE('f', 32), FIVE('k', 37), FIVE('p', 42), FIVE('u', 47), ['z'] = 52, /* a-z */
    FIVE('0', 53), FIVE('5', 58), ['-'] = 63,    ['+'] = 63,    ['_'] = 64,    ['/'] = 64,
};
#undef FIVE

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

ptrdiff_t key_decode_base64(const char *text, size_t length, bool skip_space, uint8_t *out)
{
    size_t written = 0, sextets = 0, padding = 0, i = 0;
    uint32_t bits = 0;
    /* Four characters at once while they are all of an alphabet, which for numbers of keys is to the end. */
    for (; length - i >= 4; i += 4) {
        const uint8_t *four = (const uint8_t *)text + i;
        uint32_t first = sextets_plus_one[four[0]], second = sextets_plus_one[four[1]],
                 third = sextets_plus_one[four[2]], fourth = sextets_plus_one[four[3]];
        if (first == 0 || second == 0 || third == 0 || fourth == 0)
            break;
        bits = (first << 18) + (second << 12) + (third << 6) + fourth - (1 << 18 | 1 << 12 | 1 << 6 | 1);
        out[written++] = (uint8_t)(bits >> 16);
        out[written++] = (uint8_t)(bits >> 8);
        out[written++] = (uint8_t)bits;
    }
    for (; i < length; i++) {
        if (skip_space && is_space(text[i]))
            continue;
        if (text[i] == '=') {
            padding++;
            continue;
        }
        uint32_t value = sextets_plus_one[(uint8_t)text[i]];
        if (value == 0 || padding > 0)
            return -1;
        bits = bits << 6 | (value - 1);
        if (++sextets % 4 == 0) {
            out[written++] = (uint8_t)(bits >> 16);
            out[written++] = (uint8_t)(bits >> 8);
            out[written++] = (uint8_t)bits;
        }
    }
    /* The last 2 or 3 sextets hold 1 or 2 bytes; bits beyond them are let pass, as validators do. */
    size_t left = sextets % 4;
    if (left == 1 || (padding > 0 && left + padding != 4))
        return -1;
    if (left == 2) {
        out[written++] = (uint8_t)(bits >> 4);
    } else if (left == 3) {
        out[written++] = (uint8_t)(bits >> 10);
        out[written++] = (uint8_t)(bits >> 2);
    }
    return (ptrdiff_t)written;
}

/* How a thumbprint may be spelled; its length alone tells which, so no text has two readings. */
enum spelling { SPELLED_HEX = 2, SPELLED_HEX_IN_PAIRS = 3, SPELLED_BASE64 };

static const struct {
    size_t text, bytes;
    enum spelling spelling;
} spellings[] = {
    {27, KEY_SHA1_BYTES, SPELLED_BASE64},   {28, KEY_SHA1_BYTES, SPELLED_BASE64},
    {40, KEY_SHA1_BYTES, SPELLED_HEX},      {59, KEY_SHA1_BYTES, SPELLED_HEX_IN_PAIRS},
    {43, KEY_SHA256_BYTES, SPELLED_BASE64}, {44, KEY_SHA256_BYTES, SPELLED_BASE64},
    {64, KEY_SHA256_BYTES, SPELLED_HEX},    {95, KEY_SHA256_BYTES, SPELLED_HEX_IN_PAIRS},
};

size_t key_text_to_thumbprint(const uint8_t *text, size_t length, uint8_t thumbprint[32])
{
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        if (spellings[i].text != length)
            continue;
        size_t bytes = spellings[i].bytes;
        if (spellings[i].spelling != SPELLED_BASE64)
            return decode_hex(text, bytes, spellings[i].spelling, thumbprint) ? bytes : 0;
        /* 28 and 44 characters without padding are 21 and 33 bytes, so not straight into the caller's 32. */
        uint8_t decoded[KEY_SHA256_BYTES + 1];
        if (key_decode_base64((const char *)text, length, false, decoded) != (ptrdiff_t)bytes)
            return 0;
        memcpy(thumbprint, decoded, bytes);
        return bytes;
    }
    return 0;
}

size_t key_curve_bytes(const char *crv)
{
    static const struct {
        const char *crv;
        size_t bytes;
    } curves[] = {
        {"P-256", 32},   {"P-384", 48},  {"P-521", 66}, {"secp256k1", 32},
        {"Ed25519", 32}, {"X25519", 32}, {"Ed448", 57}, {"X448", 56},
    };
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (strcmp(curves[i].crv, crv) == 0)
            return curves[i].bytes;
    return 0;
}

bool key_material_thumbprint(const struct key_material *material, uint8_t thumbprint[KEY_SHA256_BYTES])
{
    static const struct {
        const char *kty;
        enum jwk_word numbers[2];
    } kinds[] = {{"RSA", {JWK_E, JWK_N}}, {"EC", {JWK_X, JWK_Y}}, {"OKP", {JWK_X, JWK_X}}, {"oct", {JWK_K, JWK_K}}};
    struct jwk_words words = {0};
    words.of[JWK_KTY].text = (const uint8_t *)material->kty;
    words.of[JWK_KTY].length = strlen(material->kty);
    if (material->crv != NULL) {
        words.of[JWK_CRV].text = (const uint8_t *)material->crv;
        words.of[JWK_CRV].length = strlen(material->crv);
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (unsigned k = 0; strcmp(kinds[i].kty, material->kty) == 0 && k < 2 && material->numbers[k] != NULL; k++) {
            words.of[kinds[i].numbers[k]].text = (const uint8_t *)material->numbers[k];
            words.of[kinds[i].numbers[k]].length = strlen(material->numbers[k]);
        }
    return jwk_words_thumbprint(&words, thumbprint);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base64url and base64, read as the most lenient of real decoders read them: what a strict one refuses is still a token
 * to somebody. Clean text goes four characters a step; a byte outside the alphabet sends its group, and only its group,
 * through the slow loop.
 */
#include <bearertap/token.h>

enum {
    JUNK = 0x80, /* outside the alphabet */
    PAD = 0x81,  /* '=' */
    NOT_A_SEXTET = 0x80
};

#define XX JUNK

/* Both alphabets of RFC 4648: '+' and '-' are 62, '/' and '_' are 63. */
static const uint8_t sextet_of[256] = {
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0x00 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0x10 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, 62, XX, 62,  XX, 63, /* 0x20: + - / */
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, XX, XX, XX, PAD, XX, XX, /* 0x30: 0-9 = */
    XX, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,  13, 14, /* 0x40: A-O */
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, XX, XX, XX,  XX, 63, /* 0x50: P-Z _ */
    XX, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,  39, 40, /* 0x60: a-o */
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, XX, XX, XX,  XX, XX, /* 0x70: p-z */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0x80 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0x90 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0xa0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0xb0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0xc0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0xd0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0xe0 */
    XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX, XX,  XX, XX, /* 0xf0 */
};

#undef XX

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What is decoded so far: whole groups in `out`, up to three sextets waiting in `group`. */
struct decoder {
    uint8_t *out;
    size_t written, capacity;
    uint32_t group;
    unsigned sextets;
};

/* Writes the first `bytes` of the group's 24 bits. False when there is no room for them. */
static inline bool put_group(struct decoder *decoder, uint32_t group, unsigned bytes)
{
    if (decoder->capacity - decoder->written < bytes)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        decoder->out[decoder->written + i] = (uint8_t)(group >> (16 - 8 * i));
    decoder->written += bytes;
    return true;
}

/* The fast path, from `at` on: groups of four without junk. Returns where it stopped, or -1 when there is no room. */
static inline ptrdiff_t decode_clean(struct decoder *decoder, const uint8_t *text, size_t at, size_t length)
{
    for (; length - at >= 4; at += 4) {
        uint32_t a = sextet_of[text[at]], b = sextet_of[text[at + 1]];
        uint32_t c = sextet_of[text[at + 2]], d = sextet_of[text[at + 3]];
        if ((a | b | c | d) & NOT_A_SEXTET)
            break;
        if (!put_group(decoder, a << 18 | b << 12 | c << 6 | d, 3))
            return -1;
    }
    return (ptrdiff_t)at;
}

ptrdiff_t base64url_decode(const uint8_t *text, size_t length, uint8_t *out, size_t capacity, size_t *junk)
{
    struct decoder decoder = {.out = out, .capacity = capacity};
    size_t at = 0, skipped = 0;
    bool fits = true;

    while (fits) {
        if (decoder.sextets == 0) {
            ptrdiff_t stopped = decode_clean(&decoder, text, at, length);
            if (stopped < 0) {
                fits = false;
                break;
            }
            at = (size_t)stopped;
        }
        if (at == length)
            break;
        uint8_t value = sextet_of[text[at++]];
        if (value == PAD)
            break;
        if (value == JUNK) {
            skipped++;
            continue;
        }
        decoder.group = decoder.group << 6 | value;
        if (++decoder.sextets == 4) {
            fits = put_group(&decoder, decoder.group, 3);
            decoder.group = 0;
            decoder.sextets = 0;
        }
    }

    /* Two sextets hold one byte, three hold two; of one alone nothing can be made. */
    if (fits && decoder.sextets >= 2)
        fits = put_group(&decoder, decoder.group << (6 * (4 - decoder.sextets)), decoder.sextets - 1);
    if (junk != NULL)
        *junk = skipped;
    return fits ? (ptrdiff_t)decoder.written : -1;
}

size_t base64url_encode(const uint8_t *bytes, size_t length, char *out)
{
    size_t written = 0;
    uint32_t bits = 0;
    unsigned held = 0; /* bits not written yet, at most 4 between two bytes */
    for (size_t i = 0; i < length; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6)
            out[written++] = alphabet[bits >> (held - 6) & 0x3f];
    }
    if (held > 0)
        out[written++] = alphabet[bits << (6 - held) & 0x3f];
    out[written] = '\0';
    return written;
}

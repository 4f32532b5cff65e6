/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_SCAN_SPAN_H
#define BEARERTAP_APP_SCAN_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

static inline bool is_of_base64url(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '-' || byte == '_';
}

/*
 * How many bytes from `at` on are of base64url's alphabet (RFC 4648 section 5). They end no token, and stand for
 * themselves in any syntax. A header has some 150 of them, and looking at each was a sixth of all instructions that a
 * request took.
 */
static inline size_t span_of_base64url(const uint8_t *at, const uint8_t *end)
{
    size_t done = 0;
#ifdef __AVX2__
    /* A bit for each row of ASCII: is a byte's low half among those that its high half allows? */
    enum { DASH = 1, DIGIT = 2, LETTER = 4, LAST_UPPER = 8, LAST_LOWER = 16 };
    enum { ALL_ROWS = DIGIT | LAST_UPPER | LAST_LOWER }; /* where a low half of 0 is allowed */
    const __m256i low = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(ALL_ROWS, ALL_ROWS | LETTER, ALL_ROWS | LETTER, ALL_ROWS | LETTER, ALL_ROWS | LETTER,
                      ALL_ROWS | LETTER, ALL_ROWS | LETTER, ALL_ROWS | LETTER, ALL_ROWS | LETTER, ALL_ROWS | LETTER,
                      LAST_UPPER | LAST_LOWER | LETTER, LETTER, LETTER, LETTER | DASH, LETTER, LETTER | LAST_UPPER));
    const __m256i high = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 0, DASH, DIGIT, LETTER, LAST_UPPER, LETTER, LAST_LOWER, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i half = _mm256_set1_epi8(0x0f);
    for (; (size_t)(end - at) - done >= 32; done += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(at + done));
        __m256i rows = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half));
        __m256i columns = _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, half));
        __m256i outside = _mm256_cmpeq_epi8(_mm256_and_si256(rows, columns), _mm256_setzero_si256());
        uint32_t mask = (uint32_t)_mm256_movemask_epi8(outside);
        if (mask != 0)
            return done + (size_t)__builtin_ctz(mask);
    }
#endif
    while (done < (size_t)(end - at) && is_of_base64url(at[done]))
        done++;
    return done;
}

#endif

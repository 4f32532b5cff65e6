/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_SIPHASH_H
#define BEARERTAP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif

/*
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012), 64 and 128 bits: the keyed hash of every
 * table that a sender could aim at. Pure functions, no allocation, any thread.
 */

struct siphash_key {
    uint64_t k0, k1;
};

struct siphash_digest {
    uint64_t low, high;
};

/* A key from the system's random source; 0 or a negative errno. */
int siphash_key_random(struct siphash_key *key);

uint64_t siphash_64(const struct siphash_key *key, const void *bytes, size_t length);

/*
 * SipHash-1-3, the variant with fewer rounds, of so many words of eight bytes (as bytes: in little-endian order). For
 * tables of the hot path, which need no more than that a sender cannot aim: what is hashed is never the secret, and a
 * digest is never shown.
 */
static inline uint64_t siphash_13(const struct siphash_key *key, const uint64_t *words, unsigned count);

/* The same of four messages at once, words[i][m] being word i of message m: a third of the time where the CPU has AVX2.
 */
static inline void siphash_13_of_4(const struct siphash_key *key, uint64_t words[][4], unsigned count,
                                   uint64_t hashes[4]);

struct siphash_digest siphash_128(const struct siphash_key *key, const void *bytes, size_t length);

/* How it goes. */

struct siphash_state {
    uint64_t v0, v1, v2, v3;
};

static inline struct siphash_state siphash_begin(const struct siphash_key *key)
{
    return (struct siphash_state){key->k0 ^ 0x736f6d6570736575U, key->k1 ^ 0x646f72616e646f6dU,
                                  key->k0 ^ 0x6c7967656e657261U, key->k1 ^ 0x7465646279746573U};
}

static inline uint64_t siphash_rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void siphash_round(struct siphash_state *s)
{
    s->v0 += s->v1;
    s->v1 = siphash_rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = siphash_rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = siphash_rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = siphash_rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = siphash_rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = siphash_rotate_left(s->v2, 32);
}

static inline uint64_t siphash_13(const struct siphash_key *key, const uint64_t *words, unsigned count)
{
    struct siphash_state s = siphash_begin(key);
    for (unsigned i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : (uint64_t)(count * 8) << 56;
        s.v3 ^= word;
        siphash_round(&s);
        s.v0 ^= word;
    }
    s.v2 ^= 0xff;
    siphash_round(&s);
    siphash_round(&s);
    siphash_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#ifdef __AVX2__

static inline __m256i siphash_rotate_4(__m256i x, int bits)
{
    return _mm256_or_si256(_mm256_slli_epi64(x, bits), _mm256_srli_epi64(x, 64 - bits));
}

static inline void siphash_round_4(__m256i v[4])
{
    v[0] = _mm256_add_epi64(v[0], v[1]);
    v[1] = _mm256_xor_si256(siphash_rotate_4(v[1], 13), v[0]);
    v[0] = _mm256_shuffle_epi32(v[0], 0xb1); /* by 32 */
    v[2] = _mm256_add_epi64(v[2], v[3]);
    v[3] = _mm256_xor_si256(siphash_rotate_4(v[3], 16), v[2]);
    v[0] = _mm256_add_epi64(v[0], v[3]);
    v[3] = _mm256_xor_si256(siphash_rotate_4(v[3], 21), v[0]);
    v[2] = _mm256_add_epi64(v[2], v[1]);
    v[1] = _mm256_xor_si256(siphash_rotate_4(v[1], 17), v[2]);
    v[2] = _mm256_shuffle_epi32(v[2], 0xb1);
}

static inline void siphash_13_of_4(const struct siphash_key *key, uint64_t words[][4], unsigned count,
                                   uint64_t hashes[4])
{
    struct siphash_state s = siphash_begin(key);
    __m256i v[4] = {_mm256_set1_epi64x((long long)s.v0), _mm256_set1_epi64x((long long)s.v1),
                    _mm256_set1_epi64x((long long)s.v2), _mm256_set1_epi64x((long long)s.v3)};
    const uint64_t last = (uint64_t)count << 59; /* the length in bytes, in the highest byte */
    for (unsigned i = 0; i <= count; i++) {
        __m256i word = i < count ? _mm256_loadu_si256((const __m256i *)(const void *)words[i])
                                 : _mm256_set1_epi64x((long long)last);
        v[3] = _mm256_xor_si256(v[3], word);
        siphash_round_4(v);
        v[0] = _mm256_xor_si256(v[0], word);
    }
    v[2] = _mm256_xor_si256(v[2], _mm256_set1_epi64x(0xff));
    siphash_round_4(v);
    siphash_round_4(v);
    siphash_round_4(v);
    __m256i all = _mm256_xor_si256(_mm256_xor_si256(v[0], v[1]), _mm256_xor_si256(v[2], v[3]));
    _mm256_storeu_si256((__m256i *)(void *)hashes, all);
}

#else

static inline void siphash_13_of_4(const struct siphash_key *key, uint64_t words[][4], unsigned count,
                                   uint64_t hashes[4])
{
    for (unsigned m = 0; m < 4; m++) {
        uint64_t message[8];
        for (unsigned i = 0; i < count && i < 8; i++)
            message[i] = words[i][m];
        hashes[m] = siphash_13(key, message, count);
    }
}

#endif

#endif

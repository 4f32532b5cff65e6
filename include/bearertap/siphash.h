/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_SIPHASH_H
#define BEARERTAP_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

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

#endif

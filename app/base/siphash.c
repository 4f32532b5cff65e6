/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-2-4 as its authors' paper gives it; the 128-bit form as their reference implementation finishes it. */
#include <bearertap/siphash.h>

#include <errno.h>
#include <string.h>
#include <sys/random.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void round_once(struct state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    round_once(s);
    round_once(s);
    s->v0 ^= word;
}

static inline void absorb_all(struct state *s, const uint8_t *bytes, size_t length)
{
    size_t left = length;
    for (; left >= 8; left -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof(word)); /* x86 is little-endian, as SipHash is */
        absorb(s, word);
    }
    uint64_t last = (uint64_t)length << 56;
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)bytes[i] << (8 * i);
    absorb(s, last);
}

static inline uint64_t finish(struct state *s)
{
    for (int i = 0; i < 4; i++)
        round_once(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

static inline struct state begin(const struct siphash_key *key)
{
    return (struct state){key->k0 ^ 0x736f6d6570736575U, key->k1 ^ 0x646f72616e646f6dU, key->k0 ^ 0x6c7967656e657261U,
                          key->k1 ^ 0x7465646279746573U};
}

uint64_t siphash_64(const struct siphash_key *key, const void *bytes, size_t length)
{
    struct state s = begin(key);
    absorb_all(&s, bytes, length);
    s.v2 ^= 0xff;
    return finish(&s);
}

struct siphash_digest siphash_128(const struct siphash_key *key, const void *bytes, size_t length)
{
    struct state s = begin(key);
    s.v1 ^= 0xee;
    absorb_all(&s, bytes, length);
    s.v2 ^= 0xee;
    struct siphash_digest digest;
    digest.low = finish(&s);
    s.v1 ^= 0xdd;
    digest.high = finish(&s);
    return digest;
}

int siphash_key_random(struct siphash_key *key)
{
    return getrandom(key, sizeof(*key), 0) == (ssize_t)sizeof(*key) ? 0 : -EIO;
}

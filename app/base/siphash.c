/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-2-4 as its authors' paper gives it; the 128-bit form as their reference implementation finishes it. */
#include <bearertap/siphash.h>

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static inline void absorb(struct siphash_state *s, uint64_t word)
{
    s->v3 ^= word;
    siphash_round(s);
    siphash_round(s);
    s->v0 ^= word;
}

static inline void absorb_all(struct siphash_state *s, const uint8_t *bytes, size_t length)
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

static inline uint64_t finish(struct siphash_state *s)
{
    for (int i = 0; i < 4; i++)
        siphash_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash_64(const struct siphash_key *key, const void *bytes, size_t length)
{
    struct siphash_state s = siphash_begin(key);
    absorb_all(&s, bytes, length);
    s.v2 ^= 0xff;
    return finish(&s);
}

struct siphash_digest siphash_128(const struct siphash_key *key, const void *bytes, size_t length)
{
    struct siphash_state s = siphash_begin(key);
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

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_RANDOM_H
#define BEARERTAP_APP_TRAFFIC_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014): one word of state, so that
 * every connection and every message can have a stream of its own that is named by a number and made again at will.
 */
struct random {
    uint64_t state;
};

static inline uint64_t random_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

static inline uint64_t random_next(struct random *random)
{
    return random_mix(random->state += 0x9e3779b97f4a7c15);
}

/* 0 to bound - 1. The bias of a multiplication is 2^-32 at most: nobody gambles here. */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(((random_next(random) >> 32) * bound) >> 32);
}

static inline uint32_t random_between(struct random *random, uint32_t least, uint32_t most)
{
    return least + random_below(random, most - least + 1);
}

static inline bool random_hits(struct random *random, uint32_t parts, uint32_t of)
{
    return random_below(random, of) < parts;
}

/* A stream of its own for the `number`th of a kind. */
static inline uint64_t random_seed(uint64_t seed, uint64_t kind, uint64_t number)
{
    return random_mix(random_mix(seed + kind * 0x9e3779b97f4a7c15) + number * 0xd1342543de82ef95);
}

/* The kinds of random_seed. */
enum random_kind {
    RANDOM_PICKS = 1,
    RANDOM_CONNECTION,
    RANDOM_CLEAN_KEY,
    RANDOM_REVOKED_KEY,
    RANDOM_POOLS,
    RANDOM_TOKEN,
    RANDOM_MESSAGE,
};

#endif

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

struct siphash_digest siphash_128(const struct siphash_key *key, const void *bytes, size_t length);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_POOLS_H
#define BEARERTAP_APP_TRAFFIC_POOLS_H

#include <stddef.h>
#include <stdint.h>

/*
 * What bodies are cut from: made once from the seed, because copying is twenty times as fast as making. They are a ring
 * each: what runs over the end goes on at the beginning.
 */
enum pool_kind {
    POOL_JSON,   /* records of a list, each with a comma behind it */
    POOL_BINARY, /* as video and archives look: any byte, nothing that repeats */
    POOL_DEEP,   /* base64url that begins as tokens do, and is none */
    POOL_GROUPS, /* "uuid", of claims */
    POOL_KINDS
};

enum {
    POOL_BYTES = 1 << 20,
    POOL_GROUP_BYTES = 39, /* of an entry of POOL_GROUPS */
    POOL_GROUPS_COUNT = 4096,
    POOL_RECORD_MAX = 1024, /* of a record of POOL_JSON */
};

struct pool {
    uint8_t *bytes;
    uint32_t length;
    uint32_t *records; /* POOL_JSON: where each begins, and the end; NULL elsewhere */
    uint32_t records_count;
};

struct pools {
    struct pool of[POOL_KINDS];
};

/* 0, or -ENOMEM. */
int pools_create(uint64_t seed, struct pools *pools);
void pools_destroy(struct pools *pools);

/* Copies from a place of the ring. */
void pool_copy(const struct pool *pool, uint32_t from, uint8_t *out, uint32_t length);

#endif

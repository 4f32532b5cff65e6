/* SPDX-License-Identifier: BSD-3-Clause */
#include "pools.h"

#include <errno.h>
#include <stdlib.h>

#include "random.h"
#include "text.h"

static void put_words(struct text *text, struct random *random, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            text_put(text, " ");
        text_put_word(text, random);
    }
}

static void put_date(struct text *text, struct random *random)
{
    text_put(text, "202");
    text_put_number(text, random_between(random, 3, 5));
    text_put(text, "-");
    text_put_two_digits(text, random_between(random, 1, 12));
    text_put(text, "-");
    text_put_two_digits(text, random_between(random, 1, 28));
    text_put(text, "T");
    text_put_two_digits(text, random_below(random, 24));
    text_put(text, ":");
    text_put_two_digits(text, random_below(random, 60));
    text_put(text, ":");
    text_put_two_digits(text, random_below(random, 60));
    text_put(text, "Z");
}

/* About 250 bytes, as an API's list items look. */
static void put_record(struct text *text, struct random *random)
{
    text_put(text, "{\"id\":\"");
    text_put_uuid(text, random);
    text_put(text, "\",\"number\":");
    text_put_number(text, random_below(random, 1000000));
    text_put(text, ",\"title\":\"");
    put_words(text, random, random_between(random, 2, 5));
    text_put(text, "\",\"created\":\"");
    put_date(text, random);
    text_put(text, "\",\"amount\":");
    text_put_number(text, random_below(random, 10000));
    text_put(text, ".");
    text_put_two_digits(text, random_below(random, 100));
    text_put(text, ",\"tags\":[\"");
    text_put_word(text, random);
    text_put(text, "\",\"");
    text_put_word(text, random);
    text_put(text, random_hits(random, 1, 3) ? "\"],\"open\":true,\"note\":\"" : "\"],\"open\":false,\"note\":\"");
    put_words(text, random, random_below(random, 12));
    text_put(text, "\"},");
}

static int fill_json(struct pool *pool, struct random *random)
{
    struct text text = {.bytes = (char *)pool->bytes};
    pool->records = malloc(sizeof(*pool->records) * (POOL_BYTES / 128));
    if (pool->records == NULL)
        return -ENOMEM;
    while (text.length + POOL_RECORD_MAX < POOL_BYTES) {
        pool->records[pool->records_count++] = (uint32_t)text.length;
        put_record(&text, random);
    }
    pool->records[pool->records_count] = (uint32_t)text.length;
    pool->length = (uint32_t)text.length;
    return 0;
}

static void fill_binary(struct pool *pool, struct random *random)
{
    for (; pool->length < POOL_BYTES; pool->length += 8) {
        uint64_t bits = random_next(random);
        for (unsigned i = 0; i < 8; i++)
            pool->bytes[pool->length + i] = (uint8_t)(bits >> (8 * i));
    }
}

/* A JSON object in base64url that is no JOSE header: it has neither alg nor the name of a key. */
static void put_cursor(struct text *text, struct random *random)
{
    char bytes[256];
    struct text cursor = {.bytes = bytes};
    text_put(&cursor, "{\"cursor\":\"");
    text_put_hex(&cursor, random_next(random), 16);
    text_put(&cursor, "\",\"page\":");
    text_put_number(&cursor, random_below(random, 1000));
    text_put(&cursor, ",\"order\":\"");
    text_put_word(&cursor, random);
    text_put(&cursor, "\"}");
    text_put_base64url(text, (const uint8_t *)bytes, cursor.length);
}

/* Each kind costs another stage of a scanner: its matches, its captures, its reading of headers. */
static void put_deep_piece(struct text *text, struct random *random)
{
    static const char *const beginnings[] = {"eyJ", "eyJ", "eyJ", "eyI", "eyK", "eyL", "ewo", "IHsi"};
    static const char *const ends[] = {".", ".", ".", "\",\"", "\",\"", " ", "~", "="};
    switch (random_below(random, 4)) {
    case 0:
        for (unsigned i = random_between(random, 4, 60); i > 0; i--)
            text_put(text, "eyJ");
        break;
    case 1:
        put_cursor(text, random);
        break;
    default:
        text_put(text, beginnings[random_below(random, 8)]);
        text_put_base64url_noise(text, random, random_between(random, 8, 400));
    }
    text_put(text, ends[random_below(random, 8)]);
}

static void fill_deep(struct pool *pool, struct random *random)
{
    struct text text = {.bytes = (char *)pool->bytes};
    while (text.length + 512 < POOL_BYTES)
        put_deep_piece(&text, random);
    pool->length = (uint32_t)text.length;
}

static void fill_groups(struct pool *pool, struct random *random)
{
    struct text text = {.bytes = (char *)pool->bytes};
    for (unsigned i = 0; i < POOL_GROUPS_COUNT; i++) {
        text_put(&text, "\"");
        text_put_uuid(&text, random);
        text_put(&text, "\",");
    }
    pool->length = (uint32_t)text.length;
}

int pools_create(uint64_t seed, struct pools *pools)
{
    int result = 0;
    *pools = (struct pools){0};
    for (unsigned i = 0; i < POOL_KINDS && result == 0; i++) {
        pools->of[i].bytes = malloc(POOL_BYTES);
        result = pools->of[i].bytes != NULL ? 0 : -ENOMEM;
    }
    struct random random = {random_seed(seed, RANDOM_POOLS, 0)};
    if (result == 0)
        result = fill_json(&pools->of[POOL_JSON], &random);
    if (result == 0) {
        fill_binary(&pools->of[POOL_BINARY], &random);
        fill_deep(&pools->of[POOL_DEEP], &random);
        fill_groups(&pools->of[POOL_GROUPS], &random);
    } else {
        pools_destroy(pools);
    }
    return result;
}

void pools_destroy(struct pools *pools)
{
    for (unsigned i = 0; i < POOL_KINDS; i++) {
        free(pools->of[i].bytes);
        free(pools->of[i].records);
    }
    *pools = (struct pools){0};
}

void pool_copy(const struct pool *pool, uint32_t from, uint8_t *out, uint32_t length)
{
    while (length > 0) {
        uint32_t at = from % pool->length, piece = pool->length - at < length ? pool->length - at : length;
        memcpy(out, pool->bytes + at, piece);
        from = at + piece;
        out += piece;
        length -= piece;
    }
}

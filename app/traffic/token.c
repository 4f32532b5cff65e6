/* SPDX-License-Identifier: BSD-3-Clause */
#include "token.h"

#include <bearertap/traffic.h>

enum {
    CLEAN_KEYS = 12,       /* an issuer has a handful of keys at a time */
    SIGNATURE_BYTES = 256, /* RS256 with 2048 bits */
    SIGNATURE_LENGTH = 342,
    CLAIMS_MAX = 2048,
    ISSUED_AT = 1767571200, /* 2026-01-05, 00:00:00 UTC */
};

/* 24 characters: what decodes to 20 or 32 bytes in base64url or hex has 27, 43, 40 or 64. */
void traffic_key_id(uint64_t seed, uint32_t index, char text[TRAFFIC_KEY_ID_MAX])
{
    struct text id = {.bytes = text};
    text_put(&id, "key-");
    text_put_hex(&id, index, 7);
    text_put(&id, "-");
    text_put_hex(&id, random_seed(seed, RANDOM_REVOKED_KEY, index), 12);
    id.bytes[id.length] = '\0';
}

/* Issuers write it in many ways; a key's headers are all alike. */
static void put_header_members(struct text *json, unsigned way, const char *kid, struct random *thumbprint)
{
    switch (way % 3) {
    case 0:
        text_put(json, "{\"typ\":\"JWT\",\"alg\":\"RS256\",\"x5t\":\"");
        text_put_base64url_noise(json, thumbprint, 26);
        text_put(json, "A\",\"kid\":\""); /* the 27th character has two bits of no use, which are 0 */
        text_put(json, kid);
        text_put(json, "\"");
        break;
    case 1:
        text_put(json, "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"");
        text_put(json, kid);
        text_put(json, "\"");
        break;
    default:
        text_put(json, "{\"kid\":\"");
        text_put(json, kid);
        text_put(json, "\",\"typ\":\"JWT\",\"alg\":\"RS256\"");
    }
}

static void put_header(struct text *text, const struct token_recipe *recipe, struct random *random)
{
    char json_bytes[512], kid_bytes[TRAFFIC_KEY_ID_MAX];
    struct text json = {.bytes = json_bytes}, kid = {.bytes = kid_bytes};
    bool clean = recipe->key == TOKEN_KEY_CLEAN;
    uint32_t index = clean ? random_below(random, CLEAN_KEYS) : recipe->key;
    struct random of_key = {random_seed(recipe->traffic_seed, clean ? RANDOM_CLEAN_KEY : RANDOM_TOKEN, index)};
    if (!clean) {
        traffic_key_id(recipe->traffic_seed, index, kid_bytes);
    } else {
        text_put_uuid(&kid, recipe->new_header ? random : &of_key);
        kid_bytes[kid.length] = '\0';
    }
    put_header_members(&json, index, kid_bytes, recipe->new_header && clean ? random : &of_key);
    if (recipe->new_header &&
        !clean) { /* the kid is one of a list, so something else is new, as some issuers have it */
        text_put(&json, ",\"nonce\":\"");
        text_put_base64url_noise(&json, random, 43);
        text_put(&json, "\"");
    }
    text_put(&json, "}");
    text_put_base64url(text, (const uint8_t *)json_bytes, json.length);
    text_put(text, ".");
}

/* Of this many characters, or up to 52 fewer. */
static void put_claims(struct text *json, struct random *random, size_t length, const struct pool *groups)
{
    uint64_t issued_at = ISSUED_AT - random_below(random, 3000);
    text_put(json, "{\"aud\":\"api://orders\",\"iss\":\"https://login.contoso.example/v2.0\",\"iat\":");
    text_put_number(json, issued_at);
    text_put(json, ",\"exp\":");
    text_put_number(json, issued_at + 3600);
    text_put(json, ",\"sub\":\"user-");
    text_put_number(json, random_below(random, 100000));
    text_put(json, "\"");
    if (json->length + 300 < length) {
        text_put(json, ",\"appid\":\"");
        text_put_uuid(json, random);
        text_put(json, "\",\"oid\":\"");
        text_put_uuid(json, random);
        text_put(json, "\",\"scp\":\"orders.read stock.");
        text_put_word(json, random);
        text_put(json, "\",\"ver\":\"2.0\",\"uti\":\"");
        text_put_base64url_noise(json, random, 22);
        text_put(json, "\"");
    }
    text_put(json, ",\"groups\":[");
    size_t room = json->length + 2 < length ? (length - json->length - 2) / POOL_GROUP_BYTES : 0;
    if (room > 0) {
        uint32_t first = random_below(random, POOL_GROUPS_COUNT - (uint32_t)room);
        pool_copy(groups, first * POOL_GROUP_BYTES, (uint8_t *)json->bytes + json->length,
                  (uint32_t)room * POOL_GROUP_BYTES);
        json->length += room * POOL_GROUP_BYTES - 1; /* not the last comma */
    }
    text_put(json, "]}");
}

struct token_place token_put(struct text *text, const struct token_recipe *recipe, const struct pool *groups)
{
    char claims_bytes[CLAIMS_MAX];
    struct text claims = {.bytes = claims_bytes};
    struct random random = {recipe->seed};
    struct token_place place;
    size_t begin = text->length, wanted = random_between(&random, TOKEN_LEAST + 60, TOKEN_MOST);
    put_header(text, recipe, &random);
    place.header_end = text->length;
    put_claims(&claims, &random, (wanted - SIGNATURE_LENGTH - 1 - (text->length - begin)) * 3 / 4, groups);
    text_put_base64url(text, (const uint8_t *)claims_bytes, claims.length);
    text_put(text, ".");
    /* 256 bytes: of the last character four bits are of no use, and 0 */
    text_put_base64url_noise(text, &random, SIGNATURE_LENGTH - 1);
    text_put(text, "Q");
    place.end = text->length;
    return place;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The mixes. A new one is a row of `traffic_mixes`, and a style where no style does what is wanted. */
#include "mixes.h"

#include <stddef.h>
#include <string.h>

#define JSON_TYPE   "application/json; charset=utf-8"
#define BINARY_TYPE "application/octet-stream"

#define API_CALLS                                                                                                      \
    .calls_least = 10, .calls_most = 60, .response_least = 300, .response_most = 14000, .response_body = POOL_JSON,    \
    .content_type = JSON_TYPE, .posts_percent = 15

static const struct style api = {API_CALLS, .revoked_one_in = 500};

static const struct style bulk = {
    .calls_least = 1,
    .calls_most = 4,
    .response_least = 1000000,
    .response_most = 20000000,
    .response_body = POOL_BINARY,
    .content_type = BINARY_TYPE,
    .revoked_one_in = 500,
};

static const struct style small = {.bare_least = 200, .bare_most = 2000};

static const struct style handshakes = {
    .calls_least = 1,
    .calls_most = 1,
    .response_least = 100,
    .response_most = 1200,
    .response_body = POOL_JSON,
    .content_type = JSON_TYPE,
    .posts_percent = 15,
    .revoked_one_in = 500,
};

static const struct style storm = {API_CALLS, .revoked_one_in = 1};

static const struct style unique = {API_CALLS, .revoked_one_in = 500, .new_headers = true};

static const struct style unique_storm = {API_CALLS, .revoked_one_in = 1, .new_headers = true};

static const struct style chaos = {
    API_CALLS, .revoked_one_in = 500, .reordered = 100, .duplicated = 100, .lost = 10,
};

static const struct style deep = {
    .calls_least = 10,
    .calls_most = 60,
    .response_least = 300,
    .response_most = 14000,
    .response_body = POOL_DEEP,
    .content_type = JSON_TYPE,
    .posts_percent = 50,
    .revoked_one_in = 500,
    .deep_requests = true,
};

#define ALL_OF(style)                                                                                                  \
    {                                                                                                                  \
        .parts = { {&(style), 100} }                                                                                   \
    }

static const struct traffic_recipe only_api = ALL_OF(api), only_bulk = ALL_OF(bulk), only_small = ALL_OF(small),
                                   only_handshakes = ALL_OF(handshakes), only_storm = ALL_OF(storm),
                                   only_unique = ALL_OF(unique), only_chaos = ALL_OF(chaos), only_deep = ALL_OF(deep),
                                   only_unique_storm = ALL_OF(unique_storm);

static const struct traffic_recipe flood = {.parts = {{&api, 100}}, .flood_percent = 90};

static const struct traffic_recipe mixed = {
    .parts =
        {{&api, 52}, {&bulk, 20}, {&handshakes, 8}, {&small, 8}, {&chaos, 5}, {&unique, 4}, {&deep, 2}, {&storm, 1}},
    .flood_percent = 2,
};

const struct traffic_mix traffic_mixes[] = {
    {"api", "keep-alive HTTP/1.1 calls, a token of 0.9 to 2.2 KB on each, JSON answers of 0.3 to 14 KB", &only_api},
    {"bulk", "large downloads, a token only on the requests", &only_bulk},
    {"small", "bare ACKs and minimal frames", &only_small},
    {"handshakes", "short connections: open, one request, close", &only_handshakes},
    {"storm", "api, every token revoked", &only_storm},
    {"unique", "api, every token with a JOSE header never seen before", &only_unique},
    {"unique-storm", "unique, every token revoked", &only_unique_storm},
    {"chaos", "api with 1 % of segments reordered, 1 % duplicated, 0.1 % lost", &only_chaos},
    {"flood", "api with 90 % SYN packets of random sources", &flood},
    {"deep", "requests and answers full of what begins like a token and is none", &only_deep},
    {"mixed", "a weighted blend of all of these", &mixed},
};

const unsigned traffic_mixes_count = sizeof(traffic_mixes) / sizeof(traffic_mixes[0]);

const struct traffic_mix *traffic_mix_find(const char *name)
{
    for (unsigned i = 0; i < traffic_mixes_count; i++)
        if (strcmp(traffic_mixes[i].name, name) == 0)
            return &traffic_mixes[i];
    return NULL;
}

const struct style *recipe_style(const struct traffic_recipe *recipe, uint32_t slot)
{
    uint32_t percent = slot % 100 * 37 % 100; /* a few neighbours have all the kinds, too */
    const struct mix_part *part = recipe->parts;
    while (percent >= part->share) {
        percent -= part->share;
        part++;
    }
    return part->style;
}

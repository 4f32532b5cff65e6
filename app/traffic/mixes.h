/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_MIXES_H
#define BEARERTAP_APP_TRAFFIC_MIXES_H

#include <stdbool.h>
#include <stdint.h>

#include <bearertap/traffic.h>

#include "pools.h"

/* How connections of a kind live. */
struct style {
    uint16_t calls_least, calls_most;       /* requests of a connection */
    uint32_t response_least, response_most; /* bytes of a response's body */
    enum pool_kind response_body;
    const char *content_type;
    uint8_t posts_percent;                /* requests with a body; the others are GETs */
    uint16_t revoked_one_in;              /* of so many connections one has a token of a revoked key; 0: none */
    bool new_headers;                     /* every request's token has a JOSE header of its own */
    bool deep_requests;                   /* requests, too, are full of what begins like a token */
    uint32_t bare_least, bare_most;       /* instead of calls: that many segments without payload */
    uint16_t reordered, duplicated, lost; /* of ten thousand segments with payload */
};

/* One kind among those of a mix; the shares are of packets, and add up to 100. */
struct mix_part {
    const struct style *style;
    uint8_t share;
};

enum { MIX_PARTS_MAX = 10 };

struct traffic_recipe {
    struct mix_part parts[MIX_PARTS_MAX];
    uint8_t flood_percent; /* of packets: lone SYNs of random sources */
};

/* Of which style the connections in a slot are: chosen by slot and not anew each time, or long connections would crowd
 * out the short ones. */
const struct style *recipe_style(const struct traffic_recipe *recipe, uint32_t slot);

#endif

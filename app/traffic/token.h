/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_TOKEN_H
#define BEARERTAP_APP_TRAFFIC_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "pools.h"
#include "text.h"

#define TOKEN_KEY_CLEAN UINT32_MAX /* not revoked */

enum { TOKEN_LEAST = 900, TOKEN_MOST = 2200 }; /* characters */

struct token_recipe {
    uint64_t traffic_seed; /* names the keys */
    uint64_t seed;         /* of this token: the same makes the same */
    uint32_t key;          /* which revoked key, or TOKEN_KEY_CLEAN */
    bool new_header;       /* a JOSE header of its own, else one of a few */
};

/* Where in the text: behind the '.' of the JOSE header, and behind the token. It begins where the text ended. */
struct token_place {
    size_t header_end, end;
};

/* A signed JWT (RFC 7519) in compact form, but that its signature is noise. */
struct token_place token_put(struct text *text, const struct token_recipe *recipe, const struct pool *groups);

#endif

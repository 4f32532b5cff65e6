/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_HTTP_H
#define BEARERTAP_APP_TRAFFIC_HTTP_H

#include <stdint.h>

#include "mixes.h"
#include "pools.h"
#include "text.h"
#include "token.h"

/*
 * Requests and responses (RFC 9112). A message is a text of its own, a piece of a pool behind it, and a tail; none is
 * kept: all that a message is follows from a seed, so that it can be made again for each of its segments.
 */

enum { HTTP_TEXT_MAX = 12 * 1024 };

struct http_message {
    uint64_t seed;
    uint32_t text_length;          /* head, and a small body */
    uint32_t head_length;          /* up to the empty line */
    uint32_t body_at, body_length; /* in the pool of `body`, behind the text */
    uint32_t length;               /* all, with the tail */
    uint8_t body;                  /* enum pool_kind */
    uint8_t tail_length;
    /* Of a request's token: the header field that holds it, its JOSE header with the '.', its end. */
    uint32_t announced_at, header_begin, header_end, token_end;
};

/* The tail of bodies in these pools: what closes the list or the string. */
const char *http_tail(enum pool_kind body);

/* Both write the message's text and fill `message` (which says its seed) anew. */
void http_put_request(struct text *text, const struct style *style, const struct pools *pools,
                      const struct token_recipe *token, uint64_t client, struct http_message *message);
void http_put_response(struct text *text, const struct style *style, const struct pools *pools,
                       struct http_message *message);

#endif

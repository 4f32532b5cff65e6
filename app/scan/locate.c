/* SPDX-License-Identifier: BSD-3-Clause */
/* A token's placement, by the request around it. */
#include "captures.h"

/* Media types are short (RFC 6838 section 4.2: 127 characters a half); every token in a body asks. */
#define CONTENT_TYPE_MAX 256

static enum placement header_placement(struct http_view name)
{
    static const struct {
        const char *name;
        enum placement placement;
    } rows[] = {
        {"authorization", PLACEMENT_AUTHORIZATION},
        {"proxy-authorization", PLACEMENT_PROXY_AUTHORIZATION},
        {"cookie", PLACEMENT_COOKIE},
    };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (http_view_is(name, rows[i].name))
            return rows[i].placement;
    return PLACEMENT_HEADER;
}

static enum placement body_placement(struct http_view content_type, enum syntax syntax)
{
    if (content_type.length > CONTENT_TYPE_MAX)
        content_type.length = CONTENT_TYPE_MAX;
    if (syntax == SYNTAX_JSON)
        return PLACEMENT_JSON_BODY;
    if (syntax == SYNTAX_PARAMETER || http_view_contains(content_type, "form"))
        return PLACEMENT_FORM_BODY;
    return http_view_contains(content_type, "json") ? PLACEMENT_JSON_BODY : PLACEMENT_OTHER;
}

void place_token(struct scan *scan, struct capture *capture)
{
    struct scan_token *token = &capture->token;
    struct http_place place;
    if (capture->placed)
        return;
    capture->placed = true;
    if (token->from_server) {
        /* What a server sends is not kept: a quote tells a JSON body. */
        if (capture->syntax == SYNTAX_BARE)
            token->placement = token->position > 0 && scan_byte_at(scan, token->position - 1) == '"'
                                   ? PLACEMENT_JSON_BODY
                                   : PLACEMENT_OTHER;
        return;
    }
    /* Of an announced token the first byte may not have come yet: the announcement's last one has. */
    uint64_t position = token->announced ? token->position - 1 : token->position;
    if (!http_find_place(scan->options.http, token->flow, token->direction, position, &place)) {
        if (capture->syntax == SYNTAX_BARE)
            scan->options.counters->events[EVENT_CONTEXT_UNKNOWN]++;
        return;
    }
    switch (place.region) {
    case HTTP_REQUEST_LINE:
        token->placement = PLACEMENT_QUERY;
        break;
    case HTTP_HEADER:
        token->placement = header_placement(place.header_name);
        break;
    case HTTP_BODY:
        token->placement = body_placement(place.content_type, capture->syntax);
        if (place.body_end_known && place.body_end >= capture->at)
            capture->limit = place.body_end;
        break;
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "http.h"

#include <stdbool.h>
#include <string.h>

enum {
    COOKIE_IN = 10,     /* one request in so many brings a long cookie, which pushes its token to the second segment */
    COOKIE_MOST = 1600, /* characters of its value */
    DEEP_HEADER_MOST = 900, /* of what a deep request brings in a header */
    DEEP_BODY_MOST = 6000,
};

const char *http_tail(enum pool_kind body)
{
    switch (body) {
    case POOL_JSON:
        return "{}]}";
    case POOL_DEEP:
        return "\"}";
    default:
        return "";
    }
}

static void end_message(struct text *text, struct http_message *message)
{
    message->text_length = (uint32_t)text->length;
    message->tail_length = (uint8_t)(message->body_length > 0 ? strlen(http_tail(message->body)) : 0);
    message->length = message->text_length + message->body_length + message->tail_length;
}

static void end_head(struct text *text, struct http_message *message)
{
    text_put(text, "\r\n");
    message->head_length = (uint32_t)text->length;
}

/* ---- requests ---- */

static void put_path(struct text *text, struct random *random)
{
    static const char *const collections[] = {"orders",  "accounts", "messages", "stock",
                                              "parcels", "users",    "files",    "events"};
    text_put(text, random_hits(random, 1, 2) ? "/api/v1/" : "/v2/");
    text_put(text, collections[random_below(random, 8)]);
    switch (random_below(random, 3)) {
    case 0:
        text_put(text, "/");
        text_put_uuid(text, random);
        break;
    case 1:
        text_put(text, "?page=");
        text_put_number(text, random_below(random, 100));
        text_put(text, "&size=50&sort=");
        text_put_word(text, random);
        break;
    default:
        text_put(text, "/");
        text_put_number(text, random_below(random, 1000000));
        text_put(text, "/items");
    }
}

/* What of a client stays the same over its connection. */
static void put_client_headers(struct text *text, uint64_t client)
{
    static const char *const agents[] = {
        "okhttp/4.12.0",
        "python-requests/2.31.0",
        "Go-http-client/1.1",
        "axios/1.6.7",
        "Apache-HttpClient/5.3.1 (Java/21.0.2)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Safari/537.36",
    };
    static const char *const hosts[] = {"api.contoso.example", "orders.contoso.example",
                                        "gateway.fabrikam.example:8080"};
    text_put(text, "Host: ");
    text_put(text, hosts[client % 3]);
    text_put(text, "\r\nUser-Agent: ");
    text_put(text, agents[client / 3 % 6]);
    text_put(text, "\r\nAccept: application/json\r\n");
}

static void put_cookie(struct text *text, struct random *random)
{
    text_put(text, "Cookie: theme=dark; session=");
    for (unsigned i = random_between(random, 10, COOKIE_MOST / 16); i > 0; i--)
        text_put_hex(text, random_next(random), 16);
    text_put(text, "; seen=1\r\n");
}

static void put_deep_header(struct text *text, const struct pools *pools, struct random *random)
{
    uint32_t length = random_between(random, 200, DEEP_HEADER_MOST);
    text_put(text, "X-Context: \"");
    pool_copy(&pools->of[POOL_DEEP], random_below(random, POOL_BYTES), (uint8_t *)text->bytes + text->length, length);
    text->length += length;
    text_put(text, "\"\r\n");
}

static void put_authorization(struct text *text, const struct pools *pools, const struct token_recipe *token,
                              uint64_t client, struct http_message *message)
{
    message->announced_at = (uint32_t)text->length;
    text_put(text, client / 18 % 4 == 0 ? "authorization: " : "Authorization: ");
    text_put(text, client / 72 % 16 == 0 ? "bearer " : "Bearer ");
    message->header_begin = (uint32_t)text->length;
    struct token_place place = token_put(text, token, &pools->of[POOL_GROUPS]);
    message->header_end = (uint32_t)place.header_end;
    message->token_end = (uint32_t)place.end;
    text_put(text, "\r\n");
}

static void put_content_headers(struct text *text, uint32_t length)
{
    text_put(text, "Content-Type: application/json\r\nContent-Length: ");
    text_put_number(text, length);
    text_put(text, "\r\n");
}

static void put_small_body(struct text *body, struct random *random)
{
    text_put(body, "{\"id\":\"");
    text_put_uuid(body, random);
    text_put(body, "\",\"quantity\":");
    text_put_number(body, random_below(random, 500));
    text_put(body, ",\"note\":\"");
    for (unsigned i = random_below(random, 20); i > 0; i--) {
        text_put_word(body, random);
        text_put(body, " ");
    }
    text_put(body, "\"}");
}

static void put_request_body(struct text *text, const struct style *style, const struct pools *pools,
                             struct random *random, struct http_message *message)
{
    static const char deep_beginning[] = "{\"state\":\"";
    char bytes[512];
    struct text body = {.bytes = bytes};
    if (style->deep_requests) {
        message->body = POOL_DEEP;
        message->body_length = random_between(random, 200, DEEP_BODY_MOST);
        message->body_at = random_below(random, pools->of[POOL_DEEP].length);
        text_put(&body, deep_beginning);
    } else {
        put_small_body(&body, random);
    }
    put_content_headers(text, (uint32_t)(body.length + message->body_length +
                                         (message->body_length > 0 ? strlen(http_tail(POOL_DEEP)) : 0)));
    end_head(text, message);
    text_add(text, bytes, body.length);
}

void http_put_request(struct text *text, const struct style *style, const struct pools *pools,
                      const struct token_recipe *token, uint64_t client, struct http_message *message)
{
    struct random random = {message->seed};
    bool has_body = random_hits(&random, style->posts_percent, 100);
    *message = (struct http_message){.seed = message->seed};
    text_put(text, has_body ? "POST " : "GET ");
    put_path(text, &random);
    text_put(text, " HTTP/1.1\r\n");
    put_client_headers(text, client);
    text_put(text, "X-Request-Id: ");
    text_put_uuid(text, &random);
    text_put(text, "\r\n");
    if (random_hits(&random, 1, COOKIE_IN))
        put_cookie(text, &random);
    if (style->deep_requests)
        put_deep_header(text, pools, &random);
    put_authorization(text, pools, token, client, message);
    if (random_hits(&random, 1, 3)) { /* W3C Trace Context */
        text_put(text, "traceparent: 00-");
        text_put_hex(text, random_next(&random), 16);
        text_put_hex(text, random_next(&random), 16);
        text_put(text, "-");
        text_put_hex(text, random_next(&random), 16);
        text_put(text, "-01\r\n");
    }
    text_put(text, "Connection: keep-alive\r\n");
    if (has_body)
        put_request_body(text, style, pools, &random, message);
    else
        end_head(text, message);
    end_message(text, message);
}

/* ---- responses ---- */

/* Whole records, as many as fit. */
static void choose_records(const struct pool *pool, uint32_t wanted, struct random *random,
                           struct http_message *message)
{
    uint32_t first = random_below(random, pool->records_count - wanted / 64 - 1), last = first;
    while (last < pool->records_count && pool->records[last + 1] - pool->records[first] <= wanted)
        last++;
    message->body_at = pool->records[first];
    message->body_length = pool->records[last] - pool->records[first];
}

void http_put_response(struct text *text, const struct style *style, const struct pools *pools,
                       struct http_message *message)
{
    struct random random = {message->seed};
    uint32_t wanted = random_between(&random, style->response_least, style->response_most);
    const char *beginning = "";
    *message =
        (struct http_message){.seed = message->seed, .body = (uint8_t)style->response_body, .body_length = wanted};
    message->body_at = random_below(&random, pools->of[style->response_body].length);
    if (style->response_body == POOL_JSON) {
        choose_records(&pools->of[POOL_JSON], wanted, &random, message);
        beginning = "{\"items\":[";
    } else if (style->response_body == POOL_DEEP) {
        beginning = "{\"next\":\"";
    }
    text_put(text, "HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 00:");
    text_put_two_digits(text, random_below(&random, 60));
    text_put(text, ":");
    text_put_two_digits(text, random_below(&random, 60));
    text_put(text, " GMT\r\nServer: nginx\r\nContent-Type: ");
    text_put(text, style->content_type);
    text_put(text, "\r\nContent-Length: ");
    text_put_number(text, strlen(beginning) + message->body_length +
                              (message->body_length > 0 ? strlen(http_tail(message->body)) : 0));
    text_put(text, "\r\nConnection: keep-alive\r\nX-Request-Id: ");
    text_put_uuid(text, &random);
    text_put(text, "\r\nCache-Control: no-store\r\n");
    end_head(text, message);
    text_put(text, beginning);
    end_message(text, message);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "alert_line.h"

#include <string.h>

#include <bearertap/capture.h>

#define DATE_FRACTION_DIGITS 9

static struct alert_text put_text(struct alert *alert, const struct token_bytes *token, const void *bytes,
                                  size_t length, size_t capacity)
{
    struct alert_text piece = {.at = alert->text_used};
    size_t room = sizeof(alert->text) - alert->text_used;
    piece.length =
        (uint16_t)wire_text_clean(bytes, length, token, alert->text + piece.at, capacity < room ? capacity : room);
    alert->text_used = (uint16_t)(piece.at + piece.length);
    return piece;
}

static struct alert_text put_field(struct alert *alert, const struct token_bytes *token,
                                   const struct token_field *field)
{
    return put_text(alert, token, field->text, field->present ? field->length : 0, TOKEN_FIELD_MAX);
}

static struct alert_text put_string(struct alert *alert, const struct token_bytes *token, const char *string,
                                    size_t capacity)
{
    return put_text(alert, token, string, string != NULL ? strnlen(string, capacity) : 0, capacity);
}

/* The lengths are ours, not the wire's; that they stay within their arrays is checked all the same, since what lies
 * behind them must never leave. */
static size_t at_most(size_t length, size_t maximum)
{
    return length < maximum ? length : maximum;
}

static void put_request(struct alert *alert, const struct token_bytes *token, const struct record_request *request)
{
    alert->request.method =
        put_text(alert, token, request->method, at_most(request->method_length, RECORD_METHOD_MAX), RECORD_METHOD_MAX);
    alert->request.domain =
        put_text(alert, token, request->domain, at_most(request->domain_length, RECORD_DOMAIN_MAX), RECORD_DOMAIN_MAX);

    /* The path comes without its query; should one be left, it may hold a secret and is cut here too. */
    size_t path_length = at_most(request->path_length, RECORD_PATH_MAX);
    const uint8_t *query = memchr(request->path, '?', path_length);
    if (query != NULL)
        path_length = (size_t)(query - request->path);
    alert->request.path = put_text(alert, token, request->path, path_length, RECORD_PATH_MAX);

    alert->request.user_agent =
        put_text(alert, token, request->user_agent, at_most(request->user_agent_length, RECORD_USER_AGENT_MAX),
                 RECORD_USER_AGENT_MAX);
}

/* RFC 3339 as every reader of dates takes it: capital letters (the RFC allows small ones), and no more digits of a
 * second than nine, so that the text fits whole: a date that is cut is none. The key list has checked it. */
static struct alert_text put_date(struct alert *alert, const struct token_bytes *token, const char *date)
{
    char text[REVOKED_AT_MAX];
    size_t length = 0, fraction = 0;
    for (; date != NULL && *date != '\0' && length < sizeof(text); date++) {
        bool in_fraction = *date == '.' || (fraction > 0 && *date >= '0' && *date <= '9');
        fraction = in_fraction ? fraction + 1 : 0;
        if (fraction <= 1 + DATE_FRACTION_DIGITS)
            text[length++] = *date == 't' ? 'T' : *date == 'z' ? 'Z' : *date;
    }
    return put_text(alert, token, text, length, sizeof(text));
}

static void put_keys(struct alert *alert, const struct token_bytes *token, const struct conclusion *conclusion)
{
    alert->severity = (uint8_t)conclusion->severity;
    alert->keys_count = conclusion->finding == FINDING_NONE ? 0 : conclusion->entries_count;
    for (unsigned i = 0; i < alert->keys_count; i++) {
        const struct key_entry *entry = &conclusion->entries[i].entry;
        alert->keys[i] = (struct alert_key){
            .id = put_string(alert, token, entry->id, KEY_TEXT_MAX),
            .reason = put_string(alert, token, entry->reason, KEY_TEXT_MAX),
            .revoked_at = put_date(alert, token, entry->revoked_at),
            .matched_by = (uint8_t)conclusion->entries[i].matched_by,
            .issuer = (uint8_t)conclusion->entries[i].issuer,
        };
    }
}

static void put_token(struct alert *alert, const struct token_bytes *token, const struct token_fields *fields)
{
    alert->token_format = (uint8_t)fields->format;
    alert->alg = put_field(alert, token, &fields->alg);
    alert->kid = put_field(alert, token, &fields->kid);
    alert->typ = put_field(alert, token, &fields->typ);
    alert->issuer = put_field(alert, token, &fields->issuer);
    alert->subject = put_field(alert, token, &fields->subject);
    alert->audience = put_field(alert, token, &fields->audience);
    alert->jti = put_field(alert, token, &fields->jti);
    alert->has_issued_at = fields->has_issued_at;
    alert->has_expires_at = fields->has_expires_at;
    alert->issued_at_s = fields->issued_at_s;
    alert->expires_at_s = fields->expires_at_s;
}

void alert_describe(struct alert *alert, const struct record *record, const struct token_bytes *token,
                    const struct token_fields *fields, const struct conclusion *conclusion, const uint8_t sha256[32])
{
    memset(alert, 0, offsetof(struct alert, text));
    alert->start_ns = alert->end_ns = record->time_ns;
    alert->position = record->position;
    alert->sightings = conclusion->finding == FINDING_NONE ? 0 : 1;
    alert->finding = (uint8_t)conclusion->finding;
    alert->placement = record->placement;
    alert->from_server = record->from_server;
    alert->truncated = record->truncated;
    alert->midstream = record->midstream;
    alert->gap = record->gap;
    alert->conflict = record->conflict;
    memcpy(alert->sha256, sha256, sizeof(alert->sha256));
    alert->flow = record->flow;
    community_id(&record->flow, alert->community_id);
    put_token(alert, token, fields);
    put_keys(alert, token, conclusion);
    put_request(alert, token, &record->request);
    const struct capture_port *port = record->flow.port < CAPTURE_PORTS_MAX ? capture_port(record->flow.port) : NULL;
    if (port != NULL)
        alert->interface_name = put_string(alert, token, port->name, INTERFACE_NAME_MAX);
}

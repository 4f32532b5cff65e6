/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Elastic Common Schema 8.11 as JSON lines, one function an object, in the order in which they stand in the line. All
 * of our own stands under `bearertap`. What is not known is left out.
 */
#include "alert_line.h"

#include <string.h>

static void put(struct line *line, const char *name, const struct alert *alert, struct alert_text piece)
{
    line_json_text(line, name, alert_text(alert, piece), piece.length);
}

static void escape(struct line *line, const struct alert *alert, struct alert_text piece)
{
    line_json_escaped(line, alert_text(alert, piece), piece.length);
}

/* "A token that names revoked key X": what the token says of itself, since nothing is verified. */
static void put_subject(struct line *line, const struct alert *alert)
{
    line_text(line, alert->token_format == TOKEN_OPAQUE ? "An opaque token" : "A token");
    for (unsigned i = 0; i < alert->keys_count; i++) {
        line_text(line, i > 0 ? " and revoked key " : " that names revoked key ");
        escape(line, alert, alert->keys[i].id);
        line_text(line, alert->keys[i].issuer == ISSUER_OTHER ? " of another issuer" : "");
    }
    if (alert->finding == FINDING_NONE && alert->kid.length > 0) {
        line_text(line, " that names key ");
        escape(line, alert, alert->kid);
    }
}

/* "... was sent by A to B (GET host/path)", for a person who sees nothing else. */
static void put_message(struct line *line, const struct alert *alert)
{
    const struct record_flow *flow = &alert->flow;
    char address[ADDRESS_TEXT_MAX];
    line_json_name(line, "message");
    line_text(line, "\"");
    put_subject(line, alert);
    line_text(line, alert->is_update ? " was sent again by " : " was sent by ");
    if (alert->from_server) {
        line_address_port(line, flow->server_address, flow->ip_version, flow->server_port);
        line_text(line, " to ");
        address_format(flow->client_address, flow->ip_version, address);
        line_text(line, address);
    } else {
        address_format(flow->client_address, flow->ip_version, address);
        line_text(line, address);
        line_text(line, " to ");
        line_address_port(line, flow->server_address, flow->ip_version, flow->server_port);
    }
    if (alert->request.method.length + alert->request.domain.length + alert->request.path.length > 0) {
        line_text(line, " (");
        escape(line, alert, alert->request.method);
        line_text(line,
                  alert->request.method.length > 0 && alert->request.domain.length + alert->request.path.length > 0
                      ? " "
                      : "");
        escape(line, alert, alert->request.domain);
        line_text(line, alert_path_stands_apart(alert) ? " " : "");
        escape(line, alert, alert->request.path);
        line_text(line, ")");
    }
    if (alert->is_update) {
        line_text(line, ", ");
        line_number(line, alert->sightings);
        line_text(line, alert->sightings == 1 ? " time more" : " times more");
    }
    line_text(line, "\"");
}

static void put_event(struct line *line, const struct alert *alert)
{
    bool is_alert = alert->finding != FINDING_NONE;
    size_t event = line_json_open(line, "event", '{');
    line_json_word(line, "kind", is_alert ? "alert" : "event");
    size_t category = line_json_open(line, "category", '[');
    line_json_word(line, NULL, "network");
    if (is_alert)
        line_json_word(line, NULL, "intrusion_detection");
    line_json_close(line, category, ']');
    size_t type = line_json_open(line, "type", '[');
    line_json_word(line, NULL, "info");
    line_json_close(line, type, ']');
    line_json_word(line, "module", "bearertap");
    line_json_word(line, "dataset", is_alert ? "bearertap.alert" : "bearertap.token");
    line_json_word(line, "action", is_alert ? finding_rows[alert->finding].action : "token-seen");
    line_json_number(line, "severity", alert->severity);
    line_json_number(line, "sequence", alert->sequence);
    line_json_time(line, "created", alert->created_ns);
    line_json_time(line, "start", alert_shown_ns(alert, alert->start_ns));
    line_json_time(line, "end", alert_shown_ns(alert, alert->end_ns));
    line_json_hex(line, "id", alert->id, sizeof(alert->id));
    line_json_close(line, event, '}');
}

static void put_rule(struct line *line, const struct alert *alert)
{
    if (alert->finding == FINDING_NONE)
        return;
    size_t rule = line_json_open(line, "rule", '{');
    line_json_word(line, "id", finding_rows[alert->finding].id);
    line_json_word(line, "name", finding_rows[alert->finding].name);
    line_json_close(line, rule, '}');
}

static void put_end(struct line *line, const char *name, const char *address, uint16_t port)
{
    size_t end = line_json_open(line, name, '{');
    line_json_word(line, "ip", address);
    line_json_number(line, "port", port);
    line_json_close(line, end, '}');
}

/* The client is the source whichever way the token went. */
static void put_ends(struct line *line, const struct alert *alert)
{
    const struct record_flow *flow = &alert->flow;
    char client[ADDRESS_TEXT_MAX], server[ADDRESS_TEXT_MAX];
    address_format(flow->client_address, flow->ip_version, client);
    address_format(flow->server_address, flow->ip_version, server);

    size_t related = line_json_open(line, "related", '{');
    size_t ip = line_json_open(line, "ip", '[');
    line_json_word(line, NULL, client);
    if (strcmp(client, server) != 0)
        line_json_word(line, NULL, server);
    line_json_close(line, ip, ']');
    size_t hash = line_json_open(line, "hash", '[');
    if (!alert->truncated)
        line_json_hex(line, NULL, alert->sha256, sizeof(alert->sha256));
    line_json_close(line, hash, ']');
    line_json_close(line, related, '}');

    put_end(line, "source", client, flow->client_port);
    put_end(line, "destination", server, flow->server_port);
}

static void put_network(struct line *line, const struct alert *alert)
{
    size_t network = line_json_open(line, "network", '{');
    line_json_word(line, "type", alert->flow.ip_version == 4 ? "ipv4" : "ipv6");
    line_json_word(line, "transport", "tcp");
    line_json_word(line, "community_id", alert->community_id);
    if (alert->flow.has_vlan) { /* a keyword in ECS, hence a string */
        size_t vlan = line_json_open(line, "vlan", '{');
        line_json_name(line, "id");
        line_text(line, "\"");
        line_number(line, alert->flow.vlan_id);
        line_text(line, "\"");
        line_json_close(line, vlan, '}');
    }
    line_json_close(line, network, '}');
}

static void put_observer(struct line *line, const struct alert *alert, const char *name)
{
    size_t observer = line_json_open(line, "observer", '{');
    line_json_word(line, "name", name);
    line_json_word(line, "type", "ids");
    line_json_word(line, "product", "bearertap");
    line_json_word(line, "version", BEARERTAP_VERSION);
    size_t ingress = line_json_open(line, "ingress", '{');
    size_t interface = line_json_open(line, "interface", '{');
    put(line, "name", alert, alert->interface_name);
    line_json_close(line, interface, '}');
    line_json_close(line, ingress, '}');
    line_json_close(line, observer, '}');
}

static void put_request(struct line *line, const struct alert *alert)
{
    size_t http = line_json_open(line, "http", '{');
    size_t request = line_json_open(line, "request", '{');
    put(line, "method", alert, alert->request.method);
    line_json_close(line, request, '}');
    line_json_close(line, http, '}');

    size_t url = line_json_open(line, "url", '{');
    put(line, "domain", alert, alert->request.domain);
    put(line, "path", alert, alert->request.path);
    line_json_close(line, url, '}');

    size_t user_agent = line_json_open(line, "user_agent", '{');
    put(line, "original", alert, alert->request.user_agent);
    line_json_close(line, user_agent, '}');
}

static void put_claim_time(struct line *line, const char *name, bool is_known, int64_t time_s)
{
    size_t before = line->length;
    if (!is_known)
        return;
    line_json_name(line, name);
    line_text(line, "\"");
    if (line_time_s(line, time_s, 'T'))
        line_text(line, "\"");
    else
        line->length = before;
}

static void put_token(struct line *line, const struct alert *alert)
{
    size_t token = line_json_open(line, "token", '{');
    if (!alert->truncated)
        line_json_hex(line, "sha256", alert->sha256, sizeof(alert->sha256));
    line_json_word(line, "format", token_format_names[alert->token_format]);
    line_json_word(line, "placement", placement_names[alert->placement]);
    put(line, "alg", alert, alert->alg);
    put(line, "kid", alert, alert->kid);
    put(line, "typ", alert, alert->typ);
    put(line, "issuer", alert, alert->issuer);
    put(line, "subject", alert, alert->subject);
    put(line, "audience", alert, alert->audience);
    put(line, "jti", alert, alert->jti);
    put_claim_time(line, "issued_at", alert->has_issued_at, alert->issued_at_s);
    put_claim_time(line, "expires_at", alert->has_expires_at, alert->expires_at_s);
    if (alert->truncated)
        line_json_true(line, "truncated");
    line_json_close(line, token, '}');
}

static void put_key(struct line *line, const char *name, const struct alert *alert, const struct alert_key *key)
{
    size_t opened = line_json_open(line, name, '{');
    put(line, "id", alert, key->id);
    size_t match = line_json_open(line, "match", '[');
    const char *last = "";
    for (unsigned kind = 0; kind < KEY_REFERENCE_KINDS; kind++) {
        if ((key->matched_by & 1U << kind) == 0 || strcmp(last, key_reference_names[kind]) == 0)
            continue; /* both digests of x5c are one way of naming */
        last = key_reference_names[kind];
        line_json_word(line, NULL, last);
    }
    line_json_close(line, match, ']');
    line_json_word(line, "issuer", issuer_relation_names[key->issuer]);
    put(line, "revoked_at", alert, key->revoked_at);
    put(line, "reason", alert, key->reason);
    line_json_close(line, opened, '}');
}

/* One entry is an object. Where several match it is an array of such objects, which Elasticsearch finds under the same
 * names. */
static void put_keys(struct line *line, const struct alert *alert)
{
    if (alert->keys_count == 1) {
        put_key(line, "key", alert, &alert->keys[0]);
        return;
    }
    size_t keys = line_json_open(line, "key", '[');
    for (unsigned i = 0; i < alert->keys_count; i++)
        put_key(line, NULL, alert, &alert->keys[i]);
    line_json_close(line, keys, ']');
}

static void put_own(struct line *line, const struct alert *alert, const struct format_options *options)
{
    size_t own = line_json_open(line, "bearertap", '{');
    put_token(line, alert);
    put_keys(line, alert);
    if (alert->finding != FINDING_NONE) {
        size_t finding = line_json_open(line, "finding", '{');
        line_json_hex(line, "id", alert->finding_id, sizeof(alert->finding_id));
        line_json_close(line, finding, '}');
        line_json_number(line, "sightings", alert->sightings);
    }
    if (alert->lost > 0)
        line_json_number(line, "lost", alert->lost);
    size_t stream = line_json_open(line, "stream", '{');
    if (alert->midstream)
        line_json_true(line, "midstream");
    if (alert->gap)
        line_json_true(line, "gap");
    if (alert->conflict)
        line_json_true(line, "conflict");
    line_json_close(line, stream, '}');
    if (options->clock != NULL) {
        size_t capture = line_json_open(line, "capture", '{');
        line_json_word(line, "clock", options->clock);
        line_json_close(line, capture, '}');
    }
    line_json_close(line, own, '}');
}

void ecs_write(const struct alert *alert, const struct format_options *options, struct line *line)
{
    size_t all = line_json_open(line, NULL, '{');
    line_json_time(line, "@timestamp", alert_shown_ns(alert, alert->end_ns));
    size_t ecs = line_json_open(line, "ecs", '{');
    line_json_word(line, "version", "8.11");
    line_json_close(line, ecs, '}');
    put_message(line, alert);
    put_event(line, alert);
    put_rule(line, alert);
    put_ends(line, alert);
    put_network(line, alert);
    put_observer(line, alert, options->observer_name);
    put_request(line, alert);
    put_own(line, alert, options);
    line_json_close(line, all, '}');
    line_text(line, "\n");
}

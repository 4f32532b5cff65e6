/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line for a person: columns set apart by two spaces, what matters most first. Everything from the wire goes through
 * line_visible.
 */
#include "alert_line.h"

#include <string.h>

#define SHA256_SHOWN 8 /* bytes: enough to find the line's ECS twin by */

static const char *color_of(const struct alert *alert)
{
    return alert->severity >= SEVERITY_CRITICAL ? "\033[1;31m"
           : alert->severity >= SEVERITY_HIGH   ? "\033[31m"
           : alert->severity >= SEVERITY_MEDIUM ? "\033[33m"
           : alert->severity >= SEVERITY_LOW    ? "\033[36m"
                                                : "\033[2m";
}

static void show(struct line *line, const struct alert *alert, struct alert_text piece)
{
    line_visible(line, alert_text(alert, piece), piece.length);
}

/* A column of its own, when there is something to say. */
static void show_column(struct line *line, const char *label, const struct alert *alert, struct alert_text piece)
{
    if (piece.length == 0)
        return;
    line_text(line, "  ");
    line_text(line, label);
    show(line, alert, piece);
}

/* "(kid)", "(x5t, jwk)": how the token named the key, and whether the key is of the issuer that it claims. */
static void show_match(struct line *line, const struct alert_key *key)
{
    const char *last = "";
    line_text(line, " (");
    for (unsigned kind = 0; kind < KEY_REFERENCE_KINDS; kind++) {
        if ((key->matched_by & 1U << kind) == 0 || strcmp(last, key_reference_names[kind]) == 0)
            continue;
        line_text(line, *last != '\0' ? ", " : "");
        last = key_reference_names[kind];
        line_text(line, last);
    }
    line_text(line, key->issuer == ISSUER_OTHER ? "; of another issuer)" : ")");
}

static void show_finding(struct line *line, const struct alert *alert, bool color)
{
    line_text(line, "  ");
    if (color)
        line_text(line, color_of(alert));
    if (alert->finding == FINDING_NONE) {
        line_text(line, alert->token_format == TOKEN_OPAQUE ? "opaque token" : "token");
        if (alert->kid.length > 0) {
            line_text(line, " of key ");
            show(line, alert, alert->kid);
        }
    } else {
        line_text(line, "REVOKED KEY");
    }
    for (unsigned i = 0; i < alert->keys_count; i++) {
        line_text(line, i > 0 ? " and " : " ");
        show(line, alert, alert->keys[i].id);
        show_match(line, &alert->keys[i]);
    }
    if (color)
        line_text(line, "\033[0m");
}

/* The arrow points where the token went. */
static void show_ends(struct line *line, const struct alert *alert)
{
    const struct record_flow *flow = &alert->flow;
    line_text(line, "  ");
    line_address_port(line, flow->client_address, flow->ip_version, flow->client_port);
    line_text(line, alert->from_server ? " < " : " > ");
    line_address_port(line, flow->server_address, flow->ip_version, flow->server_port);
}

static void show_request(struct line *line, const struct alert *alert)
{
    if (alert->request.method.length + alert->request.domain.length + alert->request.path.length == 0)
        return;
    line_text(line, "  ");
    show(line, alert, alert->request.method);
    if (alert->request.method.length > 0 && alert->request.domain.length + alert->request.path.length > 0)
        line_text(line, " ");
    show(line, alert, alert->request.domain);
    line_text(line, alert_path_stands_apart(alert) ? " " : "");
    show(line, alert, alert->request.path);
}

static void show_token(struct line *line, const struct alert *alert)
{
    line_text(line, "  ");
    line_text(line, placement_names[alert->placement]);
    show_column(line, "iss=", alert, alert->issuer);
    show_column(line, "sub=", alert, alert->subject);
    if (alert->truncated) {
        line_text(line, "  token cut short");
    } else {
        line_text(line, "  token sha256 ");
        line_hex(line, alert->sha256, SHA256_SHOWN);
        line_text(line, "...");
    }
}

static void show_stream(struct line *line, const struct alert *alert)
{
    const struct {
        bool stands;
        const char *word;
    } oddities[] = {{alert->midstream, "joined mid-stream"}, {alert->gap, "gap"}, {alert->conflict, "conflict"}};
    const char *before = "  [";
    for (size_t i = 0; i < sizeof(oddities) / sizeof(oddities[0]); i++) {
        if (!oddities[i].stands)
            continue;
        line_text(line, before);
        line_text(line, oddities[i].word);
        before = ", ";
    }
    line_text(line, *before == ',' ? "]" : "");
}

void text_write(const struct alert *alert, const struct format_options *options, struct line *line)
{
    line_time(line, alert_shown_ns(alert, alert->end_ns), ' ');
    show_finding(line, alert, options->color);
    show_ends(line, alert);
    show_request(line, alert);
    show_token(line, alert);
    if (alert->keys_count > 0) {
        show_column(line, "revoked: ", alert, alert->keys[0].revoked_at);
        show_column(line, "reason: ", alert, alert->keys[0].reason);
    }
    show_stream(line, alert);
    if (alert->is_update) {
        line_text(line, "  x");
        line_number(line, alert->sightings);
        line_text(line, " more");
    }
    if (alert->lost > 0) {
        line_text(line, "  (");
        line_number(line, alert->lost);
        line_text(line, alert->lost == 1 ? " alert lost before this one)" : " alerts lost before this one)");
    }
    line_text(line, "\n");
}

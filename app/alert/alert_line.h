/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_ALERT_LINE_H
#define BEARERTAP_APP_ALERT_ALERT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/alert.h>
#include <bearertap/record.h>
#include <bearertap/token.h>
#include <bearertap/verdict.h>

#include "line.h"
#include "wire_text.h"

/*
 * What one line says, all of it by value: nothing here points into a record, a key table or a token, so that a fold can
 * keep it and write its updates later. All text has passed wire_text_clean.
 */

#define KEY_TEXT_MAX       256 /* an entry's id and reason */
#define REVOKED_AT_MAX     40  /* "2023-06-16T00:00:00.123456789+00:00" */
#define INTERFACE_NAME_MAX 64

#define ALERT_TEXT_MAX                                                                                                 \
    (RECORD_METHOD_MAX + RECORD_DOMAIN_MAX + RECORD_PATH_MAX + RECORD_USER_AGENT_MAX + INTERFACE_NAME_MAX +            \
     7 * TOKEN_FIELD_MAX + CONCLUSION_ENTRIES_MAX * (2 * KEY_TEXT_MAX + REVOKED_AT_MAX))

/* A piece of `text`; length 0 where not known. */
struct alert_text {
    uint16_t at, length;
};

/* The request around the token. */
struct alert_request {
    struct alert_text method, domain, path, user_agent;
};

struct alert_key {
    struct alert_text id, reason, revoked_at;
    uint8_t matched_by; /* bits: 1u << enum key_reference_kind */
    uint8_t issuer;     /* enum issuer_relation */
};

struct alert {
    /* This line's own. */
    uint64_t sequence, created_ns;
    uint64_t start_ns, end_ns; /* packet times of the first and the last sighting in it */
    int64_t correction_ns;     /* of packet times for people: capture.h */
    uint64_t position;         /* of its first sighting's token */
    uint64_t sightings;        /* that it adds; 0 in a line without a finding */
    uint64_t lost;             /* lines before it that its reader did not get, and never will */
    uint8_t id[16];
    bool is_update;

    /* The same in a finding's first line and its updates. */
    uint8_t finding_id[16];
    uint8_t finding; /* enum finding */
    uint8_t severity;
    uint8_t placement;
    bool from_server, truncated, midstream, gap, conflict;
    uint8_t token_format; /* enum token_format */
    uint8_t sha256[32];   /* not when truncated */
    bool has_issued_at, has_expires_at;
    int64_t issued_at_s, expires_at_s;
    struct record_flow flow;
    char community_id[COMMUNITY_ID_MAX]; /* empty where it could not be had */
    struct alert_request request;        /* an update has it where all its sightings stood in such a request */
    struct alert_text interface_name;
    struct alert_text alg, kid, typ, issuer, subject, audience, jti;
    unsigned keys_count;
    struct alert_key keys[CONCLUSION_ENTRIES_MAX];

    uint16_t text_used;
    char text[ALERT_TEXT_MAX]; /* last, so that a copy stops at text_used */
};

static inline size_t alert_bytes(const struct alert *alert)
{
    return offsetof(struct alert, text) + alert->text_used;
}

/* A packet's time as people are told it. */
static inline uint64_t alert_shown_ns(const struct alert *alert, uint64_t time_ns)
{
    return time_ns + (uint64_t)alert->correction_ns;
}

static inline const char *alert_text(const struct alert *alert, struct alert_text piece)
{
    return alert->text + piece.at;
}

/* A path that does not begin with a slash (`OPTIONS *`, nonsense) is told apart from the domain before it, or the two
 * would read as a name, or a token, that nobody sent. */
static inline bool alert_path_stands_apart(const struct alert *alert)
{
    const struct alert_request *request = &alert->request;
    return request->domain.length > 0 && request->path.length > 0 && alert_text(alert, request->path)[0] != '/';
}

/* Fills everything but sequence, created_ns and the ids: the line of one sighting. */
void alert_describe(struct alert *alert, const struct record *record, const struct token_bytes *token,
                    const struct token_fields *fields, const struct conclusion *conclusion, const uint8_t sha256[32]);

/* A row of the table in alert.c. `write` puts one line with its newline into `line`. */
struct format_options {
    const char *observer_name;
    const char *clock; /* that stamps packets; NULL: a capture says nothing of it */
    bool color;
};

struct alert_format {
    const char *name;
    void (*write)(const struct alert *alert, const struct format_options *options, struct line *line);
};

void ecs_write(const struct alert *alert, const struct format_options *options, struct line *line);
void text_write(const struct alert *alert, const struct format_options *options, struct line *line);

#define OBSERVER_NAME_MAX 256

/* The longest line. Every byte of text takes six at most (a JSON escape), and each piece stands in a line twice at most
 * (its member, and the message). */
#define LINE_MAX_BYTES (128 * 1024)
_Static_assert(2 * 6 * ALERT_TEXT_MAX + 6 * OBSERVER_NAME_MAX + 8192 <= LINE_MAX_BYTES, "a line fits");
_Static_assert(ALERT_TEXT_MAX <= UINT16_MAX, "a piece of text is addressed by 16 bits");

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records in, lines out: the straight line. A sighting's token is gathered, hashed, read and judged; what has a finding
 * is folded or written, what has none is written where all tokens are asked for. The token's bytes are wiped before
 * alerts_take returns.
 */
#include <bearertap/alert.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bearertap/capture.h>

#include "alert_line.h"
#include "digest.h"
#include "fold.h"
#include "live.h"
#include "output.h"

static const struct alert_format formats[] = {
    {"ecs", ecs_write},   /* Elastic Common Schema 8.11, JSON lines */
    {"text", text_write}, /* for a person */
};

#define FORMATS (sizeof(formats) / sizeof(formats[0]))

/* In the order of the struct. */
const struct counter_row alert_counter_rows[ALERT_COUNTERS] = {
    {"sightings", "sightings of revoked keys"},
    {"alerts", "alert lines made of them"},
    {"events", "lines for tokens without a finding"},
    {"not_concluded", "possible findings that the whole token did not bear out"},
    {"truncated", "sightings of a token whose end was never seen"},
    {"folds_evicted", "updates that left early for want of room"},
    {"lines_written", "lines that left whole, by the sink that has the fewest"},
    {"lines_lost", "lines that a sink will never get, by the one that lost the most"},
};

const struct alert_format *alert_format_find(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

void alert_format_list(char *out, size_t capacity)
{
    size_t length = 0;
    for (size_t i = 0; i < FORMATS && length < capacity; i++)
        length += (size_t)snprintf(out + length, capacity - length, "%s%s", i > 0 ? ", " : "", formats[i].name);
}

struct alerts {
    const struct alert_format *format;
    struct format_options format_options;
    char observer_name[OBSERVER_NAME_MAX];
    bool all_tokens;
    struct key_table *keys;
    unsigned key_reader;
    struct output *output; /* one of these two: none lost, or never waiting */
    struct live *live;
    struct digest *digest;
    struct folds *folds;
    struct alert_counters counters;
    uint64_t sequence;
    struct alert *leaving;      /* of which a line is being written */
    struct alert alert;         /* of the sighting at hand */
    uint8_t token[TOKEN_MAX];   /* wiped after each sighting */
    uint8_t scratch[TOKEN_MAX]; /* the same: it holds decoded claims */
};

static uint64_t wall_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void alerts_write_line(void *context, uint64_t lost, struct line *line)
{
    struct alerts *alerts = context;
    alerts->leaving->lost = lost;
    alerts->format->write(alerts->leaving, &alerts->format_options, line);
}

static void alerts_put(struct alerts *alerts, struct alert *alert)
{
    alerts->leaving = alert;
    if (alerts->live != NULL) {
        live_put(alerts->live, alerts_write_line, alerts);
        return;
    }
    struct line line = output_begin(alerts->output);
    alerts_write_line(alerts, 0, &line);
    output_commit(alerts->output, &line);
}

/* Every line leaves here. `alert` receives what is this line's own. */
static void alerts_write(struct alerts *alerts, struct alert *alert)
{
    alert->sequence = ++alerts->sequence;
    alert->created_ns = wall_clock_ns();
    alert->correction_ns = atomic_load_explicit(&capture_correction_ns, memory_order_relaxed);
    digest_identify(alerts->digest, alert, alert->id);
    if (!alert->is_update)
        memcpy(alert->finding_id, alert->id, sizeof(alert->finding_id));

    alerts_put(alerts, alert);
    if (alert->finding == FINDING_NONE)
        alerts->counters.events++;
    else
        alerts->counters.alerts++;
}

static void alerts_write_update(void *context, struct alert *alert)
{
    alerts_write(context, alert);
}

/* The operator's word or the host's name, cleaned like anything else that leaves. */
static void name_observer(struct alerts *alerts, const char *name)
{
    static const struct token_bytes no_token = {NULL, 0};
    char host[OBSERVER_NAME_MAX] = "";
    if (name == NULL && gethostname(host, sizeof(host) - 1) == 0)
        name = host;
    if (name != NULL)
        wire_text_clean((const uint8_t *)name, strlen(name), &no_token, alerts->observer_name,
                        sizeof(alerts->observer_name) - 1);
}

int alerts_create(const struct alert_options *options, struct alerts **result, struct error *error)
{
    struct alerts *alerts = calloc(1, sizeof(*alerts));
    if (alerts == NULL)
        return error_set(error, ENOMEM, "cannot set up alerts: out of memory");
    alerts->format = options->format;
    alerts->all_tokens = options->all_tokens;
    alerts->keys = options->keys;
    alerts->key_reader = options->key_reader;
    name_observer(alerts, options->observer_name);
    alerts->format_options = (struct format_options){
        .observer_name = alerts->observer_name, .clock = options->clock, .color = options->color};
    alerts->digest = digest_create();
    alerts->folds = folds_create(options->folds_max, alerts_write_update, alerts);
    int status = -ENOMEM;
    if (alerts->digest == NULL || alerts->folds == NULL)
        error_set(error, ENOMEM, "cannot set up alerts: out of memory, or OpenSSL has no SHA-256");
    else
        status =
            options->live ? live_create(options, &alerts->live, error) : output_create(options, &alerts->output, error);
    if (status != 0)
        alerts_destroy(alerts);
    else
        *result = alerts;
    return status;
}

void alerts_destroy(struct alerts *alerts)
{
    if (alerts == NULL)
        return;
    folds_destroy(alerts->folds);
    digest_destroy(alerts->digest);
    output_destroy(alerts->output);
    live_destroy(alerts->live);
    explicit_bzero(alerts, sizeof(*alerts));
    free(alerts);
}

/* The token out of the chain behind a record; never more than the chain or TOKEN_MAX holds. */
static size_t gather_token(struct alerts *alerts, const struct chunk *chunk, const struct record *record)
{
    size_t wanted = record->token_length < TOKEN_MAX ? record->token_length : TOKEN_MAX;
    size_t length = 0;
    for (const struct chunk *piece = chunk->next; piece != NULL && length < wanted; piece = piece->next) {
        size_t more = piece->length < CHUNK_DATA_MAX ? piece->length : CHUNK_DATA_MAX;
        if (more > wanted - length)
            more = wanted - length;
        memcpy(alerts->token + length, piece->data, more);
        length += more;
    }
    return length;
}

static uint64_t key_generation(const struct alerts *alerts)
{
    return alerts->keys != NULL ? key_table_generation(alerts->keys) : 0;
}

static struct fold_key fold_key_of(const struct record *record, enum finding finding, const uint8_t sha256[32])
{
    struct fold_key key = {
        .flow_id = record->flow.id,
        .worker = record->worker,
        .from_server = record->from_server,
        .placement = record->placement,
        .finding = (uint8_t)finding,
        .truncated = record->truncated,
    };
    if (record->truncated)
        memcpy(key.token, &record->position, sizeof(record->position));
    else
        memcpy(key.token, sha256, sizeof(key.token));
    return key;
}

/* Judges the token and, where a line is due at once, describes it in alerts->alert: a copy, which holds no key entry.
 * Returns whether one is. */
static bool alerts_conclude(struct alerts *alerts, const struct record *record, const struct token_bytes *token,
                            const uint8_t sha256[32], struct fold_key *key)
{
    struct token_fields fields = {.format = TOKEN_OPAQUE};
    struct conclusion conclusion = {.finding = FINDING_NONE};
    if (!record->opaque && token_read_fields(token->bytes, token->length, alerts->scratch, &fields) &&
        alerts->keys != NULL)
        verdict_conclude(alerts->keys, token->bytes, token->length, &fields, alerts->scratch, &conclusion);

    bool has_finding = conclusion.finding != FINDING_NONE;
    alerts->counters.not_concluded += record->possible_finding && !has_finding;
    if (!has_finding && !alerts->all_tokens)
        return false;

    *key = fold_key_of(record, conclusion.finding, sha256);
    if (has_finding) {
        alerts->counters.sightings++;
        alerts->counters.truncated += record->truncated;
        if (folds_repeat(alerts->folds, key, record))
            return false;
    }
    alert_describe(&alerts->alert, record, token, &fields, &conclusion, sha256);
    return true;
}

/* A client sends its token with each request: where the same one was told of this connection, by the same table of
 * keys, there is nothing to be read in it. Reading it took two thirds of the time of traffic full of revoked tokens. */
static bool alerts_fold_known(struct alerts *alerts, const struct record *record, const uint8_t sha256[32])
{
    if (record->truncated || !record->possible_finding)
        return false;
    struct fold_key key = fold_key_of(record, FINDING_REVOKED_KEY, sha256);
    if (!folds_know(alerts->folds, &key, key_generation(alerts)))
        return false;
    alerts->counters.sightings++;
    folds_repeat(alerts->folds, &key, record);
    return true;
}

static void alerts_take_token(struct alerts *alerts, const struct record *record, const struct token_bytes *token,
                              const uint8_t sha256[32])
{
    struct fold_key key;
    uint64_t generation = key_generation(alerts); /* read first: what changes meanwhile is judged again next time */
    /* Online no longer than entries are looked at: writing may wait for as long as somebody leaves a pipe unread. */
    key_table_reader_online(alerts->keys, alerts->key_reader);
    bool leaves = alerts_conclude(alerts, record, token, sha256, &key);
    key_table_reader_offline(alerts->keys, alerts->key_reader);
    if (!leaves)
        return;
    alerts_write(alerts, &alerts->alert);
    if (alerts->alert.finding != FINDING_NONE)
        alerts->counters.folds_evicted += folds_add(alerts->folds, &key, record, &alerts->alert, generation);
}

static void alerts_take_sighting(struct alerts *alerts, const struct chunk *chunk, const struct record *record)
{
    if (record->placement >= PLACEMENTS)
        return; /* our own bug: nothing that could be said of it */
    uint8_t sha256[32] = {0};
    if (!record->truncated)
        digest_chain(alerts->digest, chunk->next, record->token_length < TOKEN_MAX ? record->token_length : TOKEN_MAX,
                     sha256);
    if (alerts_fold_known(alerts, record, sha256))
        return;
    struct token_bytes token = {alerts->token, gather_token(alerts, chunk, record)};
    alerts_take_token(alerts, record, &token, sha256);
    explicit_bzero(alerts->token, token.length);
    /* It was decoded at the start and again behind a header's room (verdict.h); decoding never grows. */
    size_t written = token.length + JOSE_HEADER_MAX;
    explicit_bzero(alerts->scratch, written < sizeof(alerts->scratch) ? written : sizeof(alerts->scratch));
}

static int alerts_failure(const struct alerts *alerts, struct error *error)
{
    return alerts->live != NULL ? live_failure(alerts->live) : output_failure(alerts->output, error);
}

static void alerts_count_lines(struct alerts *alerts)
{
    struct alert_counters *counters = &alerts->counters;
    if (alerts->live != NULL)
        live_count(alerts->live, &counters->lines_written, &counters->lines_lost);
    else
        output_count(alerts->output, &counters->lines_written, &counters->lines_lost);
}

int alerts_take(struct alerts *alerts, const struct chunk *chunk, struct error *error)
{
    const struct record *record = (const struct record *)(const void *)chunk->data;
    switch ((enum record_kind)record->kind) {
    case RECORD_SIGHTING:
        alerts_take_sighting(alerts, chunk, record);
        break;
    case RECORD_FLOW_END:
        folds_end_flow(alerts->folds, record->worker, record->flow.id);
        break;
    case RECORD_TIME:
        folds_pass_time(alerts->folds, record->worker, record->time_ns);
        break;
    }
    return alerts_failure(alerts, error);
}

int alerts_flush(struct alerts *alerts, struct error *error)
{
    if (alerts->live != NULL)
        live_flush(alerts->live);
    else
        output_flush(alerts->output);
    alerts_count_lines(alerts);
    return alerts_failure(alerts, error);
}

int alerts_finish(struct alerts *alerts, struct error *error)
{
    folds_end(alerts->folds);
    if (alerts->live != NULL)
        live_finish(alerts->live);
    return alerts_flush(alerts, error);
}

void alerts_note_lost(struct alerts *alerts, uint64_t records)
{
    if (alerts->live != NULL)
        live_note_lost(alerts->live, records);
}

int alerts_reopen(struct alerts *alerts, struct error *error)
{
    return alerts->live != NULL ? live_reopen(alerts->live, error) : 0;
}

unsigned alerts_sinks(const struct alerts *alerts, struct sink_status *status, unsigned max)
{
    return alerts->live != NULL ? live_status(alerts->live, status, max) : output_status(alerts->output, status, max);
}

const struct alert_counters *alerts_counters(const struct alerts *alerts)
{
    return &alerts->counters;
}

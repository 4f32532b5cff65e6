/* SPDX-License-Identifier: BSD-3-Clause */
#include "summary.h"

#include <bearertap/number.h>
#include <bearertap/scan.h>
#include <bearertap/token.h>

#include "command.h"

/* 1234567 as 1,234,567; the text lives until the next but seven calls. */
static const char *number(uint64_t value)
{
    static char texts[8][NUMBER_SHOWN_MAX];
    static unsigned next;
    return number_show(value, texts[next++ % 8]);
}

static const char *size(uint64_t bytes)
{
    static char texts[4][32];
    static unsigned next;
    char *text = texts[next++ % 4];
    if (bytes < 1000)
        snprintf(text, 32, "%u bytes", (unsigned)bytes);
    else if (bytes < 1000000)
        snprintf(text, 32, "%.1f KB", (double)bytes / 1e3);
    else if (bytes < 1000000000)
        snprintf(text, 32, "%.1f MB", (double)bytes / 1e6);
    else
        snprintf(text, 32, "%.1f GB", (double)bytes / 1e9);
    return text;
}

static void print_rows(FILE *out, const struct counter_row *rows, const uint64_t *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (values[i] > 0)
            fprintf(out, "  %16s  %-20s %s\n", number(values[i]), rows[i].name, rows[i].text);
}

static uint64_t sum_of(const uint64_t *values, unsigned count)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

static void print_tokens(FILE *out, const struct counter_values *totals)
{
    uint64_t tokens = sum_of(totals->tokens, PLACEMENTS);
    fprintf(out, "tokens %s\n", number(tokens));
    for (unsigned i = 0; i < PLACEMENTS; i++)
        if (totals->tokens[i] > 0)
            fprintf(out, "  %16s  %s\n", number(totals->tokens[i]), placement_names[i]);
    if (tokens == 0)
        return;
    fputs("algorithms\n", out);
    for (unsigned i = 0; i < TOKEN_ALGORITHMS; i++)
        if (totals->algorithms[i] > 0)
            fprintf(out, "  %16s  %s\n", number(totals->algorithms[i]), token_algorithm_names[i]);
    if (totals->opaque_tokens > 0)
        fprintf(out, "  %16s  opaque\n", number(totals->opaque_tokens));
}

/* In words, what was there and was not inspected. */
static void print_not_inspected(FILE *out, const struct pipeline_result *result)
{
    const struct counter_values *totals = &result->totals;
    const uint64_t *events = totals->events;
    if (events[EVENT_GAP_BYTES] > 0) /* other gaps are of packets captured short */
        fprintf(out, "not inspected: %s connection%s had gaps: %s missing\n", number(events[EVENT_GAP_CONNECTIONS]),
                plural(events[EVENT_GAP_CONNECTIONS]), size(events[EVENT_GAP_BYTES]));
    if (events[EVENT_CUT_PACKETS] > 0)
        fprintf(out, "not inspected: %s packet%s captured short: %s of payload missing (capture with -s 0)\n",
                number(events[EVENT_CUT_PACKETS]), events[EVENT_CUT_PACKETS] == 1 ? " was" : "s were",
                size(events[EVENT_CUT_BYTES]));
    if (totals->bytes[BYTES_NO_FLOW] > 0 || totals->outcomes[OUTCOME_FLOW_TABLE_FULL] > 0)
        fprintf(out, "not inspected: %s packet%s (%s) came when the flow table was full\n",
                number(totals->outcomes[OUTCOME_FLOW_TABLE_FULL]), plural(totals->outcomes[OUTCOME_FLOW_TABLE_FULL]),
                size(totals->bytes[BYTES_NO_FLOW]));
    if (totals->outcomes[OUTCOME_FILTERED] > 0)
        fprintf(out, "not inspected: %s packet%s (%s) of connections that the configuration's filter leaves out\n",
                number(totals->outcomes[OUTCOME_FILTERED]), plural(totals->outcomes[OUTCOME_FILTERED]),
                size(totals->bytes[BYTES_FILTERED]));
    if (totals->bytes[BYTES_SKIPPED_BODY] + totals->bytes[BYTES_SKIPPED_RESPONSE] > 0)
        fprintf(out, "not inspected: %s of %s, which scan.responses leaves out\n",
                size(totals->bytes[BYTES_SKIPPED_BODY] + totals->bytes[BYTES_SKIPPED_RESPONSE]),
                totals->bytes[BYTES_SKIPPED_BODY] > 0 ? "response bodies" : "responses");
    if (totals->outcomes[OUTCOME_IP_FRAGMENT] > 0)
        fprintf(out, "not inspected: %s IP fragment%s\n", number(totals->outcomes[OUTCOME_IP_FRAGMENT]),
                plural(totals->outcomes[OUTCOME_IP_FRAGMENT]));
    if (result->files.unsupported_packets > 0)
        fprintf(out, "not inspected: %s packet%s of link types that are not understood\n",
                number(result->files.unsupported_packets), plural(result->files.unsupported_packets));
    if (result->files.files_failed > 0)
        fprintf(out, "not inspected: %u file%s could not be read\n", result->files.files_failed,
                plural(result->files.files_failed));
    if (result->files.files_cut > 0)
        fprintf(out, "not inspected: what followed where %u file%s cut\n", result->files.files_cut,
                result->files.files_cut == 1 ? " was" : "s were");
    if (result->interrupted)
        fputs("not inspected: what came after the interruption\n", out);
}

void summary_print(FILE *out, const struct pipeline_result *result, const struct summary_keys *keys)
{
    const struct counter_values *totals = &result->totals;
    fprintf(out, "packets %s received, each in one outcome%s\n", number(totals->received),
            result->law_holds ? "" : " (THEY ARE NOT)");
    print_rows(out, outcome_rows, totals->outcomes, OUTCOMES);
    fprintf(out, "payload %s bytes, each in one outcome\n", number(totals->payload));
    print_rows(out, byte_outcome_rows, totals->bytes, BYTE_OUTCOMES);
    fputs("events\n", out);
    print_rows(out, event_rows, totals->events, EVENTS);
    print_tokens(out, totals);
    if (keys != NULL)
        fprintf(out, "revoked keys %s, findable by %s name%s\n", number(keys->entries), number(keys->names),
                plural(keys->names));
    fprintf(out, "sightings %s of revoked keys, in %s alert%s\n", number(result->alerts.sightings),
            number(result->alerts.alerts), plural(result->alerts.alerts));
    if (result->alerts.truncated > 0)
        fprintf(out, "  %16s  of them had a token whose end was never seen\n", number(result->alerts.truncated));
    if (result->alerts.folds_evicted > 0)
        fprintf(out, "  %16s  updates left early for want of room\n", number(result->alerts.folds_evicted));
    print_not_inspected(out, result);
}

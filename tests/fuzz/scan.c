/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A direction's bytes, scanned in one piece and cut in pieces: the tokens are the same, by number, place, placement and
 * text, and every chunk comes back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include <bearertap/chunk.h>
#include <bearertap/counters.h>
#include <bearertap/flow.h>
#include <bearertap/http.h>
#include <bearertap/scan.h>
#include <bearertap/stream.h>
#include <bearertap/token.h>

#include "support.h"

#define BYTES_MAX 6000
#define CUTS_MAX  16
#define NOTES_MAX 4096
#define CHUNKS    1023

struct note {
    enum placement placement;
    uint64_t position;
    bool opaque, truncated, from_server, wanted;
    uint32_t length;
    uint64_t hash; /* of the text */
};

struct notes {
    unsigned count;
    struct note notes[NOTES_MAX];
};

static struct {
    struct scan_databases *databases;
    struct rte_mempool *chunks;
    bool want;
    struct notes *notes; /* those being taken down */
} harness;

static const struct siphash_key key = {1, 2};

static void note_token(const struct scan_token *token, bool wanted, const uint8_t *text, size_t length)
{
    REQUIRE(harness.notes->count < NOTES_MAX && token->placement < PLACEMENTS);
    harness.notes->notes[harness.notes->count++] = (struct note){.placement = token->placement,
                                                                 .position = token->position,
                                                                 .opaque = token->opaque,
                                                                 .truncated = token->truncated,
                                                                 .from_server = token->from_server,
                                                                 .wanted = wanted,
                                                                 .length = (uint32_t)length,
                                                                 .hash = siphash_64(&key, text, length)};
}

static enum scan_judgement judge(void *context, struct scan_token *token, const uint8_t *text, size_t length)
{
    static uint8_t header[JOSE_HEADER_MAX];
    (void)context;
    ptrdiff_t decoded = base64url_decode(text, length, header, sizeof(header), NULL);
    struct jose_summary summary;
    if (decoded <= 0 || !jose_summarize(header, (size_t)decoded, &summary) || !jose_summary_is_header(&summary))
        return SCAN_NO_TOKEN;
    token->noted = summary.names_a_key; /* as if all keys were in the table */
    if (harness.want)
        return SCAN_WANT;
    note_token(token, false, text, length);
    return SCAN_PASS;
}

static bool judge_opaque(void *context, const struct scan_token *token)
{
    (void)context;
    REQUIRE(token->announced);
    return harness.want;
}

static void take(void *context, struct scan_token *token)
{
    static uint8_t text[TOKEN_MAX];
    size_t length = 0;
    (void)context;
    for (const struct chunk *chunk = token->chain; chunk != NULL; chunk = chunk->next) {
        REQUIRE(chunk->length <= CHUNK_DATA_MAX && chunk->length <= TOKEN_MAX - length);
        memcpy(text + length, chunk->data, chunk->length);
        length += chunk->length;
    }
    REQUIRE(length == token->length && length <= BYTES_MAX);
    note_token(token, true, text, length);
    chunk_give_back(harness.chunks, token->chain);
}

static bool wait_for_chunks(void *context)
{
    (void)context;
    return false;
}

/* One flow's parts, made anew each time. */
struct scanner {
    struct counter_values counters;
    struct flow_table *flows;
    struct http *http;
    struct scan *scan;
    struct flow *flow;
};

static void scanner_end_flow(void *context, struct flow *flow)
{
    struct scanner *scanner = context;
    scan_end(scanner->scan, flow, 1);
    for (unsigned direction = 0; direction < 2; direction++)
        http_forget(scanner->http, flow, direction);
}

static void scanner_begin(struct scanner *scanner)
{
    struct error error = {""};
    memset(scanner, 0, sizeof(*scanner));
    struct flow_table_options flows = {.flows_max = 2,
                                       .extras_max = 4,
                                       .idle_timeout_ms = 1000,
                                       .unproven_timeout_ms = 1000,
                                       .closed_timeout_ms = 1000,
                                       .on_end = scanner_end_flow,
                                       .context = scanner,
                                       .events = scanner->counters.events};
    scanner->flows = flow_table_create(&flows);
    struct http_options http = {.flows = scanner->flows, .chunks_max = 16, .events = scanner->counters.events};
    scanner->http = http_create(&http);
    struct scan_options scan = {.databases = harness.databases,
                                .flows = scanner->flows,
                                .http = scanner->http,
                                .chunks = harness.chunks,
                                .captures_max = 16,
                                .captures_chunks_max = CHUNKS / 2,
                                .counters = &scanner->counters,
                                .handler = {judge, judge_opaque, take, wait_for_chunks, NULL}};
    REQUIRE(scanner->flows != NULL && scanner->http != NULL && scan_create(&scan, &scanner->scan, &error) == 0);

    static struct burst burst;
    static struct rte_mbuf mbuf;
    memset(&burst, 0, sizeof(burst));
    burst.count = 1;
    burst.mbufs[0] = &mbuf;
    burst.segments[0].endpoints = (struct endpoints){
        .source = {10}, .destination = {11}, .source_port = 9, .destination_port = 80, .ip_version = 4};
    flow_look_up(scanner->flows, &burst);
    REQUIRE(burst.flows[0] != NULL);
    scanner->flow = burst.flows[0];
}

static void scanner_end(struct scanner *scanner)
{
    flow_table_end_all(scanner->flows);
    REQUIRE(rte_mempool_in_use_count(harness.chunks) == 0);
    scan_destroy(scanner->scan);
    http_destroy(scanner->http);
    flow_table_destroy(scanner->flows);
}

/* As the worker gives bytes to the stages: the client's are kept, scanned and shed, the server's scanned. */
static void scanner_run(struct scanner *scanner, bool from_server, const uint8_t *bytes, uint32_t length,
                        uint32_t position)
{
    uint8_t *copy = fuzz_copy(bytes, length);
    struct stream_run run = {.flow = scanner->flow, .time_ns = 1000000};
    for (uint32_t done = 0; done < length; done += run.length) {
        run.bytes = copy + done;
        run.position = position + done;
        run.length = length - done;
        if (from_server) {
            scan_run(scanner->scan, &run);
            continue;
        }
        run.length = http_piece(scanner->http, run.flow, 0, run.position, run.length);
        REQUIRE(run.length > 0 && run.length <= length - done);
        http_keep(scanner->http, run.flow, 0, run.bytes, run.length, run.position, position + done == 0);
        scan_run(scanner->scan, &run);
        http_shed(scanner->http, run.flow, 0);
    }
    free(copy);
}

static int compare_cuts(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* Cut at these places, or after every byte. */
static void scan_in_pieces(struct notes *notes, unsigned sides, const uint8_t *bytes, uint32_t length,
                           const uint16_t *cuts, unsigned count, bool single)
{
    static struct scanner scanner;
    notes->count = 0;
    harness.notes = notes;
    scanner_begin(&scanner);
    if (sides > 0)
        scanner.flow->flags |= (uint8_t)(FLOW_CLIENT_KNOWN | (sides == 2 ? FLOW_CLIENT_IS_ONE : 0));
    uint32_t at = 0;
    for (unsigned i = 0; i <= (single ? length : count); i++) {
        uint32_t end = single ? i : i < count ? cuts[i] : length;
        if (end > at)
            scanner_run(&scanner, sides == 2, bytes + at, end - at, at);
        at = end;
    }
    scanner_end(&scanner);
}

static int compare_notes(const void *a, const void *b)
{
    const struct note *x = a, *y = b;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (int)x->length - (int)y->length;
}

/* Is the token in a request that can be read? What a line is that is no request line, its end tells: a token in it is
 * placed by what came so far. */
static bool is_in_request(const struct note *note, const uint8_t *bytes, size_t length)
{
    struct http_place place;
    return note->from_server || http_find_request(bytes, (uint32_t)length, (uint32_t)note->position, &place);
}

static void compare(struct notes *whole, struct notes *pieces, const uint8_t *bytes, size_t length)
{
    REQUIRE(whole->count == pieces->count);
    qsort(whole->notes, whole->count, sizeof(struct note), compare_notes);
    qsort(pieces->notes, pieces->count, sizeof(struct note), compare_notes);
    for (unsigned i = 0; i < whole->count; i++) {
        const struct note *a = &whole->notes[i], *b = &pieces->notes[i];
        REQUIRE(a->position == b->position && a->length == b->length && a->hash == b->hash);
        REQUIRE(a->placement == b->placement || !is_in_request(a, bytes, length));
        REQUIRE(a->opaque == b->opaque && a->truncated == b->truncated);
        REQUIRE(a->from_server == b->from_server && a->wanted == b->wanted);
    }
}

/* A byte of options, a byte that says how many cuts, two bytes for each, then what is scanned. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct notes whole, pieces;
    struct fuzz_input input = fuzz_input(data, size);
    uint8_t options = fuzz_byte(&input);
    uint16_t cuts[CUTS_MAX];
    unsigned count = fuzz_byte(&input) % (CUTS_MAX + 1);
    for (unsigned i = 0; i < count; i++)
        cuts[i] = fuzz_16(&input);
    size_t length = fuzz_left(&input);
    if (length == 0 || length > BYTES_MAX)
        return 0;
    for (unsigned i = 0; i < count; i++)
        cuts[i] = (uint16_t)(cuts[i] % length);
    qsort(cuts, count, sizeof(cuts[0]), compare_cuts);
    unsigned sides = options % 3; /* the client is not known, is this end, is the other */
    harness.want = (options & 0x40) == 0;
    bool single = (options & 0x80) != 0 && length <= 1024;
    scan_in_pieces(&whole, sides, input.at, (uint32_t)length, cuts, 0, false);
    scan_in_pieces(&pieces, sides, input.at, (uint32_t)length, cuts, count, single);
    compare(&whole, &pieces, input.at, length);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct error error = {""};
    fuzz_start_eal(64);
    harness.chunks = chunk_pool_create("fuzz_chunks", CHUNKS, &error);
    if (harness.chunks == NULL || scan_databases_create(&harness.databases, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "scan_support.h"

#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include <bearertap/token.h>

const struct bench_sizes bench_usual_sizes = {
    .chunks = 255, .captures = 64, .captures_chunks = 128, .kept_chunks = 64, .extras = 256};

int bench_start(void **state)
{
    (void)state;
    char *arguments[] = {"test",           "--no-huge", "--no-shconf", "--no-pci",
                         "--no-telemetry", "-m",        "96",          "--log-level=*:error"};
    return rte_eal_init((int)COUNT(arguments), arguments) < 0 ? -1 : 0;
}

static void note_token(struct bench *bench, const struct scan_token *token, const uint8_t *text, size_t length)
{
    assert_true(bench->notes_count < NOTES_MAX);
    struct note *note = &bench->notes[bench->notes_count++];
    *note = (struct note){.placement = token->placement,
                          .position = token->position,
                          .opaque = token->opaque,
                          .truncated = token->truncated,
                          .from_server = token->from_server,
                          .length = (uint32_t)length};
    note->text = malloc(length + 1);
    memcpy(note->text, text, length);
    note->text[length] = '\0';
    struct http_place place;
    if (!token->from_server && http_find_place(bench->http, token->flow, token->direction, token->position, &place)) {
        snprintf(note->path, sizeof(note->path), "%.*s", (int)place.path.length,
                 place.path.bytes != NULL ? (const char *)place.path.bytes : "");
        snprintf(note->host, sizeof(note->host), "%.*s", (int)place.host.length,
                 place.host.bytes != NULL ? (const char *)place.host.bytes : "");
    }
}

static enum scan_judgement judge(void *context, struct scan_token *token, const uint8_t *text, size_t length)
{
    struct bench *bench = context;
    static uint8_t header[JOSE_HEADER_MAX];
    ptrdiff_t decoded = base64url_decode(text, length, header, sizeof(header), NULL);
    struct jose_summary summary;
    if (decoded <= 0 || !jose_summarize(header, (size_t)decoded, &summary) || !jose_summary_is_header(&summary))
        return SCAN_NO_TOKEN;
    token->noted = summary.names_a_key; /* as if all keys were in the table */
    if (bench->want)
        return SCAN_WANT;
    note_token(bench, token, text, length);
    return SCAN_PASS;
}

static bool judge_opaque(void *context, const struct scan_token *token)
{
    struct bench *bench = context;
    assert_true(token->announced);
    return bench->want;
}

static void take(void *context, struct scan_token *token)
{
    struct bench *bench = context;
    static uint8_t text[NOTE_TEXT_MAX];
    size_t length = 0;
    for (const struct chunk *chunk = token->chain; chunk != NULL; chunk = chunk->next) {
        assert_true(chunk->length <= NOTE_TEXT_MAX - length);
        memcpy(text + length, chunk->data, chunk->length);
        length += chunk->length;
    }
    assert_int_equal(length, token->length);
    note_token(bench, token, text, length);
    chunk_give_back(bench->chunks, token->chain);
}

static bool wait_for_chunks(void *context)
{
    (void)context;
    return false;
}

static void on_end(void *context, struct flow *flow)
{
    struct bench *bench = context;
    scan_end(bench->scan, flow, 1);
    for (unsigned direction = 0; direction < 2; direction++)
        http_forget(bench->http, flow, direction);
}

struct bench *bench_create(const struct bench_sizes *sizes)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error error = {""};
    struct flow_table_options flows = {.flows_max = 1024,
                                       .extras_max = sizes->extras,
                                       .idle_timeout_ms = 1000,
                                       .unproven_timeout_ms = 1000,
                                       .closed_timeout_ms = 1000,
                                       .on_end = on_end,
                                       .context = bench,
                                       .events = bench->counters.events};
    bench->flows = flow_table_create(&flows);
    assert_non_null(bench->flows);
    struct http_options http = {
        .flows = bench->flows, .chunks_max = sizes->kept_chunks, .events = bench->counters.events};
    bench->http = http_create(&http);
    assert_non_null(bench->http);
    static unsigned pools;
    char name[32];
    snprintf(name, sizeof(name), "test_chunks_%u", pools++);
    bench->chunks = chunk_pool_create(name, sizes->chunks, &error);
    if (bench->chunks == NULL || scan_databases_create(&bench->databases, &error) != 0)
        fail_msg("%s", error.text);
    struct scan_options scan = {.databases = bench->databases,
                                .flows = bench->flows,
                                .http = bench->http,
                                .chunks = bench->chunks,
                                .captures_max = sizes->captures,
                                .captures_chunks_max = sizes->captures_chunks,
                                .counters = &bench->counters,
                                .handler = {.judge = judge,
                                            .judge_opaque = judge_opaque,
                                            .take = take,
                                            .wait_for_chunks = wait_for_chunks,
                                            .context = bench}};
    if (scan_create(&scan, &bench->scan, &error) != 0)
        fail_msg("%s", error.text);
    bench->want = true;
    bench->next_port = 20000;
    return bench;
}

void bench_forget_notes(struct bench *bench)
{
    for (unsigned i = 0; i < bench->notes_count; i++)
        free(bench->notes[i].text);
    bench->notes_count = 0;
}

unsigned bench_chunks_out(const struct bench *bench)
{
    return rte_mempool_in_use_count(bench->chunks);
}

void bench_destroy(struct bench *bench)
{
    flow_table_end_all(bench->flows);
    assert_int_equal(bench_chunks_out(bench), 0);
    bench_forget_notes(bench);
    scan_destroy(bench->scan);
    scan_databases_destroy(bench->databases);
    http_destroy(bench->http);
    flow_table_destroy(bench->flows);
    rte_mempool_free(bench->chunks);
    free(bench);
}

struct flow *bench_flow(struct bench *bench, int sides)
{
    static struct burst burst;
    static struct rte_mbuf mbuf;
    memset(&burst, 0, sizeof(burst));
    burst.count = 1;
    burst.mbufs[0] = &mbuf;
    burst.time_ns[0] = 1000000;
    burst.outcomes[0] = OUTCOME_PENDING;
    struct endpoints *endpoints = &burst.segments[0].endpoints;
    endpoints->source[0] = 10;
    endpoints->destination[0] = 11;
    endpoints->source_port = bench->next_port++;
    endpoints->destination_port = 80;
    endpoints->ip_version = 4;
    burst.hashes[0] = (uint64_t)bench->next_port * 0x9e3779b97f4a7c15ull;
    flow_look_up(bench->flows, &burst);
    assert_non_null(burst.flows[0]);
    if (sides >= 0)
        burst.flows[0]->flags |= (uint8_t)(FLOW_CLIENT_KNOWN | (sides == 1 ? FLOW_CLIENT_IS_ONE : 0));
    return burst.flows[0];
}

void bench_run(struct bench *bench, struct flow *flow, unsigned direction, const void *bytes, size_t length,
               uint64_t position, bool turn, bool after_gap)
{
    bool from_server =
        (flow->flags & FLOW_CLIENT_KNOWN) != 0 && ((flow->flags & FLOW_CLIENT_IS_ONE) != 0) != (direction == 1);
    /* A copy of its own, so that a sanitizer sees every byte read beyond it. */
    uint8_t *copy = malloc(length);
    memcpy(copy, bytes, length);
    struct stream_run run = {.flow = flow,
                             .direction = direction,
                             .bytes = copy,
                             .length = (uint32_t)length,
                             .position = position,
                             .after_gap = after_gap,
                             .time_ns = 1000000 + position + length};
    if (from_server) {
        scan_run(bench->scan, &run);
        free(copy);
        return;
    }
    if (after_gap)
        http_forget(bench->http, flow, direction);
    for (size_t done = 0; done < length; done += run.length) {
        run.bytes = copy + done;
        run.position = position + done;
        run.length = http_piece(bench->http, flow, direction, run.position, (uint32_t)(length - done));
        http_keep(bench->http, flow, direction, run.bytes, run.length, run.position, turn && done == 0);
        scan_run(bench->scan, &run);
        http_shed(bench->http, flow, direction);
        run.after_gap = false;
    }
    free(copy);
}

void bench_feed(struct bench *bench, struct flow *flow, unsigned direction, const void *bytes, size_t length,
                size_t most, unsigned *seed)
{
    const uint8_t *from = bytes;
    for (size_t done = 0; done < length;) {
        size_t here = most;
        if (most == 0)
            here = 1 + (size_t)rand_r(seed) % (rand_r(seed) % 4 == 0 ? 2000 : 40);
        if (here > length - done)
            here = length - done;
        bench_run(bench, flow, direction, from + done, here, done, done == 0, false);
        done += here;
    }
}

void bench_end(struct bench *bench, struct flow *flow)
{
    scan_end(bench->scan, flow, 1);
    for (unsigned direction = 0; direction < 2; direction++) {
        http_forget(bench->http, flow, direction);
        flow_extra_release(bench->flows, &flow->directions[direction]);
        flow->directions[direction].flags = 0;
    }
}

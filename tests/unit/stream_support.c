/* SPDX-License-Identifier: BSD-3-Clause */
#include "stream_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

static const struct siphash_key key = {0x1122334455667788, 0x99aabbccddeeff00};

int bench_start_eal(void **state)
{
    (void)state;
    char *arguments[] = {"stream", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                         "-m",     "384",       "--lcores",    "0",        "--log-level=*:error"};
    return rte_eal_init(sizeof(arguments) / sizeof(arguments[0]), arguments) < 0 ? -1 : 0;
}

int bench_stop_eal(void **state)
{
    (void)state;
    return rte_eal_cleanup();
}

static void take_run(struct bench *bench, const struct stream_run *run)
{
    assert_true(run->length > 0);
    if (run->flow != bench->flow) {
        bench->other_bytes += run->length;
        return;
    }
    struct output *output = &bench->outputs[run->direction];
    assert_true(run->length <= OUTPUT_MAX - output->length);
    if (run->after_gap) {
        assert_true(output->gaps < GAPS_MAX);
        output->gap_at[output->gaps++] = output->length;
        assert_true(run->position >= output->next_position);
    } else {
        assert_int_equal(run->position, output->next_position);
    }
    memcpy(output->bytes + output->length, run->bytes, run->length);
    output->length += run->length;
    output->next_position = run->position + run->length;
    output->runs++;
    output->last_time_ns = run->time_ns;
}

static void take_runs(struct bench *bench)
{
    struct stream_run run;
    while (stream_next_run(bench->stream, &run))
        take_run(bench, &run);
}

/* As a worker does it. */
static void take_segment(struct bench *bench, struct flow *flow, unsigned direction, const struct segment *segment,
                         const uint8_t *payload)
{
    struct stream_run run;
    if (!bench->only_the_long_way &&
        stream_pass(bench->stream, flow, direction, segment, payload, bench->now_ns, &run)) {
        bench->passed++;
        if (run.length > 0)
            take_run(bench, &run);
        return;
    }
    stream_accept(bench->stream, flow, direction, segment, payload, bench->now_ns);
    take_runs(bench);
}

static void end_flow(void *context, struct flow *flow)
{
    struct bench *bench = context;
    stream_finish(bench->stream, flow);
    take_runs(bench);
    bench->ended++;
    bench->last_ended_port = flow->ports[0];
    if (flow == bench->flow) /* what comes next in its record is another connection's */
        for (unsigned d = 0; d < 2; d++)
            bench->outputs[d].next_position = 0;
}

struct bench *bench_create(const struct bench_sizes *sizes)
{
    static const struct bench_sizes usual = {64, 128, 16 << 20, 4 << 20};
    if (sizes == NULL)
        sizes = &usual;
    struct bench *bench = calloc(1, sizeof(*bench));
    assert_non_null(bench);
    bench->now_ns = START_NS;
    for (unsigned d = 0; d < 2; d++)
        assert_non_null(bench->outputs[d].bytes = malloc(OUTPUT_MAX));
    struct flow_table_options flows = {
        .flows_max = sizes->flows,
        .extras_max = sizes->extras,
        .idle_timeout_ms = 300000,
        .unproven_timeout_ms = 30000,
        .closed_timeout_ms = 10000,
        .on_end = end_flow,
        .context = bench,
        .events = bench->counters.events,
    };
    bench->flows = flow_table_create(&flows);
    assert_non_null(bench->flows);
    struct stream_options stream = {
        .flows = bench->flows,
        .held_bytes_max = sizes->held_bytes,
        .held_per_direction_max = sizes->held_per_direction,
        .counters = &bench->counters,
    };
    bench->stream = stream_create(&stream);
    assert_non_null(bench->stream);
    return bench;
}

void bench_destroy(struct bench *bench)
{
    bench_end_all(bench);
    assert_int_equal(bench->counters.held, 0);
    stream_destroy(bench->stream);
    flow_table_destroy(bench->flows);
    for (unsigned d = 0; d < 2; d++)
        free(bench->outputs[d].bytes);
    free(bench);
}

struct endpoints bench_endpoints(unsigned number, bool back)
{
    struct endpoints forth = {.source = {10, 0, 0, 1},
                              .destination = {10, 0, 0, 2},
                              .source_port = (uint16_t)(1000 + number % 60000),
                              .destination_port = 80,
                              .ip_version = 4};
    forth.source[1] = (uint8_t)(number / 60000); /* 10.x.0.1 would compare higher: x stays small */
    if (number / 60000 > 0) {
        forth.source[0] = 9;
    }
    if (!back)
        return forth;
    struct endpoints reverse = forth;
    memcpy(reverse.source, forth.destination, 16);
    memcpy(reverse.destination, forth.source, 16);
    reverse.source_port = forth.destination_port;
    reverse.destination_port = forth.source_port;
    return reverse;
}

struct flow *bench_look_up(struct bench *bench, const struct endpoints *endpoints, unsigned *direction)
{
    static struct burst burst;
    struct rte_mbuf mbuf = {.port = 7};
    burst.count = 1;
    burst.mbufs[0] = &mbuf;
    burst.time_ns[0] = bench->now_ns;
    burst.outcomes[0] = OUTCOME_PENDING;
    burst.segments[0].endpoints = *endpoints;
    burst.hashes[0] = endpoints_hash(&key, endpoints);
    flow_look_up(bench->flows, &burst);
    assert_int_equal(burst.outcomes[0], burst.flows[0] != NULL ? OUTCOME_PENDING : OUTCOME_FLOW_TABLE_FULL);
    *direction = burst.directions[0];
    return burst.flows[0];
}

struct flow *bench_send(struct bench *bench, const struct sent *sent)
{
    struct segment segment = {
        .endpoints = bench_endpoints(sent->client, sent->back),
        .sequence = sent->sequence,
        .acknowledgement = sent->acknowledgement,
        .payload_length = sent->length,
        .payload_cut = sent->cut,
        .window = sent->window,
        .urgent_pointer = sent->urgent_pointer,
        .flags = sent->flags,
        .window_shift = sent->flags & TCP_SYN ? sent->window_shift : WINDOW_SHIFT_UNKNOWN,
    };
    if (!sent->bare && (segment.flags & (TCP_SYN | TCP_RST)) == 0)
        segment.flags |= TCP_ACK;
    unsigned direction;
    struct flow *flow = bench_look_up(bench, &segment.endpoints, &direction);
    if (flow == NULL)
        return NULL;
    assert_int_equal(direction, sent->back);
    if (sent->client == 0)
        bench->flow = flow;
    flow_begin_segment(bench->flows, flow, direction, &segment, bench->now_ns, 7);
    /* In a block of its own size, which is gone after the last run. */
    uint8_t *payload = malloc(sent->length + (sent->length == 0));
    assert_non_null(payload);
    if (sent->length > 0)
        memcpy(payload, sent->payload, sent->length);
    take_segment(bench, flow, direction, &segment, payload);
    free(payload);
    assert_law(bench);
    return flow;
}

void bench_handshake(struct bench *bench)
{
    SEND(bench, .flags = TCP_SYN, .sequence = 1000, .window = 64000, .window_shift = 7);
    SEND(bench, .back = true, .flags = TCP_SYN | TCP_ACK, .sequence = 5000, .acknowledgement = 1001, .window = 65000,
         .window_shift = 7);
    SEND(bench, .sequence = 1001, .acknowledgement = 5001, .window = 500);
}

struct bench *bench_create_open(void)
{
    struct bench *bench = bench_create(NULL);
    bench_handshake(bench);
    return bench;
}

void acknowledge(struct bench *bench, uint32_t number)
{
    SEND(bench, .back = true, .sequence = 5001, .acknowledgement = number, .window = 500);
}

uint64_t event(const struct bench *bench, enum event which)
{
    return bench->counters.events[which];
}

uint64_t bytes(const struct bench *bench, enum byte_outcome which)
{
    return bench->counters.bytes[which];
}

void bench_keep_house(struct bench *bench)
{
    flow_table_keep_house(bench->flows, bench->now_ns);
    stream_keep_house(bench->stream, bench->now_ns);
    take_runs(bench);
    assert_law(bench);
}

void bench_end_all(struct bench *bench)
{
    flow_table_end_all(bench->flows);
    assert_law(bench);
}

void assert_output(const struct bench *bench, unsigned direction, const char *text)
{
    const struct output *output = &bench->outputs[direction];
    if (output->length != strlen(text) || memcmp(output->bytes, text, output->length) != 0)
        fail_msg("\"%.*s\" and not \"%s\"", (int)output->length, (const char *)output->bytes, text);
}

void assert_law(const struct bench *bench)
{
    const struct counter_values *counters = &bench->counters;
    uint64_t sum = counters->held;
    for (unsigned i = 0; i < BYTE_OUTCOMES; i++)
        sum += counters->bytes[i];
    assert_int_equal(sum, counters->payload);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments through the flow table and the stream. The input is a script of segments, of one of two kinds.
 *
 * Honest: one connection, whose bytes are a function of their place, cut, repeated, reordered, withheld and
 * acknowledged in any way. Whatever comes out must be the byte that belongs to its place; and where nothing was given
 * up as a gap or refused, exactly the bytes that were sent must have come out at the end.
 *
 * Hostile: any numbers and flags on a few connections. Runs must be contiguous, the law of bytes must hold after each
 * segment, and nothing may stay held at the end.
 */
#include <stdlib.h>
#include <string.h>

#include <bearertap/counters.h>
#include <bearertap/stream.h>

#include "support.h"

#define START_NS    1700000000000000000ull
#define MS          1000000ull
#define PLACES      (16 * 1024 + SEGMENT_MAX)
#define SEGMENT_MAX 2048
#define STEPS_MAX   400

enum { SIDES = 2 };

struct side {
    uint32_t first_sequence;  /* of the byte at place 0 */
    bool syn_sent, syn_first; /* first: before any data, so that place 0 is position 0 */
    bool began, settled_anew;
    uint32_t next_place;
    uint64_t next_position;
    bool sent[PLACES], came[PLACES];
};

struct harness {
    bool honest;
    struct flow_table *flows;
    struct stream *stream;
    struct counter_values counters;
    uint64_t now_ns;
    unsigned ended;
    uint8_t touched;          /* every byte that came out was read */
    struct side sides[SIDES]; /* honest only */
};

static const struct siphash_key key = {0x1122334455667788, 0x99aabbccddeeff00};

static uint8_t byte_at(unsigned side, uint64_t place)
{
    uint64_t mixed = (place + 1) * 0x9e3779b97f4a7c15u + side;
    return (uint8_t)(mixed >> 56);
}

/* Where the run's first byte belongs, by the number that is next after it; its position only counts. */
static void check_honest(struct harness *harness, const struct stream_run *run)
{
    struct side *side = &harness->sides[run->direction];
    uint32_t next = run->flow->directions[run->direction].next_sequence;
    uint32_t from = next - run->length - side->first_sequence;
    REQUIRE(from <= PLACES && run->length <= PLACES - from);
    if (side->began && !run->after_gap)
        REQUIRE(run->position == side->next_position && from == side->next_place);
    if (side->began && run->position - side->next_position != from - side->next_place)
        side->settled_anew = true; /* what was joined in the middle, or so it seemed, began anew */
    REQUIRE(run->position >= side->next_position);
    for (uint32_t place = from; place < from + run->length; place++) {
        REQUIRE(run->bytes[place - from] == byte_at(run->direction, place) && side->sent[place]);
        REQUIRE(!side->came[place] || side->settled_anew);
        side->came[place] = true;
    }
    REQUIRE(!side->syn_first || side->settled_anew || run->position == from);
    side->began = true;
    side->next_position = run->position + run->length;
    side->next_place = from + run->length;
}

static void take_runs(struct harness *harness)
{
    struct stream_run run;
    while (stream_next_run(harness->stream, &run)) {
        REQUIRE(run.length > 0 && run.direction < SIDES);
        for (uint32_t i = 0; i < run.length; i++)
            harness->touched ^= run.bytes[i];
        if (harness->honest)
            check_honest(harness, &run);
    }
}

static void check_law(const struct harness *harness)
{
    uint64_t sum = harness->counters.held;
    for (unsigned i = 0; i < BYTE_OUTCOMES; i++)
        sum += harness->counters.bytes[i];
    REQUIRE(sum == harness->counters.payload);
}

static void end_flow(void *context, struct flow *flow)
{
    struct harness *harness = context;
    stream_finish(harness->stream, flow);
    take_runs(harness);
    harness->ended++;
    /* A SYN that comes long after data may pass for another connection's: then the record begins anew. */
    for (unsigned i = 0; i < SIDES; i++) {
        harness->sides[i].began = harness->sides[i].syn_first = false;
        harness->sides[i].settled_anew = true;
        harness->sides[i].next_position = 0;
    }
}

static void send_segment(struct harness *harness, const struct segment *segment, const uint8_t *payload)
{
    static struct burst burst;
    struct rte_mbuf mbuf = {.port = 7};
    burst.count = 1;
    burst.mbufs[0] = &mbuf;
    burst.time_ns[0] = harness->now_ns;
    burst.outcomes[0] = OUTCOME_PENDING;
    burst.segments[0] = *segment;
    burst.hashes[0] = endpoints_hash(&key, &segment->endpoints);
    flow_look_up(harness->flows, &burst);
    if (burst.outcomes[0] != OUTCOME_PENDING) {
        REQUIRE(burst.outcomes[0] == OUTCOME_FLOW_TABLE_FULL);
        return;
    }
    uint8_t *copy = fuzz_copy(payload, segment->payload_length);
    flow_begin_segment(harness->flows, burst.flows[0], burst.directions[0], segment, harness->now_ns, 7);
    stream_accept(harness->stream, burst.flows[0], burst.directions[0], segment, copy, harness->now_ns);
    take_runs(harness);
    free(copy);
    check_law(harness);
}

/* Port 1000 and up against port 80 of the higher address, so that the client is endpoint 0. */
static struct endpoints endpoints_of(unsigned number, unsigned side)
{
    struct endpoints endpoints = {.ip_version = 4, .source = {10, 0, 0, 1}, .destination = {10, 0, 0, 2}};
    endpoints.source_port = (uint16_t)(1000 + number);
    endpoints.destination_port = 80;
    if (side == 1) {
        memcpy(endpoints.source, (uint8_t[16]){10, 0, 0, 2}, 16);
        memcpy(endpoints.destination, (uint8_t[16]){10, 0, 0, 1}, 16);
        endpoints.source_port = 80;
        endpoints.destination_port = (uint16_t)(1000 + number);
    }
    return endpoints;
}

/* A step is seven bytes: what, side and time; place; length; acknowledgement. */
static void honest_step(struct harness *harness, struct fuzz_input *input)
{
    static uint8_t payload[SEGMENT_MAX];
    uint8_t what = fuzz_byte(input);
    unsigned number = what >> 7;
    struct side *side = &harness->sides[number], *peer = &harness->sides[1 - number];
    uint32_t place = fuzz_16(input) % (16 * 1024), length = fuzz_16(input) % (SEGMENT_MAX + 1),
             acknowledged = fuzz_16(input);
    harness->now_ns += (uint64_t)(what >> 3 & 0x0f) * 5 * MS;
    struct segment segment = {
        .endpoints = endpoints_of(0, number),
        .flags = TCP_ACK,
        .sequence = side->first_sequence + place,
        .acknowledgement = peer->first_sequence + acknowledged,
        .window = 0xffff,
        .window_shift = WINDOW_SHIFT_UNKNOWN,
    };
    switch (what & 7) {
    case 0: /* a SYN, once or again */
        segment.flags = number == 0 ? TCP_SYN : TCP_SYN | TCP_ACK;
        segment.sequence = side->first_sequence - 1;
        segment.acknowledgement = peer->first_sequence;
        segment.window_shift = 7;
        side->syn_first = side->syn_first || (!side->syn_sent && memchr(side->sent, 1, PLACES) == NULL);
        side->syn_sent = true;
        length = 0;
        break;
    case 1: /* an acknowledgement alone */
        length = 0;
        break;
    case 2: /* small data */
        length = 1 + length % 4;
        break;
    case 3: /* acknowledges no more than was certainly seen: nothing */
        segment.acknowledgement = peer->first_sequence;
        break;
    default:
        break;
    }
    segment.payload_length = length;
    for (uint32_t i = 0; i < length; i++) {
        payload[i] = byte_at(number, place + i);
        side->sent[place + i] = true;
    }
    send_segment(harness, &segment, payload);
}

static void hostile_step(struct harness *harness, struct fuzz_input *input)
{
    static uint8_t payload[SEGMENT_MAX];
    uint8_t what = fuzz_byte(input);
    struct segment segment = {.endpoints = endpoints_of(what & 3, what >> 2 & 1)};
    segment.flags = fuzz_byte(input);
    segment.sequence = what & 0x10 ? fuzz_32(input) : fuzz_16(input);
    segment.acknowledgement = what & 0x20 ? fuzz_32(input) : fuzz_16(input);
    if (what & 0x40) {
        segment.window = fuzz_16(input);
        segment.urgent_pointer = fuzz_byte(input);
        segment.payload_cut = fuzz_byte(input);
        harness->now_ns += (uint64_t)fuzz_16(input) * 5 * MS;
    }
    segment.window_shift = segment.flags & TCP_SYN ? what >> 5 : WINDOW_SHIFT_UNKNOWN;
    segment.payload_length = what & 0x08 ? fuzz_16(input) % (SEGMENT_MAX + 1) : fuzz_byte(input) & 0x0f;
    memset(payload, what & 0x80 ? 'a' : 'b', segment.payload_length); /* copies that differ and copies that don't */
    send_segment(harness, &segment, payload);
}

/* Nothing was given up or refused: then all that was sent must have come. */
static void check_complete(const struct harness *harness, const bool synced[SIDES], uint64_t gaps_before_end)
{
    const struct counter_values *counters = &harness->counters;
    if (gaps_before_end > 0 || counters->bytes[BYTES_OUT_OF_WINDOW] > 0 || counters->bytes[BYTES_NO_FLOW] > 0 ||
        counters->events[EVENT_HELD_BOUND] > 0 || counters->events[EVENT_EXTRAS_FULL] > 0)
        return;
    for (unsigned i = 0; i < SIDES; i++)
        if (synced[i])
            REQUIRE(memcmp(harness->sides[i].sent, harness->sides[i].came, PLACES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct harness harness;
    struct fuzz_input input = fuzz_input(data, size);
    uint8_t mode = fuzz_byte(&input);
    memset(&harness, 0, sizeof(harness));
    harness.honest = (mode & 1) != 0;
    harness.now_ns = START_NS;
    bool narrow = (mode & 2) != 0; /* bounds that bite */
    struct flow_table_options flows = {
        .flows_max = narrow ? 2 : 16,
        .extras_max = narrow ? 3 : 32,
        .idle_timeout_ms = 300000,
        .unproven_timeout_ms = 30000,
        .closed_timeout_ms = 10000,
        .on_end = end_flow,
        .context = &harness,
        .events = harness.counters.events,
    };
    harness.flows = flow_table_create(&flows);
    struct stream_options stream = {
        .flows = harness.flows,
        .held_bytes_max = narrow ? 16 << 10 : 128 << 10,
        .held_per_direction_max = narrow ? 8 << 10 : 64 << 10,
        .counters = &harness.counters,
    };
    REQUIRE(harness.flows != NULL);
    harness.stream = stream_create(&stream);
    REQUIRE(harness.stream != NULL);
    if (harness.honest) {
        harness.sides[0].first_sequence = mode & 4 ? 0u - fuzz_16(&input) : 1000; /* wraps on its way */
        harness.sides[1].first_sequence = mode & 8 ? 0x80000000u - fuzz_16(&input) : 5000;
    }
    for (unsigned i = 0; i < STEPS_MAX && fuzz_left(&input) > 0; i++) {
        if (harness.honest)
            honest_step(&harness, &input);
        else
            hostile_step(&harness, &input);
        if (mode & 0x10) {
            flow_table_keep_house(harness.flows, harness.now_ns);
            stream_keep_house(harness.stream, harness.now_ns);
            take_runs(&harness);
            check_law(&harness);
        }
    }
    uint64_t gaps = harness.counters.events[EVENT_GAPS];
    bool synced[SIDES];
    for (unsigned i = 0; i < SIDES; i++)
        synced[i] = harness.sides[i].syn_first && !harness.sides[i].settled_anew;
    flow_table_end_all(harness.flows);
    check_law(&harness);
    REQUIRE(harness.counters.held == 0 && flow_table_count(harness.flows) == 0);
    if (harness.honest)
        check_complete(&harness, synced, gaps);
    stream_destroy(harness.stream);
    flow_table_destroy(harness.flows);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    fuzz_start_eal(64);
    return 0;
}

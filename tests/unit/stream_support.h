/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_STREAM_SUPPORT_H
#define BEARERTAP_TESTS_UNIT_STREAM_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/counters.h>
#include <bearertap/flow.h>
#include <bearertap/stream.h>

/* A flow table and a stream as a worker has them, with what comes out written down. The law of bytes is asserted after
 * every step. Direction 0 is the client's, 10.0.0.1:1000 to 10.0.0.2:80, where nothing else is said. */

#define START_NS 1700000000000000000ull /* November 2023 */
#define MS       1000000ull

#define OUTPUT_MAX (2u << 20)
#define GAPS_MAX   64

struct output {
    uint8_t *bytes; /* OUTPUT_MAX of them */
    uint32_t length;
    uint32_t gaps;
    uint32_t gap_at[GAPS_MAX]; /* length when a run behind a gap came */
    uint64_t next_position;
    uint64_t last_time_ns; /* of the last run */
    uint32_t runs;
};

struct bench {
    struct flow_table *flows;
    struct stream *stream;
    struct counter_values counters;
    struct output outputs[2]; /* of the flow at hand */
    struct flow *flow;        /* whose output is written down; of others only the bytes are counted */
    uint64_t other_bytes;
    uint64_t now_ns;
    unsigned ended;
    uint16_t last_ended_port; /* of endpoint 0 */
    bool only_the_long_way;   /* stream_pass is not asked */
    unsigned passed;          /* segments that it took */
};

struct bench_sizes {
    uint32_t flows, extras;
    size_t held_bytes, held_per_direction;
};

/* For cmocka's group: starts and ends EAL. */
int bench_start_eal(void **state);
int bench_stop_eal(void **state);

/* With NULL: 64 flows, 128 extras, 16 MiB held, 4 MiB of it for a direction. */
struct bench *bench_create(const struct bench_sizes *sizes);
void bench_destroy(struct bench *bench);

/* Looks one packet's flow up, as a burst of one; NULL where it was refused. */
struct flow *bench_look_up(struct bench *bench, const struct endpoints *endpoints, unsigned *direction);

/* The endpoints of client `number` towards the server, or back. */
struct endpoints bench_endpoints(unsigned number, bool back);

struct sent {
    unsigned client; /* number */
    bool back;       /* from the server */
    uint32_t sequence, acknowledgement;
    uint8_t flags; /* 0: ACK, or SYN's and RST's as given */
    bool bare;     /* the flags as they are, even if 0 */
    uint16_t window;
    uint16_t urgent_pointer;
    uint8_t window_shift;
    const void *payload;
    uint32_t length;
    uint32_t cut;
};

/* Sends a segment at bench->now_ns. Returns its flow. */
struct flow *bench_send(struct bench *bench, const struct sent *sent);
#define SEND(bench, ...) bench_send(bench, &(struct sent){__VA_ARGS__})

/* Text as payload. */
#define TEXT(text) .payload = (text), .length = sizeof(text) - 1

/* A handshake of client 0: the client's first byte has the number 1001, the server's 5001. */
void bench_handshake(struct bench *bench);

/* With usual sizes, and client 0's connection opened. */
struct bench *bench_create_open(void);

/* The server acknowledges all before `number`. */
void acknowledge(struct bench *bench, uint32_t number);

/* What was counted. */
uint64_t event(const struct bench *bench, enum event which);
uint64_t bytes(const struct bench *bench, enum byte_outcome which);

void bench_keep_house(struct bench *bench);
void bench_end_all(struct bench *bench);

/* That a direction's output is this text. */
void assert_output(const struct bench *bench, unsigned direction, const char *text);
void assert_law(const struct bench *bench);

#endif

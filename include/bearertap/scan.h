/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_SCAN_H
#define BEARERTAP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finding tokens in a direction's bytes: Hyperscan's events, and captures.
 *
 * Patterns are near-literals (app/scan/placements.c). An event of an announcing pattern (`authorization:`) starts a
 * capture whatever bytes follow; an event of a prefix (`eyJ`) starts one only for a token that nothing announced. A
 * capture reads on, byte by byte and across runs, to the first '.': that is the JOSE header, and the handler is asked
 * what it thinks of it. Only if the handler wants the token does the capture go on to its end, into a chain of chunks.
 *
 * One struct scan a worker; the databases are shared and never change. Nothing is allocated while scanning. A
 * direction's Hyperscan stream lives in its flow record.
 */

/* Where a token stood. */
enum placement {
    PLACEMENT_AUTHORIZATION,
    PLACEMENT_PROXY_AUTHORIZATION,
    PLACEMENT_COOKIE,
    PLACEMENT_HEADER,
    PLACEMENT_QUERY,
    PLACEMENT_FORM_BODY,
    PLACEMENT_JSON_BODY,
    PLACEMENT_OTHER,
    PLACEMENTS
};

/* "authorization", "proxy-authorization", "cookie", "header", "query", "form-body", "json-body", "other". */
extern const char *const placement_names[PLACEMENTS];

struct chunk;
struct counter_values;
struct error;
struct flow;
struct flow_table;
struct http;
struct rte_mempool;
struct stream_run;

struct scan_token {
    struct flow *flow;
    unsigned direction;
    bool from_server; /* it stood in what the server sent; false where the sides aren't known */
    bool announced;   /* by an announcing pattern: what is no JOSE token is an opaque one */
    bool opaque;
    bool noted;     /* the handler's own: set by judge, kept until take */
    bool truncated; /* its end was never seen, or it is longer than TOKEN_MAX */
    enum placement placement;
    uint64_t position; /* of the token's first byte in the stream */
    uint64_t time_ns;  /* of the packet that brought its last byte */
    uint32_t length;   /* of the text in the chain */
    struct chunk *chain;
};

enum scan_judgement {
    SCAN_NO_TOKEN, /* not a JOSE header: an opaque token where announced, else nothing */
    SCAN_PASS,     /* a token, and nothing more is wanted of it */
    SCAN_WANT      /* a token, wanted whole */
};

/* What the worker does about tokens. Called from scan_run and scan_end, on the worker's thread. */
struct scan_handler {
    /* The header's text (base64url, up to the '.') of a token; `token` has no chain yet. */
    enum scan_judgement (*judge)(void *context, struct scan_token *token, const uint8_t *text, size_t length);
    /* An opaque token ended, or turned out to be one; true when it is wanted whole. */
    bool (*judge_opaque)(void *context, const struct scan_token *token);
    /* A wanted token, whole or truncated; the chain is the handler's from now on. */
    void (*take)(void *context, struct scan_token *token);
    /* The chunk pool is empty: waits until some come back and returns true, or false where that cannot be. */
    bool (*wait_for_chunks)(void *context);
    void *context;
};

/* The compiled patterns: one database a direction, shared by all workers. */
struct scan_databases;

/* By one thread, before the workers start; 0, or a negative errno with `error` filled (the CPU lacks SSSE3, no memory).
 */
int scan_databases_create(struct scan_databases **databases, struct error *error);
void scan_databases_destroy(struct scan_databases *databases);

/* Memory of a capture that goes on from one run to the next. */
#define SCAN_CAPTURE_BYTES 256

/* Both bounds are kept by ending the capture that has waited longest; what is wanted of it leaves truncated. */
struct scan_options {
    const struct scan_databases *databases;
    struct flow_table *flows;
    struct http *http;
    struct rte_mempool *chunks;
    unsigned captures_max;        /* captures that go on from one run to the next, in all directions together */
    unsigned captures_chunks_max; /* chunks that they hold: well below the pool's, or tokens never finished starve it */
    struct counter_values *counters;
    struct scan_handler handler;
};

struct scan;

/* 0, or a negative errno with `error` filled. */
int scan_create(const struct scan_options *options, struct scan **scan, struct error *error);
void scan_destroy(struct scan *scan);
/* Gives back what does not lie in EAL's memory; for a process that ends. */
void scan_close(struct scan *scan);

/* Scans the next bytes of a direction. */
void scan_run(struct scan *scan, const struct stream_run *run);

/* The direction's next bytes are left out: its captures end where they are, and the scan begins anew behind them. */
void scan_leave_out(struct scan *scan, struct flow *flow, unsigned direction, uint64_t time_ns);

/* A direction's bytes stop here, at a gap: its captures end where they are, while their request is still known. */
void scan_cut(struct scan *scan, struct flow *flow, unsigned direction, uint64_t time_ns);

/* A connection ends: both directions' captures end where they are. Bytes that come all the same are a new beginning, at
 * any position. */
void scan_end(struct scan *scan, struct flow *flow, uint64_t time_ns);

#endif

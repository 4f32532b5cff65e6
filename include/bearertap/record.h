/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_RECORD_H
#define BEARERTAP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/chunk.h>
#include <bearertap/scan.h>

/*
 * What a worker hands out: records, and the bounded pool of chunks they travel in.
 *
 * A record is a chunk; what does not fit (the token) is a chain of chunks behind it. A worker allocates and sends, the
 * alert side receives and releases; chunks are zeroed when released, since they hold tokens. Pool and rings are sized
 * at start. The pool is an rte_mempool, the rings single producer, single consumer.
 */

enum record_kind {
    RECORD_SIGHTING, /* a token with a possible finding, or any token where all are asked for */
    RECORD_FLOW_END, /* the connection `flow` of this worker ended: fold no more into it */
    RECORD_TIME      /* nothing but the packet time: it goes on */
};

/* Where a connection runs; addresses as on the wire, IPv4 in the first four bytes. */
struct record_flow {
    uint64_t id;            /* of this worker; another connection may bear it after its RECORD_FLOW_END */
    uint64_t first_time_ns; /* packet time of its first packet */
    uint8_t client_address[16], server_address[16];
    uint16_t client_port, server_port; /* host order */
    uint8_t ip_version;                /* 4 or 6 */
    bool has_vlan;
    uint16_t vlan_id; /* the outermost tag */
    uint16_t port;    /* capture port: names the interface */
};

#define RECORD_METHOD_MAX     32
#define RECORD_DOMAIN_MAX     256
#define RECORD_PATH_MAX       768
#define RECORD_USER_AGENT_MAX 512

/* The request that the token came with, as its bytes stood; lengths are 0 where not known. */
struct record_request {
    uint16_t method_length, domain_length, path_length, user_agent_length;
    uint8_t method[RECORD_METHOD_MAX];
    uint8_t domain[RECORD_DOMAIN_MAX]; /* without its port */
    uint8_t path[RECORD_PATH_MAX];     /* without its query */
    uint8_t user_agent[RECORD_USER_AGENT_MAX];
};

struct record {
    uint8_t kind; /* enum record_kind */
    uint8_t worker;
    uint8_t placement;             /* enum placement */
    bool from_server;              /* the token stood in what the server sent */
    bool opaque;                   /* not a JOSE token: only where all tokens are asked for */
    bool possible_finding;         /* the worker saw a key reference that is in the table */
    bool truncated;                /* its end was never seen, or it is longer than TOKEN_MAX */
    bool midstream, gap, conflict; /* of the stream so far */
    uint64_t time_ns;              /* of the packet that showed the token's last byte */
    uint64_t position;             /* of the token's first byte in its direction of the stream */
    uint32_t token_length;         /* in the chain behind: chunk->next of the record's chunk and so on */
    struct chunk *next_waiting;    /* the worker's own: the next record that waits for its request's head */
    struct record_flow flow;
    struct record_request request;
};

/* The record in a chunk, and back. */
static inline struct record *chunk_record(struct chunk *chunk)
{
    return (struct record *)(void *)chunk->data;
}

_Static_assert(sizeof(struct record) <= CHUNK_DATA_MAX, "a record fits a chunk");

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_FLOW_H
#define BEARERTAP_FLOW_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/list.h>
#include <bearertap/packet.h>

/*
 * The bounded flow table of one worker: lookup, ageing, eviction.
 *
 * A record is three cache lines: the key, and one for each direction with the Hyperscan stream inside. What a direction
 * needs only at times (held data, captures, request context) is a struct flow_extra from a bounded pool. All memory is
 * taken at start; nothing is locked, since a table belongs to one worker. Time is packet time.
 *
 * Room is made in this order: closed connections, connections of which only one packet was seen (so a flood of SYNs
 * pushes out nothing but itself), established ones that have been quiet for a while. An established, active connection
 * is never pushed out: the newcomer is refused and counted.
 */

/* Bytes for a Hyperscan stream in a direction's line; scan_create checks that the databases' streams fit. */
#define FLOW_SCAN_STATE_BYTES 38

/* The list that a flow is on, which decides when it is let go. */
enum flow_list { FLOW_UNPROVEN, FLOW_ESTABLISHED, FLOW_CLOSED, FLOW_LISTS };

enum flow_flags {
    FLOW_CLIENT_KNOWN = 0x01,   /* a SYN was seen */
    FLOW_CLIENT_IS_ONE = 0x02,  /* the client is endpoint 1 (when known) */
    FLOW_MIDSTREAM = 0x04,      /* joined after its start */
    FLOW_SIGHTED = 0x08,        /* a record of it was sent: its end is worth a record */
    FLOW_GAP = 0x10,            /* bytes are missing in some direction */
    FLOW_CONFLICT = 0x20,       /* two copies of some bytes differed */
    FLOW_FRESH = 0x40,          /* no segment of it was taken yet */
    FLOW_LAST_SPOKE_ONE = 0x80, /* the last payload was endpoint 1's */
};

enum direction_flags {
    DIRECTION_STARTED = 0x01,      /* next_sequence is known */
    DIRECTION_ACKNOWLEDGED = 0x02, /* the peer's acknowledgements are known */
    DIRECTION_FINISHED = 0x04,     /* all up to the FIN was delivered */
    DIRECTION_SCAN_OPEN = 0x08,    /* the Hyperscan stream is open */
    DIRECTION_SCAN_SERVER = 0x10,  /* it is one of the server's database */
    DIRECTION_AFTER_GAP = 0x20,    /* stream's: bytes are missing right before next_sequence */
    DIRECTION_WAITING = 0x40,      /* stream's: data is held, or a FIN or an urgent byte known: see stream_pass */
    DIRECTION_AFTER_QUOTE = 0x80,  /* scan's: a quote stands before the last two bytes */
};

struct chunk;

struct flow_direction {
    uint8_t scan_state[FLOW_SCAN_STATE_BYTES]; /* scan's: a Hyperscan stream */
    uint8_t last[2];        /* scan's: the last two bytes, a prefix may have begun in them; 0: none */
    uint64_t position;      /* stream's: bytes delivered, given up, pulled out so far; the place of next_sequence */
    uint32_t next_sequence; /* stream's: what is delivered next */
    uint32_t acknowledged;  /* stream's: the peer's highest acknowledgement */
    uint32_t extra;         /* index + 1 of the struct flow_extra; 0: none */
    uint16_t window;        /* stream's: the receiver's last window, not scaled */
    uint8_t flags;          /* enum direction_flags */
    uint8_t window_shift;   /* stream's: the receiver's scale */
};

struct flow {
    /* The key, as it lies in struct endpoints. Endpoint 0 is the one whose address and port compare lower; direction d
     * is what endpoint d sends. */
    alignas(64) uint8_t addresses[2][16];
    uint16_t ports[2];
    uint8_t ip_version;
    uint8_t has_vlan;
    uint16_t vlan_id;
    uint64_t first_time_ns;
    uint32_t last_seen_ms; /* low half of packet time in milliseconds: compared by difference */
    struct list_link link; /* on its list; also the free list */
    uint16_t capture_port; /* of its first packet */
    uint8_t list : 4;      /* enum flow_list */
    uint8_t opened : 4;    /* stream's: a bit for each end that opened the connection, by a SYN without an ACK */
    uint8_t flags;         /* enum flow_flags */
    struct flow_direction directions[2];
};

_Static_assert(sizeof(struct flow) == 192, "a line for the key, and a line a direction");

#define FLOW_CAPTURES_MAX 4 /* captures running at once in a direction; see scan.h */
#define FLOW_KEPT_CHUNKS  4 /* chunks of kept request bytes; see http.h */

/* http's: where a request is in its head; see app/http/track.c. */
struct http_tracker {
    uint32_t body; /* Content-Length */
    bool is_lost;  /* the request at hand is followed another way */
    bool in_fields, length_known;
    uint8_t begun_length; /* of the line that goes on in the next run: its first bytes */
    uint8_t begun[12];
};

/* What a direction needs only at times. The first line is what a run looks at, the second what keeps a request's bytes.
 */
struct flow_extra {
    alignas(64) uint32_t held_root; /* stream's: root of the tree of held runs, index + 1 */
    uint32_t held_memory;           /* stream's: bytes of pool that they take */
    uint32_t urgent_bytes;          /* stream's: pulled out so far */
    bool fin_known, urgent_known;   /* stream's */
    uint8_t hole_wait;
    uint64_t scan_opened_at;              /* scan's: where the Hyperscan stream was opened anew, behind a gap */
    uint64_t payload_position;            /* scan's: where a token's second part begins: no new token does there */
    uint32_t captures[FLOW_CAPTURES_MAX]; /* scan's: running, index + 1, oldest first */
    struct chunk *waiting; /* worker's: records that wait until their request's head is whole, in order */

    /* http's: client bytes kept for request context */
    alignas(64) uint32_t kept_length;
    uint32_t kept_head;                     /* offset of the first kept byte in the first chunk */
    uint32_t kept_shed_at;                  /* length at which to look for complete requests */
    uint32_t kept_chunks[FLOW_KEPT_CHUNKS]; /* index + 1 */
    bool kept_unsynced;                     /* it is not known where a request begins */
    bool kept_overlong;                     /* a head fills the window: only its beginning is kept, and its end found */
    uint8_t kept_line;                      /* of an overlong head: how its last line goes, see kept.c */
    uint64_t kept_base;                     /* position of the first kept byte */
    uint64_t kept_resume;                   /* nothing is kept before this position: a long body's bytes */
    struct http_tracker tracker;
    /* stream's and others', seldom looked at */
    struct list_link kept_link; /* http's: list of extras with kept bytes, by age */
    uint64_t kept_line_end;     /* of an overlong head: behind the line in which the window ends */
    uint64_t kept_head_end;     /* of an overlong head: behind it, UINT64_MAX until seen */

    /* stream's: out-of-order data */
    uint32_t fin_sequence;           /* where the stream ends, when fin_known */
    uint32_t urgent_sequence;        /* of the out-of-band byte, when urgent_known */
    struct list_link held_link;      /* list of extras with held data, by age of the hole */
    uint32_t hole_at, hole_since_ms; /* what the hole in front of held data waits out, and since when */
    uint32_t gap_at, gap_length;     /* the last hole given up */
    struct list_link waiting_link;   /* worker's: list of extras with such records, by age of the oldest */
    uint32_t owner;                  /* index of the flow * 2 + direction */
};

struct flow_table;

/* Called for a flow that is about to leave the table or to begin anew, while its record still stands. */
typedef void flow_end_function(void *context, struct flow *flow);

struct flow_table_options {
    uint32_t flows_max;
    uint32_t extras_max;
    uint32_t idle_timeout_ms; /* established */
    uint32_t unproven_timeout_ms;
    uint32_t closed_timeout_ms;
    flow_end_function *on_end;
    void *context;
    uint64_t *events; /* the worker's live event counters */
};

/* Memory that flow_table_create takes, nearly all of it outside of EAL's; NULL when there is none. */
size_t flow_table_bytes(const struct flow_table_options *options);
struct flow_table *flow_table_create(const struct flow_table_options *options);
void flow_table_destroy(struct flow_table *table);

/*
 * For each pending packet of the burst: finds or inserts its flow and sets flows[i] and directions[i]; where there is
 * no room the outcome becomes FLOW_TABLE_FULL. Buckets and records are prefetched across the burst. A flow that a
 * packet of this burst uses is not evicted for a later one.
 */
void flow_look_up(struct flow_table *table, struct burst *burst);

/* Of packet `i` of a burst that was looked up, if there is one: asks for its directions' lines, and, once these are
 * here, for what else a run of it looks at. A few packets before its turn. */
void flow_prefetch_directions(const struct burst *burst, unsigned i);
void flow_prefetch_extra(const struct flow_table *table, const struct burst *burst, unsigned i);

/* Is this a SYN with another initial sequence number than the direction's? One that is sent again repeats the old: it
 * lies one before the first byte, and the stream's position says where that was. */
static inline bool flow_syn_is_new(const struct flow_direction *sender, const struct segment *segment)
{
    return (segment->flags & (TCP_SYN | TCP_RST)) == TCP_SYN && (sender->flags & DIRECTION_STARTED) != 0 &&
           segment->sequence + 1 != sender->next_sequence - (uint32_t)sender->position;
}

/*
 * To be called with each segment, in order, before it is taken: where it shows that the flow is another connection than
 * the record's (a SYN with a new initial sequence number, or silence longer than the timeout), ends the old one and
 * begins the record anew. A SYN amid a living connection counts only when the other end answers it with its own: until
 * then the old one goes on. Stamps the record with the time.
 */
void flow_begin_segment(struct flow_table *table, struct flow *flow, unsigned direction, const struct segment *segment,
                        uint64_t time_ns, uint16_t capture_port);

/* Moves a flow to another list. */
void flow_set_list(struct flow_table *table, struct flow *flow, enum flow_list list);

/* Ends what has been silent for too long, a bounded number of flows a call. Once a burst. */
void flow_table_keep_house(struct flow_table *table, uint64_t now_ns);

/* Ends all flows, oldest first: the end of input. */
void flow_table_end_all(struct flow_table *table);

uint32_t flow_table_count(const struct flow_table *table);
uint32_t flow_index(const struct flow_table *table, const struct flow *flow);
struct flow *flow_at(const struct flow_table *table, uint32_t index);

/* The direction's extra; _get allocates and zeroes one where there is none, NULL when the pool is empty. */
struct flow_extra *flow_extra_find(const struct flow_table *table, const struct flow_direction *direction);
struct flow_extra *flow_extra_get(struct flow_table *table, struct flow *flow, unsigned direction);
struct flow_extra *flow_extra_at(const struct flow_table *table, uint32_t index);
void flow_extra_release(struct flow_table *table, struct flow_direction *direction);

#endif

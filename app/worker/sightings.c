/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker does about tokens: judge the header, and send a record of what is worth one. */
#include <string.h>

#include <rte_mempool.h>

#include <bearertap/stage.h>

#include "worker_state.h"

_Static_assert(PLACEMENTS <= COUNTERS_PLACEMENTS_MAX, "every placement has its counter");
_Static_assert(TOKEN_ALGORITHMS <= COUNTERS_ALGORITHMS_MAX, "every algorithm has its counter");

/* How often packet time is told to the alert side while there is something it may be folding. */
#define TIME_EVERY_NS 1000000000ull

/* How long a record waits for the rest of its request's head, in packet time: a head comes within a round trip or two,
 * unless somebody lets it trickle in to hold the alert back. */
#define WAITING_MAX_NS 1000000000ull
/* How many connections that have gone quiet with such a record are looked at in a burst. */
#define FORGOTTEN_LOOKS 4

/* Sends a record; where it was lost and held a sighting, that is counted. */
static void send_record(struct worker *worker, struct chunk *chunk)
{
    bool is_sighting = chunk_record(chunk)->kind == RECORD_SIGHTING;
    if (!outbox_send(&worker->outbox, chunk) && is_sighting)
        worker->counters.live.events[EVENT_RECORDS_LOST]++;
}

enum scan_judgement worker_judge(void *context, struct scan_token *token, const uint8_t *text, size_t length)
{
    struct worker *worker = context;
    struct counter_values *live = &worker->counters.live;
    stage_enter(STAGE_TOKEN);
    struct verdict verdict = verdict_judge(worker->memory, text, length);
    stage_enter(STAGE_SCAN);
    if (verdict.too_long)
        live->events[EVENT_HEADER_TOO_LONG]++;
    if (!verdict.is_token)
        return SCAN_NO_TOKEN;
    live->tokens[token->placement]++;
    live->algorithms[verdict.algorithm]++;
    if (verdict.junk)
        live->events[EVENT_TOKEN_JUNK]++;
    if (verdict.left_out)
        live->events[EVENT_REFERENCES_LEFT_OUT]++;
    token->noted = verdict.possible_finding;
    if (verdict.possible_finding)
        live->events[EVENT_POSSIBLE_FINDINGS]++;
    return verdict.possible_finding || worker->all_tokens ? SCAN_WANT : SCAN_PASS;
}

bool worker_judge_opaque(void *context, const struct scan_token *token)
{
    struct worker *worker = context;
    worker->counters.live.tokens[token->placement]++;
    worker->counters.live.opaque_tokens++;
    return worker->all_tokens;
}

bool worker_wait_for_chunks(void *context)
{
    struct worker *worker = context;
    return outbox_wait_for_chunks(&worker->outbox);
}

/* Is endpoint 1 the client? Where no SYN told, whoever sent the token, unless it was issued to the other. */
static bool client_is_one(const struct flow *flow, const struct scan_token *token)
{
    if (flow->flags & FLOW_CLIENT_KNOWN)
        return (flow->flags & FLOW_CLIENT_IS_ONE) != 0;
    if (token->placement != PLACEMENT_OTHER && token->placement != PLACEMENT_JSON_BODY)
        return token->direction == 1;
    return flow->ports[1] > flow->ports[0]; /* the ephemeral port is the higher one */
}

static void describe_flow(const struct worker *worker, const struct flow *flow, bool one_is_client,
                          struct record_flow *out)
{
    unsigned client = one_is_client ? 1 : 0;
    /* The time tells it from the slot's next connection where this one's end was lost (a full ring, in `run`). */
    out->id = flow_index(worker->flows, flow) | flow->first_time_ns << 32;
    out->first_time_ns = flow->first_time_ns;
    memcpy(out->client_address, flow->addresses[client], 16);
    memcpy(out->server_address, flow->addresses[1 - client], 16);
    out->client_port = flow->ports[client];
    out->server_port = flow->ports[1 - client];
    out->ip_version = flow->ip_version;
    out->has_vlan = flow->has_vlan;
    out->vlan_id = flow->vlan_id;
    out->port = flow->capture_port;
}

static uint16_t copy_view(uint8_t *to, size_t capacity, struct http_view from)
{
    size_t length = from.bytes == NULL ? 0 : from.length < capacity ? from.length : capacity;
    if (length > 0)
        memcpy(to, from.bytes, length);
    return (uint16_t)length;
}

/* Leaves what is there where the request isn't known. Returns whether more of it may come. */
static bool describe_request(struct worker *worker, struct flow *flow, unsigned direction, uint64_t position,
                             struct record_request *out)
{
    struct http_place place;
    if (!http_find_place(worker->http, flow, direction, position, &place))
        return false;
    out->method_length = copy_view(out->method, sizeof(out->method), place.method);
    out->domain_length = copy_view(out->domain, sizeof(out->domain), place.host);
    out->path_length = copy_view(out->path, sizeof(out->path), place.path);
    out->user_agent_length = copy_view(out->user_agent, sizeof(out->user_agent), place.user_agent);
    return !place.head_complete;
}

static unsigned chain_length(const struct chunk *chunk)
{
    unsigned length = 0;
    for (; chunk != NULL; chunk = chunk->next)
        length++;
    return length;
}

/*
 * The rest of the request's head, Host perhaps, is in the next segment: the record waits for it, so that an alert does
 * not depend on how the head was cut. False where it may not: then it leaves with what is known.
 */
static bool wait_for_head(struct worker *worker, struct flow *flow, unsigned direction, struct chunk *chunk)
{
    struct flow_extra *extra = flow_extra_find(worker->flows, &flow->directions[direction]);
    unsigned length = chain_length(chunk);
    if (extra == NULL || length > worker->waiting_max - worker->waiting) {
        worker->counters.live.events[EVENT_CONTEXT_EVICTED]++;
        return false;
    }
    if (extra->waiting == NULL)
        list_append(&worker->waiters, flow->directions[direction].extra);
    struct chunk **last = &extra->waiting;
    while (*last != NULL)
        last = &chunk_record(*last)->next_waiting;
    *last = chunk;
    worker->waiting += length;
    return true;
}

void worker_send_waiting(struct worker *worker, struct flow *flow, unsigned direction)
{
    struct flow_extra *extra = flow_extra_find(worker->flows, &flow->directions[direction]);
    if (extra == NULL || extra->waiting == NULL)
        return;
    list_remove(&worker->waiters, flow->directions[direction].extra);
    while (extra->waiting != NULL) {
        struct chunk *chunk = extra->waiting;
        struct record *record = chunk_record(chunk);
        extra->waiting = record->next_waiting;
        record->next_waiting = NULL;
        worker->waiting -= chain_length(chunk);
        describe_request(worker, flow, direction, record->position, &record->request);
        send_record(worker, chunk);
    }
}

static bool is_overdue(const struct flow_extra *extra, uint64_t now_ns)
{
    uint64_t since_ns = chunk_record(extra->waiting)->time_ns;
    return now_ns > since_ns && now_ns - since_ns >= WAITING_MAX_NS; /* packets may be out of order by time */
}

void worker_send_overdue(struct worker *worker, struct flow *flow, uint64_t now_ns)
{
    for (unsigned direction = 0; direction < 2; direction++) {
        const struct flow_extra *extra = flow_extra_find(worker->flows, &flow->directions[direction]);
        if (extra != NULL && extra->waiting != NULL && is_overdue(extra, now_ns))
            worker_send_waiting(worker, flow, direction);
    }
}

void worker_send_forgotten(struct worker *worker)
{
    for (unsigned looks = 0; looks < FORGOTTEN_LOOKS && worker->waiters.oldest != 0; looks++) {
        const struct flow_extra *extra = flow_extra_at(worker->flows, worker->waiters.oldest - 1);
        if (!is_overdue(extra, worker->now_ns))
            return;
        worker_send_waiting(worker, flow_at(worker->flows, extra->owner / 2), extra->owner % 2);
    }
}

static struct chunk *take_record(struct worker *worker, enum record_kind kind)
{
    struct chunk *chunk = outbox_take_chunk(&worker->outbox);
    if (chunk == NULL) {
        worker->counters.live.events[EVENT_CHUNKS_EXHAUSTED]++;
        return NULL;
    }
    chunk->length = sizeof(struct record);
    struct record *record = chunk_record(chunk);
    memset(record, 0, offsetof(struct record, request));
    record->kind = (uint8_t)kind;
    record->worker = (uint8_t)worker->number;
    record->time_ns = worker->now_ns;
    return chunk;
}

static void send_token(struct worker *worker, struct scan_token *token)
{
    struct flow *flow = token->flow;
    struct chunk *chunk = take_record(worker, RECORD_SIGHTING);
    if (chunk == NULL) {
        chunk_give_back(worker->outbox.all->chunks, token->chain);
        outbox_note_lost(&worker->outbox);
        worker->counters.live.events[EVENT_RECORDS_LOST]++;
        return;
    }
    struct record *record = chunk_record(chunk);
    record->placement = (uint8_t)token->placement;
    record->from_server = token->from_server;
    record->opaque = token->opaque;
    record->possible_finding = token->noted;
    record->truncated = token->truncated;
    record->midstream = (flow->flags & FLOW_MIDSTREAM) != 0;
    record->gap = (flow->flags & FLOW_GAP) != 0;
    record->conflict = (flow->flags & FLOW_CONFLICT) != 0;
    record->time_ns = token->time_ns;
    record->position = token->position;
    record->token_length = token->length;
    describe_flow(worker, flow, client_is_one(flow, token), &record->flow);
    chunk->next = token->chain;
    flow->flags |= FLOW_SIGHTED;
    worker->sighted = true;
    struct record_request *request = &record->request;
    request->method_length = request->domain_length = request->path_length = request->user_agent_length = 0;
    bool more_may_come =
        !token->from_server && describe_request(worker, flow, token->direction, token->position, request);
    if (more_may_come && wait_for_head(worker, flow, token->direction, chunk))
        return;
    send_record(worker, chunk);
}

void worker_take_token(void *worker, struct scan_token *token)
{
    stage_enter(STAGE_RECORD);
    send_token(worker, token);
    stage_enter(STAGE_SCAN);
}

void worker_look_at_waiting(struct worker *worker, const struct stream_run *piece)
{
    const struct flow_extra *extra = flow_extra_find(worker->flows, &piece->flow->directions[piece->direction]);
    if (extra != NULL && extra->waiting != NULL &&
        http_head_ends(worker->http, piece->flow, piece->direction, piece->position, piece->length))
        worker_send_waiting(worker, piece->flow, piece->direction);
}

void worker_send_flow_end(struct worker *worker, const struct flow *flow)
{
    struct chunk *chunk = take_record(worker, RECORD_FLOW_END);
    if (chunk == NULL)
        return;
    describe_flow(worker, flow, false, &chunk_record(chunk)->flow);
    send_record(worker, chunk);
}

void worker_send_time(struct worker *worker)
{
    if (!worker->sighted || worker->now_ns < worker->told_time_ns + TIME_EVERY_NS)
        return;
    struct chunk *chunk = take_record(worker, RECORD_TIME);
    if (chunk == NULL)
        return;
    worker->told_time_ns = worker->now_ns;
    send_record(worker, chunk);
}

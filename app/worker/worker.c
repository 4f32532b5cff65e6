/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * THE page: one burst, as a straight line from receive to records. All of it runs on one worker, to completion; nothing
 * is locked or allocated. What a token leads to is in sightings.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <rte_branch_prediction.h>
#include <rte_lcore.h>
#include <rte_prefetch.h>

#include <bearertap/stage.h>

#include "worker_state.h"

/* Fills the burst from the source, which may be a pipe and keep it waiting. False at its end. */
static bool receive_from_source(struct worker *worker, struct burst *burst)
{
    while (!atomic_load_explicit(&pipeline_stopping, memory_order_relaxed)) {
        int count = worker->source->receive(worker->source, burst->mbufs, BURST_MAX);
        if (count > 0) {
            burst->count = (unsigned)count;
            return true;
        }
        if (count == -EAGAIN && worker->spread != NULL)
            spread_wait_for_release(worker->spread);
        else if (count != -EINTR && count != -EAGAIN)
            return false;
    }
    return false;
}

/* Whoever blocks is offline to the key table, or nothing that is removed from it could be reclaimed. */
static void worker_goes_to_sleep(void *context)
{
    struct worker *worker = context;
    key_table_reader_offline(worker->keys, worker->number);
}

static bool receive(struct worker *worker, struct burst *burst)
{
    stage_enter(STAGE_RECEIVE);
    if (worker->polled)
        return worker_poll(worker, burst);
    if (worker->source != NULL) {
        worker_goes_to_sleep(worker);
        return receive_from_source(worker, burst);
    }
    burst->count = spread_take(worker->spread, worker->number, burst->mbufs, worker_goes_to_sleep, worker);
    return burst->count > 0;
}

/* Notes the packets' times, and has the mbufs fetched across the burst: they may come from another core's cache (two
 * workers: a tenth of the whole). */
static void stamp(struct worker *worker, struct burst *burst)
{
    for (unsigned i = 0; i < burst->count; i++) {
        rte_prefetch0(burst->mbufs[i]);
        rte_prefetch0(capture_wire_length(burst->mbufs[i]));
    }
    for (unsigned i = 0; i < burst->count; i++) {
        burst->outcomes[i] = OUTCOME_PENDING;
        burst->time_ns[i] = *capture_time_ns(burst->mbufs[i]);
    }
    /* Not the latest time ever seen: files may be given in any order, and each is in its own time. */
    worker->now_ns = burst->count > 0 ? burst->time_ns[burst->count - 1] : worker_clock_ns(worker);
}

static inline void scan_bytes(struct worker *worker, const struct stream_run *run)
{
    stage_enter(STAGE_SCAN);
    scan_run(worker->scan, run);
    stage_enter(STAGE_ORDER);
}

/* New bytes in order: a client's are kept for context, all are scanned. */
static void inspect_run(struct worker *worker, const struct stream_run *run)
{
    struct flow *flow = run->flow;
    bool spoke_one = (flow->flags & FLOW_LAST_SPOKE_ONE) != 0, is_one = run->direction == 1;
    bool turn = spoke_one != is_one;
    flow->flags = (uint8_t)((flow->flags & ~FLOW_LAST_SPOKE_ONE) | (is_one ? FLOW_LAST_SPOKE_ONE : 0));
    bool from_server = (flow->flags & FLOW_CLIENT_KNOWN) != 0 && ((flow->flags & FLOW_CLIENT_IS_ONE) != 0) != is_one;
    if (from_server) {
        if (worker->leave_out.any_response)
            leave_out_of_response(worker, run);
        else
            scan_bytes(worker, run);
        return;
    }
    if (worker->leave_out.any_response)
        leave_out_note_client(worker, run);
    if (run->after_gap) {
        scan_cut(worker->scan, flow, run->direction, run->time_ns);
        worker_send_waiting(worker, flow, run->direction);
        http_forget(worker->http, flow, run->direction);
        turn = false; /* what the client began with is missing: this is no request's beginning */
    }
    struct stream_run piece = *run;
    for (uint32_t done = 0; done < run->length; done += piece.length) {
        piece.bytes = run->bytes + done;
        piece.position = run->position + done;
        piece.length = http_piece(worker->http, flow, run->direction, piece.position, run->length - done);
        http_keep(worker->http, flow, run->direction, piece.bytes, piece.length, piece.position, turn);
        if (worker->waiting > 0)
            worker_look_at_waiting(worker, &piece);
        scan_bytes(worker, &piece);
        http_shed(worker->http, flow, run->direction);
        piece.after_gap = false;
        turn = false;
    }
}

static void inspect_runs(struct worker *worker)
{
    struct stream_run run;
    while (stream_next_run(worker->stream, &run))
        inspect_run(worker, &run);
}

/* Everything of a connection that was waiting for more of it. */
static void conclude_flow(struct worker *worker, struct flow *flow)
{
    stream_finish(worker->stream, flow);
    inspect_runs(worker);
    scan_end(worker->scan, flow, worker->now_ns);
    for (unsigned direction = 0; direction < 2; direction++) {
        worker_send_waiting(worker, flow, direction);
        http_forget(worker->http, flow, direction);
    }
    if (worker->leave_out.any_response)
        leave_out_forget(worker, flow);
}

void worker_end_flow(void *context, struct flow *flow)
{
    struct worker *worker = context;
    conclude_flow(worker, flow);
    if (flow->flags & FLOW_SIGHTED)
        worker_send_flow_end(worker, flow);
}

/* The payload in one piece: nearly always where it lies. */
static const uint8_t *payload_of(struct worker *worker, struct rte_mbuf *mbuf, const struct flow *flow,
                                 unsigned direction, const struct segment *segment)
{
    if (segment->payload_length == 0)
        return NULL;
    /* What nobody looks at needs not be put together: any bytes will do. */
    if (worker->leave_out.any_response && mbuf->nb_segs > 1 && segment->payload_length <= sizeof(worker->linear) &&
        leave_out_whole_payload(worker, flow, direction, segment))
        return worker->linear;
    return rte_pktmbuf_read(mbuf, segment->payload_offset, segment->payload_length, worker->linear);
}

/* Payload is new to the cache, and scanning it waits for every line: two packets ahead all of it is asked for. */
static void prefetch_payload(const struct worker *worker, const struct burst *burst, unsigned i)
{
    if (i >= burst->count || burst->outcomes[i] != OUTCOME_PENDING || burst->segments[i].payload_length == 0)
        return;
    const struct segment *segment = &burst->segments[i];
    const uint8_t *payload = rte_pktmbuf_mtod_offset(burst->mbufs[i], const uint8_t *, segment->payload_offset);
    uint32_t length = segment->payload_length < 2048 ? segment->payload_length : 2048;
    if (worker->leave_out.any_response)
        length = leave_out_prefetch_length(worker, burst->flows[i], burst->directions[i], length);
    for (uint32_t at = 0; at < length; at += 256) { /* a few lines too many cost less than looking at each */
        rte_prefetch0(payload + at);
        rte_prefetch0(payload + at + 64);
        rte_prefetch0(payload + at + 128);
        rte_prefetch0(payload + at + 192);
    }
}

static void inspect_segment(struct worker *worker, struct burst *burst, unsigned i)
{
    const struct segment *segment = &burst->segments[i];
    struct flow *flow = burst->flows[i];
    unsigned direction = burst->directions[i];
    stage_enter(STAGE_FLOW);
    flow_begin_segment(worker->flows, flow, direction, segment, burst->time_ns[i], burst->mbufs[i]->port);
    stage_enter(STAGE_ORDER);
    if (worker->waiting > 0)
        worker_send_overdue(worker, flow, burst->time_ns[i]);
    const uint8_t *payload = payload_of(worker, burst->mbufs[i], flow, direction, segment);
    burst->outcomes[i] = segment->payload_length > 0 ? OUTCOME_INSPECTED : OUTCOME_NO_PAYLOAD;
    struct stream_run run;
    if (stream_pass(worker->stream, flow, direction, segment, payload, burst->time_ns[i], &run)) {
        if (run.length > 0)
            inspect_run(worker, &run);
        return;
    }
    stream_accept(worker->stream, flow, direction, segment, payload, burst->time_ns[i]);
    inspect_runs(worker);
    /* Both ends have said all: nothing is to come, and the record alone stays, for what is sent again. */
    if ((flow->directions[0].flags & flow->directions[1].flags & DIRECTION_FINISHED) != 0) {
        conclude_flow(worker, flow);
        for (unsigned d = 0; d < 2; d++)
            flow_extra_release(worker->flows, &flow->directions[d]);
    }
}

/* How the payload ends of segments that end in this way; BYTE_OUTCOMES where there is none, or others account for it.
 */
static enum byte_outcome bytes_of_uninspected(uint8_t outcome)
{
    return outcome == OUTCOME_FILTERED          ? BYTES_FILTERED
           : outcome == OUTCOME_FLOW_TABLE_FULL ? BYTES_NO_FLOW
           : outcome == OUTCOME_RING_FULL       ? BYTES_RING_FULL
                                                : BYTE_OUTCOMES;
}

/* The law: each packet and byte in one outcome. */
static void account_burst(struct counters *counters, const struct burst *burst)
{
    struct counter_values *live = &counters->live;
    uint64_t inspected = 0, bare = 0;
    live->received += burst->count;
    for (unsigned i = 0; i < burst->count; i++) {
        /* Nearly all end in one of these two, and a counter in memory can't be added to but every few cycles. */
        inspected += burst->outcomes[i] == OUTCOME_INSPECTED;
        bare += burst->outcomes[i] == OUTCOME_NO_PAYLOAD;
    }
    live->outcomes[OUTCOME_INSPECTED] += inspected;
    live->outcomes[OUTCOME_NO_PAYLOAD] += bare;
    for (unsigned i = 0; inspected + bare < burst->count && i < burst->count; i++) {
        if (burst->outcomes[i] == OUTCOME_INSPECTED || burst->outcomes[i] == OUTCOME_NO_PAYLOAD)
            continue;
        live->outcomes[burst->outcomes[i]]++;
        enum byte_outcome bytes = bytes_of_uninspected(burst->outcomes[i]);
        if (bytes != BYTE_OUTCOMES) {
            live->payload += burst->segments[i].payload_length;
            live->bytes[bytes] += burst->segments[i].payload_length;
        }
    }
    counters_publish(counters);
}

static void keep_house(struct worker *worker)
{
    flow_table_keep_house(worker->flows, worker->now_ns);
    /* By other connections' time, so only where somebody waits: a file's holes are judged by their own connection's,
     * and the same for any number of workers. */
    if (worker->live_input) {
        stream_keep_house(worker->stream, worker->now_ns);
        inspect_runs(worker);
        worker_send_forgotten(worker);
    }
    worker_send_time(worker);
    outbox_tell(&worker->outbox);
    key_table_reader_quiescent(worker->keys, worker->number);
}

static void inspect_all(struct worker *worker)
{
    struct burst *burst = &worker->burst;

    while (receive(worker, burst)) {
        key_table_reader_online(worker->keys, worker->number);
        stage_enter(STAGE_DECODE);
        stamp(worker, burst);
        packet_decode(burst, &worker->hash_key);
        if (worker->filter != NULL)
            filter_apply(worker->filter, burst);
        stage_enter(STAGE_FLOW);
        flow_look_up(worker->flows, burst);
        if (worker->leave_out.any_response)
            leave_out_prefetch_frames(worker, burst);
        for (unsigned i = 0; i < 6; i++)
            flow_prefetch_directions(burst, i);
        for (unsigned i = 0; i < 2; i++)
            prefetch_payload(worker, burst, i);
        for (unsigned i = 0; i < burst->count; i++) {
            flow_prefetch_directions(burst, i + 6);
            flow_prefetch_extra(worker->flows, burst, i + 3);
            prefetch_payload(worker, burst, i + 2);
            if (burst->outcomes[i] == OUTCOME_PENDING)
                inspect_segment(worker, burst, i);
        }
        stage_enter(STAGE_RECEIVE);
        account_burst(&worker->counters, burst);
        capture_release(burst->mbufs, burst->count);
        if (worker->source == NULL && !worker->polled)
            spread_released(worker->spread, worker->number);
        stage_enter(STAGE_FLOW);
        keep_house(worker);
    }

    if (worker->polled)
        worker->outbox.patience = OUTBOX_PATIENCE;
    /* It slept last, and what ends may still hold a token to judge. */
    key_table_reader_online(worker->keys, worker->number);
    if (!worker->flows_go_on)
        flow_table_end_all(worker->flows);
    counters_publish(&worker->counters);
    key_table_reader_offline(worker->keys, worker->number);
}

/* What `top -H` and `perf` show, and how a test knows the threads on which nothing may be allocated from here on. */
static void name_thread(struct worker *worker, const char *what, unsigned number)
{
    char name[16]; /* as many as the system keeps */
    snprintf(name, sizeof(name), "%s-%u", what, number);
    pthread_setname_np(pthread_self(), name);
    __atomic_store_n(&worker->lcore, rte_lcore_id(), __ATOMIC_RELAXED);
}

int worker_run(void *argument)
{
    struct worker *worker = argument;
    struct capture_source *source = worker->source;
    name_thread(worker, "worker", worker->number);
    do
        inspect_all(worker);
    while (source != NULL && source->again != NULL && source->again(source));
    __atomic_add_fetch(&worker->outbox.all->workers_done, 1, __ATOMIC_SEQ_CST);
    waiter_wake(&worker->outbox.all->alert_side);
    return 0;
}

/* The reader: receives, decodes, and hands over to the owners. What ends at once is its own to account for. */
int reader_run(void *argument)
{
    struct worker *reader = argument;
    struct burst *burst = &reader->burst;
    name_thread(reader, "reader", 0);
    while (reader->polled ? worker_poll(reader, burst) : receive_from_source(reader, burst)) {
        stamp(reader, burst);
        packet_decode(burst, &reader->hash_key);
        if (reader->filter != NULL)
            filter_apply(reader->filter, burst);
        spread_to_owners(reader->spread, burst, reader->live_input);
        account_burst(&reader->counters, burst);
        capture_release(burst->mbufs, burst->count);
    }
    spread_finish(reader->spread);
    return 0;
}

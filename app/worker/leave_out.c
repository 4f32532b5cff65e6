/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the configuration lets a worker leave out (scan.responses, filter). Whose bytes a client's are is decided by the
 * strictest witness that there is: only where the SYN that opened the connection was seen, and came from the other end,
 * is anything of a direction left out. (A client might send a SYN with an ACK into a connection that we forgot, to pass
 * for the server.)
 */
#include <stddef.h>
#include <string.h>

#include <rte_prefetch.h>

#include <bearertap/memory.h>
#include <bearertap/stage.h>

#include "worker_state.h"

/* A response's head is rarely longer; of what follows it is not known yet whether it will be looked at. */
#define HEAD_PREFETCH_BYTES 512

size_t leave_out_bytes(const struct response_policy *policy, uint32_t flows_max)
{
    return policy->scan == RESPONSES_TO_DEPTH ? (size_t)flows_max * sizeof(struct response_frame) + 4096 : 0;
}

int leave_out_create(struct leave_out *leave_out, const struct response_policy *policy, uint32_t flows_max)
{
    leave_out->responses = *policy;
    leave_out->any_response = policy->scan != RESPONSES_ALL;
    if (policy->scan == RESPONSES_TO_DEPTH)
        leave_out->frames = memory_take((size_t)flows_max * sizeof(struct response_frame));
    return policy->scan == RESPONSES_TO_DEPTH && leave_out->frames == NULL ? -1 : 0;
}

/* Is the direction the server's beyond doubt? */
static inline bool is_servers(const struct flow *flow, unsigned direction)
{
    return (flow->flags & FLOW_CLIENT_KNOWN) != 0 && ((flow->flags & FLOW_CLIENT_IS_ONE) != 0) != (direction == 1) &&
           (flow->opened & (2u >> direction)) != 0;
}

static inline struct response_frame *frame_of(const struct worker *worker, const struct flow *flow)
{
    return &worker->leave_out.frames[flow_index(worker->flows, flow)];
}

void leave_out_prefetch_frames(const struct worker *worker, const struct burst *burst)
{
    if (worker->leave_out.frames == NULL)
        return;
    for (unsigned i = 0; i < burst->count; i++)
        if (burst->outcomes[i] == OUTCOME_PENDING && is_servers(burst->flows[i], burst->directions[i]))
            rte_prefetch0(frame_of(worker, burst->flows[i]));
}

uint32_t leave_out_prefetch_length(const struct worker *worker, const struct flow *flow, unsigned direction,
                                   uint32_t length)
{
    if (!is_servers(flow, direction))
        return length;
    if (worker->leave_out.responses.scan == RESPONSES_NONE)
        return 0;
    const struct response_frame *frame = frame_of(worker, flow);
    if (frame->state == RESPONSE_LOST)
        return length;
    uint64_t to_look_at = frame->scan_until > frame->next ? frame->scan_until - frame->next : 0;
    if (frame->state == RESPONSE_BODY || frame->state == RESPONSE_CHUNK_DATA) {
        if (frame->body_end - frame->next < length)
            to_look_at = length;
    } else {
        to_look_at = worker->leave_out.responses.depth < length ? worker->leave_out.responses.depth : length;
        to_look_at += HEAD_PREFETCH_BYTES;
    }
    return to_look_at < length ? (uint32_t)to_look_at : length;
}

bool leave_out_whole_payload(const struct worker *worker, const struct flow *flow, unsigned direction,
                             const struct segment *segment)
{
    const struct flow_direction *of = &flow->directions[direction];
    /* Nothing may keep the stream from handing this payload on as it is, at once and in one run. */
    if (!is_servers(flow, direction) || (of->flags & (DIRECTION_STARTED | DIRECTION_AFTER_GAP)) != DIRECTION_STARTED ||
        segment->sequence != of->next_sequence || (segment->flags & (TCP_SYN | TCP_RST | TCP_URG)) != 0 ||
        flow_extra_find(worker->flows, of) != NULL)
        return false;
    if (worker->leave_out.responses.scan == RESPONSES_NONE)
        return true;
    const struct response_frame *frame = frame_of(worker, flow);
    return frame->direction == direction && frame->next == of->position &&
           response_leaves_out(frame, segment->payload_length);
}

/* The stream counted these bytes as scanned when it handed them on. */
static void leave_bytes_out(struct worker *worker, const struct stream_run *run, uint32_t length,
                            enum byte_outcome outcome)
{
    scan_leave_out(worker->scan, run->flow, run->direction, run->time_ns);
    worker->counters.live.bytes[BYTES_SCANNED] -= length;
    worker->counters.live.bytes[outcome] += length;
}

/* The frame, brought to where the run begins. */
static struct response_frame *frame_for(struct worker *worker, const struct stream_run *run)
{
    struct response_frame *frame = frame_of(worker, run->flow);
    if (frame->state == RESPONSE_UNBEGUN && run->position == 0 && !run->after_gap) {
        response_begin(frame, run->direction);
    } else if (frame->state == RESPONSE_UNBEGUN || frame->direction != run->direction) {
        frame->whole = false;
        frame->direction = (uint8_t)run->direction;
        response_lose(frame);
    } else if (run->after_gap || run->position != frame->next) {
        /* Where the client acknowledges, its numbers agree with ours, and the stream never settles anew. */
        bool counted = (run->flow->directions[run->direction].flags & DIRECTION_ACKNOWLEDGED) != 0;
        response_skip_gap(frame, run->position, counted);
    }
    if (run->flow->flags & FLOW_CONFLICT) /* the client may have taken the other copy, which frames otherwise */
        response_lose(frame);
    return frame;
}

void leave_out_of_response(struct worker *worker, const struct stream_run *run)
{
    if (!is_servers(run->flow, run->direction)) {
        stage_enter(STAGE_SCAN);
        scan_run(worker->scan, run);
        stage_enter(STAGE_ORDER);
        return;
    }
    if (worker->leave_out.responses.scan == RESPONSES_NONE) {
        leave_bytes_out(worker, run, run->length, BYTES_SKIPPED_RESPONSE);
        return;
    }
    struct response_frame *frame = frame_for(worker, run);
    if (response_pass(frame, run->length)) {
        leave_bytes_out(worker, run, run->length, BYTES_SKIPPED_BODY);
        return;
    }
    struct response_walk walk = response_walk(frame, run->bytes, run->length, worker->leave_out.responses.depth);
    struct stream_run piece = *run;
    piece.opened_at = frame->whole ? &frame->scan_opened_at : NULL;
    bool left_out;
    while (response_walk_next(&walk, &piece.length, &left_out)) {
        stage_enter(left_out ? STAGE_ORDER : STAGE_SCAN);
        if (left_out)
            leave_bytes_out(worker, &piece, piece.length, BYTES_SKIPPED_BODY);
        else
            scan_run(worker->scan, &piece);
        piece.bytes += piece.length;
        piece.position += piece.length;
        piece.after_gap = false;
    }
    stage_enter(STAGE_ORDER);
}

void leave_out_note_client(struct worker *worker, const struct stream_run *run)
{
    if (worker->leave_out.frames != NULL)
        response_note_client(frame_of(worker, run->flow), run->bytes, run->length, run->position, run->after_gap);
}

void leave_out_forget(struct worker *worker, const struct flow *flow)
{
    if (worker->leave_out.frames != NULL)
        memset(frame_of(worker, flow), 0, offsetof(struct response_frame, line));
}

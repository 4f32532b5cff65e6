/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One segment goes through four steps, each of which may give runs; stream_next_run takes the next step when the last
 * has no more to give:
 *
 *     ROOM   while the pool is short: another direction's oldest hole is given up, and its data handed on
 *     TAKE   the segment's own bytes: trimmed, handed on where they lie, or held
 *     HELD   what was waiting for them
 *     HOLES  holes of this connection that are overdue or out of bounds
 *
 * A direction joined after its start begins by settling: its bytes are held for STREAM_HOLE_NS, since the first segment
 * seen needs not be the first in order; then it starts with the lowest.
 */
#include "stream_state.h"

#include <string.h>

#include <rte_malloc.h>

/* How many holders of data are looked at for one whose hole is given up, when the pool is short. */
#define VICTIM_LOOKS 8

size_t stream_bytes(const struct stream_options *options)
{
    return sizeof(struct stream) + held_pool_bytes(options->held_bytes_max) + 4096;
}

struct stream *stream_create(const struct stream_options *options)
{
    struct stream *stream = rte_zmalloc("stream", sizeof(*stream), 64);
    if (stream == NULL)
        return NULL;
    stream->options = *options;
    stream->step = STEP_DONE;
    stream->holders = list_of(&flow_extra_at(options->flows, 0)->held_link, sizeof(struct flow_extra));
    if (!held_pool_create(&stream->pool, options->held_bytes_max)) {
        stream_destroy(stream);
        return NULL;
    }
    return stream;
}

void stream_destroy(struct stream *stream)
{
    if (stream == NULL)
        return;
    held_pool_destroy(&stream->pool);
    rte_free(stream);
}

/* Giving: what is in order goes out as runs, around an urgent byte where there is one. */

static void give(struct stream *stream, struct flow *flow, unsigned direction, const uint8_t *bytes, uint32_t length)
{
    stream->giving_flow = flow;
    stream->giving_direction = direction;
    stream->giving = bytes;
    stream->giving_length = length;
}

static bool next_given(struct stream *stream, struct stream_run *run)
{
    while (stream->giving_length > 0) {
        struct flow_direction *of = &stream->giving_flow->directions[stream->giving_direction];
        struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
        uint32_t length = stream->giving_length;
        if (extra != NULL && extra->urgent_known) {
            int32_t before = sequence_distance(extra->urgent_sequence, of->next_sequence);
            if (before < 0) { /* it lay in a gap */
                extra->urgent_known = false;
                continue;
            }
            if (before == 0) { /* RFC 6093 section 4: pulled out of the stream, as common stacks do */
                extra->urgent_known = false;
                (*count_bytes(stream, BYTES_URGENT))++;
                of->next_sequence++;
                of->position++;
                extra->urgent_bytes++; /* the application never sees this one: a run's position is without them */
                stream->giving++;
                stream->giving_length--;
                continue;
            }
            if ((uint32_t)before < length)
                length = (uint32_t)before;
        }
        *run = (struct stream_run){.flow = stream->giving_flow,
                                   .direction = stream->giving_direction,
                                   .bytes = stream->giving,
                                   .length = length,
                                   .position = of->position - (extra != NULL ? extra->urgent_bytes : 0),
                                   .after_gap = (of->flags & DIRECTION_AFTER_GAP) != 0,
                                   .time_ns = stream->now_ns};
        *count_bytes(stream, BYTES_SCANNED) += length;
        of->next_sequence += length;
        of->position += length;
        stream->giving += length;
        stream->giving_length -= length;
        of->flags &= (uint8_t)~DIRECTION_AFTER_GAP;
        return true;
    }
    return false;
}

static void note_gap(struct stream *stream, struct flow *flow, unsigned direction, uint32_t bytes)
{
    struct flow_direction *of = &flow->directions[direction];
    struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (extra != NULL) {
        extra->gap_at = of->next_sequence;
        extra->gap_length = bytes;
    }
    of->next_sequence += bytes;
    of->position += bytes;
    of->flags |= DIRECTION_AFTER_GAP;
    (*count_event(stream, EVENT_GAPS))++;
    if (stream->skip_after == 0) /* else EVENT_CUT_BYTES has them; of held segments it is not known any more */
        *count_event(stream, EVENT_GAP_BYTES) += bytes;
    if ((flow->flags & FLOW_GAP) == 0)
        (*count_event(stream, EVENT_GAP_CONNECTIONS))++;
    flow->flags |= FLOW_GAP;
}

/* Settled: the direction starts here, for the first time or anew. */
static void start_midstream(struct stream *stream, struct flow *flow, struct flow_direction *of, uint32_t sequence)
{
    start_direction(stream, of, sequence);
    if (of->position > 0)
        of->flags |= DIRECTION_AFTER_GAP;
    if ((flow->flags & (FLOW_MIDSTREAM | FLOW_CLIENT_KNOWN)) == 0) {
        flow->flags |= FLOW_MIDSTREAM;
        (*count_event(stream, EVENT_MIDSTREAM))++;
    }
}

/* Gives the held bytes that follow on next_sequence, as many as fit the assembly. */
static bool give_held(struct stream *stream, struct flow *flow, unsigned direction)
{
    struct flow_direction *of = &flow->directions[direction];
    struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (extra == NULL || extra->held_root == 0 || (of->flags & DIRECTION_STARTED) == 0)
        return false;
    uint32_t length = 0;
    while (extra->held_root != 0 && length <= ASSEMBLY_BYTES - HELD_RUN_MAX) {
        const struct held_run *lowest = held_lowest(&stream->pool, extra->held_root);
        int32_t behind = sequence_distance(of->next_sequence + length, lowest->sequence);
        if (behind < 0)
            break;
        uint32_t memory = 0;
        uint32_t taken = held_take_lowest(&stream->pool, &extra->held_root, stream->assembly + length, &memory);
        extra->held_memory -= memory;
        stream->options.counters->held -= taken;
        /* Held before the stream's start was known, it may lie before that. */
        uint32_t old = (uint32_t)behind < taken ? (uint32_t)behind : taken;
        *count_bytes(stream, BYTES_RETRANSMITTED) += old;
        memmove(stream->assembly + length, stream->assembly + length + old, taken - old);
        length += taken - old;
    }
    if (extra->held_root == 0)
        list_remove(&stream->holders, of->extra);
    give(stream, flow, direction, stream->assembly, length);
    return length > 0;
}

/* Gives the hole in front up: the direction goes on with the lowest held byte. */
static void give_hole_up(struct stream *stream, struct flow *flow, unsigned direction)
{
    struct flow_direction *of = &flow->directions[direction];
    struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    uint32_t lowest = held_lowest(&stream->pool, extra->held_root)->sequence;
    if (of->flags & DIRECTION_STARTED) {
        note_gap(stream, flow, direction, lowest - of->next_sequence);
        return;
    }
    start_midstream(stream, flow, of, lowest);
}

/* What the hole in front of a direction's held data is waiting out; kept in its extra. */
enum hole_wait {
    HOLE_OPEN,         /* nothing yet: it may still fill */
    HOLE_SETTLING,     /* the direction hasn't begun */
    HOLE_ACKNOWLEDGED, /* the peer has these bytes: only the tap's disorder can still bring them */
    HOLE_UNSEEN,       /* no peer that could acknowledge */
};

static enum hole_wait hole_waits_for(const struct stream *stream, const struct flow_direction *of,
                                     const struct flow_extra *extra)
{
    if ((of->flags & DIRECTION_STARTED) == 0)
        return HOLE_SETTLING;
    if ((of->flags & DIRECTION_ACKNOWLEDGED) == 0)
        return HOLE_UNSEEN;
    uint32_t end = held_lowest(&stream->pool, extra->held_root)->sequence;
    return sequence_distance(of->acknowledged, end) >= 0 ? HOLE_ACKNOWLEDGED : HOLE_OPEN;
}

/*
 * Has the hole been waiting for long enough? The time runs from when the wait began, not from when the hole was seen: a
 * hole may be open for a round trip, and the acknowledgement of what fills it is often seen right before that. It runs
 * anew when the hole shrinks: a stream that goes on in order is not left for a stray segment ahead of it.
 */
static bool hole_is_overdue(const struct stream *stream, const struct flow_direction *of, struct flow_extra *extra,
                            uint64_t now_ns)
{
    enum hole_wait wait = hole_waits_for(stream, of, extra);
    uint32_t now_ms = (uint32_t)(now_ns / 1000000);
    if (extra->hole_wait != (uint8_t)wait || extra->hole_at != of->next_sequence) {
        extra->hole_wait = (uint8_t)wait;
        extra->hole_at = of->next_sequence;
        extra->hole_since_ms = now_ms;
    }
    int32_t waited_ms = (int32_t)(now_ms - extra->hole_since_ms);
    uint64_t waited_ns = waited_ms > 0 ? (uint64_t)waited_ms * 1000000 : 0; /* packets may be out of order by time */
    return wait != HOLE_OPEN && waited_ns > (wait == HOLE_UNSEEN ? STREAM_HOLE_UNSEEN_NS : STREAM_HOLE_NS);
}

/* Payload. */

static void hold(struct stream *stream, uint32_t sequence, const uint8_t *bytes, uint32_t length)
{
    struct flow *flow = stream->flow;
    struct flow_extra *extra = flow_extra_get(stream->options.flows, flow, stream->direction);
    if (extra == NULL) { /* no room to wait in: nothing in front is waited for */
        struct flow_direction *of = &flow->directions[stream->direction];
        if (of->flags & DIRECTION_STARTED)
            note_gap(stream, flow, stream->direction, sequence - of->next_sequence);
        else
            start_midstream(stream, flow, of, sequence);
        (*count_event(stream, EVENT_HELD_BOUND))++;
        give(stream, flow, stream->direction, bytes, length);
        return;
    }
    struct held_result result = held_insert(&stream->pool, &extra->held_root, sequence, bytes, length);
    extra->held_memory += result.memory;
    stream->options.counters->held += result.placed;
    *count_bytes(stream, BYTES_RETRANSMITTED) += result.duplicate;
    *count_bytes(stream, BYTES_NO_FLOW) += result.refused;
    if (result.conflict) {
        flow->flags |= FLOW_CONFLICT;
        (*count_event(stream, EVENT_CONFLICTS))++;
    }
    uint32_t holder = flow->directions[stream->direction].extra;
    if (extra->held_root != 0 && !list_holds(&stream->holders, holder))
        list_append(&stream->holders, holder);
}

/* The sender disagrees with what was taken for the stream, and its peer doesn't confirm that: settle anew. */
static bool settles_anew(struct stream *stream, const struct flow_direction *of, uint32_t sequence)
{
    if ((of->flags & (DIRECTION_STARTED | DIRECTION_ACKNOWLEDGED)) != DIRECTION_STARTED)
        return false;
    if (sequence_distance(sequence, of->next_sequence) >= 0)
        return !sequence_in_window(of, sequence);
    const struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (extra != NULL && sequence - extra->gap_at < extra->gap_length)
        return true; /* it goes on where a stray segment had us leave it */
    if (!sequence_is_foreign(of, sequence))
        return false;
    /* Sent again from right before where it was joined: old. */
    return (stream->flow->flags & FLOW_MIDSTREAM) == 0 || of->next_sequence - sequence > of->position + WINDOW_LEAST;
}

static void settle_anew(struct stream *stream, struct flow_direction *of)
{
    of->flags &= (uint8_t) ~(DIRECTION_STARTED | DIRECTION_FINISHED);
    struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (extra != NULL) {
        extra->gap_length = 0;
        extra->hole_wait = HOLE_OPEN;
        extra->fin_known = false;
    }
}

/* Holds what comes while the direction settles. Numbers are compared on a circle, so they must all lie within half of
 * it: within a window of the first that was held. */
static void settle(struct stream *stream, struct flow_direction *of, uint32_t sequence)
{
    const struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (extra == NULL || extra->held_root == 0)
        of->next_sequence = sequence;
    int32_t away = sequence_distance(sequence, of->next_sequence);
    if (away > (int32_t)(WINDOW_MOST / 2) || away < -(int32_t)(WINDOW_MOST / 2))
        *count_bytes(stream, BYTES_OUT_OF_WINDOW) += stream->segment.payload_length;
    else
        hold(stream, sequence, stream->payload, stream->segment.payload_length);
}

static void take_payload(struct stream *stream, uint32_t sequence)
{
    struct flow *flow = stream->flow;
    struct flow_direction *of = &flow->directions[stream->direction];
    const uint8_t *bytes = stream->payload;
    uint32_t length = stream->segment.payload_length;
    stream->options.counters->payload += length;

    if (settles_anew(stream, of, sequence))
        settle_anew(stream, of);
    if ((of->flags & DIRECTION_STARTED) == 0) {
        settle(stream, of, sequence);
        return;
    }

    int32_t ahead = sequence_distance(sequence, of->next_sequence);
    if (ahead < 0) {
        uint32_t behind = of->next_sequence - sequence, old = behind < length ? behind : length;
        *count_bytes(stream, sequence_is_foreign(of, sequence) ? BYTES_OUT_OF_WINDOW : BYTES_RETRANSMITTED) += old;
        bytes += old;
        length -= old;
        sequence += old;
        ahead = 0;
        if (length == 0)
            return;
    }
    if (ahead > 0 && !sequence_in_window(of, sequence)) {
        *count_bytes(stream, BYTES_OUT_OF_WINDOW) += length;
        return;
    }
    struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    bool overlaps_held =
        extra != NULL && extra->held_root != 0 &&
        sequence_distance(held_lowest(&stream->pool, extra->held_root)->sequence, sequence + length) < 0;
    if (ahead > 0)
        (*count_event(stream, EVENT_OUT_OF_ORDER))++;
    if (ahead > 0 || overlaps_held) {
        hold(stream, sequence, bytes, length);
        return;
    }
    if (flow->list == FLOW_CLOSED && (of->flags & DIRECTION_FINISHED) == 0)
        flow_set_list(stream->options.flows, flow, FLOW_ESTABLISHED); /* the reset was not believed by its receiver */
    give(stream, flow, stream->direction, bytes, length);
    stream->skip_after = stream->segment.payload_cut;
}

/* What any receiver drops whole: its payload is nobody's. */
static void drop_segment(struct stream *stream)
{
    stream->options.counters->payload += stream->segment.payload_length;
    *count_bytes(stream, BYTES_OUT_OF_WINDOW) += stream->segment.payload_length;
}

static void take_segment(struct stream *stream)
{
    const struct segment *segment = &stream->segment;
    struct flow *flow = stream->flow;
    uint32_t sequence = segment->sequence;
    bool fresh = (flow->flags & FLOW_FRESH) != 0;
    if (fresh) {
        flow->flags &= (uint8_t)~FLOW_FRESH;
        (*count_event(stream, EVENT_CONNECTIONS))++;
    }
    if (flow_syn_is_new(&flow->directions[stream->direction], segment)) { /* see flow_begin_segment */
        (*count_event(stream, EVENT_SYN_OUT_OF_WINDOW))++;
        drop_segment(stream);
        return;
    }
    if ((segment->flags & (TCP_ACK | TCP_SYN | TCP_RST)) == 0) { /* RFC 9293 section 3.10.7.4, fifth */
        drop_segment(stream);
        return;
    }
    if (!fresh && (segment->flags & TCP_SYN) == 0 && flow->list == FLOW_UNPROVEN) {
        flow_set_list(stream->options.flows, flow, FLOW_ESTABLISHED);
    }
    bool syn_again =
        (segment->flags & TCP_SYN) != 0 && (flow->directions[stream->direction].flags & DIRECTION_STARTED) != 0;
    if (segment->flags & TCP_SYN) {
        take_syn(stream, segment);
        sequence++;
    }
    if ((segment->flags & TCP_ACK) != 0)
        take_acknowledgement(stream, segment);
    if (syn_again) { /* RFC 9293 section 3.10.7.4, fourth: nothing on it is taken */
        drop_segment(stream);
        return;
    }
    if (segment->flags & TCP_RST) {
        drop_segment(stream); /* RFC 9293: a diagnostic text at most */
        take_reset(stream, segment);
        return;
    }
    uint32_t on_wire = segment->payload_length + segment->payload_cut;
    if (segment->flags & TCP_URG)
        take_urgent(stream, sequence);
    if (segment->payload_cut > 0) {
        (*count_event(stream, EVENT_CUT_PACKETS))++;
        *count_event(stream, EVENT_CUT_BYTES) += segment->payload_cut;
    }
    if (segment->payload_length > 0)
        take_payload(stream, sequence);
    else if (segment->payload_cut > 0 && (flow->directions[stream->direction].flags & DIRECTION_STARTED) != 0 &&
             sequence == flow->directions[stream->direction].next_sequence)
        stream->skip_after = segment->payload_cut;
    if (segment->flags & TCP_FIN)
        take_fin(stream, sequence + on_wire);
}

/* Steps. */

/* Some holder among the oldest with the most memory: its hole is given up, so that no few can fill the pool. */
static bool give_victim_up(struct stream *stream)
{
    struct flow_extra *victim = NULL;
    uint32_t link = stream->holders.oldest;
    for (unsigned looks = 0; link != 0 && looks < VICTIM_LOOKS; looks++) {
        struct flow_extra *extra = flow_extra_at(stream->options.flows, link - 1);
        if (victim == NULL || extra->held_memory > victim->held_memory)
            victim = extra;
        link = extra->held_link.newer;
    }
    if (victim == NULL)
        return false;
    struct flow *flow = flow_at(stream->options.flows, victim->owner / 2);
    /* What is left of a long run, whose hole is gone already, follows without a gap. */
    if (give_held(stream, flow, victim->owner % 2) || victim->held_root == 0)
        return true;
    (*count_event(stream, EVENT_HELD_BOUND))++;
    give_hole_up(stream, flow, victim->owner % 2);
    return give_held(stream, flow, victim->owner % 2);
}

/* A direction of which nothing but its FIN was seen has ended once no data came that should stand before it. */
static void start_at_fin(struct stream *stream, struct flow *flow, unsigned direction)
{
    struct flow_direction *of = &flow->directions[direction];
    struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (!extra->fin_known || (of->flags & DIRECTION_STARTED) != 0 ||
        !hole_is_overdue(stream, of, extra, stream->now_ns))
        return;
    start_midstream(stream, flow, of, extra->fin_sequence);
    look_for_fin(stream, flow, direction);
}

/* The next hole of this connection to be given up, in either direction. */
static bool give_next_hole(struct stream *stream)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned direction = i == 0 ? stream->direction : 1 - stream->direction;
        struct flow_direction *of = &stream->flow->directions[direction];
        struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
        if (extra == NULL)
            continue;
        look_for_fin(stream, stream->flow, direction);
        if (extra->held_root == 0) {
            start_at_fin(stream, stream->flow, direction);
            continue;
        }
        if (give_held(stream, stream->flow, direction))
            return true;
        if (extra->held_root == 0)
            continue;
        bool full = extra->held_memory > stream->options.held_per_direction_max;
        if (!full && stream->step != STEP_FINISH && !hole_is_overdue(stream, of, extra, stream->now_ns))
            continue;
        if (full)
            (*count_event(stream, EVENT_HELD_BOUND))++;
        give_hole_up(stream, stream->flow, direction);
        return give_held(stream, stream->flow, direction);
    }
    return false;
}

/* Looks at a few of the oldest holders, and moves those that aren't overdue out of the way. */
static bool find_overdue(struct stream *stream)
{
    while (stream->looks_left > 0 && stream->holders.oldest != 0) {
        stream->looks_left--;
        uint32_t link = stream->holders.oldest;
        struct flow_extra *extra = flow_extra_at(stream->options.flows, link - 1);
        stream->flow = flow_at(stream->options.flows, extra->owner / 2);
        stream->direction = extra->owner % 2;
        if (give_next_hole(stream))
            return true;
        if (list_holds(&stream->holders, link)) {
            list_remove(&stream->holders, link);
            list_append(&stream->holders, link);
        }
    }
    return false;
}

void stream_accept(struct stream *stream, struct flow *flow, unsigned direction, const struct segment *segment,
                   const uint8_t *payload, uint64_t time_ns)
{
    stream->step = STEP_ROOM;
    stream->flow = flow;
    stream->direction = direction;
    stream->segment = *segment;
    stream->payload = payload;
    stream->now_ns = time_ns;
    stream->giving_length = 0;
    stream->skip_after = 0;
}

void stream_finish(struct stream *stream, struct flow *flow)
{
    stream->step = STEP_FINISH;
    /* The connection's own last packet, not the worker's: so that a line says the same for any number of workers. */
    int32_t lasted_ms = (int32_t)(flow->last_seen_ms - (uint32_t)(flow->first_time_ns / 1000000));
    stream->now_ns = flow->first_time_ns + (lasted_ms > 0 ? (uint64_t)lasted_ms * 1000000 : 0);
    stream->flow = flow;
    stream->direction = 0;
    stream->giving_length = 0;
    stream->skip_after = 0;
}

void stream_keep_house(struct stream *stream, uint64_t now_ns)
{
    stream->step = stream->holders.oldest != 0 ? STEP_OVERDUE : STEP_DONE;
    stream->now_ns = now_ns;
    stream->giving_length = 0;
    stream->looks_left = 2;
}

/* Cut by the snap length: these bytes will not be seen, so there is nothing to wait for, but for a copy that is held.
 */
static void skip_cut(struct stream *stream, uint32_t missing)
{
    const struct flow_direction *of = &stream->flow->directions[stream->direction];
    const struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (extra != NULL && extra->held_root != 0) {
        uint32_t hole = held_lowest(&stream->pool, extra->held_root)->sequence - of->next_sequence;
        missing = hole < missing ? hole : missing;
    }
    if (missing > 0 && missing <= WINDOW_MOST) /* a longer one is a capture file's lie */
        note_gap(stream, stream->flow, stream->direction, missing);
}

/* Is there room to hold the segment, cut up by what is held already in the worst way? */
static bool has_room(const struct stream *stream)
{
    const struct flow_extra *extra =
        flow_extra_find(stream->options.flows, &stream->flow->directions[stream->direction]);
    return held_pool_has_room(&stream->pool, stream->segment.payload_length, extra != NULL ? extra->held_memory : 0);
}

bool stream_next_run(struct stream *stream, struct stream_run *run)
{
    for (;;) {
        if (next_given(stream, run))
            return true;
        switch (stream->step) {
        case STEP_ROOM:
            if (has_room(stream) || !give_victim_up(stream))
                stream->step = STEP_TAKE;
            break;
        case STEP_TAKE:
            stream->step = STEP_HELD;
            take_segment(stream);
            break;
        case STEP_HELD:
            if (stream->skip_after > 0) {
                skip_cut(stream, stream->skip_after);
                stream->skip_after = 0;
            }
            if (!give_held(stream, stream->flow, stream->direction))
                stream->step = STEP_HOLES;
            break;
        case STEP_HOLES:
        case STEP_FINISH:
            if (!give_next_hole(stream)) {
                stream->step = STEP_DONE;
                note_waiting(stream, stream->flow);
            }
            break;
        case STEP_OVERDUE:
            if (!find_overdue(stream))
                stream->step = STEP_DONE;
            break;
        case STEP_DONE:
            return false;
        }
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What a segment's header says of the stream: acknowledgements and windows, SYN, RST, FIN, the urgent pointer; and
 * which numbers could be the stream's at all. */
#include "stream_state.h"

static uint32_t window_bytes(const struct flow_direction *of)
{
    if (of->window == 0)
        return of->window_shift == WINDOW_SHIFT_UNKNOWN ? WINDOW_MOST : WINDOW_LEAST;
    unsigned shift = of->window_shift == WINDOW_SHIFT_UNKNOWN ? 14 : of->window_shift;
    uint64_t bytes = (uint64_t)of->window << shift << 1;
    return bytes < WINDOW_LEAST ? WINDOW_LEAST : bytes > WINDOW_MOST ? WINDOW_MOST : (uint32_t)bytes;
}

/* Could the receiver accept a byte of this number? */
bool sequence_in_window(const struct flow_direction *of, uint32_t sequence)
{
    uint32_t base = of->next_sequence;
    if ((of->flags & DIRECTION_ACKNOWLEDGED) != 0 && sequence_distance(of->acknowledged, base) > 0)
        base = of->acknowledged;
    return sequence_distance(sequence, of->next_sequence) >= 0 &&
           sequence_distance(sequence, base) <= (int32_t)window_bytes(of);
}

/* Is this a number that the stream can't have had or come to: before its first byte, or farther off than any window? */
bool sequence_is_foreign(const struct flow_direction *of, uint32_t sequence)
{
    int32_t ahead = sequence_distance(sequence, of->next_sequence);
    uint32_t behind = of->next_sequence - sequence;
    if (ahead >= -1) /* one before is a keep-alive's byte */
        return ahead > (int32_t)WINDOW_MOST;
    return behind > of->position + 1 || behind > WINDOW_MOST;
}

/* Control bits. */

void take_acknowledgement(struct stream *stream, const struct segment *segment)
{
    struct flow_direction *acknowledged = &stream->flow->directions[1 - stream->direction];
    if ((acknowledged->flags & DIRECTION_STARTED) != 0 && sequence_is_foreign(acknowledged, segment->acknowledgement)) {
        acknowledged->window = segment->window;
        /* Another connection's bytes, or so much was missed that numbers mean nothing: if the sender agrees with its
         * peer and not with us, it settles anew. */
        acknowledged->flags &= (uint8_t)~DIRECTION_ACKNOWLEDGED;
        return;
    }
    acknowledge(acknowledged, segment);
}

void start_direction(struct stream *stream, struct flow_direction *of, uint32_t sequence)
{
    struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (extra != NULL && sequence_distance(extra->fin_sequence, sequence) < 0)
        extra->fin_known = false; /* noted while it settled, and not this stream's */
    of->flags |= DIRECTION_STARTED;
    of->next_sequence = sequence;
}

void take_syn(struct stream *stream, const struct segment *segment)
{
    struct flow *flow = stream->flow;
    struct flow_direction *of = &flow->directions[stream->direction];
    bool from_client = (segment->flags & TCP_ACK) == 0;
    unsigned client = from_client ? stream->direction : 1 - stream->direction;
    bool known = (flow->flags & FLOW_CLIENT_KNOWN) != 0;
    if (from_client)
        flow->opened = (uint8_t)(flow->opened | 1u << stream->direction) & 0x3;
    if ((of->flags & DIRECTION_STARTED) == 0 && of->position > 0) /* it was settling anew */
        of->flags |= DIRECTION_AFTER_GAP;
    if (!known || (from_client && ((flow->flags & FLOW_CLIENT_IS_ONE) != 0) != (client == 1))) {
        /* A lone SYN is the better witness: a client may send a SYN with an ACK first, to pass for the server. */
        flow->flags =
            (uint8_t)((flow->flags & ~FLOW_CLIENT_IS_ONE) | FLOW_CLIENT_KNOWN | (client == 1 ? FLOW_CLIENT_IS_ONE : 0));
        for (unsigned d = 0; known && d < 2; d++)
            flow->directions[d].flags &= (uint8_t)~DIRECTION_SCAN_OPEN;
    }
    flow->directions[1 - stream->direction].window_shift = segment->window_shift;
    if ((of->flags & DIRECTION_STARTED) == 0)
        start_direction(stream, of, segment->sequence + 1);
}

void take_reset(struct stream *stream, const struct segment *segment)
{
    struct flow_direction *of = &stream->flow->directions[stream->direction];
    /* RFC 5961 section 3.2: only the very next number resets; any other in the window is but asked about. */
    if ((of->flags & DIRECTION_STARTED) != 0 && segment->sequence != of->next_sequence &&
        !((of->flags & DIRECTION_FINISHED) != 0 && segment->sequence == of->next_sequence + 1)) {
        (*count_event(stream, EVENT_RESET_OUT_OF_WINDOW))++;
        return;
    }
    (*count_event(stream, EVENT_RESET))++;
    flow_set_list(stream->options.flows, stream->flow, FLOW_CLOSED);
}

static void note_finished(struct stream *stream, struct flow *flow, unsigned direction)
{
    flow->directions[direction].flags |= DIRECTION_FINISHED;
    if (flow->directions[1 - direction].flags & DIRECTION_FINISHED)
        flow_set_list(stream->options.flows, flow, FLOW_CLOSED);
}

void take_fin(struct stream *stream, uint32_t sequence)
{
    struct flow_direction *of = &stream->flow->directions[stream->direction];
    if ((of->flags & DIRECTION_FINISHED) != 0)
        return;
    /* While it settles no window is known: look_for_fin sees whether it was right. */
    if ((of->flags & DIRECTION_STARTED) != 0 && !sequence_in_window(of, sequence)) {
        if (sequence_distance(sequence, of->next_sequence) > 0)
            (*count_event(stream, EVENT_FIN_OUT_OF_WINDOW))++;
        return;
    }
    struct flow_extra *extra = flow_extra_get(stream->options.flows, stream->flow, stream->direction);
    if (extra != NULL) {
        extra->fin_known = true;
        extra->fin_sequence = sequence;
    }
}

void look_for_fin(struct stream *stream, struct flow *flow, unsigned direction)
{
    const struct flow_direction *of = &flow->directions[direction];
    struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
    if (extra != NULL && extra->fin_known && (of->flags & DIRECTION_STARTED) != 0 &&
        sequence_distance(of->next_sequence, extra->fin_sequence) >= 0) {
        extra->fin_known = false;
        note_finished(stream, flow, direction);
    }
}

/*
 * Notes the out-of-band byte, as Linux does: it is the one before the pointer (RFC 6093 section 3.1), or the segment's
 * first where the pointer is 0; it may lie in a later segment; one that the stream has passed, or that is not beyond
 * the one already noted, counts for nothing.
 */
void take_urgent(struct stream *stream, uint32_t sequence)
{
    (*count_event(stream, EVENT_URGENT))++;
    const struct flow_direction *of = &stream->flow->directions[stream->direction];
    uint32_t pointer = stream->segment.urgent_pointer, urgent = sequence + (pointer > 0 ? pointer - 1 : 0);
    if ((of->flags & DIRECTION_STARTED) != 0 && !sequence_in_window(of, urgent))
        return;
    struct flow_extra *extra = flow_extra_get(stream->options.flows, stream->flow, stream->direction);
    if (extra == NULL || (extra->urgent_known && sequence_distance(urgent, extra->urgent_sequence) <= 0))
        return;
    extra->urgent_known = true;
    extra->urgent_sequence = urgent;
}

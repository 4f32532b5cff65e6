/* SPDX-License-Identifier: BSD-3-Clause */
/* The straight way of a segment: where it is what should come next, and nothing waits, there is nothing to put in
 * order. */
#include "stream_state.h"

bool stream_pass(struct stream *stream, struct flow *flow, unsigned direction, const struct segment *segment,
                 const uint8_t *payload, uint64_t time_ns, struct stream_run *run)
{
    struct flow_direction *of = &flow->directions[direction], *peer = &flow->directions[1 - direction];
    if ((segment->flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK | TCP_URG)) != TCP_ACK || segment->payload_cut > 0 ||
        flow->list != FLOW_ESTABLISHED || (flow->flags & FLOW_FRESH) != 0 ||
        (of->flags & (DIRECTION_STARTED | DIRECTION_FINISHED | DIRECTION_WAITING)) != DIRECTION_STARTED ||
        (peer->flags & DIRECTION_WAITING) != 0 ||
        ((peer->flags & DIRECTION_STARTED) != 0 && sequence_is_foreign(peer, segment->acknowledgement)))
        return false;
    uint32_t length = segment->payload_length;
    if (length > 0 && segment->sequence != of->next_sequence)
        return false;
    acknowledge(peer, segment);
    run->length = length;
    if (length == 0)
        return true;
    *run = (struct stream_run){.flow = flow,
                               .direction = direction,
                               .bytes = payload,
                               .length = length,
                               .position = of->position,
                               .after_gap = (of->flags & DIRECTION_AFTER_GAP) != 0,
                               .time_ns = time_ns};
    stream->options.counters->payload += length;
    stream->options.counters->bytes[BYTES_SCANNED] += length;
    of->next_sequence += length;
    of->position += length;
    of->flags &= (uint8_t)~DIRECTION_AFTER_GAP;
    return true;
}

void note_waiting(const struct stream *stream, struct flow *flow)
{
    for (unsigned direction = 0; direction < 2; direction++) {
        struct flow_direction *of = &flow->directions[direction];
        const struct flow_extra *extra = flow_extra_find(stream->options.flows, of);
        bool waits = extra != NULL && (extra->held_root != 0 || extra->fin_known || extra->urgent_known ||
                                       extra->urgent_bytes > 0); /* these are no part of a run's position */
        of->flags = (uint8_t)((of->flags & ~DIRECTION_WAITING) | (waits ? DIRECTION_WAITING : 0));
    }
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A run of bytes: Hyperscan gives events, the events start captures, the captures read tokens.
 *
 * The match callback only notes (pattern, end). Hyperscan promises no order, so the events of a piece are put in order
 * of their ends before they are acted on; and every capture is fed up to an event's end before the event is looked at,
 * so that what happens does not depend on how the bytes were cut.
 */
#include <bearertap/scan.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include <bearertap/memory.h>
#include <bearertap/stream.h>

#include "captures.h"

struct scan_event {
    uint32_t end; /* offset in the piece */
    uint32_t row;
};

#define EVENTS_MAX (2 * PIECE_BYTES)

/* Hyperscan asks for a stream's memory here; it gets the slot of the direction at hand. */
static _Thread_local void *stream_slot;

static void *take_stream_slot(size_t bytes)
{
    return bytes <= FLOW_SCAN_STATE_BYTES ? stream_slot : NULL;
}

static void keep_stream_slot(void *slot)
{
    (void)slot; /* it belongs to the flow's record */
}

int scan_create(const struct scan_options *options, struct scan **scan, struct error *error)
{
    struct scan *made = rte_zmalloc("scan", sizeof(*made), 64);
    if (made == NULL)
        return error_set(error, ENOMEM, "out of memory for a scanner");
    made->options = *options;
    made->events = rte_zmalloc("scan_events", EVENTS_MAX * sizeof(struct scan_event), 64);
    made->pool = memory_take(options->captures_max * sizeof(struct capture));
    made->pool_next = memory_take(options->captures_max * sizeof(uint32_t));
    hs_set_stream_allocator(take_stream_slot, keep_stream_slot);
    if (made->events == NULL || made->pool == NULL || made->pool_next == NULL ||
        hs_alloc_scratch(options->databases->client, &made->scratch) != HS_SUCCESS ||
        hs_alloc_scratch(options->databases->server, &made->scratch) != HS_SUCCESS) {
        scan_destroy(made);
        return error_set(error, ENOMEM, "out of memory for a scanner");
    }
    made->stored = list_of(&made->pool[0].link, sizeof(struct capture));
    *scan = made;
    return 0;
}

void scan_close(struct scan *scan)
{
    if (scan == NULL)
        return;
    hs_free_scratch(scan->scratch);
    scan->scratch = NULL;
}

void scan_destroy(struct scan *scan)
{
    if (scan == NULL)
        return;
    scan_close(scan);
    memory_give_back(scan->pool_next, scan->options.captures_max * sizeof(uint32_t));
    memory_give_back(scan->pool, scan->options.captures_max * sizeof(struct capture));
    rte_free(scan->events);
    rte_free(scan);
}

/* The direction's stream: opened, or begun anew, in its slot. */
static hs_stream_t *open_stream(struct scan *scan, struct flow *flow, struct flow_direction *of, unsigned direction)
{
    bool server =
        (flow->flags & FLOW_CLIENT_KNOWN) != 0 && ((flow->flags & FLOW_CLIENT_IS_ONE) != 0) != (direction == 1);
    of->flags |= DIRECTION_SCAN_OPEN;
    scan->opened_at = scan->begin;
    if (scan->run->opened_at != NULL) {
        *scan->run->opened_at = scan->begin;
    } else if (scan->begin > 0) {
        struct flow_extra *extra = flow_extra_get(scan->options.flows, flow, direction);
        if (extra != NULL)
            extra->scan_opened_at = scan->begin;
        else
            of->flags &= (uint8_t)~DIRECTION_SCAN_OPEN; /* without a place to note that, it opens at every run */
    }
    of->flags = (uint8_t)((of->flags & ~DIRECTION_SCAN_SERVER) | (server ? DIRECTION_SCAN_SERVER : 0));
    hs_stream_t *stream = NULL;
    stream_slot = of->scan_state;
    if (hs_open_stream(server ? scan->options.databases->server : scan->options.databases->client, 0, &stream) !=
        HS_SUCCESS)
        return NULL;
    return stream;
}

static int note_event(unsigned row, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
    (void)from;
    (void)flags;
    struct scan *scan = context;
    if (scan->events_count < EVENTS_MAX) /* `to` counts from where the stream was opened */
        scan->events[scan->events_count++] = (struct scan_event){(uint32_t)to, row};
    return 0;
}

/* In order of their ends, the earlier row first. */
static bool event_before(const struct scan_event *a, const struct scan_event *b, uint32_t base)
{
    uint32_t a_end = a->end - base, b_end = b->end - base;
    return a_end != b_end ? a_end < b_end : a->row < b->row;
}

static void sift_down(struct scan_event *events, unsigned root, unsigned count, uint32_t base)
{
    for (;;) {
        unsigned child = 2 * root + 1;
        if (child >= count)
            return;
        if (child + 1 < count && event_before(&events[child], &events[child + 1], base))
            child++;
        if (!event_before(&events[root], &events[child], base))
            return;
        struct scan_event swap = events[root];
        events[root] = events[child];
        events[child] = swap;
        root = child;
    }
}

/* They nearly always come in order already; where not, a heap sort bounds what a sender can cost us. */
static void sort_events(struct scan_event *events, unsigned count, uint32_t base)
{
    unsigned ordered = 1;
    while (ordered < count && !event_before(&events[ordered], &events[ordered - 1], base))
        ordered++;
    if (ordered >= count)
        return;
    for (unsigned i = count / 2; i-- > 0;)
        sift_down(events, i, count, base);
    for (unsigned last = count - 1; last > 0; last--) {
        struct scan_event swap = events[0];
        events[0] = events[last];
        events[last] = swap;
        sift_down(events, 0, last, base);
    }
}

/* Is the prefix known to begin a token, or the second part of one, before any of its bytes are fed? Not where the token
 * would be over within it: then the prefix may begin another. */
static bool prefix_was_announced(const struct scan *scan, uint64_t position, uint64_t end)
{
    bool known = position == scan->payload_position && position != 0;
    for (unsigned i = 0; i < scan->captures_count && !known; i++) {
        const struct capture *capture = &scan->captures[i];
        if (capture->state == CAPTURE_BEFORE_TOKEN) /* its next byte is the token's first */
            known = capture->at == position && !capture->line_ended;
        else if (capture->state >= CAPTURE_HEADER)
            known = capture->token.position == position && capture->limit > end;
    }
    return known;
}

/*
 * Does a prefix that begins at `position`, and was fed, belong to a token that is known? Only there is it passed over:
 * what merely looks like the beginning of one (`/heyJude/eyJ...`) must not hide what follows.
 */
static bool prefix_is_covered(const struct scan *scan, uint64_t position, uint64_t end)
{
    bool covered = prefix_was_announced(scan, position, end);
    for (unsigned i = 0; i < scan->captures_count && !covered; i++) {
        const struct capture *capture = &scan->captures[i];
        /* Of a token without a finding no more is covered than where nobody asked for such tokens. */
        covered = capture->state == CAPTURE_REST && capture->token.noted && !capture->strayed;
    }
    return covered;
}

static void act_on_event(struct scan *scan, const struct pattern_row *row, uint64_t end)
{
    if (row->syntax == SYNTAX_BARE) {
        uint64_t position = end - row->prefix_length;
        /* Fed up to the prefix only: most belong to a token that was announced, whose header then lies in one piece
         * where it is. In the middle of one the prefix has to be fed first: it may break an escape, or reach a bound.
         */
        bool wait = captures_may_wait(scan, end);
        if (!wait)
            captures_feed(scan, position);
        if (prefix_was_announced(scan, position, end))
            return;
        if (!wait || scan->captures_count == FLOW_CAPTURES_MAX) /* one of these may have to leave as it is */
            captures_feed(scan, end);
        if (!prefix_is_covered(scan, position, end))
            capture_begin(scan, row, end);
        return;
    }
    captures_feed(scan, end);
    if (end == scan->announced_end)
        return; /* an earlier row, for more specific words, ended here */
    scan->announced_end = end;
    capture_begin(scan, row, end);
}

/* Captures between two runs. */

static void pool_put(struct scan *scan, const struct capture *capture, uint32_t link)
{
    scan->pool[link - 1] = *capture;
    list_append(&scan->stored, link);
    scan->stored_chunks += capture_chunks(capture);
}

static void pool_take(struct scan *scan, struct capture *capture, uint32_t link)
{
    list_remove(&scan->stored, link);
    *capture = scan->pool[link - 1];
    scan->stored_chunks -= capture_chunks(capture);
    scan->pool_next[link - 1] = scan->pool_free;
    scan->pool_free = link;
}

/* Ends the capture that has waited longest for its direction's next bytes. */
static void end_oldest_capture(struct scan *scan)
{
    uint32_t link = scan->stored.oldest;
    const struct scan_token *token = &scan->pool[link - 1].token;
    struct flow_extra *extra = flow_extra_find(scan->options.flows, &token->flow->directions[token->direction]);
    unsigned slot = 0;
    while (slot < FLOW_CAPTURES_MAX - 1 && extra->captures[slot] != link)
        slot++;
    memmove(extra->captures + slot, extra->captures + slot + 1, (FLOW_CAPTURES_MAX - 1 - slot) * sizeof(uint32_t));
    extra->captures[FLOW_CAPTURES_MAX - 1] = 0;
    struct capture capture;
    pool_take(scan, &capture, link);
    scan->options.counters->events[EVENT_CAPTURES_FULL]++;
    capture_cut(scan, &capture, 0);
}

static uint32_t pool_slot(struct scan *scan)
{
    uint32_t link = scan->pool_free;
    if (link != 0)
        scan->pool_free = scan->pool_next[link - 1];
    else if (scan->pool_used < scan->options.captures_max)
        link = ++scan->pool_used;
    return link;
}

static void load_captures(struct scan *scan, struct flow_extra *extra)
{
    scan->captures_count = 0;
    scan->payload_position = 0;
    scan->judged_from = scan->judged_to = 0;
    if (extra == NULL)
        return;
    scan->payload_position = extra->payload_position;
    for (unsigned i = 0; i < FLOW_CAPTURES_MAX && extra->captures[i] != 0; i++) {
        pool_take(scan, &scan->captures[scan->captures_count++], extra->captures[i]);
        extra->captures[i] = 0;
    }
}

/* Puts what runs on away until the next run; for want of room another ends, which has waited longest. */
static void store_captures(struct scan *scan, struct flow *flow, unsigned direction)
{
    struct flow_extra *extra = flow_extra_get(scan->options.flows, flow, direction);
    unsigned stored = 0;
    for (; extra != NULL && stored < scan->captures_count; stored++) {
        uint32_t link = pool_slot(scan);
        if (link == 0 && extra->captures[0] != scan->stored.oldest && scan->stored.oldest != 0) {
            end_oldest_capture(scan);
            link = pool_slot(scan);
        }
        if (link == 0)
            break; /* all of the pool is this direction's */
        pool_put(scan, &scan->captures[stored], link);
        extra->captures[stored] = link;
    }
    while (scan->stored_chunks > scan->options.captures_chunks_max)
        end_oldest_capture(scan);
    if (stored == scan->captures_count)
        return;
    scan->options.counters->events[EVENT_CAPTURES_FULL] += scan->captures_count - stored;
    memmove(scan->captures, scan->captures + stored, (scan->captures_count - stored) * sizeof(struct capture));
    scan->captures_count -= stored;
    captures_cut(scan, 0);
}

/* Keeps the last bytes, since a prefix may lie across the end, and whether a quote stands before them. */
static void keep_last(struct flow_direction *of, const uint8_t *bytes, uint32_t length)
{
    uint8_t before = length >= 3 ? bytes[length - 3] : length == 2 ? of->last[1] : of->last[0];
    of->last[0] = length >= 2 ? bytes[length - 2] : of->last[1];
    of->last[1] = bytes[length - 1];
    of->flags = (uint8_t)((of->flags & ~DIRECTION_AFTER_QUOTE) | (before == '"' ? DIRECTION_AFTER_QUOTE : 0));
}

/* Keeps where a token's second part begins, as long as an event may say that one begins there. */
static void keep_payload_position(struct scan *scan, const struct stream_run *run, struct flow_extra *extra)
{
    bool is_near = scan->payload_position != 0 && scan->payload_position + PREFIX_MAX > scan->end;
    if (extra == NULL && is_near)
        extra = flow_extra_get(scan->options.flows, run->flow, run->direction);
    if (extra != NULL)
        extra->payload_position = is_near ? scan->payload_position : 0;
}

static void scan_piece(struct scan *scan, hs_stream_t *stream, const uint8_t *bytes, uint32_t length)
{
    scan->events_count = 0;
    scan->bytes = bytes;
    scan->end = scan->begin + length;
    scan->plain_to = scan->begin;
    hs_scan_stream(stream, (const char *)bytes, length, 0, scan->scratch, note_event, scan);
    /* Hyperscan counts from where its stream was opened; the low half is enough to tell the offset in a piece. */
    uint32_t base = (uint32_t)(scan->begin - scan->opened_at);
    sort_events(scan->events, scan->events_count, base);
    for (unsigned i = 0; i < scan->events_count; i++) {
        assert(scan->events[i].end - base <= length);
        act_on_event(scan, &pattern_rows[scan->events[i].row], scan->begin + (scan->events[i].end - base));
    }
    captures_feed(scan, scan->end);
    scan->begin = scan->end;
}

void scan_run(struct scan *scan, const struct stream_run *run)
{
    struct flow_direction *of = &run->flow->directions[run->direction];
    struct flow_extra *extra = flow_extra_find(scan->options.flows, of);
    scan->run = run;
    scan->begin = run->position;
    scan->announced_end = UINT64_MAX;
    load_captures(scan, extra);
    hs_stream_t *stream;
    if (run->after_gap || (of->flags & DIRECTION_SCAN_OPEN) == 0) {
        captures_cut(scan, run->time_ns);
        of->last[0] = of->last[1] = 0;
        of->flags &= (uint8_t)~DIRECTION_AFTER_QUOTE;
        scan->payload_position = 0;
        stream = open_stream(scan, run->flow, of, run->direction);
    } else {
        stream = (hs_stream_t *)(void *)of->scan_state;
        scan->opened_at = run->opened_at != NULL ? *run->opened_at : extra != NULL ? extra->scan_opened_at : 0;
    }
    for (uint32_t done = 0; done < run->length; done += PIECE_BYTES)
        scan_piece(scan, stream, run->bytes + done,
                   run->length - done < PIECE_BYTES ? run->length - done : PIECE_BYTES);
    if (scan->captures_count > 0)
        store_captures(scan, run->flow, run->direction);
    keep_payload_position(scan, run, extra);
    keep_last(of, run->bytes, run->length);
}

void scan_cut(struct scan *scan, struct flow *flow, unsigned direction, uint64_t time_ns)
{
    load_captures(scan, flow_extra_find(scan->options.flows, &flow->directions[direction]));
    captures_cut(scan, time_ns);
}

void scan_leave_out(struct scan *scan, struct flow *flow, unsigned direction, uint64_t time_ns)
{
    struct flow_direction *of = &flow->directions[direction];
    if ((of->flags & DIRECTION_SCAN_OPEN) == 0)
        return;
    scan_cut(scan, flow, direction, time_ns);
    of->flags &= (uint8_t)~DIRECTION_SCAN_OPEN;
}

void scan_end(struct scan *scan, struct flow *flow, uint64_t time_ns)
{
    for (unsigned direction = 0; direction < 2; direction++) {
        scan_cut(scan, flow, direction, time_ns);
        /* Where its stream was opened stands in the extra, which goes now; should bytes come all the same, it opens. */
        flow->directions[direction].flags &= (uint8_t)~DIRECTION_SCAN_OPEN;
    }
}

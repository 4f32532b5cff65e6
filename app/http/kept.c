/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kept client bytes: a window over the stream that begins where a request begins. Complete requests are let go of once
 * a threshold is passed, which doubles when nothing could be let go of, so that a sender of single bytes cannot make us
 * parse the same head over and over. A body longer than the window is not kept, but its end is remembered
 * (kept_resume), so that the next request is found. A head longer than the window keeps its beginning, where request
 * line and Host nearly always stand, and is followed to its end; how its body is framed is not known then. Where the
 * framing does not tell, or a gap swallowed it, the window is unsynced, and begins again when the client speaks after
 * the server did.
 */
#include "request.h"

#include <string.h>

#include <rte_malloc.h>

#include <bearertap/memory.h>

/* A request's head with a token in it is seldom shorter. */
#define SHED_FIRST 2048

/* So much is kept and scanned at once: half a window, so that the head of the request at hand is still in the other. */
#define PIECE_BYTES (HTTP_KEPT_MAX / 2)

/* The last line of an overlong head: an empty one ends it. */
enum kept_line { LINE_BEGUN, LINE_EMPTY, LINE_EMPTY_CR };

struct kept_chunk {
    uint8_t bytes[HTTP_KEPT_CHUNK];
};

struct http {
    struct http_options options;
    struct kept_chunk *chunks;
    uint32_t *next_free; /* by chunk, index + 1 */
    uint32_t chunks_used, free_chunk;
    struct list keepers; /* extras with kept bytes */

    /* The run at hand, of `pending_of`, follows on what is kept of it. It is not copied before somebody asks for its
     * bytes, or it was scanned and its request goes on: most requests end in the run at hand. */
    const uint8_t *pending;
    uint32_t pending_length;
    struct flow_extra *pending_of; /* NULL: there is none */
    bool pending_taken_in;         /* it was copied, since somebody asked */

    struct http_cursor cursor; /* over the bytes that were looked at last */
    const struct flow_extra *cursor_of;
    const uint8_t *cursor_bytes;
    uint8_t linear[HTTP_KEPT_MAX];
};

size_t http_bytes(const struct http_options *options)
{
    return sizeof(struct http) + (size_t)options->chunks_max * (sizeof(struct kept_chunk) + sizeof(uint32_t)) + 8192;
}

struct http *http_create(const struct http_options *options)
{
    struct http *http = rte_zmalloc("http", sizeof(*http), 64);
    if (http == NULL)
        return NULL;
    http->options = *options;
    http->chunks = memory_take((size_t)options->chunks_max * sizeof(struct kept_chunk));
    http->next_free = memory_take((size_t)options->chunks_max * sizeof(uint32_t));
    http->keepers = list_of(&flow_extra_at(options->flows, 0)->kept_link, sizeof(struct flow_extra));
    if (http->chunks == NULL || http->next_free == NULL) {
        http_destroy(http);
        return NULL;
    }
    return http;
}

void http_destroy(struct http *http)
{
    if (http == NULL)
        return;
    memory_give_back(http->next_free, (size_t)http->options.chunks_max * sizeof(uint32_t));
    memory_give_back(http->chunks, (size_t)http->options.chunks_max * sizeof(struct kept_chunk));
    rte_free(http);
}

/* The extra's name on the list. */
static uint32_t keeper_of(const struct http *http, const struct flow_extra *extra)
{
    return (uint32_t)(extra - flow_extra_at(http->options.flows, 0)) + 1;
}

/* What stood in it stays until the next request takes its place, as it does in the packet that it came in. */
static void chunk_free(struct http *http, uint32_t link)
{
    http->next_free[link - 1] = http->free_chunk;
    http->free_chunk = link;
}

/* Drops the first `count` kept bytes. */
static void drop_front(struct http *http, struct flow_extra *extra, uint32_t count)
{
    http->cursor.valid = false;
    extra->kept_length -= count;
    extra->kept_base += count;
    extra->kept_head += count;
    uint32_t gone = extra->kept_length == 0 ? FLOW_KEPT_CHUNKS : extra->kept_head / HTTP_KEPT_CHUNK;
    for (uint32_t i = 0; i < gone && extra->kept_chunks[i] != 0; i++)
        chunk_free(http, extra->kept_chunks[i]);
    if (gone > 0) {
        memmove(extra->kept_chunks, extra->kept_chunks + gone, (FLOW_KEPT_CHUNKS - gone) * sizeof(uint32_t));
        memset(extra->kept_chunks + FLOW_KEPT_CHUNKS - gone, 0, gone * sizeof(uint32_t));
        extra->kept_head %= HTTP_KEPT_CHUNK;
    }
    if (extra->kept_length == 0) {
        extra->kept_head = 0;
        extra->kept_shed_at = SHED_FIRST;
        if (list_holds(&http->keepers, keeper_of(http, extra)))
            list_remove(&http->keepers, keeper_of(http, extra));
    }
}

static void lose_sync(struct http *http, struct flow_extra *extra)
{
    if (http->pending_of == extra)
        http->pending_of = NULL;
    drop_front(http, extra, extra->kept_length);
    extra->kept_unsynced = true;
    extra->kept_overlong = false;
    extra->kept_resume = 0;
}

/* Looks for the end of an overlong head in these bytes, which are not kept. */
static void follow_head(struct flow_extra *extra, const uint8_t *bytes, uint32_t length, uint64_t position)
{
    for (uint32_t i = 0; i < length && extra->kept_head_end == UINT64_MAX; i++) {
        if (bytes[i] == '\n') {
            if (extra->kept_line_end == UINT64_MAX)
                extra->kept_line_end = position + i + 1;
            if (extra->kept_line != LINE_BEGUN)
                extra->kept_head_end = position + i + 1;
            extra->kept_line = LINE_EMPTY;
        } else {
            extra->kept_line = bytes[i] == '\r' && extra->kept_line == LINE_EMPTY ? LINE_EMPTY_CR : LINE_BEGUN;
        }
    }
}

static uint32_t chunk_new(struct http *http, const struct flow_extra *for_whom)
{
    if (http->free_chunk == 0 && http->chunks_used == http->options.chunks_max) {
        if (http->keepers.oldest == 0)
            return 0;
        struct flow_extra *victim = flow_extra_at(http->options.flows, http->keepers.oldest - 1);
        if (victim == for_whom)
            return 0;
        http->options.events[EVENT_CONTEXT_EVICTED]++;
        lose_sync(http, victim);
    }
    uint32_t link = http->free_chunk;
    if (link != 0)
        http->free_chunk = http->next_free[link - 1];
    else
        link = ++http->chunks_used;
    return link;
}

/* The kept bytes in one piece: where they lie when they are in one chunk, else copied. */
static const uint8_t *linearize(struct http *http, const struct flow_extra *extra)
{
    if (extra->kept_head + extra->kept_length <= HTTP_KEPT_CHUNK && extra->kept_chunks[0] != 0)
        return http->chunks[extra->kept_chunks[0] - 1].bytes + extra->kept_head;
    uint32_t done = 0, head = extra->kept_head;
    for (unsigned i = 0; i < FLOW_KEPT_CHUNKS && done < extra->kept_length; i++, head = 0) {
        uint32_t here = HTTP_KEPT_CHUNK - head;
        if (here > extra->kept_length - done)
            here = extra->kept_length - done;
        memcpy(http->linear + done, http->chunks[extra->kept_chunks[i] - 1].bytes + head, here);
        done += here;
    }
    return http->linear;
}

static void append(struct http *http, struct flow_extra *extra, const uint8_t *bytes, uint32_t length)
{
    http->cursor.valid = false;
    while (length > 0) {
        uint32_t end = extra->kept_head + extra->kept_length;
        uint32_t slot = end / HTTP_KEPT_CHUNK, used = end % HTTP_KEPT_CHUNK;
        if (slot == FLOW_KEPT_CHUNKS)
            return;
        if (extra->kept_chunks[slot] == 0 && (extra->kept_chunks[slot] = chunk_new(http, extra)) == 0) {
            lose_sync(http, extra);
            http->options.events[EVENT_CONTEXT_EVICTED]++;
            return;
        }
        if (extra->kept_length == 0)
            list_append(&http->keepers, keeper_of(http, extra));
        uint32_t here = HTTP_KEPT_CHUNK - used < length ? HTTP_KEPT_CHUNK - used : length;
        memcpy(http->chunks[extra->kept_chunks[slot] - 1].bytes + used, bytes, here);
        extra->kept_length += here;
        bytes += here;
        length -= here;
    }
}

/* Takes the run at hand in, for somebody who wants to look at all of it. */
static void take_pending_in(struct http *http, const struct flow_extra *of)
{
    if (of == NULL || http->pending_of != of || http->pending_taken_in)
        return;
    http->pending_taken_in = true;
    append(http, http->pending_of, http->pending, http->pending_length);
}

/* The window is full of one request, and where that ends isn't known. `bytes`: what is kept. */
static void give_up_end(struct http *http, struct flow_extra *extra, const uint8_t *bytes)
{
    struct http_place place;
    uint32_t length = extra->kept_length, last = length < 3 ? length : 3;
    if (!http_find_request(bytes, length, length - 1, &place) || place.head_complete) {
        lose_sync(http, extra);
        return;
    }
    extra->kept_overlong = true;
    extra->kept_line = LINE_BEGUN;
    extra->kept_line_end = extra->kept_head_end = UINT64_MAX;
    follow_head(extra, bytes + length - last, last, extra->kept_base + length - last);
    if (bytes[length - 1] != '\n') /* the window's last line goes on */
        extra->kept_line_end = UINT64_MAX;
}

static void shed(struct http *http, struct flow_extra *extra, bool full)
{
    http->cursor.valid = false; /* the bytes it walks may be overwritten */
    uint64_t body_end;
    const uint8_t *bytes = linearize(http, extra);
    int64_t complete = http_complete_requests(bytes, extra->kept_length, &body_end);
    if (complete < 0) {
        lose_sync(http, extra);
        return;
    }
    uint64_t base = extra->kept_base;
    drop_front(http, extra, (uint32_t)complete);
    if (extra->kept_length == 0)
        return;
    /* Its end is known: its body needs not be kept. */
    if (body_end > 0)
        extra->kept_resume = base + body_end;
    else if (full && complete == 0)
        give_up_end(http, extra, bytes);
    extra->kept_shed_at = extra->kept_length * 2 > SHED_FIRST ? extra->kept_length * 2 : SHED_FIRST;
}

/* Bytes that the window still has room for. */
static uint32_t room_of(const struct flow_extra *extra)
{
    return HTTP_KEPT_MAX - extra->kept_head - extra->kept_length;
}

uint32_t http_piece(const struct http *http, const struct flow *flow, unsigned direction, uint64_t position,
                    uint32_t length)
{
    uint64_t most = PIECE_BYTES;
    const struct flow_extra *extra = flow_extra_find(http->options.flows, &flow->directions[direction]);
    if (extra != NULL && position < extra->kept_resume)
        most = extra->kept_resume - position; /* what follows is another request, and takes this one's place */
    else if (extra != NULL && extra->kept_length > 0 && room_of(extra) > 0)
        most = room_of(extra);
    if (most > PIECE_BYTES)
        most = PIECE_BYTES;
    return length < most ? length : (uint32_t)most;
}

void http_keep(struct http *http, struct flow *flow, unsigned direction, const uint8_t *bytes, uint32_t length,
               uint64_t position, bool turn)
{
    struct flow_extra *extra = flow_extra_get(http->options.flows, flow, direction);
    if (extra == NULL)
        return;
    if (extra->kept_overlong) { /* whether the server spoke or not: a head goes on to its end */
        follow_head(extra, bytes, length, position);
        return;
    }
    if (extra->kept_unsynced && !turn)
        return;
    extra->kept_unsynced = false;
    if (position < extra->kept_resume)
        return;
    if (extra->kept_length > 0 && extra->kept_base + extra->kept_length != position)
        drop_front(http, extra, extra->kept_length); /* the body in between, to kept_resume, completed what was kept */
    if (extra->kept_length == 0) {
        extra->kept_base = position;
        extra->kept_shed_at = SHED_FIRST;
        memset(&extra->tracker, 0, sizeof(extra->tracker));
    }
    if (extra->tracker.is_lost) {
        append(http, extra, bytes, length);
        return;
    }
    http->pending = bytes;
    http->pending_length = length;
    http->pending_of = extra;
    http->pending_taken_in = false;
    http->cursor.valid = false;
}

/* Follows requests through the run at hand, and keeps what it has of the last one. */
static void shed_pending(struct http *http, struct flow_extra *extra)
{
    const uint8_t *bytes = http->pending;
    uint32_t length = http->pending_length, end;
    enum http_track track = TRACK_MORE;
    http->pending_of = NULL;
    while (length > 0 && (track = http_track_request(&extra->tracker, bytes, length, &end)) == TRACK_COMPLETE) {
        bool taken_in = http->pending_taken_in;
        if (extra->kept_length > 0)
            drop_front(http, extra, extra->kept_length - (taken_in ? length - end : 0));
        extra->kept_base += taken_in ? 0 : end;
        memset(&extra->tracker, 0, sizeof(extra->tracker));
        bytes += end;
        length -= end;
    }
    extra->tracker.is_lost = track == TRACK_LOST;
    if (!http->pending_taken_in)
        append(http, extra, bytes, length);
}

void http_shed(struct http *http, struct flow *flow, unsigned direction)
{
    struct flow_extra *extra = flow_extra_find(http->options.flows, &flow->directions[direction]);
    if (extra == NULL)
        return;
    if (http->pending_of == extra)
        shed_pending(http, extra);
    if (extra->kept_length == 0)
        return;
    if (extra->kept_overlong) {
        if (extra->kept_head_end != UINT64_MAX)
            lose_sync(http, extra);
        return;
    }
    /* Once a body's end is known nothing is added before it comes. */
    bool full = room_of(extra) == 0 && extra->kept_resume <= extra->kept_base + extra->kept_length;
    if ((extra->kept_length >= extra->kept_shed_at && extra->tracker.is_lost) || full)
        shed(http, extra, full);
}

void http_forget(struct http *http, struct flow *flow, unsigned direction)
{
    struct flow_extra *extra = flow_extra_find(http->options.flows, &flow->directions[direction]);
    if (extra != NULL)
        lose_sync(http, extra);
}

static uint8_t kept_byte(const struct http *http, const struct flow_extra *extra, uint64_t position)
{
    uint32_t at = extra->kept_head + (uint32_t)(position - extra->kept_base);
    return http->chunks[extra->kept_chunks[at / HTTP_KEPT_CHUNK] - 1].bytes[at % HTTP_KEPT_CHUNK];
}

bool http_head_ends(struct http *http, const struct flow *flow, unsigned direction, uint64_t position, uint32_t length)
{
    const struct flow_extra *extra = flow_extra_find(http->options.flows, &flow->directions[direction]);
    take_pending_in(http, extra);
    if (extra == NULL || position < extra->kept_base + 2 || extra->kept_base + extra->kept_length < position + length)
        return true;
    uint8_t before = kept_byte(http, extra, position - 2), last = kept_byte(http, extra, position - 1);
    for (uint64_t at = position; at < position + length; at++) {
        uint8_t byte = kept_byte(http, extra, at);
        if (byte == '\n' && (last == '\n' || (last == '\r' && before == '\n')))
            return true;
        before = last;
        last = byte;
    }
    return false;
}

/* What stands behind the window: the body of the request in it, or the rest of its overlong head. */
static bool place_behind_window(const struct flow_extra *extra, uint64_t position, struct http_place *place)
{
    if (extra->kept_overlong) {
        if (position >= extra->kept_line_end) {
            place->region = HTTP_HEADER;
            place->header_name = (struct http_view){NULL, 0};
        }
        return true;
    }
    place->region = HTTP_BODY;
    return place->body_end_known && place->body_end > position - extra->kept_base;
}

bool http_find_place(struct http *http, struct flow *flow, unsigned direction, uint64_t position,
                     struct http_place *place)
{
    struct flow_extra *extra = flow_extra_find(http->options.flows, &flow->directions[direction]);
    take_pending_in(http, extra);
    if (extra == NULL || extra->kept_length == 0 || position < extra->kept_base)
        return false;
    uint64_t base = extra->kept_base, offset = position - base;
    if (offset >= extra->kept_length && position >= (extra->kept_overlong ? extra->kept_head_end : extra->kept_resume))
        return false;
    uint32_t within = offset < extra->kept_length ? (uint32_t)offset : extra->kept_length - 1;
    if (!http->cursor.valid || http->cursor_of != extra) {
        http->cursor.valid = false;
        http->cursor_of = extra;
        http->cursor_bytes = linearize(http, extra);
    }
    if (!http_cursor_place(&http->cursor, http->cursor_bytes, extra->kept_length, within, place))
        return false;
    if (offset >= extra->kept_length && !place_behind_window(extra, position, place))
        return false;
    place->head_complete = place->head_complete || extra->kept_overlong;
    place->body_end += base;
    return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "captures.h"
#include "span.h"

#include <string.h>

/* Ends a capture whose token is not taken. */
static void capture_drop(struct scan *scan, struct capture *capture)
{
    chunk_give_back(scan->options.chunks, capture->token.chain);
    capture->token.chain = NULL;
    capture->last_chunk = NULL;
    capture->state = CAPTURE_OVER;
}

/* Hands a wanted token on. */
static void capture_take(struct scan *scan, struct capture *capture)
{
    scan->options.handler.take(scan->options.handler.context, &capture->token);
    capture->token.chain = NULL;
    capture->last_chunk = NULL;
    capture->state = CAPTURE_OVER;
}

static struct chunk *take_chunk(struct scan *scan)
{
    struct chunk *chunk = chunk_take(scan->options.chunks);
    /* Once more after it said that none will come: they may have come before it looked. */
    for (bool more_may_come = true; chunk == NULL && more_may_come; chunk = chunk_take(scan->options.chunks))
        more_may_come = scan->options.handler.wait_for_chunks(scan->options.handler.context);
    return chunk;
}

/* Copies text into the chain; false when the token is over for want of room, or too long. */
static bool capture_append(struct scan *scan, struct capture *capture, const uint8_t *bytes, size_t length)
{
    struct scan_token *token = &capture->token;
    size_t most = capture->state == CAPTURE_HEADER ? JOSE_HEADER_TEXT_MAX : TOKEN_MAX;
    size_t wanted = length < most - token->length ? length : most - token->length;
    for (size_t done = 0; done < wanted;) {
        if (capture->last_chunk == NULL || capture->last_chunk->length == CHUNK_DATA_MAX) {
            struct chunk *chunk = take_chunk(scan);
            if (chunk == NULL) {
                scan->options.counters->events[EVENT_CHUNKS_EXHAUSTED]++;
                return false;
            }
            if (capture->last_chunk != NULL)
                capture->last_chunk->next = chunk;
            else
                token->chain = chunk;
            capture->last_chunk = chunk;
        }
        size_t room = CHUNK_DATA_MAX - capture->last_chunk->length;
        size_t here = wanted - done < room ? wanted - done : room;
        memcpy(capture->last_chunk->data + capture->last_chunk->length, bytes + done, here);
        capture->last_chunk->length += (uint32_t)here;
        token->length += (uint32_t)here;
        done += here;
    }
    if (wanted == length)
        return true;
    scan->options.counters->events[capture->state == CAPTURE_HEADER ? EVENT_HEADER_TOO_LONG : EVENT_TOKEN_TOO_LONG]++;
    return false;
}

/* The token cannot go on: what is wanted of it leaves truncated. */
static void capture_break(struct scan *scan, struct capture *capture)
{
    if (capture->state != CAPTURE_REST) {
        capture_drop(scan, capture);
        return;
    }
    capture->token.truncated = true;
    capture_take(scan, capture);
}

/* The first part ended without a dot, or was no JOSE header. True when the capture goes on. */
static bool capture_is_opaque(struct scan *scan, struct capture *capture, bool has_text)
{
    if (!capture->token.announced || !has_text) {
        scan->options.counters->events[EVENT_NOT_A_TOKEN]++;
        return false;
    }
    place_token(scan, capture);
    capture->token.opaque = true;
    return scan->options.handler.judge_opaque(scan->options.handler.context, &capture->token);
}

/* The token's last byte was seen. `direct`: its text where nothing was copied yet. */
static void capture_finish(struct scan *scan, struct capture *capture, const uint8_t *direct, size_t length)
{
    if (capture->state == CAPTURE_HEADER) {
        if (!capture_is_opaque(scan, capture, length > 0 || capture->token.length > 0)) {
            capture_drop(scan, capture);
            return;
        }
        if (direct != NULL)
            capture->token.truncated = !capture_append(scan, capture, direct, length);
    }
    capture_take(scan, capture);
}

/* The header's text in one piece. */
static const uint8_t *header_text(struct scan *scan, const struct capture *capture)
{
    if (capture->token.chain->next == NULL)
        return capture->token.chain->data;
    size_t done = 0;
    for (const struct chunk *chunk = capture->token.chain; chunk != NULL; chunk = chunk->next) {
        memcpy(scan->text + done, chunk->data, chunk->length);
        done += chunk->length;
    }
    return scan->text;
}

/* The dot behind the first part. `direct` as in capture_finish. True when the capture goes on. */
static bool capture_judge(struct scan *scan, struct capture *capture, const uint8_t *direct, size_t length)
{
    if (direct == NULL) {
        length = capture->token.length;
        direct = length > 0 ? header_text(scan, capture) : (const uint8_t *)"";
    }
    bool copied = capture->token.length > 0;
    if (length > 0)
        place_token(scan, capture);
    enum scan_judgement judgement =
        length == 0 ? SCAN_NO_TOKEN
                    : scan->options.handler.judge(scan->options.handler.context, &capture->token, direct, length);
    bool wanted = judgement == SCAN_WANT;
    if (judgement == SCAN_NO_TOKEN) {
        wanted = capture_is_opaque(scan, capture, true);
    } else {
        scan->payload_position = capture->at + 1;
        scan->judged_from = capture->token.position;
        scan->judged_to = capture->at;
    }
    if (!wanted) {
        capture_drop(scan, capture);
        return false;
    }
    if (!copied && !capture_append(scan, capture, direct, length)) {
        capture_drop(scan, capture);
        return false;
    }
    capture->state = CAPTURE_REST;
    capture->strayed = false;
    capture->dots = 1;
    return true;
}

/*
 * May this byte end a bare token? Before a JWS is whole, what stands in no compact token may be the other alphabet of a
 * lenient sender, or the slash of a next message's version (leave_next_message); behind it, it is what follows
 * (`/verify/TOKEN/confirm`, `?t=TOKEN+and`). Padding belongs to it.
 */
static bool may_end_bare_token(struct capture *capture, uint8_t byte)
{
    if (byte == '.' && capture->dots < 2)
        capture->dots++;
    return byte == '/' || (capture->dots == 2 && byte != '=' && (ends_token[byte] & NOT_OF_A_TOKEN) != 0);
}

/* The bytes that an escape stood for, one by one. */
static void capture_take_decoded(struct scan *scan, struct capture *capture, unsigned count)
{
    capture->escape_length = 0;
    for (unsigned i = 0; i < count && capture->state != CAPTURE_OVER; i++) {
        uint8_t byte = capture->escape[i];
        if (capture->syntax == SYNTAX_BARE && (ends_token[byte] & (1u << SYNTAX_BARE)) != 0) {
            capture_finish(scan, capture, NULL, 0);
            return;
        }
        if (byte == '.' && capture->state == CAPTURE_HEADER) {
            if (!capture_judge(scan, capture, NULL, 0))
                return;
        } else if (capture->syntax == SYNTAX_BARE && capture->state == CAPTURE_REST &&
                   may_end_bare_token(capture, byte) && capture->dots == 2) {
            capture_finish(scan, capture, NULL, 0);
            return;
        }
        capture->strayed = capture->strayed || (ends_token[byte] & NOT_OF_A_TOKEN) != 0;
        if (!capture_append(scan, capture, &byte, 1))
            capture_break(scan, capture);
    }
}

/*
 * A token that ends a message's body without a delimiter runs into the next message, up to the slash of `HTTP/1.1`
 * (RFC 9112 section 4): these letters are not its own. The text tells that, and not the framing, so that it is the same
 * for any cut of the stream and whatever Content-Length a peer makes up. Of requests the kept bytes tell the body's end
 * before that: capture->limit. Returns whether it was so.
 */
static bool leave_next_message(struct scan *scan, struct capture *capture)
{
    static const uint8_t protocol[] = {'H', 'T', 'T', 'P'};
    struct scan_token *token = &capture->token;
    uint32_t left = sizeof(protocol);
    struct chunk *before = token->chain, *last = capture->last_chunk;
    while (before->next != NULL && before->next != last)
        before = before->next;
    for (uint32_t back = 1; back <= sizeof(protocol); back++) {
        const struct chunk *chunk = back <= last->length ? last : before;
        uint32_t from_end = back <= last->length ? back : back - last->length;
        if (chunk->length < from_end || chunk->data[chunk->length - from_end] != protocol[sizeof(protocol) - back])
            return false;
    }
    token->length -= left;
    if (last->length <= left && before != last) {
        left -= last->length;
        before->next = NULL;
        capture->last_chunk = before;
        chunk_give_back(scan->options.chunks, last);
        last = before;
    }
    last->length -= left;
    memset(last->data + last->length, 0, left); /* a chunk in the pool is zero */
    return true;
}

/* The token itself, from capture->at up to `to`. */
static void feed_token(struct scan *scan, struct capture *capture, uint64_t to)
{
    uint8_t ends = (uint8_t)(1u << capture->syntax);
    if (to > capture->limit)
        to = capture->limit;
    while (capture->at < to && capture->state != CAPTURE_OVER) {
        const uint8_t *from = scan->bytes + (capture->at - scan->begin), *end = from + (to - capture->at), *at = from;
        uint8_t seen = 0;
        bool stopped = false;
        if (capture->escape_length > 0 && !capture_escape_goes_on(capture, *from)) {
            /* Broken, it stands for itself; this byte is none of it, and may well end the token. */
            capture_take_decoded(scan, capture, capture->escape_length);
            continue;
        }
        if (capture->escape_length > 0) {
            unsigned decoded = capture_escape_add(capture, *from);
            if (decoded > 0)
                capture_take_decoded(scan, capture, decoded);
            capture->at++;
            if (to > capture->limit) /* it may have been the dot */
                to = capture->limit;
            continue;
        }
        for (;; seen |= ends_token[*at++]) {
            at += span_of_base64url(at, end);
            if (at == end || (ends_token[*at] & ends) != 0 || capture_is_escape(capture, *at) ||
                (capture->state == CAPTURE_HEADER && *at == '.'))
                break;
            stopped =
                capture->state != CAPTURE_HEADER && capture->syntax == SYNTAX_BARE && may_end_bare_token(capture, *at);
            if (stopped)
                break;
        }
        capture->strayed = capture->strayed || (seen & NOT_OF_A_TOKEN) != 0;
        size_t length = (size_t)(at - from);
        capture->at += length;
        bool last = at < end && !capture_is_escape(capture, *at);
        /* Where the whole header lies in the packet it is judged there. */
        bool direct = last && capture->state == CAPTURE_HEADER && capture->token.length == 0;
        if (!direct && length > 0 && !capture_append(scan, capture, from, length)) {
            capture_break(scan, capture);
            return;
        }
        if (at == end)
            break;
        if (capture_is_escape(capture, *at)) {
            capture_escape_add(capture, *at);
            capture->at++;
        } else if (stopped) {
            if ((*at == '/' && leave_next_message(scan, capture)) || capture->dots == 2)
                capture_finish(scan, capture, NULL, 0);
            else if (!capture_append(scan, capture, at, 1))
                capture_break(scan, capture);
            else
                capture->strayed = true;
            capture->at += capture->state != CAPTURE_OVER;
        } else if ((ends_token[*at] & ends) != 0) {
            capture_finish(scan, capture, direct ? from : NULL, direct ? length : 0);
        } else { /* the dot */
            if (!capture_judge(scan, capture, direct ? from : NULL, direct ? length : 0))
                return;
            if (!capture_append(scan, capture, at, 1))
                capture_break(scan, capture);
            capture->at++;
            if (to > capture->limit) /* the judgement looked at the request */
                to = capture->limit;
        }
    }
    if (capture->state == CAPTURE_OVER || capture->at < capture->limit)
        return;
    if (capture->escape_length > 0)
        capture_take_decoded(scan, capture, capture->escape_length);
    if (capture->state != CAPTURE_OVER)
        capture_finish(scan, capture, NULL, 0);
}

/* What stands before a token. */

static void begin_token(struct capture *capture)
{
    capture->state = CAPTURE_HEADER;
    capture->token.position = capture->at;
}

static void end_scheme(struct scan *scan, struct capture *capture)
{
    for (unsigned i = 0; i < token_schemes_count; i++)
        if (strlen(token_schemes[i]) == capture->scheme_length &&
            memcmp(token_schemes[i], capture->scheme, capture->scheme_length) == 0) {
            capture->state = CAPTURE_BEFORE_TOKEN;
            return;
        }
    scan->options.counters->events[EVENT_OTHER_SCHEME]++;
    capture->state = CAPTURE_OVER;
}

/* White space of credentials, obsolete folds (RFC 9112 section 5.2) too. True: the byte was white space, or ended it.
 */
static bool feed_space(struct scan *scan, struct capture *capture, uint8_t byte)
{
    if (byte == ' ' || byte == '\t') {
        capture->line_ended = false;
        return true;
    }
    if (byte == '\n' && !capture->line_ended) {
        capture->line_ended = true;
        return true;
    }
    if (byte == '\r' && !capture->line_ended)
        return true;
    if (capture->line_ended) { /* another line: nothing was announced after all */
        scan->options.counters->events[EVENT_NOT_A_TOKEN]++;
        capture->state = CAPTURE_OVER;
        return true;
    }
    return false;
}

/* One byte before the token. */
static void feed_before(struct scan *scan, struct capture *capture, uint8_t byte)
{
    bool space = byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
    switch (capture->state) {
    case CAPTURE_BEFORE_SCHEME:
        if (feed_space(scan, capture, byte))
            return;
        capture->state = CAPTURE_SCHEME;
        capture->scheme[capture->scheme_length++] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
        return;
    case CAPTURE_SCHEME:
        if (space) {
            end_scheme(scan, capture);
            if (capture->state == CAPTURE_BEFORE_TOKEN)
                feed_space(scan, capture, byte);
        } else if (capture->scheme_length == SCHEME_MAX) {
            scan->options.counters->events[EVENT_OTHER_SCHEME]++;
            capture->state = CAPTURE_OVER;
        } else {
            capture->scheme[capture->scheme_length++] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
        }
        return;
    case CAPTURE_BEFORE_TOKEN:
        if (byte != '"' && feed_space(scan, capture, byte))
            return;
        if (byte == '"' && !capture->line_ended)
            return; /* some clients quote it */
        begin_token(capture);
        return;
    case CAPTURE_COLON:
        if (byte == ':')
            capture->state = CAPTURE_QUOTE;
        else if (!space)
            capture->state = CAPTURE_OVER;
        return;
    case CAPTURE_QUOTE:
        if (byte == '"') {
            capture->at++;
            begin_token(capture);
            capture->at--;
        } else if (!space) {
            capture->state = CAPTURE_OVER;
        }
        return;
    default:
        return;
    }
}

/* ` Bearer ` and then a token's first byte, as nearly all write it, is gone over at once. */
static void feed_usual_scheme(const struct scan *scan, struct capture *capture, uint64_t to)
{
    static const char usual[] = " bearer ";
    enum { USUAL = sizeof(usual) - 1 };
    const uint8_t *bytes = scan->bytes + (capture->at - scan->begin);
    uint64_t seen, wanted;
    if (capture->line_ended || to - capture->at <= USUAL)
        return;
    memcpy(&seen, bytes, USUAL);
    memcpy(&wanted, usual, USUAL);
    if ((seen | 0x0020202020202000u) != wanted || bytes[USUAL] <= ' ' || bytes[USUAL] == '"')
        return;
    capture->at += USUAL;
    begin_token(capture);
}

static void capture_feed(struct scan *scan, struct capture *capture, uint64_t to)
{
    capture->token.time_ns = scan->run->time_ns;
    if (capture->state == CAPTURE_BEFORE_SCHEME && capture->at < to)
        feed_usual_scheme(scan, capture, to);
    while (capture->at < to && capture->state < CAPTURE_HEADER) {
        enum capture_state before = capture->state;
        feed_before(scan, capture, scan->bytes[capture->at - scan->begin]);
        /* The byte behind the white space is the token's first, and is fed to it. */
        if (before != CAPTURE_BEFORE_TOKEN || capture->state != CAPTURE_HEADER)
            capture->at++;
    }
    if (capture->state == CAPTURE_HEADER || capture->state == CAPTURE_REST)
        feed_token(scan, capture, to);
}

/* Is it a prefix inside the header of a token, such as that of an embedded jwk? Then that token is all there is. */
static bool capture_is_within_header(const struct scan *scan, const struct capture *capture)
{
    return capture->state == CAPTURE_HEADER && capture->nested && capture->token.position > scan->judged_from &&
           capture->token.position < scan->judged_to;
}

void captures_feed(struct scan *scan, uint64_t to)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < scan->captures_count; i++) {
        if (capture_is_within_header(scan, &scan->captures[i]))
            capture_drop(scan, &scan->captures[i]);
        else
            capture_feed(scan, &scan->captures[i], to);
        if (scan->captures[i].state == CAPTURE_OVER)
            continue;
        if (kept != i)
            scan->captures[kept] = scan->captures[i];
        kept++;
    }
    scan->captures_count = kept;
    scan->plain_to = to > scan->plain_to ? to : scan->plain_to;
}

bool captures_may_wait(struct scan *scan, uint64_t to)
{
    for (unsigned i = 0; i < scan->captures_count; i++) {
        const struct capture *capture = &scan->captures[i];
        uint64_t most = capture->state == CAPTURE_HEADER ? JOSE_HEADER_TEXT_MAX : TOKEN_MAX;
        uint64_t behind = to > capture->at ? to - capture->at : 0;
        if (capture->state < CAPTURE_HEADER || capture->escape_length > 0 || capture->limit <= to ||
            capture->token.length + behind >= most)
            return false;
    }
    if (to <= scan->plain_to)
        return true;
    const uint8_t *from = scan->bytes + (scan->plain_to - scan->begin);
    if (scan->captures_count > 0 && span_of_base64url(from, from + (to - scan->plain_to)) < to - scan->plain_to)
        return false;
    scan->plain_to = to;
    return true;
}

void capture_cut(struct scan *scan, struct capture *capture, uint64_t time_ns)
{
    if (capture->state == CAPTURE_HEADER)
        scan->options.counters->events[EVENT_HEADER_CUT]++;
    else if (capture->state < CAPTURE_HEADER)
        scan->options.counters->events[EVENT_CAPTURE_CUT]++;
    if (capture->token.time_ns == 0)
        capture->token.time_ns = time_ns;
    capture_break(scan, capture);
}

void captures_cut(struct scan *scan, uint64_t time_ns)
{
    for (unsigned i = 0; i < scan->captures_count; i++)
        capture_cut(scan, &scan->captures[i], time_ns);
    scan->captures_count = 0;
}

int scan_byte_at(const struct scan *scan, uint64_t position)
{
    const struct stream_run *run = scan->run;
    if (position >= run->position)
        return run->bytes[position - run->position];
    const struct flow_direction *of = &run->flow->directions[run->direction];
    uint64_t back = run->position - position;
    if (back == PREFIX_MAX)
        return (of->flags & DIRECTION_AFTER_QUOTE) != 0 ? '"' : -1;
    return back < PREFIX_MAX ? of->last[PREFIX_MAX - 1 - back] : -1;
}

/* The bytes of a prefix that lie before the piece at hand. False when they can't be had. */
static bool feed_prefix(struct scan *scan, struct capture *capture)
{
    for (; capture->at < scan->begin; capture->at++) {
        int at_hand = scan_byte_at(scan, capture->at);
        uint8_t byte = (uint8_t)at_hand;
        if (at_hand < 0 || !capture_append(scan, capture, &byte, 1))
            return false;
    }
    return true;
}

/*
 * Which capture gives way to another: one that nothing announced and that can hardly be a header any more, then the
 * newest that may only be part of another's header, then any that nothing announced, one that has no token yet, the
 * oldest. For a prefix the oldest stays as long as it can: of announcements one in another either the first token or
 * the newest is the real one, not what lies in between.
 */
static unsigned choose_victim(const struct scan *scan, bool announced)
{
    const struct capture *captures = scan->captures;
    unsigned count = scan->captures_count, first = announced ? 0 : 1;
    for (unsigned i = 0; i < count; i++)
        if (!captures[i].token.announced && captures[i].state == CAPTURE_HEADER && captures[i].strayed)
            return i;
    for (unsigned i = count; i-- > 0;)
        if (captures[i].nested && captures[i].state == CAPTURE_HEADER)
            return i;
    for (unsigned i = first; i < count; i++)
        if (!captures[i].token.announced && captures[i].state != CAPTURE_REST)
            return i;
    for (unsigned i = first; i < count; i++)
        if (captures[i].state != CAPTURE_REST)
            return i;
    return 0;
}

static void make_room(struct scan *scan, bool announced)
{
    if (scan->captures_count < FLOW_CAPTURES_MAX)
        return;
    scan->options.counters->events[EVENT_CAPTURES_FULL]++;
    unsigned victim = choose_victim(scan, announced);
    capture_break(scan, &scan->captures[victim]);
    memmove(&scan->captures[victim], &scan->captures[victim + 1],
            (scan->captures_count - victim - 1) * sizeof(struct capture));
    scan->captures_count--;
}

/* Does a prefix that is found now begin within what may be a header? */
static bool within_a_header(const struct scan *scan)
{
    for (unsigned i = 0; i < scan->captures_count; i++)
        if (scan->captures[i].state == CAPTURE_HEADER && !scan->captures[i].strayed)
            return true;
    return false;
}

void capture_begin(struct scan *scan, const struct pattern_row *row, uint64_t at)
{
    static const enum capture_state first[SYNTAXES] = {CAPTURE_BEFORE_SCHEME, CAPTURE_HEADER, CAPTURE_COLON,
                                                       CAPTURE_HEADER};
    bool announced = row->syntax != SYNTAX_BARE, nested = !announced && within_a_header(scan);
    make_room(scan, announced);
    scan->options.counters->events[EVENT_CAPTURES]++;
    const struct flow_direction *of = &scan->run->flow->directions[scan->run->direction];
    struct capture *capture = &scan->captures[scan->captures_count++];
    *capture = (struct capture){
        .state = (uint8_t)first[row->syntax],
        .syntax = (uint8_t)row->syntax,
        .at = at,
        .limit = UINT64_MAX,
        .placed = row->placed,
        .nested = nested,
        .token = {.flow = scan->run->flow,
                  .direction = scan->run->direction,
                  .from_server = (of->flags & DIRECTION_SCAN_SERVER) != 0,
                  .announced = announced,
                  .placement = row->placement,
                  .position = at - row->prefix_length,
                  .time_ns = scan->run->time_ns},
    };
    capture->at = capture->token.position;
    if (!feed_prefix(scan, capture)) {
        capture_drop(scan, capture);
        scan->captures_count--;
        return;
    }
    /* A parameter may be over before anything is judged; and what stands before a server's token is not kept. */
    if (row->syntax == SYNTAX_PARAMETER || capture->token.from_server)
        place_token(scan, capture);
}

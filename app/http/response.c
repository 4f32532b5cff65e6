/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A response's lines are read as a lenient receiver would (a line ends at its LF), but their framing as a strict one
 * would: a field that two receivers could read in two ways (RFC 9112 section 6.3, RFC 9110 section 8.6) ends the
 * following. A line that lies in one run is read where it lies; of one that is cut, the beginning is kept.
 */
#include <bearertap/response.h>

#include <emmintrin.h>
#include <string.h>

/* White space in front of a response, as some servers leave it behind a body, hides none from BODY_BEGINS. */
#define SPACE_MAX 16

/* A number of more digits is no length of anything (and one of these cannot overflow). */
#define LENGTH_DIGITS_MAX 18
#define CHUNK_DIGITS_MAX  15

struct line {
    const uint8_t *bytes;
    uint32_t length; /* without its end */
    bool cut;        /* it is longer than what would be kept of it */
};

void response_begin(struct response_frame *frame, unsigned direction)
{
    frame->state = RESPONSE_STATUS_LINE;
    frame->direction = (uint8_t)direction;
    frame->whole = true;
}

void response_lose(struct response_frame *frame)
{
    frame->state = RESPONSE_LOST;
}

void response_skip_gap(struct response_frame *frame, uint64_t position, bool counted)
{
    bool in_body = frame->state == RESPONSE_BODY || frame->state == RESPONSE_CHUNK_DATA;
    if (!in_body || !counted || position <= frame->next || position > frame->body_end)
        response_lose(frame);
    frame->next = position;
}

void response_note_client(struct response_frame *frame, const uint8_t *bytes, uint32_t length, uint64_t position,
                          bool after_gap)
{
    static const char method[] = "CONNECT ";
    const uint32_t whole = sizeof(method) - 1;
    frame->client_has_gap = frame->client_has_gap || after_gap;
    /* The connection's first request is recognized however it is cut. */
    uint32_t matched = position == frame->tunnel_matched ? frame->tunnel_matched : 0;
    uint32_t left = whole - matched, taken = left < length ? left : length;
    if (memcmp(bytes, method + matched, taken) != 0)
        return;
    if (taken == left)
        response_lose(frame);
    else if (position == frame->tunnel_matched)
        frame->tunnel_matched = (uint8_t)(matched + taken);
}

/* Lines. */

/* How far the next LF is, or `length`. Lines are short: a call of memchr for each took a quarter of a head's time. */
static inline uint32_t find_line_end(const uint8_t *bytes, uint32_t length)
{
    const __m128i line_feeds = _mm_set1_epi8('\n');
    uint32_t at = 0;
    for (; length - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(bytes + at));
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(block, line_feeds));
        if (found != 0)
            return at + (unsigned)__builtin_ctz(found);
    }
    while (at < length && bytes[at] != '\n')
        at++;
    return at;
}

/* Takes bytes up to a line's end; true when that is among them, and `line` is then whole, or as much as is kept. */
static inline bool take_line(struct response_frame *frame, const uint8_t *bytes, uint32_t length, uint32_t *taken,
                             struct line *line)
{
    uint32_t more = find_line_end(bytes, length);
    bool ended = more < length;
    *taken = more + ended;
    if (ended && frame->line_length == 0) {
        /* As if it were cut: what is read must not hang on where runs end. */
        *line = (struct line){bytes, more, more > RESPONSE_LINE_MAX};
    } else {
        uint32_t room = RESPONSE_LINE_MAX - frame->line_length;
        frame->line_cut = frame->line_cut || more > room;
        more = more > room ? room : more;
        memcpy(frame->line + frame->line_length, bytes, more);
        frame->line_length = (uint8_t)(frame->line_length + more);
        if (!ended)
            return false;
        *line = (struct line){frame->line, frame->line_length, frame->line_cut};
        frame->line_length = 0;
        frame->line_cut = false;
    }
    if (!line->cut && line->length > 0 && line->bytes[line->length - 1] == '\r')
        line->length--;
    return true;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(uint8_t c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Eight bytes in small letters; a hyphen stays one. */
static inline uint64_t small_letters(const void *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word | 0x2020202020202020;
}

/* Is it this word, of small letters and at most one hyphen, in any case? In eights, since byte by byte this took a
 * fifth of a head's time. */
static inline bool equals(const uint8_t *bytes, uint32_t length, const char *word, uint32_t word_length)
{
    if (length != word_length)
        return false;
    const char *hyphen = strchr(word, '-');
    if (hyphen != NULL && bytes[hyphen - word] != '-') /* a CR would pass for one */
        return false;
    if (word_length < 8) {
        for (uint32_t i = 0; i < word_length; i++)
            if ((bytes[i] | 0x20) != word[i])
                return false;
        return true;
    }
    for (uint32_t i = 0; i + 8 < word_length; i += 8)
        if (small_letters(bytes + i) != small_letters(word + i))
            return false;
    return small_letters(bytes + word_length - 8) == small_letters(word + word_length - 8);
}

#define EQUALS(bytes, length, word) equals(bytes, length, word, sizeof(word) - 1)

/* Can these bytes be the beginning of a status line? */
static bool begins_response(const uint8_t *bytes, uint32_t length)
{
    static const char version[] = "HTTP/1.";
    const uint32_t whole = sizeof(version) - 1;
    return memcmp(bytes, version, length < whole ? length : whole) == 0;
}

/* RFC 9112 section 4: HTTP/1.1 200 OK. */
static bool read_status_line(struct response_frame *frame, const struct line *line)
{
    enum { STATUS_AT = 9, LEAST = STATUS_AT + 3 };
    const uint8_t *bytes = line->bytes;
    if (line->length < LEAST || !begins_response(bytes, line->length) || !is_digit(bytes[7]) || bytes[8] != ' ')
        return false;
    frame->status = 0;
    for (unsigned i = STATUS_AT; i < LEAST; i++) {
        if (!is_digit(bytes[i]))
            return false;
        frame->status = (uint16_t)(frame->status * 10 + bytes[i] - '0');
    }
    if ((line->length > LEAST && bytes[LEAST] != ' ') || frame->status < 100)
        return false;
    frame->old = frame->closes = bytes[7] == '0';
    frame->content_length = 0;
    frame->length_known = frame->chunked = frame->of_framing = frame->bad = false;
    return true;
}

static void read_content_length(struct response_frame *frame, const uint8_t *value, uint32_t length)
{
    uint64_t number = 0;
    for (uint32_t i = 0; i < length && length <= LENGTH_DIGITS_MAX; i++) {
        frame->bad = frame->bad || !is_digit(value[i]);
        number = number * 10 + (uint64_t)(value[i] - '0');
    }
    frame->bad = frame->bad || length == 0 || length > LENGTH_DIGITS_MAX ||
                 (frame->length_known && number != frame->content_length);
    frame->length_known = true;
    frame->content_length = number;
}

/* May the line be one of the three fields that are read? Most aren't, and eight bytes tell. */
static inline bool may_be_read(const struct line *line)
{
    if (line->length < 8)
        return false;
    uint64_t name = small_letters(line->bytes);
    return name == small_letters("content-") || name == small_letters("transfer") || name == small_letters("connecti");
}

/* RFC 9112 section 5. */
static inline void read_field(struct response_frame *frame, const struct line *line)
{
    const uint8_t *bytes = line->bytes, *end = bytes + line->length;
    if (is_space(bytes[0])) { /* receivers differ in what they make of a fold */
        frame->bad = frame->bad || frame->of_framing;
        return;
    }
    frame->of_framing = false;
    if (!may_be_read(line))
        return;
    const uint8_t *colon = memchr(bytes, ':', line->length);
    if (colon == NULL)
        return;
    const uint8_t *name_end = colon, *value = colon + 1;
    while (name_end > bytes && is_space(name_end[-1]))
        name_end--;
    while (value < end && is_space(*value))
        value++;
    while (end > value && is_space(end[-1]))
        end--;
    uint32_t name_length = (uint32_t)(name_end - bytes), length = (uint32_t)(end - value);
    bool is_length = EQUALS(bytes, name_length, "content-length");
    frame->of_framing = is_length || EQUALS(bytes, name_length, "transfer-encoding");
    if (frame->of_framing && (line->cut || name_end < colon)) {
        frame->bad = true;
    } else if (is_length) {
        read_content_length(frame, value, length);
    } else if (frame->of_framing) { /* of several codings the last need not be this one: not understood */
        frame->bad = frame->bad || frame->chunked || !EQUALS(value, length, "chunked");
        frame->chunked = true;
    } else if (!line->cut && EQUALS(bytes, name_length, "connection") && EQUALS(value, length, "close")) {
        frame->closes = true;
    }
}

/* RFC 9112 section 6.3, where it is beyond doubt; `frame->next` is behind the empty line. */
static enum response_state state_behind_head(struct response_frame *frame, uint64_t depth)
{
    frame->scan_until = depth < UINT64_MAX - frame->next ? frame->next + depth : UINT64_MAX;
    if (frame->bad || frame->status == 101 || (frame->chunked && (frame->length_known || frame->old)))
        return RESPONSE_LOST;
    if (frame->status < 200 || frame->status == 204 || frame->status == 304)
        return frame->chunked ? RESPONSE_LOST : RESPONSE_STATUS_LINE;
    if (frame->chunked)
        return RESPONSE_CHUNK_SIZE;
    if (frame->length_known) {
        frame->body_end = frame->next + frame->content_length;
        return frame->content_length > 0 ? RESPONSE_BODY_BEGINS : RESPONSE_STATUS_LINE;
    }
    /* To the connection's end, if that is what it says: a tunnel's opening has no length either. */
    frame->body_end = UINT64_MAX;
    return frame->closes && !frame->client_has_gap ? RESPONSE_BODY_BEGINS : RESPONSE_LOST;
}

/* RFC 9112 section 7.1: hexadecimal digits, and perhaps an extension. */
static bool read_chunk_size(const struct line *line, uint64_t *size)
{
    uint32_t digits = 0;
    *size = 0;
    for (; digits < line->length && hex_value(line->bytes[digits]) >= 0; digits++) {
        if (digits == CHUNK_DIGITS_MAX)
            return false;
        *size = *size << 4 | (uint64_t)hex_value(line->bytes[digits]);
    }
    uint8_t behind = digits < line->length ? line->bytes[digits] : ';';
    return digits > 0 && (behind == ';' || is_space(behind));
}

/* Steps: each takes some of the bytes (none: a state that follows takes them), and tells whether they are a body's. */

static uint32_t step_status_line(struct response_frame *frame, const uint8_t *bytes, uint32_t length)
{
    struct line line;
    uint32_t taken;
    bool ended = take_line(frame, bytes, length, &taken, &line);
    if (ended ? read_status_line(frame, &line) : begins_response(frame->line, frame->line_length))
        frame->state = ended ? RESPONSE_FIELDS : RESPONSE_STATUS_LINE;
    else
        response_lose(frame);
    return taken;
}

static uint32_t step_fields(struct response_frame *frame, const uint8_t *bytes, uint32_t length, uint64_t depth)
{
    struct line line;
    uint32_t taken = 0, all = 0;
    while (all < length && take_line(frame, bytes + all, length - all, &taken, &line)) {
        all += taken;
        if (line.length == 0) {
            frame->next += all;
            frame->state = (uint8_t)state_behind_head(frame, depth);
            frame->next -= all; /* the caller counts */
            return all;
        }
        read_field(frame, &line);
    }
    return length;
}

/*
 * The answer to HEAD has the fields of that to GET and no body (RFC 9112 section 6.3): what follows is another response
 * then, if anything. What looks like one is taken for nothing else, and scanned. Within the bytes promised, that is:
 * behind them a response begins either way.
 */
static uint32_t step_body_begins(struct response_frame *frame, const uint8_t *bytes, uint32_t length, bool *is_body)
{
    static const char version[] = "HTTP/";
    uint64_t promised = frame->body_end - frame->next;
    uint32_t most = promised < length ? (uint32_t)promised : length, seen = frame->line_length;
    uint32_t matched = seen > 0 ? frame->version_matched : 0;
    for (uint32_t i = 0; i < most; i++, seen++) {
        uint8_t byte = bytes[i];
        if (matched == 0 && seen < SPACE_MAX && (is_space(byte) || byte == '\r' || byte == '\n'))
            continue;
        if (byte != (uint8_t)version[matched]) {
            frame->line_length = 0;
            frame->state = RESPONSE_BODY;
            return 0;
        }
        if (version[++matched] == '\0') {
            frame->line_length = 0;
            response_lose(frame);
            return 0;
        }
    }
    frame->line_length = most == promised ? 0 : (uint8_t)seen;
    frame->version_matched = (uint8_t)matched;
    if (most == promised)
        frame->state = RESPONSE_STATUS_LINE;
    *is_body = false;
    return most;
}

static uint32_t step_body(struct response_frame *frame, uint32_t length, enum response_state then)
{
    uint64_t left = frame->body_end - frame->next;
    if (left > length)
        return length;
    frame->state = (uint8_t)then;
    return (uint32_t)left;
}

static uint32_t step_chunk_size(struct response_frame *frame, const uint8_t *bytes, uint32_t length)
{
    struct line line;
    uint32_t taken = 0;
    uint64_t size = 0;
    bool begins = frame->line_length == 0;
    if ((begins && hex_value(bytes[0]) < 0) ||
        (take_line(frame, bytes, length, &taken, &line) && !read_chunk_size(&line, &size))) {
        response_lose(frame);
        return begins ? 0 : taken;
    }
    if (frame->line_length > 0)
        return taken; /* it goes on */
    frame->body_end = frame->next + taken + size;
    frame->state = size > 0 ? RESPONSE_CHUNK_DATA : RESPONSE_FIRST_TRAILER;
    return taken;
}

static uint32_t step_chunk_end(struct response_frame *frame, const uint8_t *bytes)
{
    if (bytes[0] == '\n') {
        frame->line_length = 0;
        frame->state = RESPONSE_CHUNK_SIZE;
        return 1;
    }
    if (bytes[0] == '\r' && frame->line_length == 0) {
        frame->line_length = 1;
        return 1;
    }
    response_lose(frame);
    return 0;
}

/* An empty line at once is the rest of the framing, and no trailer. */
static uint32_t step_first_trailer(struct response_frame *frame, const uint8_t *bytes)
{
    if (bytes[0] == '\n') {
        frame->line_length = 0;
        frame->state = RESPONSE_STATUS_LINE;
        return 1;
    }
    if (bytes[0] == '\r' && frame->line_length == 0) {
        frame->line[frame->line_length++] = '\r';
        return 1;
    }
    frame->state = RESPONSE_TRAILERS;
    return 0;
}

static uint32_t step_trailers(struct response_frame *frame, const uint8_t *bytes, uint32_t length)
{
    struct line line;
    uint32_t taken;
    if (take_line(frame, bytes, length, &taken, &line) && line.length == 0)
        frame->state = RESPONSE_STATUS_LINE;
    return taken;
}

static void step(struct response_walk *walk)
{
    struct response_frame *frame = walk->frame;
    const uint8_t *bytes = walk->bytes + walk->at;
    uint32_t length = walk->length - walk->at, taken = length;
    bool is_body = true;
    switch ((enum response_state)frame->state) {
    case RESPONSE_STATUS_LINE:
        taken = step_status_line(frame, bytes, length);
        is_body = false;
        break;
    case RESPONSE_FIELDS:
        taken = step_fields(frame, bytes, length, walk->depth);
        is_body = false;
        break;
    case RESPONSE_BODY_BEGINS:
        taken = step_body_begins(frame, bytes, length, &is_body);
        break;
    case RESPONSE_BODY:
        taken = step_body(frame, length, RESPONSE_STATUS_LINE);
        break;
    case RESPONSE_CHUNK_SIZE:
        taken = step_chunk_size(frame, bytes, length);
        break;
    case RESPONSE_CHUNK_DATA:
        taken = step_body(frame, length, RESPONSE_CHUNK_END);
        break;
    case RESPONSE_CHUNK_END:
        taken = step_chunk_end(frame, bytes);
        break;
    case RESPONSE_FIRST_TRAILER:
        taken = step_first_trailer(frame, bytes);
        break;
    case RESPONSE_TRAILERS:
        taken = step_trailers(frame, bytes, length);
        is_body = false;
        break;
    case RESPONSE_UNBEGUN:
    case RESPONSE_LOST:
        is_body = false;
        break;
    }
    frame->next += taken;
    walk->at += taken;
    walk->step_left = taken;
    walk->step_is_body = is_body;
}

/* Bytes of one kind that come next; 0 where there are none. */
static uint32_t portion(struct response_walk *walk, bool *left_out)
{
    while (walk->step_left == 0) {
        if (walk->at == walk->length)
            return 0;
        step(walk);
    }
    uint64_t position = walk->frame->next - walk->step_left;
    *left_out = walk->step_is_body && position >= walk->frame->scan_until;
    if (walk->step_is_body && !*left_out && walk->frame->scan_until - position < walk->step_left)
        return (uint32_t)(walk->frame->scan_until - position);
    return walk->step_left;
}

bool response_walk_next(struct response_walk *walk, uint32_t *length, bool *left_out)
{
    bool of_next;
    *length = portion(walk, left_out);
    walk->step_left -= *length;
    for (uint32_t more = *length; more > 0;) {
        more = portion(walk, &of_next);
        if (more == 0 || of_next != *left_out)
            break;
        *length += more;
        walk->step_left -= more;
    }
    return *length > 0;
}

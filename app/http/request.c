/* SPDX-License-Identifier: BSD-3-Clause */
/* HTTP/1.x requests in a buffer: a walk over lines and framing that never looks at a byte twice. */
#include "request.h"

#include <string.h>
#include <strings.h>

struct walk {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t at;
};

static struct http_view view(const uint8_t *bytes, uint32_t length)
{
    return (struct http_view){bytes, length};
}

static struct http_view trim(const uint8_t *from, const uint8_t *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (from < to && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r' || to[-1] == '\n'))
        to--;
    return view(from, (uint32_t)(to - from));
}

bool http_view_is(struct http_view name, const char *word)
{
    return name.bytes != NULL && name.length == strlen(word) &&
           strncasecmp((const char *)name.bytes, word, name.length) == 0;
}

bool http_view_contains(struct http_view text, const char *word)
{
    size_t length = strlen(word);
    for (uint32_t i = 0; i + length <= text.length; i++)
        if (strncasecmp((const char *)text.bytes + i, word, length) == 0)
            return true;
    return false;
}

/* The next line with its end; false when the buffer ends first, then the rest of it is the line. */
static bool next_line(struct walk *walk, const uint8_t **line, const uint8_t **line_end)
{
    *line = walk->bytes + walk->at;
    const uint8_t *newline = memchr(*line, '\n', walk->length - walk->at);
    *line_end = newline != NULL ? newline + 1 : walk->bytes + walk->length;
    walk->at = (uint32_t)(*line_end - walk->bytes);
    return newline != NULL;
}

/* RFC 9112 section 3. A line cut by the buffer's end is read as far as it goes. */
static bool read_request_line(struct walk *walk, struct request *request)
{
    while (walk->at < walk->length && (walk->bytes[walk->at] == '\r' || walk->bytes[walk->at] == '\n'))
        walk->at++; /* section 2.2: empty lines before it */
    const uint8_t *line, *end;
    bool whole = next_line(walk, &line, &end);
    request->line_end = walk->at;
    const uint8_t *at = line;
    while (at < end && http_is_method_byte(*at) && at - line < HTTP_METHOD_MAX)
        at++;
    if (at == line || at == end || *at != ' ')
        return !whole && at == end; /* cut in the method, or nothing but empty lines so far */
    request->method = view(line, (uint32_t)(at - line));
    while (at < end && *at == ' ')
        at++;
    const uint8_t *target = at;
    while (at<end && * at> ' ')
        at++;
    request->target = view(target, (uint32_t)(at - target));
    if (!whole)
        return true;
    struct http_view version = trim(at, end);
    return request->target.length > 0 && version.length == 8 && memcmp(version.bytes, "HTTP/1.", 7) == 0;
}

/* The names that say something, by their lengths: most lines are told by that alone. */
static bool length_is_telling(uint32_t length)
{
    const uint32_t lengths = 1u << 4 /* host */ | 1u << 10 /* user-agent */ | 1u << 12 /* content-type */ |
                             1u << 14 /* content-length */ | 1u << 17 /* transfer-encoding */;
    return length < 32 && (lengths >> length & 1) != 0;
}

static void note_header(struct request *request, struct http_view name, struct http_view value)
{
    if (http_view_is(name, "host")) {
        if (request->host.bytes == NULL)
            request->host = value;
    } else if (http_view_is(name, "user-agent")) {
        if (request->user_agent.bytes == NULL)
            request->user_agent = value;
    } else if (http_view_is(name, "content-type")) {
        if (request->content_type.bytes == NULL)
            request->content_type = value;
    } else if (http_view_is(name, "transfer-encoding")) {
        request->chunked = request->chunked || http_view_contains(value, "chunked");
        request->length_bad = request->length_bad || !request->chunked; /* what it ends with is not told */
    } else if (http_view_is(name, "content-length")) {
        uint64_t number = 0;
        uint32_t i = 0;
        for (; i < value.length && i < 18 && value.bytes[i] >= '0' && value.bytes[i] <= '9'; i++)
            number = number * 10 + (uint64_t)(value.bytes[i] - '0');
        if (i == 0 || i < value.length || (request->length_known && number != request->content_length))
            request->length_bad = true; /* receivers differ in what they make of it: RFC 9112 section 6.3 */
        request->length_known = true;
        request->content_length = number;
    }
}

static bool line_is_folded(const uint8_t *line)
{
    return line[0] == ' ' || line[0] == '\t';
}

/* What stands before the colon; no bytes where there is none. */
static struct http_view line_name(const uint8_t *line, const uint8_t *end)
{
    const uint8_t *colon = memchr(line, ':', (size_t)(end - line));
    return colon != NULL ? trim(line, colon) : view(NULL, 0);
}

static void read_headers(struct walk *walk, struct request *request)
{
    bool of_framing = false; /* the line before says how the body is framed */
    while (walk->at < walk->length) {
        const uint8_t *line, *end;
        bool whole = next_line(walk, &line, &end);
        bool empty = line[0] == '\n' || (line[0] == '\r' && end - line == 2);
        if (whole && empty) {
            request->head_complete = true;
            break;
        }
        if (line_is_folded(line)) { /* receivers differ in what they make of a fold */
            request->length_bad = request->length_bad || of_framing;
            continue;
        }
        struct http_view name = line_name(line, end);
        of_framing = false;
        if (name.bytes != NULL && !length_is_telling(name.length))
            continue;
        of_framing = http_view_is(name, "transfer-encoding") || http_view_is(name, "content-length");
        /* White space before the colon makes it another name to some (RFC 9112 section 5.1), so it says nothing sure.
         */
        if (name.bytes == NULL || !whole)
            continue;
        if (name.bytes[name.length] == ':')
            note_header(request, name, trim(name.bytes + name.length + 1, end));
        else
            request->length_bad = request->length_bad || of_framing;
    }
    request->head_end = walk->at;
}

/* RFC 9112 section 7.1. True when the last chunk and the trailers were seen whole. */
static bool skip_chunks(struct walk *walk)
{
    for (;;) {
        const uint8_t *line, *end;
        if (walk->at >= walk->length || !next_line(walk, &line, &end))
            return false;
        uint64_t size = 0;
        unsigned digits = 0;
        for (; line < end && digits < 16; line++, digits++) {
            uint8_t c = *line | 0x20;
            if (c >= '0' && c <= '9')
                size = size << 4 | (uint64_t)(c - '0');
            else if (c >= 'a' && c <= 'f')
                size = size << 4 | (uint64_t)(c - 'a' + 10);
            else
                break;
        }
        if (digits == 0)
            return false;
        if (size == 0)
            break;
        if (size > walk->length - walk->at || walk->length - walk->at - size < 2)
            return false;
        walk->at += (uint32_t)size;
        if (!next_line(walk, &line, &end))
            return false;
    }
    for (;;) {
        const uint8_t *line, *end;
        if (walk->at >= walk->length || !next_line(walk, &line, &end))
            return false;
        if (line[0] == '\n' || (line[0] == '\r' && end - line == 2))
            return true;
    }
}

/* Reads one request; false when it is none. */
static bool read_request(struct walk *walk, struct request *request)
{
    memset(request, 0, sizeof(*request));
    if (!read_request_line(walk, request))
        return false;
    read_headers(walk, request);
    if (!request->head_complete)
        return true;
    bool ambiguous = request->length_bad || (request->chunked && request->length_known);
    if (request->chunked) {
        request->end_known = skip_chunks(walk);
        request->end = walk->at;
    } else if (!ambiguous) {
        request->end_known = true;
        request->end = request->head_end + request->content_length;
        walk->at = request->end < walk->length ? (uint32_t)request->end : walk->length;
    }
    if (ambiguous && !request->chunked)
        walk->at = walk->length;
    return true;
}

static struct http_view without_port(struct http_view host)
{
    if (host.length > 0 && host.bytes[0] == '[') {
        const uint8_t *bracket = memchr(host.bytes, ']', host.length);
        return bracket != NULL ? view(host.bytes, (uint32_t)(bracket + 1 - host.bytes)) : host;
    }
    const uint8_t *colon = host.length > 0 ? memchr(host.bytes, ':', host.length) : NULL;
    return colon != NULL ? view(host.bytes, (uint32_t)(colon - host.bytes)) : host;
}

/* The target's path and, in absolute form (RFC 9112 section 3.2.2), its authority. */
static void split_target(const struct request *request, struct http_place *place)
{
    struct http_view rest = request->target;
    place->host = request->host;
    uint32_t scheme = 0;
    while (scheme < rest.length && http_is_method_byte(rest.bytes[scheme]))
        scheme++;
    if (scheme > 0 && rest.length - scheme > 3 && memcmp(rest.bytes + scheme, "://", 3) == 0) {
        const uint8_t *end = rest.bytes + rest.length, *authority = rest.bytes + scheme + 3, *at = authority;
        while (at < end && *at != '/' && *at != '?' && *at != '#')
            at++;
        const uint8_t *credentials = memchr(authority, '@', (size_t)(at - authority));
        if (credentials != NULL)
            authority = credentials + 1;
        place->host = view(authority, (uint32_t)(at - authority));
        rest = view(at, (uint32_t)(end - at));
    }
    uint32_t length = 0;
    while (length < rest.length && rest.bytes[length] != '?' && rest.bytes[length] != '#')
        length++;
    place->path = view(rest.length > 0 ? rest.bytes : NULL, length);
    place->host = without_port(place->host);
}

static bool request_covers(const struct request *request, uint32_t offset)
{
    /* The body's end may be unknown; then all that follows is taken for the body. */
    return !request->head_complete || !request->end_known || request->end > offset;
}

/* Moves the cursor on to the request that `offset` belongs to. */
static bool seek_request(struct http_cursor *cursor, const uint8_t *bytes, uint32_t length, uint32_t offset)
{
    if (cursor->valid && offset >= cursor->start && request_covers(&cursor->request, offset))
        return true;
    struct walk walk = {bytes, length, cursor->valid && offset >= cursor->start ? cursor->next : 0};
    cursor->valid = false;
    while (walk.at < length && walk.at <= offset) {
        cursor->start = walk.at;
        if (!read_request(&walk, &cursor->request))
            return false;
        cursor->next = walk.at;
        cursor->line_at = cursor->request.line_end;
        cursor->name = view(NULL, 0);
        if (request_covers(&cursor->request, offset)) {
            cursor->valid = true;
            return true;
        }
    }
    return false;
}

/* The name of the header line at `offset`; a folded line's is that of the line before. */
static struct http_view seek_line(struct http_cursor *cursor, const uint8_t *bytes, uint32_t offset)
{
    if (offset < cursor->line_at) {
        cursor->line_at = cursor->request.line_end;
        cursor->name = view(NULL, 0);
    }
    struct walk walk = {bytes, cursor->request.head_end, cursor->line_at};
    while (walk.at <= offset && walk.at < walk.length) {
        cursor->line_at = walk.at;
        const uint8_t *line, *end;
        next_line(&walk, &line, &end);
        if (!line_is_folded(line))
            cursor->name = line_name(line, end);
    }
    return cursor->name;
}

bool http_cursor_place(struct http_cursor *cursor, const uint8_t *bytes, uint32_t length, uint32_t offset,
                       struct http_place *place)
{
    if (!seek_request(cursor, bytes, length, offset))
        return false;
    const struct request *request = &cursor->request;
    memset(place, 0, sizeof(*place));
    place->region = offset < request->line_end                              ? HTTP_REQUEST_LINE
                    : offset < request->head_end || !request->head_complete ? HTTP_HEADER
                                                                            : HTTP_BODY;
    if (place->region == HTTP_BODY && request->length_bad)
        return false; /* it may be this one's body, or another request */
    place->method = request->method;
    place->user_agent = request->user_agent;
    place->content_type = request->content_type;
    place->head_complete = request->head_complete;
    if (place->region == HTTP_HEADER)
        place->header_name = seek_line(cursor, bytes, offset);
    split_target(request, place);
    place->body_end_known = request->end_known && request->length_known && !request->chunked;
    place->body_end = request->end;
    return true;
}

bool http_find_request(const uint8_t *bytes, uint32_t length, uint32_t offset, struct http_place *place)
{
    struct http_cursor cursor = {.valid = false};
    return http_cursor_place(&cursor, bytes, length, offset, place);
}

int64_t http_complete_requests(const uint8_t *bytes, uint32_t length, uint64_t *body_end)
{
    struct walk walk = {bytes, length, 0};
    uint32_t complete = 0;
    if (body_end != NULL)
        *body_end = 0;
    while (walk.at < length) {
        struct request request;
        if (!read_request(&walk, &request))
            return -1;
        if (!request.head_complete)
            break;
        if (!request.end_known || request.end > length) {
            if (body_end != NULL && request.end_known)
                *body_end = request.end;
            break;
        }
        complete = (uint32_t)request.end;
    }
    return complete;
}

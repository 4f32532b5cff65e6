/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a request ends, followed as its bytes come by: each is looked at once, while it is in the cache. Of requests as
 * nearly all are, that is: a plain request line, at most one plain Content-Length, nothing else of framing. The first
 * thing that is otherwise ends the following, and the long way (http_complete_requests) tells; both say the same.
 */
#include "request.h"

#include <string.h>
#include <strings.h>

/* Of a line that began in an earlier run, so many bytes are looked at. */
#define LINE_BEGINNING 12

/* Do all of these bytes stand in a request's target: none is white space, a control byte, or from 0x80 on? */
static bool all_are_of_target(const uint8_t *at, const uint8_t *end)
{
    const uint64_t high_bits = 0x8080808080808080u, beyond_space = 0x2121212121212121u;
    for (; end - at >= 8; at += 8) {
        uint64_t bytes;
        memcpy(&bytes, at, sizeof(bytes));
        if (((bytes | (bytes - beyond_space)) & high_bits) != 0) /* a borrow only makes it say no too often */
            return false;
    }
    for (; at < end; at++)
        if (*at <= ' ' || *at >= 0x80)
            return false;
    return true;
}

/* Is this line, whose end is `end`, a request line as nearly all are: single spaces, HTTP/1.0 or 1.1, CR and LF? */
static bool is_plain_request_line(const uint8_t *line, const uint8_t *end)
{
    static const char version[] = " HTTP/1.";
    enum { VERSION = sizeof(version) - 1, REST = VERSION + 3 };
    if (end - line < REST + 3 || memcmp(end - REST, version, VERSION) != 0 || end[-3] < '0' || end[-3] > '9' ||
        end[-2] != '\r')
        return false;
    const uint8_t *at = line;
    while (http_is_method_byte(*at) && at - line < HTTP_METHOD_MAX)
        at++;
    return at > line && *at == ' ' && end - REST > at + 1 && all_are_of_target(at + 1, end - REST);
}

/* So many digits fit a uint32_t, whatever they are; with many more receivers differ, zeros or not. */
#define PLAIN_DIGITS_MAX 9

/* The number of a line `Content-Length: 123` in plain decimal; false where it is written in any other way. */
static bool read_plain_length(const uint8_t *line, const uint8_t *end, uint32_t *number)
{
    static const char name[] = "content-length: ";
    const uint8_t *at = line + sizeof(name) - 1;
    if (end - line < (ptrdiff_t)sizeof(name) + 2 || strncasecmp((const char *)line, name, sizeof(name) - 1) != 0)
        return false;
    const uint8_t *first = at;
    *number = 0;
    for (; *at >= '0' && *at <= '9' && at - first < PLAIN_DIGITS_MAX; at++)
        *number = *number * 10 + (uint32_t)(*at - '0');
    return at > first && at + 2 == end && at[0] == '\r';
}

/* May this line have to do with how the body is framed? */
static bool line_is_of_framing(const uint8_t *line, const uint8_t *end)
{
    uint8_t first = line[0] | 0x20;
    if (first == 'c')
        return end - line < 9 || strncasecmp((const char *)line, "content-l", 9) == 0;
    if (first == 't')
        return end - line < 9 || strncasecmp((const char *)line, "transfer-", 9) == 0;
    return line[0] == ' ' || line[0] == '\t';
}

static enum http_track end_of_line(struct http_tracker *tracker, const uint8_t *line, const uint8_t *newline,
                                   bool is_whole)
{
    if (!tracker->in_fields) {
        tracker->in_fields = true;
        return is_whole && is_plain_request_line(line, newline + 1) ? TRACK_MORE : TRACK_LOST;
    }
    if (line == newline || (line[0] == '\r' && line + 1 == newline))
        return TRACK_COMPLETE;
    if (!line_is_of_framing(line, newline + 1))
        return TRACK_MORE;
    if (!is_whole || tracker->length_known || !read_plain_length(line, newline + 1, &tracker->body))
        return TRACK_LOST;
    tracker->length_known = true;
    return TRACK_MORE;
}

enum http_track http_track_request(struct http_tracker *tracker, const uint8_t *bytes, uint32_t length, uint32_t *end)
{
    const uint8_t *stop = bytes + length, *line = bytes;
    for (const uint8_t *newline; (newline = memchr(line, '\n', (size_t)(stop - line))) != NULL; line = newline + 1) {
        uint8_t beginning[2 * LINE_BEGINNING];
        const uint8_t *line_from = line, *line_to = newline;
        if (tracker->begun_length > 0) { /* the line began in an earlier run; its end will do for what is asked here */
            uint32_t more = newline - line < LINE_BEGINNING ? (uint32_t)(newline - line) + 1 : LINE_BEGINNING;
            memcpy(beginning, tracker->begun, tracker->begun_length);
            memcpy(beginning + tracker->begun_length, line, more);
            line_from = beginning;
            line_to = beginning + tracker->begun_length + more - 1;
        }
        enum http_track track = end_of_line(tracker, line_from, line_to, tracker->begun_length == 0);
        tracker->begun_length = 0;
        if (track == TRACK_MORE)
            continue;
        uint32_t head = (uint32_t)(newline + 1 - bytes);
        if (track == TRACK_COMPLETE && tracker->body > length - head)
            return TRACK_LOST; /* it goes on behind this run */
        *end = head + tracker->body;
        return track;
    }
    /* What is left is of a line that ends later. */
    uint32_t left = (uint32_t)(stop - line), room = LINE_BEGINNING - tracker->begun_length;
    memcpy(tracker->begun + tracker->begun_length, line, left < room ? left : room);
    tracker->begun_length = (uint8_t)(tracker->begun_length + (left < room ? left : room));
    return TRACK_MORE;
}

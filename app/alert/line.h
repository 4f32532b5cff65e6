/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_LINE_H
#define BEARERTAP_APP_ALERT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One line being written into a buffer of fixed size: bytes, numbers, times, JSON, and text made harmless for a
 * terminal. Writing past the end sets `overflow` and writes nothing more; LINE_MAX is such that it never happens.
 */
struct line {
    char *bytes;
    size_t length, capacity;
    bool overflow;
};

void line_bytes(struct line *line, const char *bytes, size_t length);
void line_text(struct line *line, const char *text);
void line_number(struct line *line, uint64_t number);
void line_hex(struct line *line, const uint8_t *bytes, size_t length);

/* UTF-8 from the wire, for a terminal: what a terminal acts on or nobody sees (utf8_is_unseen) and the backslash itself
 * become \xNN, byte by byte; so does a space next to a space or at either end, so
 * that the two spaces between columns cannot be forged. */
void line_visible(struct line *line, const char *text, size_t length);

/* "1970-01-01T00:00:00.000000Z" (RFC 3339, UTC) with the given character between date and time. */
void line_time(struct line *line, uint64_t time_ns, char separator);

/* The same without a fraction; false, and nothing written, outside the years 1 to 9999 that RFC 3339 can say. */
bool line_time_s(struct line *line, int64_t time_s, char separator);

/* Addresses as on the wire; IPv6 as RFC 5952 writes it, in brackets where a port follows. */
#define ADDRESS_TEXT_MAX 46
void address_format(const uint8_t address[16], uint8_t ip_version, char out[ADDRESS_TEXT_MAX]);
void line_address_port(struct line *line, const uint8_t address[16], uint8_t ip_version, uint16_t port);

/*
 * JSON: members are separated by themselves, and an object or array that stayed empty is taken back, since what is not
 * known is left out. `name` is NULL for an element of an array and for the outermost object.
 */
size_t line_json_open(struct line *line, const char *name, char bracket);
void line_json_close(struct line *line, size_t opened, char bracket);
void line_json_name(struct line *line, const char *name);
void line_json_escaped(struct line *line, const char *text, size_t length); /* inside the quotes */
void line_json_text(struct line *line, const char *name, const char *text, size_t length);
void line_json_word(struct line *line, const char *name, const char *word);
void line_json_number(struct line *line, const char *name, uint64_t number);
void line_json_true(struct line *line,
                    const char *name); /* a flag that stands is true, one that does not is left out */
void line_json_time(struct line *line, const char *name, uint64_t time_ns);
void line_json_hex(struct line *line, const char *name, const uint8_t *bytes, size_t length);

#endif

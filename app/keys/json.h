/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_JSON_H
#define BEARERTAP_APP_KEYS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/token.h>

/*
 * The members of one JSON object that stands in memory in one piece, strictly as RFC 8259 has it: a list is refused for
 * what is wrong in it. (The scanner of token.h is for headers off the wire, where what any validator accepts counts.)
 *
 * A tree, as jansson makes it, takes 1.5 us a key of a few members and forgets where they stood. This walks once, at
 * 0.2 us, allocates nothing, and every member points into the text. Strings are made ready in place: escapes undone,
 * and a NUL over the closing quote. What is nested is checked and left as it is.
 *
 * Lines are counted while it walks, in the white space between values, which is all that may hold them: afterwards a
 * string may hold line feeds that were escapes.
 */

/* Brackets in a value; a JWK has one or two. */
#define JSON_DEPTH_MAX 64

/* Where something is in the object's text: lines that end before it, and bytes between the last such end and it. */
struct object_position {
    unsigned line, column; /* from 0 */
};

struct object_member {
    const char *name; /* behind its quote, escapes undone, NUL-terminated */
    size_t name_length;
    struct object_position position; /* of the quote before the name */
    enum json_kind kind;
    char *value; /* a string behind its quote, NUL-terminated; anything else from its first byte */
    size_t length;
};

struct object_reader {
    char *at, *end;
    const char *line_start; /* of the line of `at` */
    unsigned line;          /* lines that end before it */
    bool began, ended;
    const char *fault; /* what is wrong at `at`, a phrase for a person; NULL: nothing */
};

/* The text begins with the opening brace and ends with the closing one. */
void object_begin(struct object_reader *reader, char *text, size_t length);

/* False after the last member, and where something is wrong. */
bool object_next(struct object_reader *reader, struct object_member *member);

/* Of `at`, which is where the fault is once object_next has returned false. */
struct object_position object_position(const struct object_reader *reader);

/* The first element of an array that object_next gave, where it is a string, made ready likewise. */
bool array_first_string(char *array, size_t length, char **string, size_t *string_length);

/* Does the array (one that object_next gave) hold nothing? */
bool array_is_empty(const char *array, size_t length);

/* How many bytes from `at` on are neither quote nor backslash nor line feed: what a reader of strings may skip. */
size_t plain_bytes(const char *at, size_t length);

#endif

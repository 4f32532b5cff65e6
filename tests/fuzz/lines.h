/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_FUZZ_LINES_H
#define BEARERTAP_TESTS_FUZZ_LINES_H

#include <stddef.h>

#include <jansson.h>

/*
 * What must hold of lines that leave, whatever bytes they were made of. All require; none returns a failure.
 */

/* ECS: each line a JSON object to another parser, no member twice, with what every line has. The lines as an array. */
json_t *lines_check_json(const char *output, size_t length);

/* Text: valid UTF-8, and nothing in it that a terminal acts on, but for the ends of lines. */
void lines_check_text(const char *output, size_t length);

/* No JWS or JWE in compact form stands anywhere in it: "ey...", decoded by OpenSSL, an object to jansson, and parts. */
void lines_check_no_token(const char *output, size_t length);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_KEYS_TIMESTAMP_H
#define BEARERTAP_APP_KEYS_TIMESTAMP_H

#include <stdbool.h>
#include <stdint.h>

/* Is it a date-time of RFC 3339 section 5.6, the day one that the calendar has, and second 60 only where it can be? */
bool timestamp_is_rfc3339(const char *text);

/* The same, and what it is in seconds since 1970 (fractions cut). */
bool timestamp_read(const char *text, int64_t *seconds);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_ERROR_H
#define BEARERTAP_ERROR_H

/*
 * Errors for a person, and the log.
 *
 * A function that can fail returns 0 or a negative errno; where the failure is the operator's to mend (a command line,
 * a file, a list) it also fills a struct error with one sentence: the place, what was found, what is allowed, how to
 * mend it. Errors and log lines never hold bytes of a token or of a packet. What a terminal would act on or nobody
 * sees (a name may hold anything; utf8.h) stands in them as \xNN, and a text that is too long loses its middle. Any
 * thread may call these; none of them belongs in the hot path.
 */

#define ERROR_TEXT_MAX 1024

struct error {
    char text[ERROR_TEXT_MAX]; /* one sentence, no newline, NUL-terminated; empty when nothing went wrong */
};

/* Fills `error` (which may be NULL) and returns -code; `code` is a positive errno. */
int error_set(struct error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* One line on stderr, "bearertap: " before it and a newline after it, written at once. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

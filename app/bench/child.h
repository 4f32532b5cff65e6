/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_CHILD_H
#define BEARERTAP_APP_BENCH_CHILD_H

#include <jansson.h>

#include <bearertap/error.h>

/* Fills `result`, an object. 0, or a negative errno with `error` filled. */
typedef int child_function(const void *context, json_t *result, struct error *error);

/* Runs it in a process of its own, and hands over what it tells. NULL with `error` filled where it failed or died. */
json_t *child_run(child_function *function, const void *context, struct error *error);

/* Runs a program to its end. Returns the JSON object that it writes to standard output, or NULL with `error` filled. */
json_t *child_execute(const char *path, const char *const *arguments, struct error *error);

#endif

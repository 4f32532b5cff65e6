/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_SUMMARY_H
#define BEARERTAP_APP_COMMANDS_SUMMARY_H

#include <stddef.h>
#include <stdio.h>

#include <bearertap/worker.h>

/* Revoked keys, and the names under which they are found. */
struct summary_keys {
    size_t entries, names;
};

/* The summary at the end: every counter that is not 0, from the registry, and in words what was not seen. `keys` is
 * NULL where none were given. */
void summary_print(FILE *out, const struct pipeline_result *result, const struct summary_keys *keys);

#endif

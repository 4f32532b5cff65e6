/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_SUMMARY_H
#define BEARERTAP_APP_COMMANDS_SUMMARY_H

#include <stdio.h>

#include <bearertap/worker.h>

/* The summary at the end of `read`: every counter that is not 0, from the registry, and in words what was not seen. */
void summary_print(FILE *out, const struct pipeline_result *result, const struct key_list *keys);

#endif

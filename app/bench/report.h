/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_REPORT_H
#define BEARERTAP_APP_BENCH_REPORT_H

#include <stdbool.h>

#include <jansson.h>

#include "rows.h"

/*
 * What was measured, for a person. The JSON that `--json` writes is gathered anyway; text and page are made of it.
 */
void report_machine(const json_t *machine);
void report_run(const json_t *run);
void report_row(const struct row *row, const json_t *result);
/* Entries of `worst` and `against`. */
void report_worst(const json_t *worst);
void report_slowest(const json_t *worst);
void report_against(const json_t *compared);

/* Says on standard error what makes the figures doubtful. */
void report_noise(const char *name, const json_t *noise);

/* Was all found, and nothing else, in all of these runs? Says on standard error where not. */
bool report_recall(const json_t *runs);

/* As %f, with no more digits than it deserves. */
double number_of(const json_t *object, const char *name);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_HTML_H
#define BEARERTAP_APP_BENCH_HTML_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* Writes the report as one page that needs nothing else: no script, no picture, no font from elsewhere. What a bar
 * shows stands beside it as text. Whether all was written is for fclose and ferror to tell. */
void html_write(FILE *out, const json_t *report);

#endif

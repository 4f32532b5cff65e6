/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_ROWS_H
#define BEARERTAP_APP_BENCH_ROWS_H

#include <jansson.h>

#include <bearertap/bench.h>

/*
 * What `bench --all` measures: a row a figure. A row's function runs in a process of its own (child.h) and fills its
 * result:
 *
 *   value   the figure
 *   runs    what was run for it, as trial_run_json tells them; may be missing
 *   noise   as trial_noise_json tells it; may be missing
 *   floors  of the row `floor`
 */
enum target_kind { NO_TARGET, AT_LEAST, AT_MOST };

struct row {
    const char *name;
    const char *help;
    enum target_kind target_kind;
    double target;
    int (*measure)(const struct bench_settings *settings, json_t *result, struct error *error);
};

extern const struct row rows[];
extern const unsigned rows_count;

/* Is a figure as good as the row wants it? One without a target wants nothing. */
bool row_is_reached(const struct row *row, double value);

/* What the row wants, for a person. */
enum { ROW_TARGET_TEXT = 32 };
void row_put_target(const struct row *row, char text[ROW_TARGET_TEXT]);

/*
 * A mix, or a capture, out of cache and in it, against the floors. The result has `value`, the worse of both ratios,
 * `runs` (out of cache first), `floors`, `noise`, and `small`, the receive floor by the first run.
 */
struct subject {
    const struct bench_settings *settings;
    const struct traffic_mix *mix;
    const char *capture_path;    /* instead of a mix */
    const struct key_list *keys; /* of the capture */
};
int measure_against_floors(const struct subject *subject, json_t *result, struct error *error);

/* Keys that tokens bear; the others of a list are strangers to all of them. */
enum { KEYS_BORNE = 100 };

#endif

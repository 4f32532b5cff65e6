/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_WORKER_H
#define BEARERTAP_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <bearertap/alert.h>
#include <bearertap/capture.h>
#include <bearertap/counters.h>
#include <bearertap/error.h>
#include <bearertap/filter.h>
#include <bearertap/keys.h>
#include <bearertap/response.h>

/*
 * Workers, and the pipeline around them: packets in, records out, lines written.
 *
 * A worker takes a burst from its source and inspects it to the end (app/worker/worker.c is the page to read). With one
 * worker it reads the capture itself; with more, a reader spreads packets over them. The calling thread is the alert
 * side: it takes records and writes lines until all workers are done.
 */

struct pipeline_options {
    const char *const *paths;
    unsigned paths_count;
    const struct key_list *keys; /* NULL: none given */
    const struct filter *filter; /* NULL: all connections are inspected */
    struct response_policy responses;
    unsigned workers;
    bool all_tokens;
    const struct alert_format *format;
    bool color;
    int output_fd;
};

struct pipeline_result {
    struct counter_values totals;
    struct capture_files_summary files;
    struct alert_counters alerts;
    bool law_holds; /* of every worker, and all packets read are among those received */
    bool interrupted;
};

/*
 * Starts EAL, runs the capture through the pipeline and ends. Once a process. Returns 0, -EPIPE when the reader of the
 * output went away, or another negative errno with `error` filled. The result is filled whenever packets were read.
 */
int pipeline_run(const struct pipeline_options *options, struct pipeline_result *result, struct error *error);

/* Asks a running pipeline to stop: no more is read, what was read is finished. Async-signal-safe. */
void pipeline_stop(void);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs what is asked for, a process after the other, and gathers what they tell. */
#include <bearertap/bench.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bearertap/error.h>

#include "against.h"
#include "child.h"
#include "html.h"
#include "machine.h"
#include "report.h"
#include "rows.h"
#include "sweeps.h"
#include "worst.h"

/* Rounds are an odd number, so that the median is one of them. */
const struct bench_settings bench_usual = {
    .rounds = 7, .turn_seconds = 0.3, .flows = 2000, .lap_bytes = 128000000, .keys = KEYS_BORNE, .workers = 1};

struct run {
    const struct bench_options *options;
    json_t *report, *runs, *ratios;
    bool failed;
};

struct row_task {
    const struct row *row;
    const struct bench_settings *settings;
};

static int run_row(const void *context, json_t *result, struct error *error)
{
    const struct row_task *task = context;
    return task->row->measure(task->settings, result, error);
}

static int run_subject(const void *context, json_t *result, struct error *error)
{
    return measure_against_floors(context, result, error);
}

/* Its runs, its noise, its floors go into the report. */
static void gather(struct run *run, const char *name, const json_t *result)
{
    json_t *floors = json_object_get(result, "floors"), *runs = json_object_get(result, "runs");
    report_noise(name, json_object_get(result, "noise"));
    if (!report_recall(runs))
        run->failed = true;
    if (runs != NULL)
        json_array_extend(run->runs, runs);
    if (floors != NULL && json_object_get(run->report, "floors") == NULL)
        json_object_set(run->report, "floors", floors);
}

static void fail(struct run *run, const char *name, const struct error *error)
{
    log_error("%s: %s", name, error->text);
    run->failed = true;
}

static bool is_wanted(const struct bench_options *options, const char *name)
{
    bool wanted = options->rows_count == 0;
    for (unsigned i = 0; i < options->rows_count; i++)
        wanted = wanted || strcmp(options->rows[i], name) == 0;
    return wanted;
}

static void run_rows(struct run *run)
{
    for (unsigned i = 0; i < rows_count; i++) {
        if (!is_wanted(run->options, rows[i].name))
            continue;
        const struct row *row = &rows[i];
        const struct row_task task = {row, &run->options->settings};
        struct error error = {""};
        json_t *result = child_run(run_row, &task, &error);
        if (result == NULL) {
            fail(run, row->name, &error);
            continue;
        }
        gather(run, row->name, result);
        json_object_set(run->ratios, row->name, json_object_get(result, "value"));
        if (!run->options->json)
            report_row(row, result);
        json_decref(result);
    }
}

static void run_one(struct run *run, const struct subject *subject, const char *name)
{
    struct error error = {""};
    json_t *result = child_run(run_subject, subject, &error), *each;
    size_t index;
    if (result == NULL) {
        fail(run, name, &error);
        return;
    }
    gather(run, name, result);
    /* The ratios bear the names of the table, whose rows are of these mixes. */
    if (strcmp(name, "small") == 0)
        json_object_set(run->ratios, "small", json_object_get(result, "small"));
    else if (json_object_get(run->ratios, "floor") == NULL)
        json_object_set(run->ratios, "floor", json_object_get(result, "value"));
    if (!run->options->json)
        json_array_foreach(json_object_get(result, "runs"), index, each) report_run(each);
    json_decref(result);
}

static void run_mixes(struct run *run)
{
    for (unsigned i = 0; i < run->options->mixes_count; i++) {
        const struct subject subject = {.settings = &run->options->settings, .mix = run->options->mixes[i]};
        run_one(run, &subject, subject.mix->name);
    }
}

static void run_capture(struct run *run)
{
    const struct subject subject = {
        .settings = &run->options->settings, .capture_path = run->options->capture_path, .keys = run->options->keys};
    run_one(run, &subject, subject.capture_path);
}

struct worst_task {
    const struct worst_row *row;
    const struct bench_settings *settings;
};

static int run_worst_row(const void *context, json_t *result, struct error *error)
{
    const struct worst_task *task = context;
    return worst_measure(task->row, task->settings, result, error);
}

static void run_worst(struct run *run)
{
    json_t *all = json_array(), *slowest = NULL;
    for (unsigned i = 0; i < worst_rows_count; i++) {
        const struct worst_task task = {&worst_rows[i], &run->options->settings};
        struct error error = {""};
        json_t *result = child_run(run_worst_row, &task, &error);
        if (result == NULL) {
            fail(run, task.row->name, &error);
            continue;
        }
        gather(run, task.row->name, result);
        json_t *told = json_pack("{s:s,s:O,s:s,s:s,s:b}", "name", task.row->name, "ratio",
                                 json_object_get(result, "value"), "help", task.row->help, "reason", task.row->reason,
                                 "holds", number_of(result, "value") >= WORST_BOUND);
        json_array_append_new(all, told);
        if (slowest == NULL || number_of(told, "ratio") < number_of(slowest, "ratio"))
            slowest = told;
        if (!run->options->json)
            report_worst(told);
        json_decref(result);
    }
    if (!run->options->json && slowest != NULL)
        report_slowest(slowest);
    json_object_set_new(run->report, "worst", all);
}

static void run_against(struct run *run)
{
    json_t *all = json_array(), *each;
    size_t index;
    for (unsigned i = 0; i < run->options->mixes_count; i++) {
        const struct traffic_mix *mix = run->options->mixes[i];
        struct error error = {""};
        json_t *compared = against_measure(run->options, mix, &error);
        if (compared == NULL) {
            fail(run, mix->name, &error);
            continue;
        }
        if (!run->options->json)
            json_array_foreach(compared, index, each) report_against(each);
        json_array_extend(all, compared);
        json_decref(compared);
    }
    json_object_set_new(run->report, "against", all);
}

struct sweep_task {
    const struct sweep *sweep;
    const struct bench_settings *settings;
};

static int run_sweep(const void *context, json_t *result, struct error *error)
{
    const struct sweep_task *task = context;
    return task->sweep->measure(task->settings, result, error);
}

static void run_sweeps(struct run *run)
{
    json_t *series = json_array();
    for (unsigned i = 0; i < sweeps_count; i++) {
        const struct sweep_task task = {&sweeps[i], &run->options->settings};
        struct error error = {""};
        json_t *result = child_run(run_sweep, &task, &error);
        if (result == NULL) {
            fail(run, task.sweep->name, &error);
            continue;
        }
        report_noise(task.sweep->name, json_object_get(result, "noise"));
        if (!report_recall(json_object_get(result, "points")))
            run->failed = true;
        json_array_append_new(
            series, json_pack("{s:s,s:O}", "name", task.sweep->name, "points", json_object_get(result, "points")));
        json_decref(result);
    }
    json_object_set_new(run->report, "series", series);
}

static json_t *targets_json(void)
{
    json_t *targets = json_object();
    for (unsigned i = 0; i < rows_count; i++)
        if (rows[i].target_kind != NO_TARGET)
            json_object_set_new(
                targets, rows[i].name,
                json_pack("{s:f}", rows[i].target_kind == AT_LEAST ? "at_least" : "at_most", rows[i].target));
    return targets;
}

/* What is no ratio stands beside them, too. */
static void lift(struct run *run, const char *name)
{
    json_t *value = json_object_get(run->ratios, name);
    if (value != NULL)
        json_object_set(run->report, name, value);
}

static bool close_page(struct run *run, FILE *page)
{
    if (page == NULL)
        return true;
    html_write(page, run->report);
    bool failed = ferror(page) != 0;
    failed = fclose(page) != 0 || failed;
    if (failed)
        log_error("cannot write %s: %s", run->options->html_path, strerror(errno));
    return !failed;
}

static bool finish(struct run *run, FILE *page)
{
    lift(run, "bytes_per_flow");
    lift(run, "bytes_per_key");
    json_object_set(run->report, "runs", run->runs);
    json_object_set(run->report, "ratios", run->ratios);
    json_object_set_new(run->report, "targets", targets_json());
    bool written = close_page(run, page);
    if (!run->options->json)
        return written;
    written = json_dumpf(run->report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(7)) == 0 && written;
    printf("\n");
    return written;
}

static void measure(struct run *run)
{
    const struct bench_options *options = run->options;
    json_object_set_new(run->report, "machine", machine_json());
    if (!options->json)
        report_machine(json_object_get(run->report, "machine"));
    if (options->subject == BENCH_ALL)
        run_rows(run);
    else if (options->subject == BENCH_CAPTURE)
        run_capture(run);
    else if (options->subject == BENCH_WORST)
        run_worst(run);
    else if (options->subject == BENCH_AGAINST)
        run_against(run);
    else
        run_mixes(run);
    if (options->html_path != NULL && options->subject == BENCH_ALL && options->rows_count == 0)
        run_sweeps(run);
}

int bench_run(const struct bench_options *options)
{
    struct run run = {.options = options, .report = json_object(), .runs = json_array(), .ratios = json_object()};
    FILE *page = NULL;
    if (options->html_path != NULL && (page = fopen(options->html_path, "we")) == NULL) {
        /* Before anything is measured: that takes minutes. */
        log_error("cannot write %s: %s", options->html_path, strerror(errno));
        run.failed = true;
    } else {
        measure(&run);
        run.failed = !finish(&run, page) || run.failed;
    }
    json_decref(run.ratios);
    json_decref(run.runs);
    json_decref(run.report);
    return run.failed ? -1 : 0;
}

bool bench_has_row(const char *name)
{
    bool has = false;
    for (unsigned i = 0; i < rows_count; i++)
        has = has || strcmp(rows[i].name, name) == 0;
    return has;
}

void bench_print_rows(FILE *out)
{
    for (unsigned i = 0; i < rows_count; i++) {
        char target[ROW_TARGET_TEXT];
        row_put_target(&rows[i], target);
        fprintf(out, "  %-20s %-9s %s\n", rows[i].name, target, rows[i].help);
    }
}

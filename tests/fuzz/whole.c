/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole program: bytes become a capture file, the file goes through reader, workers and alert side as in `read`,
 * once with one worker and once with two, and alerts come out. The law of packets and bytes must hold, no token may
 * stand in what comes out, and both ways must say the same.
 *
 * All of it runs on one thread, one stage after the other (the rings have room for all), so that an input always takes
 * the same course. What threads add is tested elsewhere.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_malloc.h>
#include <rte_mempool.h>

#include "../../app/worker/worker_state.h"
#include "lines.h"
#include "ports.h"
#include "script.h"

#define INPUT_MAX   8192
#define WORKERS_MAX 2
#define MBUFS       1024
#define CHUNKS      8191

static struct {
    struct scan_databases *databases;
    struct key_table *keys;
    struct rte_mempool *chunks;
} shared;

/* What a pipeline has, made for one run. */
struct run {
    unsigned workers_count;
    struct outboxes outboxes;
    struct capture_files *files;
    struct spread *spread;
    struct worker *workers[WORKERS_MAX + 1]; /* the reader last */
    /* and what comes of it */
    char *output;
    size_t length;
    struct counter_values totals;
};

static struct worker *worker_create(struct run *run, unsigned number)
{
    struct error error = {""};
    struct worker *worker = rte_malloc("worker", sizeof(*worker), 64);
    memset(worker, 0, offsetof(struct worker, linear)); /* the rest is written before it is read */
    run->workers[number] = worker;
    worker->number = number;
    worker->all_tokens = true;
    worker->spread = run->spread;
    worker->waiting_max = CHUNKS / 4;
    worker->hash_key = (struct siphash_key){1, 2};
    if (run->workers_count == 1 || number == run->workers_count)
        worker->source = capture_files_source(run->files);
    if (number == run->workers_count)
        return worker;
    struct flow_table_options flows = {.flows_max = 64,
                                       .extras_max = 128,
                                       .idle_timeout_ms = 300 * 1000,
                                       .unproven_timeout_ms = 30 * 1000,
                                       .closed_timeout_ms = 10 * 1000,
                                       .on_end = worker_end_flow,
                                       .context = worker,
                                       .events = worker->counters.live.events};
    worker->flows = flow_table_create(&flows);
    worker->waiters = list_of(&flow_extra_at(worker->flows, 0)->waiting_link, sizeof(struct flow_extra));
    struct stream_options stream = {.flows = worker->flows,
                                    .held_bytes_max = 128 << 10,
                                    .held_per_direction_max = 128 << 10,
                                    .counters = &worker->counters.live};
    worker->stream = stream_create(&stream);
    struct http_options http = {.flows = worker->flows, .chunks_max = 64, .events = worker->counters.live.events};
    worker->http = http_create(&http);
    worker->memory = verdict_memory_create(shared.keys);
    worker->keys = shared.keys;
    struct scan_options scan = {.databases = shared.databases,
                                .flows = worker->flows,
                                .http = worker->http,
                                .chunks = shared.chunks,
                                .captures_max = 64,
                                .captures_chunks_max = CHUNKS / 2,
                                .counters = &worker->counters.live,
                                .handler = {.judge = worker_judge,
                                            .judge_opaque = worker_judge_opaque,
                                            .take = worker_take_token,
                                            .wait_for_chunks = worker_wait_for_chunks,
                                            .context = worker}};
    REQUIRE(worker->memory != NULL && outbox_create(&worker->outbox, &run->outboxes, number, shared.keys) == 0);
    REQUIRE(scan_create(&scan, &worker->scan, &error) == 0);
    return worker;
}

static void worker_destroy(struct worker *worker)
{
    if (worker->scan != NULL) {
        scan_destroy(worker->scan);
        verdict_memory_destroy(worker->memory);
        rte_ring_free(worker->outbox.ring);
        http_destroy(worker->http);
        stream_destroy(worker->stream);
        flow_table_destroy(worker->flows);
    }
    rte_free(worker);
}

static void write_alerts(struct run *run)
{
    struct error error = {""};
    struct alerts *alerts;
    struct alert_options options = {.format = alert_format_find("ecs"),
                                    .all_tokens = true,
                                    .fd = fuzz_file(NULL, 0),
                                    .observer_name = "tap",
                                    .keys = shared.keys,
                                    .key_reader = WORKERS_MAX,
                                    .folds_max = 256};
    REQUIRE(alerts_create(&options, &alerts, &error) == 0);
    for (unsigned i = 0; i < run->workers_count; i++) {
        struct outbox *outbox = &run->workers[i]->outbox;
        void *record;
        while (rte_ring_sc_dequeue(outbox->ring, &record) == 0) {
            REQUIRE(alerts_take(alerts, record, &error) == 0);
            chunk_give_back(shared.chunks, record);
            outbox_released(outbox);
        }
    }
    REQUIRE(alerts_finish(alerts, &error) == 0);
    alerts_destroy(alerts);
    run->output = fuzz_read_file(options.fd, &run->length);
    close(options.fd);
}

static void check_law(struct run *run)
{
    struct capture_files_summary summary;
    unsigned threads = run->workers_count + (run->workers_count > 1 ? 1 : 0);
    for (unsigned i = 0; i < threads; i++) {
        struct counter_values values;
        counters_read(&run->workers[i]->counters, &values);
        REQUIRE(counters_law_holds(&values) && values.held == 0);
        counters_add(&run->totals, &values);
    }
    capture_files_summary(run->files, &summary);
    REQUIRE(run->totals.received == summary.packets);
    REQUIRE(rte_mempool_in_use_count(shared.chunks) == 0);
}

static void read_capture(struct run *run, const char *path, unsigned workers)
{
    struct error error = {""};
    memset(run, 0, sizeof(*run));
    fuzz_forget_ports();
    run->workers_count = workers;
    run->outboxes.chunks = shared.chunks;
    REQUIRE(capture_files_create(&path, 1, MBUFS, &run->files, &error) == 0);
    if (workers > 1)
        REQUIRE(spread_create(workers, false, &run->spread, &error) == 0);
    for (unsigned i = 0; i < workers; i++)
        worker_create(run, i);
    if (workers > 1)
        reader_run(worker_create(run, workers));
    for (unsigned i = 0; i < workers; i++)
        worker_run(run->workers[i]);
    write_alerts(run);
    check_law(run);
    capture_files_destroy(run->files);
    for (unsigned i = 0; i <= WORKERS_MAX && run->workers[i] != NULL; i++)
        worker_destroy(run->workers[i]);
    spread_destroy(run->spread);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines without what is each process's own, sorted. */
static char **own_lines(const struct run *run, size_t *count)
{
    json_t *lines = lines_check_json(run->output, run->length), *line;
    *count = json_array_size(lines);
    char **texts = calloc(*count + 1, sizeof(char *));
    size_t i;
    json_array_foreach(lines, i, line)
    {
        json_t *event = json_object_get(line, "event");
        json_object_del(event, "created");
        json_object_del(event, "sequence");
        texts[i] = json_dumps(line, JSON_SORT_KEYS);
    }
    json_decref(lines);
    qsort(texts, *count, sizeof(char *), compare_lines);
    return texts;
}

static void compare_runs(const struct run *one, const struct run *two)
{
    size_t count_one, count_two;
    char **lines_one = own_lines(one, &count_one), **lines_two = own_lines(two, &count_two);
    REQUIRE(count_one == count_two);
    for (size_t i = 0; i < count_one; i++) {
        REQUIRE(strcmp(lines_one[i], lines_two[i]) == 0);
        free(lines_one[i]);
        free(lines_two[i]);
    }
    free(lines_one);
    free(lines_two);
    REQUIRE(memcmp(one->totals.outcomes, two->totals.outcomes, sizeof(one->totals.outcomes)) == 0);
    REQUIRE(memcmp(one->totals.bytes, two->totals.bytes, sizeof(one->totals.bytes)) == 0);
    REQUIRE(memcmp(one->totals.tokens, two->totals.tokens, sizeof(one->totals.tokens)) == 0);
}

/* The first byte: a script (script.h), or a capture file as it stands, whose packets may go back in time: then two
 * workers may let connections go at other moments than one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX)
        return 0;
    struct fuzz_input input = fuzz_input(data, size);
    bool is_script = (fuzz_byte(&input) & 1) == 0;
    size_t length = fuzz_left(&input);
    uint8_t *capture = is_script ? script_run(&input, &length) : NULL;
    int fd = fuzz_file(is_script ? capture : input.at, length);
    const char *path = fuzz_path(fd);
    char kept[64];
    strcpy(kept, path);
    struct run one, two;
    read_capture(&one, kept, 1);
    read_capture(&two, kept, 2);
    lines_check_no_token(one.output, one.length);
    lines_check_no_token(two.output, two.length);
    if (is_script)
        compare_runs(&one, &two);
    free(one.output);
    free(two.output);
    free(capture);
    close(fd);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    static const char text[] = "{\"keys\":[{\"kid\":\"a\",\"reason\":\"r\"},{\"kid\":\"b\",\"issuer\":\"i\"}]}";
    struct error error = {""};
    struct key_list *list;
    fuzz_start_eal(128);
    int fd = fuzz_file(text, sizeof(text) - 1);
    REQUIRE(key_list_create(&list) == 0 && key_list_add_file(list, fuzz_path(fd), &error) == 0);
    REQUIRE(key_table_create(list, WORKERS_MAX + 1, &shared.keys, &error) == 0);
    close(fd);
    key_list_destroy(list);
    REQUIRE(capture_register_fields(&error) == 0 && scan_databases_create(&shared.databases, &error) == 0);
    REQUIRE((shared.chunks = chunk_pool_create("fuzz_chunks", CHUNKS, &error)) != NULL);
    return 0;
}

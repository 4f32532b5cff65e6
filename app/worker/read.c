/* SPDX-License-Identifier: BSD-3-Clause */
/* A pipeline for capture files, from EAL's start to its end. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bearertap/eal.h>
#include <bearertap/worker.h>

/* Packets that are under way at once. */
#define MBUFS (1u << 13)

/* For EAL itself, and for what its allocator cannot use between two large pieces. */
#define MEMORY_BESIDE ((size_t)64 << 20)

static bool input_is_live(const char *const *paths, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct stat status;
        bool known = strcmp(paths[i], "-") == 0 ? fstat(STDIN_FILENO, &status) == 0 : stat(paths[i], &status) == 0;
        if (known && !S_ISREG(status.st_mode))
            return true;
    }
    return false;
}

static int read_files(const struct pipeline_options *given, struct capture_files *files, struct pipeline_result *result,
                      struct error *error)
{
    struct capture_source *source = capture_files_source(files);
    struct pipeline_options options = *given;
    struct pipeline *pipeline;
    options.sources = &source;
    options.sources_count = 1;
    int status = pipeline_create(&options, &pipeline, error);
    if (status != 0)
        return status;
    status = pipeline_run(pipeline, error);
    int finished = pipeline_finish(pipeline, error); /* after a failure too: it says how much is lost */
    pipeline_collect(pipeline, result);
    capture_files_summary(files, &result->files);
    result->law_holds = result->law_holds && result->totals.held == 0 && /* nothing is under way any more */
                        result->totals.received == result->files.packets;
    pipeline_close(pipeline);
    return status != 0 ? status : finished;
}

int pipeline_read(const struct pipeline_options *options, const char *const *paths, unsigned paths_count,
                  struct pipeline_result *result, struct error *error)
{
    struct pipeline_options ours = *options;
    static struct capture_files *files; /* its packets may be out to the end: it goes with the process */
    ours.live_input = input_is_live(paths, paths_count);
    memset(result, 0, sizeof(*result));
    unsigned threads = ours.workers + (ours.workers > 1 ? 1 : 0);
    size_t memory = pipeline_bytes(&ours) + capture_files_bytes(MBUFS) + MEMORY_BESIDE;
    int status = eal_check_address_space(memory, pipeline_bytes_outside(&ours), error);
    if (status == 0)
        status = eal_start_for_files(memory, threads + 1, error);
    if (status != 0)
        return status;
    status = capture_register_fields(error);
    if (status == 0)
        status = capture_files_create(paths, paths_count, MBUFS, &files, error);
    if (status == 0)
        status = read_files(&ours, files, result, error);
    eal_stop();
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pipeline as a whole, where the end-to-end tests cannot reach: threads that cannot be started, being told to stop
 * before it begins and after it has ended. A pipeline runs once a process, so each runs in a child.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_launch.h>

#include <bearertap/eal.h>
#include <bearertap/worker.h>

#define CAPTURE "tests/captures/storm-0558.pcap"
#define PACKETS 20 /* as tcpdump counts them */

/* Stands before EAL's own, which uses it too: on each thread once, to see that it is there. The launch of that number,
 * from 1, fails. */
static unsigned launches, failing_launch;
static atomic_uint running; /* of those launched */

static struct {
    lcore_function_t *function;
    void *argument;
} launched[32]; /* by number, none used twice */

static int run_launched(void *argument)
{
    uintptr_t number = (uintptr_t)argument;
    int result = launched[number].function(launched[number].argument);
    atomic_fetch_sub(&running, 1);
    return result;
}

int rte_eal_remote_launch(lcore_function_t *function, void *argument, unsigned lcore)
{
    if (++launches == failing_launch)
        return -EBUSY;
    int (*launch)(lcore_function_t *, void *, unsigned);
    *(void **)&launch = dlsym(RTLD_NEXT, "rte_eal_remote_launch");
    assert_true(launches < sizeof(launched) / sizeof(launched[0]));
    launched[launches].function = function;
    launched[launches].argument = argument;
    atomic_fetch_add(&running, 1);
    return launch(run_launched, (void *)(uintptr_t)launches, lcore);
}

struct outcome_of_run {
    int status;
    unsigned still_running;
    unsigned rounds; /* that the source was asked for, with the first */
    bool asked_early;
    struct pipeline_result result;
    struct error error;
};

static int run_rounds(struct pipeline_options *options, struct outcome_of_run *outcome);
static bool has_rounds;

static void run_pipeline(unsigned workers, struct outcome_of_run *outcome)
{
    static const char *const paths[] = {CAPTURE};
    struct key_list *keys;
    key_list_create(&keys);
    key_list_add_value(keys, "d4b4cccda9228624656bff33d8110955779632aa", NULL);
    struct pipeline_options options = {
        .keys = keys,
        .workers = workers,
        .format = alert_format_find("ecs"),
        .output_fd = open("/dev/null", O_WRONLY),
    };
    if (has_rounds)
        outcome->status = run_rounds(&options, outcome);
    else
        outcome->status = pipeline_read(&options, paths, 1, &outcome->result, &outcome->error);
    outcome->still_running = atomic_load(&running);
    key_list_destroy(keys);
}

/* A source of several rounds, of which each is the capture. */
enum { ROUNDS = 3, MBUFS = 1024 };

static struct {
    struct capture_source source;
    struct capture_files *files[ROUNDS];
    unsigned round;
    const struct pipeline *pipeline;
    bool asked_early;
} rounds;

static int receive_of_round(struct capture_source *source, struct rte_mbuf **mbufs, unsigned max)
{
    (void)source;
    return capture_files_receive(rounds.files[rounds.round], mbufs, max);
}

static bool is_another_round(struct capture_source *source)
{
    (void)source;
    struct pipeline_result so_far;
    pipeline_collect(rounds.pipeline, &so_far);
    rounds.round++;
    rounds.asked_early |= !so_far.law_holds || so_far.totals.received != (uint64_t)rounds.round * PACKETS;
    return rounds.round < ROUNDS;
}

static int run_rounds(struct pipeline_options *options, struct outcome_of_run *outcome)
{
    static const char *const paths[] = {CAPTURE};
    struct capture_source *sources[] = {&rounds.source};
    struct pipeline *pipeline;
    struct error *error = &outcome->error;
    rounds.source = (struct capture_source){.receive = receive_of_round, .again = is_another_round};
    options->sources = sources;
    options->sources_count = 1;
    size_t memory = pipeline_bytes(options) + ROUNDS * capture_files_bytes(MBUFS) + ((size_t)64 << 20);
    int status = eal_start_for_files(memory, options->workers + 2, error);
    if (status == 0)
        status = capture_register_fields(error);
    for (unsigned i = 0; status == 0 && i < ROUNDS; i++)
        status = capture_files_create(paths, 1, MBUFS, &rounds.files[i], error);
    if (status == 0)
        status = pipeline_create(options, &pipeline, error);
    if (status != 0)
        return status;
    rounds.pipeline = pipeline;
    status = pipeline_run(pipeline, error);
    if (status == 0)
        status = pipeline_finish(pipeline, error);
    pipeline_collect(pipeline, &outcome->result);
    outcome->rounds = rounds.round;
    outcome->asked_early = rounds.asked_early;
    return status;
}

/* Runs the pipeline in a child between `before` and `after`, which may be NULL. */
static struct outcome_of_run run_in_child(unsigned workers, void (*before)(void), void (*after)(void))
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static struct outcome_of_run outcome;
        if (before != NULL)
            before();
        run_pipeline(workers, &outcome);
        if (after != NULL)
            after();
        _exit(write(ends[1], &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1);
    }
    close(ends[1]);
    static struct outcome_of_run outcome;
    assert_int_equal(read(ends[0], &outcome, sizeof(outcome)), sizeof(outcome));
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(outcome.still_running, 0);
    return outcome;
}

static void assert_all_was_read(const struct outcome_of_run *outcome)
{
    if (outcome->status != 0)
        fail_msg("%s", outcome->error.text);
    assert_true(outcome->result.law_holds);
    assert_int_equal(outcome->result.files.files_read, 1);
    assert_int_equal(outcome->result.files.packets, PACKETS);
    assert_int_equal(outcome->result.totals.received, PACKETS);
    assert_int_equal(outcome->result.alerts.sightings, 3); /* the manifest's */
}

static void one_worker_and_several_read_the_capture_to_its_end(void **state)
{
    (void)state;
    for (unsigned workers = 1; workers <= 4; workers += 3) {
        struct outcome_of_run outcome = run_in_child(workers, NULL, NULL);
        assert_all_was_read(&outcome);
        assert_false(outcome.result.interrupted);
    }
}

/* When all packets of a round are done; a worker asks its own source, and one that all share is asked for all. */
static void a_source_is_asked_for_another_round_when_the_last_is_done(void **state)
{
    (void)state;
    has_rounds = true;
    for (unsigned workers = 1; workers <= 3; workers++) {
        struct outcome_of_run outcome = run_in_child(workers, NULL, NULL);
        if (outcome.status != 0)
            fail_msg("%s", outcome.error.text);
        assert_int_equal(outcome.rounds, ROUNDS);
        assert_false(outcome.asked_early);
        assert_true(outcome.result.law_holds);
        assert_int_equal(outcome.result.totals.received, ROUNDS * PACKETS);
        assert_int_equal(outcome.result.alerts.sightings, ROUNDS * 3);
    }
    has_rounds = false;
}

/* Those that run already are stopped and waited for: they would else run on in what is taken down under them. */
static void a_thread_that_cannot_be_started_ends_those_that_were(void **state)
{
    (void)state;
    static const unsigned threads_of[] = {[1] = 1, [3] = 4}; /* several workers have a reader beside them */
    for (unsigned workers = 1; workers <= 3; workers += 2)
        for (unsigned thread = 1; thread <= threads_of[workers]; thread++) {
            char expected[64];
            snprintf(expected, sizeof(expected), "cannot start thread %u of %u", thread, threads_of[workers]);
            failing_launch = threads_of[workers] + thread;
            struct outcome_of_run outcome = run_in_child(workers, NULL, NULL);
            assert_int_equal(outcome.status, -EAGAIN);
            assert_non_null(strstr(outcome.error.text, expected));
            assert_int_equal(outcome.result.totals.received, 0);
        }
    failing_launch = 0;
}

static void a_pipeline_told_to_stop_before_it_begins_reads_nothing(void **state)
{
    (void)state;
    struct outcome_of_run outcome = run_in_child(2, pipeline_stop, NULL);
    assert_int_equal(outcome.status, 0);
    assert_true(outcome.result.interrupted);
    assert_true(outcome.result.law_holds);
    assert_int_equal(outcome.result.totals.received, 0);
}

/* A signal may come while the summary is written. */
static void a_pipeline_told_to_stop_after_it_has_ended_does_nothing(void **state)
{
    (void)state;
    struct outcome_of_run outcome = run_in_child(2, NULL, pipeline_stop);
    assert_all_was_read(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_and_several_read_the_capture_to_its_end),
        cmocka_unit_test(a_source_is_asked_for_another_round_when_the_last_is_done),
        cmocka_unit_test(a_thread_that_cannot_be_started_ends_those_that_were),
        cmocka_unit_test(a_pipeline_told_to_stop_before_it_begins_reads_nothing),
        cmocka_unit_test(a_pipeline_told_to_stop_after_it_has_ended_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pipelines on sources that are polled, as `run` has them: they go on until they are stopped, wait for nobody, and
 * account for all that they lost by it. A pipeline runs once a process, so each runs in a child.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include <bearertap/eal.h>
#include <bearertap/packet.h>
#include <bearertap/traffic.h>
#include <bearertap/worker.h>

#define PACKETS   40000 /* ten times what a worker's ring holds */
#define FLOWS     200
#define MBUFS     16383
#define FRAME_MAX 2048 /* of a segment of 1,448 bytes with its headers */

/*
 * Stands before libc's. Whoever has nothing to do naps, and who oversleeps does not wake until all was received, or all
 * was handed out.
 */
enum sleeper { NOBODY, ALERT_SIDE, BOTH_WORKERS };
static enum sleeper oversleeps;
static pthread_t alert_side;
static atomic_bool all_received, all_handed_out;
static atomic_uint workers_asleep;

int nanosleep(const struct timespec *time, struct timespec *left)
{
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof(name));
    while (oversleeps == ALERT_SIDE && pthread_equal(pthread_self(), alert_side) && !atomic_load(&all_received))
        sched_yield();
    if (oversleeps == BOTH_WORKERS && strncmp(name, "worker-", 7) == 0) {
        atomic_fetch_add(&workers_asleep, 1);
        while (!atomic_load(&all_handed_out))
            sched_yield();
    }
    return clock_nanosleep(CLOCK_REALTIME, 0, time, left);
}

/* A live port in small: frames that lie in memory, each once, and then nothing until the end. */
struct tap {
    struct capture_source source;
    uint8_t (*frames)[FRAME_MAX];
    uint32_t lengths[PACKETS];
    struct rte_mempool *pool;
    uint16_t port;       /* of capture_port */
    uint32_t next, step; /* several take turns */
    uint64_t handed_out;
    atomic_uint asked, asked_by_others; /* what time it is, by its own worker and by others */
};

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct tap taps[2];

static uint64_t tell_time(const struct capture_source *source)
{
    char name[16] = "", owner[16];
    struct tap *tap = &taps[source == &taps[1].source];
    snprintf(owner, sizeof(owner), "worker-%d", (int)(tap - taps));
    pthread_getname_np(pthread_self(), name, sizeof(name));
    atomic_fetch_add(strcmp(name, owner) == 0 ? &tap->asked : &tap->asked_by_others, 1);
    return clock_ns();
}

static int receive(struct capture_source *source, struct rte_mbuf **mbufs, unsigned max)
{
    struct tap *tap = (struct tap *)source;
    unsigned count = 0;
    if (oversleeps == BOTH_WORKERS && atomic_load(&workers_asleep) < 2)
        return 0;
    for (; count < max && tap->next < PACKETS; count++, tap->next += tap->step) {
        struct rte_mbuf *mbuf = rte_pktmbuf_alloc(tap->pool);
        if (mbuf == NULL)
            break;
        uint16_t length = (uint16_t)tap->lengths[tap->next];
        memcpy(rte_pktmbuf_append(mbuf, length), tap->frames[tap->next], length);
        mbuf->port = tap->port;
        *capture_time_ns(mbuf) = clock_ns();
        *capture_wire_length(mbuf) = length;
        mbufs[count] = mbuf;
    }
    __atomic_add_fetch(&tap->handed_out, count, __ATOMIC_RELAXED);
    if (tap->next >= PACKETS && count == 0) /* those of the burst before are in their rings, or lost */
        atomic_store(&all_handed_out, true);
    return (int)count;
}

static void require(bool holds)
{
    if (!holds)
        _exit(1);
}

/* What the pipeline ended with. */
struct outcome_of_run {
    struct pipeline_result at_end, stopped;
    uint64_t handed_out, expected, records_lost;
    unsigned asked[2], asked_by_others[2];
    unsigned moments, moments_in_which_the_law_held;
};

static struct pipeline *pipeline;
static struct outcome_of_run outcome;

/* As the control thread: looks again and again, and asks to stop when all that was handed out was received, and each
 * source was idle long enough for somebody to ask it for the time. */
static void *watch(void *argument)
{
    unsigned sources = *(unsigned *)argument;
    for (bool all = false; !all; outcome.moments++) {
        pipeline_collect(pipeline, &outcome.at_end);
        outcome.moments_in_which_the_law_held += outcome.at_end.law_holds;
        uint64_t handed_out = 0;
        for (unsigned i = 0; i < sources; i++)
            handed_out += __atomic_load_n(&taps[i].handed_out, __ATOMIC_RELAXED);
        all = handed_out == PACKETS && outcome.at_end.totals.received == PACKETS;
        for (unsigned i = 0; i < sources; i++)
            all = all && atomic_load(&taps[i].asked) + atomic_load(&taps[i].asked_by_others) > 0;
        sched_yield();
    }
    atomic_store(&all_received, true);
    pipeline_stop();
    return NULL;
}

static void count_sighting(void *context, const struct traffic_sighting *sighting)
{
    (void)sighting;
    ++*(uint64_t *)context;
}

static void make_frames(struct key_list *keys)
{
    const struct traffic_options options = {
        .mix = traffic_mix_find("storm"), .seed = 1, .flows = FLOWS, .keys = 10, .payload_bytes = 1448};
    struct traffic *traffic;
    struct traffic_packet packet;
    require(traffic_create(&options, count_sighting, &outcome.expected, &traffic, NULL) == 0);
    static uint8_t frames[PACKETS][FRAME_MAX];
    for (uint32_t i = 0; i < PACKETS; i++) {
        require(traffic_next(traffic, &packet) && packet.length <= FRAME_MAX);
        memcpy(frames[i], packet.bytes, packet.length);
        for (unsigned j = 0; j < 2; j++) {
            taps[j].frames = frames;
            taps[j].lengths[i] = packet.length;
        }
    }
    traffic_destroy(traffic);
    for (uint32_t i = 0; i < options.keys; i++) {
        char id[TRAFFIC_KEY_ID_MAX];
        traffic_key_id(options.seed, i, id);
        require(key_list_add_value(keys, id, NULL) == 0);
    }
}

static void run(unsigned workers, unsigned sources, enum sleeper who_oversleeps)
{
    struct error error;
    struct capture_source *source[2] = {&taps[0].source, &taps[1].source};
    struct key_list *keys;
    pthread_t watcher;
    require(key_list_create(&keys) == 0);
    make_frames(keys);
    struct pipeline_options options = {
        .sources = source,
        .sources_count = sources,
        .keys = keys,
        .workers = workers,
        .format = alert_format_find("ecs"),
        .output_fd = open("/dev/null", O_WRONLY),
    };
    for (unsigned i = 0; i < sources; i++)
        taps[i].source = (struct capture_source){.receive = receive, .now_ns = tell_time};
    size_t memory = pipeline_bytes(&options) + ((size_t)sources * MBUFS * 2560) + ((size_t)64 << 20);
    require(eal_start_for_files(memory, workers + 2, &error) == 0);
    require(capture_register_fields(&error) == 0);
    for (unsigned i = 0; i < sources; i++) {
        char name[16];
        snprintf(name, sizeof(name), "tap%u", i);
        taps[i].pool = rte_pktmbuf_pool_create(name, MBUFS, 128, 0, FRAME_MAX + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
        require(taps[i].pool != NULL);
        taps[i].port = capture_port_enter(LINK_ETHERNET, (const uint8_t *)"tap", 3); /* before there are threads */
        taps[i].next = i;
        taps[i].step = sources;
    }
    require(pipeline_create(&options, &pipeline, &error) == 0);
    require(pthread_create(&watcher, NULL, watch, &sources) == 0);
    oversleeps = who_oversleeps; /* EAL naps, too, in its start */
    require(pipeline_run(pipeline, &error) == 0);
    pthread_join(watcher, NULL);
    require(pipeline_finish(pipeline, &error) == 0);
    pipeline_collect(pipeline, &outcome.stopped);
    for (unsigned i = 0; i < pipeline_threads(pipeline); i++) {
        struct pipeline_thread thread;
        pipeline_collect_thread(pipeline, i, &thread);
        outcome.records_lost += thread.records_lost;
    }
    for (unsigned i = 0; i < sources; i++)
        outcome.handed_out += taps[i].handed_out;
    for (unsigned i = 0; i < sources; i++) {
        outcome.asked[i] = atomic_load(&taps[i].asked);
        outcome.asked_by_others[i] = atomic_load(&taps[i].asked_by_others);
    }
    pipeline_close(pipeline);
}

static void run_in_child(unsigned workers, unsigned sources, enum sleeper who_oversleeps)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        memset(&outcome, 0, sizeof(outcome));
        alert_side = pthread_self();
        run(workers, sources, who_oversleeps);
        _exit(write(ends[1], &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], &outcome, sizeof(outcome));
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(length, sizeof(outcome));
    assert_int_equal(outcome.handed_out, PACKETS);
    assert_int_equal(outcome.stopped.totals.received, PACKETS);
    assert_true(outcome.stopped.law_holds);
    assert_int_equal(outcome.stopped.totals.held, 0);
    assert_int_equal(outcome.moments_in_which_the_law_held, outcome.moments);
}

/* Every revoked token is found, in the packets' own order: each connection comes from one source. */
static void a_worker_with_its_own_queue_finds_all_of_it_and_ends_when_it_is_told(void **state)
{
    (void)state;
    run_in_child(1, 1, NOBODY);
    const struct pipeline_result stopped = outcome.stopped;
    assert_true(outcome.expected > 3000);
    assert_int_equal(stopped.totals.outcomes[OUTCOME_RING_FULL], 0);
    assert_int_equal(stopped.alerts.sightings + outcome.records_lost, outcome.expected);
}

/* Another's would be in another CPU's cache. */
static void a_worker_asks_its_own_source_what_time_it_is(void **state)
{
    (void)state;
    run_in_child(2, 2, NOBODY);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(outcome.asked[i] > 0);
        assert_int_equal(outcome.asked_by_others[i], 0);
    }
}

/* The reader does not wait for them. */
static void what_a_worker_has_no_room_for_is_lost_and_counted(void **state)
{
    (void)state;
    run_in_child(2, 1, BOTH_WORKERS);
    const struct pipeline_result stopped = outcome.stopped;
    assert_true(stopped.totals.outcomes[OUTCOME_RING_FULL] > 0);
    assert_true(stopped.totals.bytes[BYTES_RING_FULL] > 0);
    assert_true(stopped.totals.outcomes[OUTCOME_INSPECTED] > 0);
}

static void what_the_alert_side_is_too_slow_for_is_lost_and_counted(void **state)
{
    (void)state;
    run_in_child(1, 1, ALERT_SIDE);
    const struct pipeline_result stopped = outcome.stopped;
    assert_true(stopped.totals.events[EVENT_RECORDS_LOST] > 0);
    assert_true(outcome.records_lost >= stopped.totals.events[EVENT_RECORDS_LOST]);
    assert_true(stopped.alerts.sightings > 0);
    assert_int_equal(stopped.alerts.sightings + outcome.records_lost, outcome.expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_with_its_own_queue_finds_all_of_it_and_ends_when_it_is_told),
        cmocka_unit_test(a_worker_asks_its_own_source_what_time_it_is),
        cmocka_unit_test(what_a_worker_has_no_room_for_is_lost_and_counted),
        cmocka_unit_test(what_the_alert_side_is_too_slow_for_is_lost_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that lie in chains of mbufs, as a NIC hands out what is longer than its buffers, or splits headers off: a
 * pipeline must make the same of them as of packets in one piece. A pipeline of files runs once a process, so each runs
 * in a child.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include <bearertap/eal.h>
#include <bearertap/packet.h>
#include <bearertap/worker.h>

#define MBUFS        8192
#define PIECES       (1u << 16)
#define PIECE_MAX    2048
#define HEADERS_MOST 134 /* Ethernet, and IPv4 and TCP with all their options: these lie in a packet's first mbuf */

/* Cuts what another source gives. */
struct chains {
    struct capture_source source;
    struct capture_source *from;
    struct rte_mempool *pool;
    uint32_t most; /* of a piece behind the first */
    uint32_t state;
};

static uint32_t random_below(struct chains *chains, uint32_t bound)
{
    chains->state = chains->state * 1664525 + 1013904223;
    return (chains->state >> 8) % bound;
}

static struct rte_mbuf *chain_of(struct chains *chains, struct rte_mbuf *packet)
{
    struct rte_mbuf *first = NULL, **link = &first;
    uint8_t *bytes = rte_pktmbuf_mtod(packet, uint8_t *);
    uint32_t length = packet->pkt_len, pieces = 0;
    for (uint32_t done = 0, here; done < length; done += here, pieces++) {
        struct rte_mbuf *piece = rte_pktmbuf_alloc(chains->pool);
        here = done == 0 ? HEADERS_MOST : 1 + random_below(chains, chains->most);
        here = here < length - done ? here : length - done;
        if (piece == NULL)
            _exit(2);
        memcpy(rte_pktmbuf_append(piece, (uint16_t)here), bytes + done, here);
        *link = piece;
        link = &piece->next;
    }
    first->pkt_len = length;
    first->nb_segs = (uint16_t)pieces;
    first->port = packet->port;
    *capture_time_ns(first) = *capture_time_ns(packet);
    *capture_wire_length(first) = *capture_wire_length(packet);
    return first;
}

static int receive_chains(struct capture_source *source, struct rte_mbuf **mbufs, unsigned max)
{
    struct chains *chains = (struct chains *)source;
    struct rte_mbuf *packets[BURST_MAX];
    int count = chains->from->receive(chains->from, packets, max < BURST_MAX ? max : BURST_MAX);
    for (int i = 0; i < count; i++)
        mbufs[i] = chain_of(chains, packets[i]);
    if (count > 0)
        capture_release(packets, (unsigned)count);
    return count;
}

struct outcome_of_run {
    struct pipeline_result result;
    unsigned mbufs_lost;
};

static void require(int status)
{
    if (status != 0)
        _exit(1);
}

/* `most` 0: in one piece. */
static void run(const char *path, unsigned workers, uint32_t most, struct outcome_of_run *outcome)
{
    struct error error;
    struct capture_files *files;
    struct pipeline *pipeline;
    struct chains chains = {.source = {.receive = receive_chains}, .most = most, .state = 1};
    struct capture_source *source;
    struct key_list *keys;
    require(key_list_create(&keys));
    require(key_list_add_file(keys, "tests/captures/revoked.jwks.json", &error));
    struct pipeline_options options = {
        .sources = &source,
        .sources_count = 1,
        .keys = keys,
        .workers = workers,
        .all_tokens = true,
        .format = alert_format_find("ecs"),
        .output_fd = open("/dev/null", O_WRONLY),
    };
    require(eal_start_for_files(pipeline_bytes(&options) + capture_files_bytes(MBUFS) + ((size_t)400 << 20),
                                workers + 2, &error));
    require(capture_register_fields(&error));
    require(capture_files_create(&path, 1, MBUFS, &files, &error));
    source = capture_files_source(files);
    chains.from = source;
    chains.pool = rte_pktmbuf_pool_create("pieces", PIECES, 0, 0, PIECE_MAX + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    require(chains.pool == NULL);
    if (most > 0)
        source = &chains.source;
    require(pipeline_create(&options, &pipeline, &error));
    require(pipeline_run(pipeline, &error));
    require(pipeline_finish(pipeline, &error));
    pipeline_collect(pipeline, &outcome->result);
    pipeline_close(pipeline);
    outcome->mbufs_lost = rte_mempool_in_use_count(chains.pool);
}

static struct outcome_of_run run_in_child(const char *path, unsigned workers, uint32_t most)
{
    int ends[2], status;
    static struct outcome_of_run outcome;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        run(path, workers, most, &outcome);
        _exit(write(ends[1], &outcome, sizeof(outcome)) == sizeof(outcome) ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &outcome, sizeof(outcome)), sizeof(outcome));
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(outcome.result.law_holds);
    assert_int_equal(outcome.mbufs_lost, 0);
    return outcome;
}

static void packets_in_chains_are_read_as_those_in_one_piece(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "tests/captures/offload.pcap", /* segments of up to 17 KB */
        "tests/captures/placements.pcap",
        "tests/captures/lossy-tap.pcap",
    };
    static const struct {
        unsigned workers;
        uint32_t most;
    } runs[] = {{1, 1}, {1, 100}, {2, PIECE_MAX}};
    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct outcome_of_run whole = run_in_child(paths[i], 1, 0);
        assert_true(whole.result.alerts.sightings > 0);
        for (unsigned j = 0; j < sizeof(runs) / sizeof(runs[0]); j++) {
            struct outcome_of_run cut = run_in_child(paths[i], runs[j].workers, runs[j].most);
            assert_int_equal(cut.result.alerts.sightings, whole.result.alerts.sightings);
            if (runs[j].workers == 1) /* else the reader counts packets too */
                assert_memory_equal(&cut.result.totals, &whole.result.totals, sizeof(whole.result.totals));
            else
                assert_memory_equal(cut.result.totals.bytes, whole.result.totals.bytes,
                                    sizeof(whole.result.totals.bytes));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_in_chains_are_read_as_those_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

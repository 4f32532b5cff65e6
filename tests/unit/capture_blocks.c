/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of mbufs and blocks, and reading from pipes. */
#include "capture_support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

/* About 60 MiB, far more than all blocks together, in packets of changing length: they fall on the blocks' borders in
 * every way, and only blocks that came back can hold them. */
static void a_file_of_any_size_passes_through_few_blocks(void **state)
{
    (void)state;
    struct file file = {0};
    put_pcap_header(&file, false, ETHERNET);
    unsigned packets = 0;
    for (uint32_t length = 0; file.length < 60u << 20; length = (length * 7 + 3) % 9001)
        put_pcap_packet(&file, packets++, 0, length, length);
    const char *path = store("large", file.bytes, file.length);
    struct capture_files *files;
    assert_int_equal(capture_files_create(&path, 1, 256, &files, NULL), 0);
    struct rte_mbuf *mbufs[64];
    unsigned seen = 0;
    uint32_t length = 0;
    int count;
    while ((count = capture_files_receive(files, mbufs, 64)) > 0) {
        for (int i = 0; i < count; i++, seen++, length = (length * 7 + 3) % 9001) {
            struct packet packet;
            packet_copy(&packet, mbufs[i]);
            assert_int_equal(packet.length, length);
            assert_pattern(&packet);
            free(packet.bytes);
        }
        if (seen % 2 == 0) /* both ways of freeing */
            capture_release(mbufs, (unsigned)count);
        else
            rte_pktmbuf_free_bulk(mbufs, (unsigned)count);
    }
    assert_int_equal(count, 0);
    assert_int_equal(seen, packets);
    capture_files_destroy(files);
    file_free(&file);
}

/* Takes packets without freeing any until there are no more to be had, frees them all, and so on to the end. */
static void hold_and_release(uint32_t packet_length, unsigned packets, unsigned mbufs_given)
{
    struct file file = {0};
    put_pcap_header(&file, false, ETHERNET);
    for (unsigned i = 0; i < packets; i++)
        put_pcap_packet(&file, i, 0, packet_length, packet_length);
    const char *path = store("held", file.bytes, file.length);
    struct capture_files *files;
    assert_int_equal(capture_files_create(&path, 1, mbufs_given, &files, NULL), 0);
    struct rte_mbuf **held = calloc(packets, sizeof(struct rte_mbuf *));
    assert_non_null(held);
    unsigned seen = 0, holding = 0, refusals = 0;
    for (;;) {
        int count = capture_files_receive(files, held + holding, RTE_MIN(packets - seen, 32u) + (seen == packets));
        if (count > 0) {
            holding += (unsigned)count;
            seen += (unsigned)count;
            continue;
        }
        for (unsigned i = 0; i < holding; i++) { /* held for long, and nobody wrote over them */
            struct packet packet;
            packet_copy(&packet, held[i]);
            assert_pattern(&packet);
            assert_true(packet.time_ns == (seen - holding + i) * UINT64_C(1000000000));
            free(packet.bytes);
        }
        capture_release(held, holding);
        if (count == 0)
            break;
        assert_int_equal(count, -EAGAIN);
        assert_int_equal(holding > 0, 1); /* or it would never go on */
        holding = 0;
        refusals++;
    }
    assert_int_equal(seen, packets);
    assert_true(refusals > 1);
    free(held);
    capture_files_destroy(files);
    file_free(&file);
}

static void when_mbufs_are_short_it_says_so_and_goes_on_later(void **state)
{
    (void)state;
    hold_and_release(40, 3000, 256);
    for (unsigned mbufs = 60; mbufs < 66; mbufs++) /* any number is left when a chain of three is wanted */
        hold_and_release(140000, 150, mbufs);
}

static void when_blocks_are_short_it_says_so_and_goes_on_later(void **state)
{
    (void)state;
    hold_and_release(200000, 200, 2048);
}

struct freed_elsewhere {
    struct rte_mbuf *mbufs[64];
    unsigned count;
};

static void *free_elsewhere(void *argument)
{
    struct freed_elsewhere *freed = argument;
    capture_release(freed->mbufs, freed->count);
    return NULL;
}

static void any_thread_frees(void **state)
{
    (void)state;
    struct file file = {0};
    put_pcap_header(&file, false, ETHERNET);
    for (unsigned i = 0; i < 20000; i++)
        put_pcap_packet(&file, i, 0, 1000, 1000);
    const char *path = store("threads", file.bytes, file.length);
    struct capture_files *files;
    assert_int_equal(capture_files_create(&path, 1, 512, &files, NULL), 0);
    struct freed_elsewhere freed[4];
    unsigned seen = 0;
    for (bool ended = false; !ended;) {
        pthread_t threads[4];
        for (unsigned i = 0; i < 4; i++) { /* each has packets of the same blocks */
            int count = capture_files_receive(files, freed[i].mbufs, 64);
            assert_true(count >= 0);
            freed[i].count = (unsigned)count;
            seen += freed[i].count;
            ended = count == 0;
        }
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, free_elsewhere, &freed[i]), 0);
        for (unsigned i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    assert_int_equal(seen, 20000);
    capture_files_destroy(files);
    file_free(&file);
}

static void mbufs_with_a_second_holder_keep_their_bytes(void **state)
{
    (void)state;
    struct file file = {0};
    put_pcap_header(&file, false, ETHERNET);
    for (unsigned i = 0; i < 10000; i++) /* more than all blocks hold */
        put_pcap_packet(&file, 1, 0, 1400, 1400 + i);
    const char *path = store("shared", file.bytes, file.length);
    struct capture_files *files;
    assert_int_equal(capture_files_create(&path, 1, 256, &files, NULL), 0);
    struct rte_mbuf *mbuf, *others[64];
    assert_int_equal(capture_files_receive(files, &mbuf, 1), 1);
    rte_mbuf_refcnt_update(mbuf, 1);
    capture_release(&mbuf, 1);
    int count;
    while ((count = capture_files_receive(files, others, 64)) > 0)
        capture_release(others, (unsigned)count);
    assert_int_equal(count, 0);
    struct packet packet;
    packet_copy(&packet, mbuf);
    assert_int_equal(packet.wire, 1400);
    assert_pattern(&packet);
    free(packet.bytes);
    capture_release(&mbuf, 1);
    capture_files_destroy(files);
    file_free(&file);
}

/* Pipes */

struct pipe_source {
    struct capture_files *files;
    int end; /* to write to */
    int stdin_kept;
};

static void pipe_open(struct pipe_source *source)
{
    static const char *const path = "-";
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    source->stdin_kept = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    source->end = ends[1];
    assert_int_equal(capture_files_create(&path, 1, 256, &source->files, NULL), 0);
}

static void pipe_close(struct pipe_source *source)
{
    capture_files_destroy(source->files);
    if (source->end >= 0)
        close(source->end);
    dup2(source->stdin_kept, STDIN_FILENO);
    close(source->stdin_kept);
}

static void a_packet_from_a_pipe_arrives_before_the_next_is_written(void **state)
{
    (void)state;
    for (unsigned pcapng = 0; pcapng < 2; pcapng++) {
        struct pipe_source source;
        struct file file = {0};
        size_t header_end, ends[SMALL_FILE_PACKETS], written = 0;
        write_small_file(&file, pcapng, &header_end, ends);
        pipe_open(&source);
        for (unsigned i = 0; i < SMALL_FILE_PACKETS; i++) {
            assert_int_equal(write(source.end, file.bytes + written, ends[i] - written), ends[i] - written);
            written = ends[i];
            struct rte_mbuf *mbufs[8];
            assert_int_equal(capture_files_receive(source.files, mbufs, 8), 1); /* or it hangs here */
            capture_release(mbufs, 1);
        }
        pipe_close(&source);
        file_free(&file);
    }
}

struct slow_writer {
    const struct file *file;
    int end;
};

static void *write_slowly(void *argument)
{
    struct slow_writer *writer = argument;
    for (size_t i = 0; i < writer->file->length; i++)
        if (write(writer->end, writer->file->bytes + i, 1) != 1)
            break;
    close(writer->end);
    return NULL;
}

static void a_pipe_may_give_single_bytes(void **state)
{
    (void)state;
    for (unsigned pcapng = 0; pcapng < 2; pcapng++) {
        struct pipe_source source;
        struct file file = {0};
        if (pcapng) {
            put_section(&file);
            put_interface(&file, ETHERNET, 0, NULL);
        } else {
            put_pcap_header(&file, false, ETHERNET);
        }
        for (unsigned i = 0; i < 100; i++) {
            if (pcapng)
                put_enhanced(&file, 0, i, i, i);
            else
                put_pcap_packet(&file, i, 0, i, i);
        }
        pipe_open(&source);
        struct slow_writer writer = {&file, source.end};
        source.end = -1;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, write_slowly, &writer), 0);
        struct rte_mbuf *mbufs[8];
        unsigned seen = 0;
        int count;
        while ((count = capture_files_receive(source.files, mbufs, 8)) > 0 || count == -EINTR) {
            for (int i = 0; i < count; i++, seen++) {
                struct packet packet;
                packet_copy(&packet, mbufs[i]);
                assert_int_equal(packet.length, seen);
                assert_pattern(&packet);
                free(packet.bytes);
            }
            if (count > 0)
                capture_release(mbufs, (unsigned)count);
        }
        assert_int_equal(count, 0);
        assert_int_equal(seen, 100);
        pthread_join(thread, NULL);
        struct capture_files_summary summary;
        capture_files_summary(source.files, &summary);
        assert_int_equal(summary.files_cut, 0);
        pipe_close(&source);
        file_free(&file);
    }
}

static void wake(int number)
{
    (void)number;
}

static void a_signal_interrupts_the_wait_for_a_pipe(void **state)
{
    (void)state;
    struct pipe_source source;
    pipe_open(&source);
    struct sigaction action = {.sa_handler = wake}; /* without SA_RESTART */
    sigaction(SIGALRM, &action, NULL);
    struct itimerval soon = {.it_value = {.tv_usec = 20000}, .it_interval = {.tv_usec = 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    struct rte_mbuf *mbuf;
    int result = capture_files_receive(source.files, &mbuf, 1);
    struct itimerval never = {0};
    setitimer(ITIMER_REAL, &never, NULL);
    assert_int_equal(result, -EINTR);
    pipe_close(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_any_size_passes_through_few_blocks),
        cmocka_unit_test(when_mbufs_are_short_it_says_so_and_goes_on_later),
        cmocka_unit_test(when_blocks_are_short_it_says_so_and_goes_on_later),
        cmocka_unit_test(any_thread_frees),
        cmocka_unit_test(mbufs_with_a_second_holder_keep_their_bytes),
        cmocka_unit_test(a_packet_from_a_pipe_arrives_before_the_next_is_written),
        cmocka_unit_test(a_pipe_may_give_single_bytes),
        cmocka_unit_test(a_signal_interrupts_the_wait_for_a_pipe),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture file, read as a file and as a pipe that gives it in small pieces: both must hand out the same packets, and
 * their bytes must stand in the file, in order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearertap/capture.h>

#include "ports.h"
#include "support.h"

#define FILE_MAX    60000
#define PACKETS_MAX 8192
#define MBUFS       512

struct packet {
    uint64_t time_ns;
    uint32_t length, wire;
    uint16_t port;
    size_t offset; /* in `bytes` */
};

struct received {
    unsigned count;
    struct packet packets[PACKETS_MAX];
    size_t length;
    uint8_t bytes[FILE_MAX];
    struct capture_files_summary summary;
};

static void take_packet(struct received *received, struct rte_mbuf *mbuf)
{
    const char *reason;
    REQUIRE(rte_mbuf_check(mbuf, 1, &reason) == 0 && received->count < PACKETS_MAX);
    struct packet *packet = &received->packets[received->count++];
    *packet = (struct packet){.time_ns = *capture_time_ns(mbuf),
                              .length = rte_pktmbuf_pkt_len(mbuf),
                              .wire = *capture_wire_length(mbuf),
                              .port = mbuf->port,
                              .offset = received->length};
    REQUIRE(packet->wire >= packet->length && capture_port(packet->port) != NULL);
    for (const struct rte_mbuf *piece = mbuf; piece != NULL; piece = piece->next) {
        REQUIRE(piece->data_len <= FILE_MAX - received->length);
        memcpy(received->bytes + received->length, rte_pktmbuf_mtod(piece, const uint8_t *), piece->data_len);
        received->length += piece->data_len;
    }
    REQUIRE(received->length - packet->offset == packet->length);
}

static void receive_all(struct received *received, int fd)
{
    struct error error = {""};
    struct capture_files *files;
    const char *path = fuzz_path(fd);
    received->count = 0;
    received->length = 0;
    REQUIRE(capture_files_create(&path, 1, MBUFS, &files, &error) == 0);
    struct rte_mbuf *mbufs[64];
    int count;
    while ((count = capture_files_receive(files, mbufs, 64)) > 0 || count == -EINTR) {
        for (int i = 0; i < count; i++)
            take_packet(received, mbufs[i]);
        if (count > 0)
            capture_release(mbufs, (unsigned)count);
    }
    REQUIRE(count == 0 && capture_files_receive(files, mbufs, 64) == 0);
    capture_files_summary(files, &received->summary);
    capture_files_destroy(files);
    close(fd);
    REQUIRE(received->summary.packets == received->count);
    REQUIRE(received->summary.files_read + received->summary.files_failed == 1);
}

static void check_place(const struct received *received, const uint8_t *data, size_t size)
{
    size_t from = 0;
    for (unsigned i = 0; i < received->count; i++) {
        const struct packet *packet = &received->packets[i];
        if (packet->length == 0)
            continue;
        const uint8_t *found = memmem(data + from, size - from, received->bytes + packet->offset, packet->length);
        REQUIRE(found != NULL);
        from = (size_t)(found - data) + packet->length;
    }
}

/* The first byte is the size of the pieces in which the pipe gives the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct received file, pipe;
    if (size < 1 || size > FILE_MAX)
        return 0;
    fuzz_forget_ports();
    receive_all(&file, fuzz_file(data + 1, size - 1));
    check_place(&file, data + 1, size - 1);
    receive_all(&pipe, fuzz_pipe(data + 1, size - 1, (size_t)data[0] + 1));
    REQUIRE(file.count == pipe.count && file.length == pipe.length);
    REQUIRE(memcmp(file.bytes, pipe.bytes, file.length) == 0);
    for (unsigned i = 0; i < file.count; i++) {
        const struct packet *a = &file.packets[i], *b = &pipe.packets[i];
        REQUIRE(a->time_ns == b->time_ns && a->length == b->length && a->wire == b->wire && a->port == b->port);
    }
    REQUIRE(file.summary.files_read == pipe.summary.files_read && file.summary.files_cut == pipe.summary.files_cut);
    REQUIRE(file.summary.unsupported_packets == pipe.summary.unsupported_packets);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct error error = {""};
    (void)argc, (void)argv;
    fuzz_start_eal(64);
    REQUIRE(capture_register_fields(&error) == 0);
    return 0;
}

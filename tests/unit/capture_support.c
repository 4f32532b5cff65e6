/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture_support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

void put(struct file *file, const void *bytes, size_t length)
{
    if (file->room - file->length < length) {
        file->room = (file->length + length) * 2 + 64;
        file->bytes = realloc(file->bytes, file->room);
        assert_non_null(file->bytes);
    }
    if (length > 0)
        memcpy(file->bytes + file->length, bytes, length);
    file->length += length;
}

void file_free(struct file *file)
{
    free(file->bytes);
    memset(file, 0, sizeof(*file));
}

static void put_number(struct file *file, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (file->big ? 8 * (bytes - 1 - i) : 8 * i));
        put(file, &byte, 1);
    }
}

void put_16(struct file *file, uint16_t value)
{
    put_number(file, value, 2);
}

void put_32(struct file *file, uint32_t value)
{
    put_number(file, value, 4);
}

void put_64(struct file *file, uint64_t value)
{
    put_number(file, value, 8);
}

uint8_t pattern(uint32_t seed, size_t index)
{
    return (uint8_t)(seed * 131 + index * 7 + (index >> 8));
}

void put_pattern(struct file *file, size_t length, uint32_t seed)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = pattern(seed, i);
        put(file, &byte, 1);
    }
}

void put_pcap_header(struct file *file, bool nanoseconds, uint32_t link_number)
{
    put_32(file, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
    put_16(file, 2);
    put_16(file, 4);
    put_32(file, 0);
    put_32(file, 0);
    put_32(file, 262144);
    put_32(file, link_number);
}

void put_pcap_packet(struct file *file, uint32_t seconds, uint32_t fraction, uint32_t captured, uint32_t wire)
{
    put_32(file, seconds);
    put_32(file, fraction);
    put_32(file, captured);
    put_32(file, wire);
    put_pattern(file, captured, wire);
}

static void put_padding(struct file *file, size_t length)
{
    put(file, "\0\0\0", (4 - length % 4) % 4);
}

void put_block(struct file *file, uint32_t type, const void *body, uint32_t length)
{
    uint32_t total = (length + 3) / 4 * 4 + 12;
    put_32(file, type);
    put_32(file, total);
    put(file, body, length);
    put_padding(file, length);
    put_32(file, total);
}

void put_section(struct file *file)
{
    struct file body = {.big = file->big};
    put_32(&body, 0x1a2b3c4d);
    put_16(&body, 1);
    put_16(&body, 0);
    put_64(&body, UINT64_MAX);
    put_block(file, 0x0a0d0d0a, body.bytes, (uint32_t)body.length);
    file_free(&body);
}

void put_option(struct file *options, uint16_t code, const void *value, uint16_t length)
{
    put_16(options, code);
    put_16(options, length);
    put(options, value, length);
    put_padding(options, length);
}

void put_interface(struct file *file, uint16_t link_number, uint32_t snap_length, const struct file *options)
{
    struct file body = {.big = file->big};
    put_16(&body, link_number);
    put_16(&body, 0);
    put_32(&body, snap_length);
    if (options != NULL) {
        put(&body, options->bytes, options->length);
        put_32(&body, 0);
    }
    put_block(file, 1, body.bytes, (uint32_t)body.length);
    file_free(&body);
}

void put_enhanced(struct file *file, uint32_t interface, uint64_t ticks, uint32_t captured, uint32_t wire)
{
    struct file body = {.big = file->big};
    put_32(&body, interface);
    put_32(&body, (uint32_t)(ticks >> 32));
    put_32(&body, (uint32_t)ticks);
    put_32(&body, captured);
    put_32(&body, wire);
    put_pattern(&body, captured, wire);
    put_block(file, 6, body.bytes, (uint32_t)body.length);
    file_free(&body);
}

void write_small_file(struct file *file, bool pcapng, size_t *header_end, size_t ends[SMALL_FILE_PACKETS])
{
    static const uint32_t lengths[SMALL_FILE_PACKETS] = {17, 0, 60};
    if (pcapng) {
        put_section(file);
        *header_end = 16; /* as much of it as is understood at once */
        put_interface(file, ETHERNET, 0, NULL);
    } else {
        put_pcap_header(file, false, ETHERNET);
        *header_end = file->length;
    }
    for (unsigned i = 0; i < SMALL_FILE_PACKETS; i++) {
        size_t begin = file->length;
        if (pcapng)
            put_enhanced(file, 0, i, lengths[i], lengths[i]);
        else
            put_pcap_packet(file, i, 0, lengths[i], lengths[i]);
        ends[i] = begin + (pcapng ? 28 : 16) + lengths[i];
    }
}

static char directory[] = "/tmp/bearertap-capture-XXXXXX";

const char *test_directory(void)
{
    return directory;
}

const char *store(const char *name, const uint8_t *bytes, size_t length)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    for (size_t done = 0; done < length;) {
        ssize_t written = write(fd, bytes + done, length - done);
        assert_true(written > 0);
        done += (size_t)written;
    }
    close(fd);
    return path;
}

static int messages_fd = -1, stderr_fd = -1;

void messages_begin(void)
{
    fflush(stderr);
    stderr_fd = dup(STDERR_FILENO);
    messages_fd = memfd_create("messages", 0);
    dup2(messages_fd, STDERR_FILENO);
}

void messages_end(char *text, size_t size)
{
    fflush(stderr);
    dup2(stderr_fd, STDERR_FILENO);
    ssize_t length = pread(messages_fd, text, size - 1, 0);
    text[length < 0 ? 0 : length] = '\0';
    close(stderr_fd);
    close(messages_fd);
}

void packet_copy(struct packet *packet, const struct rte_mbuf *mbuf)
{
    packet->time_ns = *capture_time_ns((struct rte_mbuf *)(uintptr_t)mbuf);
    packet->wire = *capture_wire_length((struct rte_mbuf *)(uintptr_t)mbuf);
    packet->length = rte_pktmbuf_pkt_len(mbuf);
    packet->port = mbuf->port;
    packet->segments = mbuf->nb_segs;
    packet->bytes = malloc(packet->length + 1);
    assert_non_null(packet->bytes);
    const char *reason;
    if (rte_mbuf_check(mbuf, 1, &reason) != 0)
        fail_msg("not a sound mbuf: %s", reason);
    uint32_t length = 0;
    for (; mbuf != NULL; mbuf = mbuf->next) {
        memcpy(packet->bytes + length, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len);
        length += mbuf->data_len;
    }
    assert_int_equal(length, packet->length);
}

void assert_pattern(const struct packet *packet)
{
    for (uint32_t i = 0; i < packet->length; i++)
        if (packet->bytes[i] != pattern(packet->wire, i))
            fail_msg("byte %u of a packet of %u bytes is wrong", i, packet->length);
}

void receive_paths(struct received *received, const char *const *paths, unsigned count)
{
    memset(received, 0, sizeof(*received));
    struct error error = {0};
    struct capture_files *files = NULL;
    if (capture_files_create(paths, count, 512, &files, &error) != 0)
        fail_msg("%s", error.text);
    messages_begin();
    struct rte_mbuf *mbufs[32];
    unsigned room = 0;
    int result;
    while ((result = capture_files_receive(files, mbufs, 32)) > 0 || result == -EINTR) {
        for (int i = 0; i < result; i++) {
            if (received->count == room) {
                room = 2 * room + 32;
                received->packets = realloc(received->packets, room * sizeof(struct packet));
                assert_non_null(received->packets);
            }
            packet_copy(&received->packets[received->count++], mbufs[i]);
        }
        if (result > 0)
            capture_release(mbufs, (unsigned)result);
    }
    messages_end(received->messages, sizeof(received->messages));
    assert_int_equal(result, 0);
    assert_int_equal(capture_files_receive(files, mbufs, 32), 0); /* the end stays the end */
    capture_files_summary(files, &received->summary);
    capture_files_destroy(files);
    assert_int_equal(received->summary.packets, received->count);
}

void receive_bytes(struct received *received, const uint8_t *bytes, size_t length)
{
    const char *path = store("file", bytes, length);
    receive_paths(received, &path, 1);
}

void receive_file(struct received *received, const struct file *file)
{
    receive_bytes(received, file->bytes, file->length);
}

void received_free(struct received *received)
{
    for (unsigned i = 0; i < received->count; i++)
        free(received->packets[i].bytes);
    free(received->packets);
    memset(received, 0, sizeof(*received));
}

void assert_says(const struct received *received, const char *text)
{
    if (strstr(received->messages, text) == NULL)
        fail_msg("not said: \"%s\"; but: %s", text, received->messages);
}

unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;
    for (; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

unsigned drain(struct ports *ports, unsigned source)
{
    struct rte_mbuf *mbufs[64];
    struct capture_source *from = ports_source(ports, source);
    unsigned taken = 0;
    for (int count; (count = from->receive(from, mbufs, 64)) > 0; taken += (unsigned)count)
        rte_pktmbuf_free_bulk(mbufs, (unsigned)count);
    return taken;
}

int support_set_up(void **state)
{
    (void)state;
    char arguments[][24] = {"test_capture", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                            "-m",           "256",       "--lcores",    "0",        "--log-level=warning"};
    char *pointers[RTE_DIM(arguments)];
    for (size_t i = 0; i < RTE_DIM(arguments); i++)
        pointers[i] = arguments[i];
    if (rte_eal_init((int)RTE_DIM(arguments), pointers) < 0)
        return -1;
    struct error error;
    if (capture_register_fields(&error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return -1;
    }
    return mkdtemp(directory) == NULL ? -1 : 0;
}

int support_tear_down(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    int status = system(command);
    rte_eal_cleanup();
    return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_CAPTURE_SUPPORT_H
#define BEARERTAP_TESTS_UNIT_CAPTURE_SUPPORT_H

/* Capture files written byte by byte, and what capture_files makes of them, for the tests of capture. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bearertap/capture.h>
#include <bearertap/ports.h>

#define ETHERNET 1 /* LINKTYPE_ */

/* A file being written. `big` is the byte order of what is put next. */
struct file {
    uint8_t *bytes;
    size_t length, room;
    bool big;
};

void put(struct file *file, const void *bytes, size_t length);
void put_16(struct file *file, uint16_t value);
void put_32(struct file *file, uint32_t value);
void put_64(struct file *file, uint64_t value);
void put_pattern(struct file *file, size_t length, uint32_t seed); /* `length` bytes that depend on the seed */
uint8_t pattern(uint32_t seed, size_t index);

void put_pcap_header(struct file *file, bool nanoseconds, uint32_t link_number);
void put_pcap_packet(struct file *file, uint32_t seconds, uint32_t fraction, uint32_t captured, uint32_t wire);

void put_section(struct file *file);
/* Options: whole options, padded, without the end; may be NULL. */
void put_interface(struct file *file, uint16_t link_number, uint32_t snap_length, const struct file *options);
void put_option(struct file *options, uint16_t code, const void *value, uint16_t length);
void put_enhanced(struct file *file, uint32_t interface, uint64_t ticks, uint32_t captured, uint32_t wire);
void put_block(struct file *file, uint32_t type, const void *body, uint32_t length);

/* A small pcap or pcapng; where its header ends, and where each packet's bytes end. */
#define SMALL_FILE_PACKETS 3
void write_small_file(struct file *file, bool pcapng, size_t *header_end, size_t ends[SMALL_FILE_PACKETS]);

/* What was received. A packet made by put_pcap_packet or put_enhanced holds the pattern of its own wire length. */
struct packet {
    uint64_t time_ns;
    uint32_t length, wire;
    uint16_t port, segments;
    uint8_t *bytes;
};

struct received {
    struct packet *packets;
    unsigned count;
    struct capture_files_summary summary;
    char messages[8192]; /* what went to stderr meanwhile */
};

void receive_paths(struct received *received, const char *const *paths, unsigned count);
void receive_bytes(struct received *received, const uint8_t *bytes, size_t length);
void receive_file(struct received *received, const struct file *file);
void received_free(struct received *received);
void file_free(struct file *file);

/* Stores bytes as a file of the test's directory; its path stays valid. */
const char *store(const char *name, const uint8_t *bytes, size_t length);
const char *test_directory(void);

/* Copies a packet out of its mbufs, checking that the chain is sound. */
void packet_copy(struct packet *packet, const struct rte_mbuf *mbuf);
void assert_pattern(const struct packet *packet);

/* Takes all that a source of live ports has, frees it, and tells how many packets it was. */
unsigned drain(struct ports *ports, unsigned source);

/* stderr goes to memory from _begin to _end, which fills `text`. */
void messages_begin(void);
void messages_end(char *text, size_t size);

void assert_says(const struct received *received, const char *text);
unsigned count_of(const char *text, const char *part);

int support_set_up(void **state);
int support_tear_down(void **state);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_FUZZ_SUPPORT_H
#define BEARERTAP_TESTS_FUZZ_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

/*
 * What the fuzzers share. A fuzzer's assertion is REQUIRE, which stands in every kind of build; input that steers
 * something rather than being it is read with fuzz_byte and its siblings, which yield zeros at the end of the input.
 */

/* libFuzzer's two entries; the second is a fuzzer's own to have or not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define REQUIRE(condition) ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

_Noreturn void fuzz_fail(const char *condition, const char *file, int line);

/* Starts EAL, once a process, as `bearertap read` does. */
void fuzz_start_eal(size_t megabytes);

struct fuzz_input {
    const uint8_t *at, *end;
};

static inline struct fuzz_input fuzz_input(const uint8_t *data, size_t size)
{
    return (struct fuzz_input){data, data + size};
}

static inline size_t fuzz_left(const struct fuzz_input *input)
{
    return (size_t)(input->end - input->at);
}

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

static inline uint16_t fuzz_16(struct fuzz_input *input)
{
    uint8_t high = fuzz_byte(input);
    return (uint16_t)(high << 8 | fuzz_byte(input));
}

static inline uint32_t fuzz_32(struct fuzz_input *input)
{
    uint16_t high = fuzz_16(input);
    return (uint32_t)high << 16 | fuzz_16(input);
}

/* The next bytes, at most as many as there are; `length` receives how many. */
const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t wanted, size_t *length);

/* A copy in a block of exactly its size (of one byte where it is empty), so that a look beyond it is seen. */
uint8_t *fuzz_copy(const uint8_t *bytes, size_t length);

/* A file in memory with these bytes: its descriptor; fuzz_path is its path, until the next call. */
int fuzz_file(const void *bytes, size_t length);
const char *fuzz_path(int fd);

/* A pipe that holds these bytes (60,000 at most), of which each read() gets `piece` at most, though no fewer than would
 * make too many pieces for a pipe; its read end, the other one is closed. Opened by its path it can be read once. */
int fuzz_pipe(const void *bytes, size_t length, size_t piece);

/* All that was written to a file, NUL-terminated; the caller frees it. */
char *fuzz_read_file(int fd, size_t *length);

#endif

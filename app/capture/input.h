/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_INPUT_H
#define BEARERTAP_APP_CAPTURE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <bearertap/error.h>

#include "block.h"

/*
 * One file (or standard input) as bytes at hand in a block, and as much more as one asks for.
 *
 * Files and pipes take the same way: read() into what room the block has. Where it is full, what was not consumed moves
 * to the next block, which is the only time that a byte is copied.
 */
struct input {
    const char *name; /* as messages name it; NULL while nothing is open */
    int fd;
    struct block *block; /* NULL before the first read */
    uint32_t position;   /* at hand: the block's bytes from here ... */
    uint32_t fill;       /* ... to here */
    uint64_t offset;     /* of `position` in the file */
    uint64_t skip;       /* bytes to pass over before anything is looked at again */
};

/* 0; -EINTR where a signal came first; any other with the error filled. */
int input_open(struct input *input, const char *path, struct error *error);
void input_close(struct input *input);

static inline bool input_is_open(const struct input *input)
{
    return input->name != NULL;
}

static inline uint32_t input_at_hand(const struct input *input)
{
    return input->fill - input->position;
}

static inline uint8_t *input_bytes(const struct input *input)
{
    return input->block->bytes + input->position;
}

/* Goes on behind bytes at hand that were handed out. */
static inline void input_consume(struct input *input, uint32_t length)
{
    input->position += length;
    input->offset += length;
}

/* Goes on by `length` bytes that nobody holds, now as far as they are at hand and later as they come. */
void input_skip(struct input *input, uint64_t length);

/*
 * Reads once. Called again and again it brings anything up to INPUT_AT_HAND_MAX together at hand. Returns how many
 * bytes came, 0 at the end of the file, -EAGAIN where the pool has no block, -EINTR, or what read() said.
 */
#define INPUT_ROOM_MIN    4096u /* less is not worth a system call: the next block is begun */
#define INPUT_AT_HAND_MAX (BLOCK_BYTES - INPUT_ROOM_MIN)
int input_read(struct input *input, struct block_pool *pool);

#endif

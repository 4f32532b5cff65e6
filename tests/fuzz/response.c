/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a server sends, cut anywhere: every byte is told once, in pieces that differ from their neighbours; what is left
 * out begins behind the same heads however the bytes are cut; and the frame never looks beyond the run.
 */
#include <string.h>

#include <bearertap/response.h>

#include "support.h"

#define STREAM_MAX (1 << 16)

static uint64_t feed(struct response_frame *frame, const uint8_t *bytes, uint32_t length, uint64_t depth,
                     uint8_t *kinds)
{
    uint8_t *exact = fuzz_copy(bytes, length);
    struct response_walk walk = response_walk(frame, exact, length, depth);
    uint32_t piece, done = 0;
    uint64_t left_out = 0;
    bool is_left_out, before = false, whole = response_leaves_out(frame, length);
    while (response_walk_next(&walk, &piece, &is_left_out)) {
        REQUIRE(piece > 0 && piece <= length - done);
        REQUIRE(done == 0 || is_left_out != before);
        memset(kinds + done, is_left_out, piece);
        left_out += is_left_out ? piece : 0;
        done += piece;
        before = is_left_out;
    }
    REQUIRE(done == length);
    REQUIRE(!whole || left_out == length);
    __builtin_free(exact);
    return left_out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t once[STREAM_MAX], cut[STREAM_MAX];
    struct fuzz_input input = fuzz_input(data, size);
    uint64_t depth = fuzz_byte(&input);
    uint32_t step = fuzz_byte(&input) + 1u;
    uint8_t gap = fuzz_byte(&input);
    size_t length;
    const uint8_t *bytes = fuzz_bytes(&input, STREAM_MAX, &length);
    struct response_frame frame = {0}, again = {0};
    response_begin(&frame, 0);
    response_begin(&again, 0);
    feed(&frame, bytes, (uint32_t)length, depth, once);
    for (uint32_t at = 0, taken; at < length; at += taken) {
        taken = length - at < step ? (uint32_t)(length - at) : step;
        feed(&again, bytes + at, taken, depth, cut + at);
        REQUIRE(again.next == at + taken);
    }
    /* A run's end may fall where it is not yet known what a line or a body is: on the safe side for bodies, and of the
     * chunk's line that goes wrong the beginning was seen before. */
    if (frame.state != RESPONSE_LOST && again.state != RESPONSE_LOST) {
        REQUIRE(frame.state == again.state);
        for (size_t i = 0; i < length; i++)
            REQUIRE(once[i] || !cut[i]);
    }
    response_skip_gap(&again, again.next + gap, true);
    if (length > 0)
        feed(&again, bytes, (uint32_t)length, depth, cut);
    return 0;
}

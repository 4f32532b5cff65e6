/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame of any link type: what comes out lies within what went in. */
#include <stdlib.h>
#include <string.h>

#include <bearertap/packet.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > 4096)
        return 0;
    enum link_type link_type = data[0] % (LINK_UNSUPPORTED + 1);
    uint32_t captured = (uint32_t)size - 3, wire = captured + (uint32_t)(data[1] << 8 | data[2]);
    uint8_t *frame = malloc(captured); /* exactly so long, for the sanitizer */
    if (captured > 0)
        memcpy(frame, data + 3, captured);
    struct segment segment;
    if (frame_decode(link_type, frame, captured, captured, wire, &segment) == OUTCOME_PENDING) {
        if (segment.payload_length > 0 &&
            (segment.payload_offset > captured || segment.payload_length > captured - segment.payload_offset))
            abort();
        if ((uint64_t)segment.payload_length + segment.payload_cut > wire)
            abort();
    }
    free(frame);
    return 0;
}

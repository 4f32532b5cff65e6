/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests in a buffer: views lie within it, whatever the framing claims. */
#include <stdlib.h>
#include <string.h>

#include <bearertap/http.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct http_view view, const uint8_t *bytes, uint32_t length)
{
    if (view.bytes != NULL && (view.bytes < bytes || view.length > length - (uint32_t)(view.bytes - bytes)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > HTTP_KEPT_MAX)
        return 0;
    uint32_t length = (uint32_t)size - 2, offset = (uint32_t)(data[0] << 8 | data[1]) % length;
    uint8_t *bytes = malloc(length);
    memcpy(bytes, data + 2, length);
    struct http_place place;
    if (http_find_request(bytes, length, offset, &place)) {
        check(place.method, bytes, length);
        check(place.path, bytes, length);
        check(place.host, bytes, length);
        check(place.user_agent, bytes, length);
        check(place.header_name, bytes, length);
    }
    if (http_complete_requests(bytes, length, NULL) > (int64_t)length)
        abort();
    free(bytes);
    return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* A token's text: its header decoded, walked and searched for key references, and its fields read. */
#include <stdlib.h>
#include <string.h>

#include <bearertap/token.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t header[JOSE_HEADER_MAX], scratch[TOKEN_MAX];
    static struct jose_references references;
    if (size > TOKEN_MAX)
        return 0;
    uint8_t *token = malloc(size);
    if (size > 0)
        memcpy(token, data, size);
    const uint8_t *dot = size > 0 ? memchr(token, '.', size) : NULL;
    size_t text = dot != NULL ? (size_t)(dot - token) : size;
    ptrdiff_t length = base64url_decode(token, text, header, sizeof(header), NULL);
    if (length > (ptrdiff_t)(text * 3 / 4 + 1))
        abort();
    if (length > 0) {
        struct key_reference reference;
        jose_references_begin(&references, header, (size_t)length);
        while (jose_references_next(&references, &reference))
            if (reference.kind != KEY_REFERENCE_KID && reference.length != 20 && reference.length != 32)
                abort();
    }
    struct token_fields fields;
    token_read_fields(token, size, scratch, &fields);
    if (fields.kid.length > TOKEN_FIELD_MAX)
        abort();
    free(token);
    return 0;
}

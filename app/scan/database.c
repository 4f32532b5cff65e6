/* SPDX-License-Identifier: BSD-3-Clause */
/* The patterns, compiled: one database a direction. */
#include "database.h"

#include <errno.h>
#include <stdlib.h>

#include <bearertap/error.h>
#include <bearertap/flow.h>

#include "placements.h"

#define PATTERNS_MAX 64

static int compile(bool server, hs_database_t **database, struct error *error)
{
    const char *expressions[PATTERNS_MAX];
    unsigned flags[PATTERNS_MAX], ids[PATTERNS_MAX], count = 0;
    for (unsigned i = 0; i < pattern_rows_count && count < PATTERNS_MAX; i++) {
        const struct pattern_row *row = &pattern_rows[i];
        if (server ? !row->from_server : !row->from_client)
            continue;
        expressions[count] = row->expression;
        flags[count] = row->caseless ? HS_FLAG_CASELESS : 0;
        ids[count++] = i;
    }
    /* For near-literals, code for a CPU without features was the faster one where it was measured (a fifth). */
    const hs_platform_info_t platform = {0};
    hs_compile_error_t *failure = NULL;
    if (hs_compile_multi(expressions, flags, ids, count, HS_MODE_STREAM, &platform, database, &failure) != HS_SUCCESS) {
        error_set(error, EINVAL, "cannot compile the patterns: %s", failure->message);
        hs_free_compile_error(failure);
        return -EINVAL;
    }
    size_t stream_bytes;
    if (hs_stream_size(*database, &stream_bytes) != HS_SUCCESS || stream_bytes > FLOW_SCAN_STATE_BYTES)
        return error_set(error, ENOMEM, "a Hyperscan stream of these patterns takes %zu bytes, a flow has room for %d",
                         stream_bytes, FLOW_SCAN_STATE_BYTES);
    return 0;
}

int scan_databases_create(struct scan_databases **databases, struct error *error)
{
    if (hs_valid_platform() != HS_SUCCESS)
        return error_set(error, ENOTSUP, "this CPU lacks SSSE3, which Hyperscan needs");
    placements_prepare();
    struct scan_databases *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return error_set(error, ENOMEM, "out of memory");
    int result = compile(false, &made->client, error);
    if (result == 0)
        result = compile(true, &made->server, error);
    if (result != 0) {
        scan_databases_destroy(made);
        return result;
    }
    *databases = made;
    return 0;
}

void scan_databases_destroy(struct scan_databases *databases)
{
    if (databases == NULL)
        return;
    hs_free_database(databases->client);
    hs_free_database(databases->server);
    free(databases);
}

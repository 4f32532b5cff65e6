/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_FLOW_FLOW_TABLE_H
#define BEARERTAP_APP_FLOW_FLOW_TABLE_H

#include <bearertap/flow.h>

/* The table; see flow.c. */
#define BUCKET_SLOTS 8

struct bucket {
    alignas(64) uint32_t tags[BUCKET_SLOTS];
    uint32_t flows[BUCKET_SLOTS]; /* index + 1; 0: empty */
};

struct flow_table {
    struct flow_table_options options;
    struct flow *flows;
    struct bucket *buckets;
    struct flow_extra *extras;
    uint64_t *hashes; /* by flow: where it stands in the index */
    uint32_t bucket_mask;
    uint32_t flows_used; /* high-water mark: records beyond it were never touched */
    uint32_t extras_used;
    uint32_t free_flow; /* index + 1 */
    uint32_t free_extra;
    struct list lists[FLOW_LISTS];
    uint32_t timeouts_ms[FLOW_LISTS];
    uint64_t removals;         /* of records, ever */
    uint64_t swept_ms;         /* all of it: the low half of a date is as often negative as not */
    const struct burst *burst; /* being looked up */
    unsigned burst_done;       /* its packets before this one have their flows */
};

#endif

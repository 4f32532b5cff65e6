/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool of extras, and what of a flow is asked for before its packet's turn. */
#include <string.h>

#include <rte_prefetch.h>

#include "flow_table.h"

struct flow_extra *flow_extra_at(const struct flow_table *table, uint32_t index)
{
    return &table->extras[index];
}

struct flow_extra *flow_extra_find(const struct flow_table *table, const struct flow_direction *direction)
{
    return direction->extra != 0 ? &table->extras[direction->extra - 1] : NULL;
}

struct flow_extra *flow_extra_get(struct flow_table *table, struct flow *flow, unsigned direction)
{
    struct flow_direction *of = &flow->directions[direction];
    if (of->extra != 0)
        return &table->extras[of->extra - 1];
    uint32_t link = table->free_extra;
    if (link != 0)
        table->free_extra = table->extras[link - 1].owner;
    else if (table->extras_used < table->options.extras_max)
        link = ++table->extras_used;
    else {
        table->options.events[EVENT_EXTRAS_FULL]++;
        return NULL;
    }
    struct flow_extra *extra = &table->extras[link - 1];
    memset(extra, 0, sizeof(*extra));
    extra->owner = flow_index(table, flow) * 2 + direction;
    of->extra = link;
    return extra;
}

void flow_extra_release(struct flow_table *table, struct flow_direction *direction)
{
    if (direction->extra == 0)
        return;
    table->extras[direction->extra - 1].owner = table->free_extra;
    table->free_extra = direction->extra;
    direction->extra = 0;
}

void flow_prefetch_directions(const struct burst *burst, unsigned i)
{
    if (i >= burst->count || burst->outcomes[i] != OUTCOME_PENDING)
        return;
    rte_prefetch0(&burst->flows[i]->directions[0]);
    rte_prefetch0(&burst->flows[i]->directions[1]);
}

/* The two lines that a run looks at. */
void flow_prefetch_extra(const struct flow_table *table, const struct burst *burst, unsigned i)
{
    if (i >= burst->count || burst->outcomes[i] != OUTCOME_PENDING)
        return;
    uint32_t extra = burst->flows[i]->directions[burst->directions[i]].extra;
    if (extra == 0)
        return;
    rte_prefetch0(&table->extras[extra - 1]);
    rte_prefetch0(&table->extras[extra - 1].kept_length);
}

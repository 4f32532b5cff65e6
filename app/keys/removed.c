/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is removed while another edition is made: it is removed from that one too, before it comes into force.
 *
 * Its entries are marked, which is all that a reader asks; the names stay in the index and lead to what no reader is
 * given, until the edition after it.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int table_remember_removed(struct key_table *table, const char *id)
{
    if (!table->is_replacing)
        return 0;
    size_t bytes = strlen(id) + 1;
    struct removed_id *removed = malloc(sizeof(*removed) + bytes);
    if (removed == NULL)
        return -ENOMEM;
    memcpy(removed->id, id, bytes);
    SLIST_INSERT_HEAD(&table->removed, removed, others);
    return 0;
}

static void remove_from(struct key_edition *edition, const char *id, size_t *entries_count, size_t *names_count)
{
    struct table_key names[2], all[KEY_LISTED_NAMES_MAX];
    unsigned count = edition_names_of_id(edition, id, names);
    for (unsigned i = 0; i < count; i++) {
        uintptr_t slot = edition_look_up(edition, &names[i]);
        const uintptr_t *entries;
        size_t found = slot_entries(&slot, &entries);
        for (size_t k = 0; k < found; k++) {
            if (slot_is_removed(entries[k]))
                continue;
            *names_count -= edition_names_of(edition, entries[k], all);
            --*entries_count;
            __atomic_or_fetch(slot_marks(entries[k]), MARK_REMOVED, __ATOMIC_RELEASE);
        }
    }
}

void table_remove_remembered(struct key_table *table, struct key_edition *edition, size_t *entries_count,
                             size_t *names_count)
{
    const struct removed_id *removed;
    SLIST_FOREACH(removed, &table->removed, others)
    remove_from(edition, removed->id, entries_count, names_count);
}

void table_forget_last_removed(struct key_table *table)
{
    struct removed_id *removed = SLIST_FIRST(&table->removed);
    if (removed == NULL)
        return;
    SLIST_REMOVE_HEAD(&table->removed, others);
    free(removed);
}

void table_forget_removed(struct key_table *table)
{
    while (!SLIST_EMPTY(&table->removed))
        table_forget_last_removed(table);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys that were added alone, and the walk through all that is in force. */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where the first of a serial above this one stands. */
static size_t find_after(const struct added_keys *added, uint64_t serial)
{
    size_t low = 0, high = added->used;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (added->places[middle].serial <= serial)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void close_gaps(struct added_keys *added)
{
    size_t used = 0;
    for (size_t i = 0; i < added->used; i++)
        if (added->places[i].entry != NULL)
            added->places[used++] = added->places[i];
    added->used = used;
}

int added_make_room(struct added_keys *added)
{
    if (added->used < added->capacity)
        return 0;
    if (added->live < added->used / 2) {
        close_gaps(added);
        return 0;
    }
    size_t capacity = 2 * added->capacity + 64;
    struct added_place *places = realloc(added->places, capacity * sizeof(*places));
    if (places == NULL)
        return -ENOMEM;
    added->places = places;
    added->capacity = capacity;
    return 0;
}

void added_free(struct added_keys *added)
{
    for (size_t i = 0; i < added->used; i++)
        free(added->places[i].entry);
    free(added->places);
    *added = (struct added_keys){.places = NULL};
}

void added_append(struct added_keys *added, struct added_entry *entry)
{
    entry->serial = ++added->last_serial;
    added->places[added->used++] = (struct added_place){entry->serial, entry};
    added->live++;
}

void added_forget(struct key_table *table, const struct added_entry *entry)
{
    struct added_place *place = &table->added.places[find_after(&table->added, entry->serial - 1)];
    if (place->entry == NULL)
        return; /* it came by two names */
    table_retire(table, RETIRED_MEMORY, place->entry, 0);
    place->entry = NULL;
    table->added.live--;
}

void added_set_saved(struct key_table *table, const char *id, const char *path, unsigned line)
{
    struct table_key names[2];
    unsigned count = edition_names_of_id(table->current, id, names);
    for (unsigned i = 0; i < count; i++) {
        uintptr_t slot = edition_look_up(table->current, &names[i]);
        const uintptr_t *entries;
        size_t entries_count = slot_entries(&slot, &entries);
        for (size_t k = 0; k < entries_count; k++)
            if ((entries[k] & SLOT_IS_ADDED) != 0) {
                slot_added(entries[k])->saved_in = path;
                slot_added(entries[k])->saved_line = line;
                slot_added(entries[k])->stays_saved = table->is_replacing;
            }
    }
}

void added_begin_replacement(struct added_keys *added)
{
    for (size_t i = 0; i < added->used; i++)
        if (added->places[i].entry != NULL)
            added->places[i].entry->stays_saved = false;
}

void added_keep_saved(struct key_table *table, const char *path)
{
    for (size_t i = 0; i < table->added.used; i++) {
        struct added_entry *entry = table->added.places[i].entry;
        if (entry != NULL && entry->saved_in != NULL && strcmp(entry->saved_in, path) == 0)
            entry->stays_saved = true;
    }
}

struct key_entry table_entry_told(const struct key_table *table, uintptr_t slot)
{
    struct key_entry entry = edition_entry(table->current, slot);
    if ((slot & SLOT_IS_ADDED) != 0 && slot_added(slot)->saved_in != NULL) {
        entry.source = slot_added(slot)->saved_in;
        entry.line = slot_added(slot)->saved_line;
    }
    return entry;
}

bool key_table_walk(const struct key_table *table, struct key_cursor *cursor, struct key_entry *entry)
{
    if (table == NULL)
        return false;
    const struct key_edition *edition = table->current;
    while (cursor->entry < edition->entries_count) {
        uintptr_t slot = (uintptr_t)&edition->entries[cursor->entry++];
        if (slot_is_removed(slot))
            continue;
        *entry = table_entry_told(table, slot);
        return true;
    }
    for (size_t i = find_after(&table->added, cursor->serial); i < table->added.used; i++) {
        const struct added_place *place = &table->added.places[i];
        cursor->serial = place->serial;
        uintptr_t slot = (uintptr_t)place->entry | SLOT_IS_ADDED;
        if (place->entry == NULL || slot_is_removed(slot))
            continue;
        *entry = table_entry_told(table, slot);
        return true;
    }
    return false;
}

size_t key_table_entries(const struct key_table *table)
{
    return table != NULL ? table->entries_count : 0;
}

size_t key_table_names(const struct key_table *table)
{
    return table != NULL ? table->names_count : 0;
}

uint64_t key_table_reloads(const struct key_table *table)
{
    return table != NULL ? table->reloads : 0;
}

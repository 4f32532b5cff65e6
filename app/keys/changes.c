/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Single keys: adding and removing, in a table that is being read.
 *
 * An entry that is added is whole before a name leads to it. One that is removed is marked first, which is what counts:
 * from then on no reader is given it. Its names are taken out of the index afterwards, and if there is no memory for a
 * shorter list of them, they lead to what no reader is given.
 */
#include "table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static size_t count_live(const uintptr_t *entries, size_t count)
{
    size_t live = 0;
    for (size_t i = 0; i < count; i++)
        live += !slot_is_removed(entries[i]);
    return live;
}

/* ---- a name's slot ---- */

static void drop_list(uintptr_t slot)
{
    if ((slot & SLOT_IS_LIST) == 0)
        return;
    struct changed_list *changed = (struct changed_list *)(void *)slot_list(slot) - 1;
    LIST_REMOVE(changed, others);
    free(changed);
}

static void retire_list(struct key_table *table, uintptr_t slot)
{
    if ((slot & SLOT_IS_LIST) == 0 || !slot_list(slot)->is_changed)
        return;
    struct changed_list *changed = (struct changed_list *)(void *)slot_list(slot) - 1;
    LIST_REMOVE(changed, others);
    table_retire(table, RETIRED_MEMORY, changed, 0);
}

/* A slot that leads to the live ones of these, `live` in number, and to `more` behind them. 0: no memory. */
static uintptr_t make_slot(struct key_edition *edition, const uintptr_t *entries, size_t count, size_t live,
                           uintptr_t more)
{
    size_t wanted = live + (more != 0), made = 0;
    if (wanted == 1 && more != 0)
        return more;
    struct changed_list *changed = malloc(sizeof(*changed) + sizeof(struct entry_list) + wanted * sizeof(uintptr_t));
    if (changed == NULL)
        return 0;
    struct entry_list *list = (struct entry_list *)(void *)(changed + 1);
    for (size_t i = 0; i < count; i++)
        if (!slot_is_removed(entries[i]))
            list->slots[made++] = entries[i];
    if (wanted == 1) { /* it stands for itself */
        uintptr_t alone = list->slots[0];
        free(changed);
        return alone;
    }
    if (more != 0)
        list->slots[made++] = more;
    LIST_INSERT_HEAD(&edition->changed_lists, changed, others);
    list->is_changed = true;
    __atomic_store_n(&list->count, (uint32_t)made, __ATOMIC_RELEASE);
    return (uintptr_t)list | SLOT_IS_LIST;
}

/* Lets a name lead to all live entries that bear it, and to `more` if that is one. Twice is as good as once. */
static int rewrite_name(struct key_table *table, struct key_edition *edition, const struct table_key *key,
                        uintptr_t more)
{
    uintptr_t old = edition_look_up(edition, key);
    const uintptr_t *entries;
    size_t count = slot_entries(&old, &entries), live = count_live(entries, count);
    if (live == count && (more == 0 || (count > 0 && entries[count - 1] == more)))
        return 0;
    if (more == 0 && live == 0) {
        table_retire(table, RETIRED_POSITION, edition, edition_delete(edition, key));
    } else {
        uintptr_t next = make_slot(edition, entries, count, live, more);
        int result = next != 0 ? edition_put(edition, key, next) : -ENOMEM;
        if (result != 0) {
            drop_list(next);
            return result;
        }
    }
    retire_list(table, old);
    return 0;
}

/* ---- an entry's names ---- */

static int leave(struct key_table *table, struct key_edition *edition, uintptr_t slot)
{
    struct table_key names[KEY_LISTED_NAMES_MAX];
    unsigned count = edition_names_of(edition, slot, names);
    int result = 0;
    for (unsigned i = 0; i < count; i++) {
        int rewritten = rewrite_name(table, edition, &names[i], 0);
        result = result == 0 ? rewritten : result;
    }
    return result;
}

static int enter(struct key_table *table, struct key_edition *edition, uintptr_t slot, unsigned *names_count)
{
    struct table_key names[KEY_LISTED_NAMES_MAX];
    int result = 0;
    *names_count = edition_names_of(edition, slot, names);
    for (unsigned i = 0; i < *names_count && result == 0; i++)
        result = rewrite_name(table, edition, &names[i], slot);
    return result;
}

/* Puts the names of an entry into an edition; where that is full, a larger one takes its place. */
static int enter_or_grow(struct key_table *table, struct key_edition **edition, uintptr_t slot, unsigned *names_count)
{
    int result = enter(table, *edition, slot, names_count);
    if (result != -ENOSPC)
        return result;
    struct key_edition *larger, *full = *edition;
    result = edition_create_larger(full, &larger);
    if (result != 0)
        return result;
    __atomic_store_n(edition, larger, __ATOMIC_RELEASE);
    table_retire(table, RETIRED_EDITION, full, 0);
    return enter(table, larger, slot, names_count);
}

/* ---- adding ---- */

/* An entry that bears the id for all issuers. A thumbprint is the key itself; what decodes to one is found by it. 0:
 * none. */
static uintptr_t find_in_force(const struct key_edition *edition, const char *id)
{
    struct table_key names[2];
    unsigned count = edition_names_of_id(edition, id, names);
    uintptr_t slot = edition_look_up(edition, &names[count - 1]);
    const uintptr_t *entries;
    size_t entries_count = slot_entries(&slot, &entries);
    for (size_t i = 0; i < entries_count; i++)
        if (!slot_is_removed(entries[i]) && (count == 2 || edition_entry(edition, entries[i]).issuer == NULL))
            return entries[i];
    return 0;
}

static struct added_entry *make_entry(const char *id, const char *source)
{
    size_t bytes = strlen(id) + 1;
    struct added_entry *entry = malloc(sizeof(*entry) + bytes);
    if (entry == NULL)
        return NULL;
    *entry = (struct added_entry){.entry = {.id = entry->id, .source = source, .line = 1}};
    memcpy(entry->id, id, bytes);
    __atomic_store_n(&entry->marks, 1 << MARK_LINE_SHIFT | MARK_ID_IS_NAME, __ATOMIC_RELEASE);
    return entry;
}

/* After the change: whoever learnt something of the table before did so under the old number. */
static void tell_change(struct key_table *table, size_t entries_count)
{
    __atomic_store_n(&table->entries_count, entries_count, __ATOMIC_RELEASE);
    __atomic_add_fetch(&table->generation, 1, __ATOMIC_RELEASE);
}

/* An entry that found no room for all its names; by some it may have been found for a moment. */
static void give_up(struct key_table *table, struct added_entry *entry)
{
    __atomic_or_fetch(&entry->marks, MARK_REMOVED, __ATOMIC_RELEASE);
    tell_change(table, table->entries_count);
    if (leave(table, table->current, (uintptr_t)entry | SLOT_IS_ADDED) == 0)
        table_retire(table, RETIRED_MEMORY, entry, 0); /* or else a name leads to it: it is lost */
}

int key_table_add(struct key_table *table, const char *id, const char *source, struct key_entry *found,
                  struct error *error)
{
    int result = key_value_check(id, error);
    if (result != 0)
        return result;
    table_reclaim(table);
    uintptr_t in_force = find_in_force(table->current, id);
    if (in_force != 0) {
        *found = table_entry_told(table, in_force);
        return error_set(error, EEXIST, "the key is in force already, from %s:%u", found->source, found->line);
    }
    struct added_entry *entry = make_entry(id, source);
    if (entry == NULL || added_make_room(&table->added) != 0) {
        free(entry);
        return error_set(error, ENOMEM, "out of memory for one more revoked key; the others are in force as before");
    }
    unsigned names_count;
    result = enter_or_grow(table, &table->current, (uintptr_t)entry | SLOT_IS_ADDED, &names_count);
    if (result != 0) {
        give_up(table, entry);
        return error_set(error, -result,
                         "the table of revoked keys is full with %zu names, and there is no memory for a larger one "
                         "(%s); the others are in force as before, give it more (memory.mib)",
                         table->names_count, strerror(-result));
    }
    added_append(&table->added, entry);
    table->names_count += names_count;
    tell_change(table, table->entries_count + 1);
    *found = entry->entry;
    return 0;
}

/* ---- removing ---- */

/* Marks what bears a name; returns how many there were. */
static size_t mark_removed(struct key_table *table, uintptr_t slot, key_entry_report *report, void *context)
{
    struct table_key names[KEY_LISTED_NAMES_MAX];
    const uintptr_t *entries;
    size_t count = slot_entries(&slot, &entries), marked = 0;
    for (size_t i = 0; i < count; i++) {
        if (slot_is_removed(entries[i]))
            continue;
        struct key_entry entry = table_entry_told(table, entries[i]);
        report(context, &entry);
        table->names_count -= edition_names_of(table->current, entries[i], names);
        __atomic_or_fetch(slot_marks(entries[i]), MARK_REMOVED, __ATOMIC_RELEASE);
        marked++;
    }
    return marked;
}

static void take_out(struct key_table *table, uintptr_t slot)
{
    const uintptr_t *entries;
    size_t count = slot_entries(&slot, &entries);
    for (size_t i = 0; i < count; i++) {
        int result = leave(table, table->current, entries[i]);
        if ((entries[i] & SLOT_IS_ADDED) != 0 && result == 0)
            added_forget(table, slot_added(entries[i]));
    }
}

int key_table_remove(struct key_table *table, const char *id, key_entry_report *report, void *context,
                     struct error *error)
{
    int result = key_value_check(id, error);
    if (result != 0)
        return result;
    table_reclaim(table);
    if (table_remember_removed(table, id) != 0)
        return error_set(error, ENOMEM, "out of memory for removing a revoked key; all are in force as before");
    struct table_key names[2];
    uintptr_t slots[2] = {0, 0};
    size_t marked = 0;
    unsigned count = edition_names_of_id(table->current, id, names);
    for (unsigned i = 0; i < count; i++) {
        slots[i] = edition_look_up(table->current, &names[i]);
        marked += mark_removed(table, slots[i], report, context);
    }
    if (marked == 0) {
        table_forget_last_removed(table);
        return error_set(error, ENOENT, "no revoked key is called by this id, as text or as the thumbprint it may be");
    }
    tell_change(table, table->entries_count - marked);
    for (unsigned i = 0; i < count; i++)
        take_out(table, slots[i]);
    return 0;
}

/* ---- reloading ---- */

int table_enter_added(struct key_table *table, struct key_edition **edition, size_t *entries_count, size_t *names_count)
{
    int result = 0;
    for (size_t i = 0; i < table->added.used && result == 0; i++) {
        struct added_entry *entry = table->added.places[i].entry;
        if (entry == NULL)
            continue;
        uintptr_t slot = (uintptr_t)entry | SLOT_IS_ADDED;
        unsigned names = 0;
        entry->is_left_out =
            slot_is_removed(slot) || (entry->saved_in != NULL && find_in_force(*edition, entry->id) != 0);
        if (entry->is_left_out)
            continue;
        result = enter_or_grow(table, edition, slot, &names);
        if (!entry->stays_saved)
            entry->saved_in = NULL; /* it is not there any more */
        ++*entries_count;
        *names_count += names;
    }
    return result;
}

void table_forget_left_out(struct key_table *table)
{
    for (size_t i = 0; i < table->added.used; i++) {
        const struct added_entry *entry = table->added.places[i].entry;
        if (entry != NULL && entry->is_left_out)
            added_forget(table, entry);
    }
}

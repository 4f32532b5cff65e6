/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table that workers read: its editions in turn, and looking a name up.
 *
 * A reload makes another edition beside the one in force, puts it in its place in one store, so that a key of both is
 * found at any moment, and frees the old one after the readers' next quiescent state. Single keys come and go within an
 * edition (changes.c).
 */
#include "table.h"

#include <errno.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

size_t key_list_table_bytes(const struct key_list *list)
{
    struct key_counts counts = list_counts(list);
    return edition_bytes(&counts) + rte_rcu_qsbr_get_memsize(RTE_MAX_LCORE + 1);
}

/* ---- creation ---- */

/* The readers' variable: all are registered here and offline until they say otherwise, which holds nobody up. */
static struct rte_rcu_qsbr *create_readers(unsigned count)
{
    struct rte_rcu_qsbr *readers = rte_zmalloc("key readers", rte_rcu_qsbr_get_memsize(count), RTE_CACHE_LINE_SIZE);
    if (readers == NULL || rte_rcu_qsbr_init(readers, count) != 0) {
        rte_free(readers);
        return NULL;
    }
    for (unsigned reader = 0; reader < count; reader++)
        rte_rcu_qsbr_thread_register(readers, reader); /* fails for numbers out of range alone */
    return readers;
}

static int no_table_of(const struct key_list *list, int result, struct error *error)
{
    return error_set(error, -result, "cannot make the table of %zu revoked keys (%zu names, about %zu MiB): %s",
                     list->entries_count, key_list_names(list), key_list_table_bytes(list) >> 20, strerror(-result));
}

int key_table_create(const struct key_list *list, unsigned readers, struct key_table **table, struct error *error)
{
    *table = NULL;
    struct key_table *made = rte_zmalloc("key table", sizeof(*made), RTE_CACHE_LINE_SIZE);
    if (made == NULL)
        return error_set(error, ENOMEM, "out of memory for the table of revoked keys");
    made->keeper = readers;
    made->readers = create_readers(readers + 1);
    int result = made->readers != NULL ? siphash_key_random(&made->siphash_key) : -ENOMEM;
    if (result == 0)
        result = edition_create(list, &made->siphash_key, &made->current);
    if (result != 0) {
        key_table_destroy(made);
        return no_table_of(list, result, error);
    }
    made->entries_count = list->entries_count;
    made->names_count = key_list_names(list);
    made->generation = 1;
    *table = made;
    return 0;
}

void key_table_destroy(struct key_table *table)
{
    if (table == NULL)
        return;
    if (table->readers != NULL)
        retired_reclaim_all(&table->retired, table->readers);
    edition_destroy(table->current);
    added_free(&table->added);
    table_forget_removed(table);
    rte_free(table->readers);
    rte_free(table);
}

void key_table_leave(struct key_table *table)
{
    if (table == NULL)
        return;
    retired_forget(&table->retired);
    added_free(&table->added);
    table_forget_removed(table);
}

/* ---- reloading ---- */

void table_replacement_begin(struct key_table *table, struct table_replacement *replacement)
{
    *replacement = (struct table_replacement){.next = NULL};
    table->is_replacing = true;
    added_begin_replacement(&table->added);
}

int table_replacement_build(const struct key_table *table, const struct key_list *list,
                            struct table_replacement *replacement, struct error *error)
{
    int result = edition_create(list, &table->siphash_key, &replacement->next);
    if (result != 0)
        return no_table_of(list, result, error);
    replacement->entries_count = list->entries_count;
    replacement->names_count = key_list_names(list);
    return 0;
}

static int put(struct key_table *table, struct table_replacement *replacement)
{
    struct key_edition *last = table->current;
    size_t *entries_count = &replacement->entries_count, *names_count = &replacement->names_count;
    table_remove_remembered(table, replacement->next, entries_count, names_count);
    int result = table_enter_added(table, &replacement->next, entries_count, names_count);
    replacement->gone = result != 0 ? replacement->next : last;
    if (result != 0)
        return result;
    __atomic_store_n(&table->current, replacement->next, __ATOMIC_RELEASE);
    __atomic_store_n(&table->entries_count, *entries_count, __ATOMIC_RELEASE);
    /* After the change: whoever learnt something of the old edition did so under the old number. */
    __atomic_add_fetch(&table->generation, 1, __ATOMIC_RELEASE);
    table->names_count = *names_count;
    table->reloads++;
    table_forget_left_out(table);
    return 0;
}

int table_replacement_put(struct key_table *table, struct table_replacement *replacement)
{
    int result = replacement->next != NULL ? put(table, replacement) : 0;
    table->is_replacing = false;
    table_forget_removed(table);
    /* What waits for the readers may be of the edition that goes, and goes before it. */
    replacement->retired = table->retired;
    table->retired = (struct retired_queue){.ring = NULL};
    return result;
}

void table_replacement_end(const struct key_table *table, struct table_replacement *replacement)
{
    retired_reclaim_all(&replacement->retired, table->readers); /* or the next reload would need memory for three */
    edition_destroy(replacement->gone);
}

int key_table_reload(struct key_table *table, const struct key_list *list, struct error *error)
{
    struct table_replacement replacement;
    table_reclaim(table);
    table_replacement_begin(table, &replacement);
    int built = table_replacement_build(table, list, &replacement, error);
    int result = table_replacement_put(table, &replacement);
    if (result != 0)
        no_table_of(list, result, error);
    table_replacement_end(table, &replacement);
    return built != 0 ? built : result;
}

/* ---- reading ---- */

void key_table_reader_online(struct key_table *table, unsigned reader)
{
    if (table != NULL)
        rte_rcu_qsbr_thread_online(table->readers, reader);
}

void key_table_reader_offline(struct key_table *table, unsigned reader)
{
    if (table != NULL)
        rte_rcu_qsbr_thread_offline(table->readers, reader);
}

void key_table_reader_quiescent(struct key_table *table, unsigned reader)
{
    if (table != NULL)
        rte_rcu_qsbr_quiescent(table->readers, reader);
}

void key_table_find(const struct key_table *table, enum key_name_kind kind, const uint8_t *name, size_t length,
                    struct key_matches *matches)
{
    *matches = (struct key_matches){.by_text = kind == KEY_NAME_TEXT};
    if (table == NULL)
        return;
    matches->edition = __atomic_load_n(&table->current, __ATOMIC_ACQUIRE);
    struct table_key key = edition_key(matches->edition, kind, name, length);
    matches->alone = edition_look_up(matches->edition, &key);
    const uintptr_t *entries;
    matches->count = slot_entries(&matches->alone, &entries);
    matches->slots = entries != &matches->alone ? entries : NULL; /* so that a copy of it holds good too */
}

bool key_matches_next(struct key_matches *matches, struct key_entry *entry, bool *narrowed)
{
    const uintptr_t *slots = matches->slots != NULL ? matches->slots : &matches->alone;
    while (matches->next < matches->count) {
        uintptr_t slot = slots[matches->next++];
        if (slot_is_removed(slot))
            continue;
        *entry = edition_entry(matches->edition, slot);
        *narrowed = matches->by_text && entry->issuer != NULL;
        return true;
    }
    return false;
}

bool key_table_is_empty(const struct key_table *table)
{
    return table == NULL || __atomic_load_n(&table->entries_count, __ATOMIC_ACQUIRE) == 0;
}

uint64_t key_table_generation(const struct key_table *table)
{
    return table != NULL ? __atomic_load_n(&table->generation, __ATOMIC_ACQUIRE) : 0;
}

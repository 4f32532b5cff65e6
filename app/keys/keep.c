/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Entries that go from the edition in force into the list of the next, since their file cannot be read.
 *
 * Of a name that is not told by the entry's id the table has the digest alone; that goes over as it is, which is why
 * all editions of a table have one key.
 */
#include "table.h"

#include <errno.h>
#include <string.h>

static int keep_entry(const struct key_edition *edition, uintptr_t slot, struct key_list *list, struct error *error)
{
    struct key_entry entry = edition_entry(edition, slot);
    struct table_key names[KEY_LISTED_NAMES_MAX], told[2];
    struct key_draft draft = {.id = entry.id,
                              .issuer = entry.issuer,
                              .reason = entry.reason,
                              .severity = entry.severity,
                              .revoked_at = entry.revoked_at,
                              .place = {.line = entry.line}};
    unsigned known = 0, count = edition_names_of(edition, slot, names);
    if ((__atomic_load_n(slot_marks(slot), __ATOMIC_RELAXED) & MARK_ID_IS_NAME) != 0) {
        key_draft_name_by_id(&draft, entry.id);
        known = edition_names_of_id(edition, entry.id, told);
    }
    for (unsigned i = known; i < count; i++)
        key_draft_add_thumbprint(&draft, (const uint8_t *)&names[i], KEY_DIGEST_BYTES, 0);
    return key_list_add_draft(list, &draft, error);
}

static int keep_entries(const struct key_edition *edition, const char *source, struct key_list *list, size_t *count,
                        struct error *error)
{
    int result = 0;
    for (size_t i = 0; i < edition->entries_count && result == 0; i++) {
        uintptr_t slot = (uintptr_t)&edition->entries[i];
        if (slot_is_removed(slot) || strcmp(edition_entry(edition, slot).source, source) != 0)
            continue;
        result = keep_entry(edition, slot, list, error);
        ++*count;
    }
    return result;
}

int table_keep(struct key_table *table, const char *source, struct key_list *list, size_t *count, struct error *error)
{
    *count = 0;
    int result = key_list_set_source(list, source, error);
    rte_rcu_qsbr_thread_online(table->readers, table->keeper); /* or the writer might take away what it looks at */
    if (result == 0)
        result = keep_entries(__atomic_load_n(&table->current, __ATOMIC_ACQUIRE), source, list, count, error);
    rte_rcu_qsbr_thread_offline(table->readers, table->keeper);
    return result;
}

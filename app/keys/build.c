/* SPDX-License-Identifier: BSD-3-Clause */
/* How an edition of the table is made of a list. */
#include "table.h"

#include <errno.h>
#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

/* Which names of the list are the same: a circular chain of them for each position in the hash, in list order. */
struct chains {
    uint32_t *last;  /* by position: the last name of the chain, counted from 1; 0: no name */
    uint32_t *next;  /* by name: the next of the chain, after the last comes the first; counted from 0 */
    uint32_t *entry; /* by name */
    size_t positions, names;
    size_t shared_names, shared_positions; /* in chains of more than one */
};

static bool chains_create(struct chains *chains, size_t positions, size_t names)
{
    *chains = (struct chains){.positions = positions};
    chains->last = calloc(positions, sizeof(uint32_t));
    chains->next = malloc((names + 1) * sizeof(uint32_t));
    chains->entry = malloc((names + 1) * sizeof(uint32_t));
    return chains->last != NULL && chains->next != NULL && chains->entry != NULL;
}

static void chains_destroy(struct chains *chains)
{
    free(chains->last);
    free(chains->next);
    free(chains->entry);
}

static void chains_append(struct chains *chains, size_t position, uint32_t entry)
{
    uint32_t name = (uint32_t)chains->names++, last = chains->last[position];
    chains->entry[name] = entry;
    if (last == 0) {
        chains->next[name] = name;
    } else {
        bool was_alone = chains->next[last - 1] == last - 1;
        chains->shared_positions += was_alone;
        chains->shared_names += was_alone ? 2 : 1;
        chains->next[name] = chains->next[last - 1];
        chains->next[last - 1] = name;
    }
    chains->last[position] = name + 1;
}

/* Puts a name into the index, leading to its entry alone for now: where several bear it, add_lists mends that. Returns
 * its position. */
static int32_t add_name(struct key_edition *edition, struct chains *chains, enum key_name_kind kind, const void *name,
                        size_t length, uint32_t entry)
{
    struct table_key key;
    if (length == KEY_DIGEST_BYTES && kind != KEY_NAME_TEXT)
        memcpy(&key, name, sizeof(key));
    else
        key = edition_key(edition, kind, name, length);
    int32_t position = edition_put(edition, &key, (uintptr_t)&edition->entries[entry]);
    if (position >= 0)
        position = edition_position(edition, &key);
    if (position >= 0)
        chains_append(chains, (size_t)position, entry);
    return position;
}

/* Is it told by the entry's id, so that edition_names_of finds it without help? */
static bool id_tells(const struct key_list *list, const struct list_thumbprint *name)
{
    return list->entries[name->entry].id_is_name && (name->thumbprint.origins & KEY_FROM_KID) != 0;
}

static int add_names(struct key_edition *edition, const struct key_list *list, struct chains *chains)
{
    size_t thumbprint = 0;
    int32_t position = 0;
    for (uint32_t entry = 0; entry < list->entries_count && position >= 0; entry++) {
        const char *id = list_text(list->text, list->entries[entry].id);
        if (list->entries[entry].id_is_name)
            position = add_name(edition, chains, KEY_NAME_TEXT, id, strlen(id), entry);
        for (; position >= 0 && thumbprint < list->thumbprints_count && list->thumbprints[thumbprint].entry == entry;
             thumbprint++) {
            const struct key_thumbprint *name = &list->thumbprints[thumbprint].thumbprint;
            position = add_name(edition, chains, thumbprint_kind(name->length), name->bytes, name->length, entry);
            if (position >= 0 && !id_tells(list, &list->thumbprints[thumbprint]))
                edition->extras[edition->extras_count++] = (struct extra_name){entry, (uint32_t)position};
        }
    }
    return position < 0 ? position : 0;
}

/* Gives every name that several entries bear its list. */
static int add_lists(struct key_edition *edition, const struct chains *chains)
{
    if (chains->shared_positions == 0)
        return 0;
    size_t bytes = chains->shared_positions * sizeof(struct entry_list) + chains->shared_names * sizeof(uintptr_t);
    edition->lists = rte_malloc("key lists", bytes, 0);
    if (edition->lists == NULL)
        return -ENOMEM;
    uint8_t *room = edition->lists;
    for (size_t position = 0; position < chains->positions; position++) {
        uint32_t last = chains->last[position];
        if (last == 0 || chains->next[last - 1] == last - 1)
            continue;
        struct entry_list *shared = (struct entry_list *)(void *)room;
        *shared = (struct entry_list){.count = 0};
        uint32_t name = last - 1;
        do {
            name = chains->next[name];
            shared->slots[shared->count++] = (uintptr_t)&edition->entries[chains->entry[name]];
        } while (name != last - 1);
        room += sizeof(*shared) + shared->count * sizeof(uintptr_t);

        struct table_key key;
        int result = edition_key_at(edition, (uint32_t)position, &key) ? 0 : -ENOENT;
        if (result == 0)
            result = edition_put(edition, &key, (uintptr_t)shared | SLOT_IS_LIST);
        if (result < 0)
            return result;
    }
    return 0;
}

static size_t count_extras(const struct key_list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->thumbprints_count; i++)
        count += !id_tells(list, &list->thumbprints[i]);
    return count;
}

struct key_counts list_counts(const struct key_list *list)
{
    return (struct key_counts){.entries = list->entries_count,
                               .names = key_list_names(list),
                               .extras = count_extras(list),
                               .text_length = list->text_length};
}

static int copy_entries(struct key_edition *edition, const struct key_list *list)
{
    edition->text = rte_malloc("key text", list->text_length + 1, 0);
    edition->entries = rte_malloc("key entries", (list->entries_count + 1) * sizeof(struct table_entry), 0);
    edition->extras = rte_malloc("key names", (count_extras(list) + 1) * sizeof(struct extra_name), 0);
    if (edition->text == NULL || edition->entries == NULL || edition->extras == NULL)
        return -ENOMEM;
    if (list->text_length > 0)
        memcpy(edition->text, list->text, list->text_length);
    for (size_t i = 0; i < list->entries_count; i++) {
        const struct list_entry *entry = &list->entries[i];
        uint32_t line = entry->line < MARK_LINE_MAX ? entry->line : MARK_LINE_MAX;
        edition->entries[i] = (struct table_entry){
            .id = entry->id,
            .issuer = entry->issuer,
            .reason = entry->reason,
            .severity = entry->severity,
            .revoked_at = entry->revoked_at,
            .source = entry->source,
            .marks = line << MARK_LINE_SHIFT | (entry->id_is_name ? MARK_ID_IS_NAME : 0),
        };
    }
    edition->entries_count = list->entries_count;
    return 0;
}

static int fill(struct key_edition *edition, const struct key_list *list)
{
    struct chains chains;
    int result = -ENOMEM;
    if (chains_create(&chains, (size_t)rte_hash_max_key_id(edition->names) + 1, key_list_names(list)))
        result = add_names(edition, list, &chains);
    if (result == 0)
        result = add_lists(edition, &chains);
    chains_destroy(&chains);
    return result;
}

int edition_create(const struct key_list *list, const struct siphash_key *siphash_key, struct key_edition **edition)
{
    *edition = NULL;
    struct key_edition *made = edition_create_empty(edition_room_for(key_list_names(list)));
    if (made == NULL)
        return -ENOMEM;
    made->siphash_key = *siphash_key;
    int result = copy_entries(made, list);
    if (result == 0)
        result = fill(made, list);
    if (result != 0) {
        edition_destroy(made);
        return result;
    }
    *edition = made;
    return 0;
}

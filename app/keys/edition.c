/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An edition of the table: an index, and all that one list made, in a few large blocks of EAL's memory.
 *
 * Ten million names are ordinary, so bytes are counted: an entry is 28 and its text, a name 40 in key slots (32, and
 * room for a quarter more), 13 in buckets and 7 in the ring of free slots.
 */
#include "table.h"

#include <errno.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for keys that are added while it runs, however few were loaded. */
#define NAMES_MIN 4096

/*
 * Room for a quarter more than was loaded. Without rte_hash's extension buckets (26 bytes more a name): its two-choice
 * buckets of eight take nine tenths and more of their slots before an insertion fails, and there are a power of two of
 * them, so that four fifths at most are taken with what was loaded. Where one fails, a larger edition is made.
 */
size_t edition_room_for(size_t names)
{
    return names < NAMES_MIN ? 2 * NAMES_MIN : names + names / 4;
}

static size_t power_of_two(size_t number)
{
    size_t power = 1;
    while (power < number)
        power *= 2;
    return power;
}

static size_t index_bytes(size_t room)
{
    size_t key_slots = (room + 1) * (sizeof(struct table_key) + 8);
    size_t buckets = power_of_two(room) * 8;        /* lines of 64 bytes for 8 slots each */
    size_t free_slots = power_of_two(room + 1) * 4; /* a ring of their numbers */
    return key_slots + buckets + free_slots;
}

size_t edition_bytes(const struct key_counts *counts)
{
    size_t lists = counts->names * 12; /* at most: two names share a list, its head and two slots */
    size_t entries = counts->entries * sizeof(struct table_entry) + counts->text_length;
    size_t extras = counts->extras * sizeof(struct extra_name);
    return index_bytes(edition_room_for(counts->names)) + lists + entries + extras + 256 * 1024;
}

/* ---- the index ---- */

static uint32_t hash_of_key(const void *key, uint32_t length, uint32_t initial)
{
    const struct table_key *name = key;
    (void)length, (void)initial;
    return (uint32_t)name->digest.low;
}

static struct rte_hash *create_index(size_t room)
{
    static unsigned number; /* rte_hash wants a name of its own for each */
    char name[RTE_HASH_NAMESIZE];
    if (room > RTE_HASH_ENTRIES_MAX)
        return NULL;
    snprintf(name, sizeof(name), "keys_%u", __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
    struct rte_hash_parameters parameters = {
        .name = name,
        .entries = (uint32_t)room,
        .key_len = sizeof(struct table_key),
        .hash_func = hash_of_key,
        .socket_id = SOCKET_ID_ANY,
        .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
    };
    return rte_hash_create(&parameters);
}

struct table_key edition_key(const struct key_edition *edition, enum key_name_kind kind, const void *name,
                             size_t length)
{
    return (struct table_key){siphash_128(&edition->siphash_key, name, length), kind};
}

int32_t edition_position(const struct key_edition *edition, const struct table_key *key)
{
    return rte_hash_lookup_with_hash(edition->names, key, hash_of_key(key, sizeof(*key), 0));
}

uintptr_t edition_look_up(const struct key_edition *edition, const struct table_key *key)
{
    void *slot;
    if (rte_hash_lookup_with_hash_data(edition->names, key, hash_of_key(key, sizeof(*key), 0), &slot) < 0)
        return 0;
    return (uintptr_t)slot;
}

int edition_put(struct key_edition *edition, const struct table_key *key, uintptr_t slot)
{
    return rte_hash_add_key_with_hash_data(edition->names, key, hash_of_key(key, sizeof(*key), 0), (void *)slot);
}

int32_t edition_delete(struct key_edition *edition, const struct table_key *key)
{
    return rte_hash_del_key_with_hash(edition->names, key, hash_of_key(key, sizeof(*key), 0));
}

void edition_free_position(struct key_edition *edition, int32_t position)
{
    rte_hash_free_key_with_position(edition->names, position);
}

/* ---- entries ---- */

struct key_entry edition_entry(const struct key_edition *edition, uintptr_t slot)
{
    if ((slot & SLOT_IS_ADDED) != 0)
        return slot_added(slot)->entry;
    const struct table_entry *entry = (const struct table_entry *)slot;
    return (struct key_entry){
        .id = list_text(edition->text, entry->id),
        .issuer = list_text(edition->text, entry->issuer),
        .reason = list_text(edition->text, entry->reason),
        .severity = list_text(edition->text, entry->severity),
        .revoked_at = list_text(edition->text, entry->revoked_at),
        .source = list_text(edition->text, entry->source),
        .line = __atomic_load_n(&entry->marks, __ATOMIC_RELAXED) >> MARK_LINE_SHIFT,
    };
}

static uint32_t entry_number(const struct key_edition *edition, uintptr_t slot)
{
    return (uint32_t)((const struct table_entry *)slot - edition->entries);
}

/* The first of the extra names that are of this entry, or of a later one. */
static size_t find_extra(const struct key_edition *edition, uint32_t entry)
{
    size_t low = 0, high = edition->extras_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (edition->extras[middle].entry < entry)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool edition_key_at(const struct key_edition *edition, uint32_t position, struct table_key *key)
{
    void *found;
    if (rte_hash_get_key_with_position(edition->names, (int32_t)position, &found) != 0)
        return false;
    memcpy(key, found, sizeof(*key));
    return true;
}

unsigned edition_names_of_id(const struct key_edition *edition, const char *id, struct table_key names[2])
{
    uint8_t thumbprint[KEY_SHA256_BYTES];
    names[0] = edition_key(edition, KEY_NAME_TEXT, id, strlen(id));
    size_t length = key_text_to_thumbprint((const uint8_t *)id, strlen(id), thumbprint);
    if (length == 0)
        return 1;
    names[1] = edition_key(edition, thumbprint_kind(length), thumbprint, length);
    return 2;
}

unsigned edition_names_of(const struct key_edition *edition, uintptr_t slot,
                          struct table_key names[KEY_LISTED_NAMES_MAX])
{
    unsigned count = 0;
    if ((__atomic_load_n(slot_marks(slot), __ATOMIC_RELAXED) & MARK_ID_IS_NAME) != 0)
        count = edition_names_of_id(edition, edition_entry(edition, slot).id, names);
    if ((slot & SLOT_IS_ADDED) != 0)
        return count;
    uint32_t entry = entry_number(edition, slot);
    for (size_t i = find_extra(edition, entry); i < edition->extras_count && edition->extras[i].entry == entry; i++)
        count += edition_key_at(edition, edition->extras[i].position, &names[count]);
    return count;
}

/* ---- creation ---- */

struct key_edition *edition_create_empty(size_t room)
{
    struct key_edition *edition = rte_zmalloc("key edition", sizeof(*edition), RTE_CACHE_LINE_SIZE);
    if (edition != NULL && (edition->names = create_index(room)) == NULL) {
        rte_free(edition);
        return NULL;
    }
    return edition;
}

void edition_destroy(struct key_edition *edition)
{
    if (edition == NULL)
        return;
    struct changed_list *changed;
    while ((changed = LIST_FIRST(&edition->changed_lists)) != NULL) {
        LIST_REMOVE(changed, others);
        free(changed);
    }
    rte_hash_free(edition->names);
    rte_free(edition->extras);
    if (!edition->contents_moved) {
        rte_free(edition->lists);
        rte_free(edition->entries);
        rte_free(edition->text);
    }
    rte_free(edition);
}

/* ---- growing ---- */

static int copy_index(const struct key_edition *old, struct key_edition *edition)
{
    const void *key;
    void *slot;
    int result = 0;
    for (uint32_t next = 0; result == 0 && rte_hash_iterate(old->names, &key, &slot, &next) >= 0;)
        result = edition_put(edition, key, (uintptr_t)slot);
    return result;
}

/* Names have other positions in another index. What an entry that was removed was called matters no more. */
static void copy_extras(const struct key_edition *old, struct key_edition *edition)
{
    for (size_t i = 0; i < old->extras_count; i++) {
        struct table_key key;
        const struct extra_name *extra = &old->extras[i];
        if (slot_is_removed((uintptr_t)&old->entries[extra->entry]) || !edition_key_at(old, extra->position, &key))
            continue;
        int32_t position = edition_position(edition, &key);
        if (position >= 0)
            edition->extras[edition->extras_count++] = (struct extra_name){extra->entry, (uint32_t)position};
    }
}

/* The old one keeps its pointers to entries, text and lists for its readers, but not for edition_destroy. */
static void move_contents(struct key_edition *old, struct key_edition *edition)
{
    struct changed_list *changed;
    edition->text = old->text;
    edition->entries = old->entries;
    edition->entries_count = old->entries_count;
    edition->lists = old->lists;
    while ((changed = LIST_FIRST(&old->changed_lists)) != NULL) {
        LIST_REMOVE(changed, others);
        LIST_INSERT_HEAD(&edition->changed_lists, changed, others);
    }
    old->contents_moved = true;
}

int edition_create_larger(struct key_edition *old, struct key_edition **edition)
{
    size_t room = (size_t)rte_hash_max_key_id(old->names);
    struct key_edition *made = edition_create_empty(room + room / 2);
    if (made == NULL)
        return -ENOMEM;
    made->siphash_key = old->siphash_key; /* for the digests are the same */
    made->extras = rte_malloc("key names", (old->extras_count + 1) * sizeof(struct extra_name), 0);
    int result = made->extras != NULL ? copy_index(old, made) : -ENOMEM;
    if (result != 0) {
        edition_destroy(made);
        return result;
    }
    copy_extras(old, made);
    move_contents(old, made);
    *edition = made;
    return 0;
}

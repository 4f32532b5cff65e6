/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table that workers read: an rte_hash with lock-free readers, from a name to the entries that bear it.
 *
 * What a slot of the hash leads to is immutable: one entry, or (its pointer's lowest bit set) a list of several; all of
 * it lies in a few large blocks. That is an edition of the table. A reload makes another one beside it, puts it in its
 * place in one store, so that a key of both is found at any moment, and frees the old one after the readers' next
 * quiescent state.
 */
#include <bearertap/keys.h>

#include <errno.h>
#include <inttypes.h>
#include <rte_hash.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bearertap/siphash.h>

#include "list.h"

/* A name in the hash. Each of the two digest words is as good as random, so one of them is the hash. */
struct table_key {
    struct siphash_digest digest;
    uint64_t kind;
};

_Static_assert(sizeof(struct table_key) == 24, "with rte_hash's 8 bytes a key slot is 32, half a cache line");

struct entry_list {
    uint64_t count;
    const struct key_entry *entries[];
};

/* All that one list made. Whole before readers see it, and from then on never changed, but freed. */
struct key_edition {
    struct rte_hash *names;
    struct siphash_key siphash_key;
    size_t entries_count;
    struct key_entry *entries; /* as loaded, in list order */
    char *text;                /* their strings */
    uint8_t *lists;            /* struct entry_list one behind the other */
};

struct key_table {
    struct key_edition *current; /* the writer puts it there (release), readers take it from there (acquire) */
    uint64_t generation;
    struct rte_rcu_qsbr *readers;
};

/* Removed names that wait for the readers. Nothing removes one yet: that comes with control. rte_hash's default is one
 * a slot, which would be half the table again. */
#define RECLAIM_QUEUE 4096

/* Room for keys that are added while it runs, however few were loaded. Nothing adds one yet: that comes with control.
 */
#define NAMES_MIN 4096

/*
 * Room for twice what was loaded. Without rte_hash's extension buckets (26 bytes more a name): its two-choice buckets
 * of eight take nine tenths and more of their slots before an insertion fails, and by the rounding up to a power of two
 * they are half full at most with what was loaded. An insertion that fails is the sign to grow, as a full table is.
 */
static size_t room_for(size_t names)
{
    return names < NAMES_MIN ? 2 * NAMES_MIN : 2 * names;
}

static size_t power_of_two(size_t number)
{
    size_t power = 1;
    while (power < number)
        power *= 2;
    return power;
}

size_t key_list_table_bytes(const struct key_list *list)
{
    size_t names = key_list_names(list), room = room_for(names);
    size_t key_slots = (room + 1) * (sizeof(struct table_key) + 8);
    size_t buckets = power_of_two(room) * 8;         /* lines of 64 bytes for 8 slots each */
    size_t free_slots = power_of_two(room + 1) * 4;  /* a ring of their numbers */
    size_t reclaim = (size_t)RECLAIM_QUEUE * 2 * 16; /* a ring, to a power of two above its size */
    size_t lists = names * 2 * sizeof(void *);       /* at most: two names share a list and its count */
    size_t entries = list->entries_count * sizeof(struct key_entry) + list->text_length;
    size_t qsbr = rte_rcu_qsbr_get_memsize(RTE_MAX_LCORE);
    return key_slots + buckets + free_slots + reclaim + lists + entries + qsbr + 256 * 1024;
}

static uint32_t hash_of_key(const void *key, uint32_t length, uint32_t initial)
{
    const struct table_key *name = key;
    (void)length, (void)initial;
    return (uint32_t)name->digest.low;
}

static struct table_key key_of_name(const struct key_edition *edition, enum key_name_kind kind, const void *name,
                                    size_t length)
{
    return (struct table_key){siphash_128(&edition->siphash_key, name, length), kind};
}

/* ---- building ---- */

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

/* Puts a name into the hash, leading to its entry alone for now: where several bear it, add_lists mends that. */
static int add_name(struct key_edition *edition, struct chains *chains, enum key_name_kind kind, const void *name,
                    size_t length, uint32_t entry)
{
    struct table_key key = key_of_name(edition, kind, name, length);
    uint32_t hash = hash_of_key(&key, sizeof(key), 0);
    int result = rte_hash_add_key_with_hash_data(edition->names, &key, hash, &edition->entries[entry]);
    if (result < 0)
        return result;
    int position = rte_hash_lookup_with_hash(edition->names, &key, hash);
    if (position < 0)
        return position;
    chains_append(chains, (size_t)position, entry);
    return 0;
}

static int add_names(struct key_edition *edition, const struct key_list *list, struct chains *chains)
{
    size_t thumbprint = 0;
    int result = 0;
    for (uint32_t entry = 0; entry < list->entries_count && result == 0; entry++) {
        const char *id = edition->entries[entry].id;
        if (list->entries[entry].id_is_name)
            result = add_name(edition, chains, KEY_NAME_TEXT, id, strlen(id), entry);
        while (result == 0 && thumbprint < list->thumbprints_count && list->thumbprints[thumbprint].entry == entry) {
            const struct key_thumbprint *name = &list->thumbprints[thumbprint++].thumbprint;
            result = add_name(edition, chains, name->length == KEY_SHA1_BYTES ? KEY_NAME_SHA1 : KEY_NAME_SHA256,
                              name->bytes, name->length, entry);
        }
    }
    return result;
}

/* Gives every name that several entries bear its list. */
static int add_lists(struct key_edition *edition, const struct chains *chains)
{
    if (chains->shared_positions == 0)
        return 0;
    size_t bytes = chains->shared_positions * sizeof(struct entry_list) + chains->shared_names * sizeof(void *);
    edition->lists = rte_malloc("key lists", bytes, 0);
    if (edition->lists == NULL)
        return -ENOMEM;
    uint8_t *room = edition->lists;
    for (size_t position = 0; position < chains->positions; position++) {
        uint32_t last = chains->last[position];
        if (last == 0 || chains->next[last - 1] == last - 1)
            continue;
        struct entry_list *shared = (struct entry_list *)(void *)room;
        shared->count = 0;
        uint32_t name = last - 1;
        do {
            name = chains->next[name];
            shared->entries[shared->count++] = &edition->entries[chains->entry[name]];
        } while (name != last - 1);
        room += sizeof(*shared) + shared->count * sizeof(void *);

        void *key;
        int result = rte_hash_get_key_with_position(edition->names, (int32_t)position, &key);
        if (result == 0)
            result = rte_hash_add_key_with_hash_data(edition->names, key, hash_of_key(key, sizeof(struct table_key), 0),
                                                     (void *)((uintptr_t)shared | 1));
        if (result < 0)
            return result;
    }
    return 0;
}

static int copy_entries(struct key_edition *edition, const struct key_list *list)
{
    edition->text = rte_malloc("key text", list->text_length + 1, 0);
    edition->entries = rte_malloc("key entries", (list->entries_count + 1) * sizeof(struct key_entry), 0);
    if (edition->text == NULL || edition->entries == NULL)
        return -ENOMEM;
    if (list->text_length > 0)
        memcpy(edition->text, list->text, list->text_length);
    for (size_t i = 0; i < list->entries_count; i++)
        edition->entries[i] = list_entry_view(&list->entries[i], edition->text);
    edition->entries_count = list->entries_count;
    return 0;
}

static int create_hash(struct key_edition *edition, struct rte_rcu_qsbr *readers, size_t names)
{
    static unsigned number; /* rte_hash wants a name of its own for each */
    char name[RTE_HASH_NAMESIZE];
    if (room_for(names) > RTE_HASH_ENTRIES_MAX)
        return -E2BIG;
    snprintf(name, sizeof(name), "keys_%u", __atomic_fetch_add(&number, 1, __ATOMIC_RELAXED));
    struct rte_hash_parameters parameters = {
        .name = name,
        .entries = (uint32_t)room_for(names),
        .key_len = sizeof(struct table_key),
        .hash_func = hash_of_key,
        .socket_id = SOCKET_ID_ANY,
        .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF,
    };
    edition->names = rte_hash_create(&parameters);
    if (edition->names == NULL)
        return -ENOMEM;
    struct rte_hash_rcu_config config = {.v = readers, .mode = RTE_HASH_QSBR_MODE_DQ, .dq_size = RECLAIM_QUEUE};
    return rte_hash_rcu_qsbr_add(edition->names, &config) == 0 ? 0 : -ENOMEM;
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

static void edition_destroy(struct key_edition *edition)
{
    if (edition == NULL)
        return;
    rte_hash_free(edition->names);
    rte_free(edition->lists);
    rte_free(edition->entries);
    rte_free(edition->text);
    rte_free(edition);
}

static int edition_create(const struct key_list *list, struct rte_rcu_qsbr *readers, struct key_edition **edition,
                          struct error *error)
{
    struct key_edition *made = rte_zmalloc("key edition", sizeof(*made), RTE_CACHE_LINE_SIZE);
    int result = made != NULL && readers != NULL ? siphash_key_random(&made->siphash_key) : -ENOMEM;
    if (result == 0)
        result = create_hash(made, readers, key_list_names(list));
    if (result == 0)
        result = copy_entries(made, list);
    if (result == 0)
        result = fill(made, list);
    if (result == 0) {
        *edition = made;
        return 0;
    }
    edition_destroy(made);
    return error_set(error, -result, "cannot make the table of %zu revoked keys (%zu names, about %zu MiB): %s",
                     list->entries_count, key_list_names(list), key_list_table_bytes(list) >> 20, strerror(-result));
}

/* The readers' variable: all are registered here and offline until they say otherwise, which holds nobody up. */
static struct rte_rcu_qsbr *create_readers(unsigned count)
{
    count = count == 0 ? 1 : count;
    struct rte_rcu_qsbr *readers = rte_zmalloc("key readers", rte_rcu_qsbr_get_memsize(count), RTE_CACHE_LINE_SIZE);
    if (readers == NULL || rte_rcu_qsbr_init(readers, count) != 0) {
        rte_free(readers);
        return NULL;
    }
    for (unsigned reader = 0; reader < count; reader++)
        rte_rcu_qsbr_thread_register(readers, reader); /* fails for numbers out of range alone */
    return readers;
}

int key_table_create(const struct key_list *list, unsigned readers, struct key_table **table, struct error *error)
{
    *table = NULL;
    struct key_table *made = rte_zmalloc("key table", sizeof(*made), RTE_CACHE_LINE_SIZE);
    if (made == NULL)
        return error_set(error, ENOMEM, "out of memory for the table of revoked keys");
    made->readers = create_readers(readers);
    int result = edition_create(list, made->readers, &made->current, error);
    if (result != 0) {
        key_table_destroy(made);
        return result;
    }
    made->generation = 1;
    *table = made;
    return 0;
}

void key_table_destroy(struct key_table *table)
{
    if (table == NULL)
        return;
    edition_destroy(table->current); /* with its reclaim queue, so before the readers' variable */
    rte_free(table->readers);
    rte_free(table);
}

/* ---- writing ---- */

/* A reader that is on a processor is quiescent within a burst; one that is not should not be waited for by spinning. */
static void wait_for_readers(struct rte_rcu_qsbr *readers)
{
    uint64_t token = rte_rcu_qsbr_start(readers);
    while (rte_rcu_qsbr_check(readers, token, false) == 0)
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

int key_table_reload(struct key_table *table, const struct key_list *list, struct error *error)
{
    struct key_edition *next, *last = table->current;
    int result = edition_create(list, table->readers, &next, error);
    if (result != 0)
        return result;
    __atomic_store_n(&table->current, next, __ATOMIC_RELEASE);
    /* After the change: whoever learnt something of the old edition did so under the old number. */
    __atomic_add_fetch(&table->generation, 1, __ATOMIC_RELEASE);
    wait_for_readers(table->readers);
    edition_destroy(last);
    return 0;
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

unsigned key_table_find(const struct key_table *table, enum key_name_kind kind, const uint8_t *name, size_t length,
                        const struct key_entry **entries, bool *narrowed, unsigned max)
{
    return key_table_find_from(table, kind, name, length, 0, entries, narrowed, max);
}

unsigned key_table_find_from(const struct key_table *table, enum key_name_kind kind, const uint8_t *name, size_t length,
                             size_t first, const struct key_entry **entries, bool *narrowed, unsigned max)
{
    if (table == NULL)
        return 0;
    const struct key_edition *edition = __atomic_load_n(&table->current, __ATOMIC_ACQUIRE);
    struct table_key key = key_of_name(edition, kind, name, length);
    void *data;
    if (rte_hash_lookup_with_hash_data(edition->names, &key, hash_of_key(&key, sizeof(key), 0), &data) < 0)
        return 0;

    const struct key_entry *alone = data;
    const struct key_entry *const *found = &alone;
    size_t count = 1;
    if ((uintptr_t)data & 1) {
        const struct entry_list *shared = (const struct entry_list *)((uintptr_t)data - 1);
        found = shared->entries;
        count = shared->count;
    }
    count = first < count ? count - first : 0;
    if (count > max)
        count = max;
    for (size_t i = 0; i < count; i++) {
        entries[i] = found[first + i];
        narrowed[i] = kind == KEY_NAME_TEXT && entries[i]->issuer != NULL;
    }
    return (unsigned)count;
}

bool key_table_is_empty(const struct key_table *table)
{
    return table == NULL || __atomic_load_n(&table->current, __ATOMIC_ACQUIRE)->entries_count == 0;
}

uint64_t key_table_generation(const struct key_table *table)
{
    return table != NULL ? __atomic_load_n(&table->generation, __ATOMIC_ACQUIRE) : 0;
}

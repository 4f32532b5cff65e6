/* SPDX-License-Identifier: BSD-3-Clause */
/* What is in force, from where: the sources, and changing single keys of the table. */
#include "store.h"

#include <errno.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct file_state file_state_of(const struct stat *status)
{
    return (struct file_state){status->st_dev, status->st_ino, status->st_size, status->st_mtim, status->st_ctim};
}

static bool times_equal(const struct timespec *one, const struct timespec *other)
{
    return one->tv_sec == other->tv_sec && one->tv_nsec == other->tv_nsec;
}

bool file_states_equal(const struct file_state *one, const struct file_state *other)
{
    return one->device == other->device && one->inode == other->inode && one->size == other->size &&
           times_equal(&one->modified, &other->modified) && times_equal(&one->changed, &other->changed);
}

/* ---- creation ---- */

static int copy_sources(struct key_store *store, const char *const *files, size_t files_count,
                        const struct key_store_value *values, size_t values_count)
{
    store->files = calloc(files_count + 1, sizeof(*store->files));
    store->values = calloc(values_count + 1, sizeof(*store->values));
    if (store->files == NULL || store->values == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < files_count; i++)
        if ((store->files[store->files_count++].path = strdup(files[i])) == NULL)
            return -ENOMEM;
    for (size_t i = 0; i < values_count; i++) {
        store->values[store->values_count++].source = values[i].source;
        if ((store->values[i].id = strdup(values[i].id)) == NULL)
            return -ENOMEM;
    }
    return 0;
}

int key_store_create(const char *const *files, size_t files_count, const struct key_store_value *values,
                     size_t values_count, struct key_store **store, struct error *error)
{
    *store = NULL;
    struct key_store *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return error_set(error, ENOMEM, "out of memory for the revoked keys");
    made->inotify = -1;
    int result = copy_sources(made, files, files_count, values, values_count);
    if (result != 0)
        error_set(error, -result, "out of memory for the revoked keys");
    if (result == 0) {
        store_watch_files(made); /* before they are read, so that no change is missed */
        result = store_read_all(made, &made->list, error);
    }
    if (result != 0) {
        made->list = NULL;
        key_store_destroy(made);
        return result;
    }
    made->counts = list_counts(made->list);
    *store = made;
    return 0;
}

void key_store_destroy(struct key_store *store)
{
    if (store == NULL)
        return;
    store_unwatch_files(store);
    key_store_drop_list(store);
    for (size_t i = 0; i < store->files_count; i++)
        free(store->files[i].path);
    for (size_t i = 0; i < store->values_count; i++)
        free(store->values[i].id);
    free(store->files);
    free(store->values);
    free(store);
}

const struct key_list *key_store_list(const struct key_store *store)
{
    return store->list;
}

void key_store_drop_list(struct key_store *store)
{
    key_list_destroy(store->list);
    store->list = NULL;
}

static size_t at_least(size_t number, size_t least)
{
    return number > least ? number : least;
}

size_t key_store_table_bytes(const struct key_store *store)
{
    enum { KEYS_LEAST = 100000, TEXT_LEAST = 64 * KEYS_LEAST };
    const struct key_counts *now = &store->counts;
    struct key_counts then = {.entries = at_least(2 * now->entries, KEYS_LEAST),
                              .names = at_least(2 * now->names, 2 * KEYS_LEAST),
                              .extras = at_least(2 * now->extras, KEYS_LEAST),
                              .text_length = at_least(2 * now->text_length, TEXT_LEAST)};
    return edition_bytes(now) + edition_bytes(&then) + rte_rcu_qsbr_get_memsize(RTE_MAX_LCORE + 1);
}

/* ---- adding ---- */

static void copy_source(char *to, size_t bytes, const char *source)
{
    snprintf(to, bytes, "%s", source);
}

/* The key stands in this file now: if it is one of the store's, there is nothing to read in it for that. */
static void note_saved(struct key_store *store, struct key_table *table, const struct saving *saving, const char *id,
                       const struct stat *after)
{
    struct file_state before = file_state_of(&saving->before);
    for (size_t i = 0; i < store->files_count; i++) {
        struct store_file *file = &store->files[i];
        if (file->loaded.device != before.device || file->loaded.inode != before.inode)
            continue;
        added_set_saved(table, id, file->path, saving->line);
        if (file_states_equal(&file->loaded, &before)) {
            file->loaded = file_state_of(after);
            file->is_known = true;
        }
    }
}

/* The key is in force; appends it, unless it stands there already. */
static int save(struct key_store *store, struct key_table *table, struct saving *saving, const char *id,
                struct key_store_added *added, struct error *error)
{
    struct stat after;
    int result = saving->is_there ? 0 : saving_append(saving, id, &after, error);
    added->is_saved = result == 0;
    if (result == 0 && !saving->is_there)
        note_saved(store, table, saving, id, &after);
    return result;
}

int key_store_add(struct key_store *store, struct key_table *table, const char *id, const char *path,
                  struct key_store_added *added, struct error *error)
{
    *added = (struct key_store_added){.is_in_force = false};
    struct saving saving = {.fd = -1};
    int result = key_value_check(id, error);
    if (result == 0 && path != NULL)
        result = saving_begin(&saving, path, id, error);
    if (result != 0)
        return result;
    struct key_entry found;
    result = key_table_add(table, id, KEY_STORE_ADDED, &found, error);
    added->was_there = result == -EEXIST;
    if (result == 0 || result == -EEXIST) {
        added->is_in_force = true;
        copy_source(added->source, sizeof(added->source), found.source);
        added->line = found.line;
        result = path != NULL ? save(store, table, &saving, id, added, error) : 0;
    }
    if (path != NULL)
        saving_end(&saving);
    return result;
}

/* ---- removing ---- */

struct removing {
    struct key_store *store;
    struct key_store_removed *removed;
};

static bool is_file_of(const struct key_store *store, const char *source)
{
    for (size_t i = 0; i < store->files_count; i++)
        if (strcmp(store->files[i].path, source) == 0)
            return true;
    return false;
}

static void note_removed(void *context, const struct key_entry *entry)
{
    struct removing *removing = context;
    struct key_store_removed *removed = removing->removed;
    bool is_file = is_file_of(removing->store, entry->source);
    removed->entries++;
    removed->from_files += is_file;
    if (removed->shown_count < KEY_STORE_REMOVED_SHOWN) {
        size_t i = removed->shown_count++;
        copy_source(removed->shown[i].source, sizeof(removed->shown[i].source), entry->source);
        removed->shown[i].line = entry->line;
        removed->shown[i].is_file = is_file;
    }
    for (size_t i = 0; i < removing->store->values_count; i++) {
        struct store_value *value = &removing->store->values[i];
        value->is_removed |= strcmp(value->source, entry->source) == 0 && strcmp(value->id, entry->id) == 0;
    }
}

int key_store_remove(struct key_store *store, struct key_table *table, const char *id,
                     struct key_store_removed *removed, struct error *error)
{
    *removed = (struct key_store_removed){.entries = 0};
    struct removing removing = {store, removed};
    return key_table_remove(table, id, note_removed, &removing, error);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the sources, at the start and again.
 *
 * The long steps of a reload may run beside the store's thread: they read what never changes of the store, which is the
 * paths and the values, and what was copied of it at the beginning.
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct reload_file {
    struct file_state state;
    int result;
};

struct key_reload {
    const struct key_store *store;
    struct key_table *table;
    struct timespec began;
    struct reload_file *files;
    size_t files_read;
    bool *values_left_out;
    struct key_counts counts;
    struct table_replacement replacement;
    int result; /* 0: there is something to put */
    struct error error;
};

/*
 * Would a later write have made another state of it? Times of files are those of the kernel's last tick, and two writes
 * within one are told apart by their sizes at best: so not where the state was made just before it was looked at.
 */
static bool is_settled(const struct file_state *state, const struct timespec *now)
{
    enum { SECONDS = 2 };
    return now->tv_sec - state->changed.tv_sec > SECONDS;
}

/* ---- one file ---- */

/* What a store reads must be there to be read again, and must not make it wait for a writer. */
static int check_file(const char *path, struct stat *status, struct error *error)
{
    if (strcmp(path, "-") == 0)
        return error_set(error, EINVAL, "- (standard input) cannot be read again when keys change; give a file");
    if (stat(path, status) != 0) {
        int code = errno;
        return error_set(error, code, "cannot open key list %s: %s", path, strerror(code));
    }
    if (!S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode)) /* of a folder key_list_add_file says more */
        return error_set(error, EINVAL, "key list %s is no file that can be read again when keys change; give a file",
                         path);
    return 0;
}

static int read_file(const char *path, struct key_list *list, struct file_state *state, struct error *error)
{
    struct stat status;
    int result = check_file(path, &status, error);
    if (result != 0)
        return result;
    *state = file_state_of(&status); /* before it is read: what is written meanwhile makes another */
    result = key_list_add_file(list, path, error);
    if (result == -EINVAL && error != NULL) {
        struct error first = *error;
        error_set(error, EINVAL, "%s (`bearertap keys lint` says all that is wrong in it)", first.text);
    }
    return result;
}

static void note_read(struct store_file *file, const struct file_state *state, const struct timespec *began)
{
    file->loaded = *state;
    file->is_known = is_settled(state, began);
    file->is_missing = false;
}

static bool is_absent(int result)
{
    return result == -ENOENT || result == -ENOTDIR || result == -ELOOP;
}

/* Is it a failure that goes away by nothing but a change that is noticed? */
static bool is_mended_by_a_change(int result)
{
    return is_absent(result) || result == -EINVAL || result == -EISDIR || result == -EFBIG;
}

/* ---- the start ---- */

int store_read_all(struct key_store *store, struct key_list **list, struct error *error)
{
    if (error != NULL)
        error->text[0] = '\0';
    struct timespec began;
    clock_gettime(CLOCK_REALTIME, &began);
    int result = key_list_create(list);
    for (size_t i = 0; i < store->files_count && result == 0; i++) {
        struct file_state state;
        result = read_file(store->files[i].path, *list, &state, error);
        if (result == 0)
            note_read(&store->files[i], &state, &began);
    }
    for (size_t i = 0; i < store->values_count && result == 0; i++)
        result = key_list_add_value_from(*list, store->values[i].id, store->values[i].source, error);
    if (result == 0)
        return 0;
    key_list_destroy(*list);
    *list = NULL;
    if (error != NULL && error->text[0] == '\0')
        error_set(error, -result, "out of memory for the revoked keys");
    return result;
}

/* ---- again: what another thread may do ---- */

static void tell_kept(struct key_reload *reload, const struct error *why, size_t kept)
{
    struct error before = reload->error;
    error_set(&reload->error, EINVAL, "%s%s%s; its keys of before stay in force (%zu)", before.text,
              before.text[0] != '\0' ? "; " : "", why->text, kept);
}

/* One that is given twice has its keys twice in the table, and all of them are kept at once. */
static bool was_kept(const struct key_reload *reload, size_t file)
{
    const struct store_file *files = reload->store->files;
    for (size_t i = 0; i < file; i++)
        if (reload->files[i].result != 0 && strcmp(files[i].path, files[file].path) == 0)
            return true;
    return false;
}

/* The keys of each file, or those of before. */
static int read_files(struct key_reload *reload, struct key_list *list)
{
    int result = 0;
    for (size_t i = 0; i < reload->store->files_count && result == 0; i++) {
        const char *path = reload->store->files[i].path;
        struct reload_file *file = &reload->files[i];
        struct error error = {""};
        file->result = read_file(path, list, &file->state, &error);
        reload->files_read += file->result == 0;
        if (file->result == -ENOMEM) {
            reload->error = error;
            result = -ENOMEM;
        } else if (file->result != 0 && !was_kept(reload, i)) {
            size_t kept;
            struct error why = error;
            result = table_keep(reload->table, path, list, &kept, &error);
            if (result == 0)
                tell_kept(reload, &why, kept);
            else
                reload->error = error;
        }
    }
    return result;
}

static int read_values(const struct key_reload *reload, struct key_list *list, struct error *error)
{
    int result = 0;
    for (size_t i = 0; i < reload->store->values_count && result == 0; i++) {
        const struct store_value *value = &reload->store->values[i];
        if (!reload->values_left_out[i])
            result = key_list_add_value_from(list, value->id, value->source, error);
    }
    return result;
}

static int build(struct key_reload *reload, struct key_list *list)
{
    struct error error = {""};
    int result = read_values(reload, list, &error);
    reload->counts = list_counts(list);
    if (result == 0)
        result = table_replacement_build(reload->table, list, &reload->replacement, &error);
    if (result != 0)
        reload->error = error;
    return result;
}

void key_reload_read(struct key_reload *reload)
{
    struct key_list *list = NULL;
    clock_gettime(CLOCK_REALTIME, &reload->began);
    reload->result = key_list_create(&list);
    if (reload->result == 0)
        reload->result = read_files(reload, list);
    bool is_of_use = reload->files_read > 0 || reload->store->files_count == 0;
    if (reload->result == 0 && is_of_use)
        reload->result = build(reload, list);
    key_list_destroy(list);
}

void key_reload_end(struct key_reload *reload)
{
    table_replacement_end(reload->table, &reload->replacement);
    free(reload->files);
    free(reload->values_left_out);
    free(reload);
}

/* ---- again: what the store's thread does ---- */

int key_store_reload_begin(struct key_store *store, struct key_table *table, struct key_reload **reload,
                           struct error *error)
{
    *reload = NULL;
    struct key_reload *made = calloc(1, sizeof(*made));
    if (made != NULL) {
        made->files = calloc(store->files_count + 1, sizeof(*made->files));
        made->values_left_out = calloc(store->values_count + 1, sizeof(*made->values_left_out));
    }
    if (made == NULL || made->files == NULL || made->values_left_out == NULL) {
        if (made != NULL) {
            free(made->files);
            free(made->values_left_out);
        }
        free(made);
        store->is_to_be_retried = true;
        return error_set(error, ENOMEM, "out of memory for the revoked keys; the %zu keys of before stay in force",
                         key_table_entries(table));
    }
    made->store = store;
    made->table = table;
    for (size_t i = 0; i < store->values_count; i++)
        made->values_left_out[i] = store->values[i].is_removed;
    table_reclaim(table);
    table_replacement_begin(table, &made->replacement);
    store->is_reloading = true;
    *reload = made;
    return 0;
}

/* What became of each file. Returns the first failure. */
static int note_files(struct key_store *store, const struct key_reload *reload)
{
    int first = 0;
    for (size_t i = 0; i < store->files_count; i++) {
        const struct reload_file *file = &reload->files[i];
        if (file->result == 0) {
            note_read(&store->files[i], &file->state, &reload->began);
            continue;
        }
        store->files[i].is_missing = is_absent(file->result);
        store->is_to_be_retried |= !is_mended_by_a_change(file->result);
        first = first == 0 ? file->result : first;
    }
    return first;
}

static int put(struct key_store *store, struct key_reload *reload)
{
    for (size_t i = 0; i < store->files_count; i++)
        if (reload->files[i].result != 0) /* what was saved in it stands there for all that is known */
            added_keep_saved(reload->table, store->files[i].path);
    int result = table_replacement_put(reload->table, &reload->replacement);
    return result != 0 ? result : reload->result;
}

int key_store_reload_put(struct key_store *store, struct key_reload *reload, struct error *error)
{
    bool was_put = reload->replacement.next != NULL;
    int result = put(store, reload);
    store->is_reloading = false;
    store->is_to_be_retried = result != 0;
    if (result != 0)
        return error_set(error, -result, "%s; the %zu keys of before stay in force",
                         reload->error.text[0] != '\0' ? reload->error.text : "out of memory for the revoked keys",
                         key_table_entries(reload->table));
    if (was_put)
        store->counts = reload->counts;
    result = note_files(store, reload);
    return result != 0 ? error_set(error, -result, "%s", reload->error.text) : 0;
}

int key_store_reload(struct key_store *store, struct key_table *table, struct error *error)
{
    struct key_reload *reload;
    int result = key_store_reload_begin(store, table, &reload, error);
    if (result != 0)
        return result;
    key_reload_read(reload);
    result = key_store_reload_put(store, reload, error);
    key_reload_end(reload);
    return result;
}

bool key_store_is_to_be_retried(const struct key_store *store)
{
    return store->is_to_be_retried;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Watching the files, by inotify.
 *
 * A path is walked as the kernel would, and each folder on the way is watched for the name that the way goes on with:
 * so it is noticed when the file is written, or replaced by a rename, and also when a symbolic link or a folder on the
 * way is (Kubernetes swaps a link `..data` two steps before the file), or when what was missing comes. After whatever
 * was noticed the way may be another one, and is walked again. A folder is watched before one looks what is in it.
 */
#include "store.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    LINKS_MAX = 40, /* as the kernel follows */
    READS_MAX = 64, /* of a folder in which so much happens that there is no end to it */
    ON_THE_WAY = IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_CREATE,
    AT_THE_END = ON_THE_WAY | IN_CLOSE_WRITE | IN_ATTRIB,
    OF_THE_FOLDER = IN_DELETE_SELF | IN_MOVE_SELF
};

/* ---- the way to a file ---- */

/* What is walked: `done` is a folder without links in its name, `rest` what is still to go from there. */
struct way {
    char done[PATH_MAX], rest[PATH_MAX];
    unsigned links;
};

static bool put_path(char path[PATH_MAX], const char *first, const char *separator, const char *second)
{
    char put[2 * PATH_MAX + 2];
    int length = snprintf(put, sizeof(put), "%s%s%s", first, separator, second);
    if (length < 0 || length >= PATH_MAX)
        return false;
    memcpy(path, put, (size_t)length + 1);
    return true;
}

/* The next name of the way, cut off from the rest; false where there is none. */
static bool take_name(struct way *way, char name[NAME_MAX + 1])
{
    const char *begin = way->rest + strspn(way->rest, "/");
    size_t length = strcspn(begin, "/");
    if (length == 0 || length > NAME_MAX)
        return false;
    memcpy(name, begin, length);
    name[length] = '\0';
    begin += length;
    begin += strspn(begin, "/");
    memmove(way->rest, begin, strlen(begin) + 1);
    return true;
}

static int add_watch(struct key_store *store, size_t file, const char *folder, const char *name, bool is_last)
{
    uint32_t mask = (is_last ? AT_THE_END : ON_THE_WAY) | OF_THE_FOLDER | IN_ONLYDIR | IN_MASK_ADD;
    int descriptor = inotify_add_watch(store->inotify, folder, mask);
    if (descriptor < 0)
        return -errno;
    if (store->watches_count == store->watches_capacity) {
        size_t capacity = 2 * store->watches_capacity + 16;
        struct store_watch *watches = realloc(store->watches, capacity * sizeof(*watches));
        if (watches == NULL)
            return -ENOMEM;
        store->watches = watches;
        store->watches_capacity = capacity;
    }
    struct store_watch *watch = &store->watches[store->watches_count];
    *watch = (struct store_watch){descriptor, file, is_last, strdup(name)};
    if (watch->name == NULL)
        return -ENOMEM;
    store->watches_count++;
    return 0;
}

/* Goes on through a symbolic link, which is what `path` names. */
static bool follow_link(struct way *way, const char *path)
{
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length <= 0 || ++way->links > LINKS_MAX)
        return false;
    target[length] = '\0';
    if (target[0] == '/')
        memcpy(way->done, "/", sizeof("/"));
    return put_path(way->rest, target, "/", way->rest);
}

/* Takes one step, watching where it is taken from. False at the end: the file, or what is not there. */
static bool step(struct key_store *store, size_t file, struct way *way)
{
    char name[NAME_MAX + 1], path[PATH_MAX];
    struct stat status;
    if (!take_name(way, name) || !put_path(path, way->done, "/", name))
        return false;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
        /* Where nobody may look into a folder on the way, what happens to the file itself is seen even so. */
        bool is_last = way->rest[0] == '\0';
        int result = add_watch(store, file, way->done, name, is_last);
        if (result != 0 && is_last)
            error_set(&store->unwatched, -result,
                      "cannot watch the folder %s (%s), so a change of %s in it is taken at a reload alone", way->done,
                      strerror(-result), name);
        if (lstat(path, &status) != 0)
            return false;
        if (S_ISLNK(status.st_mode))
            return follow_link(way, path);
    }
    return way->rest[0] != '\0' && put_path(way->done, path, "", "");
}

static void walk(struct key_store *store, size_t file)
{
    struct way way = {.links = 0};
    const char *path = store->files[file].path;
    memcpy(way.done, path[0] == '/' ? "/" : ".", sizeof("/"));
    if (!put_path(way.rest, path, "", ""))
        return;
    while (step(store, file, &way))
        ;
}

/* ---- all ways ---- */

static bool is_watched(const struct key_store *store, int descriptor)
{
    for (size_t i = 0; i < store->watches_count; i++)
        if (store->watches[i].descriptor == descriptor)
            return true;
    return false;
}

static void free_watches(struct store_watch *watches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(watches[i].name);
    free(watches);
}

void store_watch_files(struct key_store *store)
{
    if (store->inotify == -1) {
        store->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (store->inotify < 0)
            store->inotify = -errno - 1; /* -1 is: not tried yet */
    }
    if (store->inotify < 0)
        return;
    struct store_watch *before = store->watches;
    size_t before_count = store->watches_count;
    store->watches = NULL;
    store->watches_count = store->watches_capacity = 0;
    store->unwatched.text[0] = '\0';
    for (size_t i = 0; i < store->files_count; i++)
        walk(store, i);
    for (size_t i = 0; i < before_count; i++)
        if (!is_watched(store, before[i].descriptor))
            inotify_rm_watch(store->inotify, before[i].descriptor); /* twice, or gone: no matter */
    free_watches(before, before_count);
}

void store_unwatch_files(struct key_store *store)
{
    if (store->inotify >= 0)
        close(store->inotify);
    free_watches(store->watches, store->watches_count);
    store->watches = NULL;
    store->watches_count = store->watches_capacity = 0;
    store->inotify = -1;
}

int key_store_watch_descriptor(const struct key_store *store, struct error *error)
{
    if (error != NULL)
        *error = store->unwatched;
    if (store->inotify >= 0)
        return store->inotify;
    error_set(error, -store->inotify - 1,
              "cannot watch the key lists (%s), so a change in them is taken at a reload alone; raise "
              "fs.inotify.max_user_instances",
              strerror(-store->inotify - 1));
    return -1;
}

/* ---- what happened ---- */

/* A file that was only created has nothing in it yet; a link, or a name more of a file that is whole, has. */
static bool is_only_created(const struct inotify_event *event, const char *path)
{
    struct stat status;
    return (event->mask & IN_CREATE) != 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           status.st_nlink == 1 && lstat(path, &status) == 0 && !S_ISLNK(status.st_mode);
}

/* What an event says of the files. Returns whether the way to one of them may be another now. */
static bool take_event(struct key_store *store, const struct inotify_event *event)
{
    bool concerns = false;
    for (size_t i = 0; i < store->watches_count; i++) {
        const struct store_watch *watch = &store->watches[i];
        struct store_file *file = &store->files[watch->file];
        bool is_lost = (event->mask & IN_Q_OVERFLOW) != 0;
        bool is_of_folder = watch->descriptor == event->wd && (event->mask & (OF_THE_FOLDER | IN_IGNORED)) != 0;
        bool is_of_name = watch->descriptor == event->wd && event->len > 0 && strcmp(watch->name, event->name) == 0 &&
                          (watch->is_last || (event->mask & ON_THE_WAY) != 0);
        if (!is_lost && !is_of_folder && !is_of_name)
            continue;
        concerns = true;
        if (!is_of_name || !watch->is_last || !is_only_created(event, file->path))
            file->has_changed = true;
    }
    return concerns;
}

static bool take_events(struct key_store *store)
{
    _Alignas(struct inotify_event) char events[16384];
    bool concerns = false;
    for (unsigned reads = 0; reads < READS_MAX; reads++) {
        ssize_t length = read(store->inotify, events, sizeof(events));
        if (length <= 0)
            break;
        for (ssize_t at = 0; at < length;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
            concerns |= take_event(store, event);
            at += (ssize_t)(sizeof(*event) + event->len);
        }
    }
    return concerns;
}

/* Several may vanish at once, with their folder. */
static void tell_vanished(const struct store_file *file, struct error *vanished)
{
    if (vanished == NULL)
        return;
    struct error before = *vanished;
    error_set(vanished, ENOENT, "%s%skey list %s is gone; its keys stay in force until it comes back", before.text,
              before.text[0] != '\0' ? "; " : "", file->path);
}

/* Is there something in this file, about which something was heard, that is not in force yet? */
static bool has_news(struct store_file *file, struct error *vanished)
{
    struct stat status;
    int code = stat(file->path, &status) == 0 ? 0 : errno;
    if (code == ENOENT || code == ENOTDIR || code == ELOOP) {
        if (!file->is_missing)
            tell_vanished(file, vanished);
        file->is_missing = true;
        return false;
    }
    file->is_missing = false;
    if (code != 0)
        return true; /* the reload will say what is wrong */
    struct file_state state = file_state_of(&status);
    return !file->is_known || !file_states_equal(&state, &file->loaded);
}

bool key_store_changed(struct key_store *store, struct error *vanished)
{
    bool changed = false;
    if (vanished != NULL)
        vanished->text[0] = '\0';
    if (store->inotify < 0)
        return false;
    store->has_events |= take_events(store);
    if (!store->has_events || store->is_reloading) /* what is read just now may be what they tell of */
        return false;
    store->has_events = false;
    store_watch_files(store); /* before one looks what is there now */
    for (size_t i = 0; i < store->files_count; i++) {
        struct store_file *file = &store->files[i];
        if (file->has_changed)
            changed |= has_news(file, vanished);
        file->has_changed = false;
    }
    return changed;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_KEYS_STORE_H
#define BEARERTAP_TESTS_UNIT_KEYS_STORE_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>

#include <bearertap/key_store.h>

/* A store over files in a folder of its own, and the table that it changes; include after cmocka.h. */

static char folder[64];

/* A path in the folder, which is good for a test's length: none asks for so many. */
static inline const char *in_folder(const char *name)
{
    static char paths[64][160];
    static unsigned next;
    char *path = paths[next++ % 64];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static inline void folder_create(void)
{
    snprintf(folder, sizeof(folder), "/tmp/bearertap-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
}

static inline int folder_remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static inline void folder_remove(void)
{
    nftw(folder, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes in place: what was there goes, and the file is the same one. */
static inline void put(const char *path, const char *content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(close(fd), 0);
}

/* Puts another file in its place. */
static inline void replace(const char *path, const char *content)
{
    char other[160];
    snprintf(other, sizeof(other), "%s/other.tmp", folder);
    put(other, content);
    assert_int_equal(rename(other, path), 0);
}

static inline void assert_content(const char *path, const char *expected)
{
    char content[8192];
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t length = read(fd, content, sizeof(content) - 1);
    assert_true(length >= 0);
    content[length] = '\0';
    close(fd);
    assert_string_equal(content, expected);
}

static inline struct key_store *new_store(const char *const *files, size_t count)
{
    static const struct key_store_value values[] = {{"value", "-k"}, {"configured", "configuration"}};
    struct key_store *store;
    struct error error = {""};
    if (key_store_create(files, count, values, 2, &store, &error) != 0)
        fail_msg("%s", error.text);
    return store;
}

static inline struct key_table *table_of_store(struct key_store *store)
{
    struct key_table *table;
    struct error error = {""};
    if (key_table_create(key_store_list(store), 1, &table, &error) != 0)
        fail_msg("%s", error.text);
    key_store_drop_list(store);
    return table;
}

/* Is a key found by this kid? Then *entry is it. */
static inline bool finds(const struct key_table *table, const char *id, struct key_entry *entry)
{
    struct key_matches matches;
    struct key_entry any;
    bool narrowed;
    key_table_find(table, KEY_NAME_TEXT, (const uint8_t *)id, strlen(id), &matches);
    return key_matches_next(&matches, entry != NULL ? entry : &any, &narrowed);
}

static inline void must_reload(struct key_store *store, struct key_table *table)
{
    struct error error = {""};
    if (key_store_reload(store, table, &error) != 0)
        fail_msg("%s", error.text);
}

static inline int start_eal(void **state)
{
    (void)state;
    char *arguments[] = {"keys", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                         "-m",   "64",        "--lcores",    "0",        "--log-level=*:critical"};
    return rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])), arguments) < 0 ? -1 : 0;
}

static inline int stop_eal(void **state)
{
    (void)state;
    return rte_eal_cleanup();
}

static inline int set_up_folder(void **state)
{
    (void)state;
    folder_create();
    return 0;
}

static inline int tear_down_folder(void **state)
{
    (void)state;
    folder_remove();
    return 0;
}

#endif

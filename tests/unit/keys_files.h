/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_KEYS_FILES_H
#define BEARERTAP_TESTS_UNIT_KEYS_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Key lists as files, for tests; include after cmocka.h. Tests run in the project's root. */

/* Writes a file of its own and returns its path; files_remove removes it, and there is one at a time. */
static char files_path[64];

static inline const char *files_write(const void *content, size_t length)
{
    snprintf(files_path, sizeof(files_path), "/tmp/bearertap-keys-XXXXXX");
    int fd = mkstemp(files_path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return files_path;
}

static inline void files_remove(void)
{
    unlink(files_path);
}

/* The first entries that bear a name; returns how many, at most `max`. */
static inline unsigned files_find(const struct key_table *table, enum key_name_kind kind, const uint8_t *name,
                                  size_t length, struct key_entry *entries, bool *narrowed, unsigned max)
{
    struct key_matches matches;
    unsigned count = 0;
    key_table_find(table, kind, name, length, &matches);
    while (count < max && key_matches_next(&matches, &entries[count], &narrowed[count]))
        count++;
    return count;
}

/* Adds a list with this content. */
static inline int files_add(struct key_list *list, const void *content, size_t length, struct error *error)
{
    int result = key_list_add_file(list, files_write(content, length), error);
    files_remove();
    return result;
}

static inline struct key_list *files_new_list(void)
{
    struct key_list *list;
    assert_int_equal(key_list_create(&list), 0);
    return list;
}

static inline void assert_taken(const char *content, size_t entries, size_t names)
{
    struct key_list *list = files_new_list();
    struct error error = {""};
    if (files_add(list, content, strlen(content), &error) != 0)
        fail_msg("refused: %s\n%s", content, error.text);
    assert_int_equal(key_list_entries(list), entries);
    assert_int_equal(key_list_names(list), names);
    key_list_destroy(list);
}

/* Refused, with an error that is the path and `expected`, and nothing added. */
static inline void assert_bytes_refused(const void *content, size_t length, const char *expected)
{
    struct key_list *list = files_new_list();
    struct error error = {""};
    assert_int_equal(key_list_add_value(list, "before", &error), 0);
    assert_true(files_add(list, content, length, &error) < 0);
    if (strstr(error.text, expected) == NULL || strstr(error.text, files_path) == NULL)
        fail_msg("the error is:\n%s\nand not:\n%s", error.text, expected);
    assert_int_equal(key_list_entries(list), 1);
    assert_int_equal(key_list_names(list), 1);
    key_list_destroy(list);
}

static inline void assert_refused(const char *content, const char *expected)
{
    assert_bytes_refused(content, strlen(content), expected);
}

#endif

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

#endif

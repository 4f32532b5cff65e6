/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_UNIT_KEYS_TOLD_H
#define BEARERTAP_TESTS_UNIT_KEYS_TOLD_H

#include "keys_files.h"

/* What a lint tells, for tests; include after cmocka.h. */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Every problem as "LINE:COLUMN: error: key N: text", a line each; lines of 0 are left out. */
struct told {
    char text[64 * 1024];
    size_t length, errors, warnings;
};

static inline void tell(void *context, const struct key_problem *problem)
{
    struct told *told = context;
    *(problem->is_error ? &told->errors : &told->warnings) += 1;
    assert_string_equal(problem->source, files_path);
    assert_true(told->length < sizeof(told->text) - 2048);
    char key[32] = "";
    if (problem->key > 0)
        snprintf(key, sizeof(key), "key %u: ", problem->key);
    told->length +=
        (size_t)snprintf(told->text + told->length, sizeof(told->text) - told->length, "%u:%u: %s: %s%s\n",
                         problem->line, problem->column, problem->is_error ? "error" : "warning", key, problem->text);
}

static inline struct told lint(const void *content, size_t length)
{
    struct told told = {.length = 0};
    struct key_lint *made;
    assert_int_equal(key_lint_create(&made, tell, &told), 0);
    size_t errors = key_lint_file(made, files_write(content, length));
    assert_int_equal(errors, told.errors);
    files_remove();
    key_lint_destroy(made);
    return told;
}

/* Exactly these problems, each of which the told one begins with. */
static inline void assert_told(const char *content, const char *const *expected, size_t count)
{
    struct told told = lint(content, strlen(content));
    char *line = told.text;
    for (size_t i = 0; i < count; i++) {
        char *end = strchr(line, '\n');
        if (end == NULL || strncmp(line, expected[i], strlen(expected[i])) != 0)
            fail_msg("of\n%s\nnot told: %s\nbut:\n%s", content, expected[i], line);
        line = end + 1;
    }
    if (*line != '\0')
        fail_msg("of\n%s\nalso told: %s", content, line);
}

#define ASSERT_TOLD(content, ...)                                                                                      \
    do {                                                                                                               \
        static const char *const expected[] = {__VA_ARGS__};                                                           \
        assert_told(content, expected, COUNT(expected));                                                               \
    } while (0)

static inline void assert_nothing_told(const char *content)
{
    assert_told(content, NULL, 0);
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A key list of any kind, told from its content, read from a file and from a pipe in small pieces. What is accepted has
 * entries and can be found in the table, by jansson's reading of the list too; what is refused adds nothing and says
 * why in one clean line. Lint has an error exactly where a list is refused. No message and no entry shows a token.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <bearertap/keys.h>
#include <bearertap/token.h>

#include "support.h"

#define LIST_MAX 20000

static bool can_find(const struct key_table *table, const char *text, size_t length)
{
    struct key_matches matches;
    struct key_entry entry;
    bool narrowed;
    key_table_find(table, KEY_NAME_TEXT, (const uint8_t *)text, length, &matches);
    while (key_matches_next(&matches, &entry, &narrowed))
        REQUIRE(entry.id != NULL && (!narrowed || entry.issuer != NULL));
    return matches.count > 0;
}

/* Is there a kid in the list, as jansson reads it, that the table does not know? */
static void check_kids(const struct key_table *table, const uint8_t *text, size_t length)
{
    json_t *list = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, NULL);
    json_t *keys = json_object_get(list, "keys"), *key;
    if (keys == NULL)
        keys = list;
    const json_t *kid = json_object_get(keys, "kid");
    if (json_is_string(kid))
        REQUIRE(can_find(table, json_string_value(kid), json_string_length(kid)));
    size_t i;
    json_array_foreach(keys, i, key)
    {
        kid = json_object_get(key, "kid");
        if (json_is_string(kid))
            REQUIRE(can_find(table, json_string_value(kid), json_string_length(kid)));
    }
    json_decref(list);
}

static bool is_of_base64url(char byte)
{
    return byte != '\0' && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", byte) != NULL;
}

/* A token as it is issued: a header that begins with a brace and a letter in quotes, and two dots. */
static bool holds_token(const char *text)
{
    for (const char *at = text; (at = strstr(at, "eyJ")) != NULL; at += 3) {
        const char *dot = at, *header_end;
        while (is_of_base64url(*dot))
            dot++;
        header_end = dot;
        if (*dot != '.')
            continue;
        do
            dot++;
        while (is_of_base64url(*dot));
        if (*dot != '.')
            continue;
        uint8_t header[LIST_MAX];
        ptrdiff_t length = base64url_decode((const uint8_t *)at, (size_t)(header_end - at), header, LIST_MAX, NULL);
        json_t *object = length < 12 ? NULL : json_loadb((const char *)header, (size_t)length, 0, NULL);
        json_decref(object);
        if (object != NULL)
            return true;
    }
    return false;
}

static void check_text(const char *text)
{
    size_t length = strnlen(text, ERROR_TEXT_MAX);
    REQUIRE(length > 0 && length < ERROR_TEXT_MAX && !holds_token(text));
    for (size_t i = 0; i < length; i++)
        REQUIRE((uint8_t)text[i] >= 0x20 && text[i] != 0x7f);
}

static void check_message(const struct error *error)
{
    check_text(error->text);
}

static void check_problem(void *context, const struct key_problem *problem)
{
    size_t *errors = context;
    *errors += problem->is_error;
    REQUIRE(problem->text != NULL && (problem->column == 0 || problem->line > 0));
    check_text(problem->text);
}

static void check_lint(const uint8_t *text, size_t length, bool is_taken)
{
    struct key_lint *lint;
    size_t errors = 0;
    int fd = fuzz_file(text, length);
    REQUIRE(key_lint_create(&lint, check_problem, &errors) == 0);
    REQUIRE(key_lint_file(lint, fuzz_path(fd)) == errors);
    REQUIRE(is_taken == (errors == 0));
    key_lint_destroy(lint);
    close(fd);
}

static void check_entries(const struct key_list *list)
{
    struct key_list_cursor cursor = {0, 0};
    struct key_listed listed;
    while (key_list_next(list, &cursor, &listed)) {
        const struct key_entry *entry = &listed.entry;
        const char *const texts[] = {entry->id, entry->issuer, entry->reason, entry->severity, entry->revoked_at};
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
            REQUIRE(texts[i] == NULL || !holds_token(texts[i]));
    }
}

static struct key_table *check_table(const struct key_list *list)
{
    struct error error = {""};
    struct key_table *table;
    REQUIRE(key_list_table_bytes(list) > 0 && key_list_names(list) > 0);
    REQUIRE(key_table_create(list, 1, &table, &error) == 0);
    REQUIRE(!key_table_is_empty(table));
    key_table_reader_online(table, 0);
    return table;
}

static int add_file(struct key_list **list, int fd, struct error *error)
{
    REQUIRE(key_list_create(list) == 0);
    int result = key_list_add_file(*list, fuzz_path(fd), error);
    close(fd);
    if (result == 0) {
        REQUIRE(key_list_entries(*list) > 0);
    } else {
        REQUIRE(result < 0 && key_list_entries(*list) == 0 && key_list_names(*list) == 0);
        check_message(error);
    }
    return result;
}

/* The first byte is the size of the pieces in which the pipe gives the rest. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > LIST_MAX)
        return 0;
    struct error error = {""};
    struct key_list *list, *piped;
    const uint8_t *text = data + 1;
    size_t length = size - 1;
    int result = add_file(&list, fuzz_file(text, length), &error);
    int piped_result = add_file(&piped, fuzz_pipe(text, length, (size_t)data[0] + 1), &error);
    REQUIRE(result == piped_result && key_list_entries(list) == key_list_entries(piped));
    REQUIRE(key_list_names(list) == key_list_names(piped));
    if (result == 0) {
        struct key_table *table = check_table(list);
        check_kids(table, text, length);
        check_entries(list);
        key_table_reader_offline(table, 0);
        key_table_destroy(table);
    }
    check_lint(text, length, result == 0);
    key_list_destroy(list);
    key_list_destroy(piped);

    uint8_t *value = malloc(length + 1);
    memcpy(value, text, length);
    value[length] = '\0';
    REQUIRE(key_list_create(&list) == 0);
    if (key_list_add_value(list, (const char *)value, &error) == 0) {
        struct key_table *table = check_table(list);
        REQUIRE(key_list_entries(list) == 1 && can_find(table, (const char *)value, strlen((const char *)value)));
        key_table_reader_offline(table, 0);
        key_table_destroy(table);
    } else {
        check_message(&error);
        REQUIRE(key_list_entries(list) == 0);
    }
    key_list_destroy(list);
    free(value);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    fuzz_start_eal(128);
    return 0;
}

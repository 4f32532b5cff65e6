/* SPDX-License-Identifier: BSD-3-Clause */
/* What is in force, from where: reloading, adding, saving and removing. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "keys_store.h"

#define STORM_HEX "d4b4cccda9228624656bff33d8110955779632aa"
#define STORM_X5T "1LTMzakihiRla_8z2BEJVXeWMqo"
#define TOKEN     "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

/* A store of one file, and its table. */
struct set {
    const char *file;
    struct key_store *store;
    struct key_table *table;
    struct error error;
};

static struct set set_of(const char *content)
{
    struct set set = {.file = in_folder("revoked")};
    static char path[160];
    snprintf(path, sizeof(path), "%s", set.file);
    set.file = path;
    put(path, content);
    set.store = new_store(&set.file, 1);
    set.table = table_of_store(set.store);
    return set;
}

static void set_end(struct set *set)
{
    key_table_destroy(set->table);
    key_store_destroy(set->store);
}

static struct key_store_added must_add(struct set *set, const char *id, const char *path)
{
    struct key_store_added added;
    if (key_store_add(set->store, set->table, id, path, &added, &set->error) != 0)
        fail_msg("%s: %s", id, set->error.text);
    assert_true(added.is_in_force);
    return added;
}

static struct key_store_removed must_remove(struct set *set, const char *id)
{
    struct key_store_removed removed;
    if (key_store_remove(set->store, set->table, id, &removed, &set->error) != 0)
        fail_msg("%s: %s", id, set->error.text);
    return removed;
}

/* ---- sources ---- */

static void each_key_says_where_it_is_from(void **state)
{
    (void)state;
    struct set set = set_of("a\nb\n");
    must_add(&set, "c", NULL);
    static const struct {
        const char *id, *source;
        unsigned line;
    } expected[] = {
        {"a", NULL, 1}, {"b", NULL, 2}, {"value", "-k", 1}, {"configured", "configuration", 1}, {"c", "ctl", 1}};
    struct key_cursor cursor = {0, 0};
    struct key_entry entry;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_true(key_table_walk(set.table, &cursor, &entry));
        assert_string_equal(entry.id, expected[i].id);
        assert_string_equal(entry.source, expected[i].source != NULL ? expected[i].source : set.file);
        assert_int_equal(entry.line, expected[i].line);
    }
    assert_false(key_table_walk(set.table, &cursor, &entry));
    assert_int_equal(key_table_entries(set.table), 5);
    assert_int_equal(key_table_names(set.table), 5);
    set_end(&set);
}

static void what_cannot_be_read_again_is_refused(void **state)
{
    (void)state;
    struct key_store *store;
    struct error error = {""};
    const char *file = "-";
    assert_int_equal(key_store_create(&file, 1, NULL, 0, &store, &error), -EINVAL);
    assert_non_null(strstr(error.text, "standard input"));
    file = in_folder("pipe");
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(key_store_create(&file, 1, NULL, 0, &store, &error), -EINVAL);
    assert_non_null(strstr(error.text, "is no file that can be read again"));
    file = folder;
    assert_int_equal(key_store_create(&file, 1, NULL, 0, &store, &error), -EISDIR);
    assert_non_null(strstr(error.text, "is a directory"));
    file = in_folder("missing");
    assert_int_equal(key_store_create(&file, 1, NULL, 0, &store, &error), -ENOENT);
    assert_non_null(strstr(error.text, "missing: No such file"));
    struct key_store_value token = {TOKEN, "-k"};
    assert_int_equal(key_store_create(NULL, 0, &token, 1, &store, &error), -EINVAL);
    assert_null(strstr(error.text, "eyJ"));
    assert_null(store);
}

static void a_store_of_nothing_gives_an_empty_table_to_which_keys_can_be_added(void **state)
{
    (void)state;
    struct set set = {.file = NULL};
    assert_int_equal(key_store_create(NULL, 0, NULL, 0, &set.store, &set.error), 0);
    set.table = table_of_store(set.store);
    assert_true(key_table_is_empty(set.table));
    must_add(&set, "a", NULL);
    must_reload(set.store, set.table);
    assert_true(finds(set.table, "a", NULL));
    set_end(&set);
}

/* ---- reloading ---- */

static void a_reload_brings_what_the_file_says_now_and_keeps_what_was_added(void **state)
{
    (void)state;
    struct set set = set_of("a\nb\n");
    must_add(&set, "c", NULL);
    put(set.file, "b\nd\n");
    uint64_t generation = key_table_generation(set.table);
    must_reload(set.store, set.table);
    assert_true(key_table_generation(set.table) > generation);
    assert_int_equal(key_table_reloads(set.table), 1);
    struct key_entry entry;
    assert_false(finds(set.table, "a", NULL));
    assert_true(finds(set.table, "b", &entry));
    assert_int_equal(entry.line, 1);
    assert_true(finds(set.table, "c", &entry));
    assert_string_equal(entry.source, "ctl");
    assert_true(finds(set.table, "d", NULL) && finds(set.table, "value", NULL) && finds(set.table, "configured", NULL));
    assert_int_equal(key_table_entries(set.table), 5);
    set_end(&set);
}

static void a_bad_file_leaves_all_in_force_and_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *content, *expected;
    } cases[] = {
        {"{\"keys\":[{\"kid\":\"x\"},{\"kid\":7}]}", ":1:"},
        {"fine\ntwo words\n", ":2:"},
        {"", "is empty"},
        {"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl\n", "whole token"},
        {NULL, "No such file"},
    };
    struct set set = set_of("a\n");
    must_add(&set, "c", NULL);
    uint64_t generation = key_table_generation(set.table);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].content != NULL)
            put(set.file, cases[i].content);
        else
            assert_int_equal(unlink(set.file), 0);
        assert_true(key_store_reload(set.store, set.table, &set.error) < 0);
        if (strstr(set.error.text, cases[i].expected) == NULL || strstr(set.error.text, set.file) == NULL ||
            strstr(set.error.text, "its keys of before stay in force (1)") == NULL)
            fail_msg("%s", set.error.text);
        assert_null(strstr(set.error.text, "eyJ"));
        assert_true(finds(set.table, "a", NULL) && finds(set.table, "c", NULL));
        assert_false(finds(set.table, "x", NULL) || finds(set.table, "fine", NULL));
        assert_int_equal(key_table_generation(set.table), generation);
    }
    put(set.file, "b\n");
    must_reload(set.store, set.table);
    assert_true(finds(set.table, "b", NULL));
    set_end(&set);
}

/* ---- adding ---- */

static void a_key_that_is_there_is_no_error_in_any_spelling(void **state)
{
    (void)state;
    struct set set =
        set_of("{\"keys\":[{\"kid\":\"a\"},\n{\"x5t\":\"" STORM_X5T "\"},\n{\"kid\":\"n\",\"issuer\":\"i\"}]}");
    struct key_store_added added = must_add(&set, "a", NULL);
    assert_true(added.was_there);
    assert_string_equal(added.source, set.file);
    assert_int_equal(added.line, 1);
    added = must_add(&set, STORM_HEX, NULL);
    assert_true(added.was_there);
    assert_int_equal(added.line, 2);
    added = must_add(&set, "n", NULL); /* was for one issuer, and is for all now */
    assert_false(added.was_there);
    assert_string_equal(added.source, "ctl");
    added = must_add(&set, "n", NULL);
    assert_true(added.was_there);
    assert_string_equal(added.source, "ctl");
    assert_int_equal(key_table_entries(set.table), 6);
    set_end(&set);
}

static void a_token_is_refused_without_being_repeated(void **state)
{
    (void)state;
    struct set set = set_of("a\n");
    struct key_store_added added;
    struct key_store_removed removed;
    const char *path = in_folder("saved");
    assert_int_equal(key_store_add(set.store, set.table, TOKEN, path, &added, &set.error), -EINVAL);
    assert_false(added.is_in_force);
    assert_null(strstr(set.error.text, "eyJ"));
    assert_int_equal(key_store_remove(set.store, set.table, TOKEN, &removed, &set.error), -EINVAL);
    assert_null(strstr(set.error.text, "eyJ"));
    assert_int_not_equal(access(path, F_OK), 0);
    set_end(&set);
}

/* ---- saving ---- */

static void a_saved_key_is_a_line_of_a_text_for_its_owner_alone(void **state)
{
    (void)state;
    struct set set = set_of("a\n");
    const char *path = in_folder("saved");
    assert_true(must_add(&set, "b", path).is_saved);
    assert_true(must_add(&set, STORM_HEX, path).is_saved);
    assert_content(path, "b\n" STORM_HEX "\n");
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    struct key_store_added added = must_add(&set, "b", path); /* neither in force nor in the file twice */
    assert_true(added.was_there && added.is_saved);
    assert_content(path, "b\n" STORM_HEX "\n");
    must_add(&set, "c", NULL);
    added = must_add(&set, "c", path); /* in force already, but not in the file */
    assert_true(added.was_there && added.is_saved);
    assert_content(path, "b\n" STORM_HEX "\nc\n");
    set_end(&set);
}

static void a_file_without_a_last_newline_gets_one(void **state)
{
    (void)state;
    struct set set = set_of("a\n");
    const char *path = in_folder("saved");
    put(path, "# by hand\nx");
    must_add(&set, "b", path);
    assert_content(path, "# by hand\nx\nb\n");
    must_add(&set, "x", path);
    assert_content(path, "# by hand\nx\nb\n");
    assert_true(finds(set.table, "x", NULL));
    put(path, "\xef\xbb\xbf"
              "y # a comment");
    must_add(&set, "y", path);
    must_add(&set, "z", path);
    assert_content(path, "\xef\xbb\xbf"
                         "y # a comment\nz\n");
    set_end(&set);
}

static void what_is_no_text_list_is_refused_before_anything_changes(void **state)
{
    (void)state;
    static const struct {
        const char *content, *id, *expected;
    } cases[] = {
        {" {\"keys\":[{\"kid\":\"x\"}]}", "b", "is a JWK Set; allowed is a text"},
        {"text before\n-----BEGIN CERTIFICATE-----\n", "b", "is PEM; allowed is a text"},
        {"\x1f\x8b\x08", "b", "compressed"},
        {"", "{b", "read as something else"},
        {"", "[b", "read as something else"},
        {"", "#b", "read as something else"},
        {"x\n", "#b", "read as something else"},
        {NULL, "{b", "read as something else"},
        {NULL,
         "\xef\xbb\xbf"
         "b",
         "read as something else"},
    };
    struct set set = set_of("a\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *path = in_folder("saved");
        struct key_store_added added;
        unlink(path);
        if (cases[i].content != NULL)
            put(path, cases[i].content);
        assert_int_equal(key_store_add(set.store, set.table, cases[i].id, path, &added, &set.error), -EINVAL);
        if (strstr(set.error.text, cases[i].expected) == NULL || strstr(set.error.text, path) == NULL)
            fail_msg("%s", set.error.text);
        assert_false(added.is_in_force);
        assert_false(finds(set.table, cases[i].id, NULL));
        if (cases[i].content != NULL)
            assert_content(path, cases[i].content);
        else
            assert_int_not_equal(access(path, F_OK), 0);
    }
    static const char *const others[] = {"", "-"};
    struct key_store_added added;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(key_store_add(set.store, set.table, "b", others[i], &added, &set.error), -EINVAL);
    const char *pipe_path = in_folder("pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assert_int_equal(key_store_add(set.store, set.table, "b", pipe_path, &added, &set.error), -EINVAL);
    assert_true(key_store_add(set.store, set.table, "b", folder, &added, &set.error) < 0);
    assert_true(key_store_add(set.store, set.table, "b", in_folder("no/such"), &added, &set.error) < 0);
    assert_false(finds(set.table, "b", NULL));
    must_add(&set, "{b", in_folder("revoked")); /* behind a line of text it is one too */
    assert_content(set.file, "a\n{b\n");
    must_reload(set.store, set.table);
    struct key_entry entry;
    assert_true(finds(set.table, "{b", &entry));
    assert_int_equal(entry.line, 2);
    set_end(&set);
}

static void a_full_disk_is_said_and_leaves_the_key_in_force_and_the_file_whole(void **state)
{
    (void)state;
    struct set set = set_of("a\n");
    const char *path = in_folder("saved");
    put(path, "before\n");
    struct rlimit before, small = {.rlim_cur = 12}; /* as a disk that ends after five bytes more */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    struct key_store_added added;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int result = key_store_add(set.store, set.table, "a-long-key-id", path, &added, &set.error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(result < 0);
    assert_true(added.is_in_force);
    assert_false(added.is_saved);
    assert_non_null(strstr(set.error.text, "the key is in force, but was not saved in"));
    assert_true(finds(set.table, "a-long-key-id", NULL));
    assert_content(path, "before\n");

    path = in_folder("new");
    small.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    result = key_store_add(set.store, set.table, "another", path, &added, &set.error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(result < 0 && added.is_in_force);
    assert_int_not_equal(access(path, F_OK), 0); /* not an empty list, which could not be read */
    set_end(&set);
}

/* Each with a store and a table of its own, as two processes have them; flock tells them apart no less. */
enum { WRITERS = 3, LINES = 60 };

struct writer {
    pthread_t thread;
    unsigned number, failures;
    struct key_store *store;
    struct key_table *table;
    const char *path;
};

static void *save_lines(void *argument)
{
    struct writer *writer = argument;
    for (unsigned line = 0; line < LINES; line++) {
        char id[64];
        struct key_store_added added;
        snprintf(id, sizeof(id), "writer-%u-line-%u", writer->number, line);
        writer->failures += key_store_add(writer->store, writer->table, id, writer->path, &added, NULL) != 0;
    }
    return NULL;
}

static void several_that_save_into_one_file_at_once_lose_nothing(void **state)
{
    (void)state;
    char path[160];
    snprintf(path, sizeof(path), "%s", in_folder("saved"));
    struct writer writers[WRITERS];
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.number = i, .store = new_store(NULL, 0), .path = path};
        writers[i].table = table_of_store(writers[i].store);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i].thread, NULL, save_lines, &writers[i]), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        assert_int_equal(writers[i].failures, 0);
        key_table_destroy(writers[i].table);
        key_store_destroy(writers[i].store);
    }
    struct key_list *list;
    assert_int_equal(key_list_create(&list), 0);
    assert_int_equal(key_list_add_file(list, path, NULL), 0);
    assert_int_equal(key_list_entries(list), WRITERS * LINES);
    unsigned next[WRITERS] = {0}, writer, line;
    struct key_list_cursor cursor = {0, 0};
    struct key_listed listed;
    while (key_list_next(list, &cursor, &listed)) {
        assert_int_equal(sscanf(listed.entry.id, "writer-%u-line-%u", &writer, &line), 2);
        assert_true(writer < WRITERS);
        assert_int_equal(line, next[writer]++);
    }
    key_list_destroy(list);
}

static void a_file_that_somebody_has_locked_is_told(void **state)
{
    (void)state;
    struct set set = set_of("a\n");
    int fd = open(set.file, O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    struct key_store_added added;
    assert_int_equal(key_store_add(set.store, set.table, "b", set.file, &added, &set.error), -EWOULDBLOCK);
    assert_non_null(strstr(set.error.text, "another process has locked it"));
    assert_false(added.is_in_force);
    close(fd);
    must_add(&set, "b", set.file);
    assert_content(set.file, "a\nb\n");
    set_end(&set);
}

/* Saved into a file of the store, a key is that file's with the next reload: once, and gone when it goes there. */
static void a_key_saved_in_a_file_of_the_store_becomes_the_files(void **state)
{
    (void)state;
    struct set set = set_of("a\n");
    must_add(&set, "b", set.file);
    must_add(&set, "c", NULL);
    struct key_entry entry;
    assert_true(finds(set.table, "b", &entry));
    assert_string_equal(entry.source, "ctl");
    struct key_store_added added = must_add(&set, "b", NULL);
    assert_string_equal(added.source, set.file); /* where it is, to whoever asks for that */
    assert_int_equal(added.line, 2);
    must_reload(set.store, set.table);
    assert_true(finds(set.table, "b", &entry));
    assert_string_equal(entry.source, set.file);
    assert_int_equal(entry.line, 2);
    assert_int_equal(key_table_entries(set.table), 5);
    assert_int_equal(key_table_names(set.table), 5);
    put(set.file, "a\n");
    must_reload(set.store, set.table);
    assert_false(finds(set.table, "b", NULL));
    assert_true(finds(set.table, "c", NULL));
    must_add(&set, "d", set.file);
    put(set.file, "a\n"); /* taken out again before it was read: then it is still the one that was added */
    must_reload(set.store, set.table);
    assert_true(finds(set.table, "d", &entry));
    assert_string_equal(entry.source, "ctl");
    assert_string_equal(must_remove(&set, "d").shown[0].source, "ctl");
    must_add(&set, "e", set.file);
    struct key_store_removed removed = must_remove(&set, "e"); /* it would come back */
    assert_int_equal(removed.from_files, 1);
    assert_string_equal(removed.shown[0].source, set.file);
    assert_int_equal(removed.shown[0].line, 2);
    set_end(&set);
}

/* ---- removing ---- */

static void removing_takes_all_spellings_and_says_what_comes_back(void **state)
{
    (void)state;
    struct set set = set_of("x\n" STORM_HEX "\nD4:B4:CC:CD:A9:22:86:24:65:6B:FF:33:D8:11:09:55:77:96:32:AA\n");
    struct key_store_removed removed = must_remove(&set, STORM_X5T);
    assert_int_equal(removed.entries, 2);
    assert_int_equal(removed.from_files, 2);
    assert_int_equal(removed.shown_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(removed.shown[i].source, set.file);
        assert_int_equal(removed.shown[i].line, 2 + i);
        assert_true(removed.shown[i].is_file);
    }
    assert_false(finds(set.table, STORM_HEX, NULL));
    assert_int_equal(key_store_remove(set.store, set.table, STORM_X5T, &removed, &set.error), -ENOENT);
    assert_non_null(strstr(set.error.text, "no revoked key is called by this id"));
    assert_int_equal(removed.entries, 0);
    must_reload(set.store, set.table);
    assert_true(finds(set.table, STORM_HEX, NULL));
    set_end(&set);
}

static void a_value_that_was_removed_does_not_come_back_with_a_reload(void **state)
{
    (void)state;
    struct set set = set_of("x\n");
    struct key_store_removed removed = must_remove(&set, "value");
    assert_int_equal(removed.entries, 1);
    assert_int_equal(removed.from_files, 0);
    assert_string_equal(removed.shown[0].source, "-k");
    must_add(&set, "added", NULL);
    removed = must_remove(&set, "added");
    assert_string_equal(removed.shown[0].source, "ctl");
    assert_false(removed.shown[0].is_file);
    must_reload(set.store, set.table);
    assert_false(finds(set.table, "value", NULL) || finds(set.table, "added", NULL));
    assert_true(finds(set.table, "configured", NULL));
    set_end(&set);
}

static void of_many_that_are_removed_the_first_are_shown(void **state)
{
    (void)state;
    static char content[4096] = "{\"keys\":[";
    for (unsigned i = 0; i < 50; i++)
        sprintf(content + strlen(content), "%s\n{\"kid\":\"default\",\"issuer\":\"i%u\"}", i > 0 ? "," : "", i);
    strcat(content, "]}");
    struct set set = set_of(content);
    struct key_store_removed removed = must_remove(&set, "default");
    assert_int_equal(removed.entries, 50);
    assert_int_equal(removed.from_files, 50);
    assert_int_equal(removed.shown_count, KEY_STORE_REMOVED_SHOWN);
    assert_int_equal(removed.shown[KEY_STORE_REMOVED_SHOWN - 1].line, 1 + KEY_STORE_REMOVED_SHOWN);
    assert_int_equal(key_table_entries(set.table), 2);
    set_end(&set);
}

/* ---- memory ---- */

static void the_memory_to_reserve_is_enough_for_a_list_twice_as_long(void **state)
{
    (void)state;
    struct set set = set_of("x\n");
    size_t bytes = key_store_table_bytes(set.store);
    FILE *file = fopen(set.file, "w");
    for (unsigned i = 0; i < 100000; i++)
        fprintf(file, "key-%u\n", i);
    fclose(file);
    must_reload(set.store, set.table);
    struct key_list *list;
    assert_int_equal(key_list_create(&list), 0);
    assert_int_equal(key_list_add_file(list, set.file, NULL), 0);
    assert_true(key_list_table_bytes(list) < bytes);
    assert_true(key_store_table_bytes(set.store) > 3 * key_list_table_bytes(list) - (1 << 20));
    key_list_destroy(list);
    set_end(&set);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_folder, tear_down_folder)
    const struct CMUnitTest tests[] = {
        STORE_TEST(each_key_says_where_it_is_from),
        STORE_TEST(what_cannot_be_read_again_is_refused),
        STORE_TEST(a_store_of_nothing_gives_an_empty_table_to_which_keys_can_be_added),
        STORE_TEST(a_reload_brings_what_the_file_says_now_and_keeps_what_was_added),
        STORE_TEST(a_bad_file_leaves_all_in_force_and_says_why),
        STORE_TEST(a_key_that_is_there_is_no_error_in_any_spelling),
        STORE_TEST(a_token_is_refused_without_being_repeated),
        STORE_TEST(a_saved_key_is_a_line_of_a_text_for_its_owner_alone),
        STORE_TEST(a_file_without_a_last_newline_gets_one),
        STORE_TEST(what_is_no_text_list_is_refused_before_anything_changes),
        STORE_TEST(a_full_disk_is_said_and_leaves_the_key_in_force_and_the_file_whole),
        STORE_TEST(several_that_save_into_one_file_at_once_lose_nothing),
        STORE_TEST(a_file_that_somebody_has_locked_is_told),
        STORE_TEST(a_key_saved_in_a_file_of_the_store_becomes_the_files),
        STORE_TEST(removing_takes_all_spellings_and_says_what_comes_back),
        STORE_TEST(a_value_that_was_removed_does_not_come_back_with_a_reload),
        STORE_TEST(of_many_that_are_removed_the_first_are_shown),
        STORE_TEST(the_memory_to_reserve_is_enough_for_a_list_twice_as_long),
    };
    return cmocka_run_group_tests(tests, start_eal, stop_eal);
}

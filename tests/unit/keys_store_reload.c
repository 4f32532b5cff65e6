/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists that are read again where one of them cannot be, and while single keys come and go. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "keys_store.h"

#define X5T "1LTMzakihiRla_8z2BEJVXeWMqo"
#define HEX "d4b4cccda9228624656bff33d8110955779632aa"

/* Two lists, one of them in a folder of its own. */
struct lists {
    const char *files[2];
    struct key_store *store;
    struct key_table *table;
    struct error error;
};

static struct lists lists_of(const char *first, const char *second)
{
    struct lists lists = {.files = {in_folder("first"), in_folder("sub/second")}};
    assert_int_equal(mkdir(in_folder("sub"), 0700), 0);
    put(lists.files[0], first);
    put(lists.files[1], second);
    lists.store = new_store(lists.files, 2);
    lists.table = table_of_store(lists.store);
    key_store_changed(lists.store, NULL);
    return lists;
}

static void lists_end(struct lists *lists)
{
    key_table_destroy(lists->table);
    key_store_destroy(lists->store);
}

static void assert_finds(const struct lists *lists, const char *id, bool expected)
{
    if (finds(lists->table, id, NULL) != expected)
        fail_msg("%s is %sin force", id, expected ? "not " : "");
}

static struct key_entry must_find(const struct lists *lists, const char *id)
{
    struct key_entry entry;
    if (!finds(lists->table, id, &entry))
        fail_msg("%s is not in force", id);
    return entry;
}

/* As `ctl keys list` tells it. */
static const char *told_source(const struct lists *lists, const char *id)
{
    struct key_cursor cursor = {0, 0};
    struct key_entry entry;
    while (key_table_walk(lists->table, &cursor, &entry))
        if (strcmp(entry.id, id) == 0)
            return entry.source;
    return "nothing";
}

static void move_away(const struct lists *lists)
{
    (void)lists;
    assert_int_equal(rename(in_folder("sub"), in_folder("away")), 0);
}

static void move_back(const struct lists *lists)
{
    (void)lists;
    assert_int_equal(rename(in_folder("away"), in_folder("sub")), 0);
}

/* ---- a list that cannot be read ---- */

static void a_list_is_taken_while_another_is_missing(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    move_away(&lists);
    put(lists.files[0], "k1\nk3\n");
    assert_true(key_store_changed(lists.store, NULL));
    assert_int_equal(key_store_reload(lists.store, lists.table, &lists.error), -ENOENT);
    assert_non_null(strstr(lists.error.text, lists.files[1]));
    assert_non_null(strstr(lists.error.text, "its keys of before stay in force (1)"));
    assert_finds(&lists, "k1", true);
    assert_finds(&lists, "k2", true);
    assert_finds(&lists, "k3", true);
    assert_false(key_store_is_to_be_retried(lists.store)); /* its coming back is noticed */
    move_back(&lists);
    if (key_store_changed(lists.store, NULL))
        must_reload(lists.store, lists.table);
    put(lists.files[1], "k4\n");
    assert_true(key_store_changed(lists.store, NULL));
    must_reload(lists.store, lists.table);
    assert_finds(&lists, "k2", false);
    assert_finds(&lists, "k4", true);
    assert_int_equal(key_table_entries(lists.table), 5);
    lists_end(&lists);
}

static void what_cannot_be_read_keeps_its_keys_with_all_their_names(void **state)
{
    (void)state;
    static const char second[] =
        "{\"keys\":[\n{\"kid\":\"k2\",\"x5t\":\"" X5T "\",\"issuer\":\"i\",\"reason\":\"r\",\"severity\":\"low\","
        "\"revoked_at\":\"2023-07-14T00:00:00Z\"},\n{\"x5t\":\"" X5T "\"},\n"
        "{\"kid\":\"k5\",\"kty\":\"RSA\",\"n\":\"sXch\",\"e\":\"AQAB\"},\n{\"kid\":\"gone\"}]}";
    struct lists lists = lists_of("k1\n", second);
    struct key_store_removed removed;
    assert_int_equal(key_store_remove(lists.store, lists.table, "gone", &removed, NULL), 0);
    const size_t names = key_table_names(lists.table);
    put(lists.files[1], "two words\n");
    for (unsigned turn = 0; turn < 3; turn++) { /* what was kept is kept again */
        char first[] = {'a', (char)('0' + turn), '\n', '\0'};
        put(lists.files[0], first);
        assert_int_equal(key_store_reload(lists.store, lists.table, &lists.error), -EINVAL);
        assert_non_null(strstr(lists.error.text, ":1:"));
        assert_non_null(strstr(lists.error.text, "its keys of before stay in force (3)"));
        first[2] = '\0';
        assert_finds(&lists, first, true);
        assert_finds(&lists, "gone", false);
        struct key_entry entry = must_find(&lists, "k2");
        assert_string_equal(entry.issuer, "i");
        assert_string_equal(entry.reason, "r");
        assert_string_equal(entry.severity, "low");
        assert_string_equal(entry.revoked_at, "2023-07-14T00:00:00Z");
        assert_string_equal(entry.source, lists.files[1]);
        assert_int_equal(entry.line, 2);
        uint8_t thumbprint[32];
        struct key_matches matches;
        bool narrowed;
        assert_int_equal(key_text_to_thumbprint((const uint8_t *)HEX, strlen(HEX), thumbprint), 20);
        key_table_find(lists.table, KEY_NAME_SHA1, thumbprint, 20, &matches);
        assert_true(key_matches_next(&matches, &entry, &narrowed) && strcmp(entry.id, "k2") == 0);
        assert_true(key_matches_next(&matches, &entry, &narrowed) && entry.line == 3);
        assert_false(key_matches_next(&matches, &entry, &narrowed));
        assert_int_equal(key_table_names(lists.table), names);
    }
    assert_int_equal(key_store_remove(lists.store, lists.table, HEX, &removed, NULL), 0); /* by a name that was kept */
    assert_int_equal(removed.entries, 2);
    assert_finds(&lists, "k2", false);
    lists_end(&lists);
}

static void a_list_that_is_given_twice_is_kept_as_it_was(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    key_table_destroy(lists.table);
    key_store_destroy(lists.store);
    const char *files[] = {lists.files[1], lists.files[0], lists.files[1]};
    lists.store = new_store(files, 3);
    lists.table = table_of_store(lists.store);
    move_away(&lists);
    for (unsigned turn = 0; turn < 3; turn++) {
        assert_int_equal(key_store_reload(lists.store, lists.table, NULL), -ENOENT);
        assert_int_equal(key_table_entries(lists.table), 5);
    }
    lists_end(&lists);
}

static void a_key_that_was_saved_in_a_list_stays_so_while_that_is_missing(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    struct key_store_added added;
    assert_int_equal(key_store_add(lists.store, lists.table, "k3", lists.files[1], &added, NULL), 0);
    move_away(&lists);
    assert_int_equal(key_store_reload(lists.store, lists.table, NULL), -ENOENT);
    assert_string_equal(told_source(&lists, "k3"), lists.files[1]);
    move_back(&lists);
    must_reload(lists.store, lists.table);
    assert_string_equal(must_find(&lists, "k3").source, lists.files[1]);
    assert_int_equal(key_table_entries(lists.table), 5);
    lists_end(&lists);
}

static void a_key_that_was_saved_is_no_lists_when_that_comes_back_without_it(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    struct key_store_added added;
    assert_int_equal(key_store_add(lists.store, lists.table, "k3", lists.files[1], &added, NULL), 0);
    move_away(&lists);
    assert_int_equal(key_store_reload(lists.store, lists.table, NULL), -ENOENT);
    move_back(&lists);
    put(lists.files[1], "k2\n");
    must_reload(lists.store, lists.table);
    assert_string_equal(told_source(&lists, "k3"), "ctl");
    lists_end(&lists);
}

static void what_no_change_of_a_file_would_mend_is_to_be_tried_again(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    struct rlimit before, none = {.rlim_cur = 0};
    put(lists.files[0], "k1\nk3\n");
    assert_true(key_store_changed(lists.store, NULL));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int result = key_store_reload(lists.store, lists.table, &lists.error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, -EMFILE);
    assert_finds(&lists, "k1", true);
    assert_false(key_store_changed(lists.store, NULL)); /* nothing is going to tell */
    assert_true(key_store_is_to_be_retried(lists.store));
    must_reload(lists.store, lists.table);
    assert_false(key_store_is_to_be_retried(lists.store));
    assert_finds(&lists, "k3", true);
    lists_end(&lists);
}

static void a_table_for_which_there_is_no_memory_is_to_be_tried_again(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    FILE *file = fopen(lists.files[0], "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 1000000; i++)
        fprintf(file, "%u\n", i);
    assert_int_equal(fclose(file), 0);
    assert_true(key_store_changed(lists.store, NULL));
    assert_true(key_store_reload(lists.store, lists.table, &lists.error) < 0);
    assert_non_null(strstr(lists.error.text, "the 4 keys of before stay in force"));
    assert_finds(&lists, "k1", true);
    assert_true(key_store_is_to_be_retried(lists.store));
    put(lists.files[0], "k3\n");
    must_reload(lists.store, lists.table);
    assert_finds(&lists, "k3", true);
    lists_end(&lists);
}

/* ---- single keys while lists are read ---- */

/* Where in a reload something is done: what it does must not depend on it. */
enum { BEFORE_IT_READS, AFTER_IT_READ, MOMENTS };

struct under_way {
    struct lists *lists;
    struct key_reload *reload;
};

static struct under_way begin(struct lists *lists, unsigned moment)
{
    struct under_way under_way = {.lists = lists};
    assert_int_equal(key_store_reload_begin(lists->store, lists->table, &under_way.reload, NULL), 0);
    if (moment == AFTER_IT_READ)
        key_reload_read(under_way.reload);
    return under_way;
}

static void finish(struct under_way *under_way, unsigned moment)
{
    if (moment == BEFORE_IT_READS)
        key_reload_read(under_way->reload);
    assert_int_equal(key_store_reload_put(under_way->lists->store, under_way->reload, NULL), 0);
    key_reload_end(under_way->reload);
}

static void a_key_that_is_added_while_lists_are_read_stays(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    for (unsigned moment = 0; moment < MOMENTS; moment++) {
        char id[] = {'a', (char)('0' + moment), '\0'};
        struct key_store_added added;
        struct under_way under_way = begin(&lists, moment);
        assert_int_equal(key_store_add(lists.store, lists.table, id, NULL, &added, NULL), 0);
        assert_finds(&lists, id, true);
        finish(&under_way, moment);
        assert_finds(&lists, id, true);
        assert_int_equal(key_table_entries(lists.table), 5 + moment);
    }
    lists_end(&lists);
}

static void a_key_that_is_removed_while_lists_are_read_is_not_brought_back(void **state)
{
    (void)state;
    static const char *const ids[] = {HEX, "value", "added"};
    for (unsigned moment = 0; moment < MOMENTS; moment++)
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
            struct lists lists = lists_of("k1\n" X5T "\n", "k2\n");
            struct key_store_added added;
            struct key_store_removed removed;
            assert_int_equal(key_store_add(lists.store, lists.table, "added", NULL, &added, NULL), 0);
            struct under_way under_way = begin(&lists, moment);
            assert_int_equal(key_store_remove(lists.store, lists.table, ids[i], &removed, NULL), 0);
            assert_int_equal(key_store_remove(lists.store, lists.table, "none", &removed, NULL), -ENOENT);
            finish(&under_way, moment);
            assert_finds(&lists, "added", i != 2);
            assert_finds(&lists, "value", i != 1);
            assert_finds(&lists, X5T, i != 0);
            assert_int_equal(key_table_entries(lists.table), 5);
            assert_int_equal(key_table_names(lists.table), i == 0 ? 5 : 6);
            assert_int_equal(key_store_add(lists.store, lists.table, ids[i], NULL, &added, NULL), 0);
            assert_false(added.was_there);
            assert_finds(&lists, ids[i], true);
            must_reload(lists.store, lists.table);
            assert_finds(&lists, X5T, true); /* by the next one it is, from a file */
            lists_end(&lists);
            assert_int_equal(remove(lists.files[1]) + remove(in_folder("sub")), 0);
        }
}

static void what_was_not_there_to_be_removed_comes_with_the_lists(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    struct key_store_removed removed;
    put(lists.files[0], "k1\nk3\n");
    struct under_way under_way = begin(&lists, AFTER_IT_READ);
    assert_int_equal(key_store_remove(lists.store, lists.table, "k3", &removed, NULL), -ENOENT);
    finish(&under_way, AFTER_IT_READ);
    assert_finds(&lists, "k3", true);
    lists_end(&lists);
}

static void a_key_that_is_saved_while_lists_are_read_is_its_files_in_the_end(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    for (unsigned moment = 0; moment < MOMENTS; moment++) {
        char id[] = {'s', (char)('0' + moment), '\0'};
        struct key_store_added added;
        struct under_way under_way = begin(&lists, moment);
        assert_int_equal(key_store_add(lists.store, lists.table, id, lists.files[1], &added, NULL), 0);
        finish(&under_way, moment);
        assert_finds(&lists, id, true);
        assert_true(key_store_changed(lists.store, NULL));
        must_reload(lists.store, lists.table);
        assert_string_equal(must_find(&lists, id).source, lists.files[1]);
        assert_int_equal(key_table_entries(lists.table), 5 + moment);
    }
    lists_end(&lists);
}

static void a_list_that_changes_while_it_is_read_is_due_when_that_is_over(void **state)
{
    (void)state;
    struct lists lists = lists_of("k1\n", "k2\n");
    struct under_way under_way = begin(&lists, AFTER_IT_READ);
    put(lists.files[0], "k1\nk3\n");
    assert_false(key_store_changed(lists.store, NULL));
    finish(&under_way, AFTER_IT_READ);
    assert_finds(&lists, "k3", false);
    assert_true(key_store_changed(lists.store, NULL));
    must_reload(lists.store, lists.table);
    assert_finds(&lists, "k3", true);
    assert_false(key_store_changed(lists.store, NULL));
    lists_end(&lists);
}

static void *read_lists(void *reload)
{
    key_reload_read(reload);
    return NULL;
}

/* The lists are read by another thread, which keeps what it cannot read, and the writer changes what that looks at. */
static void keys_come_and_go_while_another_thread_reads(void **state)
{
    (void)state;
    enum { ROUNDS = 20, KEYS = 2000 };
    struct lists lists = lists_of("k1\n", "k2\n");
    FILE *file = fopen(lists.files[1], "w");
    assert_non_null(file);
    for (unsigned i = 0; i < KEYS; i++)
        fprintf(file, "listed-%u\n", i);
    assert_int_equal(fclose(file), 0);
    must_reload(lists.store, lists.table);
    move_away(&lists);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct key_reload *reload;
        struct key_store_added added;
        struct key_store_removed removed;
        pthread_t thread;
        char id[32];
        assert_int_equal(key_store_reload_begin(lists.store, lists.table, &reload, NULL), 0);
        assert_int_equal(pthread_create(&thread, NULL, read_lists, reload), 0);
        for (unsigned i = 0; i < KEYS; i += ROUNDS) {
            snprintf(id, sizeof(id), "listed-%u", i + round);
            assert_int_equal(key_store_remove(lists.store, lists.table, id, &removed, NULL), 0);
            snprintf(id, sizeof(id), "added-%u", i + round);
            assert_int_equal(key_store_add(lists.store, lists.table, id, NULL, &added, NULL), 0);
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(key_store_reload_put(lists.store, reload, NULL), -ENOENT);
        key_reload_end(reload);
        for (unsigned i = 0; i < KEYS; i++) {
            snprintf(id, sizeof(id), "listed-%u", i);
            assert_finds(&lists, id, i % ROUNDS > round);
            snprintf(id, sizeof(id), "added-%u", i);
            assert_finds(&lists, id, i % ROUNDS <= round);
        }
        assert_int_equal(key_table_entries(lists.table), KEYS + 3);
        assert_int_equal(key_table_names(lists.table), KEYS + 3);
    }
    lists_end(&lists);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_folder, tear_down_folder)
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_list_is_taken_while_another_is_missing),
        STORE_TEST(what_cannot_be_read_keeps_its_keys_with_all_their_names),
        STORE_TEST(a_list_that_is_given_twice_is_kept_as_it_was),
        STORE_TEST(a_key_that_was_saved_in_a_list_stays_so_while_that_is_missing),
        STORE_TEST(a_key_that_was_saved_is_no_lists_when_that_comes_back_without_it),
        STORE_TEST(what_no_change_of_a_file_would_mend_is_to_be_tried_again),
        STORE_TEST(a_table_for_which_there_is_no_memory_is_to_be_tried_again),
        STORE_TEST(a_key_that_is_added_while_lists_are_read_stays),
        STORE_TEST(a_key_that_is_removed_while_lists_are_read_is_not_brought_back),
        STORE_TEST(what_was_not_there_to_be_removed_comes_with_the_lists),
        STORE_TEST(a_key_that_is_saved_while_lists_are_read_is_its_files_in_the_end),
        STORE_TEST(a_list_that_changes_while_it_is_read_is_due_when_that_is_over),
        STORE_TEST(keys_come_and_go_while_another_thread_reads),
    };
    return cmocka_run_group_tests(tests, start_eal, stop_eal);
}

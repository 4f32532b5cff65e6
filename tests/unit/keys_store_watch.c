/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that change under a store, watched by inotify: real files, and no sleep. The kernel queues an event before the
 * call that caused it returns, so after a change the descriptor is readable, or there is nothing to be told.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keys_store.h"

struct watched {
    struct key_store *store;
    struct key_table *table;
    int descriptor;
    struct error vanished;
};

static struct watched watch_files(const char *const *files, size_t count)
{
    struct watched watched = {.store = new_store(files, count)};
    watched.table = table_of_store(watched.store);
    watched.descriptor = key_store_watch_descriptor(watched.store, &watched.vanished);
    assert_true(watched.descriptor >= 0);
    key_store_changed(watched.store, NULL); /* what was done before it was watched, if it was heard at all */
    return watched;
}

static struct watched watch_file(const char *path)
{
    return watch_files(&path, 1);
}

static void watch_end(struct watched *watched)
{
    key_table_destroy(watched->table);
    key_store_destroy(watched->store);
}

static bool is_readable(const struct watched *watched)
{
    struct pollfd ready = {.fd = watched->descriptor, .events = POLLIN};
    return poll(&ready, 1, 0) == 1;
}

/* Something happened that is due to be read, and then nothing more; a reload takes it. */
static void assert_changed(struct watched *watched)
{
    assert_true(is_readable(watched));
    assert_true(key_store_changed(watched->store, &watched->vanished));
    assert_string_equal(watched->vanished.text, "");
    must_reload(watched->store, watched->table);
    assert_false(key_store_changed(watched->store, &watched->vanished));
    assert_false(is_readable(watched));
}

/* Whatever happened is no reason to read anything, and none to say anything. */
static void assert_quiet(struct watched *watched)
{
    assert_false(key_store_changed(watched->store, &watched->vanished));
    assert_string_equal(watched->vanished.text, "");
}

static void assert_vanished(struct watched *watched, const char *path)
{
    assert_true(is_readable(watched));
    assert_false(key_store_changed(watched->store, &watched->vanished));
    if (strstr(watched->vanished.text, "is gone; its keys stay in force") == NULL ||
        strstr(watched->vanished.text, path) == NULL)
        fail_msg("\"%s\"", watched->vanished.text);
}

static void assert_in_force(const struct watched *watched, const char *id)
{
    if (!finds(watched->table, id, NULL))
        fail_msg("%s is not in force", id);
}

/* ---- tests ---- */

static void a_rename_onto_the_file_is_noticed(void **state)
{
    (void)state;
    const char *path = in_folder("revoked");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    for (unsigned turn = 0; turn < 3; turn++) {
        char content[16];
        snprintf(content, sizeof(content), "b%u\n", turn);
        replace(path, content);
        assert_changed(&watched);
        content[2] = '\0';
        assert_in_force(&watched, content);
    }
    watch_end(&watched);
}

static void a_write_in_place_is_noticed_when_the_file_is_closed(void **state)
{
    (void)state;
    const char *path = in_folder("revoked");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "b\n", 2), 2);
    assert_quiet(&watched); /* there may be more to come */
    assert_int_equal(write(fd, "c\n", 2), 2);
    close(fd);
    assert_changed(&watched);
    assert_in_force(&watched, "b");
    assert_in_force(&watched, "c");
    put(path, "d\n"); /* of the size of before, and as likely as not in the same tick */
    put(path, "e\n");
    assert_changed(&watched);
    assert_in_force(&watched, "e");
    watch_end(&watched);
}

static void several_events_are_one_reload(void **state)
{
    (void)state;
    const char *files[] = {in_folder("one"), in_folder("two")};
    put(files[0], "a\n");
    put(files[1], "b\n");
    struct watched watched = watch_files(files, 2);
    for (unsigned i = 0; i < 200; i++) {
        replace(files[i % 2], "c\n");
        put(files[i % 2], i % 2 == 0 ? "d\n" : "e\n");
    }
    assert_changed(&watched);
    assert_in_force(&watched, "d");
    assert_in_force(&watched, "e");
    watch_end(&watched);
}

static void other_files_of_the_folder_are_no_reason(void **state)
{
    (void)state;
    const char *path = in_folder("revoked"), *other = in_folder("revoked.swp");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    put(other, "b\n");
    replace(other, "c\n");
    assert_int_equal(unlink(other), 0);
    assert_true(is_readable(&watched));
    assert_quiet(&watched);
    assert_false(is_readable(&watched));
    watch_end(&watched);
}

/* As Kubernetes mounts a secret: the file is a link through ..data, a link to a folder with a date in its name. */
static void a_link_that_is_swapped_on_the_way_is_noticed(void **state)
{
    (void)state;
    assert_int_equal(mkdir(in_folder("..1"), 0700), 0);
    assert_int_equal(mkdir(in_folder("..2"), 0700), 0);
    put(in_folder("..1/revoked"), "a\n");
    put(in_folder("..2/revoked"), "b\n");
    assert_int_equal(symlink("..1", in_folder("..data")), 0);
    assert_int_equal(symlink("..data/revoked", in_folder("revoked")), 0);
    struct watched watched = watch_file(in_folder("revoked"));
    assert_in_force(&watched, "a");
    for (unsigned turn = 0; turn < 4; turn++) {
        assert_int_equal(symlink(turn % 2 == 0 ? "..2" : "..1", in_folder("..tmp")), 0);
        assert_int_equal(rename(in_folder("..tmp"), in_folder("..data")), 0);
        assert_changed(&watched);
        assert_in_force(&watched, turn % 2 == 0 ? "b" : "a");
    }
    put(in_folder("..1/revoked"), "c\n"); /* where it leads to now */
    assert_changed(&watched);
    assert_in_force(&watched, "c");
    put(in_folder("..2/revoked"), "d\n"); /* where it led to once */
    assert_quiet(&watched);
    assert_int_equal(unlink(in_folder("..2/revoked")), 0);
    assert_int_equal(rmdir(in_folder("..2")), 0);
    assert_quiet(&watched);
    watch_end(&watched);
}

static void a_file_that_vanished_is_told_once_and_taken_when_it_is_back(void **state)
{
    (void)state;
    const char *path = in_folder("revoked");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    assert_int_equal(unlink(path), 0);
    assert_vanished(&watched, path);
    assert_in_force(&watched, "a");
    put(in_folder("other"), "x\n");
    assert_quiet(&watched);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_quiet(&watched); /* back, but nothing is in it yet */
    assert_int_equal(write(fd, "b\n", 2), 2);
    close(fd);
    assert_changed(&watched);
    assert_in_force(&watched, "b");

    assert_int_equal(rename(path, in_folder("away")), 0);
    assert_vanished(&watched, path);
    assert_int_equal(rename(in_folder("away"), path), 0);
    assert_changed(&watched);
    assert_int_equal(unlink(path), 0);
    put(in_folder("target"), "c\n");
    assert_int_equal(link(in_folder("target"), path), 0); /* gone and back at once: nothing to say */
    assert_changed(&watched);
    assert_in_force(&watched, "c");
    watch_end(&watched);
}

static void a_folder_that_is_replaced_or_comes_back_is_noticed(void **state)
{
    (void)state;
    const char *path = in_folder("lists/now/revoked");
    assert_int_equal(mkdir(in_folder("lists"), 0700), 0);
    assert_int_equal(mkdir(in_folder("lists/now"), 0700), 0);
    put(path, "a\n");
    struct watched watched = watch_file(path);
    assert_int_equal(rename(in_folder("lists"), in_folder("old")), 0);
    assert_vanished(&watched, path);
    assert_int_equal(mkdir(in_folder("new"), 0700), 0);
    assert_int_equal(mkdir(in_folder("new/now"), 0700), 0);
    put(in_folder("new/now/revoked"), "b\n");
    assert_quiet(&watched);
    assert_int_equal(rename(in_folder("new"), in_folder("lists")), 0);
    assert_changed(&watched);
    assert_in_force(&watched, "b");

    assert_int_equal(unlink(in_folder("lists/now/revoked")), 0);
    assert_int_equal(rmdir(in_folder("lists/now")), 0);
    assert_int_equal(rmdir(in_folder("lists")), 0);
    assert_vanished(&watched, "revoked");
    assert_int_equal(mkdir(in_folder("lists"), 0700), 0);
    assert_quiet(&watched);
    assert_int_equal(mkdir(in_folder("lists/now"), 0700), 0);
    assert_quiet(&watched);
    put(in_folder("lists/now/revoked"), "c\n");
    assert_changed(&watched);
    assert_in_force(&watched, "c");
    put(in_folder("old/now/revoked"), "d\n"); /* the folder of once, under another name */
    assert_quiet(&watched);
    watch_end(&watched);
}

/* Whether it may be read is nothing to ask as root; that it is a folder is the same to a reload. */
static void what_cannot_be_read_is_told_by_the_reload_and_noticed_when_it_can(void **state)
{
    (void)state;
    const char *path = in_folder("revoked");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    struct error error;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(key_store_changed(watched.store, NULL));
    assert_int_equal(key_store_reload(watched.store, watched.table, &error), -EISDIR);
    assert_in_force(&watched, "a");
    assert_int_equal(rmdir(path), 0);
    replace(path, "b\n");
    assert_int_equal(chmod(path, 0), 0);
    assert_true(key_store_changed(watched.store, NULL));
    if (geteuid() != 0) {
        assert_int_equal(key_store_reload(watched.store, watched.table, &error), -EACCES);
        assert_non_null(strstr(error.text, "Permission denied"));
        assert_in_force(&watched, "a");
    }
    assert_int_equal(chmod(path, 0600), 0);
    assert_changed(&watched);
    assert_in_force(&watched, "b");
    watch_end(&watched);
}

static void a_bad_file_is_tried_again_with_each_change(void **state)
{
    (void)state;
    const char *path = in_folder("revoked");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    for (unsigned turn = 0; turn < 2; turn++) {
        put(path, "two words\n");
        assert_true(key_store_changed(watched.store, &watched.vanished));
        assert_true(key_store_reload(watched.store, watched.table, NULL) < 0);
        assert_quiet(&watched);
    }
    assert_in_force(&watched, "a");
    for (unsigned turn = 0; turn < 2; turn++) {
        assert_int_equal(unlink(path), 0);
        assert_vanished(&watched, path); /* each time that it is gone, whatever it was */
        put(path, "two words\n");
        assert_true(key_store_changed(watched.store, &watched.vanished));
        assert_true(key_store_reload(watched.store, watched.table, NULL) < 0);
    }
    put(path, "b\n");
    assert_changed(&watched);
    watch_end(&watched);
}

static void what_was_saved_here_is_no_reason_to_read_it_all_again(void **state)
{
    (void)state;
    const char *path = in_folder("revoked");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    struct key_store_added added;
    for (unsigned i = 0; i < 3; i++) {
        char id[16];
        snprintf(id, sizeof(id), "b%u", i);
        assert_int_equal(key_store_add(watched.store, watched.table, id, path, &added, NULL), 0);
        assert_true(is_readable(&watched));
        assert_quiet(&watched);
    }
    put(path, "a\nb0\nb1\nb2\nc\n"); /* but what somebody else writes is */
    assert_changed(&watched);
    assert_in_force(&watched, "c");

    put(path, "a\nd\n"); /* and also where it is not read yet when the next is saved behind it */
    assert_int_equal(key_store_add(watched.store, watched.table, "e", path, &added, NULL), 0);
    assert_changed(&watched);
    assert_in_force(&watched, "d");
    assert_in_force(&watched, "e");
    watch_end(&watched);
}

/* A refused --save, or an editor whose user thought better of it. What was changed just before it was read is read
 * again even so: another write within a tick of the clock would look the same. */
static void a_file_that_is_closed_as_it_was_is_no_reason_unless_it_is_new(void **state)
{
    (void)state;
    static const char old[] = "config/revoked-keys.example.txt"; /* nobody writes to it here */
    const char *path = in_folder("new");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    close(open(path, O_WRONLY));
    assert_changed(&watched);
    watch_end(&watched);

    int fd = open(old, O_WRONLY);
    if (fd < 0)
        skip(); /* a source tree that may not be written to */
    watched = watch_file(old);
    close(fd);
    assert_true(is_readable(&watched));
    assert_quiet(&watched);
    watch_end(&watched);
}

static void files_that_vanish_together_are_all_told(void **state)
{
    (void)state;
    const char *files[] = {in_folder("lists/one"), in_folder("lists/two")};
    assert_int_equal(mkdir(in_folder("lists"), 0700), 0);
    put(files[0], "a\n");
    put(files[1], "b\n");
    struct watched watched = watch_files(files, 2);
    assert_int_equal(rename(in_folder("lists"), in_folder("away")), 0);
    assert_vanished(&watched, files[0]);
    assert_non_null(strstr(watched.vanished.text, files[1]));
    assert_int_equal(rename(in_folder("away"), in_folder("lists")), 0);
    assert_changed(&watched);
    watch_end(&watched);
}

static void links_in_a_circle_are_a_file_that_is_not_there(void **state)
{
    (void)state;
    const char *path = in_folder("revoked");
    put(path, "a\n");
    struct watched watched = watch_file(path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("revoked", path), 0);
    assert_vanished(&watched, path);
    replace(path, "b\n");
    assert_changed(&watched);
    assert_in_force(&watched, "b");
    watch_end(&watched);
}

static void a_path_from_where_the_process_stands_is_watched_too(void **state)
{
    (void)state;
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_int_equal(mkdir(in_folder("here"), 0700), 0);
    assert_int_equal(chdir(in_folder("here")), 0);
    put("../revoked", "a\n");
    struct watched watched = watch_file(".././here//../revoked");
    put("../revoked", "b\n");
    assert_changed(&watched);
    assert_in_force(&watched, "b");
    watch_end(&watched);
    put("plain", "a\n");
    watched = watch_file("plain");
    replace("plain", "b\n");
    assert_changed(&watched);
    assert_in_force(&watched, "b");
    watch_end(&watched);
    assert_int_equal(chdir(before), 0);
    free(before);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_folder, tear_down_folder)
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_rename_onto_the_file_is_noticed),
        STORE_TEST(a_write_in_place_is_noticed_when_the_file_is_closed),
        STORE_TEST(several_events_are_one_reload),
        STORE_TEST(other_files_of_the_folder_are_no_reason),
        STORE_TEST(a_link_that_is_swapped_on_the_way_is_noticed),
        STORE_TEST(a_file_that_vanished_is_told_once_and_taken_when_it_is_back),
        STORE_TEST(a_folder_that_is_replaced_or_comes_back_is_noticed),
        STORE_TEST(what_cannot_be_read_is_told_by_the_reload_and_noticed_when_it_can),
        STORE_TEST(a_bad_file_is_tried_again_with_each_change),
        STORE_TEST(what_was_saved_here_is_no_reason_to_read_it_all_again),
        STORE_TEST(a_file_that_is_closed_as_it_was_is_no_reason_unless_it_is_new),
        STORE_TEST(files_that_vanish_together_are_all_told),
        STORE_TEST(links_in_a_circle_are_a_file_that_is_not_there),
        STORE_TEST(a_path_from_where_the_process_stands_is_watched_too),
    };
    return cmocka_run_group_tests(tests, start_eal, stop_eal);
}

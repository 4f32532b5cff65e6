/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Readers that go on while the table is reloaded under them. They look up as fast as they can while one writer swaps
 * two lists, thousands of times, so that what goes wrong once in a while goes wrong here; under ThreadSanitizer and
 * AddressSanitizer too. No clock: the writer does its turns, and the readers stop when it is done.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_eal.h>

#include <bearertap/keys.h>

#include "keys_files.h"

#define READERS 3
#ifdef BEARERTAP_THREAD_SANITIZER /* the least that counts, where each takes ten times as long */
#define TURNS 400
#else
#define TURNS 2000
#endif
#define LOOK_UPS   2000 /* each reader's least, however the machine schedules */
#define KEYS       64   /* of each kind */
#define LARGE_KEYS 20000

/*
 * A list: `both-N` (twice, with two issuers, so that it is a list of entries in the table), and `NAME-N`. The reason
 * says the id again and the list's name: an entry that was torn, or freed under its reader, does not say so.
 */
static struct key_list *make_list(const char *name, unsigned own_keys)
{
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    assert_non_null(file);
    fprintf(file, "{\"keys\":[\n");
    for (unsigned i = 0; i < KEYS; i++)
        for (unsigned issuer = 1; issuer <= 2; issuer++)
            fprintf(file, "{\"kid\":\"both-%u\",\"reason\":\"both-%u of %s\",\"issuer\":\"i%u\"},\n", i, i, name,
                    issuer);
    for (unsigned i = 0; i < own_keys; i++)
        fprintf(file, "%s{\"kid\":\"%s-%u\",\"reason\":\"%s-%u of %s\"}\n", i > 0 ? "," : "", name, i, name, i, name);
    fprintf(file, "]}\n");
    assert_int_equal(fclose(file), 0);
    struct key_list *list = files_new_list();
    struct error error = {""};
    if (files_add(list, text, length, &error) != 0)
        fail_msg("%s", error.text);
    free(text);
    return list;
}

static unsigned find(const struct key_table *table, const char *id, struct key_entry *entries)
{
    bool narrowed[4];
    return files_find(table, KEY_NAME_TEXT, (const uint8_t *)id, strlen(id), entries, narrowed, 4);
}

/* Does the entry say what the list of that name, "" for any, says of this id? */
static bool is_whole(const struct key_entry *entry, const char *id, const char *list)
{
    char reason[64];
    size_t length = (size_t)snprintf(reason, sizeof(reason), "%s of %s", id, list);
    return strcmp(entry->id, id) == 0 && strncmp(entry->reason, reason, length) == 0;
}

struct load {
    struct key_table *table;
    atomic_bool done;
};

struct reader {
    struct load *load;
    unsigned number;
    unsigned long look_ups, found_first, found_second;
    const char *wrong; /* cmocka's assertions are the main thread's */
};

/* What has to hold of one number's keys at any moment. NULL, or what does not. */
static const char *look(struct reader *reader, unsigned number)
{
    const struct key_table *table = reader->load->table;
    struct key_entry both[4], own[4];
    char both_id[32], id[32];
    snprintf(both_id, sizeof(both_id), "both-%u", number);
    if (find(table, both_id, both) != 2)
        return "a key of both lists was not found, by both its entries";
    snprintf(id, sizeof(id), "first-%u", number);
    unsigned count = find(table, id, own);
    if (count > 1 || (count == 1 && !is_whole(&own[0], id, "first")))
        return "a key of the first list is not as it was written";
    reader->found_first += count;
    snprintf(id, sizeof(id), "second-%u", number);
    count = find(table, id, own);
    if (count > 1 || (count == 1 && !is_whole(&own[0], id, "second")))
        return "a key of the second list is not as it was written";
    reader->found_second += count;
    snprintf(id, sizeof(id), "none-%u", number);
    if (find(table, id, own) != 0)
        return "a key of no list was found";
    /* Found before all of these, and no quiescent state since: it must be there still. */
    for (unsigned i = 0; i < 2; i++)
        if (!is_whole(&both[i], both_id, "") || both[i].issuer[0] != 'i' || both[i].issuer[1] != (char)('1' + i))
            return "an entry changed before its reader was quiescent";
    return NULL;
}

static void *read_keys(void *argument)
{
    struct reader *reader = argument;
    struct key_table *table = reader->load->table;
    uint64_t generation = 0;
    key_table_reader_online(table, reader->number);
    while (reader->wrong == NULL && (!atomic_load(&reader->load->done) || reader->look_ups < LOOK_UPS)) {
        uint64_t now = key_table_generation(table);
        if (now < generation)
            reader->wrong = "the generation went back";
        generation = now;
        const char *wrong = look(reader, (unsigned)(reader->look_ups++ % KEYS));
        if (wrong != NULL)
            reader->wrong = wrong;
        if (reader->look_ups % 8 == 0)
            key_table_reader_quiescent(table, reader->number);
        if (reader->look_ups % 1024 == 0) { /* as a worker that found nothing to do */
            key_table_reader_offline(table, reader->number);
            sched_yield();
            key_table_reader_online(table, reader->number);
        }
    }
    key_table_reader_offline(table, reader->number);
    return NULL;
}

static void no_reader_misses_a_key_or_sees_a_torn_one_while_lists_are_swapped(void **state)
{
    (void)state;
    struct key_list *lists[2] = {make_list("first", KEYS), make_list("second", KEYS)};
    struct key_list *large = make_list("second", LARGE_KEYS); /* for which the index has to grow, and then to shrink */
    struct load load = {.done = false};
    struct error error = {""};
    assert_int_equal(key_table_create(lists[0], READERS, &load.table, &error), 0);
    struct reader readers[READERS] = {{.load = NULL}};
    pthread_t threads[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.load = &load, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, read_keys, &readers[i]), 0);
    }
    int failures = 0;
    for (unsigned turn = 1; turn <= TURNS; turn++)
        failures +=
            key_table_reload(load.table, turn % 200 == 1 ? large : lists[turn % 2], failures == 0 ? &error : NULL) != 0;
    atomic_store(&load.done, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    if (failures > 0)
        fail_msg("%d of %d: %s", failures, TURNS, error.text);
    for (unsigned i = 0; i < READERS; i++) {
        if (readers[i].wrong != NULL)
            fail_msg("reader %u, look-up %lu: %s", i, readers[i].look_ups, readers[i].wrong);
        assert_true(readers[i].found_first + readers[i].found_second > 0);
    }
    assert_int_equal(key_table_generation(load.table), 1 + TURNS);
    key_table_destroy(load.table);
    key_list_destroy(lists[0]);
    key_list_destroy(lists[1]);
    key_list_destroy(large);
}

static void what_is_only_in_the_old_list_is_found_no_more(void **state)
{
    (void)state;
    struct key_list *first = make_list("first", 3), *second = make_list("second", 2);
    struct key_table *table;
    struct key_entry entries[4];
    assert_int_equal(key_table_create(first, 1, &table, NULL), 0);
    assert_int_equal(find(table, "first-2", entries), 1);
    assert_int_equal(find(table, "second-1", entries), 0);
    assert_int_equal(key_table_reload(table, second, NULL), 0);
    assert_int_equal(find(table, "first-2", entries), 0);
    assert_int_equal(find(table, "second-1", entries), 1);
    assert_true(is_whole(&entries[0], "second-1", "second"));
    struct key_list *empty = files_new_list();
    assert_int_equal(key_table_reload(table, empty, NULL), 0);
    assert_true(key_table_is_empty(table));
    assert_int_equal(find(table, "second-1", entries), 0);
    key_table_destroy(table);
    key_list_destroy(first);
    key_list_destroy(second);
    key_list_destroy(empty);
}

struct reload {
    struct key_table *table;
    const struct key_list *list;
    atomic_bool returned;
};

static void *reload_once(void *argument)
{
    struct reload *reload = argument;
    key_table_reload(reload->table, reload->list, NULL);
    atomic_store(&reload->returned, true);
    return NULL;
}

static void an_entry_stays_until_its_reader_is_quiescent_and_the_writer_waits_for_that(void **state)
{
    (void)state;
    struct key_list *first = make_list("first", 1), *second = make_list("second", 1);
    struct reload reload = {.list = second, .returned = false};
    assert_int_equal(key_table_create(first, 2, &reload.table, NULL), 0); /* the second reader is offline, and no bar */
    struct key_entry held[4], entries[4];
    key_table_reader_online(reload.table, 0);
    assert_int_equal(find(reload.table, "first-0", held), 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, reload_once, &reload), 0);
    while (key_table_generation(reload.table) == 1)
        sched_yield();
    assert_int_equal(find(reload.table, "first-0", entries), 0);
    assert_int_equal(find(reload.table, "second-0", entries), 1);
    assert_true(is_whole(&held[0], "first-0", "first"));
    assert_false(atomic_load(&reload.returned));
    key_table_reader_quiescent(reload.table, 0);
    pthread_join(thread, NULL);
    assert_true(is_whole(&entries[0], "second-0", "second"));
    key_table_reader_offline(reload.table, 0);
    key_table_destroy(reload.table);
    key_list_destroy(first);
    key_list_destroy(second);
}

static void a_list_for_which_there_is_no_memory_leaves_the_table_as_it_was(void **state)
{
    (void)state;
    struct key_list *first = make_list("first", 1), *huge = files_new_list();
    char id[32];
    for (unsigned i = 0; i < 1000000; i++) {
        snprintf(id, sizeof(id), "%u", i);
        assert_int_equal(key_list_add_value(huge, id, NULL), 0);
    }
    struct key_table *table;
    struct error error = {""};
    struct key_entry entries[4];
    assert_int_equal(key_table_create(first, 1, &table, NULL), 0);
    assert_true(key_table_reload(table, huge, &error) < 0);
    assert_non_null(strstr(error.text, "cannot make the table of 1000000 revoked keys"));
    assert_int_equal(key_table_generation(table), 1);
    assert_int_equal(find(table, "first-0", entries), 1);
    assert_int_equal(find(table, "7", entries), 0);
    key_table_destroy(table);
    key_list_destroy(first);
    key_list_destroy(huge);
}

static int set_up(void **state)
{
    (void)state;
    char *arguments[] = {"keys", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                         "-m",   "48",        "--lcores",    "0",        "--log-level=*:error"};
    return rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])), arguments) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rte_eal_cleanup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_only_in_the_old_list_is_found_no_more),
        cmocka_unit_test(an_entry_stays_until_its_reader_is_quiescent_and_the_writer_waits_for_that),
        cmocka_unit_test(no_reader_misses_a_key_or_sees_a_torn_one_while_lists_are_swapped),
        cmocka_unit_test(a_list_for_which_there_is_no_memory_leaves_the_table_as_it_was),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

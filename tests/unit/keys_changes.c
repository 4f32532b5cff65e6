/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Single keys that come and go in a table that is being read: random changes against a plain model, with readers at
 * work; under ThreadSanitizer and AddressSanitizer too. No clock: the writer does its turns, and the readers stop when
 * it is done.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_malloc.h>

#include <bearertap/keys.h>

#include "keys_files.h"

#ifdef BEARERTAP_THREAD_SANITIZER /* the least that counts, where each takes ten times as long */
enum { TURNS = 3000, CYCLES = 20000 };
#else
enum { TURNS = 20000, CYCLES = 100000 };
#endif
enum { READERS = 3, KEYS = 40, STAYING = 16, THUMBPRINT = 20, ENTRIES_MAX = 4 * KEYS };

static uint64_t seed;

static unsigned number_below(unsigned limit)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

/* ---- names ---- */

/* A key id, and the thumbprint that it spells: the model decodes nothing. */
struct spelled {
    char id[64];
    bool has_thumbprint;
    uint8_t thumbprint[THUMBPRINT];
};

static void put_base64url(const uint8_t *bytes, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, held = 0;
    for (unsigned i = 0; i < THUMBPRINT; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6)
            *text++ = digits[bits >> (held - 6) & 63];
    }
    *text++ = digits[bits << (6 - held) & 63];
    *text = '\0';
}

/* The thumbprint of a number, in one of four spellings. */
static struct spelled spell_thumbprint(unsigned number, unsigned spelling)
{
    static const char *const formats[] = {"%02x", "%02X", "%02x:"};
    struct spelled spelled = {.has_thumbprint = true};
    for (unsigned i = 0; i < THUMBPRINT; i++)
        spelled.thumbprint[i] = (uint8_t)(number * 37 + i * 101 + 7);
    if (spelling == 3) {
        put_base64url(spelled.thumbprint, spelled.id);
        return spelled;
    }
    for (unsigned i = 0, at = 0; i < THUMBPRINT; i++)
        at += (unsigned)sprintf(spelled.id + at, formats[spelling], spelled.thumbprint[i]);
    if (spelling == 2)
        spelled.id[3 * THUMBPRINT - 1] = '\0';
    return spelled;
}

/* Any id of the world: a plain text, or a thumbprint. */
static struct spelled some_id(void)
{
    struct spelled spelled = {.has_thumbprint = false};
    unsigned number = number_below(KEYS);
    if (number_below(2) == 0)
        return spell_thumbprint(number, number_below(4));
    snprintf(spelled.id, sizeof(spelled.id), "plain-%u", number);
    return spelled;
}

/* ---- the model ---- */

struct model_entry {
    struct spelled name;
    bool has_issuer, is_added;
};

struct model {
    struct model_entry entries[ENTRIES_MAX + KEYS * 8];
    unsigned count;
};

static bool bears(const struct model_entry *entry, const struct spelled *name)
{
    return strcmp(entry->name.id, name->id) == 0 || (entry->name.has_thumbprint && name->has_thumbprint &&
                                                     memcmp(entry->name.thumbprint, name->thumbprint, THUMBPRINT) == 0);
}

static bool model_has(const struct model *model, const struct spelled *name)
{
    for (unsigned i = 0; i < model->count; i++) {
        const struct model_entry *entry = &model->entries[i];
        if (bears(entry, name) && (name->has_thumbprint ? entry->name.has_thumbprint : !entry->has_issuer))
            return true;
    }
    return false;
}

static unsigned model_remove(struct model *model, const struct spelled *name)
{
    unsigned kept = 0, count = model->count;
    for (unsigned i = 0; i < count; i++)
        if (!bears(&model->entries[i], name))
            model->entries[kept++] = model->entries[i];
    model->count = kept;
    return count - kept;
}

/* Replaces what is of a list by a random list, which is returned; what was added stays, behind it. */
static struct key_list *model_reload(struct model *model)
{
    struct model next = {.count = 0};
    char *text = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&text, &length);
    fprintf(file, "{\"keys\":[\n");
    for (unsigned i = 0; i < STAYING; i++)
        fprintf(file, "{\"kid\":\"stays-%u\",\"reason\":\"listed\"},\n", i);
    for (unsigned i = 0; i < KEYS; i++) {
        struct model_entry entry = {.has_issuer = number_below(3) == 0};
        const char *issuer = entry.has_issuer ? ",\"issuer\":\"i\"" : "";
        unsigned kind = number_below(5);
        if (kind == 0) { /* a text with a thumbprint that only another member tells */
            entry.name = spell_thumbprint(number_below(KEYS), 3);
            fprintf(file, "{\"kid\":\"plain-%u\",\"x5t\":\"%s\",\"reason\":\"listed\"%s},\n", i, entry.name.id, issuer);
            snprintf(entry.name.id, sizeof(entry.name.id), "plain-%u", i);
        } else if (kind < 4) {
            entry.name = some_id();
            fprintf(file, "{\"kid\":\"%s\",\"reason\":\"listed\"%s},\n", entry.name.id, issuer);
        } else {
            continue;
        }
        next.entries[next.count++] = entry;
    }
    fprintf(file, "{\"kid\":\"last\",\"reason\":\"listed\"}]}\n");
    assert_int_equal(fclose(file), 0);
    for (unsigned i = 0; i < model->count; i++)
        if (model->entries[i].is_added)
            next.entries[next.count++] = model->entries[i];
    *model = next;
    struct key_list *list = files_new_list();
    struct error error = {""};
    if (files_add(list, text, length, &error) != 0)
        fail_msg("%s", error.text);
    free(text);
    return list;
}

/* ---- the table against it ---- */

static void check_name(const struct key_table *table, const struct model *model, const struct spelled *name)
{
    for (unsigned by_thumbprint = 0; by_thumbprint < (name->has_thumbprint ? 2u : 1u); by_thumbprint++) {
        struct key_matches matches;
        struct key_entry found;
        bool narrowed;
        if (by_thumbprint)
            key_table_find(table, KEY_NAME_SHA1, name->thumbprint, THUMBPRINT, &matches);
        else
            key_table_find(table, KEY_NAME_TEXT, (const uint8_t *)name->id, strlen(name->id), &matches);
        for (unsigned i = 0; i < model->count; i++) {
            const struct model_entry *entry = &model->entries[i];
            if (by_thumbprint
                    ? !entry->name.has_thumbprint || memcmp(entry->name.thumbprint, name->thumbprint, THUMBPRINT) != 0
                    : strcmp(entry->name.id, name->id) != 0)
                continue;
            assert_true(key_matches_next(&matches, &found, &narrowed));
            assert_string_equal(found.id, entry->name.id);
            assert_int_equal(found.issuer != NULL, entry->has_issuer);
            assert_int_equal(narrowed, entry->has_issuer && !by_thumbprint);
            assert_string_equal(found.reason != NULL ? found.reason : "added", entry->is_added ? "added" : "listed");
        }
        assert_false(key_matches_next(&matches, &found, &narrowed));
    }
}

/* The whole: counts, and the walk, in order. Beside the model there are the keys that stay. */
static void check_all(const struct key_table *table, const struct model *model)
{
    size_t names = 2 * STAYING + 1;
    struct key_cursor cursor = {0, 0};
    struct key_entry entry;
    unsigned seen = 0, others = 0;
    for (unsigned i = 0; i < model->count; i++)
        names += 1 + model->entries[i].name.has_thumbprint;
    assert_int_equal(key_table_entries(table), model->count + 2 * STAYING + 1);
    assert_int_equal(key_table_names(table), names);
    while (key_table_walk(table, &cursor, &entry)) {
        if (strncmp(entry.id, "stays-", 6) == 0 || strcmp(entry.id, "last") == 0) {
            others++;
            continue;
        }
        assert_true(seen < model->count);
        assert_string_equal(entry.id, model->entries[seen].name.id);
        assert_int_equal(strcmp(entry.source, "test") == 0, model->entries[seen].is_added);
        seen++;
    }
    assert_int_equal(seen, model->count);
    assert_int_equal(others, 2 * STAYING + 1);
    for (unsigned i = 0; i < KEYS; i++) {
        struct spelled name = {.has_thumbprint = false};
        snprintf(name.id, sizeof(name.id), "plain-%u", i);
        check_name(table, model, &name);
        name = spell_thumbprint(i, i % 4);
        check_name(table, model, &name);
    }
}

/* ---- readers ---- */

struct reader {
    struct key_table *table;
    const atomic_bool *done;
    unsigned number;
    unsigned long look_ups, found;
    const char *wrong; /* cmocka's assertions are the main thread's */
};

static bool is_found(const struct key_table *table, const char *id)
{
    struct key_matches matches;
    struct key_entry entry;
    bool narrowed;
    key_table_find(table, KEY_NAME_TEXT, (const uint8_t *)id, strlen(id), &matches);
    return key_matches_next(&matches, &entry, &narrowed) && strcmp(entry.id, id) == 0;
}

static const char *look(struct reader *reader)
{
    unsigned number = (unsigned)reader->look_ups++;
    char id[64];
    struct key_matches matches;
    struct key_entry entry;
    bool narrowed;
    snprintf(id, sizeof(id), "stays-%u", number % (2 * STAYING));
    if (!is_found(reader->table, id))
        return "a key that is never removed was missing";
    snprintf(id, sizeof(id), "plain-%u", number % KEYS);
    key_table_find(reader->table, KEY_NAME_TEXT, (const uint8_t *)id, strlen(id), &matches);
    while (key_matches_next(&matches, &entry, &narrowed)) {
        reader->found++;
        if (strcmp(entry.id, id) != 0 || (entry.reason != NULL && strcmp(entry.reason, "listed") != 0))
            return "an entry is not as it was written";
    }
    struct spelled name = spell_thumbprint(number % KEYS, 0);
    key_table_find(reader->table, KEY_NAME_SHA1, name.thumbprint, THUMBPRINT, &matches);
    for (unsigned i = 0; key_matches_next(&matches, &entry, &narrowed); i++)
        if (narrowed || strlen(entry.id) >= sizeof(id) || i > ENTRIES_MAX)
            return "an entry of a thumbprint is not as it was written";
    return NULL;
}

static void *read_keys(void *argument)
{
    struct reader *reader = argument;
    uint64_t generation = 0;
    key_table_reader_online(reader->table, reader->number);
    while (reader->wrong == NULL && (!atomic_load(reader->done) || reader->look_ups < 2000)) {
        uint64_t now = key_table_generation(reader->table);
        if (now < generation)
            reader->wrong = "the generation went back";
        generation = now;
        const char *wrong = look(reader);
        if (wrong != NULL)
            reader->wrong = wrong;
        if (reader->look_ups % 8 == 0)
            key_table_reader_quiescent(reader->table, reader->number);
        if (reader->look_ups % 1024 == 0) { /* as a worker that found nothing to do */
            key_table_reader_offline(reader->table, reader->number);
            sched_yield();
            key_table_reader_online(reader->table, reader->number);
        }
    }
    key_table_reader_offline(reader->table, reader->number);
    return NULL;
}

struct reading {
    struct reader readers[READERS];
    pthread_t threads[READERS];
    atomic_bool done;
};

static void start_readers(struct reading *reading, struct key_table *table)
{
    atomic_store(&reading->done, false);
    for (unsigned i = 0; i < READERS; i++) {
        reading->readers[i] = (struct reader){.table = table, .done = &reading->done, .number = i};
        assert_int_equal(pthread_create(&reading->threads[i], NULL, read_keys, &reading->readers[i]), 0);
    }
}

static void join_readers(struct reading *reading)
{
    atomic_store(&reading->done, true);
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(reading->threads[i], NULL), 0);
    for (unsigned i = 0; i < READERS; i++)
        if (reading->readers[i].wrong != NULL)
            fail_msg("reader %u, look-up %lu: %s (seed %" PRIu64 ")", i, reading->readers[i].look_ups,
                     reading->readers[i].wrong, seed);
}

/* ---- tests ---- */

static void count_entry(void *context, const struct key_entry *entry)
{
    unsigned *count = context;
    assert_non_null(entry->id);
    ++*count;
}

static struct key_table *new_table(struct key_list *list)
{
    struct key_table *table;
    struct error error = {""};
    if (key_table_create(list, READERS, &table, &error) != 0)
        fail_msg("%s", error.text);
    key_list_destroy(list);
    return table;
}

static void must_add(struct key_table *table, const char *id)
{
    struct key_entry found;
    struct error error = {""};
    if (key_table_add(table, id, "test", &found, &error) != 0)
        fail_msg("%s: %s", id, error.text);
    assert_string_equal(found.id, id);
}

static void must_remove(struct key_table *table, const char *id, unsigned entries)
{
    unsigned count = 0;
    struct error error = {""};
    if (key_table_remove(table, id, count_entry, &count, &error) != 0)
        fail_msg("%s: %s", id, error.text);
    assert_int_equal(count, entries);
}

/* One change of both; true where it changed anything. */
static bool change(struct key_table *table, struct model *model)
{
    struct spelled name = some_id();
    struct key_entry found;
    unsigned count = 0;
    if (number_below(2) == 0) {
        bool is_there = model_has(model, &name);
        assert_int_equal(key_table_add(table, name.id, "test", &found, NULL), is_there ? -EEXIST : 0);
        if (!is_there)
            model->entries[model->count++] = (struct model_entry){.name = name, .is_added = true};
        check_name(table, model, &name);
        return !is_there;
    }
    unsigned expected = model_remove(model, &name);
    assert_int_equal(key_table_remove(table, name.id, count_entry, &count, NULL), expected > 0 ? 0 : -ENOENT);
    assert_int_equal(count, expected);
    check_name(table, model, &name);
    return expected > 0;
}

static void random_changes_under_readers_give_what_a_plain_model_says(void **state)
{
    (void)state;
    static struct model model;
    seed = (uint64_t)time(NULL);
    uint64_t first_seed = seed;
    print_message("seed %" PRIu64 "\n", first_seed);
    struct key_table *table = new_table(model_reload(&model));
    char id[32];
    for (unsigned i = STAYING; i < 2 * STAYING; i++) {
        snprintf(id, sizeof(id), "stays-%u", i);
        must_add(table, id);
    }
    struct reading reading;
    start_readers(&reading, table);
    for (unsigned turn = 0; turn < TURNS; turn++) {
        uint64_t generation = key_table_generation(table);
        bool changed = true;
        if (number_below(200) == 0) {
            struct key_list *list = model_reload(&model);
            struct error error = {""};
            if (key_table_reload(table, list, &error) != 0)
                fail_msg("%s", error.text);
            key_list_destroy(list);
        } else {
            changed = change(table, &model);
        }
        assert_int_equal(key_table_generation(table) != generation, changed);
        if (turn % 100 == 0)
            check_all(table, &model);
    }
    join_readers(&reading);
    check_all(table, &model);
    unsigned long found = 0;
    for (unsigned i = 0; i < READERS; i++)
        found += reading.readers[i].found;
    assert_true(found > 0);
    key_table_destroy(table);
}

static size_t heap_bytes(void)
{
    struct rte_malloc_socket_stats stats;
    assert_int_equal(rte_malloc_get_socket_stats(0, &stats), 0);
    return stats.heap_allocsz_bytes;
}

static struct key_table *table_of_staying(void)
{
    struct key_list *list = files_new_list();
    char id[32];
    for (unsigned i = 0; i < 2 * STAYING; i++) {
        snprintf(id, sizeof(id), "stays-%u", i);
        assert_int_equal(key_list_add_value(list, id, NULL), 0);
    }
    return new_table(list);
}

static void a_table_that_is_full_grows_and_no_reader_misses_a_key(void **state)
{
    (void)state;
    size_t before = heap_bytes();
    struct key_table *table = table_of_staying();
    struct reading reading;
    start_readers(&reading, table);
    char id[32];
    for (unsigned i = 0; i < 30000; i++) { /* there is room for 8,192 at first */
        snprintf(id, sizeof(id), "plain-%u", i);
        must_add(table, id);
    }
    join_readers(&reading);
    for (unsigned i = 0; i < 30000; i++) {
        snprintf(id, sizeof(id), "plain-%u", i);
        assert_true(is_found(table, id));
    }
    assert_int_equal(key_table_entries(table), 30000 + 2 * STAYING);
    for (unsigned i = 0; i < 30000; i++) {
        snprintf(id, sizeof(id), "plain-%u", i);
        must_remove(table, id, 1);
        assert_false(is_found(table, id));
    }
    assert_int_equal(key_table_names(table), 2 * STAYING);
    key_table_destroy(table);
    assert_int_equal(heap_bytes(), before);
}

/* Names that no id tells have another position in a larger index, from which they are to be taken all the same. */
static void a_larger_index_knows_all_names_of_an_entry(void **state)
{
    (void)state;
    struct key_list *list = files_new_list();
    struct spelled name[2] = {spell_thumbprint(1, 3), spell_thumbprint(2, 3)};
    char content[400], id[32];
    snprintf(content, sizeof(content),
             "{\"keys\":[{\"kid\":\"a\",\"x5t\":\"%s\"},{\"kid\":\"b\",\"x5t\":\"%s\"},"
             "{\"kid\":\"c\",\"x5t\":\"%s\"},{\"kid\":\"n\",\"issuer\":\"i\"}]}",
             name[0].id, name[1].id, name[1].id);
    assert_int_equal(files_add(list, content, strlen(content), NULL), 0);
    struct key_table *table = new_table(list);
    must_remove(table, "a", 1);
    must_add(table, "n"); /* a list that was made for a change */
    for (unsigned i = 0; i < 20000; i++) {
        snprintf(id, sizeof(id), "plain-%u", i);
        must_add(table, id);
    }
    struct key_matches matches;
    struct key_entry entry;
    bool narrowed;
    must_remove(table, "n", 2);
    key_table_find(table, KEY_NAME_SHA1, name[1].thumbprint, THUMBPRINT, &matches);
    assert_int_equal(matches.count, 2);
    must_remove(table, "b", 1);
    key_table_find(table, KEY_NAME_SHA1, name[1].thumbprint, THUMBPRINT, &matches);
    assert_int_equal(matches.count, 1); /* taken out, not only marked */
    assert_true(key_matches_next(&matches, &entry, &narrowed));
    assert_string_equal(entry.id, "c");
    must_remove(table, name[1].id, 1);
    key_table_find(table, KEY_NAME_SHA1, name[1].thumbprint, THUMBPRINT, &matches);
    assert_int_equal(matches.count, 0);
    key_table_find(table, KEY_NAME_SHA1, name[0].thumbprint, THUMBPRINT, &matches);
    assert_int_equal(matches.count, 0);
    assert_int_equal(key_table_names(table), 20000);
    key_table_destroy(table);
}

static void any_number_of_changes_takes_no_more_memory(void **state)
{
    (void)state;
    struct key_table *table = table_of_staying();
    size_t before = heap_bytes(), malloced = mallinfo2().uordblks;
    struct reading reading;
    key_table_reader_online(table, 0);
    char id[32];
    for (unsigned i = 0; i < CYCLES; i++) {
        snprintf(id, sizeof(id), "plain-%u", i);
        must_add(table, id);
        must_remove(table, id, 1);
        key_table_reader_quiescent(table, 0);
    }
    key_table_reader_offline(table, 0);
    assert_int_equal(heap_bytes(), before); /* the index did not grow */
    assert_true(mallinfo2().uordblks < malloced + 64 * 1024);
    start_readers(&reading, table);
    join_readers(&reading);
    key_table_destroy(table);
}

static void what_a_reader_holds_stays_until_it_is_quiescent_however_much_changes(void **state)
{
    (void)state;
    struct key_table *table = table_of_staying();
    must_add(table, "held");
    must_add(table, "many");
    struct key_matches held, other, late;
    struct key_entry entry;
    bool narrowed;
    key_table_reader_online(table, 0);
    key_table_find(table, KEY_NAME_TEXT, (const uint8_t *)"held", 4, &held);
    key_table_find(table, KEY_NAME_TEXT, (const uint8_t *)"many", 4, &other);
    late = held;
    assert_true(key_matches_next(&held, &entry, &narrowed));
    must_remove(table, "held", 1);
    assert_false(is_found(table, "held"));
    struct key_entry none;
    assert_false(key_matches_next(&late, &none, &narrowed)); /* looked up before, asked for after */
    char id[32];
    for (unsigned i = 0; i < 20000; i++) { /* more than the index has positions for, and none can be used again */
        snprintf(id, sizeof(id), "plain-%u", i);
        must_add(table, id);
        must_remove(table, id, 1);
    }
    assert_string_equal(entry.id, "held");
    assert_true(key_matches_next(&other, &entry, &narrowed));
    assert_string_equal(entry.id, "many");
    size_t before = heap_bytes();
    key_table_reclaim(table);
    assert_int_equal(heap_bytes(), before); /* the reader may hold it all */
    key_table_reader_quiescent(table, 0);
    key_table_reclaim(table);
    assert_true(heap_bytes() < before); /* of the indexes that were outgrown */
    key_table_reader_offline(table, 0);
    key_table_destroy(table);
}

static void a_table_that_cannot_grow_says_so_and_stays_as_it_was(void **state)
{
    (void)state;
    struct key_table *table = table_of_staying();
    struct key_entry found;
    struct error error = {""};
    char id[32];
    unsigned added = 0;
    int result;
    while (added < 5000000) {
        snprintf(id, sizeof(id), "plain-%u", added);
        if ((result = key_table_add(table, id, "test", &found, &error)) != 0)
            break;
        added++;
    }
    assert_int_equal(result, -ENOMEM);
    assert_non_null(strstr(error.text, "the table of revoked keys is full"));
    assert_false(is_found(table, id));
    assert_int_equal(key_table_entries(table), added + 2 * STAYING);
    assert_int_equal(key_table_names(table), added + 2 * STAYING);
    for (unsigned i = 0; i < added; i += 101) {
        snprintf(id, sizeof(id), "plain-%u", i);
        assert_true(is_found(table, id));
    }
    must_remove(table, "plain-7", 1);
    must_add(table, "plain-7"); /* in the place that became free */
    key_table_destroy(table);
}

static void a_walk_goes_on_where_it_was_while_keys_change(void **state)
{
    (void)state;
    struct key_table *table = table_of_staying();
    struct key_cursor cursor = {0, 0};
    struct key_entry entry;
    must_add(table, "a");
    must_add(table, "b");
    must_add(table, "c");
    for (unsigned i = 0; i < 2 * STAYING; i++)
        assert_true(key_table_walk(table, &cursor, &entry));
    assert_true(key_table_walk(table, &cursor, &entry));
    assert_string_equal(entry.id, "a");
    must_remove(table, "a", 1);
    must_remove(table, "b", 1);
    must_remove(table, "stays-0", 1);
    char id[32];
    for (unsigned i = 0; i < 500; i++) { /* so many that gaps are closed */
        snprintf(id, sizeof(id), "gone-%u", i);
        must_add(table, id);
        must_remove(table, id, 1);
    }
    must_add(table, "d");
    assert_true(key_table_walk(table, &cursor, &entry));
    assert_string_equal(entry.id, "c");
    assert_true(key_table_walk(table, &cursor, &entry));
    assert_string_equal(entry.id, "d");
    assert_false(key_table_walk(table, &cursor, &entry));
    must_add(table, "e");
    assert_true(key_table_walk(table, &cursor, &entry));
    assert_string_equal(entry.id, "e");
    assert_false(key_table_walk(table, &cursor, &entry));
    key_table_destroy(table);
}

static void what_is_no_key_id_is_refused_and_not_repeated(void **state)
{
    (void)state;
    static const char token[] = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";
    struct key_table *table = table_of_staying();
    uint64_t generation = key_table_generation(table);
    struct key_entry found;
    struct error error = {""};
    unsigned count = 0;
    assert_int_equal(key_table_add(table, token, "test", &found, &error), -EINVAL);
    assert_non_null(strstr(error.text, "looks like a whole token"));
    assert_null(strstr(error.text, "eyJ"));
    assert_int_equal(key_table_remove(table, token, count_entry, &count, &error), -EINVAL);
    assert_null(strstr(error.text, "eyJ"));
    assert_int_equal(key_table_add(table, "", "test", &found, &error), -EINVAL);
    assert_int_equal(key_table_add(table, "two words", "test", &found, &error), -EINVAL);
    assert_int_equal(key_table_generation(table), generation);
    assert_int_equal(count, 0);
    key_table_destroy(table);
}

/* A table of nothing becomes one of something: who asks first whether it is empty sees it. */
static void the_first_key_makes_a_table_that_is_not_empty(void **state)
{
    (void)state;
    struct key_table *table = new_table(files_new_list());
    assert_true(key_table_is_empty(table));
    must_add(table, "a");
    assert_false(key_table_is_empty(table));
    must_remove(table, "a", 1);
    assert_true(key_table_is_empty(table));
    key_table_destroy(table);
}

static int set_up(void **state)
{
    (void)state;
    char *arguments[] = {"keys", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry",
                         "-m",   "64",        "--lcores",    "0",        "--log-level=*:critical"};
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
        cmocka_unit_test(the_first_key_makes_a_table_that_is_not_empty),
        cmocka_unit_test(what_is_no_key_id_is_refused_and_not_repeated),
        cmocka_unit_test(a_walk_goes_on_where_it_was_while_keys_change),
        cmocka_unit_test(what_a_reader_holds_stays_until_it_is_quiescent_however_much_changes),
        cmocka_unit_test(a_larger_index_knows_all_names_of_an_entry),
        cmocka_unit_test(any_number_of_changes_takes_no_more_memory),
        cmocka_unit_test(a_table_that_is_full_grows_and_no_reader_misses_a_key),
        cmocka_unit_test(random_changes_under_readers_give_what_a_plain_model_says),
        cmocka_unit_test(a_table_that_cannot_grow_says_so_and_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

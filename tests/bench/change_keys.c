/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * change-keys [N]: what a change costs in a table of N revoked keys (default: 10,000,000) that is being read.
 *
 * A reader in a thread of its own looks for a key that is not there yet, while the main thread adds it: the time is
 * from the call of key_store_add to the moment at which the reader finds it, and for removing likewise. It is a figure
 * of the machine; run it with nothing else at work. Prints one line a measurement.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_malloc.h>

#include <bearertap/eal.h>
#include <bearertap/key_store.h>

enum { CHANGES = 20000, LOOK_UPS = 2000000 };

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Of this thread: the time for which others had its processor is not in it. */
static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double seconds_since(uint64_t begin_ns)
{
    return (double)(now_ns() - begin_ns) / 1e9;
}

static int by_value(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static void print_times(const char *what, uint64_t *times, size_t count)
{
    qsort(times, count, sizeof(*times), by_value);
    printf("%-30s median %.1f us, 99 %% %.1f us, longest %.1f us\n", what, (double)times[count / 2] / 1e3,
           (double)times[count * 99 / 100] / 1e3, (double)times[count - 1] / 1e3);
}

/* A key id of 36 characters, as a GUID has. */
static void put_id(char id[64], const char *kind, size_t number)
{
    snprintf(id, 64, "%s-%016zx-0000-0000-0000", kind, number * 0x9e3779b97f4a7c15u);
}

static bool is_found(const struct key_table *table, const char *id)
{
    struct key_matches matches;
    struct key_entry entry;
    bool narrowed;
    key_table_find(table, KEY_NAME_TEXT, (const uint8_t *)id, strlen(id), &matches);
    return key_matches_next(&matches, &entry, &narrowed);
}

/* The reader waits for change `wanted` of these to be seen, and notes when that was. */
struct waiting {
    struct key_table *table;
    char (*ids)[64];
    atomic_size_t wanted; /* 2 i + 1: key i is to be there, 2 i + 2: is to be gone; 0: nothing yet */
    atomic_size_t seen;
    atomic_uint_fast64_t seen_ns;
    atomic_bool done;
};

static void *wait_for_changes(void *argument)
{
    struct waiting *waiting = argument;
    key_table_reader_online(waiting->table, 0);
    while (!atomic_load(&waiting->done)) {
        size_t wanted = atomic_load(&waiting->wanted);
        if (wanted != atomic_load(&waiting->seen) &&
            is_found(waiting->table, waiting->ids[(wanted - 1) / 2]) == (wanted % 2 == 1)) {
            atomic_store(&waiting->seen_ns, now_ns());
            atomic_store(&waiting->seen, wanted);
        }
        key_table_reader_quiescent(waiting->table, 0);
    }
    key_table_reader_offline(waiting->table, 0);
    return NULL;
}

static uint64_t wait_until_seen(struct waiting *waiting, size_t wanted, uint64_t begin_ns)
{
    while (atomic_load(&waiting->seen) != wanted)
        ;
    return atomic_load(&waiting->seen_ns) - begin_ns;
}

static void measure_changes(struct key_store *store, struct key_table *table)
{
    static uint64_t added_ns[CHANGES], removed_ns[CHANGES], add_cpu_ns[CHANGES], remove_cpu_ns[CHANGES];
    static char ids[CHANGES][64];
    struct waiting waiting = {.table = table, .ids = ids};
    struct key_store_added added;
    struct key_store_removed removed;
    struct error error;
    pthread_t thread;
    for (size_t i = 0; i < CHANGES; i++)
        put_id(ids[i], "added", i);
    pthread_create(&thread, NULL, wait_for_changes, &waiting);
    for (size_t i = 0; i < CHANGES; i++) {
        atomic_store(&waiting.wanted, 2 * i + 1);
        uint64_t begin_ns = now_ns(), begin_cpu_ns = cpu_ns();
        if (key_store_add(store, table, ids[i], NULL, &added, &error) != 0)
            exit((fprintf(stderr, "%s\n", error.text), 1));
        add_cpu_ns[i] = cpu_ns() - begin_cpu_ns;
        added_ns[i] = wait_until_seen(&waiting, 2 * i + 1, begin_ns);
        atomic_store(&waiting.wanted, 2 * i + 2);
        begin_ns = now_ns();
        begin_cpu_ns = cpu_ns();
        if (key_store_remove(store, table, ids[i], &removed, &error) != 0)
            exit((fprintf(stderr, "%s\n", error.text), 1));
        remove_cpu_ns[i] = cpu_ns() - begin_cpu_ns;
        removed_ns[i] = wait_until_seen(&waiting, 2 * i + 2, begin_ns);
    }
    atomic_store(&waiting.done, true);
    pthread_join(thread, NULL);
    print_times("added until found", added_ns, CHANGES);
    print_times("removed until found no more", removed_ns, CHANGES);
    print_times("key_store_add, of its CPU", add_cpu_ns, CHANGES);
    print_times("key_store_remove, of its CPU", remove_cpu_ns, CHANGES);
}

/* Look-ups of keys that are not there, as most are, in a thread of its own. */
struct looking {
    struct key_table *table;
    double ns_each;
    atomic_bool done;
};

static void *look_up(void *argument)
{
    struct looking *looking = argument;
    char id[64];
    key_table_reader_online(looking->table, 0);
    uint64_t begin_ns = now_ns();
    unsigned found = 0;
    for (size_t i = 0; i < LOOK_UPS; i++) {
        put_id(id, "none", i);
        found += is_found(looking->table, id);
        if (i % 64 == 0)
            key_table_reader_quiescent(looking->table, 0);
    }
    looking->ns_each = (double)(now_ns() - begin_ns) / LOOK_UPS;
    if (found > 0)
        printf("%u keys were found that are not there\n", found);
    key_table_reader_offline(looking->table, 0);
    atomic_store(&looking->done, true);
    return NULL;
}

/* Each change after a millisecond (of sleep), or none. */
static double measure_look_ups(struct key_store *store, struct key_table *table, bool change, unsigned *changes)
{
    struct looking looking = {.table = table};
    struct key_store_added added;
    struct key_store_removed removed;
    pthread_t thread;
    pthread_create(&thread, NULL, look_up, &looking);
    for (*changes = 0; change && !atomic_load(&looking.done); *changes += 2) {
        key_store_add(store, table, "comes-and-goes", NULL, &added, NULL);
        key_store_remove(store, table, "comes-and-goes", &removed, NULL);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    pthread_join(thread, NULL);
    return looking.ns_each;
}

static void write_list(const char *path, size_t count)
{
    FILE *file = fopen(path, "w");
    char id[64];
    for (size_t i = 0; i < count; i++) {
        put_id(id, "k", i);
        fprintf(file, "%s\n", id);
    }
    fclose(file);
}

static int measure(const char *path, size_t count)
{
    struct error error = {""};
    struct key_store *store;
    struct key_table *table;
    write_list(path, count);
    uint64_t begin_ns = now_ns();
    int result = key_store_create(&path, 1, NULL, 0, &store, &error);
    if (result != 0)
        return fprintf(stderr, "%s\n", error.text), 1;
    printf("%-30s %.2f s\n", "list read", seconds_since(begin_ns));
    size_t bytes = key_store_table_bytes(store);
    result = eal_start_for_files(bytes + ((size_t)64 << 20), 2, &error);
    struct rte_malloc_socket_stats before, after;
    rte_malloc_get_socket_stats(0, &before);
    begin_ns = now_ns();
    if (result == 0)
        result = key_table_create(key_store_list(store), 1, &table, &error);
    if (result != 0)
        return fprintf(stderr, "%s\n", error.text), 1;
    key_store_drop_list(store);
    rte_malloc_get_socket_stats(0, &after);
    printf("%-30s %.2f s, %.1f bytes a key, %zu MiB reserved\n", "table made", seconds_since(begin_ns),
           (double)(after.heap_allocsz_bytes - before.heap_allocsz_bytes) / (double)count, bytes >> 20);

    measure_changes(store, table);
    unsigned changes, more;
    double quiet_ns = measure_look_ups(store, table, false, &changes);
    double busy_ns = measure_look_ups(store, table, true, &changes);
    double again_ns = measure_look_ups(store, table, false, &more);
    printf("%-30s %.1f ns, %.1f ns with %u changes meanwhile, %.1f ns again\n", "a look-up", quiet_ns, busy_ns, changes,
           again_ns);
    begin_ns = now_ns();
    if (key_store_reload(store, table, &error) != 0)
        return fprintf(stderr, "%s\n", error.text), 1;
    printf("%-30s %.2f s\n", "all read again", seconds_since(begin_ns));
    key_table_destroy(table);
    key_store_destroy(store);
    return 0;
}

int main(int count, char **arguments)
{
    size_t keys = count > 1 ? strtoull(arguments[1], NULL, 10) : 10000000;
    char path[] = "/tmp/bearertap-change-keys-XXXXXX";
    if (count > 2 || keys == 0) {
        fprintf(stderr, "usage: change-keys [KEYS]\n");
        return 2;
    }
    close(mkstemp(path));
    int status = measure(path, keys);
    unlink(path);
    return status;
}

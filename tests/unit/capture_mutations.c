/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Valid files, mutated at random. Each is read in two ways: as a file, by capture_files, and by the parser alone, which
 * is shown each time a copy of exactly the bytes it asked for, so that a sanitizer sees any look past them. Both must
 * see the same packets, and whatever the file claims, those packets' bytes must stand in it, in order.
 */
#include "capture_support.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../../app/capture/format.h"

#define CASES 1000

static uint64_t seed_at_work; /* of the case that runs; 0 when all have passed */
static uint64_t random_state;

static uint64_t random_next(void) /* SplitMix64 */
{
    uint64_t x = random_state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint32_t random_below(size_t bound)
{
    return (uint32_t)(random_next() % bound);
}

static uint32_t random_length(void)
{
    static const uint32_t lengths[] = {0, 1, 2, 3, 4, 54, 60, 1514, 9000};
    return lengths[random_below(RTE_DIM(lengths))];
}

static void write_valid_pcap(struct file *file)
{
    put_pcap_header(file, random_below(2), 1);
    for (unsigned packets = random_below(12); packets > 0; packets--) {
        uint32_t captured = random_length();
        put_pcap_packet(file, (uint32_t)random_next(), random_below(1000000), captured, captured + random_below(3));
    }
}

static void write_valid_pcapng(struct file *file)
{
    unsigned interfaces = 0;
    put_section(file);
    for (unsigned blocks = random_below(16); blocks > 0; blocks--) {
        struct file options = {.big = file->big};
        uint8_t resolution = (uint8_t)random_next();
        switch (random_below(interfaces == 0 ? 3 : 8)) {
        case 0:
            put_option(&options, 9, &resolution, 1);
            put_option(&options, 2, "interface", 9);
            put_interface(file, random_below(4) == 0 ? 105 : 1, random_below(2) * 100, &options);
            interfaces++;
            break;
        case 1:
            put_block(file, 5, "statistics", 10);
            break;
        case 2:
            file->big = random_below(2);
            put_section(file);
            interfaces = 0;
            break;
        default: {
            uint32_t captured = random_length();
            put_enhanced(file, random_below(interfaces), random_next(), captured, captured + random_below(3));
        }
        }
        file_free(&options);
    }
}

/* Flips, interesting numbers in aligned fields, cuts, repetitions. */
static void mutate(struct file *file)
{
    static const uint32_t numbers[] = {0,      1,      4,          12,         28,         32,         0x0a0d0d0a,
                                       262144, 262145, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, 65536};
    for (unsigned times = random_below(4); times > 0 && file->length > 8; times--) {
        size_t place = random_below(file->length - 4);
        uint32_t number = numbers[random_below(RTE_DIM(numbers))];
        switch (random_below(4)) {
        case 0:
            file->bytes[place] ^= (uint8_t)(1u << random_below(8));
            break;
        case 1:
            number = random_below(2) ? number : __builtin_bswap32(number);
            memcpy(file->bytes + (place & ~(size_t)3), &number, 4);
            break;
        case 2:
            file->length = place;
            break;
        default: { /* a piece moves, and everything behind it with it */
            size_t piece = RTE_MIN(file->length - place, (size_t)random_below(64));
            struct file rest = {0};
            put(&rest, file->bytes + place, file->length - place);
            file->length = place;
            if (random_below(2))
                put(file, rest.bytes, piece);
            put(file, rest.bytes + piece, rest.length - piece);
            put(file, rest.bytes, random_below(2) ? piece : 0);
            file_free(&rest);
        }
        }
    }
}

/* Where a packet that is handed out stands in the file. */
struct place {
    uint64_t offset;
    uint32_t length;
};

/* The parser alone. Returns how many packets it gave that are handed out. */
static unsigned parse(const struct file *file, bool is_pcapng, struct capture_interface *interfaces,
                      struct place *places, unsigned room)
{
    struct pcap pcap;
    struct pcapng pcapng;
    pcap_begin(&pcap);
    pcapng_begin(&pcapng, interfaces);
    uint64_t offset = 0, wanted = 0;
    unsigned count = 0;
    while (offset <= file->length) {
        uint64_t length = RTE_MIN(wanted, file->length - offset);
        uint8_t *exactly = malloc(length > 0 ? length : 1);
        assert_non_null(exactly);
        memcpy(exactly, file->bytes + offset, length);
        struct step step;
        if (is_pcapng)
            pcapng_step(&pcapng, exactly, length, &step);
        else
            pcap_step(&pcap, exactly, length, &step);
        free(exactly);
        if (step.kind == STEP_DAMAGED || (step.kind == STEP_MORE && wanted > file->length - offset))
            break;
        if (step.kind == STEP_MORE) {
            assert_true(step.length > wanted && step.length <= STEP_MORE_MAX);
            wanted = step.length;
            continue;
        }
        assert_true(step.length > 0 || step.kind == STEP_PACKET);
        wanted = 0;
        offset += step.length;
        if (step.kind != STEP_PACKET)
            continue;
        if (step.interface->link_type != LINK_UNSUPPORTED) {
            assert_true(count < room);
            places[count++] = (struct place){offset, step.captured};
        }
        offset += step.captured + step.after;
    }
    return count;
}

static void read_both_ways(const struct file *file, bool is_pcapng, struct capture_interface *interfaces)
{
    static struct place places[4096];
    unsigned count = parse(file, is_pcapng, interfaces, places, RTE_DIM(places));
    struct received received;
    receive_file(&received, file);
    assert_int_equal(received.count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(received.packets[i].length, places[i].length);
        assert_true(received.packets[i].wire >= received.packets[i].length);
        assert_memory_equal(received.packets[i].bytes, file->bytes + places[i].offset, places[i].length);
    }
    assert_int_equal(received.summary.files_read + received.summary.files_failed, 1);
    received_free(&received);
}

static void mutated_files_never_harm(void **state)
{
    (void)state;
    const char *seed_text = getenv("BEARERTAP_SEED"); /* of one case, to see it again */
    struct capture_interface *interfaces = calloc(CAPTURE_PORTS_MAX, sizeof(*interfaces));
    assert_non_null(interfaces);
    for (unsigned i = 0; i < CASES; i++) {
        seed_at_work = seed_text != NULL ? strtoull(seed_text, NULL, 0) : UINT64_C(20230711) + i;
        random_state = seed_at_work;
        struct file file = {.big = random_below(2)};
        bool is_pcapng = random_below(2);
        if (is_pcapng)
            write_valid_pcapng(&file);
        else
            write_valid_pcap(&file);
        uint8_t magic[4];
        memcpy(magic, file.bytes, 4);
        mutate(&file);
        if (file.length >= 4)
            memcpy(file.bytes, magic, 4); /* what comes of a wrong one has a test of its own */
        read_both_ways(&file, is_pcapng, interfaces);
        file_free(&file);
    }
    free(interfaces);
    seed_at_work = 0;
}

static int say_seed(void **state)
{
    (void)state;
    if (seed_at_work != 0)
        print_message("the case that failed: BEARERTAP_SEED=%" PRIu64 "\n", seed_at_work);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(mutated_files_never_harm, say_seed),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

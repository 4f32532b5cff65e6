/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The property of reassembly: however a random string is cut, shuffled, duplicated and overlapped on its way, what
 * comes out is the string. Each case has a seed of its own, which is printed when it fails; BEARERTAP_SEED=N runs that
 * case alone, BEARERTAP_CASES=N that many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream_support.h"

#define CASES      3000
#define STRING_MAX 20000
#define PIECES_MAX 4000

struct random {
    uint64_t state;
};

/* splitmix64 */
static uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

static uint32_t random_below(struct random *random, uint32_t bound)
{
    return (uint32_t)(random_next(random) % bound);
}

struct piece {
    uint32_t from, length;
};

static struct piece pieces[PIECES_MAX];
static uint8_t string[STRING_MAX];

/* Cuts the string, then adds copies of pieces and pieces that overlap, then moves each a random way within a window. */
static unsigned make_pieces(struct random *random, uint32_t length)
{
    static const uint32_t sizes[] = {1, 2, 10, 100, 1448, 9000};
    uint32_t most = sizes[random_below(random, 6)];
    if (length / most > PIECES_MAX / 8)
        most = length / (PIECES_MAX / 8) + 1;
    unsigned count = 0;
    for (uint32_t from = 0; from < length; count++) {
        uint32_t size = 1 + random_below(random, most);
        size = size < length - from ? size : length - from;
        pieces[count] = (struct piece){from, size};
        from += size;
    }
    unsigned cut = count;
    for (unsigned more = random_below(random, cut + 2); more > 0 && count < PIECES_MAX; more--) {
        if (random_below(random, 2) == 0) {
            pieces[count++] = pieces[random_below(random, cut)];
            continue;
        }
        uint32_t from = random_below(random, length), size = 1 + random_below(random, 2 * most);
        pieces[count++] = (struct piece){from, size < length - from ? size : length - from};
    }
    uint32_t window = 1 + random_below(random, random_below(random, 2) == 0 ? 8 : count);
    for (unsigned i = 0; i < count; i++) {
        unsigned reach = count - i < window ? count - i : window;
        unsigned other = i + random_below(random, reach);
        struct piece piece = pieces[i];
        pieces[i] = pieces[other];
        pieces[other] = piece;
    }
    return count;
}

static uint64_t seed_at_hand; /* of a case that isn't done */

enum start { START_SYN, START_SYN_LATE, START_MIDSTREAM, STARTS };

static void run_case(uint64_t seed)
{
    seed_at_hand = seed;
    struct random random = {seed};
    uint32_t length = 1 + random_below(&random, random_below(&random, 4) == 0 ? STRING_MAX : 2000);
    for (uint32_t i = 0; i < length; i++)
        string[i] = (uint8_t)random_next(&random);
    unsigned count = make_pieces(&random, length);
    /* Half of them wrap in the middle of the string. */
    uint32_t first =
        random_below(&random, 2) == 0 ? 0u - random_below(&random, length + 2) : (uint32_t)random_next(&random);
    enum start start = (enum start)random_below(&random, STARTS);
    bool back = random_below(&random, 2) == 0, acknowledged = random_below(&random, 2) == 0;
    uint8_t syn = back ? TCP_SYN | TCP_ACK : TCP_SYN;
    unsigned late = start == START_SYN_LATE ? random_below(&random, count) : 0;

    struct bench *bench = bench_create(&(struct bench_sizes){16, 32, 8 << 20, 4 << 20});
    for (unsigned i = 0; i < count; i++) {
        bench->now_ns = START_NS + i * 40 * MS / count;
        if (start != START_MIDSTREAM && i == late)
            SEND(bench, .back = back, .flags = syn, .sequence = first - 1, .window = 65000, .window_shift = 7);
        SEND(bench, .back = back, .sequence = first + pieces[i].from, .payload = string + pieces[i].from,
             .length = pieces[i].length, .window = 500);
        if (acknowledged && random_below(&random, 4) == 0) /* the whole of it, early, as a tap may show it */
            SEND(bench, .back = !back, .sequence = 77, .acknowledgement = first + length, .window = 500);
        if (random_below(&random, 8) == 0)
            bench_keep_house(bench);
    }
    bench_end_all(bench);
    const struct output *output = &bench->outputs[back];
    assert_int_equal(output->length, length);
    assert_memory_equal(output->bytes, string, length);
    assert_int_equal(output->gaps, 0);
    assert_int_equal(bench->counters.bytes[BYTES_SCANNED], length);
    assert_int_equal(bench->counters.bytes[BYTES_SCANNED] + bench->counters.bytes[BYTES_RETRANSMITTED],
                     bench->counters.payload);
    bench_destroy(bench);
    seed_at_hand = 0;
}

static int tell_seed(void **state)
{
    (void)state;
    if (seed_at_hand != 0)
        print_error("BEARERTAP_SEED=%llu runs this case alone\n", (unsigned long long)seed_at_hand);
    return 0;
}

static void a_string_comes_out_whole_however_it_was_cut_and_shuffled(void **state)
{
    (void)state;
    const char *one = getenv("BEARERTAP_SEED"), *many = getenv("BEARERTAP_CASES");
    if (one != NULL) {
        run_case(strtoull(one, NULL, 10));
        return;
    }
    unsigned long cases = many != NULL ? strtoul(many, NULL, 10) : CASES;
    for (uint64_t seed = 1; seed <= cases; seed++)
        run_case(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_string_comes_out_whole_however_it_was_cut_and_shuffled, tell_seed),
    };
    return cmocka_run_group_tests(tests, bench_start_eal, bench_stop_eal);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The properties of reassembly: however a random string is cut, shuffled, duplicated and overlapped on its way, what
 * comes out is the string; and whatever segments come, in a connection's order or against all rules, the straight way
 * makes no difference. Each case has a seed of its own, which is printed when it fails; BEARERTAP_SEED=N runs that case
 * alone, BEARERTAP_CASES=N that many.
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

#define CASES      1000
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

static void run_cases(void (*run)(uint64_t seed), unsigned long usual)
{
    const char *one = getenv("BEARERTAP_SEED"), *many = getenv("BEARERTAP_CASES");
    if (one != NULL) {
        run(strtoull(one, NULL, 10));
        return;
    }
    unsigned long cases = many != NULL ? strtoul(many, NULL, 10) : usual;
    for (uint64_t seed = 1; seed <= cases; seed++)
        run(seed);
}

static void a_string_comes_out_whole_however_it_was_cut_and_shuffled(void **state)
{
    (void)state;
    run_cases(run_case, CASES);
}

/* ---- the straight way and the long one ---- */

#define PAIR_CASES    500
#define PAIR_SEGMENTS 60

static unsigned passed_in_all; /* segments that went the straight way */

/*
 * The next segment of a random conversation: mostly what is due, or else a copy, a hole, a keep-alive, urgent data, a
 * FIN, a reset, a SYN, an acknowledgement of what was never sent, a segment captured short or one without an ACK.
 * `next`: what each end would send, as far as it keeps to the rules.
 */
static struct sent next_segment(struct random *random, uint32_t next[2])
{
    static const uint32_t lengths[] = {0, 0, 1, 2, 7, 100, 1448};
    bool back = random_below(random, 2) == 0;
    struct sent sent = {.back = back,
                        .sequence = next[back],
                        .acknowledgement = next[!back],
                        .window = (uint16_t)(random_below(random, 20) == 0 ? 0 : 500),
                        .window_shift = 7,
                        .payload = string + random_below(random, STRING_MAX - 2000),
                        .length = lengths[random_below(random, 7)]};
    switch (random_below(random, 40)) {
    case 0:
        sent.sequence -= random_below(random, 2000);
        break;
    case 1:
        sent.sequence += 1 + random_below(random, 2000);
        break;
    case 2:
        sent.sequence += (uint32_t)random_next(random);
        break;
    case 3:
        sent.sequence--;
        sent.length = random_below(random, 2);
        break;
    case 4:
        sent.flags = TCP_URG;
        sent.urgent_pointer = (uint16_t)random_below(random, 300);
        break;
    case 5:
        sent.flags = TCP_FIN;
        break;
    case 6:
        sent.flags = TCP_RST | TCP_ACK;
        sent.sequence += random_below(random, 2);
        break;
    case 7:
        sent.flags = random_below(random, 2) == 0 ? TCP_SYN : TCP_SYN | TCP_ACK;
        sent.sequence -= random_below(random, 3);
        break;
    case 8:
        sent.acknowledgement += (uint32_t)random_next(random);
        break;
    case 9:
        sent.acknowledgement += random_below(random, 2) == 0 ? 0u - random_below(random, 5000) : 5000;
        break;
    case 10:
        sent.cut = random_below(random, 200);
        break;
    case 11:
        sent.bare = true;
        sent.flags = random_below(random, 2) == 0 ? 0 : 0x08; /* PSH */
        break;
    case 12:
        sent.flags = TCP_FIN;
        sent.sequence += 500;
        break;
    case 13:
        next[back] += 1 + random_below(random, 3000); /* lost on the way */
        break;
    default:
        next[back] += sent.length;
        break;
    }
    return sent;
}

/* A mark of where the straight way is open may be late, never early: it is not part of what must be the same. */
static struct flow without_mark(const struct bench *bench)
{
    struct flow flow = *bench->flow;
    for (unsigned d = 0; d < 2; d++)
        flow.directions[d].flags &= (uint8_t)~DIRECTION_WAITING;
    return flow;
}

static void assert_same(const struct bench *straight, const struct bench *only_long)
{
    struct flow flows[2] = {without_mark(straight), without_mark(only_long)};
    assert_memory_equal(&flows[0], &flows[1], sizeof(struct flow));
    assert_memory_equal(&straight->counters, &only_long->counters, sizeof(straight->counters));
    for (unsigned d = 0; d < 2; d++) {
        const struct output *a = &straight->outputs[d], *b = &only_long->outputs[d];
        assert_int_equal(a->length, b->length);
        assert_int_equal(a->runs, b->runs);
        assert_int_equal(a->next_position, b->next_position);
        assert_int_equal(a->last_time_ns, b->last_time_ns);
        assert_int_equal(a->gaps, b->gaps);
        assert_memory_equal(a->gap_at, b->gap_at, sizeof(a->gap_at));
        const struct flow_extra *extra = flow_extra_find(straight->flows, &straight->flow->directions[d]);
        const struct flow_extra *other = flow_extra_find(only_long->flows, &only_long->flow->directions[d]);
        assert_int_equal(extra != NULL, other != NULL);
        if (extra == NULL)
            continue;
        struct flow_extra extras[2] = {*extra, *other};
        for (unsigned i = 0; i < 2; i++)
            extras[i].held_root = extras[i].held_root != 0; /* which node it is, is left to chance */
        assert_memory_equal(&extras[0], &extras[1], sizeof(extras[0]));
    }
    assert_int_equal(straight->ended, only_long->ended);
}

static void run_pair(uint64_t seed)
{
    seed_at_hand = seed;
    struct random random = {seed};
    for (uint32_t i = 0; i < STRING_MAX; i++)
        string[i] = (uint8_t)random_next(&random);
    uint32_t next[2] = {(uint32_t)random_next(&random), (uint32_t)random_next(&random)};
    struct bench *benches[2];
    for (unsigned i = 0; i < 2; i++) {
        benches[i] = bench_create(&(struct bench_sizes){16, 32, 1 << 20, 256 << 10});
        benches[i]->only_the_long_way = i == 1;
    }
    if (random_below(&random, 4) > 0) /* else joined under way */
        for (unsigned i = 0; i < 2; i++) {
            SEND(benches[i], .flags = TCP_SYN, .sequence = next[0] - 1, .window = 64000, .window_shift = 7);
            SEND(benches[i], .back = true, .flags = TCP_SYN | TCP_ACK, .sequence = next[1] - 1,
                 .acknowledgement = next[0], .window = 65000, .window_shift = 7);
        }
    for (unsigned segment = 0; segment < PAIR_SEGMENTS; segment++) {
        struct sent sent = next_segment(&random, next);
        uint64_t later_ms = random_below(&random, 10) == 0 ? random_below(&random, 1500) : random_below(&random, 5);
        bool keep_house = random_below(&random, 8) == 0;
        for (unsigned i = 0; i < 2; i++) {
            benches[i]->now_ns += later_ms * MS;
            bench_send(benches[i], &sent);
            if (keep_house)
                bench_keep_house(benches[i]);
        }
        assert_same(benches[0], benches[1]);
    }
    for (unsigned i = 0; i < 2; i++)
        bench_end_all(benches[i]);
    for (unsigned d = 0; d < 2; d++) {
        assert_int_equal(benches[0]->outputs[d].length, benches[1]->outputs[d].length);
        assert_memory_equal(benches[0]->outputs[d].bytes, benches[1]->outputs[d].bytes, benches[0]->outputs[d].length);
    }
    passed_in_all += benches[0]->passed;
    for (unsigned i = 0; i < 2; i++)
        bench_destroy(benches[i]);
    seed_at_hand = 0;
}

static void the_straight_way_gives_what_the_long_way_gives(void **state)
{
    (void)state;
    run_cases(run_pair, PAIR_CASES);
    assert_true(passed_in_all > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_string_comes_out_whole_however_it_was_cut_and_shuffled, tell_seed),
        cmocka_unit_test_teardown(the_straight_way_gives_what_the_long_way_gives, tell_seed),
    };
    return cmocka_run_group_tests(tests, bench_start_eal, bench_stop_eal);
}

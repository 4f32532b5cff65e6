/* SPDX-License-Identifier: BSD-3-Clause */
#include "compare.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

static int by_size(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

double median(double *values, unsigned count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof(*values), by_size);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static double ns_of(const struct played *played)
{
    return played->packets == 0 ? 0 : (double)played->ticks * 1e9 / (double)rte_get_tsc_hz() / (double)played->packets;
}

/* As many laps as fill a turn, told by the one before the first, which was long enough to tell. */
static int find_laps(struct side *side, double turn_seconds, uint32_t *laps, struct error *error)
{
    struct played played;
    for (uint32_t tried = 1;; tried *= 4) {
        int result = side_turn(side, tried, &played, error);
        if (result != 0)
            return result;
        double seconds = (double)played.ticks / (double)rte_get_tsc_hz();
        if (seconds < turn_seconds / 8 && tried < 1u << 20)
            continue;
        double wanted = turn_seconds / seconds * tried;
        *laps = wanted < 1 ? 1 : (uint32_t)wanted;
        return 0;
    }
}

int compare(struct comparison *comparison, unsigned rounds, double turn_seconds, struct error *error)
{
    uint32_t laps[SIDES_MAX];
    unsigned sides = comparison->sides_count;
    comparison->rounds = rounds < ROUNDS_MAX ? rounds : ROUNDS_MAX;
    for (unsigned i = 0; i < sides; i++) {
        int result = find_laps(comparison->sides[i], turn_seconds, &laps[i], error);
        if (result != 0)
            return result;
    }
    for (unsigned round = 0; round < comparison->rounds; round++)
        for (unsigned turn = 0; turn < sides; turn++) {
            unsigned side = (turn + round) % sides;
            struct played played;
            int result = side_turn(comparison->sides[side], laps[side], &played, error);
            if (result != 0)
                return result;
            comparison->ns[side][round] = ns_of(&played);
        }
    return 0;
}

double comparison_ns(const struct comparison *comparison, unsigned side)
{
    double values[ROUNDS_MAX];
    memcpy(values, comparison->ns[side], comparison->rounds * sizeof(*values));
    return median(values, comparison->rounds);
}

double comparison_spread(const struct comparison *comparison, unsigned side)
{
    double values[ROUNDS_MAX];
    unsigned count = comparison->rounds;
    memcpy(values, comparison->ns[side], count * sizeof(*values));
    double middle = median(values, count);
    return middle > 0 ? (values[count * 3 / 4] - values[count / 4]) / middle : 0;
}

double comparison_ratio(const struct comparison *comparison, unsigned side, unsigned by)
{
    double values[ROUNDS_MAX];
    for (unsigned i = 0; i < comparison->rounds; i++)
        values[i] = comparison->ns[by][i] > 0 ? comparison->ns[side][i] / comparison->ns[by][i] : 0;
    return median(values, comparison->rounds);
}

double comparison_ratio_by_two(const struct comparison *comparison, unsigned side, unsigned by, unsigned and_by)
{
    double values[ROUNDS_MAX];
    for (unsigned i = 0; i < comparison->rounds; i++) {
        double under = comparison->ns[by][i] + comparison->ns[and_by][i];
        values[i] = under > 0 ? comparison->ns[side][i] / under : 0;
    }
    return median(values, comparison->rounds);
}

double comparison_ratio_of_ratios(const struct comparison *comparison, const unsigned over[2], const unsigned under[2])
{
    double values[ROUNDS_MAX];
    for (unsigned i = 0; i < comparison->rounds; i++) {
        double product = comparison->ns[over[1]][i] * comparison->ns[under[0]][i];
        values[i] = product > 0 ? comparison->ns[over[0]][i] * comparison->ns[under[1]][i] / product : 0;
    }
    return median(values, comparison->rounds);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_COMPARE_H
#define BEARERTAP_APP_BENCH_COMPARE_H

#include "side.h"

/*
 * Sides taking turns: one after the other, in another order each round, so that a machine that is slower for a while is
 * so for all. What is compared are the turns of one round; the median over rounds is the figure.
 */
enum { SIDES_MAX = 8, ROUNDS_MAX = 31 };

struct comparison {
    struct side *sides[SIDES_MAX];
    unsigned sides_count, rounds;
    double ns[SIDES_MAX][ROUNDS_MAX]; /* a packet */
};

/* Each side's turn lasts for about so long; a turn before the first is not counted. 0, or a negative errno. */
int compare(struct comparison *comparison, unsigned rounds, double turn_seconds, struct error *error);

/* The median of so many numbers, which it puts in order. */
double median(double *values, unsigned count);

/* The median of a side's times; and how far the middle half of them lies apart, as a part of it. */
double comparison_ns(const struct comparison *comparison, unsigned side);
double comparison_spread(const struct comparison *comparison, unsigned side);

/* The median over rounds of one side's time by another's. */
double comparison_ratio(const struct comparison *comparison, unsigned side, unsigned by);
/* By the sum of two others'. */
double comparison_ratio_by_two(const struct comparison *comparison, unsigned side, unsigned by, unsigned and_by);
/* One ratio of two sides by that of two others. */
double comparison_ratio_of_ratios(const struct comparison *comparison, const unsigned over[2], const unsigned under[2]);

#endif

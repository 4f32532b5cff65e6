/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_AGAINST_H
#define BEARERTAP_APP_BENCH_AGAINST_H

#include <jansson.h>

#include <bearertap/bench.h>

/*
 * Two builds: this one and another measure one mix by turns, each in processes of its own, and what is compared are the
 * two of a pair. Pairs begin with either by turns. Returns an array of objects, one a setting: name, cache, ratio (this
 * one's time a packet by the other's), least, most, ns_per_packet, other_ns_per_packet; NULL with `error` filled.
 */
json_t *against_measure(const struct bench_options *options, const struct traffic_mix *mix, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_FILTER_H
#define BEARERTAP_FILTER_H

#include <stdbool.h>

#include <bearertap/filter_rules.h>

/*
 * Which connections are inspected, by address and port (filter_rules.h), as software answers it. Built before the
 * workers start, read by all of them afterwards; nothing is allocated to evaluate it.
 */

struct burst;
struct endpoints;

/* "10.0.0.0/8", "2001:db8::/32", or one address. False when it is none; bits behind the prefix are no matter. */
bool filter_prefix_read(const char *text, struct filter_prefix *prefix);

/* "8000-8999"; false when it is no range of ports from 1 to 65535. */
bool filter_ports_read(const char *text, struct filter_ports *ports);

/* Is the connection to be inspected? Some rule that includes holds, and none that excludes. */
bool filter_passes(const struct filter *filter, const struct endpoints *endpoints);

/* Ends the pending packets of other connections. */
void filter_apply(const struct filter *filter, struct burst *burst);

#endif

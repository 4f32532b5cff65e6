/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_TESTS_FUZZ_SCRIPT_H
#define BEARERTAP_TESTS_FUZZ_SCRIPT_H

#include "support.h"

/*
 * Bytes as a script for a network: connections open, write requests, tokens and anything else, send it in order, early,
 * again, altered or cut short, acknowledge it and end. A mutation of the script is another course of events rather than
 * another broken packet, so a fuzzer gets deep.
 *
 * A step is a byte (low half: what is done; high half: connection, and which side) and its arguments. Time only goes
 * forward, so that what comes out must not depend on the number of workers.
 */

#define SCRIPT_PACKETS_MAX 400
#define SCRIPT_WRITTEN_MAX (12 * 1024) /* so few tokens that all their records fit a worker's ring */

/* The capture file (pcap, nanoseconds, Ethernet) that the script makes; the caller frees it. */
uint8_t *script_run(struct fuzz_input *input, size_t *length);

#endif

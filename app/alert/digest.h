/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_DIGEST_H
#define BEARERTAP_APP_ALERT_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/chunk.h>

#include "alert_line.h"

/* SHA-256 with everything that OpenSSL would fetch or allocate per digest kept between them. */
struct digest;

struct digest *digest_create(void);
void digest_destroy(struct digest *digest);

/* False when OpenSSL refuses; `out` is zero then. */
bool digest_sha256(struct digest *digest, const void *bytes, size_t length, uint8_t out[32]);

/* Of the first `length` bytes of what a chain of chunks holds. */
bool digest_chain(struct digest *digest, const struct chunk *chain, size_t length, uint8_t out[32]);

/*
 * event.id of a line: SHA-256, cut to 128 bits, over the connection's addresses, ports, VLAN and first packet's time,
 * and over direction, placement, finding and position of the line's first token. Nothing of the process or its workers
 * goes in, so that reading a capture again gives the same ids.
 */
void digest_identify(struct digest *digest, const struct alert *alert, uint8_t id[16]);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_FOLD_H
#define BEARERTAP_APP_ALERT_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "alert_line.h"

/*
 * Repeats of a finding, counted instead of written.
 *
 * A finding's first line opens a window of 60 s of packet time. A repeat inside the window is counted; when the window
 * is over, what was counted leaves as one update and the next window begins where that one ended. A repeat after a
 * window in which nothing was counted leaves at once and opens a window of its own. So a line follows another of the
 * same finding after 60 s at the earliest, and which sightings a line holds depends on the connection's own sightings
 * alone: it is the same whether a window is closed by a later sighting, by the worker's time or by the connection's
 * end.
 *
 * All memory is taken at the start: folds_max slots, of which only those in use are ever touched. When all are in use,
 * the one that was sighted least recently leaves.
 */

#define FOLD_WINDOW_NS (60 * UINT64_C(1000000000))

/* A worker's time is ahead of the packets that it still holds back (a hole in a stream is waited for), so it closes a
 * window a little later than a sighting would. */
#define FOLD_GRACE_NS UINT64_C(1000000000)

/* What makes two sightings the same: compared as bytes, hence without padding. */
struct fold_key {
    uint64_t flow_id;
    uint8_t token[32]; /* SHA-256; of a truncated token, which has none, the position */
    uint8_t worker, from_server, placement, finding, truncated, unused[3];
};
_Static_assert(sizeof(struct fold_key) == 48, "no padding");

/* Writes an update. It tells the request of the first line only where all its sightings stood in such a request: the
 * path of another one would be made up. What is odd about the stream is so from then on. The alert's position, times
 * and sightings are set; the rest is the emitter's. */
typedef void (*fold_emit)(void *context, struct alert *alert);

struct folds;

struct folds *folds_create(unsigned maximum, fold_emit emit, void *context);
void folds_destroy(struct folds *folds);

/* A sighting that may be a repeat: counted, or left as an update, and true. False when it is the first of its finding:
 * then its line is to be written, and kept with folds_add. */
bool folds_repeat(struct folds *folds, const struct fold_key *key, const struct record *record);

/* Is there a fold of this key, and has the table of keys not changed since? Then the sighting is a repeat whatever the
 * token says, and folds_repeat will count it. */
bool folds_know(struct folds *folds, const struct fold_key *key, uint64_t generation);

/* Keeps a first line, and the record it is of; `generation` is that of the key table. True when an update had to leave
 * early to make room. */
bool folds_add(struct folds *folds, const struct fold_key *key, const struct record *record, const struct alert *alert,
               uint64_t generation);

/* The connection ended: its folds leave. In the time of that connection's folds. */
void folds_end_flow(struct folds *folds, uint8_t worker, uint64_t flow_id);

/* The worker's packet time went on: its windows that are over leave. In the time of those that leave. */
void folds_pass_time(struct folds *folds, uint8_t worker, uint64_t time_ns);

/* The end: everything leaves, the longest unseen first. */
void folds_end(struct folds *folds);

#endif

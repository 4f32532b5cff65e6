/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_MAKE_LAP_H
#define BEARERTAP_APP_BENCH_MAKE_LAP_H

#include <bearertap/keys.h>

#include "lap.h"

/* Laps from made traffic and from captures, sealed; EAL must be up. 0, or a negative errno with `error` filled. */

struct lap_options {
    const struct traffic_mix *mix;
    uint32_t flows, keys, payload_bytes; /* as traffic.h says */
    size_t frame_bytes;                  /* about so many in all */
    bool from_beginning;                 /* of connections; else they are under way */
    unsigned shares;
};

enum { LAP_SEED = 20230615 }; /* the day on which the intrusion was seen */

int lap_of_traffic(const struct lap_options *options, struct lap **lap, struct error *error);

/* The first `frame_bytes` of a capture (0: all of it). What is to be found in it is not known here. */
int lap_of_capture(const char *path, size_t frame_bytes, unsigned shares, struct lap **lap, struct error *error);

/* A list of `borne` of the revoked keys that made traffic's tokens bear, and so many that none of them bears. */
int lap_keys(uint32_t borne, uint32_t strangers, struct key_list **list, struct error *error);

#endif

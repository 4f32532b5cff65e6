/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_TRAFFIC_DISORDER_H
#define BEARERTAP_APP_TRAFFIC_DISORDER_H

#include <bearertap/traffic.h>

#include "connection.h"
#include "random.h"

/* What happens to segments on their way to the tap, for the styles that say so: lost, late, or there twice. */
struct disorder {
    struct random random;
    uint32_t reorders_due; /* drawn for segments behind which none of their message follows, so that none was late */
    struct traffic_totals *totals;
};

enum fate {
    FATE_SENT,
    FATE_LOST,
    FATE_HELD, /* it comes behind later ones of its connection */
};

enum fate disorder_decide(struct disorder *disorder, struct connection *connection,
                          const struct connection_segment *segment);

/* Whether what is held of the connection is due: then it is what comes next, and HELD_NOTHING is not returned. */
enum held_kind disorder_release(struct connection *connection, struct connection_segment *segment);

#endif

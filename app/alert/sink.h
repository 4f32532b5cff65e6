/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_SINK_H
#define BEARERTAP_APP_ALERT_SINK_H

#include <bearertap/alert.h>

struct sink_kind {
    const char *name;
    bool has_path;
};

#endif

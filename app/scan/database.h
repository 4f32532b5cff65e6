/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_SCAN_DATABASE_H
#define BEARERTAP_APP_SCAN_DATABASE_H

#include <hs.h>

#include <bearertap/scan.h>

struct scan_databases {
    hs_database_t *client; /* for what a client sends, and while the sides are not known */
    hs_database_t *server;
};

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BASE_PRECOMPILED_H
#define BEARERTAP_APP_BASE_PRECOMPILED_H

/*
 * What most files include by way of DPDK's headers, compiled once a build and not once a file, where it takes half of
 * the time. No file may count on it: scripts/build clang, which scripts/lint reads with, is built without.
 */
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#endif

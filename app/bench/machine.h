/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_BENCH_MACHINE_H
#define BEARERTAP_APP_BENCH_MACHINE_H

#include <jansson.h>

/* On what it runs: CPU, caches, kernel, huge pages, compiler, load. What the system does not tell is left out. */
json_t *machine_json(void);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_EAL_H
#define BEARERTAP_EAL_H

#include <stddef.h>

#include <bearertap/error.h>

/*
 * Starts EAL for captures: as an ordinary user, without hugepages, NIC or shared files, so that any number can run at
 * once. `memory_bytes` is all it will ever have (touched as it is used); `lcores` threads float over the CPUs that the
 * process may use. EAL's own log goes nowhere, except into the error when it fails.
 *
 * `outside_bytes` are what will be mapped beside it (memory.h): that there is address space for both is seen to before.
 */
int eal_check_address_space(size_t memory_bytes, size_t outside_bytes, struct error *error);
int eal_start(size_t memory_bytes, unsigned lcores, struct error *error);
void eal_stop(void);

#endif

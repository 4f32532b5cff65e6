/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_EAL_H
#define BEARERTAP_EAL_H

#include <stddef.h>

#include <bearertap/error.h>

#include <stdbool.h>

/*
 * Starts DPDK's EAL, so that any number of processes can run at once: it shares nothing with others and leaves no file
 * behind, whatever ends it; hugepages too are the process's own and go with it.
 */
struct eal_options {
    size_t memory_bytes; /* with hugepages more can be had later; without them it is all there ever is (touched as it is
                          * used) */
    bool hugepages;      /* else an ordinary user can start it */
    unsigned lcores;     /* threads, the calling one among them */
    /* CPUs of the threads behind the calling one, one each; where there are fewer of them than threads, the others
     * float over the CPUs that the process may use and that are not among these, or over all of them. */
    const unsigned *cpus;
    unsigned cpus_count;
    const char *const *arguments; /* to be handed on to it, behind ours */
    unsigned arguments_count;
};
#define EAL_ARGUMENTS_MAX 64

/* `outside_bytes` are what will be mapped beside it (memory.h): that there is address space for both is seen to here.
 */
int eal_check_address_space(size_t memory_bytes, size_t outside_bytes, struct error *error);

/*
 * 0, or a negative errno with `error` filled: what is missing, and how it is mended. EAL's own log goes nowhere, except
 * into the error when it fails.
 */
int eal_start(const struct eal_options *options, struct error *error);
/* The same for what needs neither hugepages nor devices: as an ordinary user, with threads that float. */
int eal_start_for_files(size_t memory_bytes, unsigned lcores, struct error *error);
void eal_stop(void);

#endif

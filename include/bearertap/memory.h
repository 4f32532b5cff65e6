/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_MEMORY_H
#define BEARERTAP_MEMORY_H

#include <stddef.h>

/*
 * Memory for the large tables and pools, taken once at start: in huge pages where the system gives them to whoever asks
 * (transparent_hugepage: madvise or always), so that a look at a record costs a cache miss and not a walk through page
 * tables too. EAL's own memory has none without root. It lies outside of EAL's, and nothing of it is touched before it
 * is used.
 */

/* Zeros, on a cache line's border; NULL where there is none. */
void *memory_take(size_t bytes);
/* As many bytes as were taken; NULL is allowed. */
void memory_give_back(void *memory, size_t bytes);

#endif

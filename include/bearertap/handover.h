/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_HANDOVER_H
#define BEARERTAP_HANDOVER_H

/*
 * For ThreadSanitizer alone, nothing in any other build: an object goes from one thread to another through code that it
 * does not see into (a mempool of DPDK's shared library), which orders what the one did before by what the other does
 * after. Both sides say so of the very object, next to the call that hands it over, so that everything else about it is
 * still checked.
 */
#ifdef BEARERTAP_THREAD_SANITIZER
void __tsan_acquire(void *object);
void __tsan_release(void *object);
#define handover_given(object) __tsan_release(object)
#define handover_taken(object) __tsan_acquire(object)
#else
#define handover_given(object) ((void)(object))
#define handover_taken(object) ((void)(object))
#endif

#endif

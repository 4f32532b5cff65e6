/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_WAITER_H
#define BEARERTAP_WAITER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Sleeping without work, and being woken: an event count on a futex.
 *
 * The sleeper announces itself, looks once more for work, and only then sleeps; so a wake-up between the look and the
 * sleep is never lost:
 *
 *     uint32_t ticket = waiter_prepare(&waiter);
 *     if (there is work)
 *         waiter_cancel(&waiter);
 *     else
 *         waiter_sleep(&waiter, ticket);
 *
 * The other side makes work visible and calls waiter_wake, which costs a load where nobody sleeps and a system call
 * where somebody does. One sleeper, any number of wakers. Only `read` and `bench` sleep; `run` polls.
 */
struct waiter {
    alignas(64) uint32_t ticket;
    uint32_t sleeping;
};

uint32_t waiter_prepare(struct waiter *waiter);
void waiter_cancel(struct waiter *waiter);
void waiter_sleep(struct waiter *waiter, uint32_t ticket);
void waiter_wake(struct waiter *waiter);

/* Does somebody sleep, or is about to? Lets a producer gather more before it wakes. */
static inline bool waiter_is_waiting(const struct waiter *waiter)
{
    return __atomic_load_n(&waiter->sleeping, __ATOMIC_RELAXED) != 0;
}

#endif

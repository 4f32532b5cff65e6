/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/waiter.h>

#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

uint32_t waiter_prepare(struct waiter *waiter)
{
    uint32_t ticket = __atomic_load_n(&waiter->ticket, __ATOMIC_ACQUIRE);
    __atomic_store_n(&waiter->sleeping, 1, __ATOMIC_SEQ_CST);
    return ticket;
}

void waiter_cancel(struct waiter *waiter)
{
    __atomic_store_n(&waiter->sleeping, 0, __ATOMIC_RELAXED);
}

void waiter_sleep(struct waiter *waiter, uint32_t ticket)
{
    /* Returns at once when the ticket has moved on, and on any signal: the caller looks for work again. */
    syscall(SYS_futex, &waiter->ticket, FUTEX_WAIT_PRIVATE, ticket, NULL, NULL, 0);
    waiter_cancel(waiter);
}

void waiter_wake(struct waiter *waiter)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the work before the look at the sleeper */
    if (__atomic_load_n(&waiter->sleeping, __ATOMIC_SEQ_CST) == 0)
        return;
    __atomic_add_fetch(&waiter->ticket, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &waiter->ticket, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

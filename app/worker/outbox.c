/* SPDX-License-Identifier: BSD-3-Clause */
#include "outbox.h"

void outbox_send(struct outbox *outbox, struct chunk *record)
{
    __atomic_add_fetch(&outbox->all->records_out, 1, __ATOMIC_RELEASE);
    while (rte_ring_sp_enqueue(outbox->ring, record) != 0)
        outbox_wait_for_chunks(outbox);
    waiter_wake(&outbox->all->alert_side);
}

bool outbox_wait_for_chunks(struct outbox *outbox)
{
    uint32_t ticket = waiter_prepare(&outbox->room);
    waiter_wake(&outbox->all->alert_side);
    if (rte_ring_empty(outbox->ring)) {
        /* Other workers' records may be out, whose chunks come back without a word to us: look again, do not sleep. */
        waiter_cancel(&outbox->room);
        return __atomic_load_n(&outbox->all->records_out, __ATOMIC_ACQUIRE) > 0;
    }
    waiter_sleep(&outbox->room, ticket);
    return true;
}

void outbox_released(struct outbox *outbox)
{
    __atomic_sub_fetch(&outbox->all->records_out, 1, __ATOMIC_RELEASE);
    waiter_wake(&outbox->room);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_INTERFACE_H
#define BEARERTAP_APP_CAPTURE_INTERFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * An interface of the kernel, asked over rtnetlink: unlike /sys/class/net, which shows the namespace that it was
 * mounted in, that is always the namespace of the calling thread.
 */
struct interface {
    unsigned index;
    char name[IFNAMSIZ];
    char kind[16]; /* "veth", "bridge", ...; empty where hardware is behind it */
    unsigned mtu;
    bool up;      /* somebody set it up */
    bool running; /* and its link is up */
    bool promiscuous;
    uint64_t rx_packets, tx_packets;
};

/* By its name, or where that is NULL by its number. 0, -ENODEV where there is none, or another negative errno. */
int interface_find(const char *name, unsigned index, struct interface *interface);

/* Receive queues that the kernel uses for it now: in pairs with queues to send with, and all. 0 where it does not say.
 */
void interface_queues(const char *name, unsigned *paired, unsigned *all);

/* Whether what it receives may be longer than its MTU: segments joined on receipt (GRO, LRO), or never cut because the
 * other end of a virtual interface left that to hardware which isn't there. */
bool interface_joins_segments(const struct interface *interface);

/*
 * Claims it for this process, so that no other one of ours has it at the same time: a socket in the abstract name
 * space, which is the network namespace's own, as the interface's index is, and gone with whoever made it, however that
 * ends. A descriptor to be closed, -EADDRINUSE where another has it, or another negative errno.
 */
int interface_claim(const struct interface *interface);

#endif

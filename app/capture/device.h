/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_DEVICE_H
#define BEARERTAP_APP_CAPTURE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_dev.h>

#include <bearertap/error.h>
#include <bearertap/ports.h>

#include "interface.h"

/*
 * A device as the operator names it: what kind it is, the arguments that it is probed with, and why it cannot be had.
 * All but device_probe can be asked before EAL is up.
 */

/* Devices are alike to us but for those that read from an interface of the kernel: they are told by arguments what
 * others can be asked for. And memif, whose peer hangs up on one that has no queue for it to receive from. */
enum device_kind { DEVICE_OTHER, DEVICE_PCI, DEVICE_AF_PACKET, DEVICE_AF_XDP, DEVICE_MEMIF };

#define DEVICE_TEXT_MAX 512

struct device {
    enum device_kind kind;
    char place[192];              /* where it stands in the configuration, for messages */
    char given[DEVICE_TEXT_MAX];  /* as it was given; a PCI address with its domain */
    char probed[DEVICE_TEXT_MAX]; /* with the arguments that are ours to choose */
    char name[RTE_DEV_NAME_MAX_LEN];
    struct interface interface; /* its index is 0 where there is none */
    unsigned queues;            /* that it will have; 0: to be asked */
    unsigned frame_bytes;       /* frames are cut at; 0: to be asked */
    unsigned buffer_bytes;      /* what an mbuf must hold; 0: as frames are */
    bool is_ours;               /* it was not there before device_probe, and goes at the end */
    bool holds_buffers;         /* an mbuf waits in each descriptor */
    char note[224];             /* what the operator should know, "" mostly */
};

/* Reads the text and, where it names an interface, asks that. `i` is its number in the configuration. */
int device_parse(const struct port_options *options, unsigned i, struct device *device, struct error *error);

/* Whether it is a PCI device's address, with arguments or without. */
bool device_names_pci(const char *text);

/* Whether two are one: the same name, the same PCI address, or the same interface. */
bool device_is_same(const struct device *one, const struct device *other);

/* The value of one of "name,key=value,key=value"'s keys, "" where it has none; false where it is not there. */
bool device_argument(const char *text, const char *key, char *value, size_t capacity);

/* What can be known before it is probed: rights, drivers, whether it is there. `sysfs` is "/sys". */
int device_check(const struct device *device, const char *sysfs, struct error *error);

/* Probes it, unless it is there already, and tells its ethdev port. */
int device_probe(struct device *device, uint16_t *port_id, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_CONFIGURATION_H
#define BEARERTAP_CONFIGURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/alert.h>
#include <bearertap/error.h>
#include <bearertap/filter_rules.h>
#include <bearertap/response.h>
#include <bearertap/spread.h>

/*
 * The configuration file (-c): JSON, read once, before anything starts.
 *
 * What there is to configure is one table, app/configuration/rows.c; the schema (config/bearertap.schema.json) and the
 * README's table say the same, and a test holds them to it. Whatever is not in the table, of another type or out of its
 * range is refused, with the file, the place, what was found and what is allowed; values are repeated only where they
 * cannot be secret. An empty object is a configuration: all is as it is without one.
 *
 * A relative path in it is relative to the file's folder, and stands here with that folder before it. Where the file is
 * a pipe, it stays relative to the working directory.
 */

/* A configuration of more bytes is none. */
#define CONFIGURATION_BYTES_MAX (1u << 20)
#define CONFIGURATION_KEYS_MAX  64
#define CONFIGURATION_PORTS_MAX 16
#define CONFIGURATION_SINKS_MAX 16
#define CONFIGURATION_EAL_MAX   64

/* A number that is 0 is not said. */
struct configuration_port {
    char *device; /* "0000:3b:00.0", "net_af_packet0,iface=tap0": as EAL takes them */
    unsigned queues, descriptors, mtu;
    enum hardware_filter hardware_filter;
};

struct configuration {
    char *sensor; /* NULL: not said */
    unsigned ports_count;
    struct configuration_port ports[CONFIGURATION_PORTS_MAX];
    unsigned workers;                  /* 0: not said; else no more than cpus, where these are said */
    unsigned cpus_count;               /* 0: not said */
    uint16_t cpus[SPREAD_WORKERS_MAX]; /* each once, in the order in which they are given */
    unsigned keys_count;
    char *keys[CONFIGURATION_KEYS_MAX]; /* as -k takes them */
    uint32_t flows_max;                 /* 0: not said, as the next two */
    unsigned idle_timeout_s;
    uint64_t held_bytes_max;
    struct response_policy responses;
    struct filter filter;
    const struct alert_format *format; /* NULL: not said */
    unsigned sinks_count;              /* 0: not said */
    struct sink_options sinks[CONFIGURATION_SINKS_MAX];
    char *control_socket; /* NULL: not said, as the next */
    char *control_group;
    bool hugepages;      /* true unless it says otherwise */
    unsigned memory_mib; /* 0: not said */
    unsigned eal_count;
    char *eal[CONFIGURATION_EAL_MAX]; /* further arguments for EAL */
};

/* Reads a file. 0, or a negative errno with `error` filled; the configuration is to be released either way. */
int configuration_read(struct configuration *configuration, const char *path, struct error *error);

/* The same for its text; `name` is the file's in messages, and its folder the one that paths are relative to. */
int configuration_parse(struct configuration *configuration, const char *name, const char *text, size_t length,
                        struct error *error);

void configuration_release(struct configuration *configuration);

#endif

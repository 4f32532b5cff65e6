/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_CONFIGURATION_H
#define BEARERTAP_CONFIGURATION_H

#include <stddef.h>

#include <bearertap/error.h>
#include <bearertap/filter.h>
#include <bearertap/response.h>

/*
 * The configuration file (-c): JSON, read once, before anything starts.
 *
 * What there is to configure is one table, app/configuration/rows.c; the schema (config/bearertap.schema.json) and the
 * README's table say the same, and a test holds them to it. Whatever is not in the table, of another type or out of its
 * range is refused, with the file, the place, what was found and what is allowed; values are repeated only where they
 * cannot be secret. An empty object is a configuration: all is as it is without one.
 */

/* A configuration of more bytes is none. */
#define CONFIGURATION_BYTES_MAX (1u << 20)
#define CONFIGURATION_KEYS_MAX  64

struct alert_format;

struct configuration {
    unsigned keys_count;
    char *keys[CONFIGURATION_KEYS_MAX]; /* as -k takes them */
    unsigned workers;                   /* 0: not said */
    const struct alert_format *format;  /* NULL: not said */
    struct response_policy responses;
    struct filter filter;
};

/* Reads a file. 0, or a negative errno with `error` filled; the configuration is to be released either way. */
int configuration_read(struct configuration *configuration, const char *path, struct error *error);

/* The same for its text; `name` stands for the file in messages. */
int configuration_parse(struct configuration *configuration, const char *name, const char *text, size_t length,
                        struct error *error);

void configuration_release(struct configuration *configuration);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration, as the commands that take one (-c) use it. */
#include <errno.h>
#include <stdio.h>

#include <bearertap/worker.h>

#include "command.h"

static int refuse_token(const char *path, const char *place, const char *allowed, const char *text, struct error *error)
{
    if (text == NULL || !argument_looks_like_token(text))
        return 0;
    return error_set(error, EINVAL, "%s: %s looks like a token; allowed is %s", path, place, allowed);
}

/* The texts that may be repeated, in messages or in alerts. */
int configuration_load(const char *path, struct configuration *configuration, struct error *error)
{
    char place[64];
    int result = configuration_read(configuration, path, error);
    for (unsigned i = 0; i < configuration->keys_count && result == 0; i++) {
        snprintf(place, sizeof(place), "/keys/%u", i);
        result = refuse_token(path, place, "the name of a file, or id: and a key id", configuration->keys[i], error);
    }
    for (unsigned i = 0; i < configuration->ports_count && result == 0; i++) {
        snprintf(place, sizeof(place), "/ports/%u/device", i);
        result = refuse_token(path, place, "a device of DPDK", configuration->ports[i].device, error);
    }
    for (unsigned i = 0; i < configuration->sinks_count && result == 0; i++) {
        snprintf(place, sizeof(place), "/alerts/sinks/%u/path", i);
        result = refuse_token(path, place, "the name of a file", configuration->sinks[i].path, error);
    }
    for (unsigned i = 0; i < configuration->eal_count && result == 0; i++) {
        snprintf(place, sizeof(place), "/eal/%u", i);
        result = refuse_token(path, place, "an argument for EAL", configuration->eal[i], error);
    }
    if (result == 0)
        result = refuse_token(path, "/sensor", "the observer's name", configuration->sensor, error);
    if (result == 0)
        result = refuse_token(path, "/control/socket", "the name of a socket", configuration->control_socket, error);
    return result == 0
               ? refuse_token(path, "/control/group", "the name of a group", configuration->control_group, error)
               : result;
}

void configuration_apply(const struct configuration *configuration, struct pipeline_options *options)
{
    if (options->format == NULL)
        options->format = configuration->format;
    if (options->workers == 0)
        options->workers = configuration->workers != 0 ? configuration->workers : usual_workers();
    options->filter = filter_is_empty(&configuration->filter) ? NULL : &configuration->filter;
    options->responses = configuration->responses;
    options->flows_max = configuration->flows_max;
    options->idle_timeout_s = configuration->idle_timeout_s;
    options->held_bytes_max = configuration->held_bytes_max;
    options->sinks = configuration->sinks;
    options->sinks_count = configuration->sinks_count;
    options->observer_name = configuration->sensor;
}

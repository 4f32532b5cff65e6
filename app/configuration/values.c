/* SPDX-License-Identifier: BSD-3-Clause */
/* A function for each value, which puts it where it belongs, and for each thing that one value says of another. */
#include "values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bearertap/filter.h>

/* A whole number, written in whatever way (JSON knows no other numbers than real ones). */
static bool is_whole_number(const json_t *value, double least, double most, double *number)
{
    if (!json_is_number(value))
        return false;
    *number = json_number_value(value);
    return *number >= least && *number <= most && *number == floor(*number);
}

static bool take_number(const json_t *value, unsigned least, unsigned most, unsigned *number)
{
    double real;
    if (!is_whole_number(value, least, most, &real))
        return false;
    *number = (unsigned)real;
    return true;
}

static bool take_text(const json_t *value, size_t bytes_max, char **text)
{
    size_t length = json_string_length(value);
    if (!json_is_string(value) || length == 0 || length > bytes_max)
        return false;
    *text = strdup(json_string_value(value));
    return *text != NULL;
}

/* Relative to the configuration's folder, with the folder before it. */
static char *place_path(const struct configuration_place *place, const char *path)
{
    size_t folder = path[0] != '/' ? place->folder_length : 0, length = strlen(path) + 1;
    char *whole = malloc(folder + length);
    if (whole == NULL)
        return NULL;
    memcpy(whole, place->folder, folder);
    memcpy(whole + folder, path, length);
    return whole;
}

bool take_sensor(struct configuration_place *place, const json_t *value)
{
    return take_text(value, SENSOR_BYTES_MAX, &place->configuration->sensor);
}

bool begin_port(struct configuration_place *place, const json_t *value)
{
    (void)value;
    place->port = &place->configuration->ports[place->configuration->ports_count++];
    return true;
}

bool take_device(struct configuration_place *place, const json_t *value)
{
    return take_text(value, DEVICE_BYTES_MAX, &place->port->device);
}

bool take_queues(struct configuration_place *place, const json_t *value)
{
    return take_number(value, 1, SPREAD_WORKERS_MAX, &place->port->queues);
}

bool take_descriptors(struct configuration_place *place, const json_t *value)
{
    return take_number(value, DESCRIPTORS_LEAST, DESCRIPTORS_MAX, &place->port->descriptors);
}

bool take_mtu(struct configuration_place *place, const json_t *value)
{
    return take_number(value, MTU_LEAST, MTU_MAX, &place->port->mtu);
}

bool take_hardware_filter(struct configuration_place *place, const json_t *value)
{
    const char *text = json_string_value(value);
    enum hardware_filter which = HARDWARE_FILTER_OFF;
    while (text != NULL && hardware_filter_word(which) != NULL && strcmp(text, hardware_filter_word(which)) != 0)
        which++;
    place->port->hardware_filter = which;
    return text != NULL && hardware_filter_word(which) != NULL;
}

bool check_port(const struct configuration_place *place, char *fault, size_t capacity)
{
    snprintf(fault, capacity, "there is no device; a port is at least {\"device\": \"0000:3b:00.0\"}");
    return place->port->device != NULL;
}

bool check_ports(const struct configuration_place *place, char *fault, size_t capacity)
{
    const struct configuration *configuration = place->configuration;
    for (unsigned i = 0; i < configuration->ports_count; i++)
        for (unsigned j = 0; j < i; j++)
            if (strcmp(configuration->ports[i].device, configuration->ports[j].device) == 0) {
                snprintf(fault, capacity, "%u and %u are the same device; leave one of them out", j, i);
                return false;
            }
    return true;
}

bool take_workers(struct configuration_place *place, const json_t *value)
{
    if (json_is_object(value))
        return json_object_size(value) > 0;
    return take_worker_count(place, value);
}

bool take_worker_count(struct configuration_place *place, const json_t *value)
{
    return take_number(value, 1, SPREAD_WORKERS_MAX, &place->configuration->workers);
}

/* Decimal digits, as many as there are, without zeros before them; where they end, or NULL. */
static const char *read_cpu(const char *text, unsigned *cpu)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 4 || (digits > 1 && text[0] == '0'))
        return NULL;
    *cpu = (unsigned)strtoul(text, NULL, 10);
    return *cpu <= CPU_MAX ? text + digits : NULL;
}

static bool add_cpus(struct configuration *configuration, unsigned first, unsigned last)
{
    for (unsigned cpu = first; cpu <= last; cpu++) {
        for (unsigned i = 0; i < configuration->cpus_count; i++)
            if (configuration->cpus[i] == cpu)
                return false;
        if (configuration->cpus_count == SPREAD_WORKERS_MAX)
            return false;
        configuration->cpus[configuration->cpus_count++] = (uint16_t)cpu;
    }
    return first <= last;
}

bool take_cpus(struct configuration_place *place, const json_t *value)
{
    const char *at = json_string_value(value);
    while (at != NULL) {
        unsigned first = 0, last;
        at = read_cpu(at, &first);
        last = first;
        if (at != NULL && *at == '-')
            at = read_cpu(at + 1, &last);
        if (at == NULL || !add_cpus(place->configuration, first, last))
            return false;
        if (*at == '\0')
            return true;
        at = *at == ',' ? at + 1 : NULL;
    }
    return false;
}

bool check_workers(const struct configuration_place *place, char *fault, size_t capacity)
{
    struct configuration *configuration = place->configuration;
    if (configuration->workers == 0)
        configuration->workers = configuration->cpus_count;
    snprintf(fault, capacity, "count is %u, and cpus are %u; give each worker a CPU, or leave count out",
             configuration->workers, configuration->cpus_count);
    return configuration->cpus_count == 0 || configuration->workers <= configuration->cpus_count;
}

bool take_key(struct configuration_place *place, const json_t *value)
{
    struct configuration *configuration = place->configuration;
    const char *text = json_string_value(value);
    /* Standard input is the command line's to give. */
    if (text == NULL || text[0] == '\0' || strcmp(text, "-") == 0 || strcmp(text, "id:") == 0)
        return false;
    char *key = strncmp(text, "id:", 3) == 0 ? strdup(text) : place_path(place, text);
    if (key == NULL)
        return false;
    configuration->keys[configuration->keys_count++] = key;
    return true;
}

bool take_flows_max(struct configuration_place *place, const json_t *value)
{
    return take_number(value, FLOWS_LEAST, FLOWS_MAX, &place->configuration->flows_max);
}

bool take_idle_timeout(struct configuration_place *place, const json_t *value)
{
    return take_number(value, 1, IDLE_TIMEOUT_MAX, &place->configuration->idle_timeout_s);
}

bool take_held_bytes_max(struct configuration_place *place, const json_t *value)
{
    double bytes;
    if (!is_whole_number(value, HELD_BYTES_LEAST, HELD_BYTES_MAX, &bytes))
        return false;
    place->configuration->held_bytes_max = (uint64_t)bytes;
    return true;
}

bool take_format(struct configuration_place *place, const json_t *value)
{
    const char *text = json_string_value(value);
    place->configuration->format = text != NULL ? alert_format_find(text) : NULL;
    return place->configuration->format != NULL;
}

bool begin_sink(struct configuration_place *place, const json_t *value)
{
    (void)value;
    place->sink = &place->configuration->sinks[place->configuration->sinks_count++];
    return true;
}

bool take_sink_type(struct configuration_place *place, const json_t *value)
{
    const char *text = json_string_value(value);
    place->sink->kind = text != NULL ? sink_kind_find(text) : NULL;
    return place->sink->kind != NULL;
}

bool take_sink_path(struct configuration_place *place, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == '\0')
        return false;
    place->sink->path = place_path(place, text);
    return place->sink->path != NULL;
}

bool check_sink(const struct configuration_place *place, char *fault, size_t capacity)
{
    const struct sink_options *sink = place->sink;
    if (sink->kind == NULL)
        snprintf(fault, capacity, "there is no type; a sink is at least {\"type\": \"stdout\"}");
    else if (sink_kind_has_path(sink->kind) && sink->path == NULL)
        snprintf(fault, capacity, "there is no path; a file is {\"type\": \"file\", \"path\": \"alerts.json\"}");
    else if (!sink_kind_has_path(sink->kind) && sink->path != NULL)
        snprintf(fault, capacity, "standard output has no path; leave it out, or make the type \"file\"");
    else
        return true;
    return false;
}

bool check_sinks(const struct configuration_place *place, char *fault, size_t capacity)
{
    const struct configuration *configuration = place->configuration;
    const struct sink_options *sinks = configuration->sinks;
    for (unsigned i = 0; i < configuration->sinks_count; i++)
        for (unsigned j = 0; j < i; j++)
            if (sinks[i].kind == sinks[j].kind &&
                (sinks[i].path == NULL || strcmp(sinks[i].path, sinks[j].path) == 0)) {
                snprintf(fault, capacity, "%u and %u are the same; leave one of them out", j, i);
                return false;
            }
    return true;
}

bool take_control_socket(struct configuration_place *place, const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == '\0')
        return false;
    place->configuration->control_socket = place_path(place, text);
    return place->configuration->control_socket != NULL &&
           strlen(place->configuration->control_socket) <= SOCKET_PATH_BYTES_MAX;
}

bool take_control_group(struct configuration_place *place, const json_t *value)
{
    return take_text(value, GROUP_BYTES_MAX, &place->configuration->control_group);
}

bool take_hugepages(struct configuration_place *place, const json_t *value)
{
    place->configuration->hugepages = json_is_true(value);
    return json_is_boolean(value);
}

bool take_memory_mib(struct configuration_place *place, const json_t *value)
{
    return take_number(value, MEMORY_MIB_LEAST, MEMORY_MIB_MAX, &place->configuration->memory_mib);
}

bool take_eal(struct configuration_place *place, const json_t *value)
{
    struct configuration *configuration = place->configuration;
    if (!take_text(value, EAL_BYTES_MAX, &configuration->eal[configuration->eal_count]))
        return false;
    configuration->eal_count++;
    return true;
}

bool take_responses(struct configuration_place *place, const json_t *value)
{
    struct response_policy *responses = &place->configuration->responses;
    const char *text = json_string_value(value);
    double number;
    *responses = (struct response_policy){RESPONSES_TO_DEPTH, 0};
    if (text == NULL) {
        if (!is_whole_number(value, 0, DEPTH_MAX, &number))
            return false;
        responses->depth = (uint64_t)number;
        return true;
    }
    if (strcmp(text, "all") == 0)
        responses->scan = RESPONSES_ALL;
    else if (strcmp(text, "none") == 0)
        responses->scan = RESPONSES_NONE;
    else
        return strcmp(text, "headers") == 0;
    return true;
}

static bool begin_rule(struct configuration_place *place, struct filter_rules *rules, const json_t *value)
{
    place->rule = &rules->rules[rules->count++];
    return json_object_size(value) > 0;
}

bool begin_include(struct configuration_place *place, const json_t *value)
{
    return begin_rule(place, &place->configuration->filter.include, value);
}

bool begin_exclude(struct configuration_place *place, const json_t *value)
{
    return begin_rule(place, &place->configuration->filter.exclude, value);
}

bool take_address(struct configuration_place *place, const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && filter_prefix_read(text, &place->rule->prefixes[place->rule->prefixes_count++]);
}

bool take_port_number(struct configuration_place *place, const json_t *value)
{
    struct filter_ports *ports = &place->rule->ports[place->rule->ports_count++];
    const char *text = json_string_value(value);
    if (text != NULL)
        return filter_ports_read(text, ports);
    double number;
    if (!is_whole_number(value, 1, UINT16_MAX, &number))
        return false;
    *ports = (struct filter_ports){(uint16_t)number, (uint16_t)number};
    return true;
}

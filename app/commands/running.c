/* SPDX-License-Identifier: BSD-3-Clause */
/* A running one, from its configuration to its end: what is built first is taken down last. */
#include "running.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bearertap/eal.h>

#include "command.h"

/* For EAL itself, its allocator's losses between large pieces, and what drivers take. */
#define MEMORY_BESIDE ((size_t)64 << 20)

static void port_options_of(const struct configuration *configuration, struct port_options ports[PORTS_MAX])
{
    _Static_assert(CONFIGURATION_PORTS_MAX <= PORTS_MAX, "every port that can be configured can be opened");
    for (unsigned i = 0; i < configuration->ports_count; i++)
        ports[i] = (struct port_options){
            .device = configuration->ports[i].device,
            .queues = configuration->ports[i].queues,
            .descriptors = configuration->ports[i].descriptors,
            .mtu = configuration->ports[i].mtu,
            .hardware_filter = configuration->ports[i].hardware_filter,
        };
}

/* What -k and the configuration give: files, and bare key ids. */
struct key_arguments {
    const char *files[2 * CONFIGURATION_KEYS_MAX];
    struct key_store_value values[2 * CONFIGURATION_KEYS_MAX];
    size_t files_count, values_count;
};

static void add_key_argument(struct key_arguments *given, const char *argument, const char *source)
{
    if (strncmp(argument, "id:", 3) == 0)
        given->values[given->values_count++] = (struct key_store_value){argument + 3, source};
    else
        given->files[given->files_count++] = argument;
}

static int load_keys(struct running *running, struct error *error)
{
    const struct configuration *configuration = &running->configuration;
    if (configuration->keys_count + running->key_arguments_count == 0) {
        log_notice("no revoked keys given (\"keys\" of the configuration, or -k): tokens are counted, and none is a "
                   "finding until a key is added (bearertap ctl keys add)");
    }
    struct key_arguments given = {.files_count = 0};
    for (unsigned i = 0; i < configuration->keys_count; i++)
        add_key_argument(&given, configuration->keys[i], "configuration");
    for (unsigned i = 0; i < running->key_arguments_count; i++)
        add_key_argument(&given, running->key_arguments[i], "-k");
    int result =
        key_store_create(given.files, given.files_count, given.values, given.values_count, &running->keys, error);
    if (result != 0)
        return result;
    running->options.keys = key_store_list(running->keys);
    if (key_store_watch_descriptor(running->keys, error) < 0)
        log_warning("%s", error->text);
    return 0;
}

/* EAL's own answers end the process, a second way to name things contradicts ours, and nobody shares its memory. */
static bool is_for_us(const char *argument)
{
    static const char *const not_for_us[] = {
        "-h", "--help",  "-v", "--version", "--proc-type", "--vdev",   "--no-huge",   "-a",           "--allow",
        "-b", "--block", "-l", "-c",        "-m",          "--lcores", "--in-memory", "--socket-mem", "--no-pci"};
    for (size_t i = 0; i < sizeof(not_for_us) / sizeof(not_for_us[0]); i++) {
        size_t length = strlen(not_for_us[i]);
        bool is_long = not_for_us[i][1] == '-';
        if (strncmp(argument, not_for_us[i], length) == 0 &&
            (!is_long || argument[length] == '\0' || argument[length] == '='))
            return false;
    }
    return true;
}

static int start_eal(struct running *running, const struct ports_options *ports, struct error *error)
{
    const struct configuration *configuration = &running->configuration;
    const char *arguments[EAL_ARGUMENTS_MAX];
    unsigned cpus[SPREAD_WORKERS_MAX], count = ports_eal_arguments(ports, arguments, EAL_ARGUMENTS_MAX);
    for (unsigned i = 0; i < configuration->eal_count; i++) {
        if (!is_for_us(configuration->eal[i]))
            return error_set(
                error, EINVAL,
                "/eal/%u: %.32s is not for `run`: devices belong into \"ports\", memory into \"memory\", CPUs "
                "into \"workers\", and it is always a process of its own",
                i, configuration->eal[i]);
        if (count == EAL_ARGUMENTS_MAX)
            return error_set(error, E2BIG, "there are more arguments for EAL (\"eal\") than %u", EAL_ARGUMENTS_MAX);
        arguments[count++] = configuration->eal[i];
    }
    for (unsigned i = 0; i < configuration->cpus_count; i++)
        cpus[i] = configuration->cpus[i];
    /* Without hugepages all there will ever be is taken now, for a reload too; with them more can be had then. */
    size_t reload = configuration->hugepages ? 0 : key_store_table_bytes(running->keys);
    size_t needed = pipeline_bytes(&running->options) + ports_memory_bytes(ports) + reload + MEMORY_BESIDE;
    size_t given = (size_t)configuration->memory_mib << 20;
    if (given != 0 && given < needed)
        return error_set(
            error, ENOMEM,
            "\"memory\": {\"mib\": %u} is too little: buffers take %zu MiB, the keys and all else %zu MiB; "
            "give %zu or leave it out",
            configuration->memory_mib, ports_memory_bytes(ports) >> 20, (needed - ports_memory_bytes(ports)) >> 20,
            (needed >> 20) + 1);
    const struct eal_options options = {
        .memory_bytes = given != 0 ? given : needed,
        .hugepages = configuration->hugepages,
        .lcores = running->options.workers + 2, /* the alert side's, and one that may have to spread packets */
        .cpus = cpus,
        .cpus_count =
            configuration->cpus_count < running->options.workers ? configuration->cpus_count : running->options.workers,
        .arguments = arguments,
        .arguments_count = count,
    };
    int result = eal_check_address_space(options.memory_bytes, pipeline_bytes_outside(&running->options), error);
    if (result == 0)
        result = eal_start(&options, error);
    if (result == 0)
        log_notice("%zu MiB of %s for buffers and keys, %zu MiB more for connections, touched as they come",
                   options.memory_bytes >> 20, options.hugepages ? "hugepages" : "memory",
                   pipeline_bytes_outside(&running->options) >> 20);
    return result;
}

/* What a person who sets this up wants to know of each port: what was asked, and what is in force. */
static void tell_ports(const struct running *running)
{
    for (unsigned i = 0; i < ports_count(running->ports); i++) {
        struct port_description port;
        ports_describe(running->ports, i, &port);
        log_notice("port %s (%s, %s): %u queue%s of %u descriptors, MTU %u, time by %s; spread over queues: asked %s, "
                   "accepted %s, in force %s; filter on the device: asked %s, in force %s%s%s",
                   port.name, port.device, port.driver, port.queues, plural(port.queues), port.descriptors, port.mtu,
                   port.clock, port.rss_asked, port.rss_accepted, port.rss_in_force, port.hardware_filter_asked,
                   port.hardware_filter_in_force, port.notes[0] != '\0' ? "; " : "", port.notes);
    }
    log_notice("%u worker%s, packets come to them %s", running->options.workers, plural(running->options.workers),
               ports_spread_text(running->ports));
    log_notice("%s", ports_memory_text(running->ports));
}

static int open_ports(struct running *running, const struct ports_options *options, struct error *error)
{
    int result = capture_register_fields(error);
    if (result == 0)
        result = ports_create(options, &running->ports, error);
    if (result == 0)
        tell_ports(running);
    return result;
}

static int open_pipeline(struct running *running, struct error *error)
{
    static struct capture_source *sources[SPREAD_WORKERS_MAX];
    unsigned count = ports_sources_count(running->ports);
    for (unsigned i = 0; i < count; i++)
        sources[i] = ports_source(running->ports, i);
    running->options.sources = sources;
    running->options.sources_count = count;
    running->options.clock = ports_clock_text();
    int result = pipeline_create(&running->options, &running->pipeline, error);
    running->options.keys = NULL; /* it has a table of them now */
    key_store_drop_list(running->keys);
    return result;
}

static int open_control(struct running *running, struct error *error)
{
    char path[CONTROL_PATH_MAX];
    const char *configured = running->configuration.control_socket;
    int result = configured == NULL ? control_default_path(path, error) : 0;
    if (result != 0)
        return result;
    const struct control_options options = {
        .path = configured != NULL ? configured : path,
        .group = running->configuration.control_group,
        .commands = run_commands,
        .commands_count = run_commands_count,
        .context = running,
    };
    result = control_create(&options, &running->control, error);
    if (result == 0)
        log_notice("`bearertap ctl -s %s` asks how it goes", options.path);
    return result;
}

int running_open(struct running *running, struct error *error)
{
    static struct port_options ports[PORTS_MAX];
    configuration_apply(&running->configuration, &running->options);
    if (running->options.format == NULL)
        running->options.format = alert_format_find("ecs");
    port_options_of(&running->configuration, ports);
    const struct ports_options options = {
        .ports = ports,
        .count = running->configuration.ports_count,
        .workers = running->options.workers,
        .filter = &running->configuration.filter,
        .no_hugepages = !running->configuration.hugepages,
    };
    int result = warden_prepare(running, error);
    if (result == 0)
        result = open_control(running, error); /* early: a second one on it ends here, before it takes any device */
    if (result == 0)
        result = ports_check(&options, error);
    if (result == 0)
        result = load_keys(running, error);
    if (result == 0)
        result = start_eal(running, &options, error);
    if (result == 0)
        result = open_ports(running, &options, error);
    if (result == 0)
        result = open_pipeline(running, error);
    return result;
}

int running_run(struct running *running, struct error *error)
{
    running->started_ms = warden_now_ms();
    int result = ports_start(running->ports, error);
    if (result == 0)
        result = warden_start(running, error);
    if (result == 0) {
        log_notice("running");
        result = pipeline_run(running->pipeline, error);
        ports_end_losses(running->ports); /* the warden goes on watching while sinks are given time */
        int finished = pipeline_finish(running->pipeline, error);
        result = result != 0 ? result : finished;
    }
    warden_end(running);
    ports_stop(running->ports);
    return result;
}

void running_collect(const struct running *running, struct pipeline_result *result)
{
    pipeline_collect(running->pipeline, result);
    uint64_t handed_out = 0;
    for (unsigned i = 0; i < ports_count(running->ports); i++) {
        struct port_statistics statistics;
        ports_statistics(running->ports, i, &statistics);
        handed_out += statistics.packets;
    }
    result->law_holds = result->law_holds && result->totals.held == 0 && result->totals.received == handed_out;
}

/* EAL's memory, and what lies in it, goes with the process: see pipeline_close. */
bool running_close(struct running *running)
{
    if (!warden_end(running))
        return false;
    control_destroy(running->control);
    if (!reloading_end(&running->reloading))
        return false;
    pipeline_close(running->pipeline);
    ports_close(running->ports); /* what was set on a device is undone */
    key_store_destroy(running->keys);
    configuration_release(&running->configuration);
    return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* All that can be configured: a row each. */
#include "rows.h"

#include "values.h"

/* As the texts below, the schema and the README say. */
_Static_assert(SPREAD_WORKERS_MAX == 64, "workers, ports.queues");
_Static_assert(CONFIGURATION_PORTS_MAX == 16, "ports");
_Static_assert(CONFIGURATION_KEYS_MAX == 64, "keys");
_Static_assert(CONFIGURATION_SINKS_MAX == 16, "alerts.sinks");
_Static_assert(CONFIGURATION_EAL_MAX == 64, "eal");
_Static_assert(FILTER_RULES_MAX == 16, "filter.include, filter.exclude");
_Static_assert(FILTER_ADDRESSES_MAX == 16, "addresses");
_Static_assert(FILTER_PORTS_MAX == 16, "ports");

static const char *const response_words[] = {"all", "headers", "none", NULL};
static const char *const hardware_filter_words[] = {"off", "drop", "isolate", NULL};
static const char *const format_words[] = {"ecs", "text", NULL};
static const char *const sink_words[] = {"stdout", "file", NULL};

static const char addresses_allowed[] = "an address, or a prefix as in 10.0.0.0/8 or 2001:db8::/32";
static const char ports_allowed[] = "a port from 1 to 65535, or a range as in \"8000-8999\"";
static const char rule_allowed[] = "an object with addresses, ports, or both";

const struct configuration_row configuration_rows[] = {
    {.path = "", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/sensor",
     .take = take_sensor,
     .allowed = "a name of 1 to 255 bytes",
     .meaning = "the observer's name in every alert",
     .default_value = "the host's name"},
    {.path = "/ports",
     .kind = CONFIGURATION_ARRAY,
     .least = 1,
     .most = CONFIGURATION_PORTS_MAX,
     .check = check_ports,
     .allowed = "an array of 1 to 16",
     .meaning = "where packets come from",
     .default_value = "`run` needs one, `read` none"},
    {.path = "/ports/*",
     .kind = CONFIGURATION_OBJECT,
     .take = begin_port,
     .check = check_port,
     .allowed = "an object with a device"},
    {.path = "/ports/*/device",
     .take = take_device,
     .allowed = "a device of DPDK of 1 to 255 bytes, as in \"0000:3b:00.0\" or \"net_af_packet0,iface=tap0\"",
     .meaning = "a NIC's address on the PCI bus, or a virtual device with its arguments",
     .default_value = "must be there"},
    {.path = "/ports/*/queues",
     .take = take_queues,
     .allowed = "a whole number from 1 to 64",
     .meaning = "receive queues of the port",
     .default_value = "one a worker, where the device has as many"},
    {.path = "/ports/*/descriptors",
     .take = take_descriptors,
     .allowed = "a whole number from 64 to 32768",
     .meaning = "packets that a queue holds",
     .default_value = "4096, or what the device has room for"},
    {.path = "/ports/*/mtu",
     .take = take_mtu,
     .allowed = "a whole number from 68 to 65535",
     .meaning = "the longest IP packet",
     .default_value = "as the device has it"},
    {.path = "/ports/*/hardware_filter",
     .take = take_hardware_filter,
     .shown = SHOWN_WORD,
     .allowed = "\"off\", \"drop\" or \"isolate\"",
     .words = hardware_filter_words,
     .meaning = "what the device does with `filter`: \"drop\" what it leaves out, or \"isolate\" what it includes",
     .default_value = "\"off\": software alone filters"},
    {.path = "/workers",
     .kind = CONFIGURATION_VALUE_OR_OBJECT,
     .take = take_workers,
     .check = check_workers,
     .allowed = "a whole number from 1 to 64, or an object with cpus, count, or both",
     .meaning = "threads that inspect: how many, or an object with the next two; `-w` wins",
     .default_value = "one a CPU, but for one"},
    {.path = "/workers/cpus",
     .take = take_cpus,
     .shown = SHOWN_NUMBERS,
     .allowed = "up to 64 numbers of CPUs from 0 to 1023, each once, as in \"2-5,8\"",
     .meaning = "the CPUs that they run on, in `run`, one each",
     .default_value = "any"},
    {.path = "/workers/count",
     .take = take_worker_count,
     .allowed = "a whole number from 1 to 64",
     .meaning = "how many; no more than `cpus`",
     .default_value = "as many as `cpus`"},
    {.path = "/keys",
     .kind = CONFIGURATION_ARRAY,
     .most = CONFIGURATION_KEYS_MAX,
     .allowed = "an array of up to 64",
     .meaning = "lists of revoked keys, beside those of `-k`",
     .default_value = "none"},
    {.path = "/keys/*", .take = take_key, .allowed = "the name of a file, or id: and a key id"},
    {.path = "/flows", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/flows/max",
     .take = take_flows_max,
     .allowed = "a whole number from 1024 to 100000000",
     .meaning = "connections that are followed at a time",
     .default_value = "1048576"},
    {.path = "/flows/idle_timeout_s",
     .take = take_idle_timeout,
     .allowed = "a whole number of seconds from 1 to 86400",
     .meaning = "a connection is over after so many seconds without a packet",
     .default_value = "300"},
    {.path = "/flows/held_bytes_max",
     .take = take_held_bytes_max,
     .allowed = "a whole number of bytes from 1048576 to 68719476736",
     .meaning = "memory for what waits for earlier bytes of its connection",
     .default_value = "268435456"},
    {.path = "/scan", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/scan/responses",
     .take = take_responses,
     .shown = SHOWN_WORD,
     .allowed = "\"all\", \"headers\", \"none\" or a whole number from 0 to 1073741824",
     .words = response_words,
     .meaning = "what is scanned of what servers send",
     .default_value = "\"all\""},
    {.path = "/filter", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/filter/include",
     .kind = CONFIGURATION_ARRAY,
     .least = 1,
     .most = FILTER_RULES_MAX,
     .allowed = "an array of 1 to 16",
     .meaning = "rules; only connections for which one of them holds are inspected",
     .default_value = "all connections"},
    {.path = "/filter/include/*", .kind = CONFIGURATION_OBJECT, .take = begin_include, .allowed = rule_allowed},
    {.path = "/filter/exclude",
     .kind = CONFIGURATION_ARRAY,
     .least = 1,
     .most = FILTER_RULES_MAX,
     .allowed = "an array of 1 to 16",
     .meaning = "rules; connections for which one of them holds are not inspected, included or not",
     .default_value = "none"},
    {.path = "/filter/exclude/*", .kind = CONFIGURATION_OBJECT, .take = begin_exclude, .allowed = rule_allowed},
#define RULE_ROWS(list)                                                                                                \
    {.path = "/filter/" list "/*/addresses",                                                                           \
     .kind = CONFIGURATION_ARRAY,                                                                                      \
     .least = 1,                                                                                                       \
     .most = FILTER_ADDRESSES_MAX,                                                                                     \
     .allowed = "an array of 1 to 16",                                                                                 \
     .meaning = "of a rule: addresses, one of which one end of the connection must have",                              \
     .default_value = "any"},                                                                                          \
        {.path = "/filter/" list "/*/addresses/*",                                                                     \
         .take = take_address,                                                                                         \
         .shown = SHOWN_NUMBERS,                                                                                       \
         .allowed = addresses_allowed},                                                                                \
        {.path = "/filter/" list "/*/ports",                                                                           \
         .kind = CONFIGURATION_ARRAY,                                                                                  \
         .least = 1,                                                                                                   \
         .most = FILTER_PORTS_MAX,                                                                                     \
         .allowed = "an array of 1 to 16",                                                                             \
         .meaning = "of a rule: ports, one of which the same end must have",                                           \
         .default_value = "any"},                                                                                      \
    {                                                                                                                  \
        .path = "/filter/" list "/*/ports/*", .take = take_port_number, .shown = SHOWN_NUMBERS,                        \
        .allowed = ports_allowed                                                                                       \
    }
    RULE_ROWS("include"),
    RULE_ROWS("exclude"),
    {.path = "/alerts", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/alerts/format",
     .take = take_format,
     .shown = SHOWN_WORD,
     .allowed = "\"ecs\" or \"text\"",
     .words = format_words,
     .meaning = "how alerts are written; `-f` wins",
     .default_value = "\"ecs\"; of `read` on a terminal \"text\""},
    {.path = "/alerts/sinks",
     .kind = CONFIGURATION_ARRAY,
     .least = 1,
     .most = CONFIGURATION_SINKS_MAX,
     .check = check_sinks,
     .allowed = "an array of 1 to 16",
     .meaning = "where alerts go: all of them to each",
     .default_value = "standard output"},
    {.path = "/alerts/sinks/*",
     .kind = CONFIGURATION_OBJECT,
     .take = begin_sink,
     .check = check_sink,
     .allowed = "an object with a type"},
    {.path = "/alerts/sinks/*/type",
     .take = take_sink_type,
     .shown = SHOWN_WORD,
     .allowed = "\"stdout\" or \"file\"",
     .words = sink_words,
     .meaning = "\"stdout\" or \"file\"",
     .default_value = "must be there"},
    {.path = "/alerts/sinks/*/path",
     .take = take_sink_path,
     .allowed = "the name of a file",
     .meaning = "the file, which lines are added to",
     .default_value = "a file must have one"},
    {.path = "/control", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/control/socket",
     .take = take_control_socket,
     .allowed = "the name of a socket, with its folder of up to 107 bytes",
     .meaning = "where `run` listens for `ctl`",
     .default_value = "/run/bearertap.sock, of an ordinary user in its runtime folder"},
    {.path = "/control/group",
     .take = take_control_group,
     .allowed = "the name of a group",
     .meaning = "a group whose members may use the socket too",
     .default_value = "none: its owner and root"},
    {.path = "/memory", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/memory/hugepages",
     .take = take_hugepages,
     .allowed = "true or false",
     .meaning = "`run` takes its memory from hugepages",
     .default_value = "true"},
    {.path = "/memory/mib",
     .take = take_memory_mib,
     .allowed = "a whole number from 64 to 1048576",
     .meaning = "MiB of memory for DPDK",
     .default_value = "as much as the rest of the configuration needs"},
    {.path = "/eal",
     .kind = CONFIGURATION_ARRAY,
     .most = CONFIGURATION_EAL_MAX,
     .allowed = "an array of up to 64",
     .meaning = "further arguments for DPDK's EAL, one a string",
     .default_value = "none"},
    {.path = "/eal/*", .take = take_eal, .allowed = "a string of 1 to 1024 bytes"},
};

const unsigned configuration_rows_count = sizeof(configuration_rows) / sizeof(configuration_rows[0]);

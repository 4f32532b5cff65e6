/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration's reader: what is taken, what is refused and in which words, and that any bytes are one of both. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bearertap/alert.h>
#include <bearertap/configuration.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int parse(const char *text, struct configuration *configuration, struct error *error)
{
    /* In a block of exactly its size: it has no NUL at its end. */
    size_t length = strlen(text);
    char *exact = malloc(length > 0 ? length : 1);
    memcpy(exact, text, length);
    error->text[0] = '\0';
    int result = configuration_parse(configuration, "FILE", exact, length, error);
    free(exact);
    return result;
}

static void assert_taken(const char *text, struct configuration *configuration)
{
    struct error error;
    if (parse(text, configuration, &error) != 0)
        fail_msg("%s\nis refused: %s", text, error.text);
}

static void an_empty_object_changes_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}", " {\n}\n",
        "{\"scan\":{},\"filter\":{},\"keys\":[],\"flows\":{},\"alerts\":{},\"control\":{},\"memory\":{},\"eal\":[]}"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct configuration configuration;
        assert_taken(rows[i], &configuration);
        assert_int_equal(configuration.keys_count, 0);
        assert_int_equal(configuration.workers, 0);
        assert_null(configuration.format);
        assert_int_equal(configuration.responses.scan, RESPONSES_ALL);
        assert_true(filter_is_empty(&configuration.filter));
        assert_null(configuration.sensor);
        assert_int_equal(configuration.ports_count + configuration.cpus_count + configuration.sinks_count, 0);
        assert_int_equal(configuration.flows_max + configuration.held_bytes_max + configuration.idle_timeout_s, 0);
        assert_null(configuration.control_socket);
        assert_null(configuration.control_group);
        assert_true(configuration.hugepages);
        assert_int_equal(configuration.memory_mib + configuration.eal_count, 0);
        configuration_release(&configuration);
    }
}

static void every_member_is_taken(void **state)
{
    (void)state;
    struct configuration configuration;
    assert_taken(
        "{\"keys\":[\"a.json\",\"id:b\"],\"workers\":3,\"alerts\":{\"format\":\"text\"},\"scan\":{\"responses\":"
        "\"none\"},"
        "\"filter\":{\"include\":[{\"addresses\":[\"10.0.0.0/8\",\"2001:db8::/32\"],\"ports\":[443,\"8000-8999\"]}"
        ",{\"ports\":[1]}],\"exclude\":[{\"addresses\":[\"10.1.2.3\"]}]}}",
        &configuration);
    assert_int_equal(configuration.keys_count, 2);
    assert_string_equal(configuration.keys[0], "a.json");
    assert_string_equal(configuration.keys[1], "id:b");
    assert_int_equal(configuration.workers, 3);
    assert_ptr_equal(configuration.format, alert_format_find("text"));
    assert_int_equal(configuration.responses.scan, RESPONSES_NONE);
    const struct filter_rules *include = &configuration.filter.include, *exclude = &configuration.filter.exclude;
    assert_int_equal(include->count, 2);
    assert_int_equal(include->rules[0].prefixes_count, 2);
    assert_int_equal(include->rules[0].prefixes[0].ip_version, 4);
    assert_int_equal(include->rules[0].prefixes[1].ip_version, 6);
    assert_int_equal(include->rules[0].ports_count, 2);
    assert_int_equal(include->rules[0].ports[0].first, 443);
    assert_int_equal(include->rules[0].ports[0].last, 443);
    assert_int_equal(include->rules[0].ports[1].first, 8000);
    assert_int_equal(include->rules[0].ports[1].last, 8999);
    assert_int_equal(include->rules[1].prefixes_count, 0);
    assert_int_equal(include->rules[1].ports_count, 1);
    assert_int_equal(exclude->count, 1);
    assert_int_equal(exclude->rules[0].prefixes_count, 1);
    assert_int_equal(exclude->rules[0].ports_count, 0);
    configuration_release(&configuration);
}

/* As in the README's part on taps. */
static void all_that_a_tap_needs_is_taken(void **state)
{
    (void)state;
    struct configuration configuration;
    assert_taken("{\"sensor\":\"tap-1\","
                 "\"ports\":[{\"device\":\"net_af_packet0,iface=tap0\",\"queues\":1},"
                 "{\"device\":\"0000:3b:00.0\",\"queues\":4,\"descriptors\":4096,\"mtu\":9000,"
                 "\"hardware_filter\":\"isolate\"},{\"device\":\"a\",\"hardware_filter\":\"drop\"}],"
                 "\"workers\":{\"cpus\":\"2-5\"},\"keys\":[\"revoked.json\"],"
                 "\"flows\":{\"max\":1000000,\"idle_timeout_s\":300,\"held_bytes_max\":268435456},"
                 "\"scan\":{\"responses\":\"all\"},"
                 "\"alerts\":{\"format\":\"ecs\",\"sinks\":[{\"type\":\"stdout\"},"
                 "{\"type\":\"file\",\"path\":\"alerts.json\"}]},"
                 "\"control\":{\"socket\":\"bearertap.sock\",\"group\":\"soc\"},"
                 "\"memory\":{\"hugepages\":false,\"mib\":2048},\"eal\":[\"--any-further-eal-argument\"]}",
                 &configuration);
    assert_string_equal(configuration.sensor, "tap-1");
    assert_int_equal(configuration.ports_count, 3);
    assert_string_equal(configuration.ports[0].device, "net_af_packet0,iface=tap0");
    assert_int_equal(configuration.ports[0].queues, 1);
    assert_int_equal(configuration.ports[0].descriptors, 0);
    assert_int_equal(configuration.ports[0].mtu, 0);
    assert_string_equal(configuration.ports[1].device, "0000:3b:00.0");
    assert_int_equal(configuration.ports[1].queues, 4);
    assert_int_equal(configuration.ports[1].descriptors, 4096);
    assert_int_equal(configuration.ports[1].mtu, 9000);
    assert_int_equal(configuration.ports[0].hardware_filter, HARDWARE_FILTER_OFF);
    assert_int_equal(configuration.ports[1].hardware_filter, HARDWARE_FILTER_ISOLATE);
    assert_int_equal(configuration.ports[2].hardware_filter, HARDWARE_FILTER_DROP);
    assert_int_equal(configuration.workers, 4);
    assert_int_equal(configuration.flows_max, 1000000);
    assert_int_equal(configuration.idle_timeout_s, 300);
    assert_int_equal(configuration.held_bytes_max, 268435456);
    assert_ptr_equal(configuration.format, alert_format_find("ecs"));
    assert_int_equal(configuration.sinks_count, 2);
    assert_ptr_equal(configuration.sinks[0].kind, sink_kind_find("stdout"));
    assert_null(configuration.sinks[0].path);
    assert_ptr_equal(configuration.sinks[1].kind, sink_kind_find("file"));
    assert_string_equal(configuration.sinks[1].path, "alerts.json");
    assert_string_equal(configuration.control_socket, "bearertap.sock");
    assert_string_equal(configuration.control_group, "soc");
    assert_false(configuration.hugepages);
    assert_int_equal(configuration.memory_mib, 2048);
    assert_int_equal(configuration.eal_count, 1);
    assert_string_equal(configuration.eal[0], "--any-further-eal-argument");
    configuration_release(&configuration);
}

static void workers_are_a_number_cpus_or_both(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        unsigned workers, cpus_count;
        uint16_t cpus[8];
    } rows[] = {
        {"64", 64, 0, {0}},
        {"{\"count\":64}", 64, 0, {0}},
        {"{\"cpus\":\"0\"}", 1, 1, {0}},
        {"{\"cpus\":\"2-5,8\"}", 5, 5, {2, 3, 4, 5, 8}},
        {"{\"cpus\":\"1023,7-7,0\"}", 3, 3, {1023, 7, 0}},
        {"{\"count\":2,\"cpus\":\"9,1-3\"}", 2, 4, {9, 1, 2, 3}},
        {"{\"cpus\":\"9,1-3\",\"count\":4}", 4, 4, {9, 1, 2, 3}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[128];
        struct configuration configuration;
        snprintf(text, sizeof(text), "{\"workers\":%s}", rows[i].value);
        assert_taken(text, &configuration);
        assert_int_equal(configuration.workers, rows[i].workers);
        assert_int_equal(configuration.cpus_count, rows[i].cpus_count);
        assert_memory_equal(configuration.cpus, rows[i].cpus, rows[i].cpus_count * sizeof(rows[i].cpus[0]));
        configuration_release(&configuration);
    }
}

/* What a path becomes when it stands in the configuration of that name. */
static void assert_placed(const char *name, const char *path, const char *expected)
{
    char text[256];
    struct configuration configuration;
    struct error error;
    int length = snprintf(text, sizeof(text),
                          "{\"keys\":[\"%s\",\"id:a/b\"],\"alerts\":{\"sinks\":[{\"path\":\"%s\",\"type\":\"file\"}]},"
                          "\"control\":{\"socket\":\"%s\"}}",
                          path, path, path);
    assert_int_equal(configuration_parse(&configuration, name, text, (size_t)length, &error), 0);
    assert_string_equal(configuration.keys[0], expected);
    assert_string_equal(configuration.keys[1], "id:a/b");
    assert_string_equal(configuration.sinks[0].path, expected);
    assert_string_equal(configuration.control_socket, expected);
    configuration_release(&configuration);
}

static void a_relative_path_is_relative_to_the_configuration(void **state)
{
    (void)state;
    assert_placed("bearertap.json", "a", "a");
    assert_placed("bearertap.json", "../a/b", "../a/b");
    assert_placed("/etc/bearertap/bearertap.json", "a", "/etc/bearertap/a");
    assert_placed("/etc/bearertap/bearertap.json", "../a", "/etc/bearertap/../a");
    assert_placed("/etc/bearertap/bearertap.json", "/a", "/a");
    assert_placed("/bearertap.json", "a", "/a");
    assert_placed("../bearertap.json", "a", "../a");
}

static void responses_are_words_or_a_depth(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum responses_scan scan;
        uint64_t depth;
    } rows[] = {{"\"all\"", RESPONSES_ALL, 0},      {"\"headers\"", RESPONSES_TO_DEPTH, 0},
                {"\"none\"", RESPONSES_NONE, 0},    {"0", RESPONSES_TO_DEPTH, 0},
                {"4096", RESPONSES_TO_DEPTH, 4096}, {"4.0", RESPONSES_TO_DEPTH, 4},
                {"1e3", RESPONSES_TO_DEPTH, 1000},  {"1073741824", RESPONSES_TO_DEPTH, 1073741824}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[128];
        struct configuration configuration;
        snprintf(text, sizeof(text), "{\"scan\":{\"responses\":%s}}", rows[i].value);
        assert_taken(text, &configuration);
        assert_int_equal(configuration.responses.scan, rows[i].scan);
        if (rows[i].scan == RESPONSES_TO_DEPTH)
            assert_int_equal(configuration.responses.depth, rows[i].depth);
        configuration_release(&configuration);
    }
}

#define MEMBERS           "sensor, ports, workers, keys, flows, scan, filter, alerts, control, memory, eal"
#define WORKERS_ALLOWED   "; allowed is a whole number from 1 to 64, or an object with cpus, count, or both"
#define CPUS_ALLOWED      "; allowed is up to 64 numbers of CPUs from 0 to 1023, each once, as in \"2-5,8\""
#define RESPONSES_ALLOWED "; allowed is \"all\", \"headers\", \"none\" or a whole number from 0 to 1073741824"
#define ADDRESSES_ALLOWED "; allowed is an address, or a prefix as in 10.0.0.0/8 or 2001:db8::/32"
#define PORTS_ALLOWED     "; allowed is a port from 1 to 65535, or a range as in \"8000-8999\""
#define PORT(member)      "{\"ports\":[{\"device\":\"a\"," member "}]}"
#define SINKS(elements)   "{\"alerts\":{\"sinks\":[" elements "]}}"
#define RULE(member)      "{\"filter\":{\"exclude\":[{" member "}]}}"

static void what_is_not_allowed_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"", "FILE is empty; the smallest configuration is {}"},
        {" \n\t\r\n", "FILE is empty; the smallest configuration is {}"},
        {"[]", "FILE: the whole is an array of 0; allowed is an object"},
        {"null", "FILE: the whole is null; allowed is an object"},
        {"{\"worker\":1}", "FILE: /worker: there is no such member; allowed is " MEMBERS " (did you mean workers?)"},
        {"{\"\":1}", "FILE: /(a name of 0 bytes): there is no such member; allowed is " MEMBERS},
        {"{\"workers\":0}", "FILE: /workers is 0" WORKERS_ALLOWED},
        {"{\"workers\":65}", "FILE: /workers is 65" WORKERS_ALLOWED},
        {"{\"workers\":-1}", "FILE: /workers is -1" WORKERS_ALLOWED},
        {"{\"workers\":1.5}", "FILE: /workers is 1.5" WORKERS_ALLOWED},
        {"{\"workers\":9223372036854775807}", "FILE: /workers is 9223372036854775807" WORKERS_ALLOWED},
        {"{\"workers\":true}", "FILE: /workers is true" WORKERS_ALLOWED},
        {"{\"workers\":\"2\"}", "FILE: /workers is a string of 1 byte" WORKERS_ALLOWED},
        {"{\"alerts\":{\"format\":\"ecss\"}}",
         "FILE: /alerts/format is \"ecss\"; allowed is \"ecs\" or \"text\" (did you mean \"ecs\"?)"},
        {"{\"alerts\":{\"format\":3}}", "FILE: /alerts/format is 3; allowed is \"ecs\" or \"text\""},
        {"{\"format\":\"ecs\"}", "FILE: /format: there is no such member; allowed is " MEMBERS},
        {"{\"workers\":{}}", "FILE: /workers is an empty object" WORKERS_ALLOWED},
        {"{\"workers\":[1]}", "FILE: /workers is an array of 1" WORKERS_ALLOWED},
        {"{\"workers\":{\"cpu\":\"1\"}}",
         "FILE: /workers/cpu: there is no such member; allowed is cpus, count (did you mean cpus?)"},
        {"{\"workers\":{\"count\":65}}", "FILE: /workers/count is 65; allowed is a whole number from 1 to 64"},
        {"{\"workers\":{\"cpus\":2}}", "FILE: /workers/cpus is 2" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"\"}}", "FILE: /workers/cpus is a string of 0 bytes" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"2,\"}}", "FILE: /workers/cpus is a string of 2 bytes" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"2-\"}}", "FILE: /workers/cpus is \"2-\"" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"-2\"}}", "FILE: /workers/cpus is \"-2\"" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"5-2\"}}", "FILE: /workers/cpus is \"5-2\"" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"1-2-3\"}}", "FILE: /workers/cpus is \"1-2-3\"" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"02\"}}", "FILE: /workers/cpus is \"02\"" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"1024\"}}", "FILE: /workers/cpus is \"1024\"" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"99999999999\"}}", "FILE: /workers/cpus is \"99999999999\"" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"1,2-4,3\"}}", "FILE: /workers/cpus is a string of 7 bytes" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"0-64\"}}", "FILE: /workers/cpus is \"0-64\"" CPUS_ALLOWED},
        {"{\"workers\":{\"cpus\":\"2-4\",\"count\":4}}",
         "FILE: /workers: count is 4, and cpus are 3; give each worker a CPU, or leave count out"},
        {"{\"sensor\":\"\"}", "FILE: /sensor is a string of 0 bytes; allowed is a name of 1 to 255 bytes"},
        {"{\"ports\":[]}", "FILE: /ports is an array of 0; allowed is an array of 1 to 16"},
        {"{\"ports\":[\"eth0\"]}", "FILE: /ports/0 is a string of 4 bytes; allowed is an object with a device"},
        {"{\"ports\":[{\"queues\":1}]}",
         "FILE: /ports/0: there is no device; a port is at least {\"device\": \"0000:3b:00.0\"}"},
        {PORT("\"queues\":0"), "FILE: /ports/0/queues is 0; allowed is a whole number from 1 to 64"},
        {PORT("\"queues\":65"), "FILE: /ports/0/queues is 65; allowed is a whole number from 1 to 64"},
        {PORT("\"descriptors\":63"), "FILE: /ports/0/descriptors is 63; allowed is a whole number from 64 to 32768"},
        {PORT("\"descriptors\":32769"),
         "FILE: /ports/0/descriptors is 32769; allowed is a whole number from 64 to 32768"},
        {PORT("\"hardware_filter\":\"drops\""),
         "FILE: /ports/0/hardware_filter is \"drops\"; allowed is \"off\", \"drop\" or \"isolate\" (did you mean "
         "\"drop\"?)"},
        {PORT("\"hardware_filter\":1"),
         "FILE: /ports/0/hardware_filter is 1; allowed is \"off\", \"drop\" or \"isolate\""},
        {PORT("\"mtu\":67"), "FILE: /ports/0/mtu is 67; allowed is a whole number from 68 to 65535"},
        {PORT("\"mtu\":65536"), "FILE: /ports/0/mtu is 65536; allowed is a whole number from 68 to 65535"},
        {"{\"ports\":[{\"device\":\"b\"},{\"device\":\"a\"},{\"device\":\"b\",\"queues\":1}]}",
         "FILE: /ports: 0 and 2 are the same device; leave one of them out"},
        {"{\"flows\":{\"max\":1023}}", "FILE: /flows/max is 1023; allowed is a whole number from 1024 to 100000000"},
        {"{\"flows\":{\"max\":100000001}}",
         "FILE: /flows/max is 100000001; allowed is a whole number from 1024 to 100000000"},
        {"{\"flows\":{\"idle_timeout_s\":0}}",
         "FILE: /flows/idle_timeout_s is 0; allowed is a whole number of seconds from 1 to 86400"},
        {"{\"flows\":{\"idle_timeout_s\":86401}}",
         "FILE: /flows/idle_timeout_s is 86401; allowed is a whole number of seconds from 1 to 86400"},
        {"{\"flows\":{\"held_bytes_max\":1048575}}",
         "FILE: /flows/held_bytes_max is 1048575; allowed is a whole number of bytes from 1048576 to 68719476736"},
        {"{\"flows\":{\"held_bytes_max\":68719476737}}",
         "FILE: /flows/held_bytes_max is 68719476737; allowed is a whole number of bytes from 1048576 to 68719476736"},
        {SINKS(""), "FILE: /alerts/sinks is an array of 0; allowed is an array of 1 to 16"},
        {SINKS("{}"), "FILE: /alerts/sinks/0: there is no type; a sink is at least {\"type\": \"stdout\"}"},
        {SINKS("{\"type\":\"files\"}"), "FILE: /alerts/sinks/0/type is \"files\"; allowed is \"stdout\" or \"file\" "
                                        "(did you mean \"file\"?)"},
        {SINKS("{\"type\":\"stdout\"},{\"type\":\"file\"}"),
         "FILE: /alerts/sinks/1: there is no path; a file is {\"type\": \"file\", \"path\": \"alerts.json\"}"},
        {SINKS("{\"path\":\"a\",\"type\":\"stdout\"}"),
         "FILE: /alerts/sinks/0: standard output has no path; leave it out, or make the type \"file\""},
        {SINKS("{\"type\":\"file\",\"path\":\"\"}"),
         "FILE: /alerts/sinks/0/path is a string of 0 bytes; allowed is the name of a file"},
        {SINKS("{\"type\":\"stdout\"},{\"type\":\"stdout\"}"),
         "FILE: /alerts/sinks: 0 and 1 are the same; leave one of them out"},
        {SINKS("{\"type\":\"file\",\"path\":\"a\"},{\"type\":\"stdout\"},{\"path\":\"a\",\"type\":\"file\"}"),
         "FILE: /alerts/sinks: 0 and 2 are the same; leave one of them out"},
        {"{\"control\":{\"socket\":\"\"}}",
         "FILE: /control/socket is a string of 0 bytes; allowed is the name of a socket, with its folder of up to 107 "
         "bytes"},
        {"{\"control\":{\"group\":7}}", "FILE: /control/group is 7; allowed is the name of a group"},
        {"{\"memory\":{\"hugepages\":1}}", "FILE: /memory/hugepages is 1; allowed is true or false"},
        {"{\"memory\":{\"mib\":63}}", "FILE: /memory/mib is 63; allowed is a whole number from 64 to 1048576"},
        {"{\"memory\":{\"mib\":1048577}}",
         "FILE: /memory/mib is 1048577; allowed is a whole number from 64 to 1048576"},
        {"{\"eal\":[\"\"]}", "FILE: /eal/0 is a string of 0 bytes; allowed is a string of 1 to 1024 bytes"},
        {"{\"scan\":\"none\"}", "FILE: /scan is a string of 4 bytes; allowed is an object"},
        {"{\"scan\":{\"response\":1}}",
         "FILE: /scan/response: there is no such member; allowed is responses (did you mean responses?)"},
        {"{\"scan\":{\"responses\":\"headrs\"}}",
         "FILE: /scan/responses is \"headrs\"" RESPONSES_ALLOWED " (did you mean \"headers\"?)"},
        {"{\"scan\":{\"responses\":\"All\"}}",
         "FILE: /scan/responses is \"All\"" RESPONSES_ALLOWED " (did you mean \"all\"?)"},
        {"{\"scan\":{\"responses\":\"0\"}}", "FILE: /scan/responses is a string of 1 byte" RESPONSES_ALLOWED},
        {"{\"scan\":{\"responses\":-1}}", "FILE: /scan/responses is -1" RESPONSES_ALLOWED},
        {"{\"scan\":{\"responses\":1073741825}}", "FILE: /scan/responses is 1073741825" RESPONSES_ALLOWED},
        {"{\"scan\":{\"responses\":{\"a\":1}}}", "FILE: /scan/responses is an object" RESPONSES_ALLOWED},
        {"{\"keys\":\"a\"}", "FILE: /keys is a string of 1 byte; allowed is an array of up to 64"},
        {"{\"keys\":[\"a\",\"\"]}",
         "FILE: /keys/1 is a string of 0 bytes; allowed is the name of a file, or id: and a key id"},
        {"{\"keys\":[\"-\"]}",
         "FILE: /keys/0 is a string of 1 byte; allowed is the name of a file, or id: and a key id"},
        {"{\"keys\":[\"id:\"]}",
         "FILE: /keys/0 is a string of 3 bytes; allowed is the name of a file, or id: and a key id"},
        {"{\"filter\":{\"include\":[]}}", "FILE: /filter/include is an array of 0; allowed is an array of 1 to 16"},
        {"{\"filter\":{\"includes\":[]}}",
         "FILE: /filter/includes: there is no such member; allowed is include, exclude (did you mean include?)"},
        {"{\"filter\":{\"include\":[{\"ports\":[1]},{}]}}",
         "FILE: /filter/include/1 is an empty object; allowed is an object with addresses, ports, or both"},
        {RULE("\"port\":[1]"),
         "FILE: /filter/exclude/0/port: there is no such member; allowed is addresses, ports (did you mean ports?)"},
        {RULE("\"ports\":[]"), "FILE: /filter/exclude/0/ports is an array of 0; allowed is an array of 1 to 16"},
        {RULE("\"ports\":[0]"), "FILE: /filter/exclude/0/ports/0 is 0" PORTS_ALLOWED},
        {RULE("\"ports\":[1,65536]"), "FILE: /filter/exclude/0/ports/1 is 65536" PORTS_ALLOWED},
        {RULE("\"ports\":[\"9-8\"]"), "FILE: /filter/exclude/0/ports/0 is \"9-8\"" PORTS_ALLOWED},
        {RULE("\"ports\":[\"80\"]"), "FILE: /filter/exclude/0/ports/0 is \"80\"" PORTS_ALLOWED},
        {RULE("\"addresses\":[\"10.0.0.0/33\"]"),
         "FILE: /filter/exclude/0/addresses/0 is \"10.0.0.0/33\"" ADDRESSES_ALLOWED},
        {RULE("\"addresses\":[\"host.example\"]"),
         "FILE: /filter/exclude/0/addresses/0 is a string of 12 bytes" ADDRESSES_ALLOWED},
        {RULE("\"addresses\":[17]"), "FILE: /filter/exclude/0/addresses/0 is 17" ADDRESSES_ALLOWED},
        {"{\"workers\":1,\n \"workers\":2}", "FILE:2:10: a member that is there twice"},
        {"{\"workers\":1", "FILE:1:12: the file ends before the configuration does"},
        {"{\"workers\":1}}", "FILE:1:14: something follows on the configuration's end"},
        {"{'workers':1}", "FILE:1:2: this is no JSON"},
        {"{\"keys\":[\"\xff\"]}", "FILE:1:10: bytes that are no UTF-8"},
        {"{\"keys\":[\"\\u0000\"]}", "FILE:1:17: a string with a NUL in it"},
        {"{\"workers\":99999999999999999999}", "FILE:1:31: a number too large for any of them"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct configuration configuration;
        struct error error;
        assert_int_equal(parse(rows[i].text, &configuration, &error), -EINVAL);
        assert_string_equal(error.text, rows[i].error);
        configuration_release(&configuration);
    }
}

static void as_much_as_is_allowed_is_taken_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *before, *item, *after;
        unsigned most;
    } rows[] = {{"{\"keys\":[", "\"a\"", "]}", 64},
                {"{\"eal\":[", "\"-a\"", "]}", 64},
                {"{\"filter\":{\"include\":[", "{\"ports\":[1]}", "]}}", 16},
                {"{\"filter\":{\"exclude\":[", "{\"ports\":[1]}", "]}}", 16},
                {"{\"filter\":{\"include\":[{\"ports\":[", "1", "]}]}}", 16},
                {"{\"filter\":{\"include\":[{\"addresses\":[", "\"::1\"", "]}]}}", 16}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (unsigned count = rows[i].most; count <= rows[i].most + 1; count++) {
            char text[4096];
            size_t length = (size_t)snprintf(text, sizeof(text), "%s", rows[i].before);
            for (unsigned n = 0; n < count; n++)
                length +=
                    (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", n > 0 ? "," : "", rows[i].item);
            snprintf(text + length, sizeof(text) - length, "%s", rows[i].after);
            struct configuration configuration;
            struct error error;
            assert_int_equal(parse(text, &configuration, &error), count > rows[i].most ? -EINVAL : 0);
            configuration_release(&configuration);
        }
}

/* Elements that must differ, and texts. */
static void names_are_taken_up_to_their_length(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
        unsigned most;
    } rows[] = {{"{\"sensor\":\"", "\"}", 255},
                {"{\"ports\":[{\"device\":\"", "\"}]}", 255},
                {"{\"control\":{\"socket\":\"", "\"}}", 107},
                {"{\"control\":{\"socket\":\"/", "\"}}", 106},
                {"{\"control\":{\"group\":\"", "\"}}", 255},
                {"{\"eal\":[\"", "\"]}", 1024}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (unsigned length = rows[i].most; length <= rows[i].most + 1; length++) {
            char text[2048], filling[1026];
            memset(filling, 'a', sizeof(filling));
            filling[length] = '\0';
            snprintf(text, sizeof(text), "%s%s%s", rows[i].before, filling, rows[i].after);
            struct configuration configuration;
            struct error error;
            assert_int_equal(parse(text, &configuration, &error), length > rows[i].most ? -EINVAL : 0);
            configuration_release(&configuration);
        }
}

/* The folder counts too. */
static void a_socket_with_too_long_a_folder_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"control\":{\"socket\":\"b.sock\"}}";
    struct configuration configuration;
    struct error error;
    char name[128];
    for (int length = 100; length <= 101; length++) {
        snprintf(name, sizeof(name), "%0*d/c", length, 0);
        int result = configuration_parse(&configuration, name, text, strlen(text), &error);
        assert_int_equal(result, length == 100 ? 0 : -EINVAL);
        configuration_release(&configuration);
    }
}

static void sixteen_sinks_and_ports_are_taken_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *before, *item, *after;
    } rows[] = {{"{\"ports\":[", "{\"device\":\"", "]}"},
                {"{\"alerts\":{\"sinks\":[", "{\"type\":\"file\",\"path\":\"", "]}}"}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (unsigned count = 16; count <= 17; count++) {
            char text[2048];
            size_t length = (size_t)snprintf(text, sizeof(text), "%s", rows[i].before);
            for (unsigned n = 0; n < count; n++)
                length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s%u\"}", n > 0 ? "," : "",
                                           rows[i].item, n);
            snprintf(text + length, sizeof(text) - length, "%s", rows[i].after);
            struct configuration configuration;
            struct error error;
            assert_int_equal(parse(text, &configuration, &error), count > 16 ? -EINVAL : 0);
            configuration_release(&configuration);
        }
}

/* Wherever a value may go astray, it is not repeated. */
static void a_secret_in_any_place_is_not_repeated(void **state)
{
    (void)state;
    static const char secret[] = "c2VjcmV0LXRva2VuLW9mLWFuLWFjY291bnQtc2VjcmV0";
    static const char *const rows[] = {"\"%s\"",
                                       "{\"%s\":1}",
                                       "{\"keys\":[{\"%s\":1}]}",
                                       "{\"keys\":\"%s\"}",
                                       "{\"workers\":\"%s\"}",
                                       "{\"alerts\":{\"format\":\"%s\"}}",
                                       "{\"sensor\":[\"%s\"]}",
                                       "{\"ports\":[\"%s\"]}",
                                       "{\"ports\":[{\"device\":\"a\",\"queues\":\"%s\"}]}",
                                       "{\"workers\":{\"cpus\":\"%s\"}}",
                                       SINKS("{\"type\":\"%s\"}"),
                                       SINKS("{\"type\":\"stdout\",\"path\":\"%s\"}"),
                                       "{\"control\":\"%s\"}",
                                       "{\"eal\":\"%s\"}",
                                       "{\"scan\":\"%s\"}",
                                       "{\"scan\":{\"responses\":\"%s\"}}",
                                       "{\"scan\":{\"%s\":1}}",
                                       RULE("\"addresses\":[\"%s\"]"),
                                       RULE("\"ports\":[\"%s\"]"),
                                       "{\"keys\":[\"%s\"",
                                       "{\"keys\":[\"%s\"],}",
                                       "{\"%s\":1,\"%s\":2}",
                                       "{\"keys\": %s}",
                                       "{\"keys\":[\"%s\xff\"]}"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[512];
        struct configuration configuration;
        struct error error;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
        snprintf(text, sizeof(text), rows[i], secret, secret);
#pragma GCC diagnostic pop
        assert_int_equal(parse(text, &configuration, &error), -EINVAL);
        if (strstr(error.text, "c2Vjcm") != NULL)
            fail_msg("%s", error.text);
        configuration_release(&configuration);
    }
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    enum { DEPTH = 300000 };
    char *text = malloc(DEPTH + 1);
    struct configuration configuration;
    struct error error;
    memset(text, '[', DEPTH);
    text[DEPTH] = '\0';
    assert_int_equal(parse(text, &configuration, &error), -EINVAL);
    assert_non_null(strstr(error.text, "more objects and arrays within each other"));
    free(text);
}

static void a_file_is_read_up_to_its_bound(void **state)
{
    (void)state;
    char path[] = "/tmp/bearertap-configuration-XXXXXX";
    struct configuration configuration;
    struct error error;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    char *text = malloc(CONFIGURATION_BYTES_MAX);
    memset(text, ' ', CONFIGURATION_BYTES_MAX);
    memcpy(text, "{}", 2);
    assert_int_equal(write(fd, text, CONFIGURATION_BYTES_MAX), CONFIGURATION_BYTES_MAX);
    assert_int_equal(configuration_read(&configuration, path, &error), 0);
    assert_int_equal(write(fd, " ", 1), 1);
    assert_int_equal(configuration_read(&configuration, path, &error), -EFBIG);
    assert_non_null(strstr(error.text, "longer than the 1 MiB"));
    close(fd);
    unlink(path);
    assert_int_equal(configuration_read(&configuration, path, &error), -ENOENT);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(configuration_read(&configuration, "/tmp", &error), -EISDIR);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_object_changes_nothing),
        cmocka_unit_test(every_member_is_taken),
        cmocka_unit_test(all_that_a_tap_needs_is_taken),
        cmocka_unit_test(workers_are_a_number_cpus_or_both),
        cmocka_unit_test(a_relative_path_is_relative_to_the_configuration),
        cmocka_unit_test(names_are_taken_up_to_their_length),
        cmocka_unit_test(a_socket_with_too_long_a_folder_is_refused),
        cmocka_unit_test(sixteen_sinks_and_ports_are_taken_and_no_more),
        cmocka_unit_test(responses_are_words_or_a_depth),
        cmocka_unit_test(what_is_not_allowed_is_refused_with_its_place),
        cmocka_unit_test(as_much_as_is_allowed_is_taken_and_no_more),
        cmocka_unit_test(a_secret_in_any_place_is_not_repeated),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_file_is_read_up_to_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

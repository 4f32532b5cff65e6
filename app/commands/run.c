/* SPDX-License-Identifier: BSD-3-Clause */
/* bearertap run: live, on queues of NICs. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearertap/alert.h>
#include <bearertap/commands.h>

#include "command.h"
#include "running.h"
#include "summary.h"

static const char help[] =
    "Usage: bearertap run -c CONFIG [OPTIONS]\n"
    "\n"
    "Inspects what the ports of the configuration receive, until it is stopped (Ctrl-C, SIGTERM, `bearertap ctl\n"
    "stop`). A port is a NIC that is bound to a driver of DPDK (0000:3b:00.0), or any other DPDK device\n"
    "(net_af_packet0,iface=eth1). Alerts go to standard output, or to the sinks of the configuration; everything else\n"
    "goes to standard error.\n"
    "\n"
    "Options:\n"
    "  -c, --config CONFIG    what to do: ports, workers, revoked keys, sinks (config/bearertap.example.json)\n"
    "  -k, --keys KEYS        revoked keys beside those of the configuration: a JWK Set, a text file, PEM, or "
    "id:VALUE\n"
    "  -f, --format FORMAT    ecs or text (default: what the configuration says, else ecs)\n"
    "      --tokens           write every token, not only findings\n"
    "  -q, --quiet            no summary at the end\n"
    "  -h, --help             this text\n"
    "\n"
    "SIGHUP reads the lists of revoked keys again, and so does a change of their files; SIGUSR1 opens the files of "
    "the\n"
    "sinks anew (logrotate). `bearertap ctl` asks a running one how it goes, and adds keys.\n"
    "\n"
    "Examples:\n"
    "  bearertap run -c /etc/bearertap.json\n"
    "  bearertap ctl keys add d4b4cccda9228624656bff33d8110955779632aa\n"
    "\n"
    "Exit status: 0 stopped, 1 failed (one line says what, where and how to mend it), 2 wrong usage.\n";

struct run_options {
    struct running running;
    const char **key_arguments;
    bool quiet;
};

static int parse(int argc, char **argv, struct run_options *options)
{
    enum { OPTION_TOKENS = 256 };
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'}, {"keys", required_argument, NULL, 'k'},
        {"format", required_argument, NULL, 'f'}, {"tokens", no_argument, NULL, OPTION_TOKENS},
        {"quiet", no_argument, NULL, 'q'},        {NULL, 0, NULL, 0},
    };
    struct running *running = &options->running;
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":c:k:f:q", longs, NULL)) != -1;) {
        switch (option) {
        case 'c':
            if (running->configuration_path != NULL)
                return refuse_usage("run", "-c is given twice; there is one configuration");
            if (argument_looks_like_token(optarg))
                return refuse_usage("run", "the configuration's name looks like a token");
            running->configuration_path = optarg;
            break;
        case 'k':
            options->key_arguments[running->key_arguments_count++] = optarg;
            break;
        case 'f':
            running->options.format = alert_format_find(optarg);
            if (running->options.format == NULL) {
                char formats[64];
                alert_format_list(formats, sizeof(formats));
                log_error("there is no format %s; there are: %s", argument_shown(optarg), formats);
                return EXIT_USAGE;
            }
            break;
        case OPTION_TOKENS:
            running->options.all_tokens = true;
            break;
        case 'q':
            options->quiet = true;
            break;
        default:
            return refuse_option("run", option, argv[optind - 1], longs);
        }
    }
    if (optind < argc)
        return refuse_usage("run", "%s is one argument too many: what is inspected stands in the configuration",
                            argument_shown(argv[optind]));
    if (running->configuration_path == NULL)
        return refuse_usage("run", "no configuration given (-c)");
    if (running->key_arguments_count > CONFIGURATION_KEYS_MAX)
        return refuse_usage("run", "-k is given more than %u times", CONFIGURATION_KEYS_MAX);
    return key_arguments_check("run", options->key_arguments, (int)running->key_arguments_count, NULL, 0);
}

static int configure(struct running *running)
{
    struct error error = {""};
    if (configuration_load(running->configuration_path, &running->configuration, &error) != 0) {
        log_error("%s", error.text);
        return EXIT_FAILED;
    }
    if (running->configuration.ports_count == 0) {
        log_error("%s: there are no ports: \"ports\": [{\"device\": \"net_af_packet0,iface=eth1\"}] would inspect what "
                  "eth1 receives",
                  running->configuration_path);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

/* Alerts that go nowhere from the start are a mistake that is better said now. */
static int check_standard_output(const struct running *running)
{
    const struct configuration *configuration = &running->configuration;
    bool is_used = configuration->sinks_count == 0;
    for (unsigned i = 0; i < configuration->sinks_count; i++)
        is_used = is_used || !sink_kind_has_path(configuration->sinks[i].kind);
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (!is_used || (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY))
        return EXIT_DONE;
    log_error("alerts are to go to standard output, which is closed or not to be written to: open it, or name a file "
              "in \"alerts\": {\"sinks\": [...]}");
    return EXIT_FAILED;
}

static void tell_losses(const struct running *running)
{
    for (unsigned i = 0; i < ports_count(running->ports); i++) {
        struct port_description port;
        struct port_statistics losses;
        ports_describe(running->ports, i, &port);
        ports_statistics(running->ports, i, &losses);
        if (losses.missed + losses.no_buffer + losses.errors > 0)
            fprintf(stderr,
                    "not inspected: port %s lost %s%" PRIu64 " packets before they were received, %" PRIu64
                    " for want of buffers, and %" PRIu64 " were broken\n",
                    port.name, losses.missed_is_estimate ? "about " : "", losses.missed, losses.no_buffer,
                    losses.errors);
        if (losses.filtered_is_known && losses.filtered > 0)
            fprintf(stderr, "not received: %" PRIu64 " packets of port %s that its device filtered\n", losses.filtered,
                    port.name);
        if (losses.cut > 0)
            fprintf(stderr, "not inspected: the ends of %" PRIu64 " packets of port %s that are longer than its MTU\n",
                    losses.cut, port.name);
    }
}

static void tell_lost_lines(const struct running *running)
{
    struct sink_status sinks[CONFIGURATION_SINKS_MAX];
    unsigned count = pipeline_sinks(running->pipeline, sinks, CONFIGURATION_SINKS_MAX);
    for (unsigned i = 0; i < count; i++)
        if (sinks[i].lost > 0)
            fprintf(stderr, "not written: %" PRIu64 " line%s to %s\n", sinks[i].lost, plural(sinks[i].lost),
                    sinks[i].path != NULL ? sinks[i].path : "standard output");
}

static int report(const struct run_options *options, int status, const struct error *error)
{
    const struct running *running = &options->running;
    struct pipeline_result result;
    running_collect(running, &result);
    result.interrupted = false; /* it has no other end */
    if (status != 0)
        log_error("%s", error->text[0] != '\0' ? error->text : "nobody reads the alerts any more");
    if (!options->quiet) {
        const struct key_table *table = pipeline_keys(running->pipeline);
        const struct summary_keys keys = {key_table_entries(table), key_table_names(table)};
        summary_print(stderr, &result, &keys);
        tell_losses(running);
        tell_lost_lines(running);
    }
    if (!result.law_holds) {
        log_error("the counters do not add up: some packet or byte was lost without a name; please report this");
        return EXIT_FAILED;
    }
    return status == 0 && !atomic_load(&running->ports_are_gone) ? EXIT_DONE : EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    struct run_options options = {
        .running = {.options = {.output_fd = STDOUT_FILENO}, .signals = -1, .end = -1, .reloading = {.woken = -1}},
        .key_arguments = calloc((size_t)argc, sizeof(*options.key_arguments)),
    };
    struct running *running = &options.running;
    struct error error = {""};
    if (options.key_arguments == NULL) {
        log_error("out of memory for the command line");
        return EXIT_FAILED;
    }
    running->key_arguments = options.key_arguments;
    int status = parse(argc, argv, &options);
    if (status == EXIT_DONE)
        status = configure(running);
    if (status == EXIT_DONE)
        status = check_standard_output(running);
    if (status == EXIT_DONE) {
        if (running_open(running, &error) == 0) {
            int result = running_run(running, &error);
            status = report(&options, result, &error);
        } else {
            log_error("%s", error.text);
            status = EXIT_FAILED;
        }
        if (!running_close(running)) {
            fflush(NULL);
            _exit(status);
        }
    }
    free(options.key_arguments);
    return status;
}

const struct command run_command = {
    .name = "run",
    .summary = "live traffic in, alerts out",
    .help = help,
    .run = run,
};

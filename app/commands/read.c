/* SPDX-License-Identifier: BSD-3-Clause */
/* bearertap read: captures in, alerts out. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearertap/commands.h>
#include <bearertap/configuration.h>
#include <bearertap/spread.h>
#include <bearertap/worker.h>

#include "command.h"
#include "summary.h"

static const char help[] =
    "Usage: bearertap read [OPTIONS] FILE...\n"
    "\n"
    "Reads captures (pcap, pcapng; - is standard input), finds bearer tokens, and writes an alert for each that\n"
    "names a revoked key: to standard output, one a line. A summary goes to standard error.\n"
    "Needs no privileges. Several files are read in order, as one capture.\n"
    "\n"
    "Options:\n"
    "  -c, --config FILE    a configuration (JSON; the README has all members); what is also given here wins\n"
    "  -k, --keys KEYS      a list of revoked keys: a JWK Set, a text file with one key id a line, or PEM;\n"
    "                       any number of times\n"
    "  -k id:VALUE          one revoked key by its id: kid or thumbprint (hex, base64url)\n"
    "  -f, --format FORMAT  ecs: JSON lines, Elastic Common Schema (the default, unless on a terminal)\n"
    "                       text: a line for a person (the default on a terminal)\n"
    "  -w, --workers N      threads that inspect (default: one a CPU, but for one)\n"
    "      --tokens         also write every token that is not a finding (event.kind \"event\")\n"
    "      --fail-on-alert  exit with 3 when there was an alert\n"
    "  -q, --quiet          no summary\n"
    "  -h, --help           this text\n"
    "\n"
    "Tokens are secrets: none is ever written, only its SHA-256 and what its header and claims say.\n"
    "\n"
    "Examples:\n"
    "  bearertap read -k config/storm-0558.jwks.json capture.pcap\n"
    "  tcpdump -i eth0 -w - 'tcp port 80' | bearertap read -k id:1LTMzakihiRla_8z2BEJVXeWMqo -\n"
    "  bearertap read -k revoked.txt *.pcapng | jq .source.ip\n"
    "  bearertap read -c config/bearertap.example.json capture.pcap\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage, 3 alerts (only with --fail-on-alert). A file that cannot be read is "
    "a\n"
    "failure, after all the others were inspected; with alerts and --fail-on-alert the status is 3 even so. A capture\n"
    "that is cut short is read up to there, with a warning. Where the reader of standard output goes away (`| head "
    "-1`)\n"
    "it ends by SIGPIPE, and says how many lines were not written.\n";

struct read_options {
    struct pipeline_options pipeline; /* no format, no workers: not said */
    const char *const *paths;
    unsigned paths_count;
    const char *configuration_path;
    struct configuration configuration;
    const char **key_arguments; /* of -k, in order */
    int key_arguments_count;
    struct key_list *keys;
    bool quiet;
    bool fail_on_alert;
};

static int load_keys(struct read_options *options)
{
    struct error error = {""};
    const struct configuration *configuration = &options->configuration;
    if (options->key_arguments_count == 0 && configuration->keys_count == 0)
        return EXIT_DONE;
    int result = key_list_create(&options->keys);
    if (result != 0)
        error_set(&error, -result, "out of memory for the revoked keys");
    for (unsigned i = 0; i < configuration->keys_count && result == 0; i++)
        result = key_argument_add(options->keys, configuration->keys[i], &error);
    for (int i = 0; i < options->key_arguments_count && result == 0; i++)
        result = key_argument_add(options->keys, options->key_arguments[i], &error);
    if (result != 0)
        log_error("%s", error.text);
    return result == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* Lines are the same for all sinks, and what a terminal likes no file should have. */
static bool is_all_standard_output(const struct configuration *configuration)
{
    bool all = true;
    for (unsigned i = 0; i < configuration->sinks_count; i++)
        all = all && !sink_kind_has_path(configuration->sinks[i].kind);
    return all;
}

/* What the command line does not say, the configuration may, and else what is usual. */
static int configure(struct read_options *options, bool terminal)
{
    struct configuration *configuration = &options->configuration;
    struct pipeline_options *pipeline = &options->pipeline;
    if (options->configuration_path != NULL) {
        struct error error = {""};
        if (configuration_load(options->configuration_path, configuration, &error) != 0) {
            log_error("%s", error.text);
            return EXIT_FAILED;
        }
    }
    terminal = terminal && is_all_standard_output(configuration);
    pipeline->color = pipeline->color && terminal;
    configuration_apply(configuration, pipeline);
    if (pipeline->format == NULL)
        pipeline->format = alert_format_find(terminal ? "text" : "ecs");
    return EXIT_DONE;
}

static int set_workers(struct read_options *options, const char *argument)
{
    char *end;
    errno = 0;
    unsigned long count = strtoul(argument, &end, 10);
    if (errno != 0 || *end != '\0' || argument[0] < '0' || argument[0] > '9' || count < 1 || count > SPREAD_WORKERS_MAX)
        return refuse_usage("read", "%s is no number of workers; 1 to 64 is", argument_shown(argument));
    options->pipeline.workers = (unsigned)count;
    return EXIT_DONE;
}

static int parse(int argc, char **argv, struct read_options *options)
{
    enum { OPTION_TOKENS = 256, OPTION_FAIL_ON_ALERT };
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"keys", required_argument, NULL, 'k'},
        {"format", required_argument, NULL, 'f'},
        {"workers", required_argument, NULL, 'w'},
        {"tokens", no_argument, NULL, OPTION_TOKENS},
        {"fail-on-alert", no_argument, NULL, OPTION_FAIL_ON_ALERT},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int option, result; (option = getopt_long(argc, argv, ":c:k:f:w:q", longs, NULL)) != -1;) {
        switch (option) {
        case 'c':
            if (options->configuration_path != NULL)
                return refuse_usage("read", "-c is given twice; there is one configuration");
            if (argument_looks_like_token(optarg))
                return refuse_usage("read", "the configuration's name looks like a token");
            options->configuration_path = optarg;
            break;
        case 'k':
            options->key_arguments[options->key_arguments_count++] = optarg;
            break;
        case 'f':
            options->pipeline.format = alert_format_find(optarg);
            if (options->pipeline.format == NULL) {
                char formats[64];
                alert_format_list(formats, sizeof(formats));
                log_error("there is no format %s; there are: %s", argument_shown(optarg), formats);
                return EXIT_USAGE;
            }
            break;
        case 'w':
            if ((result = set_workers(options, optarg)) != EXIT_DONE)
                return result;
            break;
        case OPTION_TOKENS:
            options->pipeline.all_tokens = true;
            break;
        case OPTION_FAIL_ON_ALERT:
            options->fail_on_alert = true;
            break;
        case 'q':
            options->quiet = true;
            break;
        default:
            return refuse_option("read", option, argv[optind - 1], longs);
        }
    }
    if (optind == argc)
        return refuse_usage("read", "no capture file given");
    for (int i = optind; i < argc; i++)
        if (argument_looks_like_token(argv[i]))
            return refuse_usage("read", "one of the files looks like a token, not like a capture");
    options->paths = (const char *const *)(argv + optind);
    options->paths_count = (unsigned)(argc - optind);
    return key_arguments_check("read", options->key_arguments, options->key_arguments_count, options->paths,
                               argc - optind);
}

/* The first asks for a good end; the second finds it stuck (the output's reader does not read) and ends it as it is. */
static void stop(int signal)
{
    static volatile sig_atomic_t asked;
    static const char last_words[] = "bearertap: error: stopped a second time: alerts not yet written are lost\n";
    (void)signal;
    if (asked++ == 0) {
        pipeline_stop();
        return;
    }
    if (write(STDERR_FILENO, last_words, sizeof(last_words) - 1) < 0)
        _exit(EXIT_FAILED);
    _exit(EXIT_FAILED);
}

/* One that our parent had ignored (nohup, a job in the background) stays ignored. */
static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = stop}; /* no SA_RESTART: a waiting read() ends */
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

/* `| head -1` has what it wants; a SIEM's agent that died has not. Neither is a reason to be loud. */
static void tell_undelivered(const struct alert_counters *alerts)
{
    log_notice("the reader of standard output went away: %" PRIu64 " lines were written, %" PRIu64
               " were not, and what follows in the capture was not inspected",
               alerts->lines_written, alerts->lines_lost);
}

static void print_summary(const struct read_options *options, const struct pipeline_result *result)
{
    struct summary_keys keys = {0, 0};
    if (options->keys != NULL)
        keys = (struct summary_keys){key_list_entries(options->keys), key_list_names(options->keys)};
    summary_print(stderr, result, options->keys != NULL ? &keys : NULL);
}

static int report(const struct read_options *options, const struct pipeline_result *result, int status,
                  const struct error *error)
{
    if (status == -EPIPE) {
        if (!options->quiet)
            tell_undelivered(&result->alerts);
        return end_by_broken_pipe();
    }
    if (status != 0) {
        log_error("%s", error->text[0] != '\0' ? error->text : strerror(-status));
        return EXIT_FAILED;
    }
    bool any_read = result->files.files_read > 0 || result->interrupted; /* else the errors say all there is to say */
    if (!options->quiet && any_read)
        print_summary(options, result);
    if (!result->law_holds) {
        log_error("the counters do not add up: some packet or byte was lost without a name; please report this");
        return EXIT_FAILED;
    }
    /* What was found outweighs what could not be read, as with grep. */
    int done = result->files.files_failed > 0 ? EXIT_FAILED : EXIT_DONE;
    return options->fail_on_alert && result->alerts.sightings > 0 ? EXIT_ALERTED : done;
}

static int run(int argc, char **argv)
{
    bool terminal = isatty(STDOUT_FILENO) == 1;
    const char *no_color = getenv("NO_COLOR"); /* no-color.org: set and not empty */
    struct read_options options = {
        .pipeline = {.color = terminal && (no_color == NULL || no_color[0] == '\0'), .output_fd = STDOUT_FILENO},
        .key_arguments = calloc((size_t)argc, sizeof(*options.key_arguments)),
    };
    if (options.key_arguments == NULL) {
        log_error("out of memory for the command line");
        return EXIT_FAILED;
    }
    int status = parse(argc, argv, &options);
    if (status == EXIT_DONE)
        status = configure(&options, terminal);
    if (status == EXIT_DONE)
        status = load_keys(&options);
    if (status == EXIT_DONE) {
        options.pipeline.keys = options.keys;
        if (options.keys == NULL)
            log_notice("no revoked keys given (-k): tokens are counted, none can be a finding");
        catch_signals();
        struct pipeline_result result;
        struct error error = {""};
        status = pipeline_read(&options.pipeline, options.paths, options.paths_count, &result, &error);
        status = report(&options, &result, status, &error);
    }
    key_list_destroy(options.keys);
    configuration_release(&options.configuration);
    free(options.key_arguments);
    return status;
}

const struct command read_command = {
    .name = "read",
    .summary = "captures (pcap, pcapng) in, alerts out",
    .help = help,
    .run = run,
};

/* SPDX-License-Identifier: BSD-3-Clause */
/* bearertap bench: how fast it is, here. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearertap/bench.h>
#include <bearertap/commands.h>
#include <bearertap/nearest.h>

#include "command.h"

static const char help[] =
    "Usage: bearertap bench [--mix NAME]... [OPTIONS]\n"
    "       bearertap bench --all | --worst [OPTIONS]\n"
    "       bearertap bench --capture FILE [-k KEYS]... [OPTIONS]\n"
    "       bearertap bench --against PROGRAM [--mix NAME]... [OPTIONS]\n"
    "\n"
    "Measures the real workers on packets in memory, which a source hands out as a driver does, and beside them, in "
    "the\n"
    "same run and on the same packets, two floors: receiving alone (an mbuf a packet, a line of it read), and raw\n"
    "Hyperscan over the payload. What is found is compared with what is in the packets: a speed at which something is\n"
    "missed is printed as failed. Needs no privileges; a quiet machine with two CPUs is best.\n"
    "\n"
    "What is measured:\n"
    "  -m, --mix NAME         made traffic of a kind (`bearertap gen --help` lists them), any number of times\n"
    "                         (default: mixed)\n"
    "      --all              the table of what is to be reached, below: a line for each row\n"
    "      --row NAME         of the table only this row, any number of times\n"
    "      --capture FILE     a capture's packets. What is expected is what one plain pass over them finds\n"
    "  -k, --keys KEYS        its revoked keys: a list, or id:VALUE, as for `read`\n"
    "      --worst            the worst traffic that one can think of, against api\n"
    "      --against PROGRAM  another bearertap: both run by turns, and the ratio of their times is printed\n"
    "\n"
    "How:\n"
    "      --rounds N         turns of each side, 1 to 31; the median counts (default: 7)\n"
    "      --seconds S        what a turn takes (default: 0.3)\n"
    "      --flows N          connections alive at a time (default: 2000)\n"
    "      --size BYTES       packets that are out of cache; more where the caches are large (default: 128M)\n"
    "      --revoked N        keys in the list, up to 10000000; tokens bear 100 of them (default: 100)\n"
    "  -w, --workers N        threads that inspect, each on a CPU of its own (default: 1); for mixes and captures\n"
    "      --json             one JSON object to standard output, and no text\n"
    "      --html FILE        a page with the figures as charts, in one file\n"
    "  -h, --help             this text\n"
    "\n"
    "Examples:\n"
    "  bearertap bench --mix api --mix bulk\n"
    "  bearertap bench --all --html bench.html\n"
    "  bearertap bench --capture day.pcap -k day.keys.txt --json | jq '.runs[0].gbit_per_s'\n"
    "  bearertap bench --against build/before/app/bearertap --mix api\n"
    "\n"
    "Exit status: 0 all was measured and found (a missed target is no failure), 1 failed, or something was missed, 2\n"
    "wrong usage.\n"
    "\n"
    "The table of --all:\n";

struct arguments {
    struct bench_options options;
    const struct traffic_mix **mixes;
    const char **keys, **rows;
    int keys_count;
    bool all, worst;
    bool has_workers;
    struct key_list *key_list;
};

/* ---- the command line ---- */

static int set_number(uint32_t *out, const char *option, const char *argument, uint32_t most)
{
    uint64_t value;
    if (!argument_number(argument, false, 1, most, &value))
        return refuse_usage("bench", "%s wants a number from 1 to %u, not %s", option, most, argument_shown(argument));
    *out = (uint32_t)value;
    return EXIT_DONE;
}

static int set_seconds(double *out, const char *argument)
{
    char *end;
    double value = strtod(argument, &end);
    if (*end != '\0' || argument[0] < '0' || argument[0] > '9' || !isfinite(value) || value < 0.001 || value > 60)
        return refuse_usage("bench", "--seconds wants a number from 0.001 to 60, not %s", argument_shown(argument));
    *out = value;
    return EXIT_DONE;
}

static int set_size(size_t *out, const char *argument)
{
    uint64_t bytes;
    if (!argument_number(argument, true, 1000000, 16000000000, &bytes))
        return refuse_usage("bench", "--size wants a number of bytes from 1M to 16G, not %s", argument_shown(argument));
    *out = bytes;
    return EXIT_DONE;
}

static int add_mix(struct arguments *arguments, const char *argument)
{
    const struct traffic_mix *mix = traffic_mix_find(argument);
    if (mix != NULL) {
        arguments->mixes[arguments->options.mixes_count++] = mix;
        return EXIT_DONE;
    }
    const char **names = calloc(traffic_mixes_count + 1, sizeof(*names)), *nearest = NULL;
    for (unsigned i = 0; names != NULL && i < traffic_mixes_count; i++)
        names[i] = traffic_mixes[i].name;
    if (names != NULL)
        nearest = nearest_word(argument, names);
    free(names);
    return refuse_usage("bench", "there is no mix %s%s%s%s", argument_shown(argument),
                        nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
                        nearest != NULL ? "?)" : "");
}

static int set_path(const char **out, const char *option, const char *argument)
{
    if (*out != NULL)
        return refuse_usage("bench", "%s is given twice", option);
    if (argument[0] == '\0')
        return refuse_usage("bench", "%s: an empty name of a file", option);
    if (argument_looks_like_token(argument))
        return refuse_usage("bench", "%s: the file's name looks like a token", option);
    *out = argument;
    return EXIT_DONE;
}

enum {
    OPTION_ALL = 256,
    OPTION_ROW,
    OPTION_CAPTURE,
    OPTION_WORST,
    OPTION_AGAINST,
    OPTION_ROUNDS,
    OPTION_SECONDS,
    OPTION_FLOWS,
    OPTION_SIZE,
    OPTION_REVOKED,
    OPTION_JSON,
    OPTION_HTML
};

/* What one of the known options says; `argument` is NULL where it has none. */
static int take_option(struct arguments *arguments, int option, const char *argument)
{
    struct bench_options *options = &arguments->options;
    struct bench_settings *settings = &options->settings;
    int status = EXIT_DONE;
    switch (option) {
    case 'm':
        status = add_mix(arguments, argument);
        break;
    case 'k':
        arguments->keys[arguments->keys_count++] = argument;
        break;
    case 'w':
        status = set_number(&settings->workers, "--workers", argument, BENCH_WORKERS_MAX);
        arguments->has_workers = true;
        break;
    case OPTION_ALL:
        arguments->all = true;
        break;
    case OPTION_ROW:
        arguments->all = true;
        arguments->rows[options->rows_count++] = argument;
        if (!bench_has_row(argument))
            status = refuse_usage("bench", "there is no row %s in the table", argument_shown(argument));
        break;
    case OPTION_WORST:
        arguments->worst = true;
        break;
    case OPTION_CAPTURE:
        status = set_path(&options->capture_path, "--capture", argument);
        break;
    case OPTION_AGAINST:
        status = set_path(&options->other_path, "--against", argument);
        break;
    case OPTION_HTML:
        status = set_path(&options->html_path, "--html", argument);
        break;
    case OPTION_ROUNDS:
        status = set_number(&settings->rounds, "--rounds", argument, BENCH_ROUNDS_MAX);
        break;
    case OPTION_SECONDS:
        status = set_seconds(&settings->turn_seconds, argument);
        break;
    case OPTION_FLOWS:
        status = set_number(&settings->flows, "--flows", argument, TRAFFIC_FLOWS_MAX);
        break;
    case OPTION_SIZE:
        status = set_size(&settings->lap_bytes, argument);
        break;
    case OPTION_REVOKED:
        status = set_number(&settings->keys, "--revoked", argument, TRAFFIC_KEYS_MAX);
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    }
    return status;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option longs[] = {
        {"mix", required_argument, NULL, 'm'},
        {"all", no_argument, NULL, OPTION_ALL},
        {"row", required_argument, NULL, OPTION_ROW},
        {"capture", required_argument, NULL, OPTION_CAPTURE},
        {"keys", required_argument, NULL, 'k'},
        {"worst", no_argument, NULL, OPTION_WORST},
        {"against", required_argument, NULL, OPTION_AGAINST},
        {"rounds", required_argument, NULL, OPTION_ROUNDS},
        {"seconds", required_argument, NULL, OPTION_SECONDS},
        {"flows", required_argument, NULL, OPTION_FLOWS},
        {"size", required_argument, NULL, OPTION_SIZE},
        {"revoked", required_argument, NULL, OPTION_REVOKED},
        {"workers", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, OPTION_JSON},
        {"html", required_argument, NULL, OPTION_HTML},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    int status = EXIT_DONE;
    for (int option; status == EXIT_DONE && (option = getopt_long(argc, argv, ":m:k:w:", longs, NULL)) != -1;)
        status = option == '?' || option == ':' ? refuse_option("bench", option, argv[optind - 1], longs)
                                                : take_option(arguments, option, optarg);
    if (status == EXIT_DONE && optind < argc)
        status = refuse_usage("bench", "%s is no option; a capture's name goes behind --capture",
                              argument_shown(argv[optind]));
    return status;
}

/* One thing is measured at a time, and what belongs to another is a mistake. */
static int choose_subject(struct arguments *arguments)
{
    struct bench_options *options = &arguments->options;
    bool capture = options->capture_path != NULL, against = options->other_path != NULL;
    if (arguments->all + arguments->worst + capture + against > 1)
        return refuse_usage("bench", "--all, --worst, --capture and --against are four measurements; give one");
    if (options->mixes_count > 0 && (arguments->all || arguments->worst || capture))
        return refuse_usage("bench", "--mix goes alone, or with --against");
    if (arguments->keys_count > 0 && !capture)
        return refuse_usage("bench", "-k is for --capture: made traffic has its own revoked keys (--revoked)");
    if (capture && strcmp(options->capture_path, "-") == 0)
        return refuse_usage("bench", "a capture is read several times, so it cannot be standard input");
    if (options->html_path != NULL && (against || arguments->worst))
        return refuse_usage("bench", "--html is for --all, --mix and --capture");
    if (arguments->has_workers && (arguments->all || arguments->worst))
        return refuse_usage("bench", "-w is for mixes and captures");
    options->subject = arguments->all     ? BENCH_ALL
                       : arguments->worst ? BENCH_WORST
                       : capture          ? BENCH_CAPTURE
                       : against          ? BENCH_AGAINST
                                          : BENCH_MIXES;
    if (options->mixes_count == 0)
        arguments->mixes[options->mixes_count++] = traffic_mix_find("mixed");
    options->mixes = arguments->mixes;
    options->rows = arguments->rows;
    return key_arguments_check("bench", arguments->keys, arguments->keys_count, NULL, 0);
}

static int load_keys(struct arguments *arguments)
{
    struct error error = {""};
    int result = key_list_create(&arguments->key_list);
    for (int i = 0; result == 0 && i < arguments->keys_count; i++)
        result = key_argument_add(arguments->key_list, arguments->keys[i], &error);
    arguments->options.keys = arguments->key_list;
    if (result == 0)
        return EXIT_DONE;
    log_error("%s", error.text[0] != '\0' ? error.text : "out of memory for the revoked keys");
    return EXIT_FAILED;
}

static int check_readable(const char *path)
{
    if (access(path, R_OK) == 0)
        return EXIT_DONE;
    log_error("cannot open %s: %s", path, strerror(errno));
    return EXIT_FAILED;
}

static int check_files(const struct bench_options *options)
{
    int status = EXIT_DONE;
    if (options->capture_path != NULL)
        status = check_readable(options->capture_path);
    if (status == EXIT_DONE && options->other_path != NULL && access(options->other_path, X_OK) != 0) {
        log_error("cannot run %s: %s", options->other_path, strerror(errno));
        status = EXIT_FAILED;
    }
    return status;
}

static int run(int argc, char **argv)
{
    struct arguments arguments = {
        .options.settings = bench_usual,
        .mixes = calloc((size_t)argc + 1, sizeof(void *)),
        .keys = calloc((size_t)argc, sizeof(*arguments.keys)),
        .rows = calloc((size_t)argc, sizeof(*arguments.rows)),
    };
    int status = EXIT_FAILED;
    if (arguments.mixes == NULL || arguments.keys == NULL || arguments.rows == NULL)
        log_error("out of memory for the command line");
    else
        status = parse(argc, argv, &arguments);
    if (status == EXIT_DONE)
        status = choose_subject(&arguments);
    if (status == EXIT_DONE)
        status = check_files(&arguments.options);
    if (status == EXIT_DONE && arguments.options.subject == BENCH_CAPTURE)
        status = load_keys(&arguments);
    if (status == EXIT_DONE)
        status = bench_run(&arguments.options) == 0 ? EXIT_DONE : EXIT_FAILED;
    key_list_destroy(arguments.key_list);
    free(arguments.rows);
    free(arguments.keys);
    free(arguments.mixes);
    return status;
}

const struct command bench_command = {
    .name = "bench",
    .summary = "measures how fast it is here, against what memory and matcher allow",
    .help = help,
    .more_help = bench_print_rows,
    .run = run,
};

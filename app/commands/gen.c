/* SPDX-License-Identifier: BSD-3-Clause */
/* bearertap gen: writes a capture of made traffic, and the truth about it. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bearertap/commands.h>
#include <bearertap/error.h>
#include <bearertap/nearest.h>
#include <bearertap/traffic.h>

#include "command.h"
#include "gen_file.h"
#include "gen_truth.h"

static const char help[] =
    "Usage: bearertap gen -o FILE.pcap|- [OPTIONS]\n"
    "\n"
    "Makes traffic as a tap behind a TLS terminator sees it, some of whose tokens bear a revoked key, and says which:\n"
    "a capture (pcap, times in nanoseconds), the truth about it, and the list of its revoked keys. The same options\n"
    "give the same bytes on any machine. Needs no privileges.\n"
    "\n"
    "Options:\n"
    "  -o, --output FILE    the capture; - is standard output. Beside X.pcap come X.truth.json and X.keys.txt, beside "
    "-\n"
    "                       only what is asked for\n"
    "  -m, --mix NAME       what kind of traffic (default: mixed)\n"
    "  -s, --size BYTES     of the capture; k, M, G are thousands, millions, billions (default: 100M). It ends as "
    "soon\n"
    "                       as no request's head is left half\n"
    "      --seed N         another seed is other traffic of the same kind (default: 1)\n"
    "      --flows N        connections alive at a time, up to 1048576 (default: 2000)\n"
    "      --keys N         revoked keys in the list, over which the sightings are spread (default: 100)\n"
    "      --payload BYTES  of a full segment, up to 65000 (default: 1448; 8948 is jumbo, more is offload)\n"
    "      --under-way      at first every connection stands at some point of its life, as when a tap is plugged in\n"
    "      --truth FILE     where the truth goes: JSON, a line for each sighting that must be found\n"
    "      --revoked FILE   where the list of revoked keys goes: what `bearertap read -k` takes\n"
    "  -q, --quiet          no summary on standard error\n"
    "  -h, --help           this text\n"
    "\n"
    "Examples:\n"
    "  bearertap gen -o day.pcap && bearertap read -k day.keys.txt day.pcap\n"
    "  bearertap gen -o - --mix api --size 2G | bearertap read -k day.keys.txt -\n"
    "  bearertap gen -o x.pcap --mix chaos && jq .totals x.truth.json\n"
    "The list of revoked keys depends on --seed and --keys alone, and a longer one begins as a shorter one does.\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage. Ctrl-C (or SIGTERM) ends the capture early, and well.\n"
    "\n"
    "Mixes:\n";

#define SIZE_DEFAULT 100000000
#define SIZE_MOST    ((uint64_t)1 << 50)

struct gen_options {
    struct traffic_options traffic;
    uint64_t size;
    const char *capture_path, *truth_path, *keys_path;
    bool quiet;
};

static void print_mixes(FILE *out)
{
    for (unsigned i = 0; i < traffic_mixes_count; i++)
        fprintf(out, "  %-10s  %s\n", traffic_mixes[i].name, traffic_mixes[i].help);
}

/* ---- the command line ---- */

static int set_number(uint32_t *out, const char *option, const char *argument, uint32_t most)
{
    uint64_t number;
    if (!argument_number(argument, false, 1, most, &number))
        return refuse_usage("gen", "%s wants a number from 1 to %" PRIu32 ", not %s", option, most,
                            argument_shown(argument));
    *out = (uint32_t)number;
    return EXIT_DONE;
}

static int set_size(struct gen_options *options, const char *argument)
{
    if (argument_number(argument, true, 1, SIZE_MOST, &options->size))
        return EXIT_DONE;
    return refuse_usage("gen", "--size wants a number of bytes, as 500k, 100M or 2G, not %s", argument_shown(argument));
}

static int set_seed(struct gen_options *options, const char *argument)
{
    if (argument_number(argument, false, 0, UINT64_MAX, &options->traffic.seed))
        return EXIT_DONE;
    return refuse_usage("gen", "--seed wants a number from 0 to %" PRIu64 ", not %s", UINT64_MAX,
                        argument_shown(argument));
}

static int set_mix(struct gen_options *options, const char *argument)
{
    options->traffic.mix = traffic_mix_find(argument);
    if (options->traffic.mix != NULL)
        return EXIT_DONE;
    const char **names = calloc(traffic_mixes_count + 1, sizeof(*names)), *nearest = NULL;
    for (unsigned i = 0; names != NULL && i < traffic_mixes_count; i++)
        names[i] = traffic_mixes[i].name;
    if (names != NULL)
        nearest = nearest_word(argument, names);
    free(names);
    return refuse_usage("gen", "there is no mix %s%s%s%s", argument_shown(argument),
                        nearest != NULL ? " (did you mean " : "", nearest != NULL ? nearest : "",
                        nearest != NULL ? "?)" : "");
}

static int parse(int argc, char **argv, struct gen_options *options)
{
    enum {
        OPTION_SEED = 256,
        OPTION_FLOWS,
        OPTION_KEYS,
        OPTION_PAYLOAD,
        OPTION_UNDER_WAY,
        OPTION_TRUTH,
        OPTION_REVOKED
    };
    static const struct option longs[] = {
        {"output", required_argument, NULL, 'o'},
        {"mix", required_argument, NULL, 'm'},
        {"size", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, OPTION_SEED},
        {"flows", required_argument, NULL, OPTION_FLOWS},
        {"keys", required_argument, NULL, OPTION_KEYS},
        {"payload", required_argument, NULL, OPTION_PAYLOAD},
        {"under-way", no_argument, NULL, OPTION_UNDER_WAY},
        {"truth", required_argument, NULL, OPTION_TRUTH},
        {"revoked", required_argument, NULL, OPTION_REVOKED},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    int status = EXIT_DONE;
    for (int option; status == EXIT_DONE && (option = getopt_long(argc, argv, ":o:m:s:q", longs, NULL)) != -1;) {
        switch (option) {
        case 'o':
            options->capture_path = optarg;
            break;
        case 'm':
            status = set_mix(options, optarg);
            break;
        case 's':
            status = set_size(options, optarg);
            break;
        case OPTION_SEED:
            status = set_seed(options, optarg);
            break;
        case OPTION_FLOWS:
            status = set_number(&options->traffic.flows, "--flows", optarg, TRAFFIC_FLOWS_MAX);
            break;
        case OPTION_KEYS:
            status = set_number(&options->traffic.keys, "--keys", optarg, TRAFFIC_KEYS_MAX);
            break;
        case OPTION_PAYLOAD:
            status = set_number(&options->traffic.payload_bytes, "--payload", optarg, TRAFFIC_PAYLOAD_MAX);
            break;
        case OPTION_UNDER_WAY:
            options->traffic.under_way = true;
            break;
        case OPTION_TRUTH:
            options->truth_path = optarg;
            break;
        case OPTION_REVOKED:
            options->keys_path = optarg;
            break;
        case 'q':
            options->quiet = true;
            break;
        default:
            status = refuse_option("gen", option, argv[optind - 1], longs);
        }
    }
    if (status == EXIT_DONE && optind < argc)
        status =
            refuse_usage("gen", "%s is no option; the capture's name goes behind -o", argument_shown(argv[optind]));
    return status;
}

/* Whether both are the same file, by whatever name; one that is not there yet is known by its name alone. */
static bool are_same(const char *a, const char *b)
{
    struct stat of_a, of_b;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino &&
           S_ISREG(of_a.st_mode);
}

static int check_paths(const struct gen_options *options)
{
    const char *const paths[] = {options->capture_path, options->truth_path, options->keys_path};
    if (options->capture_path == NULL)
        return refuse_usage("gen", "where to? give -o FILE.pcap, or -o - for a pipe");
    for (unsigned i = 0; i < 3; i++) {
        if (paths[i] != NULL && paths[i][0] == '\0')
            return refuse_usage("gen", "an empty name of a file");
        if (paths[i] != NULL && argument_looks_like_token(paths[i]))
            return refuse_usage("gen", "one of the files looks like a token");
        for (unsigned j = 0; j < i; j++)
            if (paths[i] != NULL && paths[j] != NULL && are_same(paths[i], paths[j]))
                return refuse_usage("gen",
                                    "capture, truth and revoked keys go into one file each, and two are to go to %s",
                                    argument_shown(paths[i]));
    }
    if (strcmp(options->capture_path, "-") == 0 && isatty(STDOUT_FILENO) == 1)
        return refuse_usage("gen", "packets are nothing for a terminal; give -o FILE.pcap, or a pipe behind it");
    return EXIT_DONE;
}

/* X.pcap -> X and this ending; NULL without memory. */
static char *beside(const char *capture_path, const char *ending)
{
    size_t length = strlen(capture_path);
    if (length > 5 && strcmp(capture_path + length - 5, ".pcap") == 0)
        length -= 5;
    char *path;
    return asprintf(&path, "%.*s%s", (int)length, capture_path, ending) < 0 ? NULL : path;
}

/* ---- making ---- */

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    /* A second one ends it as it is: a reader that does not read may hold it for ever. */
    const struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
}

static uint8_t *put_little_endian(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
    return at + 4;
}

/* The pcap format: a header and a record a packet, here always little-endian and in nanoseconds. */
static void put_capture_header(struct gen_file *file)
{
    const uint32_t words[] = {0xa1b23c4d, 2 | 4 << 16, 0, 0, 262144, 1};
    uint8_t *at = gen_file_take(file, sizeof(words));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        at = put_little_endian(at, words[i]);
}

static void put_packet(struct gen_file *file, const struct traffic_packet *packet)
{
    uint8_t *at = gen_file_take(file, 16 + packet->length);
    at = put_little_endian(at, (uint32_t)(packet->time_ns / 1000000000));
    at = put_little_endian(at, (uint32_t)(packet->time_ns % 1000000000));
    at = put_little_endian(at, packet->length);
    at = put_little_endian(at, packet->length);
    memcpy(at, packet->bytes, packet->length);
}

static void write_capture(struct traffic *traffic, uint64_t size, struct gen_file *capture,
                          const struct gen_file *truth)
{
    struct traffic_packet packet;
    put_capture_header(capture);
    while (capture->written < size && !stopped && capture->failure == 0 && truth->failure == 0 &&
           traffic_next(traffic, &packet))
        put_packet(capture, &packet);
    traffic_finish(traffic);
    while (capture->failure == 0 && truth->failure == 0 && traffic_next(traffic, &packet))
        put_packet(capture, &packet);
}

static void write_keys(const struct traffic_options *options, struct gen_file *file)
{
    char kid[TRAFFIC_KEY_ID_MAX];
    gen_file_format(file, "# the revoked keys of: bearertap gen --seed %" PRIu64 " --keys %u\n", options->seed,
                    options->keys);
    for (uint32_t i = 0; file->path != NULL && file->failure == 0 && !stopped && i < options->keys; i++) {
        traffic_key_id(options->seed, i, kid);
        gen_file_put(file, kid);
        gen_file_put(file, "\n");
    }
}

static void print_summary(const struct gen_options *options, uint64_t written, const struct traffic_totals *totals)
{
    log_notice("%" PRIu64 " bytes, %" PRIu64 " packet%s of %" PRIu64 " connection%s; %" PRIu64 " token%s, %" PRIu64
               " sighting%s to find",
               written, totals->packets, plural(totals->packets), totals->connections, plural(totals->connections),
               totals->tokens, plural(totals->tokens), totals->sightings, plural(totals->sightings));
    if (options->truth_path != NULL)
        log_notice("the truth is in %s", options->truth_path);
    if (options->keys_path != NULL)
        log_notice("the revoked keys are in %s", options->keys_path);
}

struct gen_outputs {
    struct gen_file capture, keys;
    struct gen_truth truth;
};

/* All of them before anything is made: what cannot be written is said at once. */
static int open_outputs(const struct gen_options *options, struct gen_outputs *outputs)
{
    int status = gen_file_open(&outputs->capture, options->capture_path);
    if (status == EXIT_DONE && options->truth_path != NULL)
        status = gen_file_open(&outputs->truth.file, options->truth_path);
    if (status == EXIT_DONE && options->keys_path != NULL)
        status = gen_file_open(&outputs->keys, options->keys_path);
    return status;
}

static void abandon_outputs(struct gen_outputs *outputs)
{
    gen_file_abandon(&outputs->capture);
    gen_file_abandon(&outputs->truth.file);
    gen_file_abandon(&outputs->keys);
}

static int write_all(const struct gen_options *options, struct traffic *traffic, struct gen_outputs *outputs)
{
    struct gen_file *capture = &outputs->capture, *truth = &outputs->truth.file;
    write_keys(&options->traffic, &outputs->keys);
    bool all_whole = gen_file_close(&outputs->keys);
    if (all_whole) {
        gen_truth_begin(&outputs->truth, &options->traffic, options->size);
        write_capture(traffic, options->size, capture, truth);
        gen_truth_end(&outputs->truth, traffic_totals(traffic));
        all_whole = gen_file_close(capture);
        all_whole = gen_file_close(truth) && all_whole;
    }
    if (capture->failure == EPIPE || truth->failure == EPIPE || outputs->keys.failure == EPIPE) {
        if (!options->quiet)
            log_notice("the reader of the output went away: what it has is cut short");
        return end_by_broken_pipe();
    }
    if (all_whole && !options->quiet)
        print_summary(options, capture->written, traffic_totals(traffic));
    return all_whole ? EXIT_DONE : EXIT_FAILED;
}

static int make(const struct gen_options *options)
{
    struct gen_outputs outputs = {0};
    struct traffic *traffic = NULL;
    struct error error;
    traffic_sighting_function *sighted = options->truth_path != NULL ? gen_truth_sighting : NULL;
    int status = open_outputs(options, &outputs);
    if (status == EXIT_DONE && traffic_create(&options->traffic, sighted, &outputs.truth, &traffic, &error) != 0) {
        log_error("%s", error.text);
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE)
        status = write_all(options, traffic, &outputs);
    traffic_destroy(traffic);
    abandon_outputs(&outputs);
    return status;
}

static int run(int argc, char **argv)
{
    struct gen_options options = {
        .traffic = {.mix = traffic_mix_find("mixed"), .seed = 1, .flows = 2000, .keys = 100, .payload_bytes = 1448},
        .size = SIZE_DEFAULT,
    };
    char *truth_path = NULL, *keys_path = NULL;
    int status = parse(argc, argv, &options);
    if (status == EXIT_DONE && options.capture_path != NULL && strcmp(options.capture_path, "-") != 0) {
        truth_path = options.truth_path == NULL ? beside(options.capture_path, ".truth.json") : NULL;
        keys_path = options.keys_path == NULL ? beside(options.capture_path, ".keys.txt") : NULL;
        options.truth_path = options.truth_path == NULL ? truth_path : options.truth_path;
        options.keys_path = options.keys_path == NULL ? keys_path : options.keys_path;
    }
    if (status == EXIT_DONE)
        status = check_paths(&options);
    if (status == EXIT_DONE) {
        options.traffic.tell_tokens = options.truth_path != NULL;
        catch_signals();
        status = make(&options);
    }
    free(truth_path);
    free(keys_path);
    return status;
}

const struct command gen_command = {
    .name = "gen",
    .summary = "makes traffic with known truth: a capture, what must be found in it, and its revoked keys",
    .help = help,
    .more_help = print_mixes,
    .run = run,
};

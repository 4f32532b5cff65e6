/* SPDX-License-Identifier: BSD-3-Clause */
/* bearertap keys: what is wrong in lists of revoked keys, and what the table makes of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearertap/commands.h>
#include <bearertap/error.h>

#include "command.h"
#include "keys_list.h"
#include "print.h"

static const char help[] =
    "Usage: bearertap keys lint [OPTIONS] FILE...\n"
    "       bearertap keys list [OPTIONS] FILE|id:VALUE...\n"
    "\n"
    "Looks at lists of revoked keys as `bearertap read -k` takes them: JWK Sets, text files with one key id a line,\n"
    "PEM certificates and public keys. - is standard input.\n"
    "\n"
    "lint says everything that is wrong in the files, one problem a line as compilers do it, FILE:LINE:COLUMN: first:\n"
    "  error    the list is refused as it is\n"
    "  warning  it is taken, and most likely does not do what was meant: a name that can never match, a key that is\n"
    "           there twice (by any spelling, in any of the files), a member that is passed over, a secret\n"
    "list shows the keys in the order of the files, each with all the names under which it is found, whatever "
    "spelling\n"
    "the file has: kid, certificate thumbprints (x5t, x5t#S256), the thumbprint of the public key (jkt, RFC 7638).\n"
    "\n"
    "Options:\n"
    "  -f, --format FORMAT  text: for a person (the default); json: an object a line\n"
    "      --json           the same as -f json\n"
    "      --max N          lint: the errors and the warnings that are shown of a file, each (default: 100; 0: all)\n"
    "      --count          list: the numbers of keys and of names alone, on standard output\n"
    "  -q, --quiet          no summary on standard error\n"
    "  -h, --help           this text\n"
    "\n"
    "No token and no private key is ever written.\n"
    "\n"
    "Examples:\n"
    "  bearertap keys lint revoked.json && systemctl reload siem-feed\n"
    "  bearertap keys list -f json revoked.json | jq -r '.names[] | select(.as == \"x5t\").hex'\n"
    "  bearertap keys list id:1LTMzakihiRla_8z2BEJVXeWMqo\n"
    "\n"
    "Exit status: 0 done (for lint: there may be warnings), 1 failed (for lint: there are errors), 2 wrong usage.\n";

#define PROBLEMS_SHOWN 100 /* of each kind and of each file, unless --max says otherwise */

struct keys_options {
    bool json, count, quiet;
    bool max_given;
    size_t max;
    const char *const *arguments;
    int arguments_count;
};

/* ---- lint ---- */

struct lint_output {
    const struct keys_options *options;
    const char *path;
    size_t errors, warnings, hidden_errors, hidden_warnings; /* of this file; hidden: beyond options->max */
    size_t all_errors, all_warnings;
};

static void print_problem_text(const struct key_problem *problem)
{
    print_text(stdout, problem->source, strlen(problem->source));
    if (problem->line > 0)
        printf(":%u", problem->line);
    if (problem->line > 0 && problem->column > 0)
        printf(":%u", problem->column);
    printf(": %s: ", problem->is_error ? "error" : "warning");
    if (problem->key > 0)
        printf("key %u: ", problem->key);
    print_notice(stdout, problem->text); /* a path in it is not escaped yet */
    putc('\n', stdout);
}

static void print_problem_json(const struct key_problem *problem)
{
    fputs("{\"file\":", stdout);
    print_json_string(stdout, problem->source, strlen(problem->source));
    if (problem->line > 0)
        printf(",\"line\":%u", problem->line);
    if (problem->line > 0 && problem->column > 0)
        printf(",\"column\":%u", problem->column);
    printf(",\"severity\":\"%s\"", problem->is_error ? "error" : "warning");
    if (problem->key > 0)
        printf(",\"key\":%u", problem->key);
    if (problem->member != NULL) {
        fputs(",\"member\":", stdout);
        print_json_string(stdout, problem->member, strlen(problem->member));
    }
    fputs(",\"message\":", stdout);
    print_json_string(stdout, problem->text, strlen(problem->text));
    fputs("}\n", stdout);
}

static void take_problem(void *context, const struct key_problem *problem)
{
    struct lint_output *output = context;
    size_t *count = problem->is_error ? &output->errors : &output->warnings;
    if (output->options->max > 0 && *count == output->options->max) {
        ++*(problem->is_error ? &output->hidden_errors : &output->hidden_warnings);
        return;
    }
    ++*count;
    if (output->options->json)
        print_problem_json(problem);
    else
        print_problem_text(problem);
}

/* What of a file was not shown: to standard error, so that standard output holds problems alone. Behind them, where
 * both go to one place. */
static void end_file(struct lint_output *output)
{
    fflush(stdout);
    if (output->hidden_errors + output->hidden_warnings > 0)
        log_notice("%s has %zu more error%s and %zu more warning%s, not shown (--max 0 shows all)", output->path,
                   output->hidden_errors, plural(output->hidden_errors), output->hidden_warnings,
                   plural(output->hidden_warnings));
    output->all_errors += output->errors + output->hidden_errors;
    output->all_warnings += output->warnings + output->hidden_warnings;
    output->errors = output->warnings = output->hidden_errors = output->hidden_warnings = 0;
}

static void print_summary(const struct lint_output *output, const struct key_list *list, int files)
{
    size_t keys = key_list_entries(list), names = key_list_names(list);
    log_notice("%zu error%s, %zu warning%s; %zu key%s readable, with %zu name%s, in %d file%s", output->all_errors,
               plural(output->all_errors), output->all_warnings, plural(output->all_warnings), keys, plural(keys),
               names, plural(names), files, plural((uint64_t)files));
}

static int run_lint(const struct keys_options *options)
{
    struct lint_output output = {.options = options};
    struct key_lint *lint;
    int result = key_lint_create(&lint, take_problem, &output);
    if (result != 0) {
        log_error("%s", strerror(-result));
        return EXIT_FAILED;
    }
    for (int i = 0; i < options->arguments_count; i++) {
        output.path = options->arguments[i];
        key_lint_file(lint, output.path);
        end_file(&output);
    }
    const struct key_list *list = key_lint_list(lint);
    if (!options->quiet)
        print_summary(&output, list, options->arguments_count);
    key_lint_destroy(lint);
    return output.all_errors > 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- list ---- */

static void print_count(size_t keys, size_t names, bool json)
{
    if (json)
        printf("{\"keys\":%zu,\"names\":%zu}\n", keys, names);
    else
        printf("%zu key%s, %zu name%s\n", keys, plural(keys), names, plural(names));
}

static int run_list(const struct keys_options *options)
{
    struct key_list *list;
    struct error error = {""};
    int result = key_list_create(&list);
    if (result != 0) {
        log_error("%s", strerror(-result));
        return EXIT_FAILED;
    }
    for (int i = 0; i < options->arguments_count && result == 0; i++)
        result = key_argument_add(list, options->arguments[i], &error);
    if (result != 0)
        log_error("%s", error.text);
    size_t keys = key_list_entries(list), names = key_list_names(list);
    if (result == 0 && options->count) {
        print_count(keys, names, options->json);
    } else if (result == 0) {
        keys_print_list(stdout, list, options->json);
        fflush(stdout); /* before what follows on standard error */
        if (!options->quiet)
            log_notice("%zu revoked key%s, findable by %zu name%s", keys, plural(keys), names, plural(names));
    }
    key_list_destroy(list);
    return result == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the command line ---- */

static int set_max(struct keys_options *options, const char *argument)
{
    char *end;
    errno = 0;
    unsigned long max = strtoul(argument, &end, 10);
    if (errno != 0 || *end != '\0' || argument[0] < '0' || argument[0] > '9')
        return refuse_usage("keys", "--max wants a number, not %s", argument_shown(argument));
    options->max = max;
    options->max_given = true;
    return EXIT_DONE;
}

static int parse(int argc, char **argv, struct keys_options *options)
{
    enum { OPTION_JSON = 256, OPTION_COUNT, OPTION_MAX };
    static const struct option longs[] = {
        {"format", required_argument, NULL, 'f'},   {"json", no_argument, NULL, OPTION_JSON},
        {"count", no_argument, NULL, OPTION_COUNT}, {"max", required_argument, NULL, OPTION_MAX},
        {"quiet", no_argument, NULL, 'q'},          {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":f:q", longs, NULL)) != -1;) {
        switch (option) {
        case 'f':
            if (strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0)
                return refuse_usage("keys", "the formats are text and json, and not %s", argument_shown(optarg));
            options->json = strcmp(optarg, "json") == 0;
            break;
        case OPTION_JSON:
            options->json = true;
            break;
        case OPTION_COUNT:
            options->count = true;
            break;
        case OPTION_MAX:
            if (set_max(options, optarg) != EXIT_DONE)
                return EXIT_USAGE;
            break;
        case 'q':
            options->quiet = true;
            break;
        default:
            return refuse_option("keys", option, argv[optind - 1], longs);
        }
    }
    options->arguments = (const char *const *)(argv + optind);
    options->arguments_count = argc - optind;
    return EXIT_DONE;
}

static int run(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct keys_options *options);
    } actions[] = {{"lint", run_lint}, {"list", run_list}};
    struct keys_options options = {.max = PROBLEMS_SHOWN};

    if (argc < 2)
        return refuse_usage("keys", "`keys` needs to know what to do: lint or list");
    size_t action = 0;
    while (action < 2 && strcmp(argv[1], actions[action].name) != 0)
        action++;
    if (action == 2)
        return refuse_usage("keys", "`keys` can lint and list, and not %s", argument_shown(argv[1]));
    int status = parse(argc - 1, argv + 1, &options);
    if (status != EXIT_DONE)
        return status;
    bool lints = actions[action].run == run_lint;
    if (lints ? options.count : options.max_given)
        return refuse_usage("keys", lints ? "--count is for list, not for lint" : "--max is for lint, not for list");
    if (options.arguments_count == 0)
        return refuse_usage("keys", "no key list given");
    status = key_arguments_check("keys", options.arguments, options.arguments_count, NULL, 0);
    if (status != EXIT_DONE)
        return status;
    return actions[action].run(&options);
}

const struct command keys_command = {
    .name = "keys",
    .summary = "says what is wrong in lists of revoked keys, shows what they name",
    .help = help,
    .run = run,
};

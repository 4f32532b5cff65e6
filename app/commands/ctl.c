/* SPDX-License-Identifier: BSD-3-Clause */
/* bearertap ctl: asks and tells a running one, over its control socket. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <bearertap/commands.h>
#include <bearertap/control.h>
#include <bearertap/error.h>
#include <bearertap/nearest.h>

#include "command.h"
#include "ctl_show.h"

static const char help[] =
    "Usage: bearertap ctl [-s SOCKET] [--json] COMMAND [ARGUMENT...]\n"
    "\n"
    "Asks a running `bearertap run` how it does, and tells it what to do, over its control socket.\n"
    "\n"
    "Options:\n"
    "  -s, --socket SOCKET  its control socket (default: /run/bearertap.sock for root, bearertap.sock in\n"
    "                       $XDG_RUNTIME_DIR for others)\n"
    "      --json           the answer as a JSON object on one line; a list as one object a line\n"
    "      --save FILE      keys add: append the key to this text list too, so that it outlives the process\n"
    "  -h, --help           this text\n"
    "\n"
    "Root may always connect, and so may the user that it runs as, and the members of the group that its "
    "configuration\n"
    "names. A key id that begins with a dash goes behind --, as in `keys add -- -x7f`.\n"
    "\n"
    "Examples:\n"
    "  bearertap ctl status\n"
    "  bearertap ctl --json stats | jq .outcomes\n"
    "  bearertap ctl keys add d4b4cccda9228624656bff33d8110955779632aa --save revoked.txt\n"
    "\n"
    "Exit status: 0 done, 1 failed (one line says what, where and how to mend it), 2 wrong usage.\n"
    "\n"
    "The commands:\n";

/* A wait for the other side longer than this is given up. */
#define PATIENCE_S 60

struct ctl_command {
    const char *name;
    const char *arguments; /* for a person */
    const char *summary;
    int arguments_count;
    bool takes_save;
    bool leaves_out_zeros; /* of the text: nothing is told by a hundred rows of them */
};

static const struct ctl_command ctl_commands[] = {
    {"status", "", "what runs, since when, with which configuration", 0, false, false},
    {"stats", "", "every counter, in total, by worker and by port", 0, false, true},
    {"ports", "", "each port: device, link, what it can do and what is in force", 0, false, false},
    {"queues", "", "each queue: who polls it, what it received and lost", 0, false, false},
    {"workers", "", "each worker: its CPU, its load, what waits for it", 0, false, false},
    {"keys add", "VALUE", "revoke a key from now on; VALUE is a key id in any spelling", 1, true, false},
    {"keys remove", "VALUE", "revoke it no more", 1, false, false},
    {"keys list", "", "all revoked keys, each with what its list says and where it comes from", 0, false, false},
    {"keys count", "", "how many there are", 0, false, false},
    {"flows", "", "the flow table: room, use, what was let go", 0, false, false},
    {"reload", "", "read the lists of revoked keys again", 0, false, false},
    {"reopen", "", "open the files that alerts go to again, as after logrotate", 0, false, false},
    {"stop", "", "finish what was received, write everything, end", 0, false, false},
};

#define CTL_COMMANDS (sizeof(ctl_commands) / sizeof(ctl_commands[0]))

struct ctl_options {
    const char *socket, *save;
    bool json;
    const struct ctl_command *command;
    const char *arguments[2]; /* for the socket */
    unsigned arguments_count;
    char default_socket[CONTROL_PATH_MAX], save_path[PATH_MAX]; /* to which the above may point */
};

static void print_commands(FILE *out)
{
    for (size_t i = 0; i < CTL_COMMANDS; i++) {
        char usage[32];
        snprintf(usage, sizeof(usage), "%s %s", ctl_commands[i].name, ctl_commands[i].arguments);
        fprintf(out, "  %-18s %s\n", usage, ctl_commands[i].summary);
    }
}

/* ---- the command line ---- */

/* Is `word` the first of the command's two? */
static bool begins_with_word(const char *name, const char *word)
{
    size_t length = strlen(word);
    return strncmp(name, word, length) == 0 && name[length] == ' ';
}

/* All that go on behind that word: "add, remove, list, count". */
static void list_second_words(const char *word, char *out, size_t capacity)
{
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; i < CTL_COMMANDS && length < capacity; i++)
        if (begins_with_word(ctl_commands[i].name, word))
            length += (size_t)snprintf(out + length, capacity - length, "%s%s", length > 0 ? ", " : "",
                                       ctl_commands[i].name + strlen(word) + 1);
}

static int refuse_command(const char *first, const char *second)
{
    const char *names[CTL_COMMANDS + 2] = {"keys"}, *nearest;
    char seconds[64], whole[64] = "";
    for (size_t i = 0; i < CTL_COMMANDS; i++)
        names[i + 1] = ctl_commands[i].name;
    list_second_words(first, seconds, sizeof(seconds));
    if (seconds[0] != '\0' && second == NULL)
        return refuse_usage("ctl", "`ctl %s` needs to know what to do: %s", first, seconds);
    if (second != NULL)
        snprintf(whole, sizeof(whole), "%s %s", first, second);
    nearest = nearest_word(seconds[0] != '\0' ? whole : first, names);
    if (nearest != NULL) {
        log_error("there is no such command; did you mean `bearertap ctl %s`?", nearest);
        return EXIT_USAGE;
    }
    return refuse_usage("ctl", "there is no command %s", argument_shown(seconds[0] != '\0' ? second : first));
}

/* Returns how many words name the command; 0: none does. */
static int find_command(char **words, int count, const struct ctl_command **command)
{
    for (size_t i = 0; i < CTL_COMMANDS; i++) {
        const char *name = ctl_commands[i].name;
        *command = &ctl_commands[i];
        if (strcmp(name, words[0]) == 0)
            return 1;
        if (count > 1 && begins_with_word(name, words[0]) && strcmp(name + strlen(words[0]) + 1, words[1]) == 0)
            return 2;
    }
    *command = NULL;
    return 0;
}

static int check_arguments(struct ctl_options *options, char **arguments, int count)
{
    const struct ctl_command *command = options->command;
    if (count != command->arguments_count)
        return refuse_usage("ctl", "`ctl %s` takes %s, and not %d argument%s", command->name,
                            command->arguments_count > 0 ? command->arguments : "no argument", count,
                            count == 1 ? "" : "s");
    if (options->save != NULL && !command->takes_save)
        return refuse_usage("ctl", "--save is for `ctl keys add`");
    for (int i = 0; i < count; i++) {
        if (arguments[i][0] == '\0')
            return refuse_usage("ctl", "`ctl %s`: an empty key id", command->name);
        if (strncmp(arguments[i], "id:", 3) == 0)
            log_warning("the key id is taken as it stands, id: included; `ctl %s` needs none before it", command->name);
        options->arguments[options->arguments_count++] = arguments[i];
    }
    return EXIT_DONE;
}

/* A token that was pasted by mistake goes nowhere, neither into a message nor to the socket. */
static int refuse_tokens(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (argument_looks_like_token(argv[i]))
            return refuse_usage("ctl", "one of the arguments looks like a token; a key is named by its id (the kid "
                                       "in a token's header)");
    return EXIT_DONE;
}

static int parse_options(int argc, char **argv, struct ctl_options *options)
{
    enum { OPTION_JSON = 256, OPTION_SAVE };
    static const struct option longs[] = {
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, OPTION_JSON},
        {"save", required_argument, NULL, OPTION_SAVE},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, ":s:", longs, NULL)) != -1;) {
        switch (option) {
        case 's':
            options->socket = optarg;
            break;
        case OPTION_JSON:
            options->json = true;
            break;
        case OPTION_SAVE:
            if (optarg[0] == '\0')
                return refuse_usage("ctl", "--save: an empty name of a file");
            options->save = optarg;
            break;
        default:
            return refuse_option("ctl", option, argv[optind - 1], longs);
        }
    }
    return EXIT_DONE;
}

static int parse(int argc, char **argv, struct ctl_options *options)
{
    int status = refuse_tokens(argc, argv);
    if (status == EXIT_DONE)
        status = parse_options(argc, argv, options);
    if (status != EXIT_DONE)
        return status;
    char **words = argv + optind;
    int count = argc - optind;
    if (count == 0)
        return refuse_usage("ctl", "`ctl` needs to know what to do");
    int taken = find_command(words, count, &options->command);
    if (taken == 0)
        return refuse_command(words[0], count > 1 ? words[1] : NULL);
    return check_arguments(options, words + taken, count - taken);
}

/* ---- asking ---- */

/* The other process has a folder of its own, so the name must not depend on it. */
static int make_absolute(const char *name, char path[PATH_MAX], struct error *error)
{
    char folder[PATH_MAX] = "";
    if (name[0] != '/' && getcwd(folder, sizeof(folder)) == NULL)
        return error_set(error, errno, "--save %s: this folder has no name: %s; give the whole path", name,
                         strerror(errno));
    if (snprintf(path, PATH_MAX, "%s%s%s", folder, name[0] != '/' ? "/" : "", name) >= PATH_MAX)
        return error_set(error, ENAMETOOLONG, "--save: the path is too long");
    return 0;
}

static unsigned screen_columns(void)
{
    enum { WITHOUT_SCREEN = 120, FEWEST = 40 };
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < FEWEST)
        return WITHOUT_SCREEN;
    return size.ws_col;
}

static void print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII); /* a string in it may hold what a terminal acts on */
    putc('\n', stdout);
}

/* The parts are what was asked for; what closes them goes where `bearertap keys list` has its own closing line. */
static void print_closing(json_t *result)
{
    struct ctl_show show = {.out = stderr, .columns = screen_columns()};
    fflush(stdout);
    if (json_object_size(result) > 0)
        ctl_show_result(&show, result);
}

static int print_answer(struct control_client *client, const struct ctl_options *options, struct error *error)
{
    const struct ctl_show show = {stdout, screen_columns(), options->command->leaves_out_zeros};
    json_t *object;
    int more;
    bool has_parts = false;
    while ((more = control_client_receive(client, &object, error)) == 1) {
        has_parts = true;
        if (options->json)
            print_json(object);
        else
            ctl_show_part(&show, object);
        json_decref(object);
        if (ferror(stdout))
            return -EPIPE; /* why is told by whoever ends the command */
    }
    if (more != 0)
        return more;
    if (has_parts)
        print_closing(object);
    else if (options->json)
        print_json(object);
    else
        ctl_show_result(&show, object);
    json_decref(object);
    return 0;
}

static int ask(struct ctl_options *options, struct error *error)
{
    struct control_client *client = NULL;
    int result = 0;
    if (options->socket == NULL) {
        result = control_default_path(options->default_socket, error);
        options->socket = options->default_socket;
    }
    if (result == 0 && options->save != NULL) {
        result = make_absolute(options->save, options->save_path, error);
        options->arguments[options->arguments_count++] = options->save_path;
    }
    if (result == 0)
        result = control_client_connect(options->socket, PATIENCE_S, &client, error);
    if (result == 0)
        result =
            control_client_ask(client, options->command->name, options->arguments, options->arguments_count, error);
    if (result == 0)
        result = print_answer(client, options, error);
    control_client_close(client);
    return result;
}

static int run(int argc, char **argv)
{
    struct ctl_options options = {.socket = NULL};
    struct error error = {""};
    int status = parse(argc, argv, &options);
    if (status != EXIT_DONE)
        return status;
    if (ask(&options, &error) == 0 || ferror(stdout) != 0)
        return EXIT_DONE;
    fflush(stdout);
    log_error("%s", error.text);
    return EXIT_FAILED;
}

const struct command ctl_command = {
    .name = "ctl",
    .summary = "asks and tells a running one: status, counters, keys, stop",
    .help = help,
    .more_help = print_commands,
    .run = run,
};

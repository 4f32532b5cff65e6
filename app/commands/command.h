/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_COMMAND_H
#define BEARERTAP_APP_COMMANDS_COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <bearertap/configuration.h>
#include <bearertap/error.h>
#include <bearertap/keys.h>

/* A subcommand: a file in this folder, and a row of the table in commands.c. */
struct command {
    const char *name;
    const char *summary;               /* for the list of commands */
    const char *help;                  /* for --help: usage, options, examples */
    void (*more_help)(FILE *out);      /* behind it, what a table knows; NULL: nothing */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns an exit status */
};

extern const struct command read_command;
extern const struct command run_command;
extern const struct command keys_command;
extern const struct command gen_command;
extern const struct command bench_command;
extern const struct command ctl_command;

/* A token given by mistake where a name belongs must not be repeated in a message. What is a file's name is none. */
bool argument_looks_like_token(const char *argument);

/* An argument as a message may show it: cut short, "(a token)" for a token. The text lives until the next call. */
const char *argument_shown(const char *argument);

/* A whole number in decimal digits, from `least` to `most`, where it may be in thousands (k), millions (M) or billions
 * (G). False where it is none. */
bool argument_number(const char *argument, bool may_have_unit, uint64_t least, uint64_t most, uint64_t *number);

/* Says what is wrong with the command line, and where it is told what is right. Returns EXIT_USAGE. */
int refuse_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for what getopt_long did not like: `reason` is what it returned, `last` the argument before its `optind`, at
 * which it looked, unless it is within one such as -qZ; optopt then names the letter. */
int refuse_option(const char *command, int reason, const char *last, const struct option *options);

/*
 * What stands for revoked keys in a command line: FILE, - for standard input, or id:VALUE. The first says what is wrong
 * with all of them before any is read, and returns EXIT_USAGE, or EXIT_DONE; `files` are the other arguments of which
 * one may be -. The second adds one to the list: 0, or a negative errno with `error` filled.
 */
int key_arguments_check(const char *command, const char *const *arguments, int count, const char *const *files,
                        int files_count);
int key_argument_add(struct key_list *list, const char *argument, struct error *error);

/*
 * Workers where nobody says how many: one a CPU that the process may use, but for one, which is left to whoever reads
 * and writes beside them. (Two workers and their reader on two CPUs took 30 % more CPU time than a worker that reads
 * itself, and were an eighth faster.)
 */
unsigned usual_workers(void);

/* configuration_read, for a command: a token in a name's place is refused before any message could repeat it. */
int configuration_load(const char *path, struct configuration *configuration, struct error *error);

/* What it says of a pipeline, which outlives neither; workers and format where they are not said yet. */
struct pipeline_options;
void configuration_apply(const struct configuration *configuration, struct pipeline_options *options);

static inline const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* Ends as other programs do whose reader went away: by SIGPIPE, which `set -o pipefail` tells from an end where all
 * arrived; where whoever started us had it ignored, by this exit status. */
int end_by_broken_pipe(void);

#endif

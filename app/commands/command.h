/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_COMMAND_H
#define BEARERTAP_APP_COMMANDS_COMMAND_H

#include <stdbool.h>

/* A subcommand: a file in this folder, and a row of the table in commands.c. */
struct command {
    const char *name;
    const char *summary;               /* for the list of commands */
    const char *help;                  /* for --help: usage, options, examples */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns an exit status */
};

extern const struct command read_command;
extern const struct command keys_command;

/* A token given by mistake where a name belongs must not be repeated in a message. What is a file's name is none. */
bool argument_looks_like_token(const char *argument);

/* An argument as a message may show it: cut short, "(a token)" for a token. The text lives until the next call. */
const char *argument_shown(const char *argument);

/* Ends as other programs do whose reader went away: by SIGPIPE, which `set -o pipefail` tells from an end where all
 * arrived; where whoever started us had it ignored, by this exit status. */
int end_by_broken_pipe(void);

#endif

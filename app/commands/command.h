/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_COMMAND_H
#define BEARERTAP_APP_COMMANDS_COMMAND_H

/* A subcommand: a file in this folder, and a row of the table in commands.c. */
struct command {
    const char *name;
    const char *summary;               /* for the list of commands */
    const char *help;                  /* for --help: usage, options, examples */
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns an exit status */
};

extern const struct command read_command;

#endif

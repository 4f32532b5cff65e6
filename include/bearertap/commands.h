/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_COMMANDS_H
#define BEARERTAP_COMMANDS_H

/*
 * The command line: finds the subcommand and runs it. Returns the exit status: 0 done, 1 failed (one line on stderr
 * says what, where and how to mend it), 2 wrong usage, 3 only with --fail-on-alert.
 */
enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_ALERTED = 3 };

int commands_run(int argc, char **argv);

#endif

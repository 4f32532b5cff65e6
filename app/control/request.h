/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CONTROL_REQUEST_H
#define BEARERTAP_APP_CONTROL_REQUEST_H

#include <stddef.h>

#include <bearertap/control.h>
#include <bearertap/error.h>

/* A request line, read. Its strings are the json's. */
struct control_line {
    json_t *json;
    const char *command;
    const char *arguments[CONTROL_ARGUMENTS_MAX];
    unsigned arguments_count;
};

/*
 * Reads a line (without its newline), which may be any bytes. 0, or a negative errno with `error` filled: no words of
 * the line are in it, which may hold a secret. To be released either way.
 */
int control_line_parse(struct control_line *line, const char *bytes, size_t length, struct error *error);
void control_line_release(struct control_line *line);

/* The command of that name which takes so many arguments. NULL, with `error` filled, where there is none. */
const struct control_command *control_command_find(const struct control_command *commands, unsigned count,
                                                   const struct control_line *line, struct error *error);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bearertap/nearest.h>

/* ---- members ---- */

static int take_version(struct control_line *line, const json_t *value, struct error *error)
{
    (void)line;
    if (json_is_integer(value) && json_integer_value(value) == CONTROL_VERSION)
        return 0;
    return error_set(error, EPROTO, "the request's version is not %d, which is the one that is spoken here",
                     CONTROL_VERSION);
}

static int take_command(struct control_line *line, const json_t *value, struct error *error)
{
    line->command = json_string_value(value);
    return line->command != NULL ? 0 : error_set(error, EPROTO, "the request's command is no string");
}

static int take_arguments(struct control_line *line, const json_t *value, struct error *error)
{
    if (!json_is_array(value) || json_array_size(value) > CONTROL_ARGUMENTS_MAX)
        return error_set(error, EPROTO, "the request's arguments are no array of %d strings at most",
                         CONTROL_ARGUMENTS_MAX);
    for (unsigned i = 0; i < json_array_size(value); i++) {
        line->arguments[i] = json_string_value(json_array_get(value, i));
        if (line->arguments[i] == NULL)
            return error_set(error, EPROTO, "the request's argument %u is no string", i + 1);
    }
    line->arguments_count = (unsigned)json_array_size(value);
    return 0;
}

static const struct {
    const char *name;
    bool is_needed;
    int (*take)(struct control_line *line, const json_t *value, struct error *error);
} members[] = {{"version", true, take_version}, {"command", true, take_command}, {"arguments", false, take_arguments}};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

static int take_members(struct control_line *line, struct error *error)
{
    size_t taken = 0;
    int result = 0;
    for (size_t i = 0; i < MEMBERS && result == 0; i++) {
        const json_t *value = json_object_get(line->json, members[i].name);
        if (value != NULL)
            result = members[i].take(line, value, error);
        else if (members[i].is_needed)
            result = error_set(error, EPROTO, "the request has no member \"%s\"", members[i].name);
        taken += value != NULL;
    }
    if (result == 0 && taken < json_object_size(line->json))
        result = error_set(error, EPROTO,
                           "the request has a member that is none of \"version\", \"command\" and \"arguments\"");
    return result;
}

/* ---- the line ---- */

int control_line_parse(struct control_line *line, const char *bytes, size_t length, struct error *error)
{
    json_error_t where;
    *line = (struct control_line){.json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &where)};
    if (json_is_object(line->json))
        return take_members(line, error);
    if (line->json != NULL)
        return error_set(error, EPROTO, "the request is no JSON object");
    if (json_error_code(&where) == json_error_out_of_memory)
        return error_set(error, ENOMEM, "no memory for the request");
    if (json_error_code(&where) == json_error_duplicate_key)
        return error_set(error, EPROTO, "the request has a member twice");
    return error_set(error, EPROTO,
                     "the request is no JSON (byte %d of %zu); a request is one line, as in "
                     "{\"version\":%d,\"command\":\"status\"}",
                     where.position, length, CONTROL_VERSION);
}

void control_line_release(struct control_line *line)
{
    json_decref(line->json);
    line->json = NULL;
}

/* ---- the command ---- */

static int refuse_command(const struct control_command *commands, unsigned count, const char *name, struct error *error)
{
    enum { NAMES_MAX = 63 };
    const char *names[NAMES_MAX + 1] = {NULL}, *nearest;
    for (unsigned i = 0; i < count && i < NAMES_MAX; i++)
        names[i] = commands[i].name;
    nearest = nearest_word(name, names);
    return error_set(error, ENOENT, "there is no such command%s%s%s", nearest != NULL ? "; was \"" : "",
                     nearest != NULL ? nearest : "", nearest != NULL ? "\" meant?" : "");
}

const struct control_command *control_command_find(const struct control_command *commands, unsigned count,
                                                   const struct control_line *line, struct error *error)
{
    unsigned i = 0;
    while (i < count && strcmp(commands[i].name, line->command) != 0)
        i++;
    if (i == count) {
        refuse_command(commands, count, line->command, error);
        return NULL;
    }
    const struct control_command *command = &commands[i];
    if (line->arguments_count >= command->arguments_least && line->arguments_count <= command->arguments_most)
        return command;
    error_set(error, EINVAL, "\"%s\" takes %s%s, and not %u argument%s", command->name,
              command->arguments != NULL ? "arguments " : "no arguments",
              command->arguments != NULL ? command->arguments : "", line->arguments_count,
              line->arguments_count == 1 ? "" : "s");
    return NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments: what is wrong with one, said without repeating what may be a secret; and what is usual without it. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearertap/commands.h>
#include <bearertap/error.h>
#include <bearertap/nearest.h>
#include <bearertap/spread.h>

#include "command.h"

/* Bytes that base64url is made of, from here. */
static size_t base64url_span(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

bool argument_looks_like_token(const char *argument)
{
    enum { HEADER_LEAST = 16 }; /* {"alg":"..."} is longer; host names of that length are rare */
    const char *begin = argument + strspn(argument, "-"); /* pasted in an option's place: dashes are base64url too */
    for (const char *at = begin; *at != '\0'; at += *at != '\0') {
        size_t header = base64url_span(at);
        const char *payload = at + header + (at[header] == '.');
        if (header >= HEADER_LEAST && strncmp(at, "ey", 2) == 0 && at[header] == '.' &&
            payload[base64url_span(payload)] == '.')
            return access(argument, F_OK) != 0;
        at += header;
    }
    return false;
}

const char *argument_shown(const char *argument)
{
    static char text[64];
    if (argument_looks_like_token(argument))
        return "(a token)";
    int shown = (int)strcspn(argument, "="); /* a value may be secret */
    snprintf(text, sizeof(text), "\"%.*s%s\"", shown < 40 ? shown : 40, argument, shown > 40 ? "..." : "");
    return text;
}

bool argument_number(const char *argument, bool may_have_unit, uint64_t least, uint64_t most, uint64_t *number)
{
    static const char units[] = "kMG";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(argument, &end, 10);
    if (errno != 0 || end == argument || argument[0] < '0' || argument[0] > '9')
        return false;
    const char *unit = *end != '\0' && may_have_unit ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
    uint64_t times = unit == NULL ? 1 : unit == units ? 1000 : unit == units + 1 ? 1000000 : 1000000000;
    if (end[unit != NULL] != '\0' || value > most / times)
        return false;
    *number = value * times;
    return *number >= least;
}

int refuse_usage(const char *command, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    log_error("%s; `bearertap %s --help` says what there is", text, command);
    return EXIT_USAGE;
}

static int refuse_long_option(const char *command, const char *option, const struct option *options)
{
    enum { OPTIONS_MAX = 32 };
    const char *names[OPTIONS_MAX + 1] = {"help"};
    char name[32];
    for (size_t i = 0; options[i].name != NULL && i + 1 < OPTIONS_MAX; i++)
        names[i + 1] = options[i].name;
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(option + 2, "="), option + 2);
    const char *nearest = nearest_word(name, names);
    return refuse_usage(command, "there is no option %s%s%s%s", argument_shown(option),
                        nearest != NULL ? " (did you mean --" : "", nearest != NULL ? nearest : "",
                        nearest != NULL ? "?)" : "");
}

int refuse_option(const char *command, int reason, const char *last, const struct option *options)
{
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_long = strncmp(last, "--", 2) == 0, is_known = false;
    for (const struct option *each = options; each->name != NULL; each++)
        is_known = is_known || each->val == optopt;
    if (reason == ':')
        return refuse_usage(command, "option %s needs a value", argument_shown(is_long ? last : letter));
    if (optopt != 0 && !is_known)
        return refuse_usage(command, "there is no option %s", argument_shown(letter));
    if (optopt != 0)
        return refuse_usage(command, "option %s takes no value", argument_shown(last));
    return refuse_long_option(command, last, options);
}

unsigned usual_workers(void)
{
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) - 1 : 1;
    return count < 1 ? 1 : count > SPREAD_WORKERS_MAX ? SPREAD_WORKERS_MAX : (unsigned)count;
}

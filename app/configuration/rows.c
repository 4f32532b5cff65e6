/* SPDX-License-Identifier: BSD-3-Clause */
/* All that can be configured: a row each, and a function that takes its value. */
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <bearertap/alert.h>
#include <bearertap/spread.h>

/* Larger depths are as good as "all". */
#define DEPTH_MAX (1 << 30)

/* As the texts below, the schema and the README say. */
_Static_assert(SPREAD_WORKERS_MAX == 64, "workers");
_Static_assert(DEPTH_MAX == 1073741824, "scan.responses");
_Static_assert(CONFIGURATION_KEYS_MAX == 64, "keys");
_Static_assert(FILTER_RULES_MAX == 16, "filter.include, filter.exclude");
_Static_assert(FILTER_ADDRESSES_MAX == 16, "addresses");
_Static_assert(FILTER_PORTS_MAX == 16, "ports");

/* A whole number, written in whatever way (JSON knows no other numbers than real ones). */
static bool take_integer(const json_t *value, double least, double most, double *number)
{
    if (!json_is_number(value))
        return false;
    *number = json_number_value(value);
    return *number >= least && *number <= most && *number == floor(*number);
}

static bool take_key(struct configuration_place *place, const json_t *value)
{
    struct configuration *configuration = place->configuration;
    const char *text = json_string_value(value);
    /* Standard input is the command line's to give. */
    if (text == NULL || text[0] == '\0' || strcmp(text, "-") == 0 || strcmp(text, "id:") == 0)
        return false;
    char *key = strdup(text);
    if (key == NULL)
        return false;
    configuration->keys[configuration->keys_count++] = key;
    return true;
}

static bool take_workers(struct configuration_place *place, const json_t *value)
{
    double number;
    if (!take_integer(value, 1, SPREAD_WORKERS_MAX, &number))
        return false;
    place->configuration->workers = (unsigned)number;
    return true;
}

static bool take_format(struct configuration_place *place, const json_t *value)
{
    const char *text = json_string_value(value);
    place->configuration->format = text != NULL ? alert_format_find(text) : NULL;
    return place->configuration->format != NULL;
}

static bool take_responses(struct configuration_place *place, const json_t *value)
{
    struct response_policy *responses = &place->configuration->responses;
    const char *text = json_string_value(value);
    double number;
    *responses = (struct response_policy){RESPONSES_TO_DEPTH, 0};
    if (text == NULL) {
        if (!take_integer(value, 0, DEPTH_MAX, &number))
            return false;
        responses->depth = (uint64_t)number;
        return true;
    }
    if (strcmp(text, "all") == 0)
        responses->scan = RESPONSES_ALL;
    else if (strcmp(text, "none") == 0)
        responses->scan = RESPONSES_NONE;
    else
        return strcmp(text, "headers") == 0;
    return true;
}

static bool begin_rule(struct configuration_place *place, struct filter_rules *rules, const json_t *value)
{
    place->rule = &rules->rules[rules->count++];
    return json_object_size(value) > 0;
}

static bool begin_include(struct configuration_place *place, const json_t *value)
{
    return begin_rule(place, &place->configuration->filter.include, value);
}

static bool begin_exclude(struct configuration_place *place, const json_t *value)
{
    return begin_rule(place, &place->configuration->filter.exclude, value);
}

static bool take_address(struct configuration_place *place, const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && filter_prefix_read(text, &place->rule->prefixes[place->rule->prefixes_count++]);
}

static bool take_port(struct configuration_place *place, const json_t *value)
{
    struct filter_ports *ports = &place->rule->ports[place->rule->ports_count++];
    const char *text = json_string_value(value);
    if (text != NULL)
        return filter_ports_read(text, ports);
    double number;
    if (!take_integer(value, 1, UINT16_MAX, &number))
        return false;
    *ports = (struct filter_ports){(uint16_t)number, (uint16_t)number};
    return true;
}

static const char *const response_words[] = {"all", "headers", "none", NULL};
static const char *const format_words[] = {"ecs", "text", NULL};

static const char addresses_allowed[] = "an address, or a prefix as in 10.0.0.0/8 or 2001:db8::/32";
static const char ports_allowed[] = "a port from 1 to 65535, or a range as in \"8000-8999\"";
static const char rule_allowed[] = "an object with addresses, ports, or both";

const struct configuration_row configuration_rows[] = {
    {.path = "", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/keys",
     .kind = CONFIGURATION_ARRAY,
     .most = CONFIGURATION_KEYS_MAX,
     .allowed = "an array of up to 64",
     .meaning = "lists of revoked keys, beside those of `-k`",
     .default_value = "none"},
    {.path = "/keys/*", .take = take_key, .allowed = "the name of a file, or id: and a key id"},
    {.path = "/workers",
     .take = take_workers,
     .allowed = "a whole number from 1 to 64",
     .meaning = "threads that inspect; `-w` wins",
     .default_value = "one a CPU"},
    {.path = "/format",
     .take = take_format,
     .shown = SHOWN_WORD,
     .allowed = "\"ecs\" or \"text\"",
     .words = format_words,
     .meaning = "how alerts are written; `-f` wins",
     .default_value = "\"ecs\", on a terminal \"text\""},
    {.path = "/scan", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/scan/responses",
     .take = take_responses,
     .shown = SHOWN_WORD,
     .allowed = "\"all\", \"headers\", \"none\" or a whole number from 0 to 1073741824",
     .words = response_words,
     .meaning = "what is scanned of what servers send",
     .default_value = "\"all\""},
    {.path = "/filter", .kind = CONFIGURATION_OBJECT, .allowed = "an object"},
    {.path = "/filter/include",
     .kind = CONFIGURATION_ARRAY,
     .least = 1,
     .most = FILTER_RULES_MAX,
     .allowed = "an array of 1 to 16",
     .meaning = "rules; only connections for which one of them holds are inspected",
     .default_value = "all connections"},
    {.path = "/filter/include/*", .kind = CONFIGURATION_OBJECT, .take = begin_include, .allowed = rule_allowed},
    {.path = "/filter/exclude",
     .kind = CONFIGURATION_ARRAY,
     .least = 1,
     .most = FILTER_RULES_MAX,
     .allowed = "an array of 1 to 16",
     .meaning = "rules; connections for which one of them holds are not inspected, included or not",
     .default_value = "none"},
    {.path = "/filter/exclude/*", .kind = CONFIGURATION_OBJECT, .take = begin_exclude, .allowed = rule_allowed},
#define RULE_ROWS(list)                                                                                                \
    {.path = "/filter/" list "/*/addresses",                                                                           \
     .kind = CONFIGURATION_ARRAY,                                                                                      \
     .least = 1,                                                                                                       \
     .most = FILTER_ADDRESSES_MAX,                                                                                     \
     .allowed = "an array of 1 to 16",                                                                                 \
     .meaning = "of a rule: addresses, one of which one end of the connection must have",                              \
     .default_value = "any"},                                                                                          \
        {.path = "/filter/" list "/*/addresses/*",                                                                     \
         .take = take_address,                                                                                         \
         .shown = SHOWN_NUMBERS,                                                                                       \
         .allowed = addresses_allowed},                                                                                \
        {.path = "/filter/" list "/*/ports",                                                                           \
         .kind = CONFIGURATION_ARRAY,                                                                                  \
         .least = 1,                                                                                                   \
         .most = FILTER_PORTS_MAX,                                                                                     \
         .allowed = "an array of 1 to 16",                                                                             \
         .meaning = "of a rule: ports, one of which the same end must have",                                           \
         .default_value = "any"},                                                                                      \
    {                                                                                                                  \
        .path = "/filter/" list "/*/ports/*", .take = take_port, .shown = SHOWN_NUMBERS, .allowed = ports_allowed      \
    }
    RULE_ROWS("include"),
    RULE_ROWS("exclude"),
};

const unsigned configuration_rows_count = sizeof(configuration_rows) / sizeof(configuration_rows[0]);

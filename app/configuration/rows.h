/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CONFIGURATION_ROWS_H
#define BEARERTAP_APP_CONFIGURATION_ROWS_H

#include <bearertap/configuration.h>

#include <stdbool.h>

#include <jansson.h>

/* How much of a string that is not allowed a message may show. */
enum shown {
    SHOWN_NOT,    /* nothing: it may be a secret, or name one */
    SHOWN_WORD,   /* a short word of letters */
    SHOWN_NUMBERS /* what addresses and ports are made of */
};

/* What a row's value is; of a VALUE `take` knows which types it may have. */
enum configuration_kind {
    CONFIGURATION_VALUE,
    CONFIGURATION_OBJECT,
    CONFIGURATION_ARRAY,
    CONFIGURATION_VALUE_OR_OBJECT /* an object's members are read, and `take` knows the other types */
};

/* What is being filled, and of arrays of objects the element that is being read. */
struct configuration_place {
    struct configuration *configuration;
    const char *folder; /* that relative paths are relative to: so many bytes, the last one a slash, or none */
    size_t folder_length;
    struct filter_rule *rule;
    struct configuration_port *port;
    struct sink_options *sink;
};

/*
 * One thing that can be configured. `path` names it, with * for any element of an array. Of an object the members are
 * the rows below its path; of an array, `least` to `most` elements, likewise. `take` puts the value where it belongs,
 * and returns false when it is not allowed; of an object it is called before its members are read. `check` is called
 * after them: what one member says of another.
 */
struct configuration_row {
    const char *path;
    enum configuration_kind kind;
    unsigned least, most;
    bool (*take)(struct configuration_place *place, const json_t *value);
    bool (*check)(const struct configuration_place *place, char *fault, size_t capacity);
    enum shown shown;
    const char *allowed;       /* "a whole number from 1 to 64" */
    const char *const *words;  /* those among what is allowed, for `did you mean`; NULL ends them */
    const char *meaning;       /* what it does, in half a sentence; NULL: its members' rows say */
    const char *default_value; /* where it is not given, in words */
};

extern const struct configuration_row configuration_rows[];
extern const unsigned configuration_rows_count;

#endif

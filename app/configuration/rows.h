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
enum configuration_kind { CONFIGURATION_VALUE, CONFIGURATION_OBJECT, CONFIGURATION_ARRAY };

/* The rule of a filter that is being read. */
struct configuration_place {
    struct configuration *configuration;
    struct filter_rule *rule;
};

/*
 * One thing that can be configured. `path` names it, with * for any element of an array. Of an object the members are
 * the rows below its path; of an array, `least` to `most` elements, likewise. `take` puts the value where it belongs,
 * and returns false when it is not allowed; of an object it is called before its members are read.
 */
struct configuration_row {
    const char *path;
    enum configuration_kind kind;
    unsigned least, most;
    bool (*take)(struct configuration_place *place, const json_t *value);
    enum shown shown;
    const char *allowed;       /* "a whole number from 1 to 64" */
    const char *const *words;  /* those among what is allowed, for `did you mean`; NULL ends them */
    const char *meaning;       /* what it does, in half a sentence; NULL: its members' rows say */
    const char *default_value; /* where it is not given, in words */
};

extern const struct configuration_row configuration_rows[];
extern const unsigned configuration_rows_count;

#endif

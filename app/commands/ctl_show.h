/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_CTL_SHOW_H
#define BEARERTAP_APP_COMMANDS_CTL_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/*
 * An answer as text for a person, whatever members it has: rows of names and values, objects within it as sections,
 * arrays of objects as tables, laid on their side where the screen is too narrow. Members stand in the order of the
 * answer. Values may be anything: what a terminal acts on comes out as \xNN.
 */
struct ctl_show {
    FILE *out;
    unsigned columns;      /* of the screen */
    bool leaves_out_zeros; /* and says how many */
};

void ctl_show_result(const struct ctl_show *show, json_t *result);

/* One of many objects that come one after another: its first member as a title, the others below it. */
void ctl_show_part(const struct ctl_show *show, json_t *part);

#endif

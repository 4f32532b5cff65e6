/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_CTL_CELLS_H
#define BEARERTAP_APP_COMMANDS_CTL_CELLS_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

/* What an answer's values look like on a screen, and a table of them. */

struct ctl_cell {
    char *text; /* allocated; NULL: nothing stands here */
    unsigned width;
    bool is_number;
};

/* `member` is the value's name. False: no memory. What is no scalar is one line: a list of scalars with commas,
 * anything else as JSON. */
bool ctl_cell_make(struct ctl_cell *cell, const char *member, json_t *value);
void ctl_cell_release(struct ctl_cell *cell);

/* To the right of `width` columns. */
void ctl_cell_print(FILE *out, const struct ctl_cell *cell, unsigned width);

/*
 * Prints objects as a table: a line each, under headings; objects within an object as further columns, named with a
 * dot. Where the screen is too narrow, a line for each member and a column for each object. False: no table can be made
 * of them (too many members), and nothing is printed.
 */
bool ctl_table_print(FILE *out, json_t *objects, unsigned indent, unsigned columns, bool leaves_out_zeros);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_KEYS_LIST_H
#define BEARERTAP_APP_COMMANDS_KEYS_LIST_H

#include <stdbool.h>
#include <stdio.h>

#include <bearertap/keys.h>

/* Every entry with all its names: a paragraph each for a person, or an object a line. */
void keys_print_list(FILE *out, const struct key_list *list, bool json);

#endif

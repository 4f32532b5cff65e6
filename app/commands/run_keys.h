/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_RUN_KEYS_H
#define BEARERTAP_APP_COMMANDS_RUN_KEYS_H

#include <bearertap/control.h>
#include <bearertap/keys.h>

/* `ctl keys ...`, answered (control.h); the context is the struct running. */
int answer_keys_add(void *context, const struct control_request *request, struct control_answer *answer,
                    struct error *error);
int answer_keys_remove(void *context, const struct control_request *request, struct control_answer *answer,
                       struct error *error);
int answer_keys_list(void *context, const struct control_request *request, struct control_answer *answer,
                     struct error *error);
int answer_keys_count(void *context, const struct control_request *request, struct control_answer *answer,
                      struct error *error);

/* How many there are. */
void put_key_counts(json_t *object, const struct key_table *table);

#endif

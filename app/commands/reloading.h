/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_RELOADING_H
#define BEARERTAP_APP_COMMANDS_RELOADING_H

#include <stdbool.h>
#include <stdint.h>

#include <bearertap/control.h>
#include <bearertap/key_store.h>

struct running;

/*
 * Reading the lists of revoked keys again while all else goes on.
 *
 * Ten million keys take seconds: a thread of its own reads them and makes the table, the warden puts that in its place,
 * and another thread waits for the workers and frees the old one. All functions are the warden's, who comes back when
 * `woken` is readable. Whoever asks while lists are read is served by the next round, which begins when this one is
 * over.
 */
struct reloading {
    int woken; /* an eventfd: a thread is done */
    struct key_reload *reload;
    bool is_busy; /* a round is under way, and with it a thread */
    bool has_put; /* in this round */
    bool is_a_persons;
    bool next_is_asked, next_is_a_persons;
    uint64_t begun, finished; /* rounds */
    int result;               /* of the last one */
    struct error error, said; /* what went wrong in it; what of that the log has */
    uint64_t retry_ms, pause_ms;
};

/* Before anything else. 0, or a negative errno with `error` filled. */
int reloading_prepare(struct reloading *reloading, struct error *error);

/* A person asks, or a list has changed (what goes wrong then is said once, however often it is tried). Returns the
 * number of the round that will serve it. */
uint64_t reloading_ask(struct running *running, bool is_by_a_person);

/* Goes on after a thread is done. */
void reloading_go_on(struct running *running);

/* Tries again what failed for want of memory and the like; a look at the clock costs nothing. */
void reloading_try_again(struct running *running, uint64_t now_ms);

/* False: a thread is still at work, and must not be waited for. Else all is given back. */
bool reloading_end(struct reloading *reloading);

/* `ctl reload`: answered when the lists that are now there are in force. */
int answer_reload(void *context, const struct control_request *request, struct control_answer *answer,
                  struct error *error);

#endif

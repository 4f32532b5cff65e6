/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_COMMANDS_RUNNING_H
#define BEARERTAP_APP_COMMANDS_RUNNING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <bearertap/configuration.h>
#include <bearertap/control.h>
#include <bearertap/key_store.h>
#include <bearertap/ports.h>
#include <bearertap/worker.h>

#include "reloading.h"

/*
 * What `run` is made of, from its configuration to its end (running.c), and what `ctl` is answered (run_answers.c).
 *
 * The main thread is the alert side. Workers have lcores of their own. A thread beside them, the warden (warden.c),
 * watches: signals, the control socket, the lists of revoked keys and the ports. It alone changes the table of keys.
 */
struct running {
    struct configuration configuration;
    const char *configuration_path;
    const char *const *key_arguments; /* of the command line, as -k takes them */
    unsigned key_arguments_count;
    struct pipeline_options options;
    uint64_t started_ms; /* by warden_now_ms */

    struct key_store *keys;
    struct ports *ports;
    struct pipeline *pipeline;
    struct control *control;

    pthread_t warden;
    int signals; /* a signalfd */
    int end;     /* an eventfd: the warden is to end */
    bool has_warden;
    atomic_bool ports_are_gone; /* all of them: it stopped for that */
    struct reloading reloading;
};

/* Builds all of it, up to where packets would come. 0, or a negative errno with `error` filled; running_close either
 * way. */
int running_open(struct running *running, struct error *error);

/* Inspects until it is asked to stop; returns as pipeline_run does. */
int running_run(struct running *running, struct error *error);

/* Law and losses: the result is as of the end. */
void running_collect(const struct running *running, struct pipeline_result *result);
/* False where the warden is still at work, or lists are read, and all of it must stay: the process is to go with it
 * (_exit). */
bool running_close(struct running *running);

/* The commands of the control socket; the context of each is the struct running. */
extern const struct control_command run_commands[];
extern const unsigned run_commands_count;

/* The warden: its thread, and what it has to have before. Signals are to be blocked in all threads, and so before any
 * is started. */
int warden_prepare(struct running *running, struct error *error);
int warden_start(struct running *running, struct error *error);
/* False where it does not end soon, waiting for a disk: then all that it uses must stay, and go with the process. */
bool warden_end(struct running *running);
uint64_t warden_now_ms(void); /* CLOCK_MONOTONIC */

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "reloading.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "run_keys.h"
#include "running.h"

/* After a failure, and twice as long after each one more: reading ten million keys in vain is no way to pass the time.
 */
enum { PAUSE_MS = 1000, PAUSE_MS_MAX = 64000 };

int reloading_prepare(struct reloading *reloading, struct error *error)
{
    reloading->pause_ms = PAUSE_MS;
    reloading->woken = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return reloading->woken >= 0 ? 0 : error_set(error, errno, "cannot wait for lists: %s", strerror(errno));
}

/* ---- the threads ---- */

static void *read_lists(void *argument)
{
    struct running *running = argument;
    pthread_setname_np(pthread_self(), "lists");
    key_reload_read(running->reloading.reload);
    eventfd_write(running->reloading.woken, 1);
    return NULL;
}

static void *free_lists(void *argument)
{
    struct running *running = argument;
    pthread_setname_np(pthread_self(), "lists");
    key_reload_end(running->reloading.reload);
    eventfd_write(running->reloading.woken, 1);
    return NULL;
}

/* Where there can be no thread, it is done here and now. */
static void start(struct running *running, void *(*work)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, running) == 0) {
        pthread_detach(thread);
        return;
    }
    work(running);
    pthread_setname_np(pthread_self(), "warden");
}

/* ---- a round ---- */

static void tell(struct reloading *reloading)
{
    if (reloading->result != 0 && (reloading->is_a_persons || strcmp(reloading->said.text, reloading->error.text) != 0))
        log_error("%s", reloading->error.text);
    reloading->said = reloading->error;
}

static void finish(struct running *running)
{
    struct reloading *reloading = &running->reloading;
    reloading->is_busy = false;
    reloading->finished = reloading->begun;
    reloading->retry_ms = 0;
    if (key_store_is_to_be_retried(running->keys)) {
        reloading->retry_ms = warden_now_ms() + reloading->pause_ms;
        reloading->pause_ms = reloading->pause_ms < PAUSE_MS_MAX ? 2 * reloading->pause_ms : PAUSE_MS_MAX;
    } else {
        reloading->pause_ms = PAUSE_MS;
    }
    control_wake(running->control);
}

static void begin(struct running *running)
{
    struct reloading *reloading = &running->reloading;
    reloading->begun++;
    reloading->is_busy = true;
    reloading->has_put = false;
    reloading->is_a_persons = reloading->next_is_a_persons;
    reloading->next_is_asked = reloading->next_is_a_persons = false;
    reloading->error.text[0] = '\0';
    reloading->result =
        key_store_reload_begin(running->keys, pipeline_keys(running->pipeline), &reloading->reload, &reloading->error);
    if (reloading->result == 0) {
        start(running, read_lists);
        return;
    }
    tell(reloading);
    finish(running);
}

static void put_in_place(struct running *running)
{
    struct reloading *reloading = &running->reloading;
    const struct key_table *table = pipeline_keys(running->pipeline);
    size_t before = key_table_entries(table);
    uint64_t reloads = key_table_reloads(table);
    reloading->result = key_store_reload_put(running->keys, reloading->reload, &reloading->error);
    reloading->has_put = true;
    if (key_table_reloads(table) != reloads)
        log_notice("revoked keys read again: %zu are in force, before %zu", key_table_entries(table), before);
    tell(reloading);
    start(running, free_lists);
}

uint64_t reloading_ask(struct running *running, bool is_by_a_person)
{
    struct reloading *reloading = &running->reloading;
    reloading->next_is_asked = true;
    reloading->next_is_a_persons |= is_by_a_person;
    if (reloading->is_busy)
        return reloading->begun + 1;
    begin(running);
    return reloading->begun;
}

void reloading_go_on(struct running *running)
{
    struct reloading *reloading = &running->reloading;
    eventfd_t ignored;
    eventfd_read(reloading->woken, &ignored);
    if (!reloading->has_put) {
        put_in_place(running);
        return;
    }
    finish(running);
    if (reloading->next_is_asked)
        begin(running);
}

void reloading_try_again(struct running *running, uint64_t now_ms)
{
    const struct reloading *reloading = &running->reloading;
    if (reloading->retry_ms != 0 && now_ms >= reloading->retry_ms && !reloading->is_busy)
        reloading_ask(running, false);
}

bool reloading_end(struct reloading *reloading)
{
    if (reloading->is_busy)
        return false;
    if (reloading->woken >= 0)
        close(reloading->woken);
    reloading->woken = -1;
    return true;
}

/* ---- `ctl reload` ---- */

struct waiting {
    struct running *running;
    json_t *result;
    uint64_t round;
};

static int wait_for_round(void *state, json_t *part, struct error *error)
{
    const struct waiting *waiting = state;
    const struct reloading *reloading = &waiting->running->reloading;
    (void)part;
    if (reloading->finished < waiting->round)
        return -EAGAIN;
    if (reloading->result != 0)
        return error_set(error, EIO, "%s", reloading->error.text);
    put_key_counts(waiting->result, pipeline_keys(waiting->running->pipeline));
    return 0;
}

int answer_reload(void *context, const struct control_request *request, struct control_answer *answer,
                  struct error *error)
{
    struct waiting *waiting = calloc(1, sizeof(*waiting));
    (void)request;
    if (waiting == NULL)
        return error_set(error, ENOMEM, "out of memory for one that waits; the lists are not read again");
    *waiting = (struct waiting){context, answer->result, reloading_ask(context, true)};
    answer->next = wait_for_round;
    answer->end = free;
    answer->state = waiting;
    return 0;
}

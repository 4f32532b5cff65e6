/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that watches while others work: signals, the control socket, the lists of revoked keys, and the ports. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <bearertap/commands.h>

#include "command.h"
#include "running.h"

/* How often the ports are looked at: a link that went down is said at once to a person, and the clock kept straight. */
#define WATCH_MS 100

/* How long its end may take: it may be waiting for the disk that a key is saved on. */
#define END_MS 200

/* Set when packets come: before that there is nothing to lose, and a start may take long. */
static volatile sig_atomic_t is_running;

/* The first asks for a good end, which may take a second; later ones find it stuck, and end it as it is. (Some send a
 * signal to a process and to its group, which are two.) */
static void stop(int number)
{
    static volatile sig_atomic_t asked;
    static struct timespec first;
    static const char last_words[] = "bearertap: error: stopped a second time: alerts not yet written are lost\n";
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!is_running) {
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    if (asked == 0) {
        asked = 1;
        first = now;
        pipeline_stop();
        return;
    }
    if (now.tv_sec - first.tv_sec <= 1)
        return;
    if (write(STDERR_FILENO, last_words, sizeof(last_words) - 1) < 0)
        _exit(EXIT_FAILED);
    _exit(EXIT_FAILED);
}

/* An interrupt that our parent had ignored (nohup, a job in the background) stays ignored. */
static void catch_ends(void)
{
    const struct sigaction action = {.sa_handler = stop, .sa_flags = SA_RESTART};
    struct sigaction before;
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
}

int warden_prepare(struct running *running, struct error *error)
{
    sigset_t set;
    catch_ends();
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    running->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    running->end = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (running->signals < 0 || running->end < 0)
        return error_set(error, errno, "cannot wait for signals: %s", strerror(errno));
    return reloading_prepare(&running->reloading, error);
}

static void take_signals(struct running *running)
{
    struct signalfd_siginfo signal;
    while (read(running->signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
        struct error error = {""};
        if (signal.ssi_signo == SIGHUP) {
            reloading_ask(running, true);
        } else {
            if (pipeline_reopen(running->pipeline, &error) != 0)
                log_error("%s", error.text);
        }
    }
}

static void look_at_lists(struct running *running)
{
    struct error vanished = {""};
    bool is_due = key_store_changed(running->keys, &vanished);
    if (vanished.text[0] != '\0')
        log_warning("%s", vanished.text);
    if (is_due)
        reloading_ask(running, false);
}

uint64_t warden_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_any_port_left(const struct running *running)
{
    for (unsigned i = 0; i < ports_count(running->ports); i++) {
        struct port_statistics statistics;
        ports_statistics(running->ports, i, &statistics);
        if (!statistics.gone)
            return true;
    }
    return false;
}

/* Whoever keeps it running shall know, and start it again when there is a port. */
static void stop_without_ports(struct running *running)
{
    log_error("no port is left, and so nothing is inspected any more: stopping");
    running->ports_are_gone = true;
    pipeline_stop();
}

static void *warden_main(void *argument)
{
    struct running *running = argument;
    struct error ignored = {""}; /* why nothing can be watched was said at the start */
    struct pollfd watched[] = {
        {.fd = running->end, .events = POLLIN},
        {.fd = running->signals, .events = POLLIN},
        {.fd = control_descriptor(running->control), .events = POLLIN},
        {.fd = key_store_watch_descriptor(running->keys, &ignored), .events = POLLIN}, /* -1 is passed over */
        {.fd = running->reloading.woken, .events = POLLIN},
    };
    uint64_t next_ms = warden_now_ms();
    bool any_left = true;
    pthread_setname_np(pthread_self(), "warden");
    for (;;) {
        uint64_t now = warden_now_ms();
        if (now >= next_ms) {
            ports_watch(running->ports);
            if (any_left && !(any_left = is_any_port_left(running)))
                stop_without_ports(running);
            key_table_reclaim(pipeline_keys(running->pipeline));
            reloading_try_again(running, now);
            next_ms = now + WATCH_MS;
        }
        if (poll(watched, sizeof(watched) / sizeof(watched[0]),
                 (int)(next_ms - now < WATCH_MS ? next_ms - now : WATCH_MS)) < 0)
            continue;
        if (watched[0].revents != 0)
            return NULL;
        if (watched[1].revents != 0)
            take_signals(running);
        if (watched[2].revents != 0)
            control_serve(running->control);
        if (watched[4].revents != 0)
            reloading_go_on(running);
        if (watched[3].revents != 0 || watched[4].revents != 0)
            look_at_lists(running);
    }
}

int warden_start(struct running *running, struct error *error)
{
    int code = pthread_create(&running->warden, NULL, warden_main, running);
    if (code != 0)
        return error_set(error, code, "cannot start the thread that watches: %s", strerror(code));
    running->has_warden = true;
    is_running = 1;
    return 0;
}

bool warden_end(struct running *running)
{
    if (running->has_warden) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += END_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        eventfd_write(running->end, 1);
        if (pthread_timedjoin_np(running->warden, NULL, &until) != 0)
            return false;
    }
    running->has_warden = false;
    if (running->signals >= 0)
        close(running->signals);
    if (running->end >= 0)
        close(running->end);
    running->signals = running->end = -1;
    return true;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "sampler.h"

#include <string.h>
#include <unistd.h>

/* About 2 kHz, and no divisor of anything that happens at a rate of its own. */
#define EVERY_NS 497000

const char *const stage_names[STAGES] = {
    [STAGE_RECEIVE] = "receive", [STAGE_DECODE] = "decode", [STAGE_FLOW] = "flow", [STAGE_ORDER] = "order",
    [STAGE_SCAN] = "scan",       [STAGE_TOKEN] = "token",   [STAGE_KEY] = "key",   [STAGE_RECORD] = "record",
};

static void look(int signal, siginfo_t *info, void *context)
{
    struct sampler *sampler = info->si_value.sival_ptr;
    (void)signal, (void)context;
    if (info->si_code == SI_TIMER && sampler->counting && stage_of_thread < STAGES)
        sampler->samples[stage_of_thread]++;
}

static bool create_timer(struct sampler *sampler)
{
    const struct itimerspec often = {.it_value.tv_nsec = EVERY_NS, .it_interval.tv_nsec = EVERY_NS};
    struct sigaction action = {.sa_sigaction = look, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
    event.sigev_value.sival_ptr = sampler;
    event._sigev_un._tid = gettid(); /* glibc before 2.42 has no name for it */
    if (sigaction(SIGRTMIN, &action, NULL) != 0 || timer_create(CLOCK_MONOTONIC, &event, &sampler->timer) != 0)
        return false;
    sampler->has_timer = true;
    return timer_settime(sampler->timer, 0, &often, NULL) == 0;
}

void sampler_start(struct sampler *sampler)
{
    if (!sampler->has_timer && !sampler->had_none)
        sampler->had_none = !create_timer(sampler);
    sampler->counting = 1;
}

void sampler_stop(struct sampler *sampler)
{
    sampler->counting = 0;
}

void sampler_release(struct sampler *sampler)
{
    if (sampler->has_timer)
        timer_delete(sampler->timer);
    sampler->has_timer = false;
}

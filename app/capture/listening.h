/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_CAPTURE_LISTENING_H
#define BEARERTAP_APP_CAPTURE_LISTENING_H

#include <stddef.h>
#include <stdio.h>

/*
 * DPDK's log while a device is probed and set up: what it says of a failure becomes part of ours, and what it says of
 * an attempt that another one mends is nobody's concern. By one thread at a time. What libraries of drivers write to
 * stderr themselves (libbpf does) is not heard.
 */
struct listening {
    FILE *before, *log;
    char *text;
    size_t length;
};

void listening_begin(struct listening *listening);

/* The first line of what was said goes to `said`, "" where there is none. The log is as it was before. */
void listening_end(struct listening *listening, char *said, size_t capacity);

#endif

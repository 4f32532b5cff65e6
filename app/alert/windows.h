/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_APP_ALERT_WINDOWS_H
#define BEARERTAP_APP_ALERT_WINDOWS_H

#include <stdint.h>

/*
 * Windows in the order of their start: a pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986), intrusive and without
 * allocation. A list would not do: windows that follow on another start in the past, and a capture file's times may
 * jump as they like. Insertion takes constant time, removal O(log n) amortized; nothing recurses. The root is the
 * earliest.
 */
struct window {
    struct window *child, *next;
    struct window *previous; /* the sibling before, or the parent of a first child; NULL in a root */
    uint64_t start_ns;
};

void window_insert(struct window **root, struct window *window);
void window_remove(struct window **root, struct window *window);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "windows.h"

#include <stddef.h>

/* The later of two roots becomes the first child of the earlier. */
static struct window *merge(struct window *a, struct window *b)
{
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (b->start_ns < a->start_ns) {
        struct window *swapped = a;
        a = b;
        b = swapped;
    }
    b->previous = a;
    b->next = a->child;
    if (a->child != NULL)
        a->child->previous = b;
    a->child = b;
    return a;
}

/* Siblings become one heap: in pairs from left to right, then the pairs from right to left. */
static struct window *merge_siblings(struct window *first)
{
    struct window *pairs = NULL; /* the last pair first, linked through `next` */
    while (first != NULL) {
        struct window *second = first->next;
        struct window *rest = second != NULL ? second->next : NULL;
        first->next = NULL;
        if (second != NULL)
            second->next = NULL;
        struct window *pair = merge(first, second);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    struct window *root = NULL;
    while (pairs != NULL) {
        struct window *rest = pairs->next;
        pairs->next = NULL;
        root = merge(root, pairs);
        pairs = rest;
    }
    if (root != NULL)
        root->previous = NULL;
    return root;
}

void window_insert(struct window **root, struct window *window)
{
    window->child = window->next = window->previous = NULL;
    *root = merge(*root, window);
    (*root)->previous = NULL;
}

void window_remove(struct window **root, struct window *window)
{
    if (window == *root) {
        *root = merge_siblings(window->child);
        return;
    }
    if (window->previous->child == window)
        window->previous->child = window->next;
    else
        window->previous->next = window->next;
    if (window->next != NULL)
        window->next->previous = window->previous;
    *root = merge(*root, merge_siblings(window->child));
    (*root)->previous = NULL;
}

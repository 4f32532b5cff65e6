/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_LIST_H
#define BEARERTAP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A list through the elements of one array, oldest first: appending, and removing from anywhere, touch the element and
 * its neighbours.
 *
 * An element bears a struct list_link, is on one list of that link at most, and is named by its index + 1, so that 0
 * names none and zeroed memory is on no list. One thread; nothing is allocated.
 */
struct list_link {
    uint32_t older, newer; /* index + 1 */
};

struct list {
    void *links;   /* of the array's first element */
    size_t stride; /* of the array */
    uint32_t oldest, newest, count;
};

/* `first`: the link in the array's first element, `stride`: the size of an element. */
static inline struct list list_of(struct list_link *first, size_t stride)
{
    return (struct list){.links = first, .stride = stride};
}

static inline struct list_link *list_link_at(const struct list *list, uint32_t element)
{
    return (struct list_link *)(void *)((uint8_t *)list->links + (element - 1) * list->stride);
}

/* Makes it the newest; it is on no list of this link. */
static inline void list_append(struct list *list, uint32_t element)
{
    *list_link_at(list, element) = (struct list_link){.older = list->newest};
    if (list->newest != 0)
        list_link_at(list, list->newest)->newer = element;
    else
        list->oldest = element;
    list->newest = element;
    list->count++;
}

/* It is on this list. */
static inline void list_remove(struct list *list, uint32_t element)
{
    struct list_link *link = list_link_at(list, element);
    if (link->older != 0)
        list_link_at(list, link->older)->newer = link->newer;
    else
        list->oldest = link->newer;
    if (link->newer != 0)
        list_link_at(list, link->newer)->older = link->older;
    else
        list->newest = link->older;
    *link = (struct list_link){0};
    list->count--;
}

/* Where the element can be on this list only: is it? */
static inline bool list_holds(const struct list *list, uint32_t element)
{
    return list->oldest == element || list_link_at(list, element)->older != 0;
}

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/memory.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What is shorter has no use for a page of its own. */
#define HUGE_PAGE ((size_t)2 << 20)

void *memory_take(size_t bytes)
{
    if (bytes < HUGE_PAGE) {
        void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (memory != NULL)
            memset(memory, 0, bytes);
        return memory;
    }
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

void memory_give_back(void *memory, size_t bytes)
{
    if (bytes < HUGE_PAGE)
        free(memory);
    else if (memory != NULL)
        munmap(memory, bytes);
}

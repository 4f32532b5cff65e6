/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/memory.h>

#include <sys/mman.h>

void *memory_take(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

void memory_give_back(void *memory, size_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}

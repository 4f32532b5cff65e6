/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: refuses the REFUSEDth allocation after main() began (or each from it on, with REFUSE_ALL), so that a
 * test can take the program through every lack of memory. Before main() it is libraries' constructors that allocate,
 * and nothing of ours could speak.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

static long allocations, refused;
static bool all;
static int (*program)(int, char **, char **);

static bool is_refused(void)
{
    if (refused == 0)
        return false;
    long number = __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    if (number != refused && !(all && number > refused))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return is_refused() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return is_refused() ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    return is_refused() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return is_refused() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    if (is_refused())
        return ENOMEM;
    *result = __libc_memalign(alignment, size);
    return *result == NULL ? ENOMEM : 0;
}

static int begin(int argc, char **argv, char **environment)
{
    all = getenv("REFUSE_ALL") != NULL;
    refused = atol(getenv("REFUSED"));
    return program(argc, argv, environment);
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void *stack_end)
{
    __typeof__(__libc_start_main) *start = dlsym(RTLD_NEXT, "__libc_start_main");
    program = main;
    return start(begin, argc, argv, init, fini, rtld_fini, stack_end);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: nothing may be allocated or given back on a thread once it has taken a name that begins with
 * $NO_ALLOCATION_ON. What does so is named on stderr with where it was called from, and the program ends with
 * status 97. A program that ends in its own way says at last how many threads were guarded.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define STATUS 97

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static __thread bool guarded __attribute__((tls_model("initial-exec")));
static const char *prefix;
static unsigned threads_guarded;

static void say(const char *text)
{
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(STATUS);
}

static void look(const char *function)
{
    void *callers[32];
    if (!guarded)
        return;
    guarded = false; /* what follows may allocate */
    say("allocation on a guarded thread: ");
    say(function);
    say(", called from\n");
    backtrace_symbols_fd(callers, backtrace(callers, 32), STDERR_FILENO);
    _exit(STATUS);
}

__attribute__((constructor)) static void begin(void)
{
    void *callers[4];
    backtrace(callers, 4); /* its first call loads a library */
    prefix = getenv("NO_ALLOCATION_ON");
}

__attribute__((destructor)) static void end(void)
{
    char count[] = {(char)('0' + threads_guarded % 10), '\n', '\0'};
    say("threads guarded: ");
    say(count);
}

/* The next one of that name: libc's or DPDK's. Looked up once, and then on no guarded thread. */
#define NEXT(function)                                                                                                 \
    static __typeof__(&function) next;                                                                                 \
    look(#function);                                                                                                   \
    if (next == NULL)                                                                                                  \
    *(void **)&next = dlsym(RTLD_NEXT, #function)

int pthread_setname_np(pthread_t thread, const char *name)
{
    static __typeof__(&pthread_setname_np) next;
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "pthread_setname_np");
    int result = next(thread, name);
    if (!guarded && prefix != NULL && strncmp(name, prefix, strlen(prefix)) == 0 &&
        pthread_equal(thread, pthread_self())) {
        __atomic_fetch_add(&threads_guarded, 1, __ATOMIC_RELAXED);
        guarded = true;
    }
    return result;
}

/* libc */

void *malloc(size_t size)
{
    look("malloc");
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    look("calloc");
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    look("realloc");
    return __libc_realloc(old, size);
}

void free(void *memory)
{
    look("free");
    __libc_free(memory);
}

void *memalign(size_t alignment, size_t size)
{
    look("memalign");
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    look("aligned_alloc");
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    look("posix_memalign");
    *result = __libc_memalign(alignment, size);
    return *result == NULL ? 12 /* ENOMEM */ : 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    NEXT(mmap);
    return next(address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    NEXT(mmap64);
    return next(address, length, protection, flags, fd, offset);
}

int munmap(void *address, size_t length)
{
    NEXT(munmap);
    return next(address, length);
}

int madvise(void *address, size_t length, int advice)
{
    NEXT(madvise);
    return next(address, length, advice);
}

int brk(void *end)
{
    NEXT(brk);
    return next(end);
}

void *sbrk(intptr_t more)
{
    NEXT(sbrk);
    return next(more);
}

/* DPDK */

void *rte_malloc(const char *type, size_t size, unsigned align)
{
    NEXT(rte_malloc);
    return next(type, size, align);
}

void *rte_zmalloc(const char *type, size_t size, unsigned align)
{
    NEXT(rte_zmalloc);
    return next(type, size, align);
}

void *rte_calloc(const char *type, size_t count, size_t size, unsigned align)
{
    NEXT(rte_calloc);
    return next(type, count, size, align);
}

void *rte_realloc(void *old, size_t size, unsigned align)
{
    NEXT(rte_realloc);
    return next(old, size, align);
}

void *rte_malloc_socket(const char *type, size_t size, unsigned align, int socket)
{
    NEXT(rte_malloc_socket);
    return next(type, size, align, socket);
}

void *rte_zmalloc_socket(const char *type, size_t size, unsigned align, int socket)
{
    NEXT(rte_zmalloc_socket);
    return next(type, size, align, socket);
}

void *rte_calloc_socket(const char *type, size_t count, size_t size, unsigned align, int socket)
{
    NEXT(rte_calloc_socket);
    return next(type, count, size, align, socket);
}

void *rte_realloc_socket(void *old, size_t size, unsigned align, int socket)
{
    NEXT(rte_realloc_socket);
    return next(old, size, align, socket);
}

void rte_free(void *memory)
{
    NEXT(rte_free);
    next(memory);
}

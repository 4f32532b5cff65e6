/* SPDX-License-Identifier: BSD-3-Clause */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sanitizer/asan_interface.h>

#include <bearertap/eal.h>

void fuzz_fail(const char *condition, const char *file, int line)
{
    char text[512];
    snprintf(text, sizeof(text), "%s:%d: does not hold: %s", file, line, condition);
    __sanitizer_report_error_summary(text); /* where libFuzzer's own words go: stderr may be closed */
    abort();
}

/*
 * What the program asks EAL's heap for comes from malloc (the linker puts these in the place of the others, in our code
 * only): so AddressSanitizer sees its borders. Blocks are kept for the next input and poisoned meanwhile, since the
 * large ones cost more than all that is done with them.
 */
struct block {
    struct block *next;
    size_t size; /* of what follows */
    uint8_t bytes[] __attribute__((aligned(64)));
};

static struct block *kept[64];

void *__wrap_rte_malloc(const char *type, size_t size, unsigned align);
void *__wrap_rte_zmalloc(const char *type, size_t size, unsigned align);
void __wrap_rte_free(void *bytes);

void *__wrap_rte_malloc(const char *type, size_t size, unsigned align)
{
    (void)type;
    REQUIRE(align <= 64 && size > 0);
    struct block *block, **link = &kept[size % 64];
    while (*link != NULL && (*link)->size != size)
        link = &(*link)->next;
    if (*link != NULL) {
        block = *link;
        *link = block->next;
        __asan_unpoison_memory_region(block->bytes, size);
        return block->bytes;
    }
    if (posix_memalign((void **)&block, 64, sizeof(*block) + size) != 0)
        return NULL;
    block->size = size;
    return block->bytes;
}

void *__wrap_rte_zmalloc(const char *type, size_t size, unsigned align)
{
    void *bytes = __wrap_rte_malloc(type, size, align);
    return bytes != NULL ? memset(bytes, 0, size) : NULL;
}

void __wrap_rte_free(void *bytes)
{
    if (bytes == NULL)
        return;
    struct block *block = (struct block *)(void *)((uint8_t *)bytes - offsetof(struct block, bytes));
    block->next = kept[block->size % 64];
    kept[block->size % 64] = block;
    __asan_poison_memory_region(block->bytes, block->size);
}

void fuzz_start_eal(size_t megabytes)
{
    struct error error = {""};
    if (eal_start_for_files(megabytes << 20, 1, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
}

const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t wanted, size_t *length)
{
    const uint8_t *bytes = input->at;
    *length = wanted < fuzz_left(input) ? wanted : fuzz_left(input);
    input->at += *length;
    return bytes;
}

uint8_t *fuzz_copy(const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);
    REQUIRE(copy != NULL);
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

int fuzz_file(const void *bytes, size_t length)
{
    int fd = memfd_create("fuzz", 0);
    REQUIRE(fd >= 0 && (length == 0 || write(fd, bytes, length) == (ssize_t)length));
    return fd;
}

const char *fuzz_path(int fd)
{
    static char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return path;
}

int fuzz_pipe(const void *bytes, size_t length, size_t piece)
{
    enum { SLOTS = 250, SLOT_BYTES = 4096 }; /* of the largest pipe that anybody may have, a page each */
    int ends[2];
    REQUIRE(length <= 60000 && pipe2(ends, O_DIRECT | O_NONBLOCK) == 0);
    REQUIRE(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) >= 0);
    size_t least = length / SLOTS + 1;
    piece = piece < least ? least : piece > SLOT_BYTES ? SLOT_BYTES : piece;
    for (size_t done = 0; done < length;) {
        size_t here = length - done < piece ? length - done : piece;
        REQUIRE(write(ends[1], (const uint8_t *)bytes + done, here) == (ssize_t)here);
        done += here;
    }
    close(ends[1]);
    return ends[0];
}

char *fuzz_read_file(int fd, size_t *length)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    REQUIRE(size >= 0 && text != NULL && pread(fd, text, (size_t)size, 0) == size);
    *length = (size_t)size;
    return text;
}

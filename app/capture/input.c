/* SPDX-License-Identifier: BSD-3-Clause */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_kind(int fd, const char *name, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set(error, errno, "cannot read %s: %s", name, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return error_set(error, EISDIR, "%s is a directory; name the capture files in it", name);
    if (isatty(fd))
        return error_set(error, EINVAL, "%s is a terminal; pipe a capture into it: tcpdump -w - | bearertap read -",
                         name);
    return 0;
}

static int refuse_to_open(const char *name, int code, struct error *error)
{
    static const struct {
        int code;
        const char *remedy;
    } remedies[] = {
        {EACCES, "; let this user read it and search its folders, or pipe it in: sudo cat FILE | bearertap read -"},
        {ENXIO, "; a socket or a device is no capture, name a file or a pipe"},
        {EMFILE, "; `ulimit -n 1024`"},
    };
    const char *remedy = "";
    for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++)
        if (remedies[i].code == code)
            remedy = remedies[i].remedy;
    return error_set(error, code, "cannot open %s: %s%s", name, strerror(code), remedy);
}

int input_open(struct input *input, const char *path, struct error *error)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path[0] != '\0' ? path : "\"\"";
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == EINTR) /* a named pipe whose writer has not come */
        return -EINTR;
    if (fd < 0)
        return refuse_to_open(name, errno, error);

    int code = check_kind(fd, name, error);
    if (code != 0) {
        if (!is_stdin)
            close(fd);
        return code;
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* refused for a pipe, and no matter */
    memset(input, 0, sizeof(*input));
    input->name = name;
    input->fd = fd;
    return 0;
}

void input_close(struct input *input)
{
    if (!input_is_open(input))
        return;
    if (input->block != NULL)
        block_release(input->block);
    if (input->fd != STDIN_FILENO)
        close(input->fd);
    memset(input, 0, sizeof(*input));
}

void input_skip(struct input *input, uint64_t length)
{
    uint32_t at_hand = input_at_hand(input);
    if (length < at_hand) {
        input->position += (uint32_t)length;
        input->offset += length;
    } else {
        /* Nothing of these bytes is lent, and their room is free again: passing over a block of any size needs no more
         * than this one. */
        input->fill = input->position;
        input->offset += at_hand;
        input->skip = length - at_hand;
    }
}

/* What is at hand moves along. */
static int begin_block(struct input *input, struct block_pool *pool)
{
    struct block *next = block_take(pool);
    if (next == NULL)
        return -EAGAIN;
    uint32_t carried = input_at_hand(input);
    if (input->block != NULL) {
        memcpy(next->bytes, input_bytes(input), carried);
        block_release(input->block);
    }
    input->block = next;
    input->position = 0;
    input->fill = carried;
    return 0;
}

int input_read(struct input *input, struct block_pool *pool)
{
    if (input->block == NULL || BLOCK_BYTES - input->fill < INPUT_ROOM_MIN) {
        int result = begin_block(input, pool);
        if (result != 0)
            return result;
    }
    ssize_t length;
    while ((length = read(input->fd, input->block->bytes + input->fill, BLOCK_BYTES - input->fill)) < 0) {
        if (errno != EAGAIN)
            return -errno;
        /* A pipe that whoever started us made non-blocking. */
        struct pollfd pollfd = {.fd = input->fd, .events = POLLIN};
        if (poll(&pollfd, 1, -1) < 0)
            return -errno;
    }
    input->fill += (uint32_t)length;
    if (input->skip > 0) {
        uint64_t skip = input->skip;
        input->skip = 0;
        input_skip(input, skip);
    }
    return (int)length;
}

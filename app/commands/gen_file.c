/* SPDX-License-Identifier: BSD-3-Clause */
#include "gen_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bearertap/commands.h>
#include <bearertap/error.h>

static bool is_standard_output(const struct gen_file *file)
{
    return strcmp(file->path, "-") == 0;
}

static const char *shown(const struct gen_file *file)
{
    return is_standard_output(file) ? "standard output" : file->path;
}

int gen_file_open(struct gen_file *file, const char *path)
{
    *file = (struct gen_file){.path = path, .fd = -1, .buffer = malloc(GEN_FILE_BUFFER)};
    if (file->buffer == NULL) {
        log_error("no memory to write %s", shown(file));
        return EXIT_FAILED;
    }
    file->fd = is_standard_output(file) ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->fd >= 0)
        return EXIT_DONE;
    log_error("cannot write %s: %s", path, strerror(errno));
    gen_file_abandon(file);
    return EXIT_FAILED;
}

static void flush(struct gen_file *file)
{
    size_t done = 0;
    while (done < file->filled && file->failure == 0) {
        ssize_t more = write(file->fd, file->buffer + done, file->filled - done);
        if (more > 0)
            done += (size_t)more;
        else if (more == 0 || errno != EINTR)
            file->failure = more == 0 ? EIO : errno;
    }
    file->filled = 0;
}

uint8_t *gen_file_take(struct gen_file *file, size_t length)
{
    if (GEN_FILE_BUFFER - file->filled < length)
        flush(file);
    uint8_t *room = file->buffer + file->filled;
    file->filled += length;
    file->written += length;
    return room;
}

void gen_file_put(struct gen_file *file, const char *text)
{
    size_t length = strlen(text);
    if (file->path != NULL && length > 0)
        memcpy(gen_file_take(file, length), text, length);
}

void gen_file_format(struct gen_file *file, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    gen_file_put(file, text);
}

bool gen_file_close(struct gen_file *file)
{
    if (file->path == NULL)
        return true;
    flush(file);
    /* Some file systems tell only now that there was no room. */
    if (!is_standard_output(file) && close(file->fd) != 0 && file->failure == 0)
        file->failure = errno;
    file->fd = -1;
    bool is_file = !is_standard_output(file);
    if (file->failure != 0 && file->failure != EPIPE)
        log_error("cannot write %s: %s%s", shown(file), strerror(file->failure),
                  is_file ? "; it ends where that happened, and is of no use" : "");
    gen_file_abandon(file);
    return file->failure == 0;
}

void gen_file_abandon(struct gen_file *file)
{
    if (file->path != NULL && file->fd > STDERR_FILENO)
        close(file->fd);
    free(file->buffer);
    file->buffer = NULL;
    file->path = NULL;
    file->fd = -1;
}

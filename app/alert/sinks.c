/* SPDX-License-Identifier: BSD-3-Clause */
/* The kinds of sinks, and all of one configuration opened. */
#include "sink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct sink_kind kinds[] = {
    {"stdout", false, sink_stdout_open}, /* standard output: it stays what it is, and its reader may go away */
    {"file", true, sink_file_open},      /* lines are added to it; it may be opened anew */
};

const char *const sink_state_names[SINK_STATES] = {"open", "waiting", "failing", "losing", "gone"};

const struct sink_kind *sink_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

bool sink_kind_has_path(const struct sink_kind *kind)
{
    return kind->has_path;
}

const char *sink_kind_name(const struct sink_kind *kind)
{
    return kind->name;
}

int sink_look(struct sink *sink)
{
    struct stat status;
    if (fstat(sink->fd, &status) != 0)
        return -errno;
    sink->is_regular = S_ISREG(status.st_mode);
    sink->is_block_device = S_ISBLK(status.st_mode);
    sink->device = status.st_dev;
    sink->inode = status.st_ino;
    return 0;
}

bool sink_is_same_file(const struct sink *one, const struct sink *other)
{
    return one->fd >= 0 && other->fd >= 0 && one->device == other->device && one->inode == other->inode;
}

void sink_close(struct sink *sink)
{
    if (sink->kind->has_path && sink->fd >= 0)
        close(sink->fd);
    sink->fd = -1;
}

unsigned sinks_count(const struct alert_options *options)
{
    return options->sinks_count > 0 ? options->sinks_count : 1;
}

static void set_up(struct sink *sink, const struct alert_options *options, unsigned i)
{
    memset(sink, 0, sizeof(*sink));
    sink->kind = options->sinks_count > 0 ? options->sinks[i].kind : &kinds[0];
    sink->fd = -1;
    if (sink->kind->has_path) {
        sink->path = options->sinks[i].path;
        snprintf(sink->name, sizeof(sink->name), "%s", sink->path);
        return;
    }
    sink->fd = options->fd;
    snprintf(sink->name, sizeof(sink->name), "standard output");
    if (sink->fd != STDOUT_FILENO)
        snprintf(sink->name, sizeof(sink->name), "file descriptor %d", sink->fd);
}

/* Two descriptors that add to one file would cut each other's lines. A terminal or /dev/null may be there twice. */
static int refuse_twice(const struct sink *sinks, unsigned count, struct error *error)
{
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < i; j++)
            if (sinks[i].is_regular && sink_is_same_file(&sinks[i], &sinks[j]))
                return error_set(error, EINVAL,
                                 "two sinks of alerts are one file: %s and %s; leave one of them out, or give it "
                                 "another file",
                                 sinks[j].name, sinks[i].name);
    return 0;
}

int sinks_open(const struct alert_options *options, struct sink *sinks, struct error *error)
{
    unsigned count = sinks_count(options), opened = 0;
    int result = 0;
    for (; opened < count && result == 0; opened++) {
        set_up(&sinks[opened], options, opened);
        result = sinks[opened].kind->open(&sinks[opened], error);
        if (result == -ENXIO)
            result = 0;
    }
    if (result == 0)
        result = refuse_twice(sinks, count, error);
    for (unsigned i = 0; i < opened && result != 0; i++)
        sink_close(&sinks[i]);
    return result;
}

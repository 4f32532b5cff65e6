/* SPDX-License-Identifier: BSD-3-Clause */
/* Standard output: whatever the shell or the service manager made of it. It is shared with others (the terminal, a
 * pipe into which errors go too), so that its flags are left as they are. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>

int sink_stdout_open(struct sink *sink, struct error *error)
{
    (void)error;
    int flags = fcntl(sink->fd, F_GETFL);
    sink->may_block = flags < 0 || (flags & O_NONBLOCK) == 0;
    sink_look(sink); /* a descriptor that is closed is what the first write says */
    return 0;
}

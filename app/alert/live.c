/* SPDX-License-Identifier: BSD-3-Clause */
#include "live.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "alert_line.h"
#include "sink_writer.h"

#define DRAIN_NS UINT64_C(500000000)

/* For a thread that is in a system call when its time is over. */
#define GRACE_NS UINT64_C(100000000)

struct live {
    unsigned count;
    bool has_new; /* since the last flush */
    bool is_over;
    _Atomic uint64_t noted; /* lost elsewhere, and not yet owed */
    struct sink_writer **writers;
    char line[LINE_MAX_BYTES];
};

static void end_all(struct live *live, uint64_t drain_ns)
{
    uint64_t deadline = monotonic_ns() + drain_ns;
    for (unsigned i = 0; i < live->count; i++)
        sink_writer_end(live->writers[i], deadline);
    for (unsigned i = 0; i < live->count; i++)
        sink_writer_join(live->writers[i], deadline + GRACE_NS);
    live->is_over = true;
}

void live_destroy(struct live *live)
{
    if (live == NULL)
        return;
    if (!live->is_over)
        end_all(live, 0);
    for (unsigned i = 0; i < live->count; i++)
        sink_writer_destroy(live->writers[i]);
    free(live->writers);
    free(live);
}

int live_create(const struct alert_options *options, struct live **result, struct error *error)
{
    unsigned count = sinks_count(options);
    struct live *live = calloc(1, sizeof(*live));
    struct sink *sinks = calloc(count, sizeof(*sinks));
    if (live != NULL)
        live->writers = calloc(count, sizeof(*live->writers)); // NOLINT(bugprone-sizeof-expression): pointers are meant
    int status = -ENOMEM;
    if (live == NULL || sinks == NULL || live->writers == NULL)
        error_set(error, ENOMEM, "cannot set up alerts: out of memory");
    else
        status = sinks_open(options, sinks, error);
    for (unsigned i = 0; i < count && status == 0; i++) {
        status = sink_writer_create(&sinks[i], &live->writers[i], error);
        live->count += status == 0;
        for (unsigned j = i + 1; j < count && status != 0; j++)
            sink_close(&sinks[j]);
    }
    free(sinks);
    if (status == 0) {
        *result = live;
        return 0;
    }
    live_destroy(live);
    return status;
}

/* One line to one sink. `plain` is what it is where nothing was lost before it: empty until it is needed. */
static void put_to(struct sink_writer *writer, struct line *plain, line_writer *write, void *context)
{
    struct sink_queue *queue = &writer->queue;
    if (sink_writer_is_gone(writer) || !sink_queue_takes(queue)) {
        sink_queue_lose(queue);
        return;
    }
    if (queue->owed > 0 || plain->length == 0) {
        plain->length = 0;
        write(context, queue->owed, plain);
        assert(!plain->overflow);
    }
    bool owed = queue->owed > 0;
    if (!sink_queue_offer(queue, plain->bytes, plain->length))
        sink_writer_wake(writer); /* it has something to say */
    if (owed)
        plain->length = 0; /* it is this sink's own */
}

void live_put(struct live *live, line_writer *write, void *context)
{
    struct line line = {.bytes = live->line, .capacity = sizeof(live->line)};
    uint64_t noted = atomic_exchange_explicit(&live->noted, 0, memory_order_relaxed);
    for (unsigned i = 0; i < live->count; i++) {
        live->writers[i]->queue.owed += noted;
        put_to(live->writers[i], &line, write, context);
    }
    live->has_new = true;
}

void live_flush(struct live *live)
{
    if (!live->has_new)
        return;
    live->has_new = false;
    for (unsigned i = 0; i < live->count; i++)
        sink_writer_tell_of_lines(live->writers[i]);
}

void live_finish(struct live *live)
{
    if (!live->is_over)
        end_all(live, DRAIN_NS);
}

int live_failure(const struct live *live)
{
    unsigned gone = 0;
    for (unsigned i = 0; i < live->count; i++)
        gone += sink_writer_is_gone(live->writers[i]);
    return gone == live->count ? -EPIPE : 0;
}

void live_count(const struct live *live, uint64_t *written, uint64_t *lost)
{
    *written = UINT64_MAX;
    *lost = 0;
    for (unsigned i = 0; i < live->count; i++) {
        struct sink_status status;
        sink_writer_status(live->writers[i], &status);
        *written = status.lines < *written ? status.lines : *written;
        *lost = status.lost > *lost ? status.lost : *lost;
    }
}

void live_note_lost(struct live *live, uint64_t records)
{
    atomic_fetch_add_explicit(&live->noted, records, memory_order_relaxed);
}

int live_reopen(struct live *live, struct error *error)
{
    int first = 0;
    for (unsigned i = 0; i < live->count; i++) {
        int result = sink_writer_reopen(live->writers[i], first == 0 ? error : NULL);
        first = first == 0 ? result : first;
    }
    return first;
}

unsigned live_status(const struct live *live, struct sink_status *status, unsigned max)
{
    for (unsigned i = 0; i < live->count && i < max; i++)
        sink_writer_status(live->writers[i], &status[i]);
    return live->count;
}

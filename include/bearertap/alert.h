/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BEARERTAP_ALERT_H
#define BEARERTAP_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bearertap/counters.h>
#include <bearertap/error.h>
#include <bearertap/keys.h>
#include <bearertap/record.h>

/*
 * Records in, lines out: conclusion, folding, formats, sinks.
 *
 * One thread (the alert side) owns a struct alerts. It takes each record, reads the whole token, concludes (verdict.h),
 * folds repeats, and writes lines: Elastic Common Schema 8.11 as JSON, or text for a person. No line ever holds a
 * token, its signature, or a query; a token is its SHA-256.
 *
 * Folding: the first sighting of a finding (same connection, direction, placement, token, finding) leaves at once and
 * opens a window [start, start + 60 s) of packet time. Repeats in a window are counted and leave as one update when it
 * is over; the next window begins where that one ended. After a window without a repeat the next repeat leaves at once,
 * as an update of one, and opens a window of its own. The sum of `bearertap.sightings` over the lines is the exact
 * number. What is folded depends on the connection's own sightings and their packet times only, never on other
 * connections or the number of workers: a window holds what came in it, whether a later sighting, a RECORD_TIME (a
 * second late: a worker's time is ahead of packets that it holds back) or the end closes it.
 *
 * An update tells the request (method, domain, path, user agent) only where all its sightings stood in one like the
 * first sighting's, and what is odd about the stream (midstream, gap, conflict) as of its last.
 *
 * In a line, `event.start` and `event.end` are the packet times of its first and last sighting, `@timestamp` is the
 * last one's; all three with capture_correction_ns (capture.h), ids without. `event.severity`: 90 critical, 70 high
 * (also where the entry says nothing), 50 medium, 30 low, 0 for a token without a finding; with several entries the
 * highest. `event.id` is SHA-256, cut to 128 bits, over connection, direction, placement, finding and the place of the
 * line's first token; `bearertap.finding.id` is the first line's. `bearertap.key` is an object, or an array of objects
 * where several entries match; `match` is always an array.
 *
 * All text from the wire is made valid UTF-8 and searched for tokens, which become "[token]": a path or a user agent
 * may hold one too. In text lines what a terminal would act on is shown as \xNN.
 */

struct alert_format; /* a row of the table in alert.c */

/* "ecs" or "text"; NULL when there is no such format. */
const struct alert_format *alert_format_find(const char *name);
/* The names of all formats, for messages: "ecs, text", NUL-terminated and cut at the capacity. */
void alert_format_list(char *out, size_t capacity);

/*
 * Sinks: where lines go, all of them to each.
 *
 * In `read` nothing is lost: lines are written to one sink after the other, whoever is slow is waited for, and the
 * first failure is the end.
 *
 * Live, each sink has a queue of SINK_QUEUE_BYTES and a thread that writes, so that one that blocks holds up neither
 * the alert side nor the others. A line for which there is no room is lost for that sink, and so are those behind it
 * until half of the queue is free again: the next line says how many there were (`bearertap.lost`), and the log says
 * when it begins and when it is over. What cannot be written (a full disk, a FIFO that nobody reads) is tried again
 * every second, from the byte at which it stopped. Standard output whose reader went away is gone for good.
 *
 * A file is opened to append, made with mode 0600 where there is none, and never waited for: it may be a FIFO. A last
 * line without an end gets one. A file that was moved or removed is written to until alerts_reopen.
 */
#define SINK_QUEUE_BYTES (8u << 20) /* some 5,000 lines */

struct sink_kind; /* a row of the table in sinks.c */

/* "stdout" or "file"; NULL when there is no such kind. */
const struct sink_kind *sink_kind_find(const char *name);
const char *sink_kind_name(const struct sink_kind *kind);
bool sink_kind_has_path(const struct sink_kind *kind);

struct sink_options {
    const struct sink_kind *kind;
    const char *path; /* of a kind that has one; it outlives the alerts */
};

enum sink_state {
    SINK_OPEN,
    SINK_WAITING, /* a FIFO that nobody reads: tried every second */
    SINK_FAILING, /* the last write or opening failed: tried every second */
    SINK_LOSING,  /* slow: its queue is full, and lines are lost */
    SINK_GONE,    /* for good */
    SINK_STATES
};

extern const char *const sink_state_names[SINK_STATES];

/* Lines made are, once nothing is under way, those written, lost and queued. */
struct sink_status {
    const struct sink_kind *kind;
    const char *path; /* NULL: none */
    enum sink_state state;
    uint64_t lines, bytes; /* written, whole lines and all bytes */
    uint64_t queued;       /* lines that wait */
    uint64_t lost;         /* lines that it will never get */
    uint64_t retries;
};

struct alert_options {
    const struct alert_format *format;
    bool color;                       /* text only */
    bool all_tokens;                  /* clean tokens leave too, each its own line (event.kind "event") */
    int fd;                           /* standard output; not owned */
    const struct sink_options *sinks; /* none: standard output is the only one */
    unsigned sinks_count;
    bool live;                 /* never wait for a sink */
    const char *observer_name; /* the sensor; NULL for the host's name */
    const char *clock;         /* that stamps packets, in plain words: `bearertap.capture.clock`; NULL: not known */
    struct key_table *keys;    /* may be NULL: no keys given */
    unsigned key_reader;       /* which of its readers the alert side is: online only while it judges a token, so
                                * that it holds nobody up however long a write takes */
    unsigned folds_max;        /* findings folded at a time, at most 7 KiB each, touched as used; beyond that the
                                * longest unseen leaves early, counted */
};

struct alerts;

/* Opens the sinks. 0, or a negative errno with `error` filled. Live, threads are started, which run on the CPUs of the
 * caller and leave signals to others. */
int alerts_create(const struct alert_options *options, struct alerts **alerts, struct error *error);
void alerts_destroy(struct alerts *alerts);

/*
 * Takes one record (not the chunks: the caller releases them afterwards). 0, or a negative errno when the output
 * failed: -EPIPE when its reader went away (live: when no sink is left) (the process is to ignore SIGPIPE), any other
 * with `error` filled ("cannot write alerts to standard output: No space left on device; 12 lines were written, 3 lost
 * ..."); from then on nothing more is written, but lines lost are counted.
 */
int alerts_take(struct alerts *alerts, const struct chunk *chunk, struct error *error);

/* Writes what is buffered; called whenever there is no record at hand. As alerts_take. */
int alerts_flush(struct alerts *alerts, struct error *error);

/* The end: all open folds leave as updates, and everything is written. Live, every sink is given up to half a second,
 * all at the same time; what is left then is lost, and said. As alerts_take. */
int alerts_finish(struct alerts *alerts, struct error *error);

/* So many sightings were lost before they came here: the next line of every sink says so. Any thread. */
void alerts_note_lost(struct alerts *alerts, uint64_t records);

/*
 * Opens all files anew, as after a rotation: lines that were cut are finished in the old file, and when this returns
 * the old one is no longer written to. Any thread but the alert side, live only. 0, or the first negative errno with
 * `error` filled: that sink goes on with what it has.
 */
int alerts_reopen(struct alerts *alerts, struct error *error);

/* How the sinks do, up to `max` of them; returns how many there are. Any thread. */
unsigned alerts_sinks(const struct alerts *alerts, struct sink_status *status, unsigned max);

/* What the alert side counts. */
struct alert_counters {
    uint64_t sightings; /* with a finding: the sum of bearertap.sightings over alert lines, folds still open included */
    uint64_t alerts;    /* alert lines, lost ones too */
    uint64_t events;    /* lines for clean tokens (all_tokens) */
    uint64_t not_concluded; /* the worker thought it possible, the whole token said no (another issuer's kid) */
    uint64_t truncated;     /* sightings whose token's end was never seen */
    uint64_t folds_evicted; /* updates that left early for want of room */
    uint64_t lines_written; /* of either kind, whole, by the sink that has the fewest; as of the last flush, like the
                             * next */
    uint64_t lines_lost;    /* of either kind, by the sink that lost the most */
};

const struct alert_counters *alerts_counters(const struct alerts *alerts);

/* The same as an array, and what each is called. */
enum { ALERT_COUNTERS = sizeof(struct alert_counters) / sizeof(uint64_t) };
extern const struct counter_row alert_counter_rows[ALERT_COUNTERS];

/* Community ID v1 (github.com/corelight/community-id-spec), seed 0, TCP. `out` receives "1:" and 28 characters. */
#define COMMUNITY_ID_MAX 32
void community_id(const struct record_flow *flow, char out[COMMUNITY_ID_MAX]);

#endif

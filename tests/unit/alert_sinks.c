/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sinks, live: whatever becomes of one, the others get every line, nobody waits, and each line is written or counted.
 * The oracle is in the lines: event.sequence counts them, so that what is missing between two of a sink's lines must be
 * what the second says of it.
 */
#include "alert_support.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#define MORE_THAN_A_QUEUE 9000 /* lines of some 1.2 KB; 8 MiB and a pipe hold some 7,000 */

static char folder[] = "/tmp/bearertap-sinks-XXXXXX";

/* A path in the test's folder; it lives until the next but seven calls. */
static const char *in_folder(const char *name)
{
    static char paths[8][64];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* Alerts with several sinks, and how many lines were made. */
struct tap {
    struct alerts *alerts;
    struct key_table keys;
    uint64_t made;
};

static struct sink_options to_file(const char *path)
{
    return (struct sink_options){.kind = sink_kind_find("file"), .path = path};
}

static struct sink_options to_stdout(void)
{
    return (struct sink_options){.kind = sink_kind_find("stdout")};
}

static int tap_try(struct tap *tap, bool live, int fd, const struct sink_options *sinks, unsigned count,
                   struct error *error)
{
    *tap = (struct tap){.keys = test_keys()};
    struct alert_options options = {.fd = fd,
                                    .sinks = sinks,
                                    .sinks_count = count,
                                    .live = live,
                                    .keys = &tap->keys,
                                    .format = alert_format_find("ecs"),
                                    .observer_name = "tap1",
                                    .folds_max = 10};
    error->text[0] = '\0';
    return alerts_create(&options, &tap->alerts, error);
}

static void tap_open(struct tap *tap, int fd, const struct sink_options *sinks, unsigned count)
{
    struct error error;
    if (tap_try(tap, true, fd, sinks, count, &error) != 0)
        fail_msg("%s", error.text);
}

/* Each line of a connection of its own, so that none is folded. Returns the last result. */
static int tap_put(struct tap *tap, unsigned lines)
{
    int result = 0;
    for (unsigned i = 0; i < lines; i++) {
        struct record record = test_record();
        record.flow.id = ++tap->made;
        result = test_take_cut(tap->alerts, &record, TOKEN, strlen(TOKEN), CHUNK_DATA_MAX, NULL);
        if (i % 16 == 15)
            result = alerts_flush(tap->alerts, NULL);
    }
    return lines % 16 != 0 ? alerts_flush(tap->alerts, NULL) : result;
}

static struct sink_status tap_status(const struct tap *tap, unsigned sink)
{
    struct sink_status status[8];
    assert_in_range(alerts_sinks(tap->alerts, status, 8), sink + 1, 8);
    return status[sink];
}

/* Waits until the sink is in the state, has so few lines queued, and has written so many. */
static void tap_wait(const struct tap *tap, unsigned sink, enum sink_state state, uint64_t queued_most,
                     uint64_t lines_least)
{
    struct sink_status status;
    for (unsigned i = 0; i < 20000; i++) {
        status = tap_status(tap, sink);
        if (status.state == state && status.queued <= queued_most && status.lines >= lines_least)
            return;
        usleep(1000);
    }
    fail_msg("sink %u is %s, with %" PRIu64 " lines queued, %" PRIu64 " written, %" PRIu64 " lost", sink,
             sink_state_names[status.state], status.queued, status.lines, status.lost);
}

/* The law: each line made is written or lost, and nothing is under way any more. */
static void tap_finish(struct tap *tap, unsigned sinks)
{
    alerts_finish(tap->alerts, NULL);
    for (unsigned i = 0; i < sinks; i++) {
        struct sink_status status = tap_status(tap, i);
        assert_int_equal(status.queued, 0);
        assert_int_equal(status.lines + status.lost, tap->made);
    }
}

static void tap_close(struct tap *tap)
{
    alerts_destroy(tap->alerts);
}

/* What a sink received: its lines, in order, and what they say was lost before them. */
struct received {
    uint64_t lines, lost, jams, last_lost, last_sequence;
};

static uint64_t number_in(json_t *line, const char *path)
{
    json_t *number = member(line, path);
    return number != NULL ? (uint64_t)json_integer_value(number) : 0;
}

/* Adds `text`, which ends with a line's end, to what was received before; `noted` of what is said to be lost never was
 * a line. */
static void receive(struct received *received, const char *text, size_t length, uint64_t noted)
{
    assert_true(length == 0 || text[length - 1] == '\n');
    for (const char *at = text, *end; at < text + length; at = end + 1) {
        end = memchr(at, '\n', length - (size_t)(at - text));
        json_error_t error;
        json_t *line = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES, &error);
        if (line == NULL)
            fail_msg("%s in %.*s", error.text, (int)(end - at), at);
        uint64_t sequence = number_in(line, "event.sequence");
        received->last_lost = number_in(line, "bearertap.lost");
        assert_int_equal(sequence - received->last_sequence - 1, received->last_lost - noted);
        noted = 0;
        received->last_sequence = sequence;
        received->lost += received->last_lost;
        received->jams += received->last_lost > 0;
        received->lines++;
        json_decref(line);
    }
}

static char *read_file(const char *path, size_t *length)
{
    struct stat status;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &status) != 0)
        fail_msg("%s: %s", path, strerror(errno));
    char *text = calloc(1, (size_t)status.st_size + 1);
    *length = (size_t)status.st_size;
    assert_int_equal(read(fd, text, *length), *length);
    close(fd);
    return text;
}

static void receive_file(struct received *received, const char *path, uint64_t noted)
{
    size_t length;
    char *text = read_file(path, &length);
    receive(received, text, length, noted);
    free(text);
}

/* Reads a pipe in a thread of its own to its end, or as many bytes as it is told. */
struct reader {
    pthread_t thread;
    int fd;
    const char *path; /* not NULL: to be opened first, which waits for whoever writes */
    size_t piece;     /* bytes a read */
    char *text;
    size_t length;
};

#define READER_BYTES_MAX (64u << 20)

static ssize_t reader_take(struct reader *reader)
{
    size_t room = READER_BYTES_MAX - reader->length;
    ssize_t more = read(reader->fd, reader->text + reader->length, reader->piece < room ? reader->piece : room);
    reader->length += more > 0 ? (size_t)more : 0;
    return more;
}

static void *read_pipe(void *context)
{
    struct reader *reader = context;
    if (reader->text == NULL)
        reader->text = malloc(READER_BYTES_MAX);
    if (reader->path != NULL)
        reader->fd = open(reader->path, O_RDONLY);
    while (reader_take(reader) > 0)
        ;
    return NULL;
}

static void reader_start(struct reader *reader, int fd, size_t piece)
{
    *reader = (struct reader){.fd = fd, .piece = piece};
    assert_int_equal(pthread_create(&reader->thread, NULL, read_pipe, reader), 0);
}

static void reader_start_at(struct reader *reader, const char *path, size_t piece)
{
    *reader = (struct reader){.path = path, .piece = piece};
    assert_int_equal(pthread_create(&reader->thread, NULL, read_pipe, reader), 0);
}

static void reader_join(struct reader *reader, struct received *received)
{
    pthread_join(reader->thread, NULL);
    receive(received, reader->text, reader->length, 0);
    free(reader->text);
    close(reader->fd);
}

/* What is said meanwhile: standard error goes into a file, up to log_end or the end of the test, which then shows it.
 */
static struct {
    bool is_on;
    int saved, fd;
} log_file;

static void log_begin(void)
{
    fflush(stderr);
    log_file.is_on = true;
    log_file.saved = dup(STDERR_FILENO);
    log_file.fd = memfd_create("log", 0);
    dup2(log_file.fd, STDERR_FILENO);
}

static void log_text(char *text, size_t capacity)
{
    ssize_t length = pread(log_file.fd, text, capacity - 1, 0);
    text[length > 0 ? length : 0] = '\0';
}

static unsigned log_count(const char *what)
{
    char text[16384];
    unsigned count = 0;
    log_text(text, sizeof(text));
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
        count++;
    return count;
}

static void log_wait(const char *what)
{
    for (unsigned i = 0; i < 20000; i++) {
        if (log_count(what) > 0)
            return;
        usleep(1000);
    }
    fail_msg("nobody said: %s", what);
}

static void log_end(void)
{
    dup2(log_file.saved, STDERR_FILENO);
    close(log_file.saved);
    close(log_file.fd);
    log_file.is_on = false;
}

static int log_restore(void **state)
{
    (void)state;
    char text[16384];
    if (!log_file.is_on)
        return 0;
    log_text(text, sizeof(text));
    log_end();
    fputs(text, stderr);
    return 0;
}

static void a_sink_that_blocks_does_not_stop_the_others(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const char *path = in_folder("good.json");
    struct sink_options sinks[] = {to_stdout(), to_file(path)};
    log_begin();
    struct tap tap;
    tap_open(&tap, ends[1], sinks, 2);
    /* The file's thread gets its turn: it is not to be the one that is too slow. */
    for (unsigned i = 0; i < MORE_THAN_A_QUEUE; i += 500) {
        assert_int_equal(tap_put(&tap, 500), 0);
        tap_wait(&tap, 1, SINK_OPEN, 0, tap.made);
    }
    log_wait("takes no more alerts");
    struct sink_status jammed = tap_status(&tap, 0);
    assert_int_equal(jammed.state, SINK_LOSING);
    assert_int_equal(jammed.lines + jammed.queued + jammed.lost, tap.made);
    assert_true(jammed.lost > 1000 && jammed.queued > 5000);

    /* Its reader comes, and the next line tells of the jam. */
    struct reader reader;
    reader_start(&reader, ends[0], 65536);
    tap_wait(&tap, 0, SINK_OPEN, 0, 0);
    log_wait("takes alerts again");
    tap_put(&tap, 1);
    tap_finish(&tap, 2);
    assert_int_equal(log_count("takes no more alerts"), 1);
    assert_int_equal(log_count("takes alerts again"), 1);
    log_end();
    assert_int_equal(tap_status(&tap, 0).lost, jammed.lost);
    assert_int_equal(alerts_counters(tap.alerts)->lines_lost, jammed.lost);
    assert_int_equal(alerts_counters(tap.alerts)->lines_written, tap.made - jammed.lost);
    tap_close(&tap);
    close(ends[1]);
    struct received good = {0}, slow = {0};
    receive_file(&good, path, 0);
    assert_int_equal(good.lines, tap.made);
    reader_join(&reader, &slow);
    assert_int_equal(slow.last_lost, jammed.lost);
    assert_int_equal(slow.lines + slow.lost, tap.made);
}

/* A reader that takes as much as ends a jam, and no more: the next comes. */
static void every_jam_is_told_by_the_line_behind_it(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log_begin();
    struct tap tap;
    struct sink_options sink = to_stdout();
    tap_open(&tap, ends[1], &sink, 1);
    struct reader reader = {.fd = ends[0], .piece = 65536, .text = malloc(READER_BYTES_MAX)};
    for (unsigned jam = 1; jam <= 3; jam++) {
        while (tap_status(&tap, 0).state != SINK_LOSING)
            tap_put(&tap, 16);
        while (tap_status(&tap, 0).state == SINK_LOSING)
            assert_true(reader_take(&reader) > 0);
    }
    tap_put(&tap, 1);
    assert_int_equal(pthread_create(&reader.thread, NULL, read_pipe, &reader), 0);
    tap_wait(&tap, 0, SINK_OPEN, 0, 0);
    tap_finish(&tap, 1);
    uint64_t lost = tap_status(&tap, 0).lost;
    tap_close(&tap);
    close(ends[1]);
    assert_int_equal(log_count("takes alerts again"), 3);
    log_end();
    struct received received = {0};
    reader_join(&reader, &received);
    assert_int_equal(received.jams, 3);
    assert_int_equal(received.lost, lost);
    assert_int_equal(received.lines + received.lost, tap.made);
}

static void what_was_lost_before_is_said_by_every_sink_once(void **state)
{
    (void)state;
    const char *one = in_folder("one.json"), *two = in_folder("two.json");
    struct sink_options sinks[] = {to_file(one), to_file(two)};
    struct tap tap;
    tap_open(&tap, -1, sinks, 2);
    alerts_note_lost(tap.alerts, 4);
    alerts_note_lost(tap.alerts, 3);
    tap_put(&tap, 2);
    tap_finish(&tap, 2);
    tap_close(&tap);
    for (unsigned i = 0; i < 2; i++) {
        struct received received = {0};
        receive_file(&received, sinks[i].path, 7);
        assert_int_equal(received.lines, 2);
        assert_int_equal(received.lost, 7);
        assert_int_equal(received.last_lost, 0);
    }
}

/* A disk that is full in the middle of a line, and has room again. */
static void a_line_goes_on_where_a_full_disk_stopped_it(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    const char *path = in_folder("full.json");
    struct sink_options sink = to_file(path);
    struct rlimit limit, unlimited;
    struct stat status;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    limit = unlimited;
    limit.rlim_cur = 100000;
    log_begin();
    struct tap tap;
    tap_open(&tap, -1, &sink, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    tap_put(&tap, 200);
    tap_wait(&tap, 0, SINK_FAILING, 200, 10);
    struct error error;
    assert_int_equal(alerts_reopen(tap.alerts, &error), 0); /* the same file, and as full */
    tap_wait(&tap, 0, SINK_FAILING, 200, 10);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    assert_int_equal(status.st_size, 100000);
    tap_wait(&tap, 0, SINK_OPEN, 0, 200); /* by itself, within a second or so */
    assert_true(tap_status(&tap, 0).retries > 0);
    assert_int_equal(log_count("cannot write alerts to"), 1);
    assert_int_equal(log_count("are written to"), 1);
    log_end();
    tap_finish(&tap, 1);
    assert_int_equal(tap_status(&tap, 0).lost, 0);
    tap_close(&tap);
    struct received received = {0};
    receive_file(&received, path, 0);
    assert_int_equal(received.lines, 200);
}

/* Half of a line is in the file that cannot take more; another can. */
static void a_line_that_a_full_disk_cut_is_whole_in_a_new_file(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    const char *path = in_folder("filled.json"), *old = in_folder("filled.json.1");
    struct sink_options sink = to_file(path);
    struct rlimit limit, unlimited;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    limit = unlimited;
    limit.rlim_cur = 100000;
    log_begin();
    struct tap tap;
    struct error error = {""};
    tap_open(&tap, -1, &sink, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    tap_put(&tap, 120);
    tap_wait(&tap, 0, SINK_FAILING, 120, 10);
    int renamed = rename(path, old), reopened = alerts_reopen(tap.alerts, &error);
    tap_wait(&tap, 0, SINK_OPEN, 0, 120);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
    assert_int_equal(renamed, 0);
    assert_int_equal(reopened, 0);
    tap_finish(&tap, 1);
    log_end();
    tap_close(&tap);
    size_t length;
    char *text = read_file(old, &length), *end = memrchr(text, '\n', length);
    assert_int_equal(length, 100000);
    struct received received = {0};
    receive(&received, text, (size_t)(end + 1 - text), 0);
    free(text);
    receive_file(&received, path, 0);
    assert_int_equal(received.lines, 120);
}

static void a_disk_that_stays_full_costs_its_own_lines_only(void **state)
{
    (void)state;
    const char *path = in_folder("beside-full.json");
    struct sink_options sinks[] = {to_file("/dev/full"), to_file(path)};
    log_begin();
    struct tap tap;
    tap_open(&tap, -1, sinks, 2);
    assert_int_equal(tap_put(&tap, 100), 0);
    tap_wait(&tap, 0, SINK_FAILING, 100, 0);
    tap_wait(&tap, 1, SINK_OPEN, 0, 100);
    tap_finish(&tap, 2);
    assert_int_equal(log_count("No space left on device"), 1);
    assert_int_equal(log_count("100 alerts were lost for /dev/full"), 1);
    log_end();
    assert_int_equal(tap_status(&tap, 0).lost, 100);
    assert_int_equal(tap_status(&tap, 1).lost, 0);
    tap_close(&tap);
}

/* Reads so many lines and no more. */
static void read_lines(int fd, struct received *received, unsigned lines)
{
    static char text[1u << 20];
    size_t length = 0;
    for (unsigned got = 0; got < lines; got += text[length++] == '\n')
        assert_int_equal(read(fd, text + length, 1), 1);
    receive(received, text, length, 0);
}

static void a_fifo_waits_for_a_reader_and_for_another(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    const char *path = in_folder("fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    struct sink_options sink = to_file(path);
    log_begin();
    struct tap tap;
    tap_open(&tap, -1, &sink, 1);
    tap_wait(&tap, 0, SINK_WAITING, 0, 0);
    tap_put(&tap, 10);
    int fd = open(path, O_RDONLY); /* waits for the other end to be opened */
    struct received received = {0};
    read_lines(fd, &received, 10);
    tap_wait(&tap, 0, SINK_OPEN, 0, 10);
    close(fd);
    tap_put(&tap, 5);
    tap_wait(&tap, 0, SINK_WAITING, 5, 10);
    fd = open(path, O_RDONLY);
    read_lines(fd, &received, 5);
    tap_finish(&tap, 1);
    assert_int_equal(tap_status(&tap, 0).lost, 0);
    assert_int_equal(log_count("nobody reads"), 1);
    assert_int_equal(log_count("went away: alerts wait for another"), 1);
    assert_int_equal(log_count("are written to"), 2);
    log_end();
    tap_close(&tap);
    close(fd);
}

/* Holds 4 KiB: two lines, and a part of the third, of what is written at once. */
static int open_small(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    assert_int_equal(fcntl(fd, F_SETPIPE_SZ, 4096), 4096);
    return fd;
}

/* The first reader leaves with half a line; the second gets it whole. */
static void a_line_that_a_reader_left_in_its_middle_begins_again(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    const char *path = in_folder("left");
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open_small(path);
    struct sink_options sink = to_file(path);
    log_begin();
    struct tap tap;
    tap_open(&tap, -1, &sink, 1);
    tap_put(&tap, 16);
    tap_wait(&tap, 0, SINK_OPEN, 16, 2);
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
    tap_wait(&tap, 0, SINK_WAITING, 16, 2);
    uint64_t written = tap_status(&tap, 0).lines;
    fd = open(path, O_RDONLY);
    struct received received = {.last_sequence = written};
    read_lines(fd, &received, 16 - (unsigned)written);
    tap_finish(&tap, 1);
    log_end();
    tap_close(&tap);
    close(fd);
}

struct rotation {
    struct alerts *alerts;
    const char *path;
    unsigned count;
    off_t sizes[64]; /* of each old file, as the reopening left it */
    atomic_bool is_over;
};

static void *rotate(void *context)
{
    struct rotation *rotation = context;
    for (; rotation->count < 40; rotation->count++) {
        char old[PATH_MAX];
        struct error error;
        struct stat status;
        snprintf(old, sizeof(old), "%s.%u", rotation->path, rotation->count);
        if (rename(rotation->path, old) != 0 || alerts_reopen(rotation->alerts, &error) != 0 || stat(old, &status) != 0)
            break;
        rotation->sizes[rotation->count] = status.st_size;
    }
    rotation->is_over = true;
    return NULL;
}

static void files_are_rotated_under_load_and_no_line_is_lost_or_cut(void **state)
{
    (void)state;
    const char *path = in_folder("rotated.json");
    struct sink_options sink = to_file(path);
    log_begin();
    struct tap tap;
    tap_open(&tap, -1, &sink, 1);
    struct rotation rotation = {.alerts = tap.alerts, .path = path};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, rotate, &rotation), 0);
    while (!rotation.is_over) {
        tap_put(&tap, 100);
        tap_wait(&tap, 0, SINK_OPEN, 1000, 0);
    }
    pthread_join(thread, NULL);
    assert_int_equal(rotation.count, 40);
    tap_finish(&tap, 1);
    log_end();
    tap_close(&tap);
    struct received received = {0};
    for (unsigned i = 0; i < 40; i++) {
        char old[PATH_MAX];
        struct stat status;
        snprintf(old, sizeof(old), "%s.%u", path, i);
        receive_file(&received, old, 0);
        assert_int_equal(stat(old, &status), 0);
        assert_int_equal(status.st_size, rotation.sizes[i]);
    }
    receive_file(&received, path, 0);
    assert_int_equal(received.lost, 0);
    assert_int_equal(received.lines, tap.made);
}

/* A FIFO takes half a line, and then nobody reads it; meanwhile a file takes its place. */
static void a_line_is_finished_where_it_began_before_a_new_file_is_used(void **state)
{
    (void)state;
    const char *path = in_folder("replaced"), *old = in_folder("replaced.fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open_small(path);
    struct sink_options sink = to_file(path);
    struct tap tap;
    struct error error = {""};
    log_begin();
    tap_open(&tap, -1, &sink, 1);
    tap_put(&tap, 16);
    tap_wait(&tap, 0, SINK_OPEN, 16, 2);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(alerts_reopen(tap.alerts, &error), -ETIMEDOUT);
    assert_non_null(strstr(error.text, "a line is not yet finished in the old file"));
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    struct reader reader;
    reader_start(&reader, fd, 65536); /* it ends when the FIFO is closed */
    tap_wait(&tap, 0, SINK_OPEN, 0, 16);
    tap_finish(&tap, 1);
    log_end();
    tap_close(&tap);
    struct received received = {0};
    reader_join(&reader, &received);
    assert_int_equal(received.lines, 3);
    receive_file(&received, path, 0);
    assert_int_equal(received.lines, 16);
}

static void a_file_that_was_moved_is_written_to_until_it_is_opened_anew(void **state)
{
    (void)state;
    const char *path = in_folder("moved.json"), *old = in_folder("moved.json.1");
    struct sink_options sink = to_file(path);
    log_begin();
    struct tap tap;
    struct error error;
    tap_open(&tap, -1, &sink, 1);
    assert_int_equal(rename(path, old), 0);
    for (unsigned i = 1; i <= 3; i++) {
        tap_put(&tap, 1);
        tap_wait(&tap, 0, SINK_OPEN, 0, i);
    }
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(log_count("was moved or removed"), 1);
    assert_int_equal(alerts_reopen(tap.alerts, &error), 0);
    tap_put(&tap, 1);
    tap_finish(&tap, 1);
    log_end();
    tap_close(&tap);
    struct received received = {0};
    receive_file(&received, old, 0);
    assert_int_equal(received.lines, 3);
    receive_file(&received, path, 0);
    assert_int_equal(received.lines, 4);
}

static void a_file_that_cannot_be_opened_anew_leaves_the_old_one_in_place(void **state)
{
    (void)state;
    mkdir(in_folder("deep"), 0700);
    const char *path = in_folder("deep/alerts.json"), *old = in_folder("old.json");
    struct sink_options sink = to_file(path);
    log_begin();
    struct tap tap;
    struct error error;
    tap_open(&tap, -1, &sink, 1);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(rmdir(in_folder("deep")), 0);
    assert_int_equal(alerts_reopen(tap.alerts, &error), -ENOENT);
    assert_non_null(strstr(error.text, "deep/alerts.json: No such file or directory: make the folder"));
    tap_put(&tap, 2);
    tap_finish(&tap, 1);
    log_end();
    tap_close(&tap);
    struct received received = {0};
    receive_file(&received, old, 0);
    assert_int_equal(received.lines, 2);
}

static void a_last_line_without_an_end_gets_one(void **state)
{
    (void)state;
    static const struct {
        const char *before, *kept;
    } rows[] = {{"half a li", "half a li\n"}, {"whole\n", "whole\n"}, {"", ""}, {"\n", "\n"}};
    for (unsigned live = 0; live < 2; live++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            const char *path = in_folder("ends.json");
            FILE *file = fopen(path, "w");
            fputs(rows[i].before, file);
            fclose(file);
            struct sink_options sink = to_file(path);
            struct tap tap;
            struct error error;
            assert_int_equal(tap_try(&tap, live, -1, &sink, 1, &error), 0);
            tap_put(&tap, 2);
            tap_finish(&tap, 1);
            tap_close(&tap);
            size_t length, kept = strlen(rows[i].kept);
            char *text = read_file(path, &length);
            assert_memory_equal(text, rows[i].kept, kept);
            struct received received = {0};
            receive(&received, text + kept, length - kept, 0);
            assert_int_equal(received.lines, 2);
            free(text);
        }
}

static void a_file_is_made_for_its_owner_alone(void **state)
{
    (void)state;
    const char *path = in_folder("own.json");
    struct sink_options sink = to_file(path);
    struct tap tap;
    struct stat status;
    tap_open(&tap, -1, &sink, 1);
    tap_close(&tap);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void what_cannot_be_a_sink_is_refused_at_the_start(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    const char *first = in_folder("first.json");
    const struct {
        const char *path, *error;
    } rows[] = {{folder, ": Is a directory: name a file in it"},
                {in_folder("no/alerts.json"), "No such file or directory: make the folder that it is to be in"},
                {in_folder("good-one/alerts.json"), ": Not a directory: name a file in a folder"},
                {in_folder("socket"), ": it is a socket, or a device that is not there: name another file"}};
    close(open(in_folder("good-one"), O_CREAT | O_WRONLY, 0600));
    for (unsigned live = 0; live < 2; live++)
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct sink_options sinks[] = {to_file(first), to_file(rows[i].path)};
            struct tap tap;
            struct error error;
            assert_true(tap_try(&tap, live, -1, sinks, 2, &error) < 0);
            if (strstr(error.text, rows[i].path) == NULL || strstr(error.text, rows[i].error) == NULL)
                fail_msg("%s", error.text);
        }
    close(listener);
}

static void two_sinks_that_are_one_file_are_refused(void **state)
{
    (void)state;
    const char *path = in_folder("twice.json"), *link_path = in_folder("twice-linked.json");
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
    assert_int_equal(link(path, link_path), 0);
    struct sink_options rows[][2] = {{to_file(path), to_file(link_path)}, {to_stdout(), to_file(path)}};
    for (size_t i = 0; i < 2; i++) {
        struct tap tap;
        struct error error;
        assert_int_equal(tap_try(&tap, i == 0, fd, rows[i], 2, &error), -EINVAL);
        assert_non_null(strstr(error.text, "two sinks of alerts are one file"));
        assert_non_null(strstr(error.text, path));
    }
    struct sink_options twice[2] = {to_file("/dev/null"), to_file("/dev/null")};
    struct tap tap;
    tap_open(&tap, -1, twice, 2);
    tap_close(&tap);
    close(fd);
}

static void standard_output_that_is_closed_is_refused(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_WRONLY);
    close(fd);
    struct tap tap;
    struct error error;
    assert_int_equal(tap_try(&tap, true, fd, NULL, 0, &error), -EBADF);
    assert_non_null(strstr(error.text, "Bad file descriptor: open it for writing"));
}

static void a_reader_that_goes_away_takes_its_sink_along_and_no_other(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    const char *path = in_folder("stays.json");
    struct sink_options sinks[] = {to_stdout(), to_file(path)};
    for (unsigned count = 1; count <= 2; count++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        close(ends[0]);
        log_begin();
        struct tap tap;
        tap_open(&tap, ends[1], sinks, count);
        tap_put(&tap, 20);
        tap_wait(&tap, 0, SINK_GONE, 0, 0);
        assert_int_equal(tap_status(&tap, 0).lost, 20);
        int expected = count == 1 ? -EPIPE : 0;
        assert_int_equal(tap_put(&tap, 20), expected);
        assert_int_equal(alerts_flush(tap.alerts, NULL), expected);
        assert_int_equal(alerts_finish(tap.alerts, NULL), expected);
        assert_int_equal(log_count("went away: it gets no more alerts"), 1);
        log_end();
        assert_int_equal(tap_status(&tap, 0).lost, 40);
        assert_int_equal(tap_status(&tap, 0).lines, 0);
        if (count == 2)
            assert_int_equal(tap_status(&tap, 1).lines, 40);
        tap_close(&tap);
        close(ends[1]);
    }
}

static void at_the_end_what_is_queued_is_written(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct tap tap;
    tap_open(&tap, ends[1], NULL, 0);
    tap_put(&tap, 300); /* a pipe takes some 50 of them */
    tap_wait(&tap, 0, SINK_OPEN, 299, 1);
    struct reader reader;
    reader_start(&reader, ends[0], 65536);
    tap_finish(&tap, 1);
    assert_int_equal(tap_status(&tap, 0).lost, 0);
    tap_close(&tap);
    close(ends[1]);
    struct received received = {0};
    reader_join(&reader, &received);
    assert_int_equal(received.lines, 300);
}

static void at_the_end_what_nobody_takes_is_counted_and_said(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log_begin();
    struct tap tap;
    tap_open(&tap, ends[1], NULL, 0);
    tap_put(&tap, 300);
    tap_finish(&tap, 1);
    struct sink_status status = tap_status(&tap, 0);
    char said[128];
    snprintf(said, sizeof(said), "%" PRIu64 " alerts were lost for file descriptor %d", status.lost, ends[1]);
    assert_int_equal(log_count(said), 1);
    log_end();
    assert_true(status.lost > 100 && status.lines > 10);
    tap_close(&tap);
    close(ends[0]);
    close(ends[1]);
}

/* In `read`: a slow pipe beside a file, and both have all. */
static void where_nothing_may_be_lost_all_sinks_are_waited_for(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const char *path = in_folder("read.json"), *fifo = in_folder("read.fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    struct sink_options sinks[] = {to_stdout(), to_file(path), to_file(fifo)};
    struct tap tap;
    struct error error;
    assert_int_equal(tap_try(&tap, false, ends[1], sinks, 3, &error), 0);
    struct reader readers[2];
    reader_start(&readers[0], ends[0], 700);
    reader_start_at(&readers[1], fifo, 700);
    tap_put(&tap, 1000);
    tap_finish(&tap, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(tap_status(&tap, i).lost, 0);
    tap_close(&tap);
    close(ends[1]);
    struct received received[3] = {{0}};
    receive_file(&received[0], path, 0);
    reader_join(&readers[0], &received[1]);
    reader_join(&readers[1], &received[2]);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(received[i].lines, 1000);
}

static void where_nothing_may_be_lost_the_first_failure_is_the_end(void **state)
{
    (void)state;
    const char *path = in_folder("until.json");
    struct sink_options sinks[] = {to_file(path), to_file("/dev/full")};
    struct tap tap;
    struct error error;
    assert_int_equal(tap_try(&tap, false, -1, sinks, 2, &error), 0);
    assert_int_equal(tap_put(&tap, 3), -ENOSPC);
    assert_int_equal(alerts_finish(tap.alerts, &error), -ENOSPC);
    assert_non_null(strstr(error.text,
                           "cannot write alerts to /dev/full: No space left on device; 0 lines were written, "
                           "3 lost"));
    tap_close(&tap);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[PATH_MAX];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

#define TEST(name) cmocka_unit_test_teardown(name, log_restore)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sink_that_blocks_does_not_stop_the_others),
        TEST(every_jam_is_told_by_the_line_behind_it),
        TEST(what_was_lost_before_is_said_by_every_sink_once),
        TEST(a_line_goes_on_where_a_full_disk_stopped_it),
        TEST(a_line_that_a_full_disk_cut_is_whole_in_a_new_file),
        TEST(a_disk_that_stays_full_costs_its_own_lines_only),
        TEST(a_fifo_waits_for_a_reader_and_for_another),
        TEST(a_line_that_a_reader_left_in_its_middle_begins_again),
        TEST(files_are_rotated_under_load_and_no_line_is_lost_or_cut),
        TEST(a_line_is_finished_where_it_began_before_a_new_file_is_used),
        TEST(a_file_that_was_moved_is_written_to_until_it_is_opened_anew),
        TEST(a_file_that_cannot_be_opened_anew_leaves_the_old_one_in_place),
        TEST(a_last_line_without_an_end_gets_one),
        TEST(a_file_is_made_for_its_owner_alone),
        TEST(what_cannot_be_a_sink_is_refused_at_the_start),
        TEST(two_sinks_that_are_one_file_are_refused),
        TEST(standard_output_that_is_closed_is_refused),
        TEST(a_reader_that_goes_away_takes_its_sink_along_and_no_other),
        TEST(at_the_end_what_is_queued_is_written),
        TEST(at_the_end_what_nobody_takes_is_counted_and_said),
        TEST(where_nothing_may_be_lost_all_sinks_are_waited_for),
        TEST(where_nothing_may_be_lost_the_first_failure_is_the_end),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <bearertap/eal.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

#define CPUS_MAX 4096

/* CPUs as EAL wants them: "0,1,4-7" would do, single numbers do too. Those of `cpus` that are not in `without`. */
static void list_cpus(const cpu_set_t *cpus, const cpu_set_t *without, char *text, size_t capacity)
{
    size_t bytes = CPU_ALLOC_SIZE(CPUS_MAX), length = 0;
    text[0] = '\0';
    for (unsigned cpu = 0; cpu < CPUS_MAX && length + 8 < capacity; cpu++)
        if (CPU_ISSET_S(cpu, bytes, cpus) && !CPU_ISSET_S(cpu, bytes, without))
            length += (size_t)snprintf(text + length, capacity - length, "%s%u", length > 0 ? "," : "", cpu);
}

/* Where the threads run, in the words of EAL's --lcores. */
static int place_threads(const struct eal_options *options, char *text, size_t capacity, struct error *error)
{
    size_t bytes = CPU_ALLOC_SIZE(CPUS_MAX);
    cpu_set_t *all = CPU_ALLOC(CPUS_MAX), *taken = CPU_ALLOC(CPUS_MAX);
    char rest[4096];
    int result = all != NULL && taken != NULL ? 0 : error_set(error, ENOMEM, "out of memory for a list of CPUs");
    if (result == 0 && sched_getaffinity(0, bytes, all) != 0)
        result = error_set(error, errno, "cannot tell which CPUs may be used: %s", strerror(errno));
    if (result == 0) {
        CPU_ZERO_S(bytes, taken);
        list_cpus(all, taken, rest, sizeof(rest));
    }
    for (unsigned i = 0; result == 0 && i < options->cpus_count; i++) {
        if (options->cpus[i] >= CPUS_MAX || !CPU_ISSET_S(options->cpus[i], bytes, all))
            result = error_set(error, EINVAL, "there is no CPU %u that this process may use; there are: %s",
                               options->cpus[i], rest);
        else
            CPU_SET_S(options->cpus[i], bytes, taken);
    }
    if (result == 0) {
        if (!CPU_EQUAL_S(bytes, all, taken))
            list_cpus(all, taken, rest, sizeof(rest));
        /* Those that float at one go, since EAL's arguments have a bound. */
        unsigned floating = options->cpus_count == 0 ? options->lcores : 1;
        size_t length = (size_t)snprintf(text, capacity, "(0-%u)@(%s)", floating - 1, rest);
        for (unsigned i = floating; i < options->lcores && length < capacity; i++)
            length += i <= options->cpus_count
                          ? (size_t)snprintf(text + length, capacity - length, ",%u@%u", i, options->cpus[i - 1])
                          : (size_t)snprintf(text + length, capacity - length, ",%u@(%s)", i, rest);
        if (length >= capacity)
            result = error_set(error, E2BIG, "too many CPUs for EAL's arguments");
    }
    CPU_FREE(all);
    CPU_FREE(taken);
    return result;
}

/* Hugepages of one size that nobody has taken yet, in bytes. */
static size_t free_hugepages(size_t kilobytes)
{
    char path[96], text[32];
    snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/free_hugepages", kilobytes);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    unsigned long free_pages = fgets(text, sizeof(text), file) != NULL ? strtoul(text, NULL, 10) : 0;
    fclose(file);
    return free_pages * (kilobytes << 10);
}

static int check_hugepages(size_t wanted, struct error *error)
{
    size_t small = free_hugepages(2048), free_bytes = small + free_hugepages(1048576);
    if (free_bytes >= wanted)
        return 0;
    return error_set(error, ENOMEM,
                     "%zu MiB of hugepages are needed, %zu MiB are free: `echo %zu > "
                     "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages` makes so many, or have "
                     "\"memory\": {\"hugepages\": false}, which is slower and for devices of the kernel only",
                     wanted >> 20, free_bytes >> 20, (wanted >> 21) + 1 + (small >> 21));
}

/* EAL makes a folder for runtime files even where it is to write none. What is left of it is empty: away with it. */
static void remove_runtime_folder(void)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", rte_eal_get_runtime_dir());
    if (rmdir(path) != 0)
        return;
    char *slash = strrchr(path, '/');
    if (slash != NULL && slash != path) {
        *slash = '\0';
        rmdir(path);
    }
}

/* For libraries, drivers and threads' stacks; their address space, little of which is touched. */
#define ADDRESS_SPACE_BESIDE ((size_t)512 << 20)
/* EAL opens two pipes a thread, and drivers; it was seen to need eight beside the threads' pipes. */
#define DESCRIPTORS_A_THREAD 4
#define DESCRIPTORS_BESIDE   20
/* Those of EAL beside the lcores': interrupts, and one of libraries. */
#define THREADS_BESIDE 2

static unsigned free_descriptors(rlim_t limit, unsigned enough)
{
    unsigned free = 0;
    for (int fd = 0; fd < INT_MAX && (rlim_t)fd < limit && free < enough; fd++)
        free += fcntl(fd, F_GETFD) < 0;
    return free;
}

static int check_descriptors(unsigned lcores, struct error *error)
{
    struct rlimit limit;
    unsigned needed = DESCRIPTORS_BESIDE + DESCRIPTORS_A_THREAD * lcores;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || free_descriptors(limit.rlim_cur, needed) >= needed)
        return 0;
    limit.rlim_cur = limit.rlim_max; /* what we may raise ourselves need not trouble anybody */
    unsigned free = free_descriptors(limit.rlim_cur, needed);
    if (free >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return 0;
    return error_set(error, EMFILE,
                     "the limit on open files leaves %u, %u threads need %u: `ulimit -n 1024`, or fewer workers (-w)",
                     free, lcores, needed);
}

static void *wait_for_all(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

/* The only way to know whether threads can be had, what with limits of the user, of the cgroup and on memory. */
static int check_threads(unsigned lcores, struct error *error)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[RTE_MAX_LCORE + THREADS_BESIDE];
    unsigned wanted = RTE_MIN(lcores + THREADS_BESIDE, (unsigned)RTE_DIM(threads)), started = 0;
    int code = 0;
    pthread_mutex_lock(&mutex);
    while (started < wanted && (code = pthread_create(&threads[started], NULL, wait_for_all, &mutex)) == 0)
        started++;
    pthread_mutex_unlock(&mutex);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (code == 0)
        return 0;
    return error_set(error, code,
                     "cannot start %u threads, only %u: %s; raise `ulimit -u` (or the cgroup's pids.max), or use fewer "
                     "workers (-w)",
                     wanted, started, strerror(code));
}

int eal_check_address_space(size_t memory_bytes, size_t outside_bytes, struct error *error)
{
    struct rlimit limit;
    size_t needed = memory_bytes + outside_bytes + ADDRESS_SPACE_BESIDE;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < needed)
        return error_set(error, ENOMEM,
                         "the limit on address space is %zu MiB, %zu are needed (most of it never touched): "
                         "`ulimit -v unlimited`",
                         (size_t)limit.rlim_cur >> 20, needed >> 20);
    return 0;
}

/* EAL aborts where the system refuses it something: what can be known is said before. */
static int check_limits(size_t memory_bytes, unsigned lcores, struct error *error)
{
    int result = eal_check_address_space(memory_bytes, 0, error);
    if (result == 0)
        result = check_descriptors(lcores, error);
    return result != 0 ? result : check_threads(lcores, error);
}

/* What could not be known before. Its own words, where it has any, stand before ours. */
static void say_gave_up(int signal)
{
    static const char last_words[] = "bearertap: error: DPDK's EAL gave up while it started: is there enough memory, "
                                     "and may this user have more threads (ulimit -u) and files (ulimit -n)?\n";
    (void)signal;
    if (write(STDERR_FILENO, last_words, sizeof(last_words) - 1) < 0)
        _exit(1);
    _exit(1);
}

/* EAL prints its usage, which is pages long, to where alerts go: for as long as it starts, that is nowhere. Returns
 * what give_stdout_back takes. */
static int take_stdout(void)
{
    fflush(stdout);
    int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1),
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept >= 0 && nowhere >= 0)
        dup2(nowhere, STDOUT_FILENO);
    if (nowhere >= 0)
        close(nowhere);
    return kept;
}

static void give_stdout_back(int kept)
{
    fflush(stdout);
    if (kept < 0)
        return;
    dup2(kept, STDOUT_FILENO);
    close(kept);
}

/* In words, from what EAL logged. */
static void say_why_not(const struct eal_options *options, const char *log, int failure, struct error *error)
{
    char given[512] = "";
    if (strstr(log, "'command line' arguments") == NULL) {
        error_set(error, failure,
                  "DPDK's EAL did not start with %zu MiB of memory (%s%s%.*s); is there so much memory to be had, and "
                  "is /sys mounted?",
                  options->memory_bytes >> 20, rte_strerror(failure), log[0] != '\0' ? ": " : "",
                  (int)strcspn(log, "\n"), log);
        return;
    }
    for (unsigned i = 0, length = 0; i < options->arguments_count && length < sizeof(given); i++)
        length += (unsigned)snprintf(given + length, sizeof(given) - length, " %s", options->arguments[i]);
    error_set(error, failure,
              "DPDK's EAL does not understand one of these arguments, which come from the ports and from /eal of the "
              "configuration:%s",
              given);
}

/* Initializes EAL with all these; its last words are kept in `error`. */
static int initialize(const struct eal_options *options, int count, char **arguments, struct error *error)
{
    /* Kept in memory: a user of capture files has no use for it unless EAL fails. */
    char *log_text = NULL;
    size_t log_length = 0;
    FILE *log = open_memstream(&log_text, &log_length);
    if (log != NULL)
        rte_openlog_stream(log);
    struct sigaction before, action = {.sa_handler = say_gave_up};
    sigaction(SIGABRT, &action, &before);
    int kept = take_stdout();
    int result = rte_eal_init(count, arguments);
    int failure = rte_errno != 0 ? rte_errno : EIO;
    give_stdout_back(kept);
    sigaction(SIGABRT, &before, NULL);
    if (log != NULL) {
        rte_openlog_stream(NULL);
        fclose(log);
    }
    if (result < 0)
        say_why_not(options, log_text != NULL ? log_text : "", failure, error);
    free(log_text);
    return result < 0 ? -failure : 0;
}

int eal_start(const struct eal_options *options, struct error *error)
{
    int result = check_limits(options->memory_bytes, options->lcores, error);
    if (result == 0 && options->hugepages)
        result = check_hugepages(options->memory_bytes, error);
    char lcores[16384], memory[32];
    if (result == 0)
        result = place_threads(options, lcores, sizeof(lcores), error);
    if (result != 0)
        return result;
    snprintf(memory, sizeof(memory), "%zu", (options->memory_bytes >> 20) + 1);
    char *arguments[EAL_ARGUMENTS_MAX + 16] = {"bearertap", "--no-telemetry",     "-m", memory, "--lcores",
                                               lcores,      "--log-level=*:error"};
    unsigned count = 7;
    if (options->hugepages) {
        arguments[count++] = "--in-memory";
    } else {
        arguments[count++] = "--no-huge";
        arguments[count++] = "--no-shconf";
    }
    char *copies[EAL_ARGUMENTS_MAX];
    unsigned copied = 0;
    for (; copied < options->arguments_count && copied < EAL_ARGUMENTS_MAX; copied++)
        if ((copies[copied] = arguments[count++] = strdup(options->arguments[copied])) == NULL)
            result = error_set(error, ENOMEM, "out of memory for EAL's arguments");
    if (result == 0)
        result = initialize(options, (int)count, arguments, error);
    for (unsigned i = 0; i < copied; i++)
        free(copies[i]);
    if (result == 0)
        remove_runtime_folder();
    return result;
}

int eal_start_for_files(size_t memory_bytes, unsigned lcores, struct error *error)
{
    static const char *const arguments[] = {"--no-pci"};
    const struct eal_options options = {
        .memory_bytes = memory_bytes, .lcores = lcores, .arguments = arguments, .arguments_count = 1};
    return eal_start(&options, error);
}

void eal_stop(void)
{
    rte_eal_cleanup();
}

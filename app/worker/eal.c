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

/* The CPUs that the process may use, as EAL wants them: "0,1,4-7" would do, single numbers do too. */
static int list_cpus(char *text, size_t capacity)
{
    cpu_set_t *cpus = CPU_ALLOC(4096);
    size_t bytes = CPU_ALLOC_SIZE(4096), length = 0;
    if (cpus == NULL || sched_getaffinity(0, bytes, cpus) != 0) {
        CPU_FREE(cpus);
        return -errno;
    }
    for (int cpu = 0; cpu < 4096 && length + 8 < capacity; cpu++)
        if (CPU_ISSET_S((size_t)cpu, bytes, cpus))
            length += (size_t)snprintf(text + length, capacity - length, "%s%d", length > 0 ? "," : "", cpu);
    CPU_FREE(cpus);
    return 0;
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

int eal_start(size_t memory_bytes, unsigned lcores, struct error *error)
{
    int result = check_limits(memory_bytes, lcores, error);
    if (result != 0)
        return result;
    char cpus[4096], lcores_text[4200], memory[32];
    if (list_cpus(cpus, sizeof(cpus)) != 0)
        return error_set(error, errno, "cannot tell which CPUs may be used: %s", strerror(errno));
    snprintf(lcores_text, sizeof(lcores_text), "(0-%u)@(%s)", lcores - 1, cpus);
    snprintf(memory, sizeof(memory), "%zu", (memory_bytes >> 20) + 1);
    char *arguments[] = {"bearertap", "--no-huge", "--no-shconf", "--no-pci",  "--no-telemetry",
                         "-m",        memory,      "--lcores",    lcores_text, "--log-level=*:error"};

    /* Kept in memory: a user of capture files has no use for it unless EAL fails. */
    char *log_text = NULL;
    size_t log_length = 0;
    FILE *log = open_memstream(&log_text, &log_length);
    if (log != NULL)
        rte_openlog_stream(log);
    struct sigaction before, action = {.sa_handler = say_gave_up};
    sigaction(SIGABRT, &action, &before);
    result = rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])), arguments);
    int failure = rte_errno;
    sigaction(SIGABRT, &before, NULL);
    if (log != NULL) {
        rte_openlog_stream(NULL);
        fclose(log);
    }
    if (result < 0) {
        size_t first_line = log_text != NULL ? strcspn(log_text, "\n") : 0;
        error_set(error, failure != 0 ? failure : EIO,
                  "DPDK's EAL did not start with %s MiB of memory (%s%s%.*s); is there so much memory to be had, and "
                  "is /sys mounted?",
                  memory, rte_strerror(failure), first_line > 0 ? ": " : "", (int)first_line,
                  log_text != NULL ? log_text : "");
        result = -(failure != 0 ? failure : EIO);
    }
    free(log_text);
    if (result >= 0)
        remove_runtime_folder();
    return result < 0 ? result : 0;
}

void eal_stop(void)
{
    rte_eal_cleanup();
}

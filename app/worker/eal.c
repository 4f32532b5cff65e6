/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
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
/* EAL opens a pipe pair a thread, and drivers. */
#define DESCRIPTORS_LEAST 64

/* EAL aborts where the system refuses it something: what can be known is said before. */
static int check_limits(size_t memory_bytes, struct error *error)
{
    struct rlimit limit;
    size_t needed = memory_bytes + ADDRESS_SPACE_BESIDE;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < needed)
        return error_set(error, ENOMEM,
                         "the limit on address space is %zu MiB, %zu are needed (most of it never touched): "
                         "`ulimit -v unlimited`",
                         (size_t)limit.rlim_cur >> 20, needed >> 20);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_LEAST)
        return error_set(error, EMFILE, "the limit on open files is %u, %u are needed: `ulimit -n 1024`",
                         (unsigned)limit.rlim_cur, DESCRIPTORS_LEAST);
    return 0;
}

int eal_start(size_t memory_bytes, unsigned lcores, struct error *error)
{
    if (check_limits(memory_bytes, error) != 0)
        return -ENOMEM;
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
    int result = rte_eal_init((int)(sizeof(arguments) / sizeof(arguments[0])), arguments);
    int failure = rte_errno;
    if (log != NULL) {
        rte_openlog_stream(NULL);
        fclose(log);
    }
    if (result < 0) {
        size_t first_line = log_text != NULL ? strcspn(log_text, "\n") : 0;
        error_set(error, failure != 0 ? failure : EIO,
                  "DPDK's EAL did not start with %s MiB of memory (%s%s%.*s); is there so much memory to be had?",
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

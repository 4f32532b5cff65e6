/* SPDX-License-Identifier: BSD-3-Clause */
#include "machine.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <hs.h>
#include <rte_version.h>

/* A file's first line; false where there is none. */
static bool read_line(const char *path, char *line, size_t capacity)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool told = fgets(line, (int)capacity, file) != NULL;
    fclose(file);
    if (told)
        line[strcspn(line, "\n")] = '\0';
    return told;
}

static void add_cpu(json_t *machine)
{
    static const char name[] = "model name";
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, name, sizeof(name) - 1) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        json_object_set_new(machine, "cpu", json_string(colon + 1 + strspn(colon + 1, " ")));
        break;
    }
    if (file != NULL)
        fclose(file);
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        json_object_set_new(machine, "cores", json_integer(CPU_COUNT(&cpus)));
}

/* As {"L2": "512K"}, of the first CPU. */
static void add_caches(json_t *machine)
{
    json_t *caches = json_object();
    for (unsigned i = 0; i < 8; i++) {
        char path[96], level[16], type[32], size[32], name[32];
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%u/level", i);
        if (!read_line(path, level, sizeof(level)))
            break;
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%u/type", i);
        bool has_type = read_line(path, type, sizeof(type));
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu0/cache/index%u/size", i);
        if (!has_type || !read_line(path, size, sizeof(size)))
            continue;
        snprintf(name, sizeof(name), "L%.8s%s", level, type[0] == 'D' ? "d" : type[0] == 'I' ? "i" : "");
        json_object_set_new(caches, name, json_string(size));
    }
    json_object_set_new(machine, "caches", caches);
}

/* The one that is in force stands in brackets. */
static void add_huge_pages(json_t *machine)
{
    char line[128];
    if (!read_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof(line)))
        return;
    char *begin = strchr(line, '['), *end = begin != NULL ? strchr(begin, ']') : NULL;
    if (end != NULL)
        json_object_set_new(machine, "huge_pages", json_stringn(begin + 1, (size_t)(end - begin - 1)));
}

json_t *machine_json(void)
{
    json_t *machine = json_object();
    struct utsname system;
    double load;
    add_cpu(machine);
    add_caches(machine);
    if (uname(&system) == 0)
        json_object_set_new(machine, "kernel", json_string(system.release));
    add_huge_pages(machine);
    json_object_set_new(machine, "compiler", json_string(__VERSION__));
    json_object_set_new(machine, "march", json_string(BEARERTAP_MARCH));
    json_object_set_new(machine, "version", json_string(BEARERTAP_VERSION));
    json_object_set_new(machine, "dpdk", json_string(rte_version()));
    json_object_set_new(machine, "hyperscan", json_string(hs_version()));
    if (getloadavg(&load, 1) == 1)
        json_object_set_new(machine, "load", json_real(load));
    return machine;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Why a device cannot be had, in words: what DPDK says of most of these is "No such device". */
#include "device.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/capability.h>

#include <rte_common.h>
#include <rte_devargs.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "listening.h"

/* Drivers of the kernel that hand a PCI device to a process. */
static const char *const handing_drivers[] = {"vfio-pci", "uio_pci_generic", "igb_uio"};

/* Those that share theirs with DPDK: the interface stays the kernel's as well. */
static const char *const sharing_drivers[] = {"mlx5_core", "mlx4_core", "mana"};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The last part of what a link points at, "" where there is no link. */
static void read_link_name(const char *path, char name[64])
{
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    target[RTE_MAX(length, 0)] = '\0';
    const char *slash = strrchr(target, '/');
    snprintf(name, 64, "%.63s", slash != NULL ? slash + 1 : target);
}

/* vfio-pci: through the IOMMU's group, which may not be there, or not for us. */
static int check_vfio(const struct device *device, const char *folder, struct error *error)
{
    char path[PATH_MAX], group[64];
    snprintf(path, sizeof(path), "%s/iommu_group", folder);
    read_link_name(path, group);
    if (group[0] == '\0')
        return error_set(
            error, ENODEV,
            "%s: it is bound to vfio-pci, but there is no IOMMU in force; switch it on in the firmware and "
            "boot with intel_iommu=on or amd_iommu=on, or, where there is none (virtual machines), `echo 1 "
            "> /sys/module/vfio/parameters/enable_unsafe_noiommu_mode` and bind it again",
            device->place);
    snprintf(path, sizeof(path), "/dev/vfio/%s", group);
    if (access(path, F_OK) == 0 && access(path, R_OK | W_OK) != 0)
        return error_set(error, EACCES, "%s: no right to open %s; run as root, or `chown USER %s` for a user's",
                         device->place, path, path);
    return 0;
}

static int check_pci(const struct device *device, const char *sysfs, struct error *error)
{
    char folder[PATH_MAX / 2], path[PATH_MAX], driver[64];
    snprintf(folder, sizeof(folder), "%s/bus/pci/devices/%s", sysfs, device->name);
    if (access(folder, F_OK) != 0)
        return error_set(error, ENODEV, "%s: there is no PCI device %s; `dpdk-devbind.py --status-dev net` lists them",
                         device->place, device->name);
    snprintf(path, sizeof(path), "%s/driver", folder);
    read_link_name(path, driver);
    if (driver[0] == '\0')
        return error_set(error, ENODEV,
                         "%s: it is bound to no driver; `modprobe vfio-pci && dpdk-devbind.py --bind vfio-pci %s`",
                         device->place, device->name);
    if (is_one_of(driver, sharing_drivers, RTE_DIM(sharing_drivers)))
        return 0;
    if (!is_one_of(driver, handing_drivers, RTE_DIM(handing_drivers)))
        return error_set(error, EBUSY,
                         "%s: it is bound to the kernel's driver %s; `modprobe vfio-pci && dpdk-devbind.py --bind "
                         "vfio-pci %s` takes it from the kernel (its interface goes away), `--bind %s` gives it back",
                         device->place, driver, device->name, driver);
    return strcmp(driver, "vfio-pci") == 0 ? check_vfio(device, folder, error) : 0;
}

/* The effective ones of /proc/self/status; all where that cannot be read: then the driver finds out. */
static uint64_t capabilities(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    uint64_t bits = UINT64_MAX;
    char line[256];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "CapEff:", 7) == 0)
            bits = strtoull(line + 7, NULL, 16);
    if (file != NULL)
        fclose(file);
    return bits;
}

static const struct {
    enum device_kind kind;
    unsigned capability;
    const char *name, *needed_for;
} rights[] = {
    {DEVICE_AF_PACKET, CAP_NET_RAW, "CAP_NET_RAW", "to read from an interface"},
    {DEVICE_AF_PACKET, CAP_NET_ADMIN, "CAP_NET_ADMIN", "to switch an interface to promiscuous mode"},
    {DEVICE_AF_XDP, CAP_NET_RAW, "CAP_NET_RAW", "to open an XDP socket"},
    {DEVICE_AF_XDP, CAP_NET_ADMIN, "CAP_NET_ADMIN", "to put an XDP program on an interface"},
    {DEVICE_AF_XDP, CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "to load an XDP program"},
};

static int check_rights(const struct device *device, struct error *error)
{
    uint64_t have = capabilities();
    for (size_t i = 0; i < RTE_DIM(rights); i++)
        if (rights[i].kind == device->kind && (have >> rights[i].capability & 1) == 0)
            return error_set(error, EPERM,
                             "%s: %s is needed %s: run as root, or with AmbientCapabilities=%s in a systemd unit",
                             device->place, rights[i].name, rights[i].needed_for, rights[i].name);
    return 0;
}

int device_check(const struct device *device, const char *sysfs, struct error *error)
{
    return device->kind == DEVICE_PCI ? check_pci(device, sysfs, error) : check_rights(device, error);
}

/* Its ethdev port. More than one where a PCI device has several: the first. */
static bool find_port(const struct device *device, uint16_t *port_id)
{
    if (rte_eth_dev_get_port_by_name(device->name, port_id) == 0)
        return true;
    struct rte_dev_iterator iterator;
    uint16_t found;
    bool is_found = false;
    RTE_ETH_FOREACH_MATCHING_DEV(found, device->name, &iterator)
    {
        *port_id = found;
        is_found = true;
        rte_eth_iterator_cleanup(&iterator);
        break;
    }
    return is_found;
}

/* Whether any bus knows what it is. */
static bool has_driver(const struct device *device)
{
    struct rte_devargs parsed;
    memset(&parsed, 0, sizeof(parsed));
    bool is_known = rte_devargs_parse(&parsed, device->probed) == 0;
    free(parsed.data);
    return is_known;
}

int device_probe(struct device *device, uint16_t *port_id, struct error *error)
{
    struct listening listening;
    char said[256];
    listening_begin(&listening);
    bool is_found = find_port(device, port_id), is_known = is_found || has_driver(device);
    int code = 0;
    if (!is_found && is_known) {
        code = rte_dev_probe(device->probed);
        device->is_ours = code == 0;
        is_found = code == 0 && find_port(device, port_id);
    }
    listening_end(&listening, said, sizeof(said));
    if (is_found)
        return 0;
    if (!is_known)
        return error_set(
            error, ENODEV,
            "%s: no driver of DPDK's takes a device of that name; is it a PCI address like 0000:3b:00.0, or a "
            "driver with a number (net_af_packet0, net_af_xdp0, net_memif0), and is the driver's package "
            "(librte-net-...) installed?",
            device->place);
    /* What the kernel says where the ring is more than may be locked. */
    bool is_locked_memory = device->kind == DEVICE_AF_PACKET && strstr(said, strerror(EAGAIN)) != NULL;
    if (code < 0)
        return error_set(error, -code, "%s: its driver does not take \"%s\": %s%s", device->place, device->probed,
                         said[0] != '\0' ? said : strerror(-code),
                         is_locked_memory ? " (its ring is locked memory: LimitMEMLOCK=infinity or "
                                            "AmbientCapabilities=CAP_IPC_LOCK in a systemd unit)"
                                          : "");
    return error_set(error, ENODEV, "%s: it is no port that packets come from%s%s", device->place,
                     said[0] != '\0' ? ": " : "", said);
}

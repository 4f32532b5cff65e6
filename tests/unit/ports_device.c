/* SPDX-License-Identifier: BSD-3-Clause */
/* What a device's text says, and why a device cannot be had, in words. */
#include "capture_support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_common.h>

#include <bearertap/ports.h>

#include "../../app/capture/device.h"

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("not said: \"%s\"; but: %s", part, text);
}

static int parse(const char *text, struct device *device, struct error *error)
{
    struct port_options options = {.device = text};
    error->text[0] = '\0';
    return device_parse(&options, 3, device, error);
}

/* Folders as the kernel has them under /sys. */
static const char *sysfs(void)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/sys", test_directory());
    return path;
}

static void make_pci_device(const char *address, const char *driver, const char *iommu_group)
{
    char folder[512], path[600], target[64];
    snprintf(folder, sizeof(folder), "mkdir -p %s/bus/pci/devices/%s", sysfs(), address);
    assert_int_equal(system(folder), 0);
    snprintf(folder, sizeof(folder), "%s/bus/pci/devices/%s", sysfs(), address);
    snprintf(path, sizeof(path), "%s/driver", folder);
    snprintf(target, sizeof(target), "../../drivers/%s", driver != NULL ? driver : "");
    if (driver != NULL)
        assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof(path), "%s/iommu_group", folder);
    snprintf(target, sizeof(target), "../../iommu_groups/%s", iommu_group != NULL ? iommu_group : "");
    if (iommu_group != NULL)
        assert_int_equal(symlink(target, path), 0);
}

static void a_pci_device_that_is_not_for_us_says_what_binds_it(void **state)
{
    (void)state;
    static const struct {
        const char *address, *driver, *iommu_group;
        int code;
        const char *says[3];
    } cases[] = {
        {"0000:01:00.0",
         "ixgbe",
         "7",
         -EBUSY,
         {"kernel's driver ixgbe", "dpdk-devbind.py --bind vfio-pci 0000:01:00.0", "--bind ixgbe"}},
        {"0000:01:00.1", NULL, "7", -ENODEV, {"no driver", "dpdk-devbind.py --bind vfio-pci 0000:01:00.1"}},
        {"0000:01:00.2", "vfio-pci", NULL, -ENODEV, {"no IOMMU", "intel_iommu=on", "enable_unsafe_noiommu_mode"}},
        {"0000:01:00.3", "vfio-pci", "4711", 0, {NULL}},
        {"0000:01:00.4", "mlx5_core", "7", 0, {NULL}},
        {"0000:01:00.5", "uio_pci_generic", NULL, 0, {NULL}},
    };
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        struct device device;
        struct error error;
        make_pci_device(cases[i].address, cases[i].driver, cases[i].iommu_group);
        assert_int_equal(parse(cases[i].address, &device, &error), 0);
        assert_int_equal(device_check(&device, sysfs(), &error), cases[i].code);
        for (unsigned s = 0; s < RTE_DIM(cases[i].says) && cases[i].says[s] != NULL; s++)
            assert_has(error.text, cases[i].says[s]);
        if (cases[i].code != 0)
            assert_has(error.text, "/ports/3/device");
    }
    struct device device;
    struct error error;
    assert_int_equal(parse("9f:00.0", &device, &error), 0);
    assert_int_equal(device_check(&device, sysfs(), &error), -ENODEV);
    assert_has(error.text, "there is no PCI device 0000:9f:00.0");
    assert_has(error.text, "dpdk-devbind.py --status-dev net");
}

static void an_address_with_and_without_its_domain_is_one_device(void **state)
{
    (void)state;
    struct device one, other, third;
    struct error error;
    assert_int_equal(parse("0000:3b:00.0", &one, &error), 0);
    assert_int_equal(parse("3b:00.0,rx_vec_en=1", &other, &error), 0);
    assert_int_equal(parse("3b:00.1", &third, &error), 0);
    assert_string_equal(other.probed, "0000:3b:00.0,rx_vec_en=1");
    assert_true(device_is_same(&one, &other));
    assert_false(device_is_same(&one, &third));
}

static void what_eal_needs_is_only_the_pci_devices(void **state)
{
    (void)state;
    struct port_options ports[] = {{.device = "net_af_packet0,iface=lo"},
                                   {.device = "3b:00.0,a=1"},
                                   {.device = "net_null0"},
                                   {.device = "0000:3b:00.1"}};
    struct ports_options options = {.ports = ports, .count = 4, .workers = 1};
    const char *arguments[2 * PORTS_MAX];
    assert_int_equal(ports_eal_arguments(&options, arguments, RTE_DIM(arguments)), 4);
    assert_string_equal(arguments[0], "-a");
    assert_string_equal(arguments[1], "3b:00.0,a=1");
    assert_string_equal(arguments[3], "0000:3b:00.1");
    assert_int_equal(ports_eal_arguments(&options, arguments, 3), 2);
    options.count = 1;
    assert_int_equal(ports_eal_arguments(&options, arguments, RTE_DIM(arguments)), 1);
    assert_string_equal(arguments[0], "--no-pci");
}

static void an_argument_is_found_by_its_whole_name(void **state)
{
    (void)state;
    char value[16];
    assert_true(device_argument("net_x,iface=eth0,framesz=1", "iface", value, sizeof(value)));
    assert_string_equal(value, "eth0");
    assert_true(device_argument("net_x,iface=eth0,iface=eth1", "iface", value, sizeof(value)));
    assert_string_equal(value, "eth1");
    assert_false(device_argument("net_x,myiface=eth0,ifaces=1", "iface", value, sizeof(value)));
    assert_false(device_argument("iface=eth0", "iface", value, sizeof(value))); /* that is its name */
    assert_true(device_argument("net_x,iface=", "iface", value, sizeof(value)));
    assert_string_equal(value, "");
    assert_true(device_argument("net_x,iface=a-name-far-too-long", "iface", value, sizeof(value)));
    assert_int_equal(strlen(value), 15);
}

/* `lo` is there everywhere, and its MTU of 65,536 asks for the longest places. */
static void an_interface_chooses_places_that_fill_their_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned frame, block, count; /* 0: refused */
        const char *says;
    } cases[] = {
        {"net_af_packet0,iface=lo", 65408, 2093056, 1056, ""},
        {"net_af_packet0,iface=lo,framesz=2048", 2048, 65536, 8192, ""},
        {"net_af_packet0,iface=lo,framesz=9216", 9216, 73728, 7288, ""},
        {"net_af_packet0,iface=lo,framesz=1600", 1600, 102400, 8192, ""},
        {"net_af_packet0,iface=lo,framesz=2048,blocksz=4096,framecnt=64", 2048, 4096, 64, ""},
        {"net_af_packet0,iface=lo,framesz=2048,blocksz=4096,framecnt=63", 0, 0, 0, "framecnt=63"},
        {"net_af_packet0,iface=lo,framesz=3072,blocksz=4096", 0, 0, 0, "blocksz=4096 is no multiple"},
        {"net_af_packet0,iface=lo,framesz=2049", 0, 0, 0, "framesz=2049"},
        {"net_af_packet0,iface=lo,framesz=99999999999", 0, 0, 0, "framesz=0"},
        {"net_af_packet0,iface=lo,framesz=65424", 0, 0, 0, "65408 are allowed"},
        {"net_af_packet0,iface=lo,qpairs=2", 0, 0, 0, "only one can be had"},
        {"net_af_packet0", 0, 0, 0, "names no interface"},
        {"net_af_packet0,iface=no-such-thing", 0, 0, 0, "there is no interface no-such-thing; `ip link`"},
        {"net_af_packet0,iface=a-name-that-is-longer-than-any", 0, 0, 0, "there is no interface"},
        {"net_af_xdp0,iface=", 0, 0, 0, "names no interface"},
    };
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        struct device device;
        struct error error;
        int code = parse(cases[i].text, &device, &error);
        assert_has(error.text, cases[i].says);
        assert_int_equal(code == 0, cases[i].frame != 0);
        if (code != 0)
            continue;
        const char *const keys[] = {"framesz", "blocksz", "framecnt"};
        const unsigned values[] = {cases[i].frame, cases[i].block, cases[i].count};
        for (unsigned k = 0; k < 3; k++) {
            char value[32];
            assert_true(device_argument(device.probed, keys[k], value, sizeof(value)));
            assert_int_equal(strtoul(value, NULL, 10), values[k]);
        }
    }
}

static void a_text_of_any_length_is_no_danger(void **state)
{
    (void)state;
    char text[2048];
    for (size_t length = 0; length < sizeof(text); length += 7) {
        struct device device;
        struct error error;
        memset(text, 'x', sizeof(text));
        text[length] = '\0';
        assert_int_equal(parse(text, &device, &error), length > 0 && length < RTE_DEV_NAME_MAX_LEN ? 0 : -EINVAL);
        memset(text, ',', sizeof(text));
        text[0] = 'x';
        text[length] = '\0';
        assert_int_equal(parse(text, &device, &error), length > 0 && length + 128 <= DEVICE_TEXT_MAX ? 0 : -EINVAL);
    }
}

/* In a child that gives all its rights away. */
static void who_has_no_rights_is_told_which_are_needed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {{"net_af_packet0,iface=lo", "CAP_NET_RAW"}, {"net_af_xdp0,iface=lo", "CAP_NET_RAW"}};
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            struct port_options port = {.device = cases[i].text};
            struct ports_options options = {.ports = &port, .count = 1, .workers = 1};
            struct error error = {""};
            if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
                _exit(1);
            int code = ports_check(&options, &error);
            if (write(ends[1], error.text, strlen(error.text)) < 0)
                _exit(2);
            _exit(code == -EPERM ? 0 : 3);
        }
        close(ends[1]);
        char text[ERROR_TEXT_MAX] = "";
        ssize_t length = read(ends[0], text, sizeof(text) - 1);
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(length > 0 && WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_has(text, cases[i].says);
        assert_has(text, "run as root");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pci_device_that_is_not_for_us_says_what_binds_it),
        cmocka_unit_test(an_address_with_and_without_its_domain_is_one_device),
        cmocka_unit_test(what_eal_needs_is_only_the_pci_devices),
        cmocka_unit_test(an_argument_is_found_by_its_whole_name),
        cmocka_unit_test(an_interface_chooses_places_that_fill_their_blocks),
        cmocka_unit_test(a_text_of_any_length_is_no_danger),
        cmocka_unit_test(who_has_no_rights_is_told_which_are_needed),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}

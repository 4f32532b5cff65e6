/* SPDX-License-Identifier: BSD-3-Clause */
#include "interface.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

/* One interface's answer without its virtual functions, which are not asked for, is some 2 KB. */
#define ANSWER_MAX 16384

union answer {
    struct nlmsghdr header;
    char bytes[ANSWER_MAX];
};

static int ask(const char *name, unsigned index, union answer *answer)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
        struct rtattr name;
        char text[IFNAMSIZ];
    } request = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = NLM_F_REQUEST},
        .info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index},
    };
    if (name != NULL) {
        size_t length = strlen(name) + 1;
        if (length > sizeof(request.text))
            return -ENODEV;
        memcpy(request.text, name, length);
        request.name.rta_type = IFLA_IFNAME;
        request.name.rta_len = (unsigned short)RTA_LENGTH(length);
        request.header.nlmsg_len += RTA_SPACE((unsigned)length);
    }
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    ssize_t length = send(fd, &request, request.header.nlmsg_len, 0);
    if (length >= 0)
        length = recv(fd, answer, sizeof(*answer), 0);
    int code = length < 0 ? -errno : 0;
    close(fd);
    if (code != 0)
        return code;
    if (!NLMSG_OK(&answer->header, (unsigned)length))
        return -EPROTO;
    if (answer->header.nlmsg_type == NLMSG_ERROR)
        return ((struct nlmsgerr *)NLMSG_DATA(&answer->header))->error;
    return answer->header.nlmsg_type == RTM_NEWLINK ? 0 : -EPROTO;
}

static void copy_text(char *to, size_t capacity, const struct rtattr *attribute)
{
    snprintf(to, capacity, "%.*s", (int)RTA_PAYLOAD(attribute), (const char *)RTA_DATA(attribute));
}

static void read_kind(struct interface *interface, const struct rtattr *link_info)
{
    const struct rtattr *inner = RTA_DATA(link_info);
    for (unsigned left = (unsigned)RTA_PAYLOAD(link_info); RTA_OK(inner, left); inner = RTA_NEXT(inner, left))
        if (inner->rta_type == IFLA_INFO_KIND)
            copy_text(interface->kind, sizeof(interface->kind), inner);
}

static void read_attribute(struct interface *interface, const struct rtattr *attribute)
{
    size_t length = RTA_PAYLOAD(attribute);
    if (attribute->rta_type == IFLA_IFNAME) {
        copy_text(interface->name, sizeof(interface->name), attribute);
    } else if (attribute->rta_type == IFLA_MTU && length >= sizeof(interface->mtu)) {
        memcpy(&interface->mtu, RTA_DATA(attribute), sizeof(interface->mtu));
    } else if (attribute->rta_type == IFLA_STATS64) {
        struct rtnl_link_stats64 counters = {0}; /* an older kernel has fewer members */
        memcpy(&counters, RTA_DATA(attribute), length < sizeof(counters) ? length : sizeof(counters));
        interface->rx_packets = counters.rx_packets;
        interface->tx_packets = counters.tx_packets;
    } else if (attribute->rta_type == IFLA_LINKINFO) {
        read_kind(interface, attribute);
    }
}

int interface_find(const char *name, unsigned index, struct interface *interface)
{
    union answer answer = {.header = {.nlmsg_len = 0}};
    int code = ask(name, index, &answer);
    if (code != 0)
        return code;
    memset(interface, 0, sizeof(*interface));
    const struct ifinfomsg *info = NLMSG_DATA(&answer.header);
    interface->index = (unsigned)info->ifi_index;
    interface->up = (info->ifi_flags & IFF_UP) != 0;
    interface->promiscuous = (info->ifi_flags & IFF_PROMISC) != 0;
    interface->running = interface->up && (info->ifi_flags & IFF_RUNNING) != 0;
    const struct rtattr *attribute = IFLA_RTA(info);
    for (unsigned left = (unsigned)IFLA_PAYLOAD(&answer.header); RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left))
        read_attribute(interface, attribute);
    return 0;
}

static int ask_ethtool(const char *name, void *request)
{
    struct ifreq ifreq = {.ifr_data = request};
    snprintf(ifreq.ifr_name, sizeof(ifreq.ifr_name), "%s", name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int code = ioctl(fd, SIOCETHTOOL, &ifreq) < 0 ? -errno : 0;
    close(fd);
    return code;
}

void interface_queues(const char *name, unsigned *paired, unsigned *all)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    if (ask_ethtool(name, &channels) != 0)
        memset(&channels, 0, sizeof(channels));
    *paired = channels.combined_count;
    *all = channels.combined_count + channels.rx_count;
}

bool interface_joins_segments(const struct interface *interface)
{
    struct ethtool_value joins = {.cmd = ETHTOOL_GGRO}, flags = {.cmd = ETHTOOL_GFLAGS};
    if (interface->kind[0] != '\0')
        return true;
    if (ask_ethtool(interface->name, &joins) != 0 || joins.data != 0)
        return true;
    return ask_ethtool(interface->name, &flags) == 0 && (flags.data & ETH_FLAG_LRO) != 0;
}

int interface_claim(const struct interface *interface)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length =
        snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "bearertap/interface/%u", interface->index);
    int claim = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (claim < 0)
        return -errno;
    if (bind(claim, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) != 0) {
        int code = -errno;
        close(claim);
        return code;
    }
    return claim;
}

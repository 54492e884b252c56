/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hears of what changes in a network namespace (rtnetlink(7)). What nobody asks for, and what is
 * only said twice, is dropped by a filter in the kernel: it wakes nobody up.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "message.h"
#include "rtnl.h"

struct rt_monitor {
	int fd;
};

/* ---- the socket --------------------------------------------------------------------------- */

/* Loads are in network byte order, netlink's numbers in the host's. */
#define LOAD_TYPE                      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type))
#define LOAD_FAMILY                    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, sizeof(struct nlmsghdr))
#define IF_TYPE(type, then, other)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), then, other)
#define IF_FAMILY(family, then, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, family, then, other)

static int attach_filter(int fd)
{
	struct sock_filter code[] = {
		/* 0 */ LOAD_TYPE,
		/* 1 */ IF_TYPE(RTM_NEWLINK, 9, 0),
		/* 2 */ IF_TYPE(RTM_DELLINK, 4, 0),
		/* 3 */ IF_TYPE(RTM_DELADDR, 7, 0),
		/* 4 */ IF_TYPE(RTM_DELROUTE, 6, 0),
		/* 5 */ IF_TYPE(RTM_NEWNETCONF, 5, 0),
		/* 6 */ IF_TYPE(RTM_NEWADDR, 2, 5),
		/* 7 */ LOAD_FAMILY, /* a port that leaves its bridge is told twice */
		/* 8 */ IF_FAMILY(AF_UNSPEC, 2, 3),
		/* 9 */ LOAD_FAMILY, /* of new addresses, IPv6 alone */
		/* 10 */ IF_FAMILY(AF_INET6, 0, 1),
		/* 11 */ BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		/* 12 */ BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int open_inside(void *argument)
{
	/* a port of its own: what is sent to all does not reach the port 0, which is the kernel's
	 */
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	*(int *)argument = fd;
	return fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ? -errno : 0;
}

int rt_monitor_open(int netns_fd, struct rt_monitor **ret, struct error *error)
{
	struct ns_place place = { .network = netns_fd, .mount = -1 };
	struct rt_monitor *monitor = calloc(1, sizeof(*monitor));
	int r;

	if (!monitor)
		return error_oom(error);
	monitor->fd = -1;
	r = netns_fd < 0 ? open_inside(&monitor->fd) : ns_call(&place, open_inside, &monitor->fd);
	if (r == 0)
		r = attach_filter(monitor->fd);
	if (r < 0) {
		rt_monitor_free(monitor);
		return error_errno(error, r, "%s", _("can't listen to the kernel's messages"));
	}
	*ret = monitor;
	return 0;
}

int rt_monitor_listen(struct rt_monitor *monitor, enum rt_monitor_place place, struct error *error)
{
	static const unsigned groups[][6] = {
		[RT_MONITOR_HOST] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_NETCONF },
		[RT_MONITOR_INSIDE] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
					RTNLGRP_IPV4_ROUTE },
	};
	static const int sizes[] = { [RT_MONITOR_HOST] = 1 << 20, [RT_MONITOR_INSIDE] = 1 << 16 };

	for (const unsigned *group = groups[place]; *group; group++)
		if (setsockopt(monitor->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group,
			       sizeof(*group)) < 0 &&
		    errno != ENOENT) /* a kernel without IPv6 */
			return error_errno(error, errno, "%s",
					   _("can't listen to the kernel's messages"));
	setsockopt(monitor->fd, SOL_SOCKET, SO_RCVBUFFORCE, &sizes[place], sizeof(sizes[place]));
	return 0;
}

struct rt_monitor *rt_monitor_free(struct rt_monitor *monitor)
{
	if (monitor)
		close_fd(monitor->fd);
	free(monitor);
	return NULL;
}

int rt_monitor_fd(const struct rt_monitor *monitor)
{
	return monitor->fd;
}

/* ---- messages ----------------------------------------------------------------------------- */

static bool read_link(const struct nlmsghdr *h, struct rt_event *event)
{
	event->type = h->nlmsg_type == RTM_DELLINK ? RT_LINK_GONE : RT_LINK_CHANGED;
	if (rt_parse_link_header(h, &event->link) < 0)
		return false;
	event->index = event->link.index;
	return true;
}

static bool read_address(const struct nlmsghdr *h, struct rt_event *event)
{
	const struct ifaddrmsg *address = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*address)))
		return false;
	event->type = h->nlmsg_type == RTM_DELADDR ? RT_ADDRESS_GONE : RT_ADDRESS_NEW;
	event->family = address->ifa_family;
	event->index = address->ifa_index;
	return true;
}

static bool read_route(const struct nlmsghdr *h, struct rt_event *event)
{
	const struct nlattr *interface =
		nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct rtmsg), RTA_OIF);
	const struct rtmsg *route = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*route)) || !interface ||
	    nla_len(interface) < (int)sizeof(uint32_t))
		return false;
	event->type = RT_ROUTE_GONE;
	event->family = route->rtm_family;
	event->index = nla_get_u32(interface);
	return true;
}

/* Forwarding of the whole namespace, off (Documentation/networking/ip-sysctl.rst, ip_forward). */
static bool read_netconf(const struct nlmsghdr *h, struct rt_event *event)
{
	const size_t length = NLMSG_ALIGN(sizeof(struct netconfmsg));
	const struct nlattr *index =
		nlmsg_find_attr((struct nlmsghdr *)h, length, NETCONFA_IFINDEX);
	const struct nlattr *value =
		nlmsg_find_attr((struct nlmsghdr *)h, length, NETCONFA_FORWARDING);

	event->type = RT_FORWARDING_OFF;
	return index && value && nla_len(index) >= (int)sizeof(uint32_t) &&
	       nla_len(value) >= (int)sizeof(uint32_t) &&
	       (int32_t)nla_get_u32(index) == NETCONFA_IFINDEX_ALL && nla_get_u32(value) == 0;
}

static bool read_event(const struct nlmsghdr *h, struct rt_event *event)
{
	static const struct {
		uint16_t type;
		bool (*read)(const struct nlmsghdr *h, struct rt_event *event);
	} readers[] = {
		{ RTM_NEWLINK, read_link },    { RTM_DELLINK, read_link },
		{ RTM_NEWADDR, read_address }, { RTM_DELADDR, read_address },
		{ RTM_DELROUTE, read_route },  { RTM_NEWNETCONF, read_netconf },
	};

	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		if (readers[i].type == h->nlmsg_type)
			return readers[i].read(h, event);
	return false;
}

int rt_monitor_read(struct rt_monitor *monitor, rt_event_fn fn, void *userdata)
{
	static char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t n = message_receive(monitor->fd, buffer, sizeof(buffer));
		struct messages messages = { buffer, n };
		const struct nlmsghdr *h;

		if (n < 0)
			return n == -EAGAIN ? 0 : n;
		while ((h = message_next(&messages))) {
			struct rt_event event = {};

			if (read_event(h, &event))
				fn(&event, userdata);
		}
	}
}

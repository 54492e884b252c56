/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hears of links that go: RTNLGRP_LINK (rtnetlink(7)). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "nsctl/kernel.h"

struct rt_monitor {
	int fd;
};

int rt_monitor_open(struct rt_monitor **ret, struct error *error)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct rt_monitor *monitor = calloc(1, sizeof(*monitor));
	int size = 1 << 20;

	if (!monitor)
		return error_oom(error);
	monitor->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (monitor->fd < 0 ||
	    bind(monitor->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int r = error_errno(error, errno, "%s",
				    _("can't listen to the kernel's link messages"));

		rt_monitor_free(monitor);
		return r;
	}
	setsockopt(monitor->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	*ret = monitor;
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

int rt_monitor_read(struct rt_monitor *monitor, void (*gone)(int index, void *userdata),
		    void *userdata)
{
	static char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		struct sockaddr_nl from = {};
		socklen_t from_length = sizeof(from);
		ssize_t n = recvfrom(monitor->fd, buffer, sizeof(buffer), 0,
				     (struct sockaddr *)&from, &from_length);
		size_t left;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (from.nl_pid != 0) /* not the kernel */
			continue;
		left = n;
		for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			const struct ifinfomsg *link = NLMSG_DATA(h);

			/* the bridge family says only that a port left its bridge */
			if (h->nlmsg_type == RTM_DELLINK &&
			    h->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)) &&
			    link->ifi_family == AF_UNSPEC)
				gone(link->ifi_index, userdata);
		}
	}
}

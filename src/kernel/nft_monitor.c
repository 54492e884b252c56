/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hears of changes of nf_tables (NFNLGRP_NFTABLES). */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "message.h"
#include "nsctl/kernel.h"

struct nft_monitor {
	struct mnl_socket *socket;
};

int nft_monitor_open(struct nft_monitor **ret, struct error *error)
{
	struct nft_monitor *monitor = calloc(1, sizeof(*monitor));
	int group = NFNLGRP_NFTABLES, size = 1 << 20;

	if (!monitor)
		return error_oom(error);
	monitor->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!monitor->socket || mnl_socket_bind(monitor->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(monitor->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
		    0) {
		int r = error_errno(error, errno, "%s", _("can't listen to nf_tables"));

		nft_monitor_free(monitor);
		return r;
	}
	setsockopt(mnl_socket_get_fd(monitor->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
		   sizeof(size));
	*ret = monitor;
	return 0;
}

struct nft_monitor *nft_monitor_free(struct nft_monitor *monitor)
{
	if (monitor && monitor->socket)
		mnl_socket_close(monitor->socket);
	free(monitor);
	return NULL;
}

int nft_monitor_fd(const struct nft_monitor *monitor)
{
	return mnl_socket_get_fd(monitor->socket);
}

/* All objects have the name of their table as attribute 1 (NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, …).
 */
static const char *table_of(const struct nlmsghdr *h)
{
	const struct nlattr *attribute;

	mnl_attr_for_each(attribute, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attribute) != NFTA_TABLE_NAME)
			continue;
		return mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0
			       ? mnl_attr_get_str(attribute)
			       : NULL;
	}
	return NULL;
}

static bool read_event(const struct nlmsghdr *h, struct nft_event *event)
{
	const struct nfgenmsg *general = mnl_nlmsg_get_payload(h);
	unsigned type = h->nlmsg_type & 0xff;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || type == NFT_MSG_NEWGEN ||
	    mnl_nlmsg_get_payload_len(h) < sizeof(*general))
		return false;
	event->table = table_of(h);
	event->family = general->nfgen_family;
	event->chains = type != NFT_MSG_NEWSET && type != NFT_MSG_DELSET &&
			type != NFT_MSG_NEWSETELEM && type != NFT_MSG_DELSETELEM;
	return event->table;
}

int nft_monitor_read(struct nft_monitor *monitor, const struct nft *own, nft_event_fn fn,
		     void *userdata)
{
	static char buffer[65536] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		/* libmnl refuses what does not come from the kernel */
		ssize_t n = mnl_socket_recvfrom(monitor->socket, buffer, sizeof(buffer));
		struct messages messages = { buffer, n };
		const struct nlmsghdr *h;

		if (n < 0 && (errno == EINTR || errno == EINVAL))
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		while ((h = message_next(&messages))) {
			struct nft_event event;

			if (h->nlmsg_pid != nft_port(own) && read_event(h, &event))
				fn(&event, userdata);
		}
	}
}

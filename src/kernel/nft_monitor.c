/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hears of changes of nf_tables (NFNLGRP_NFTABLES). */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "message.h"
#include "nft.h"

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

/* All objects have the name of their table as attribute 1 (NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, …).
 */
static const struct attribute_field event_fields[] = {
	{ NFTA_TABLE_NAME, ATTRIBUTE_STRING, true, offsetof(struct nft_event, table) },
};

static bool read_event(const struct nlmsghdr *h, struct nft_event *event)
{
	unsigned type = NFNL_MSG_TYPE(h->nlmsg_type);
	struct attributes attributes;
	uint8_t family;

	if (type == NFT_MSG_NEWGEN || !nft_message_open(h, &family, &attributes))
		return false;
	event->family = family;
	event->chains = type != NFT_MSG_NEWSET && type != NFT_MSG_DELSET &&
			type != NFT_MSG_NEWSETELEM && type != NFT_MSG_DELSETELEM;
	return attributes_read(attributes, event_fields, ARRAY_SIZE(event_fields), event) == 0;
}

int nft_monitor_read(struct nft_monitor *monitor, const struct nft *own, nft_event_fn fn,
		     void *userdata)
{
	static char buffer[65536] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		ssize_t n = message_receive(nft_monitor_fd(monitor), buffer, sizeof(buffer));
		struct messages messages = { buffer, n };
		const struct nlmsghdr *h;

		if (n < 0)
			return n == -EAGAIN ? 0 : n;
		while ((h = message_next(&messages))) {
			struct nft_event event;

			if (h->nlmsg_pid != nft_port(own) && read_event(h, &event))
				fn(&event, userdata);
		}
	}
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fill-conntrack: fills the connection tracking table of the network namespace that it runs in,
 * with flows that the kernel does not throw out for new ones, and says how many that took. What was
 * in the table is thrown out first: the kernel would do it later, and there would be room again.
 * The limit is the machine's and can't be lowered for a namespace; the count is the namespace's
 * own.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { FLOWS_MAX = 4 << 20, MESSAGE_MAX = 512, TIMEOUT = 600, BATCH = 64 };

static void put_tuple(struct nlmsghdr *message, uint16_t type, uint32_t from, uint32_t to,
		      uint16_t from_port, uint16_t to_port)
{
	struct nlattr *tuple = mnl_attr_nest_start(message, type);
	struct nlattr *part = mnl_attr_nest_start(message, CTA_TUPLE_IP);

	mnl_attr_put_u32(message, CTA_IP_V4_SRC, htonl(from));
	mnl_attr_put_u32(message, CTA_IP_V4_DST, htonl(to));
	mnl_attr_nest_end(message, part);
	part = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(message, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(from_port));
	mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(to_port));
	mnl_attr_nest_end(message, part);
	mnl_attr_nest_end(message, tuple);
}

/* The n-th flow, between addresses for documentation (RFC 5737). */
static size_t put_flow(void *buffer, unsigned n)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *body;
	uint32_t from = 0xc6120000 + (n >> 15), to = 0xc0000201;
	uint16_t port = (uint16_t)(1024 + (n & 0x7fff));

	message->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_NEW;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL;
	body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->nfgen_family = AF_INET;
	body->version = NFNETLINK_V0;
	put_tuple(message, CTA_TUPLE_ORIG, from, to, port, 53);
	put_tuple(message, CTA_TUPLE_REPLY, to, from, 53, port);
	mnl_attr_put_u32(message, CTA_TIMEOUT, htonl(TIMEOUT));
	mnl_attr_put_u32(message, CTA_STATUS, htonl(IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED));
	return message->nlmsg_len;
}

/* All flows of the namespace. */
static size_t put_flush(void *buffer)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *body;

	message->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
	message->nlmsg_flags = NLM_F_REQUEST;
	body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->nfgen_family = AF_UNSPEC;
	body->version = NFNETLINK_V0;
	return message->nlmsg_len;
}

/* What the kernel said to what was sent: 0 or an errno. */
static int refusal(int fd)
{
	char buffer[8192];
	ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
	const struct nlmsghdr *message = (void *)buffer;

	if (n < 0)
		return errno == EAGAIN ? 0 : errno;
	return -((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
}

int main(void)
{
	static char buffer[BATCH * MESSAGE_MAX] __attribute__((aligned(8)));
	struct mnl_socket *netlink = mnl_socket_open(NETLINK_NETFILTER);
	int fd, error = 0;
	unsigned n = 0;

	if (!netlink || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
		perror("fill-conntrack");
		return 1;
	}
	fd = mnl_socket_get_fd(netlink);
	if (mnl_socket_sendto(netlink, buffer, put_flush(buffer)) < 0)
		error = errno;
	else
		error = refusal(fd);
	while (error == 0 && n < FLOWS_MAX) {
		size_t length = 0;

		for (unsigned i = 0; i < BATCH; i++)
			length += put_flow(buffer + length, n++);
		if (mnl_socket_sendto(netlink, buffer, length) < 0)
			error = errno;
		else
			error = refusal(fd);
	}
	if (error != ENOMEM) {
		fprintf(stderr, "fill-conntrack: after %u flows: %s\n", n, strerror(error));
		return 1;
	}
	printf("%u\n", n);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 addresses and routes (rtnetlink(7)). */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "rtnl.h"

static struct nl_msg *address_message(int type, int index, const struct ip_prefix *address)
{
	struct ifaddrmsg header = {
		.ifa_family = address->address.family,
		.ifa_prefixlen = address->length,
		.ifa_index = index,
	};
	struct ip_address broadcast = ip_prefix_broadcast(address);
	/* NLM_F_EXCL is NLM_F_BULK in a deletion (linux/netlink.h) */
	int flags = type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0;
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	int length = ip_address_bits(&address->address) / 8;

	if (!message)
		return NULL;
	if (nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    nla_put(message, IFA_LOCAL, length, address->address.bytes) < 0 ||
	    nla_put(message, IFA_ADDRESS, length, address->address.bytes) < 0 ||
	    (address->length < 31 &&
	     nla_put(message, IFA_BROADCAST, length, broadcast.bytes) < 0)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

void rt_batch_address_add(struct rt_batch *batch, int index, const struct ip_prefix *address)
{
	char text[IP_TEXT_MAX];

	rt_batch_add(batch, address_message(RTM_NEWADDR, index, address), -EEXIST,
		     _("can't add address %s"), ip_prefix_format(address, text));
}

int rt_address_add(struct rt *rt, int index, const struct ip_prefix *address, struct error *error)
{
	struct rt_batch *batch = rt_batch_begin(rt);

	rt_batch_address_add(batch, index, address);
	return rt_batch_send(batch, error);
}

int rt_address_delete(struct rt *rt, int index, const struct ip_prefix *address,
		      struct error *error)
{
	struct rt_batch *batch = rt_batch_begin(rt);
	char text[IP_TEXT_MAX];

	rt_batch_add(batch, address_message(RTM_DELADDR, index, address), -EADDRNOTAVAIL,
		     _("can't delete address %s"), ip_prefix_format(address, text));
	return rt_batch_send(batch, error);
}

struct address_walk {
	int index;
	rt_address_fn fn;
	void *userdata;
};

static int read_ip(const struct nlattr *attribute, int family, struct ip_address *ret)
{
	struct ip_address address = { .family = family };

	if (!attribute || nla_len(attribute) != (int)ip_address_bits(&address) / 8)
		return -EBADMSG;
	memcpy(address.bytes, nla_data(attribute), nla_len(attribute));
	*ret = address;
	return 0;
}

static bool is_length(const struct ip_prefix *prefix)
{
	return prefix->length <= (unsigned)ip_address_bits(&prefix->address);
}

static int parse_address(struct nl_msg *message, void *userdata)
{
	const struct address_walk *walk = userdata;
	const struct ifaddrmsg *header = nlmsg_data(nlmsg_hdr(message));
	struct nlattr *a[IFA_MAX + 1];
	struct rt_address_info info;

	if (nlmsg_parse(nlmsg_hdr(message), sizeof(*header), a, IFA_MAX, NULL) < 0)
		return -EBADMSG;
	info = (struct rt_address_info){ .index = header->ifa_index,
					 .address.length = header->ifa_prefixlen };
	if (walk->index && walk->index != info.index)
		return 0;
	if (read_ip(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], header->ifa_family,
		    &info.address.address) < 0 ||
	    !is_length(&info.address))
		return 0;
	return walk->fn(&info, walk->userdata);
}

int rt_address_each(struct rt *rt, int index, rt_address_fn fn, void *userdata)
{
	struct address_walk walk = { .index = index, .fn = fn, .userdata = userdata };
	struct ifaddrmsg header = { .ifa_family = AF_INET };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP);

	if (!message || nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return rt_query(rt, message, parse_address, &walk);
}

static struct nl_msg *route_message(const struct ip_prefix *network,
				    const struct ip_address *gateway, int index)
{
	struct rtmsg header = {
		.rtm_family = network->address.family,
		.rtm_dst_len = network->length,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	struct nl_msg *message =
		nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL);
	int length = ip_address_bits(&network->address) / 8;

	if (!message || nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0 ||
	    (network->length && nla_put(message, RTA_DST, length, network->address.bytes) < 0) ||
	    nla_put(message, RTA_GATEWAY, length, gateway->bytes) < 0 ||
	    nla_put_u32(message, RTA_OIF, index) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

void rt_batch_route_add(struct rt_batch *batch, const struct ip_prefix *destination,
			const struct ip_address *gateway, int index)
{
	struct ip_prefix network = ip_prefix_network(destination);
	char text[IP_TEXT_MAX], via[IP_TEXT_MAX];

	rt_batch_add(batch, route_message(&network, gateway, index), -EEXIST,
		     _("can't add route %s via %s"),
		     network.length ? ip_prefix_format(&network, text) : "default",
		     ip_address_format(gateway, via));
}

int rt_route_add(struct rt *rt, const struct ip_prefix *destination,
		 const struct ip_address *gateway, int index, struct error *error)
{
	struct rt_batch *batch = rt_batch_begin(rt);

	rt_batch_route_add(batch, destination, gateway, index);
	return rt_batch_send(batch, error);
}

struct route_walk {
	rt_route_fn fn;
	void *userdata;
};

static int parse_route(struct nl_msg *message, void *userdata)
{
	const struct route_walk *walk = userdata;
	const struct rtmsg *header = nlmsg_data(nlmsg_hdr(message));
	struct nlattr *a[RTA_MAX + 1];
	struct rt_route_info info = {};

	if (nlmsg_parse(nlmsg_hdr(message), sizeof(*header), a, RTA_MAX, NULL) < 0)
		return -EBADMSG;
	if (header->rtm_family != AF_INET && header->rtm_family != AF_INET6)
		return 0;
	info.destination.address.family = header->rtm_family;
	info.destination.length = header->rtm_dst_len;
	info.type = header->rtm_type;
	info.table = a[RTA_TABLE] && nla_len(a[RTA_TABLE]) >= 4 ? nla_get_u32(a[RTA_TABLE])
								: header->rtm_table;
	if (a[RTA_DST] && read_ip(a[RTA_DST], header->rtm_family, &info.destination.address) < 0)
		return 0;
	if (!is_length(&info.destination))
		return 0;
	if (a[RTA_GATEWAY] && read_ip(a[RTA_GATEWAY], header->rtm_family, &info.gateway) < 0)
		return 0;
	if (a[RTA_OIF] && nla_len(a[RTA_OIF]) >= 4)
		info.index = nla_get_u32(a[RTA_OIF]);
	return walk->fn(&info, walk->userdata);
}

int rt_route_each(struct rt *rt, rt_route_fn fn, void *userdata)
{
	struct route_walk walk = { .fn = fn, .userdata = userdata };
	struct rtmsg header = { .rtm_family = AF_INET };
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);

	if (!message || nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return rt_query(rt, message, parse_route, &walk);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links: made, looked at, changed, deleted (rtnetlink(7), net/core/rtnetlink.c). */
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/veth.h>
#include <string.h>
#include <sys/random.h>

#include "rtnl.h"

static int parse_link_attributes(const struct nlmsghdr *h, struct nlattr *attributes[IFLA_MAX + 1],
				 const struct ifinfomsg **ret)
{
	static struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING, .maxlen = IFNAMSIZ },
		[IFLA_MASTER] = { .type = NLA_U32 },
		[IFLA_LINK] = { .type = NLA_U32 },
		[IFLA_MTU] = { .type = NLA_U32 },
		[IFLA_GROUP] = { .type = NLA_U32 },
		[IFLA_ADDRESS] = { .type = NLA_UNSPEC },
		[IFLA_LINKINFO] = { .type = NLA_NESTED },
		[IFLA_STATS64] = { .minlen = offsetof(struct rtnl_link_stats64, rx_errors) },
	};

	if (nlmsg_parse((struct nlmsghdr *)h, sizeof(struct ifinfomsg), attributes, IFLA_MAX,
			policy) < 0)
		return -EBADMSG;
	*ret = nlmsg_data(h);
	return 0;
}

/* What its bridge knows of it. */
static void read_port(struct nlattr *port, struct rt_link_info *info)
{
	struct nlattr *a[IFLA_BRPORT_MAX + 1];

	if (port && nla_parse_nested(a, IFLA_BRPORT_MAX, port, NULL) == 0 &&
	    a[IFLA_BRPORT_ISOLATED])
		info->isolated = nla_get_u8(a[IFLA_BRPORT_ISOLATED]);
}

static void read_link_info(struct nlattr *link_info, struct rt_link_info *info)
{
	struct nlattr *a[IFLA_INFO_MAX + 1];

	if (!link_info || nla_parse_nested(a, IFLA_INFO_MAX, link_info, NULL) < 0)
		return;
	if (a[IFLA_INFO_KIND])
		nla_strlcpy(info->kind, a[IFLA_INFO_KIND], sizeof(info->kind));
	read_port(a[IFLA_INFO_SLAVE_DATA], info);
}

int rt_parse_link_header(const struct nlmsghdr *h, struct rt_link_info *info)
{
	struct nlattr *a[IFLA_MAX + 1];
	const struct ifinfomsg *link;
	int r = parse_link_attributes(h, a, &link);

	if (r < 0)
		return r;
	*info = (struct rt_link_info){ .index = link->ifi_index, .up = link->ifi_flags & IFF_UP };
	if (a[IFLA_IFNAME])
		nla_strlcpy(info->name, a[IFLA_IFNAME], sizeof(info->name));
	if (a[IFLA_MASTER])
		info->master = nla_get_u32(a[IFLA_MASTER]);
	if (a[IFLA_LINK])
		info->peer = nla_get_u32(a[IFLA_LINK]);
	if (a[IFLA_MTU])
		info->mtu = nla_get_u32(a[IFLA_MTU]);
	if (a[IFLA_GROUP])
		info->group = nla_get_u32(a[IFLA_GROUP]);
	if (a[IFLA_ADDRESS] && nla_len(a[IFLA_ADDRESS]) == ETH_ALEN)
		memcpy(&info->mac, nla_data(a[IFLA_ADDRESS]), ETH_ALEN);
	read_link_info(a[IFLA_LINKINFO], info);
	if (link->ifi_family == AF_BRIDGE) /* what a bridge tells of a port (br_fill_ifinfo) */
		read_port(a[IFLA_PROTINFO], info);
	if (a[IFLA_STATS64]) {
		const char *stats = nla_data(a[IFLA_STATS64]); /* aligned to 4 bytes only */

		memcpy(&info->rx_bytes, stats + offsetof(struct rtnl_link_stats64, rx_bytes),
		       sizeof(info->rx_bytes));
		memcpy(&info->tx_bytes, stats + offsetof(struct rtnl_link_stats64, tx_bytes),
		       sizeof(info->tx_bytes));
	}
	return 0;
}

int rt_parse_link(struct nl_msg *message, void *info)
{
	return rt_parse_link_header(nlmsg_hdr(message), info);
}

struct nl_msg *rt_link_message(int type, int family, int index)
{
	struct ifinfomsg link = { .ifi_family = family, .ifi_index = index };
	struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_REQUEST);

	if (message && nlmsg_append(message, &link, sizeof(link), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

int rt_link_by_name(struct rt *rt, const char *name, struct rt_link_info *ret)
{
	struct nl_msg *message = rt_link_message(RTM_GETLINK, AF_UNSPEC, 0);
	struct rt_link_info info = {};
	int r;

	if (!message || nla_put_string(message, IFLA_IFNAME, name) < 0) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	r = rt_query(rt, message, rt_parse_link, &info);
	if (r == 0)
		*ret = info;
	return r;
}

int rt_link_by_index(struct rt *rt, int index, struct rt_link_info *ret)
{
	struct rt_link_info info = {};
	int r = index > 0 ? rt_query(rt, rt_link_message(RTM_GETLINK, AF_UNSPEC, index),
				     rt_parse_link, &info)
			  : -ENODEV;

	if (r == 0)
		*ret = info;
	return r;
}

static int build_add(struct rtnl_link *link, struct nl_msg **ret)
{
	return rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, ret) < 0 ? -ENOMEM : 0;
}

/* nl_addr for a MAC address; rtnl_link_set_addr takes a reference of its own. */
static int set_mac(struct rtnl_link *link, const struct ether_addr *mac)
{
	struct nl_addr *address = nl_addr_build(AF_LLC, mac, ETH_ALEN);

	if (!address)
		return -ENOMEM;
	rtnl_link_set_addr(link, address);
	nl_addr_put(address);
	return 0;
}

/* About the link of that name, where nobody knows its index yet. */
static struct nl_msg *named_message(int type, const char *name)
{
	struct nl_msg *message = rt_link_message(type, AF_UNSPEC, 0);

	if (message && nla_put_string(message, IFLA_IFNAME, name) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* Each puts one change into a message about a link (NULL: no memory, stays so) and returns it. */
static struct nl_msg *put_up(struct nl_msg *message)
{
	struct ifinfomsg *link = message ? nlmsg_data(nlmsg_hdr(message)) : NULL;

	if (link)
		link->ifi_flags = link->ifi_change = IFF_UP;
	return message;
}

static struct nl_msg *out_of_memory(struct nl_msg *message)
{
	nlmsg_free(message);
	return NULL;
}

static struct nl_msg *put_no_ipv6(struct nl_msg *message)
{
	struct nlattr *spec = message ? nla_nest_start(message, IFLA_AF_SPEC) : NULL;
	struct nlattr *inet6 = spec ? nla_nest_start(message, AF_INET6) : NULL;

	if (!inet6 || nla_put_u8(message, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) < 0)
		return out_of_memory(message);
	nla_nest_end(message, inet6);
	nla_nest_end(message, spec);
	return message;
}

static struct nl_msg *put_isolated(struct nl_msg *message)
{
	struct nlattr *info = message ? nla_nest_start(message, IFLA_LINKINFO) : NULL;
	struct nlattr *port = NULL;

	if (info && nla_put_string(message, IFLA_INFO_SLAVE_KIND, "bridge") == 0)
		port = nla_nest_start(message, IFLA_INFO_SLAVE_DATA);
	if (!port || nla_put_u8(message, IFLA_BRPORT_ISOLATED, 1) < 0)
		return out_of_memory(message);
	nla_nest_end(message, port);
	nla_nest_end(message, info);
	return message;
}

static struct nl_msg *put_altname(struct nl_msg *message, const char *altname)
{
	struct nlattr *list =
		message ? nla_nest_start(message, IFLA_PROP_LIST | NLA_F_NESTED) : NULL;

	if (!list || nla_put_string(message, IFLA_ALT_IFNAME, altname) < 0)
		return out_of_memory(message);
	nla_nest_end(message, list);
	nlmsg_hdr(message)->nlmsg_flags |= NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND;
	return message;
}

static struct nl_msg *veth_message(const struct rt_veth *veth)
{
	struct rtnl_link *link = rtnl_link_veth_alloc(), *peer;
	struct nl_msg *message = NULL;
	int r = 0;

	if (!link)
		return NULL;
	peer = rtnl_link_veth_get_peer(link);
	rtnl_link_set_name(link, veth->name);
	rtnl_link_set_name(peer, veth->peer_name);
	rtnl_link_set_ns_fd(peer, veth->peer_netns_fd);
	if (veth->master)
		rtnl_link_set_master(link, veth->master);
	if (veth->mtu) {
		rtnl_link_set_mtu(link, veth->mtu);
		rtnl_link_set_mtu(peer, veth->mtu);
	}
	if (veth->peer_mac)
		r = set_mac(peer, veth->peer_mac);
	if (r == 0)
		build_add(link, &message);
	rtnl_link_put(peer); /* get_peer took a reference */
	rtnl_link_put(link);
	return message;
}

/* By index, not by name: the kernel goes on behind a message that failed, and the name could be
 * another link's. */
static int settle_veth(struct rt *rt, const struct rt_veth *veth, int index, struct error *error)
{
	struct rt_batch *batch = rt_batch_begin(rt);

	rt_batch_add(batch, put_no_ipv6(rt_link_message(RTM_SETLINK, AF_UNSPEC, index)),
		     -EAFNOSUPPORT, _("can't switch IPv6 off on %s"), veth->name);
	if (veth->isolated)
		rt_batch_add(batch, put_isolated(rt_link_message(RTM_NEWLINK, AF_UNSPEC, index)), 0,
			     _("can't isolate %s"), veth->name);
	if (veth->altname)
		rt_batch_add(batch,
			     put_altname(rt_link_message(RTM_NEWLINKPROP, AF_UNSPEC, index),
					 veth->altname),
			     0, _("can't add the name %s to %s"), veth->altname, veth->name);
	rt_batch_add(batch, put_up(rt_link_message(RTM_SETLINK, AF_UNSPEC, index)), 0,
		     _("can't bring %s up"), veth->name);
	return rt_batch_send(batch, error);
}

int rt_veth_create(struct rt *rt, const struct rt_veth *veth, int *ret_index, struct error *error)
{
	struct rt_link_info info = {};
	int r = rt_request_or(rt, veth_message(veth), error, _("can't create veth %s"), veth->name);

	if (r < 0)
		return r;
	r = rt_link_by_name(rt, veth->name, &info);
	if (r < 0) {
		rt_request(rt, named_message(RTM_DELLINK, veth->name), NULL);
		return error_errno(error, r, _("can't find link %s"), veth->name);
	}
	r = settle_veth(rt, veth, info.index, error);
	if (r < 0)
		rt_link_delete(rt, info.index, NULL);
	else
		*ret_index = info.index;
	return r;
}

int rt_random_mac(struct ether_addr *ret)
{
	if (getrandom(ret, sizeof(*ret), 0) != sizeof(*ret))
		return -errno;
	ret->ether_addr_octet[0] = (ret->ether_addr_octet[0] & 0xfc) | 0x02; /* local, unicast */
	return 0;
}

int rt_bridge_create(struct rt *rt, const char *name, const struct ether_addr *mac,
		     struct error *error)
{
	struct rtnl_link *link = rtnl_link_bridge_alloc();
	struct nl_msg *message = NULL;
	int r;

	if (!link)
		return error_oom(error);
	/* an address that was set stays (net/bridge/br_stp_if.c, br_stp_recalculate_bridge_id) */
	rtnl_link_set_name(link, name);
	r = set_mac(link, mac);
	if (r == 0)
		r = build_add(link, &message);
	rtnl_link_put(link);
	if (r < 0)
		return error_oom(error);
	return rt_request_or(rt, message, error, _("can't create bridge %s"), name);
}

/* ---- changes: one attribute a message ---------------------------------------------------- */

int rt_link_set_up(struct rt *rt, int index, struct error *error)
{
	return rt_request_or(rt, put_up(rt_link_message(RTM_SETLINK, AF_UNSPEC, index)), error,
			     _("can't bring link %d up"), index);
}

int rt_link_set_up_named(struct rt *rt, const char *name, struct error *error)
{
	return rt_request_or(rt, put_up(named_message(RTM_NEWLINK, name)), error,
			     _("can't bring link %s up"), name);
}

int rt_link_set_no_ipv6(struct rt *rt, int index, struct error *error)
{
	int r = rt_request(rt, put_no_ipv6(rt_link_message(RTM_SETLINK, AF_UNSPEC, index)), NULL);

	if (r == -EAFNOSUPPORT) /* a kernel without IPv6 */
		return 0;
	return r < 0 ? error_errno(error, r, _("can't switch IPv6 off on link %d"), index) : 0;
}

static int set_u32(struct rt *rt, int index, int attribute, uint32_t value, struct error *error,
		   const char *what)
{
	struct nl_msg *message = rt_link_message(RTM_SETLINK, AF_UNSPEC, index);

	if (!message || nla_put_u32(message, attribute, value) < 0) {
		nlmsg_free(message);
		return error_oom(error);
	}
	return rt_request_or(rt, message, error, _("can't set the %s of link %d"), what, index);
}

int rt_link_set_master(struct rt *rt, int index, int master, struct error *error)
{
	return set_u32(rt, index, IFLA_MASTER, master, error, "bridge");
}

int rt_link_set_mtu(struct rt *rt, int index, unsigned mtu, struct error *error)
{
	return set_u32(rt, index, IFLA_MTU, mtu, error, "MTU");
}

int rt_link_set_mac(struct rt *rt, int index, const struct ether_addr *mac, struct error *error)
{
	struct nl_msg *message = rt_link_message(RTM_SETLINK, AF_UNSPEC, index);

	if (!message || nla_put(message, IFLA_ADDRESS, ETH_ALEN, mac) < 0) {
		nlmsg_free(message);
		return error_oom(error);
	}
	return rt_request_or(rt, message, error, _("can't set the MAC address of link %d"), index);
}

int rt_link_set_isolated(struct rt *rt, int index, bool isolated, struct error *error)
{
	struct nl_msg *message = rt_link_message(RTM_SETLINK, AF_BRIDGE, index);
	struct nlattr *port =
		message ? nla_nest_start(message, IFLA_PROTINFO | NLA_F_NESTED) : NULL;

	if (!port || nla_put_u8(message, IFLA_BRPORT_ISOLATED, isolated) < 0) {
		nlmsg_free(message);
		return error_oom(error);
	}
	nla_nest_end(message, port);
	return rt_request_or(rt, message, error, _("can't isolate bridge port %d"), index);
}

int rt_link_delete(struct rt *rt, int index, struct error *error)
{
	return rt_request_or(rt, rt_link_message(RTM_DELLINK, AF_UNSPEC, index), error,
			     _("can't delete link %d"), index);
}

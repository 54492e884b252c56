/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of values that are addresses, networks and what is made of them (routes, published ports,
 * endpoints): one parser and formatter each.
 *
 * What one value must be by itself is checked here; what it must be beside others, in validate.c.
 */
#include <arpa/inet.h>
#include <string.h>

#include "schema.h"

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

static int take(char **ret, char *text)
{
	*ret = text;
	return text ? 0 : -ENOMEM;
}

/* The profile around one of its fields, for keys that fill two of them. */
#define PROFILE_OF(field_pointer, field)                                                           \
	((struct profile *)((const char *)(field_pointer)-offsetof(struct profile, field)))

/* ---- addresses ---------------------------------------------------------------------------- */

/* 0/8, 127/8, 224/4 (multicast) and 240/4 are no host's own (RFC 1122 section 3.2.1.3). */
static bool is_host_v4(const struct ip_address *address)
{
	uint8_t first = address->bytes[0];

	return first != 0 && first != 127 && first < 224;
}

static bool is_host_v6(const struct ip_address *address)
{
	return !IN6_IS_ADDR_UNSPECIFIED(&address->v6) && !IN6_IS_ADDR_LOOPBACK(&address->v6) &&
	       !IN6_IS_ADDR_MULTICAST(&address->v6) && !IN6_IS_ADDR_V4MAPPED(&address->v6);
}

static int address_parse(_unused_ const struct schema_key *key, const char *text, void *field,
			 const char **ret_why)
{
	return ip_address_parse(text, field) < 0 ? bad(ret_why, N_("not an address")) : 0;
}

static int address_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	char buffer[IP_TEXT_MAX];

	return take(ret, strdup(ip_address_format(field, buffer)));
}

static int gateway_parse(_unused_ const struct schema_key *key, const char *text, void *field,
			 const char **ret_why)
{
	struct ip_address address = {};

	if (str_equal(text, "auto"))
		return 0;
	if (ip_address_parse(text, &address) < 0)
		return bad(ret_why, N_("not an address"));
	if (address.family != AF_INET)
		return bad(ret_why, N_("not an IPv4 address"));
	if (!is_host_v4(&address))
		return bad(ret_why, N_("not the address of a host"));
	memcpy(field, &address, sizeof(address));
	return 0;
}

static int gateway_format(const struct schema_key *key, const void *field, char **ret)
{
	const struct ip_address *address = field;

	return address->family ? address_format(key, field, ret) : take(ret, strdup("auto"));
}

static void address_clear(void *field)
{
	*(struct ip_address *)field = (struct ip_address){};
}

const struct value_type type_address = {
	.expects = N_("an address, as in 10.8.0.1 or 2001:db8::1"),
	.parse = address_parse,
	.format = address_format,
	.clear = address_clear,
	.size = sizeof(struct ip_address),
};
const struct value_type type_auto_gateway = {
	.expects = N_("auto, or an IPv4 address as in 192.168.57.1"),
	.parse = gateway_parse,
	.format = gateway_format,
	.clear = address_clear,
	.size = sizeof(struct ip_address),
};

/* ---- addresses with a network -------------------------------------------------------------- */

static int auto_address_parse(_unused_ const struct schema_key *key, const char *text, void *field,
			      const char **ret_why)
{
	struct ip_prefix prefix = {};

	if (str_equal(text, "auto"))
		return 0;
	if (ip_prefix_parse(text, &prefix) < 0)
		return bad(ret_why, N_("not an address with the length of its network"));
	if (prefix.address.family == AF_INET6)
		return bad(ret_why, N_("an IPv6 address, which belongs in the key ipv6"));
	if (!strchr(text, '/'))
		return bad(ret_why, N_("without the length of its network"));
	if (prefix.length == 0 || prefix.length == 32)
		return bad(ret_why, N_("a network's length is from 1 to 31"));
	if (!is_host_v4(&prefix.address))
		return bad(ret_why, N_("not the address of a host"));
	memcpy(field, &prefix, sizeof(prefix));
	return 0;
}

static int auto_address_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const struct ip_prefix *prefix = field;
	char buffer[IP_TEXT_MAX];

	return take(ret,
		    strdup(prefix->address.family ? ip_prefix_format(prefix, buffer) : "auto"));
}

static void prefix_clear(void *field)
{
	*(struct ip_prefix *)field = (struct ip_prefix){};
}

const struct value_type type_auto_address = {
	.expects = N_("auto, or an IPv4 address with the length of its network as in "
		      "192.168.57.101/24"),
	.parse = auto_address_parse,
	.format = auto_address_format,
	.clear = prefix_clear,
	.size = sizeof(struct ip_prefix),
};

/* A network: the host bits are zero. */
static int network_parse(const char *text, struct ip_prefix *ret, const char **ret_why)
{
	struct ip_prefix prefix = {}, network;

	if (ip_prefix_parse(text, &prefix) < 0)
		return bad(ret_why, N_("not a network"));
	network = ip_prefix_network(&prefix);
	if (!ip_address_equal(&network.address, &prefix.address))
		return bad(ret_why, N_("host bits are set: it is an address, not a network"));
	*ret = prefix;
	return 0;
}

static int pool_parse(_unused_ const struct schema_key *key, const char *text, void *field,
		      const char **ret_why)
{
	struct ip_prefix prefix = {};
	int r = network_parse(text, &prefix, ret_why);

	if (r < 0)
		return r;
	if (prefix.address.family != AF_INET)
		return bad(ret_why, N_("not an IPv4 network"));
	if (prefix.length < 8 || prefix.length > 30)
		return bad(ret_why, N_("a range's length is from 8 to 30"));
	if (!is_host_v4(&prefix.address))
		return bad(ret_why, N_("not a network of hosts"));
	memcpy(field, &prefix, sizeof(prefix));
	return 0;
}

static int prefix_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	char buffer[IP_TEXT_MAX];

	return take(ret, strdup(ip_prefix_format(field, buffer)));
}

const struct value_type type_pool = {
	.expects = N_("an IPv4 network, as in 10.193.0.0/16"),
	.parse = pool_parse,
	.format = prefix_format,
	.clear = prefix_clear,
	.size = sizeof(struct ip_prefix),
};

/* ---- no | auto | CIDR ---------------------------------------------------------------------- */

static int ipv6_parse(_unused_ const struct schema_key *key, const char *text, void *field,
		      const char **ret_why)
{
	struct profile *profile = PROFILE_OF(field, ipv6_mode);
	struct ip_prefix prefix = {};

	if (str_equal(text, "no") || str_equal(text, "auto")) {
		profile->ipv6_mode = *text == 'n' ? IPV6_NO : IPV6_AUTO;
		return 0;
	}
	if (ip_prefix_parse(text, &prefix) < 0)
		return bad(ret_why, N_("not an address with the length of its network"));
	if (prefix.address.family != AF_INET6)
		return bad(ret_why, N_("an IPv4 address, which belongs in the key address"));
	if (!strchr(text, '/'))
		return bad(ret_why, N_("without the length of its network"));
	if (prefix.length == 0 || prefix.length == 128)
		return bad(ret_why, N_("a network's length is from 1 to 127"));
	if (!is_host_v6(&prefix.address))
		return bad(ret_why, N_("not the address of a host"));
	profile->ipv6_mode = IPV6_FIXED;
	profile->ipv6 = prefix;
	return 0;
}

static int ipv6_format(const struct schema_key *key, const void *field, char **ret)
{
	const struct profile *profile = PROFILE_OF(field, ipv6_mode);

	if (profile->ipv6_mode == IPV6_FIXED)
		return prefix_format(key, &profile->ipv6, ret);
	return take(ret, strdup(profile->ipv6_mode == IPV6_NO ? "no" : "auto"));
}

static void ipv6_clear(void *field)
{
	struct profile *profile = PROFILE_OF(field, ipv6_mode);

	profile->ipv6_mode = IPV6_NO;
	profile->ipv6 = (struct ip_prefix){};
}

const struct value_type type_ipv6 = {
	.expects = N_("no, auto, or an IPv6 address with the length of its network as in "
		      "fd00:57::2/64"),
	.parse = ipv6_parse,
	.format = ipv6_format,
	.clear = ipv6_clear,
};

/* ---- hardware addresses -------------------------------------------------------------------- */

static int mac_parse(_unused_ const struct schema_key *key, const char *text, void *field,
		     const char **ret_why)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	struct profile *profile = PROFILE_OF(field, has_mac);
	struct ether_addr mac;
	uint8_t all = 0;

	if (strlen(text) != 3 * ETH_ALEN - 1)
		return bad(ret_why, N_("not a hardware address"));
	for (size_t i = 0; i < ETH_ALEN; i++) {
		const char *high = strchr(digits, text[3 * i]);
		const char *low = strchr(digits, text[3 * i + 1]);

		if (!high || !low || (i && text[3 * i - 1] != ':'))
			return bad(ret_why, N_("not a hardware address"));
		mac.ether_addr_octet[i] = (high - digits) % 16 * 16 + (low - digits) % 16;
		all |= mac.ether_addr_octet[i];
	}
	if (!all || mac.ether_addr_octet[0] & 1)
		return bad(ret_why, N_("not the hardware address of one interface (unicast)"));
	profile->mac = mac;
	profile->has_mac = true;
	return 0;
}

static int mac_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const struct profile *profile = PROFILE_OF(field, has_mac);
	const uint8_t *octet = profile->mac.ether_addr_octet;

	if (!profile->has_mac)
		return *ret = NULL, 0;
	return take(ret, str_format("%02x:%02x:%02x:%02x:%02x:%02x", octet[0], octet[1], octet[2],
				    octet[3], octet[4], octet[5]));
}

static void mac_clear(void *field)
{
	struct profile *profile = PROFILE_OF(field, has_mac);

	profile->has_mac = false;
	profile->mac = (struct ether_addr){};
}

const struct value_type type_mac = {
	.expects = N_("a unicast hardware address, as in 02:00:00:00:57:01"),
	.parse = mac_parse,
	.format = mac_format,
	.clear = mac_clear,
};

/* ---- CIDR via ADDR ------------------------------------------------------------------------- */

static int route_parse(_unused_ const struct schema_key *key, const char *text, void *field,
		       const char **ret_why)
{
	size_t end = strcspn(text, " \t"), gap = strspn(text + end, " \t");
	_cleanup_free_ char *destination = strndup(text, end);
	const char *via = text + end + gap;
	struct profile_route route = {};

	if (!destination)
		return -ENOMEM;
	if (!str_starts_with(via, "via ") && !str_starts_with(via, "via\t"))
		return bad(ret_why, N_("without \"via\" and an address"));
	via += strlen("via ");
	via += strspn(via, " \t");
	if (network_parse(destination, &route.destination, ret_why) < 0)
		return -EINVAL;
	if (ip_address_parse(via, &route.via) < 0)
		return bad(ret_why, N_("no address behind \"via\""));
	if (route.via.family != route.destination.address.family)
		return bad(ret_why, N_("one of the two is IPv4 and the other IPv6"));
	if (route.via.family == AF_INET ? !is_host_v4(&route.via) : !is_host_v6(&route.via))
		return bad(ret_why, N_("the address behind \"via\" is not that of a host"));
	memcpy(field, &route, sizeof(route));
	return 0;
}

static int route_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const struct profile_route *route = field;
	char destination[IP_TEXT_MAX], via[IP_TEXT_MAX];

	return take(ret, str_format("%s via %s", ip_prefix_format(&route->destination, destination),
				    ip_address_format(&route->via, via)));
}

const struct value_type type_route = {
	.expects = N_("NETWORK via ADDRESS, as in 10.20.0.0/16 via 192.168.57.1"),
	.parse = route_parse,
	.format = route_format,
	.size = sizeof(struct profile_route),
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keys must be beside each other. Each rule blames the one key that has to change, by its
 * FILE:LINE and value; a default is never to blame.
 */
#include <string.h>

#include "schema.h"

#define NAMESERVERS_MAX 3    /* MAXNS in resolv.h: the C library reads no more */
#define IPV6_MTU_MIN    1280 /* RFC 8200 section 5 */

struct check {
	const struct profile *profile;
	struct error *error;
};

static const struct document_value *find(const struct check *check, const char *section,
					 const char *name, size_t index)
{
	return document_value(check->profile->origins->document,
			      schema_find(&profile_schema, section, name), NULL, index);
}

/* "FILE:LINE: in [link], gateway = "10.0.0.9": " and why. */
static int blame(const struct check *check, const struct document_value *value, const char *format,
		 ...) _printf_(3, 4);
static int blame(const struct check *check, const struct document_value *value, const char *format,
		 ...)
{
	_cleanup_free_ char *why = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&why, format, ap) < 0)
		why = NULL;
	va_end(ap);
	if (!why)
		return error_oom(check->error);
	return error_set(check->error, EINVAL, _("%s: in [%s], %s = \"%s\": %s"), value->origin,
			 value->key->section, value->key->name, value->text ? value->text : "",
			 why);
}

/* ---- keys without a meaning beside another ------------------------------------------------- */

struct name {
	const char *section, *key;
};

static const struct name names_link[] = {
	{ "link", "bridge" },  { "link", "interface" }, { "link", "address" },
	{ "link", "gateway" }, { "link", "nat" },       { "link", "ipv6" },
	{ "link", "isolate" }, { "link", "mtu" },       { "link", "mac" },
	{ "link", "publish" }, { "route", "default" },  { "route", "add" },
};
static const struct name names_host[] = { { "link", "type" },
					  { "firewall", "egress" },
					  { "firewall", "tunnel" },
					  { "firewall", "endpoint" } };
static const struct name names_bridge[] = { { "link", "bridge" } };
static const struct name names_gateway[] = { { "link", "gateway" } };
static const struct name names_tunnel[] = { { "firewall", "tunnel" }, { "firewall", "endpoint" } };
static const struct name names_hostname[] = { { "namespace", "hostname" } };
static const struct name names_aaaa[] = {
	{ "aaaa", "hook" },   { "aaaa", "port" },   { "aaaa", "qtype" }, { "aaaa", "only" },
	{ "aaaa", "except" }, { "aaaa", "dnssec" }, { "aaaa", "soa" },   { "aaaa", "queues" },
};

#define NAMES(names) names, ARRAY_SIZE(names)

/* With `section` `key` = `text` none of the names may be set, except to the word `harmless`. */
static const struct senseless {
	const char *section, *key, *text;
	const struct name *names;
	size_t n_names;
	const char *harmless;
} senseless[] = {
	{ "namespace", "network", "host", NAMES(names_host), NULL },
	{ "namespace", "network", "host", NAMES(names_link), NULL },
	{ "link", "type", "none", NAMES(names_link), NULL },
	{ "link", "type", "ptp", NAMES(names_bridge), NULL },
	{ "link", "address", "auto", NAMES(names_gateway), "auto" },
	{ "firewall", "egress", "any", NAMES(names_tunnel), NULL },
	{ "firewall", "egress", "none", NAMES(names_tunnel), NULL },
	{ "namespace", "uts", "no", NAMES(names_hostname), NULL },
	{ "aaaa", "run", "no", NAMES(names_aaaa), NULL },
};

static bool holds(const struct senseless *rule, const struct schema_key *key,
		  const struct document_value *because)
{
	return str_equal(because && because->text ? because->text : key->fallback, rule->text);
}

/* The first value of the index-th key of the rule, where the rule is against it. */
static const struct document_value *senseless_value(const struct document *document,
						    const struct senseless *rule, size_t index)
{
	const struct schema_key *key =
		schema_find(&profile_schema, rule->names[index].section, rule->names[index].key);
	const struct document_value *value = document_value(document, key, NULL, 0);

	if (!value || !value->text || (rule->harmless && str_equal(value->text, rule->harmless)))
		return NULL;
	return value;
}

/* What a file says of the type of its link is stronger than what it inherits for another type. A
 * default is the weakest of all, and takes nothing back. */
void profile_drop_senseless(struct document *document)
{
	const struct senseless *rule;

	ARRAY_FOREACH(rule, senseless) {
		const struct schema_key *key =
			schema_find(&profile_schema, rule->section, rule->key);
		const struct document_value *because = document_value(document, key, NULL, 0);
		unsigned distance = because ? because->distance : 0;

		if (!because || !holds(rule, key, because))
			continue;
		for (size_t i = 0; i < rule->n_names; i++) {
			const struct document_value *value = senseless_value(document, rule, i);

			if (value && value->distance > distance)
				document_drop(document, value->key);
		}
	}
}

static int check_senseless(const struct check *check)
{
	const struct document *document = check->profile->origins->document;
	const struct senseless *rule;

	ARRAY_FOREACH(rule, senseless) {
		const struct schema_key *key =
			schema_find(&profile_schema, rule->section, rule->key);
		const struct document_value *because = document_value(document, key, NULL, 0);

		if (!holds(rule, key, because))
			continue;
		for (size_t i = 0; i < rule->n_names; i++) {
			const struct document_value *value = senseless_value(document, rule, i);

			if (!value)
				continue;
			blame(check, value, _("has no meaning with %s = %s (%s)"), rule->key,
			      rule->text, because ? because->origin : _("the default"));
			error_hint(check->error, _("remove %s, or change %s"), value->key->name,
				   rule->key);
			return -EINVAL;
		}
	}
	return 0;
}

/* ---- addresses ------------------------------------------------------------------------------ */

static bool is_edge(const struct ip_prefix *prefix, const struct ip_address *address)
{
	struct ip_address network = ip_prefix_network(prefix).address;
	struct ip_address broadcast = ip_prefix_broadcast(prefix);

	/* both addresses of a /31 are hosts (RFC 3021) */
	return prefix->length < 31 &&
	       (ip_address_equal(&network, address) || ip_address_equal(&broadcast, address));
}

static int check_address(const struct check *check)
{
	const struct ip_prefix *address = &check->profile->address;
	char buffer[IP_TEXT_MAX];
	struct ip_prefix network;

	if (!address->address.family || !is_edge(address, &address->address))
		return 0;
	network = ip_prefix_network(address);
	return blame(check, find(check, "link", "address", 0),
		     _("is the network or broadcast address of %s, not that of a host"),
		     ip_prefix_format(&network, buffer));
}

static int check_gateway(const struct check *check)
{
	const struct document_value *address = find(check, "link", "address", 0);
	const struct document_value *value = find(check, "link", "gateway", 0);
	const struct ip_prefix *prefix = &check->profile->address;
	const struct ip_address *gateway = &check->profile->gateway;
	struct ip_prefix network;
	char buffer[IP_TEXT_MAX];

	if (!gateway->family || !prefix->address.family)
		return 0;
	network = ip_prefix_network(prefix);
	ip_prefix_format(&network, buffer);
	if (!ip_prefix_contains(prefix, gateway)) {
		blame(check, value, _("is outside of %s, the network of address (%s)"), buffer,
		      address->origin);
		error_hint(check->error, _("allowed: auto, or an address inside %s"), buffer);
		return -EINVAL;
	}
	if (ip_address_equal(gateway, &prefix->address))
		return blame(check, value, _("is the profile's own address (%s)"), address->origin);
	if (is_edge(prefix, gateway))
		return blame(check, value,
			     _("is the network or broadcast address of %s, not that of a host"),
			     buffer);
	return 0;
}

static int check_mtu(const struct check *check)
{
	const struct profile *profile = check->profile;

	if (!profile->mtu || profile->mtu >= IPV6_MTU_MIN || profile->ipv6_mode == IPV6_NO)
		return 0;
	return blame(check, find(check, "link", "mtu", 0), _("IPv6 needs %d at least"),
		     IPV6_MTU_MIN);
}

/* ---- routes --------------------------------------------------------------------------------- */

static int check_route(const struct check *check, size_t index)
{
	const struct document_value *value = find(check, "route", "add", index);
	const struct profile *profile = check->profile;
	const struct profile_route *route = &profile->routes[index];
	const struct ip_prefix *own =
		route->via.family == AF_INET ? &profile->address : &profile->ipv6;

	if (route->via.family == AF_INET6 && profile->ipv6_mode == IPV6_NO)
		return blame(check, value, "%s", _("is IPv6, and [link] has ipv6 = no"));
	if (route->destination.length == 0 && profile->route_default) {
		blame(check, value, "%s", _("is a second default route"));
		error_hint(check->error, "%s", _("add default = no to [route]"));
		return -EINVAL;
	}
	/* link-local neighbours are on every link */
	if (own->address.family && !ip_prefix_contains(own, &route->via) &&
	    !(route->via.family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&route->via.v6)))
		return blame(
			check, value,
			_("the address behind \"via\" is outside of the network of %s (%s)"),
			route->via.family == AF_INET ? "address" : "ipv6",
			find(check, "link", route->via.family == AF_INET ? "address" : "ipv6", 0)
				->origin);
	for (size_t i = 0; i < index; i++) {
		const struct ip_prefix *other = &profile->routes[i].destination;

		if (other->length == route->destination.length &&
		    ip_address_equal(&other->address, &route->destination.address))
			return blame(check, value,
				     _("a route to this network stands in %s already"),
				     find(check, "route", "add", i)->origin);
	}
	return 0;
}

static int check_routes(const struct check *check)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < check->profile->n_routes; i++)
		r = check_route(check, i);
	return r;
}

/* ---- ports, DNS, mounts, firewall, services ------------------------------------------------- */

static int check_publish(const struct check *check)
{
	const struct profile *profile = check->profile;

	for (size_t i = 0; i < profile->n_publish; i++)
		for (size_t j = 0; j < i; j++) {
			const struct publish *a = &profile->publish[i], *b = &profile->publish[j];

			if (a->outer != b->outer || a->protocol != b->protocol ||
			    !ip_address_equal(&a->address, &b->address))
				continue;
			return blame(check, find(check, "link", "publish", i),
				     _("the outer port is published in %s already"),
				     find(check, "link", "publish", j)->origin);
		}
	return 0;
}

static int check_dns(const struct check *check)
{
	const struct profile *profile = check->profile;

	if (profile->n_nameservers > NAMESERVERS_MAX)
		return blame(check, find(check, "dns", "nameserver", NAMESERVERS_MAX),
			     _("programs ask the first %d servers only, this is one more"),
			     NAMESERVERS_MAX);
	if (profile->enforce && !profile->n_nameservers)
		return blame(check, find(check, "dns", "enforce", 0), "%s",
			     _("there is no nameserver in [dns] to enforce"));
	return 0;
}

/* Behind slashes and "." components, which mean nothing in a path. */
static const char *path_next(const char *path)
{
	while (path[0] == '/' || (path[0] == '.' && (path[1] == '/' || path[1] == '\0')))
		path++;
	return path;
}

static bool same_path(const char *a, const char *b)
{
	for (;;) {
		size_t length;

		a = path_next(a);
		b = path_next(b);
		length = strcspn(a, "/");
		if (length != strcspn(b, "/") || strncmp(a, b, length) != 0)
			return false;
		if (length == 0)
			return true;
		a += length;
		b += length;
	}
}

/* The index-th target: first those of bind, then those of tmpfs. */
static const char *mount_target(const struct profile *profile, size_t index)
{
	return index < profile->n_binds ? profile->binds[index].target
					: profile->tmpfs[index - profile->n_binds];
}

static const struct document_value *mount_value(const struct check *check, size_t index)
{
	size_t n_binds = check->profile->n_binds;

	return index < n_binds ? find(check, "mount", "bind", index)
			       : find(check, "mount", "tmpfs", index - n_binds);
}

static int check_mounts(const struct check *check)
{
	const struct profile *profile = check->profile;
	size_t n = profile->n_binds + strv_length(profile->tmpfs);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (same_path(mount_target(profile, i), mount_target(profile, j)))
				return blame(check, mount_value(check, i),
					     _("%s has something mounted on it by %s already"),
					     mount_target(profile, i),
					     mount_value(check, j)->origin);
	return 0;
}

static int check_egress(const struct check *check)
{
	if (check->profile->egress != EGRESS_TUNNEL || check->profile->n_endpoints)
		return 0;
	blame(check, find(check, "firewall", "egress", 0), "%s",
	      _("needs the key endpoint: where the tunnel goes to"));
	error_hint(check->error, "%s", _("add as in: endpoint = vpn.example.org:1194/udp"));
	return -EINVAL;
}

static int check_aaaa(const struct check *check)
{
	const struct profile *profile = check->profile;

	if (profile->aaaa_run == AAAA_OUTSIDE && profile->aaaa_hook == AAAA_HOOK_OUTPUT &&
	    profile->network == NETWORK_NEW) {
		blame(check, find(check, "aaaa", "run", 0), "%s",
		      _("with hook = output would answer the host's programs, not the profile's"));
		error_hint(check->error, "%s",
			   _("add hook = forward, for queries that the profile sends; or for the "
			     "whole host network = host"));
		return -EINVAL;
	}
	if (profile->aaaa_run != AAAA_INSIDE || profile->network == NETWORK_NEW)
		return 0;
	return blame(check, find(check, "aaaa", "run", 0), "%s",
		     _("has no inside with network = host"));
}

static int check_services(const struct check *check)
{
	const struct document *document = check->profile->origins->document;
	const struct profile *profile = check->profile;

	for (size_t i = 0; i < document->n_sections; i++) {
		const struct document_section *section = &document->sections[i];

		for (size_t j = 0; section->instance && j < profile->n_services; j++)
			if (str_equal(profile->services[j].name, section->instance) &&
			    !profile->services[j].command)
				return error_set(check->error, EINVAL,
						 _("%s: [service %s] has no command"),
						 section->origin, section->instance);
	}
	return 0;
}

int profile_validate(const struct profile *profile, struct error *error)
{
	static int (*const rules[])(const struct check *) = {
		check_senseless, check_address, check_gateway,  check_mtu,
		check_routes,    check_publish, check_dns,      check_mounts,
		check_egress,    check_aaaa,    check_services,
	};
	int (*const *rule)(const struct check *);
	int result = 0;

	ARRAY_FOREACH(rule, rules) {
		_cleanup_error_ struct error local = {};
		const struct check check = { profile, &local };
		int r = (*rule)(&check);

		error_add(error, &local);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			result = r;
	}
	return result;
}

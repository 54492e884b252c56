/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "address_plan.h"

#include <errno.h>
#include <string.h>

#include "allocate.h"

#define BRIDGE_SUBNET_LENGTH 24
#define PAIR_SUBNET_LENGTH   30

/* ---- what the host uses ------------------------------------------------------------------- */

struct prefixes {
	struct ip_prefix *items;
	size_t count;
};

static int prefixes_add(struct prefixes *list, const struct ip_prefix *prefix)
{
	struct ip_prefix *grown = array_grow(list->items, list->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->items = grown;
	grown[list->count++] = *prefix;
	return 0;
}

static void prefixes_clear(struct prefixes *list)
{
	free(list->items);
}

struct route_search {
	int own_index;                   /* routes through this link are the profile's own */
	struct prefixes *all;            /* collects, or NULL */
	const struct ip_prefix *network; /* finds what overlaps this, or NULL */
	struct rt_route_info found;
};

static int on_route(const struct rt_route_info *route, void *userdata)
{
	struct route_search *search = userdata;

	if (!route_takes_network(&route->destination) ||
	    (search->own_index && route->index == search->own_index))
		return 0;
	if (search->all)
		return prefixes_add(search->all, &route->destination);
	if (!ip_prefix_overlaps(&route->destination, search->network))
		return 0;
	search->found = *route;
	return -EADDRINUSE;
}

static int index_of(const struct step_context *context, const char *name)
{
	struct rt_link_info info;

	return name[0] && rt_link_by_name(context->host->rt, name, &info) == 0 ? info.index : 0;
}

static int refuse_used(const struct step_context *context, const struct ip_prefix *network,
		       const struct rt_route_info *route, struct error *error)
{
	char wish[IP_TEXT_MAX], text[IP_TEXT_MAX];
	struct ip_prefix subnet = ip_prefix_network(network);
	struct rt_link_info link;
	bool has_link = rt_link_by_index(context->host->rt, route->index, &link) == 0;

	error_set(error, EADDRINUSE,
		  _("subnet %s is in use on the host (route to %s%s%s in table %u)"),
		  ip_prefix_format(&subnet, wish), ip_prefix_format(&route->destination, text),
		  has_link ? _(" through ") : "", has_link ? link.name : "", route->table);
	error_hint(error, _("choose another [link] address in %s, or \"auto\""),
		   context->profile->path);
	return -EADDRINUSE;
}

/* The host's address on an existing bridge in the profile's subnet. */
struct address_search {
	const struct ip_prefix *subnet;
	const struct ip_address *wanted; /* this one, or NULL: any in the subnet */
	struct ip_address found;
};

static int on_address(const struct rt_address_info *info, void *userdata)
{
	struct address_search *search = userdata;

	if (!ip_prefix_contains(search->subnet, &info->address.address) ||
	    (search->wanted && !ip_address_equal(search->wanted, &info->address.address)))
		return 0;
	search->found = info->address.address;
	return 1; /* not an error: the walk goes on, the last one wins */
}

/* ---- the plan ----------------------------------------------------------------------------- */

static int plan_auto(struct step_context *context, int own_index, struct error *error)
{
	const struct host *host = context->host;
	struct instance *instance = context->instance;
	bool bridge = context->profile->link_type == LINK_BRIDGE;
	_cleanup_(prefixes_clear) struct prefixes taken = {}, subnets = {};
	_cleanup_free_ struct ip_address *addresses = NULL;
	struct allocation_request request = {
		.pool = host->settings->pool,
		.n_pool = host->settings->n_pool,
		.subnet_length = bridge ? BRIDGE_SUBNET_LENGTH : PAIR_SUBNET_LENGTH,
	};
	struct route_search search = { .own_index = own_index, .all = &taken };
	struct allocation allocation = {};
	size_t count = 0;
	int r = 0;

	for (const struct instance *other = host->instances; other; other = other->next)
		count++;
	addresses = calloc(count + 1, sizeof(*addresses));
	if (!addresses)
		return error_oom(error);
	for (const struct instance *other = host->instances; r == 0 && bridge && other;
	     other = other->next) {
		bool known = false;

		if (other == instance || strcmp(other->bridge, instance->bridge) != 0 ||
		    !other->address.address.family)
			continue;
		addresses[request.n_addresses++] = other->address.address;
		for (size_t i = 0; i < subnets.count; i++)
			known |=
				ip_prefix_contains(&subnets.items[i], &other->host_address.address);
		if (!known && other->host_address.address.family)
			r = prefixes_add(&subnets, &other->host_address);
	}
	request.addresses = addresses;
	request.subnets = subnets.items;
	request.n_subnets = subnets.count;
	/* most profiles find room on their bridge: only who needs a new subnet looks at all routes
	 */
	if (r == 0 &&
	    allocate_address(&(struct allocation_request){ .subnets = request.subnets,
							   .n_subnets = request.n_subnets,
							   .addresses = request.addresses,
							   .n_addresses = request.n_addresses },
			     &allocation) < 0) {
		r = rt_route_each(host->rt, on_route, &search);
		request.taken = taken.items;
		request.n_taken = taken.count;
		if (r == 0)
			r = allocate_address(&request, &allocation);
	}
	if (r == -EADDRNOTAVAIL) {
		error_set(error, r, "%s", _("no subnet of the pool is free"));
		error_hint(error, "%s", _("add a range to `pool` in nsctld.ini"));
		return r;
	}
	if (r < 0)
		return error_errno(error, r, "%s", _("can't choose an address"));
	instance->address = allocation.address;
	instance->host_address = allocation.host;
	instance->gateway = allocation.host.address;
	return 0;
}

static int refuse_duplicate(const struct step_context *context, struct error *error)
{
	char text[IP_TEXT_MAX];

	for (const struct instance *other = context->host->instances; other; other = other->next) {
		if (other == context->instance ||
		    strcmp(other->bridge, context->instance->bridge) != 0 ||
		    !other->address.address.family ||
		    !ip_address_equal(&other->address.address, &context->profile->address.address))
			continue;
		return error_set(error, EADDRINUSE, _("address %s is profile %s's"),
				 ip_address_format(&other->address.address, text), other->name);
	}
	return 0;
}

/* On a bridge or pair that nsctl made, the host is the gateway and takes an address in the subnet.
 */
static int plan_fixed_own(struct step_context *context, int own_index, struct error *error)
{
	const struct profile *profile = context->profile;
	struct instance *instance = context->instance;
	struct route_search search = { .own_index = own_index, .network = &profile->address };
	struct ip_address gateway = profile->gateway;
	int r = rt_route_each(context->host->rt, on_route, &search);

	if (r == -EADDRINUSE)
		return refuse_used(context, &profile->address, &search.found, error);
	if (r < 0)
		return error_errno(error, r, "%s", _("can't read the host's routes"));
	if (!gateway.family) {
		gateway = ip_prefix_nth(&profile->address, 1);
		/* of the two of a /31 it is the other one */
		if (ip_address_equal(&gateway, &profile->address.address))
			gateway = ip_prefix_nth(&profile->address,
						profile->address.length == 31 ? 0 : 2);
	}
	instance->gateway = instance->host_address.address = gateway;
	instance->host_address.length = profile->address.length;
	return 0;
}

/* On a bridge that was there before, addresses are its network's to give. */
static int plan_existing(struct step_context *context, int bridge_index, struct error *error)
{
	const struct profile *profile = context->profile;
	struct instance *instance = context->instance;
	struct address_search search = {
		.subnet = &profile->address,
		.wanted = profile->gateway.family ? &profile->gateway : NULL,
	};
	char text[IP_TEXT_MAX];
	int r;

	if (!profile->address.address.family) {
		error_set(
			error, EINVAL,
			_("bridge %s was not made by nsctl, so its addresses are not nsctl's to give"),
			profile->bridge);
		error_hint(error, _("set [link] address (and gateway) in %s"), profile->path);
		return -EINVAL;
	}
	r = rt_address_each(context->host->rt, bridge_index, on_address, &search);
	if (r < 0)
		return error_errno(error, r, _("can't read the addresses of %s"), profile->bridge);
	instance->host_address = (struct ip_prefix){};
	instance->gateway = profile->gateway.family ? profile->gateway : search.found;
	instance->routed = search.found.family != 0;
	if (!instance->gateway.family && profile->route_default) {
		error_set(
			error, EINVAL,
			_("bridge %s has no address in the subnet of %s that could be the gateway"),
			profile->bridge, ip_prefix_format(&profile->address, text));
		error_hint(error, _("set [link] gateway in %s, or [route] default = no"),
			   profile->path);
		return -EINVAL;
	}
	return 0;
}

int address_plan(struct step_context *context, bool own, struct error *error)
{
	const struct profile *profile = context->profile;
	struct instance *instance = context->instance;
	int index = index_of(context, instance_gateway_interface(instance));
	bool fixed = profile->address.address.family;
	int r;

	if (instance->address.address.family && !fixed && own)
		return 0;
	if (fixed) {
		r = refuse_duplicate(context, error);
		if (r < 0)
			return r;
	}
	if (!own)
		r = plan_existing(context, index, error);
	else
		r = fixed ? plan_fixed_own(context, index, error)
			  : plan_auto(context, index, error);
	if (r < 0)
		return r;
	if (fixed)
		instance->address = profile->address;
	if (own)
		instance->routed = true;
	return 0;
}

int address_conflict(const struct step_context *context, int own_index, struct rt_route_info *ret)
{
	struct route_search search = { .own_index = own_index,
				       .network = &context->instance->host_address };
	int r = rt_route_each(context->host->rt, on_route, &search);

	if (r != -EADDRINUSE)
		return r < 0 ? r : 0;
	*ret = search.found;
	return 1;
}

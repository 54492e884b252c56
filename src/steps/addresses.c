/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addresses: the profile's address and routes, and the host's address on a bridge or pair that
 * nsctl made, which is then the gateway. `auto` takes a free address of a subnet that is on the
 * bridge already, or a new subnet of the pool that collides with no route in any table of the host.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "allocate.h"
#include "step.h"

#define BRIDGE_SUBNET_LENGTH 24
#define PAIR_SUBNET_LENGTH   30

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW && profile->link_type != LINK_NONE;
}

/* ---- what the host uses ------------------------------------------------------------------- */

struct prefixes {
	struct ip_prefix *items;
	size_t count;
};

static int prefixes_add(struct prefixes *list, const struct ip_prefix *prefix)
{
	struct ip_prefix *grown = reallocarray(list->items, list->count + 1, sizeof(*grown));

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
	struct allocation allocation;
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
	char text[IP_TEXT_MAX];
	int r = rt_route_each(context->host->rt, on_route, &search);

	if (r == -EADDRINUSE)
		return refuse_used(context, &profile->address, &search.found, error);
	if (r < 0)
		return error_errno(error, r, "%s", _("can't read the host's routes"));
	if (!gateway.family) {
		gateway = ip_prefix_nth(&profile->address, 1);
		if (ip_address_equal(&gateway, &profile->address.address))
			gateway = ip_prefix_nth(&profile->address, 2);
		if (!ip_prefix_contains(&profile->address, &gateway)) {
			error_set(error, EINVAL, _("subnet %s has no room for the host's address"),
				  ip_prefix_format(&profile->address, text));
			error_hint(error, "%s", _("use a prefix of /30 or shorter"));
			return -EINVAL;
		}
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

/* Fills the instance's addresses unless they fit the profile already. */
static int plan(struct step_context *context, bool own, struct error *error)
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

static bool is_own(const struct step_context *context)
{
	return context->profile->link_type == LINK_PTP ||
	       host_bridge_find(context->host, context->profile->bridge);
}

/* ---- the step ----------------------------------------------------------------------------- */

struct presence {
	const struct ip_prefix *address;
	bool found;
};

static int on_present(const struct rt_address_info *info, void *userdata)
{
	struct presence *presence = userdata;

	presence->found |= info->address.length == presence->address->length &&
			   ip_address_equal(&info->address.address, &presence->address->address);
	return 0;
}

static bool has_address(struct rt *rt, int index, const struct ip_prefix *address)
{
	struct presence presence = { .address = address };

	return rt_address_each(rt, index, on_present, &presence) == 0 && presence.found;
}

struct route_presence {
	struct ip_prefix destination;
	const struct ip_address *via;
	bool found;
};

static int on_present_route(const struct rt_route_info *route, void *userdata)
{
	struct route_presence *presence = userdata;

	presence->found |=
		route->table == RT_TABLE_MAIN &&
		route->destination.length == presence->destination.length &&
		(!route->destination.length ||
		 ip_address_equal(&route->destination.address, &presence->destination.address)) &&
		ip_address_equal(&route->gateway, presence->via);
	return 0;
}

static bool has_route(struct rt *rt, const struct ip_prefix *destination,
		      const struct ip_address *via)
{
	struct route_presence presence = { .destination = ip_prefix_network(destination),
					   .via = via };

	return rt_route_each(rt, on_present_route, &presence) == 0 && presence.found;
}

static const struct ip_prefix default_route = { .address = { .family = AF_INET } };

/* Calls fn for the default route and each of [route] add; stops at a negative return, sums up the
 * others. */
static int each_route(struct step_context *context,
		      int (*fn)(void *userdata, const struct ip_prefix *destination,
				const struct ip_address *via),
		      void *userdata)
{
	const struct profile *profile = context->profile;
	int r, sum = 0;

	if (profile->route_default && context->instance->gateway.family) {
		r = fn(userdata, &default_route, &context->instance->gateway);
		if (r < 0)
			return r;
		sum += r;
	}
	for (size_t i = 0; i < profile->n_routes; i++) {
		if (profile->routes[i].destination.address.family != AF_INET)
			continue;
		r = fn(userdata, &profile->routes[i].destination, &profile->routes[i].via);
		if (r < 0)
			return r;
		sum += r;
	}
	return sum;
}

struct adding {
	struct rt *rt;
	struct rt_batch *batch;
	int index;
	bool fresh; /* nothing can be there yet */
};

static int add_route(void *userdata, const struct ip_prefix *destination,
		     const struct ip_address *via)
{
	struct adding *adding = userdata;

	if (!adding->fresh && has_route(adding->rt, destination, via))
		return 0;
	rt_batch_route_add(adding->batch, destination, via, adding->index);
	return 1;
}

/* What is missing inside goes in one batch: how much that was. */
static int settle_inside(struct step_context *context, struct adding *adding, struct error *error)
{
	const struct ip_prefix *address = &context->instance->address;
	int count = 0, r;

	adding->batch = rt_batch_begin(adding->rt);
	if (adding->fresh || !has_address(adding->rt, adding->index, address)) {
		rt_batch_address_add(adding->batch, adding->index, address);
		count++;
	}
	count += each_route(context, add_route, adding);
	r = rt_batch_send(adding->batch, error);
	return r < 0 ? r : count;
}

/* Is another profile in the subnet of the host's address? */
static bool host_address_shared(const struct host *host, const struct instance *instance)
{
	for (const struct instance *other = host->instances; other; other = other->next)
		if (other != instance && other->bridge[0] &&
		    strcmp(other->bridge, instance->bridge) == 0 &&
		    ip_address_equal(&other->host_address.address, &instance->host_address.address))
			return true;
	return false;
}

/* The gateway's address, on the bridge or the host's end; 1 when it was missing. */
static int settle_host(struct step_context *context, bool fresh, struct error *error)
{
	const struct instance *instance = context->instance;
	struct rt *rt = context->host->rt;
	struct rt_link_info outer;
	int r;

	if (!instance->host_address.address.family ||
	    (fresh && host_address_shared(context->host, instance)))
		return 0;
	r = rt_link_by_name(rt, instance_gateway_interface(instance), &outer);
	if (r < 0)
		return error_errno(error, r, _("can't find link %s"),
				   instance_gateway_interface(instance));
	if (has_address(rt, outer.index, &instance->host_address))
		return 0;
	r = rt_address_add(rt, outer.index, &instance->host_address, error);
	return r < 0 ? r : 1;
}

/* An address that the profile had and has no more. */
static int drop_old(struct step_context *context, struct rt *inside, int index,
		    const struct ip_prefix *old, struct error *error)
{
	const struct ip_prefix *now = &context->instance->address;

	if (!old->address.family ||
	    (old->length == now->length && ip_address_equal(&old->address, &now->address)))
		return 0;
	return rt_address_delete(inside, index, old, error);
}

static int up(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	struct ip_prefix old = instance->address;
	struct adding adding = { .fresh = !old.address.family };
	struct rt_link_info inner;
	int r, changed;

	r = plan(context, is_own(context), error);
	if (r == 0)
		r = instance_rt(instance, &adding.rt, error);
	if (r < 0)
		return r;
	r = rt_link_by_name(adding.rt, instance->interface, &inner);
	if (r < 0)
		return error_errno(error, r, _("can't find link %s inside"), instance->interface);
	adding.index = inner.index;
	changed = settle_host(context, adding.fresh, error);
	if (changed < 0)
		return changed;
	r = drop_old(context, adding.rt, inner.index, &old, error);
	if (r == 0)
		r = settle_inside(context, &adding, error);
	return r < 0 ? r : changed + r;
}

/* What is inside goes with the namespace; the host's address on a shared bridge goes with its
 * subnet's last profile. */
static int down(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	struct rt_link_info bridge;
	int r = 0;

	if (!instance->address.address.family)
		return 0;
	if (instance->bridge[0] && instance->host_address.address.family &&
	    host_bridge_find(context->host, instance->bridge) &&
	    host_bridge_shared(context->host, instance) &&
	    !host_address_shared(context->host, instance) &&
	    rt_link_by_name(context->host->rt, instance->bridge, &bridge) == 0)
		r = rt_address_delete(context->host->rt, bridge.index, &instance->host_address,
				      error);
	if (r < 0)
		return r;
	instance->address = instance->host_address = (struct ip_prefix){};
	instance->gateway = (struct ip_address){};
	instance->routed = false;
	return 1;
}

struct route_checking {
	struct rt *rt;
	struct drift *drift;
};

static int check_route(void *userdata, const struct ip_prefix *destination,
		       const struct ip_address *via)
{
	struct route_checking *checking = userdata;
	char text[IP_TEXT_MAX], gateway[IP_TEXT_MAX];
	struct ip_prefix network = ip_prefix_network(destination);

	if (has_route(checking->rt, destination, via))
		return 0;
	return drift_add(checking->drift, "addresses", _("the route %s via %s is missing inside"),
			 network.length ? ip_prefix_format(&network, text) : "default",
			 ip_address_format(via, gateway));
}

static int check(struct step_context *context, struct drift *drift)
{
	struct instance *instance = context->instance;
	const struct ip_prefix *fixed = &context->profile->address;
	struct route_checking routes = { .drift = drift };
	struct rt_link_info inner, outer;
	char text[IP_TEXT_MAX], wish[IP_TEXT_MAX];

	if (!instance->address.address.family || instance_rt(instance, &routes.rt, NULL) < 0 ||
	    rt_link_by_name(routes.rt, instance->interface, &inner) < 0)
		return 0; /* the link step says so */
	if (fixed->address.family &&
	    (fixed->length != instance->address.length ||
	     !ip_address_equal(&fixed->address, &instance->address.address)))
		drift_add(drift, "addresses", _("the address is %s, the profile says %s"),
			  ip_prefix_format(&instance->address, text),
			  ip_prefix_format(fixed, wish));
	else if (!has_address(routes.rt, inner.index, &instance->address))
		drift_add(drift, "addresses", _("%s is missing inside"),
			  ip_prefix_format(&instance->address, text));
	if (instance->host_address.address.family &&
	    rt_link_by_name(context->host->rt, instance_gateway_interface(instance), &outer) == 0 &&
	    !has_address(context->host->rt, outer.index, &instance->host_address))
		drift_add(drift, "addresses", _("%s is missing on %s"),
			  ip_prefix_format(&instance->host_address, text), outer.name);
	return each_route(context, check_route, &routes);
}

struct route_explaining {
	FILE *out;
	const char *name, *interface;
};

static int explain_route(void *userdata, const struct ip_prefix *destination,
			 const struct ip_address *via)
{
	struct route_explaining *explaining = userdata;
	char text[IP_TEXT_MAX], gateway[IP_TEXT_MAX];
	struct ip_prefix network = ip_prefix_network(destination);

	fprintf(explaining->out, "ip -n %s route add %s via %s dev %s proto static\n",
		explaining->name, network.length ? ip_prefix_format(&network, text) : "default",
		ip_address_format(via, gateway), explaining->interface);
	return 0;
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	struct instance *instance = context->instance;
	const struct profile *profile = context->profile;
	struct route_explaining routes = { .out = out,
					   .name = instance->name,
					   .interface = profile->interface };
	char text[IP_TEXT_MAX];
	/* a bridge that is not there would be made by nsctl */
	bool own = is_own(context) || index_of(context, profile->bridge) == 0;
	int r = plan(context, own, error);

	if (r < 0)
		return r;
	fprintf(out, "# addresses\n");
	if (instance->host_address.address.family)
		fprintf(out, "ip addr replace %s brd + dev %s\n",
			ip_prefix_format(&instance->host_address, text),
			instance_gateway_interface(instance));
	fprintf(out, "ip -n %s addr add %s brd + dev %s\n", instance->name,
		ip_prefix_format(&instance->address, text), profile->interface);
	r = each_route(context, explain_route, &routes);
	fputc('\n', out);
	return r;
}

const struct step step_addresses = {
	.name = "addresses",
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};

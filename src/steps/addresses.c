/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addresses: the profile's address and routes, and the host's address on a bridge or pair that
 * nsctl made, which is then the gateway. `auto` takes a free address of a subnet that is on the
 * bridge already, or a new subnet of the pool that collides with no route in any table of the host.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "address_plan.h"
#include "step.h"

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW && profile->link_type != LINK_NONE;
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

/* 1, 0 or a negative errno. */
static int has_address(struct rt *rt, int index, const struct ip_prefix *address)
{
	struct presence presence = { .address = address };
	int r = rt_address_each(rt, index, on_present, &presence);

	return r < 0 ? r : presence.found;
}

struct route_presence {
	struct ip_prefix destination;
	const struct ip_address *via;
	bool found, other; /* through that gateway, another way */
	int code;          /* it could not be looked for */
};

static int on_present_route(const struct rt_route_info *route, void *userdata)
{
	struct route_presence *presence = userdata;

	if (route->table != RT_TABLE_MAIN ||
	    route->destination.length != presence->destination.length ||
	    (route->destination.length &&
	     !ip_address_equal(&route->destination.address, &presence->destination.address)))
		return 0;
	if (ip_address_equal(&route->gateway, presence->via))
		presence->found = true;
	else
		presence->other = true;
	return 0;
}

static struct route_presence look_for_route(struct rt *rt, const struct ip_prefix *destination,
					    const struct ip_address *via)
{
	struct route_presence presence = { .destination = ip_prefix_network(destination),
					   .via = via };

	presence.code = rt_route_each(rt, on_present_route, &presence);
	return presence;
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
	struct route_presence presence = {};

	if (!adding->fresh)
		presence = look_for_route(adding->rt, destination, via);
	if (presence.code < 0)
		return presence.code;
	/* a VPN inside has put its own in the place of ours */
	if (presence.found || presence.other)
		return 0;
	rt_batch_route_add(adding->batch, destination, via, adding->index);
	return 1;
}

/* What is missing inside goes in one batch: how much that was. */
static int settle_inside(struct step_context *context, struct adding *adding, struct error *error)
{
	const struct ip_prefix *address = &context->instance->address;
	int has = adding->fresh ? 0 : has_address(adding->rt, adding->index, address), added, r;

	if (has < 0)
		return error_errno(error, has, "%s", _("can't look at the addresses inside"));
	adding->batch = rt_batch_begin(adding->rt);
	if (!has)
		rt_batch_address_add(adding->batch, adding->index, address);
	added = each_route(context, add_route, adding);
	if (added < 0) {
		rt_batch_discard(adding->batch);
		return error_errno(error, added, "%s", _("can't look at the routes inside"));
	}
	r = rt_batch_send(adding->batch, error);
	return r < 0 ? r : added + !has;
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
	if (has_address(rt, outer.index, &instance->host_address) > 0)
		return 0;
	r = rt_address_add(rt, outer.index, &instance->host_address, error);
	return r < 0 ? r : 1;
}

static int settle(struct step_context *context, bool fresh, struct error *error)
{
	struct instance *instance = context->instance;
	struct adding adding = { .fresh = fresh };
	struct rt_link_info inner;
	int r, changed;

	r = address_plan(context, is_own(context), error);
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
	r = settle_inside(context, &adding, error);
	return r < 0 ? r : changed + r;
}

static int down(struct step_context *context, struct error *error);

/* Where nothing was, nothing stays of a failure: a plan that was not carried out would be kept, and
 * another bridge would get its address. */
static int up(struct step_context *context, struct error *error)
{
	bool fresh = !context->instance->address.address.family;
	int r = settle(context, fresh, error);

	if (r < 0 && fresh)
		down(context, NULL);
	if (r <= 0)
		return r;
	return fresh ? STEP_MADE : STEP_MENDED;
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
	    (context->profile || host_bridge_shared(context->host, instance)) &&
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
	struct route_presence presence;
	char text[IP_TEXT_MAX], gateway[IP_TEXT_MAX];
	struct ip_prefix network = ip_prefix_network(destination);

	presence = look_for_route(checking->rt, destination, via);
	if (presence.code < 0 || presence.found)
		return presence.code;
	return drift_add(checking->drift, "addresses", _("the route %s via %s is missing inside"),
			 network.length ? ip_prefix_format(&network, text) : "default",
			 ip_address_format(via, gateway));
}

/* An uplink may have come since, or another VPN, that has the same network behind it. */
static void check_conflict(const struct step_context *context, const struct rt_link_info *outer,
			   struct drift *drift)
{
	struct ip_prefix network = ip_prefix_network(&context->instance->host_address);
	char text[IP_TEXT_MAX], other[IP_TEXT_MAX];
	struct rt_route_info route;
	struct rt_link_info link;

	if (address_conflict(context, outer->index, &route) <= 0)
		return;
	if (rt_link_by_index(context->host->rt, route.index, &link) < 0)
		snprintf(link.name, sizeof(link.name), "?");
	drift_add(
		drift, "addresses",
		context->profile->address.address.family
			? _("network %s is also behind %s (route to %s): choose another address")
			: _("network %s is also behind %s (route to %s): down and up choose another"),
		ip_prefix_format(&network, text), link.name,
		ip_prefix_format(&route.destination, other));
}

static int check_host(const struct step_context *context, const struct rt_link_info *outer,
		      struct drift *drift)
{
	const struct ip_prefix *address = &context->instance->host_address;
	int has = has_address(context->host->rt, outer->index, address);
	char text[IP_TEXT_MAX];

	if (has < 0)
		return has;
	if (!has)
		drift_add(drift, "addresses", _("%s is missing on %s"),
			  ip_prefix_format(address, text), outer->name);
	check_conflict(context, outer, drift);
	return 0;
}

static int check(struct step_context *context, struct drift *drift)
{
	struct instance *instance = context->instance;
	const struct ip_prefix *fixed = &context->profile->address;
	struct route_checking routes = { .drift = drift };
	struct rt_link_info inner, outer;
	char text[IP_TEXT_MAX], wish[IP_TEXT_MAX];
	int has, r = 0;

	if (!instance->address.address.family || instance_rt(instance, &routes.rt, NULL) < 0 ||
	    rt_link_by_name(routes.rt, instance->interface, &inner) < 0)
		return 0; /* the link step says so */
	if (fixed->address.family &&
	    (fixed->length != instance->address.length ||
	     !ip_address_equal(&fixed->address, &instance->address.address)))
		drift_add(drift, "addresses", _("the address is %s, the profile says %s"),
			  ip_prefix_format(&instance->address, text),
			  ip_prefix_format(fixed, wish));
	else if ((has = has_address(routes.rt, inner.index, &instance->address)) < 0)
		return has;
	else if (!has)
		drift_add(drift, "addresses", _("%s is missing inside"),
			  ip_prefix_format(&instance->address, text));
	if (instance->host_address.address.family &&
	    rt_link_by_name(context->host->rt, instance_gateway_interface(instance), &outer) == 0)
		r = check_host(context, &outer, drift);
	return r < 0 ? r : each_route(context, check_route, &routes);
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
	struct rt_link_info info;
	bool own = is_own(context) ||
		   rt_link_by_name(context->host->rt, profile->bridge, &info) == -ENODEV;
	int r = address_plan(context, own, error);

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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * link: a veth pair whose inner end is made directly inside the profile (moving it there would cost
 * 16 ms). The outer end is a port of the bridge, or stands alone (ptp). Both go with the namespace.
 */
#include <errno.h>
#include <string.h>

#include "step.h"

#define NAME_PREFIX "ns-"

void link_host_name(const char *profile, char name[IFNAMSIZ], char altname[64])
{
	altname[0] = '\0';
	if (strlen(NAME_PREFIX) + strlen(profile) < IFNAMSIZ) {
		snprintf(name, IFNAMSIZ, NAME_PREFIX "%s", profile);
		return;
	}
	snprintf(name, IFNAMSIZ, NAME_PREFIX "%.4s%08x", profile, str_hash(profile));
	snprintf(altname, 64, NAME_PREFIX "%s", profile);
}

static int add_to_hash(const char *section, const char *key, const char *value,
		       const char *origin _unused_, void *userdata)
{
	uint32_t *hash = userdata;

	if (!str_equal(section, "link") && !str_equal(section, "route"))
		return 0;
	*hash = *hash * 31 + str_hash(key);
	*hash = *hash * 31 + str_hash(value ? value : "");
	return 0;
}

static int config_of(const struct profile *profile, uint32_t *ret)
{
	uint32_t hash = 1;
	int r = profile_each_value(profile, add_to_hash, &hash);

	if (r == 0)
		*ret = hash ? hash : 1;
	return r;
}

int link_is_outdated(const struct instance *instance, const struct profile *profile)
{
	uint32_t config = 0;
	int r = config_of(profile, &config);

	return r < 0 ? r : instance->link_config && instance->link_config != config;
}

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW && profile->link_type != LINK_NONE;
}

/* The bridge's index, 0 for ptp. */
static int master_of(const struct step_context *context, int *ret, struct error *error)
{
	struct rt_link_info bridge;
	int r;
	const struct host_bridge *ours;

	*ret = 0;
	if (context->profile->link_type != LINK_BRIDGE)
		return 0;
	ours = host_bridge_find(context->host, context->profile->bridge);
	if (ours) { /* looked at by the bridge step */
		*ret = ours->index;
		return 0;
	}
	r = rt_link_by_name(context->host->rt, context->profile->bridge, &bridge);
	if (r < 0)
		return error_errno(error, r, _("can't find bridge %s"), context->profile->bridge);
	*ret = bridge.index;
	return 0;
}

/* The outer end, when it is the one that was made: by index, and by the name that this profile's
 * has, whatever the record says. */
/* Both: 1 it is there, 0 it is not, or a negative errno: what could not be looked at must not be
 * made anew, since commands may be using it. */
static int look_outer(const struct step_context *context, struct rt_link_info *ret)
{
	const struct instance *instance = context->instance;
	char name[IFNAMSIZ], altname[64];
	int r = instance->host_index > 0
			? rt_link_by_index(context->host->rt, instance->host_index, ret)
			: -ENODEV;

	if (r < 0)
		return r == -ENODEV ? 0 : r;
	link_host_name(instance->name, name, altname);
	return strcmp(ret->name, name) == 0 && strcmp(ret->kind, "veth") == 0;
}

static int look_inner(const struct step_context *context, struct rt_link_info *ret)
{
	struct rt *inside;
	int r;

	if (context->instance->netns_fd < 0) /* the netns step says so */
		return 0;
	r = instance_rt(context->instance, &inside, NULL);
	if (r == 0)
		r = rt_link_by_name(inside, context->profile->interface, ret);
	return r == 0 ? 1 : r == -ENODEV ? 0 : r;
}

/* Is the link of our name the other end of the one in our own namespace? A daemon that died made it
 * before it could record that. */
static bool is_left_over(const struct step_context *context, const char *name,
			 struct rt_link_info *ret)
{
	struct rt_link_info inner;
	struct rt *inside;

	return context->instance->netns_fd >= 0 &&
	       rt_link_by_name(context->host->rt, name, ret) == 0 &&
	       strcmp(ret->kind, "veth") == 0 &&
	       instance_rt(context->instance, &inside, NULL) == 0 &&
	       rt_link_by_index(inside, ret->peer, &inner) == 0 &&
	       strcmp(inner.kind, "veth") == 0 && inner.peer == ret->index;
}

static int refuse_taken(const struct step_context *context, const char *name, struct error *error)
{
	struct rt_link_info info;

	if (rt_link_by_name(context->host->rt, name, &info) < 0)
		return 0;
	error_set(error, EEXIST, _("link %s exists and was not made by nsctl"), name);
	error_hint(error, _("remove it (ip link del %s) or name the profile otherwise"), name);
	return -EEXIST;
}

static int make_pair(struct step_context *context, int master, struct error *error)
{
	struct instance *instance = context->instance;
	const struct profile *profile = context->profile;
	char altname[64], name[IFNAMSIZ];
	struct rt_veth veth = {
		.name = name,
		.altname = altname,
		.master = master,
		.isolated = master && profile->isolate,
		.peer_name = profile->interface,
		.peer_netns_fd = instance->netns_fd,
		.peer_mac = profile->has_mac ? &profile->mac : NULL,
		.mtu = profile->mtu,
	};
	_cleanup_error_ struct error refused = {};
	struct rt_link_info outer;
	struct rt *inside;
	int r;

	link_host_name(profile->name, name, altname);
	if (!altname[0])
		veth.altname = NULL;
	r = rt_veth_create(context->host->rt, &veth, &instance->host_index, &refused);
	if (r == -EEXIST && is_left_over(context, name, &outer)) {
		r = rt_link_delete(context->host->rt, outer.index, error);
		if (r < 0)
			return r;
		error_clear(&refused);
		r = rt_veth_create(context->host->rt, &veth, &instance->host_index, &refused);
	}
	if (r == -EEXIST && refuse_taken(context, name, error) < 0)
		return r;
	if (r < 0)
		return error_set(error, r, "%s", error_text(&refused));
	strcpy(instance->host_interface, name);
	strcpy(instance->interface, profile->interface);
	instance->isolated = profile->isolate;
	r = instance_rt(instance, &inside, error);
	return r < 0 ? r : rt_link_set_up_named(inside, profile->interface, error);
}

/* Brings both ends to what the profile says, from what they are. */
static int settle(struct step_context *context, int master, const struct rt_link_info *outer,
		  const struct rt_link_info *inner, struct error *error)
{
	struct rt *host = context->host->rt, *inside = NULL;
	const struct profile *profile = context->profile;
	int changed = 0, r = instance_rt(context->instance, &inside, error);

	if (r == 0 && outer->master != master)
		changed = 1, r = rt_link_set_master(host, outer->index, master, error);
	/* a port that has just joined its bridge is not isolated */
	if (r == 0 && master && (outer->master == master && outer->isolated) != profile->isolate)
		changed = 1, r = rt_link_set_isolated(host, outer->index, profile->isolate, error);
	if (r == 0 && profile->mtu && outer->mtu != profile->mtu)
		changed = 1, r = rt_link_set_mtu(host, outer->index, profile->mtu, error);
	if (r == 0 && profile->mtu && inner->mtu != profile->mtu)
		changed = 1, r = rt_link_set_mtu(inside, inner->index, profile->mtu, error);
	if (r == 0 && profile->has_mac &&
	    memcmp(&inner->mac, &profile->mac, sizeof(inner->mac)) != 0)
		changed = 1, r = rt_link_set_mac(inside, inner->index, &profile->mac, error);
	if (r == 0 && !outer->up)
		changed = 1, r = rt_link_set_up(host, outer->index, error);
	if (r == 0 && !inner->up)
		changed = 1, r = rt_link_set_up(inside, inner->index, error);
	context->instance->isolated = profile->isolate;
	return r < 0 ? r : changed ? STEP_MENDED : 0;
}

/* Somebody gave the outer end another name: the pair, known by its inner end, is made anew. */
static int remove_renamed(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	struct rt_link_info inner = {};
	struct rt *inside;

	if (!instance->host_index || look_inner(context, &inner) <= 0 ||
	    strcmp(inner.kind, "veth") != 0 || inner.peer != instance->host_index ||
	    instance_rt(instance, &inside, NULL) < 0)
		return 0;
	return rt_link_delete(inside, inner.index, error);
}

static int settle_or_make(struct step_context *context, struct error *error)
{
	struct rt_link_info outer = {}, inner = {};
	int has_outer = look_outer(context, &outer), has_inner, master, r;

	if (has_outer < 0)
		return error_errno(error, has_outer, _("can't look at link %s"),
				   context->instance->host_interface);
	r = master_of(context, &master, error);
	if (r == 0 && !has_outer)
		r = remove_renamed(context, error);
	if (r < 0)
		return r;
	has_inner = has_outer ? look_inner(context, &inner) : 0;
	if (has_inner < 0)
		return error_errno(error, has_inner, _("can't look at link %s inside"),
				   context->profile->interface);
	/* half a pair, or one under another name than the profile has now, is made anew */
	if (has_outer && !has_inner) {
		r = rt_link_delete(context->host->rt, outer.index, error);
		has_outer = false;
	}
	if (r < 0)
		return r;
	r = has_outer ? settle(context, master, &outer, &inner, error)
		      : make_pair(context, master, error);
	if (r >= 0 && config_of(context->profile, &context->instance->link_config) < 0)
		r = error_oom(error);
	if (r < 0)
		return r;
	return has_outer ? r : STEP_MADE;
}

static int down(struct step_context *context, struct error *error);

/* Where nothing was, nothing stays of a failure. */
static int up(struct step_context *context, struct error *error)
{
	bool fresh = !context->instance->interface[0];
	int r = settle_or_make(context, error);

	if (r < 0 && fresh)
		down(context, NULL);
	return r;
}

/* The pair goes with its namespace; only without one (or when the link alone is taken out of a
 * profile) is it deleted here. The manager waits until it has gone. */
static int down(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	char name[IFNAMSIZ], altname[64];
	struct rt_link_info outer;
	int r = 0;

	if (!instance->interface[0]) {
		link_host_name(instance->name, name, altname);
		if (!is_left_over(context, name, &outer))
			return 0;
		if (context->profile)
			return rt_link_delete(context->host->rt, outer.index, error);
		instance_await(instance, outer.index);
		return 0;
	}
	if (context->profile)
		r = look_outer(context, &outer);
	if (r > 0)
		r = rt_link_delete(context->host->rt, outer.index, error);
	else
		instance_await(instance, instance->host_index);
	if (r < 0)
		return error_errno(error, r, _("can't delete link %s"), instance->host_interface);
	instance->interface[0] = '\0';
	if (!instance->forwards) /* else its rules are to be looked for once more, by this name */
		instance->host_interface[0] = '\0';
	instance->host_index = 0;
	instance->isolated = false;
	instance->link_config = 0;
	return 1;
}

static int check(struct step_context *context, struct drift *drift)
{
	const struct profile *profile = context->profile;
	struct rt_link_info outer = {}, inner = {};
	int master = 0, r;

	r = link_is_outdated(context->instance, profile);
	if (r < 0)
		return r;
	if (r > 0)
		drift_add(drift, "link", "%s", _("[link] or [route] of the profile changed"));
	r = look_outer(context, &outer);
	if (r < 0)
		return r;
	if (r == 0) {
		char name[IFNAMSIZ], altname[64];

		link_host_name(profile->name, name, altname);
		return drift_add(drift, "link", _("%s is missing"), name);
	}
	r = look_inner(context, &inner);
	if (r < 0)
		return r;
	if (r == 0)
		return drift_add(drift, "link", _("%s is missing inside"), profile->interface);
	if (master_of(context, &master, NULL) == 0 && outer.master != master)
		drift_add(drift, "link", _("%s is not in bridge %s"), outer.name, profile->bridge);
	if (master && outer.isolated != profile->isolate)
		drift_add(drift, "link",
			  outer.isolated ? _("%s is isolated") : _("%s is not isolated"),
			  outer.name);
	if (!outer.up)
		drift_add(drift, "link", _("%s is down"), outer.name);
	if (!inner.up)
		drift_add(drift, "link", _("%s is down inside"), inner.name);
	if (profile->mtu && (outer.mtu != profile->mtu || inner.mtu != profile->mtu))
		drift_add(drift, "link", _("the MTU is not %u"), profile->mtu);
	if (profile->has_mac && memcmp(&inner.mac, &profile->mac, sizeof(inner.mac)) != 0)
		drift_add(drift, "link", _("the MAC address of %s differs"), inner.name);
	return 0;
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	const struct profile *profile = context->profile;
	struct instance *instance = context->instance;
	char altname[64];
	int r;

	link_host_name(profile->name, instance->host_interface, altname);
	r = instance->host_index ? 0 : refuse_taken(context, instance->host_interface, error);
	if (r < 0)
		return r;
	strcpy(instance->interface, profile->interface);
	fprintf(out, "# link: a veth pair, its inner end made directly inside\n");
	fprintf(out, "ip link add %s", instance->host_interface);
	if (profile->mtu)
		fprintf(out, " mtu %u", profile->mtu);
	fprintf(out, " type veth peer name %s", profile->interface);
	if (profile->has_mac) {
		const uint8_t *m = profile->mac.ether_addr_octet;

		fprintf(out, " address %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
			m[5]);
	}
	if (profile->mtu)
		fprintf(out, " mtu %u", profile->mtu);
	fprintf(out, " netns %s\n", profile->name);
	if (profile->link_type == LINK_BRIDGE)
		fprintf(out, "ip link set %s master %s\n", instance->host_interface,
			profile->bridge);
	fprintf(out, "ip link set %s addrgenmode none\n", instance->host_interface);
	if (altname[0])
		fprintf(out, "ip link property add dev %s altname %s\n", instance->host_interface,
			altname);
	instance->isolated = profile->isolate;
	if (profile->link_type == LINK_BRIDGE && profile->isolate)
		fprintf(out, "ip link set %s type bridge_slave isolated on\n",
			instance->host_interface);
	fprintf(out, "ip link set %s up\n", instance->host_interface);
	fprintf(out, "ip -n %s link set %s up\n\n", profile->name, profile->interface);
	return 0;
}

const struct step step_link = {
	.name = "link",
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};

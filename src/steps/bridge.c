/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bridge: the switch that profiles share. nsctl0 is made when it is missing and goes with its last
 * profile; a bridge that was there before is used and left alone.
 */
#include <errno.h>
#include <string.h>

#include "step.h"

#define OWN_BRIDGE "nsctl0" /* the default; the name is nsctl's own */

bool bridge_is_own(const struct host *host, const char *name)
{
	return strcmp(name, OWN_BRIDGE) == 0 || host_bridge_find(host, name);
}

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW && profile->link_type == LINK_BRIDGE;
}

/* By name and index: another's bridge of that name is not. One that was about to be made when a
 * daemon died has no index in the record yet, but the address that it was to get. */
static bool is_ours(const struct host_bridge *bridge, const struct rt_link_info *info)
{
	if (strcmp(info->kind, "bridge") != 0)
		return false;
	return bridge->index ? bridge->index == info->index
			     : memcmp(&bridge->mac, &info->mac, sizeof(info->mac)) == 0;
}

/* Looks the bridge up: 1 it can be used, 0 it has to be made, or an error. */
static int look(const struct step_context *context, struct rt_link_info *ret, struct error *error)
{
	const struct profile *profile = context->profile;
	struct host_bridge *ours = host_bridge_find(context->host, profile->bridge);
	int r = rt_link_by_name(context->host->rt, profile->bridge, ret);

	if (r == -ENODEV)
		return 0;
	if (r < 0)
		return error_errno(error, r, _("can't look at bridge %s"), profile->bridge);
	if (strcmp(ret->kind, "bridge") != 0) {
		error_set(error, EINVAL, _("%s is not a bridge"), profile->bridge);
		error_hint(
			error,
			_("name an existing bridge, or one that nsctl shall make, in [link] bridge of %s"),
			profile->path);
		return -EINVAL;
	}
	if (ours && is_ours(ours, ret)) {
		if (!ours->index)
			context->host->dirty = true;
		ours->index = ret->index;
		return 1;
	}
	if (strcmp(profile->bridge, OWN_BRIDGE) != 0)
		return 1;
	error_set(error, EEXIST, _("bridge %s exists and was not made by nsctl"), profile->bridge);
	error_hint(error, _("remove it (ip link del %s), or name another in [link] bridge of %s"),
		   profile->bridge, profile->path);
	return -EEXIST;
}

static void forget(struct host *host, const char *name)
{
	for (struct host_bridge **p = &host->bridges; *p; p = &(*p)->next)
		if (strcmp((*p)->name, name) == 0) {
			struct host_bridge *bridge = *p;

			*p = bridge->next;
			free(bridge);
			host->dirty = true;
			return;
		}
}

static struct host_bridge *remember(struct host *host, const char *name)
{
	struct host_bridge *bridge;

	forget(host, name); /* one of that name that someone deleted */
	bridge = calloc(1, sizeof(*bridge));
	if (!bridge)
		return NULL;
	strcpy(bridge->name, name); /* length was checked with the profile */
	bridge->next = host->bridges;
	host->bridges = bridge;
	host->dirty = true;
	return bridge;
}

static int make(struct step_context *context, struct error *error)
{
	struct host *host = context->host;
	const char *name = context->profile->bridge;
	struct host_bridge *bridge = remember(host, name);
	struct rt_link_info info;
	int r = bridge ? rt_random_mac(&bridge->mac) : -ENOMEM;

	if (r == 0)
		r = host_note(host, error);
	if (r < 0) {
		forget(host, name);
		return error_errno(error, r, _("can't create bridge %s"), name);
	}
	/* whatever goes wrong from here on, it may have been made: it stays noted, to be looked
	 * for when this is taken back */
	r = rt_bridge_create(host->rt, name, &bridge->mac, error);
	if (r == -EEXIST)
		forget(host, name);
	if (r < 0)
		return r;
	r = rt_link_by_name(host->rt, name, &info);
	if (r < 0)
		return error_errno(error, r, _("can't find bridge %s"), name);
	bridge->index = info.index;
	host->dirty = true;
	r = rt_link_set_no_ipv6(host->rt, info.index, error);
	if (r == 0)
		r = rt_link_set_up(host->rt, info.index, error);
	if (r == 0 && strcmp(name, OWN_BRIDGE) != 0)
		step_warn(context, _("bridge %s did not exist and was made; no uplink is in it"),
			  name);
	return r < 0 ? r : STEP_MADE;
}

/* Deletes a bridge that nsctl made, unless another's has its name by now; in the background where
 * there is an instance that can wait for it. */
static int delete_own(struct host *host, const struct host_bridge *bridge, struct instance *waiting,
		      struct error *error)
{
	struct rt_link_info info;
	int r = rt_link_by_name(host->rt, bridge->name, &info);

	if (r < 0 && r != -ENODEV)
		return error_errno(error, r, _("can't look at bridge %s"), bridge->name);
	if (r == 0 && is_ours(bridge, &info)) {
		r = -ENOSYS;
		if (waiting)
			r = rt_link_delete_later(info.index);
		if (r == 0) {
			instance_await(waiting, info.index);
			waiting->bridge_is_going = true;
		} else { /* no thread for it */
			r = rt_link_delete(host->rt, info.index, error);
		}
		if (r < 0)
			return r;
	}
	forget(host, bridge->name);
	return 0;
}

/* The bridge that the instance was on, when it is on it no more: goes if nobody else is on it. */
static int leave(struct step_context *context, struct error *error)
{
	struct host *host = context->host;
	struct instance *instance = context->instance;
	const struct host_bridge *bridge = host_bridge_find(host, instance->bridge);
	int r = 0;

	if (bridge && !host->unreadable && !host_bridge_shared(host, instance))
		r = delete_own(host, bridge, context->profile ? NULL : instance, error);
	if (r == 0 && !instance->forwards) /* else its rules are to be looked for once more */
		instance->bridge[0] = '\0';
	return r;
}

/* Where nothing was, nothing stays of a failure. */
static int make_or_leave(struct step_context *context, bool was_on_it, struct error *error)
{
	int r = make(context, error);

	if (r < 0 && !was_on_it)
		leave(context, NULL);
	return r;
}

static int up(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	bool was_on_it = strcmp(instance->bridge, context->profile->bridge) == 0;
	struct rt_link_info info;
	int r = look(context, &info, error), left = 0;

	if (r < 0)
		return r;
	if (instance->bridge[0] && !was_on_it) {
		left = leave(context, error);
		if (left < 0)
			return left;
		left = STEP_MADE;
	}
	strcpy(instance->bridge, context->profile->bridge);
	if (r == 0)
		return make_or_leave(context, was_on_it, error);
	if (info.up || !host_bridge_find(context->host, info.name))
		return left;
	r = rt_link_set_up(context->host->rt, info.index, error);
	if (r < 0)
		return r;
	return left ? left : STEP_MENDED;
}

static int down(struct step_context *context, struct error *error)
{
	int r = 0;

	if (!context->instance->bridge[0])
		return 0;
	r = leave(context, error);
	return r < 0 ? r : 1;
}

int bridge_release(struct host *host, struct error *error)
{
	int r = 0;

	while (r == 0 && host->bridges)
		r = delete_own(host, host->bridges, NULL, error);
	return r;
}

static bool is_used(const struct host *host, const struct host_bridge *bridge)
{
	for (const struct instance *instance = host->instances; instance; instance = instance->next)
		if (strcmp(instance->bridge, bridge->name) == 0)
			return true;
	return false;
}

int bridge_release_unused(struct host *host, struct error *error)
{
	struct host_bridge *bridge = host->bridges, *next;
	int r = 0;

	for (; r == 0 && bridge; bridge = next) {
		next = bridge->next;
		if (!is_used(host, bridge))
			r = delete_own(host, bridge, NULL, error);
	}
	return r;
}

static int check(struct step_context *context, struct drift *drift)
{
	const struct host_bridge *ours = host_bridge_find(context->host, context->profile->bridge);
	const char *name = context->profile->bridge;
	struct rt_link_info info;
	int r = rt_link_by_name(context->host->rt, name, &info);

	if (r == -ENODEV)
		return drift_add(drift, "bridge", _("%s is missing"), name);
	if (r < 0)
		return r;
	if (strcmp(info.kind, "bridge") != 0)
		return drift_add(drift, "bridge", _("%s is not a bridge"), name);
	if (ours && !is_ours(ours, &info))
		return drift_add(drift, "bridge", _("%s was replaced by another's"), name);
	if (ours && !info.up)
		return drift_add(drift, "bridge", _("%s is down"), name);
	return 0;
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	const char *name = context->profile->bridge;
	struct rt_link_info info;
	int r = look(context, &info, error);

	if (r < 0)
		return r;
	strcpy(context->instance->bridge, name);
	if (r > 0)
		return 0;
	fprintf(out, "# bridge: the switch that profiles share, with a MAC address that stays\n");
	fprintf(out,
		"ip link add %s address \"02:$(od -An -N5 -tx1 /dev/urandom | sed 's/^ //; s/ /:/g')\" type bridge\n",
		name);
	fprintf(out, "ip link set %s addrgenmode none\n", name);
	fprintf(out, "ip link set %s up\n\n", name);
	return 0;
}

const struct step step_bridge = {
	.name = "bridge",
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};

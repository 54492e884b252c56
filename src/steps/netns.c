/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netns: the profile's network namespace, pinned at /run/netns/NAME as `ip netns` does it. What
 * must be set before any link comes up inside (no IPv6, no advertisements, no redirects) is set
 * while nobody else knows of it.
 */
#include <errno.h>
#include <string.h>

#include "netns_ahead.h"
#include "step.h"

/* With `ipv6 = no`; those of IPv4 in every namespace. New links take over "default". */
static const char *const settings_inside[][2] = {
	{ "net/ipv6/conf/all/disable_ipv6", "1" }, /* first: see prepare_inside */
	{ "net/ipv6/conf/default/disable_ipv6", "1" },
	{ "net/ipv4/conf/all/accept_redirects", "0" },
	{ "net/ipv4/conf/default/accept_redirects", "0" },
	{ "net/ipv6/conf/all/accept_ra", "0" },
	{ "net/ipv6/conf/default/accept_ra", "0" },
};

#define LOOPBACK_INDEX 1 /* in every namespace (include/net/net_namespace.h) */

struct prepare {
	struct rt *rt;
	struct rt_monitor *monitor;
	struct error *error;
	int wrong; /* how many were not set as they should be */
};

/* A kernel without IPv6 has none of its settings. */
static int settle_inside(void *argument)
{
	struct prepare *prepare = argument;

	for (size_t i = 0; i < ARRAY_SIZE(settings_inside); i++) {
		_cleanup_free_ char *value = NULL;
		int r = sysctl_get(settings_inside[i][0], &value);

		if (r == -ENOENT || (r == 0 && str_equal(value, settings_inside[i][1])))
			continue;
		prepare->wrong++;
		r = sysctl_set(settings_inside[i][0], settings_inside[i][1]);
		if (r < 0)
			return error_errno(prepare->error, r, _("can't set %s inside"),
					   settings_inside[i][0]);
	}
	return 0;
}

static int compare_inside(void *argument)
{
	struct drift *drift = argument;

	for (size_t i = 0; i < ARRAY_SIZE(settings_inside); i++) {
		_cleanup_free_ char *value = NULL;

		if (sysctl_get(settings_inside[i][0], &value) == 0 &&
		    !str_equal(value, settings_inside[i][1]))
			drift_add(drift, "netns", _("%s is %s inside"), settings_inside[i][0],
				  value);
	}
	return 0;
}

/* 1 when lo had to be brought up. */
static int bring_lo_up(struct rt *rt, struct error *error)
{
	struct rt_link_info lo;
	int r = rt_link_by_name(rt, "lo", &lo);

	if (r < 0)
		return error_errno(error, r, "%s", _("can't find lo inside"));
	if (lo.up)
		return 0;
	r = rt_link_set_up(rt, lo.index, error);
	return r < 0 ? r : 1;
}

/* In a namespace that nobody else knows of yet. The kernel wants its lock on links to switch IPv6
 * off, and where that is taken it runs the system call again at once until it is not
 * (net/ipv6/addrconf.c, restart_syscall): so this stands in line for the lock right before. */
static int prepare_inside(void *argument)
{
	struct prepare *prepare = argument;
	struct rt_link_info lo;
	int r = rt_open(-1, &prepare->rt, prepare->error);

	if (r == 0)
		r = rt_monitor_open(-1, &prepare->monitor, prepare->error);
	if (r < 0)
		return r;
	rt_link_by_index(prepare->rt, LOOPBACK_INDEX, &lo);
	for (size_t i = 0; i < ARRAY_SIZE(settings_inside); i++) {
		r = sysctl_set(settings_inside[i][0], settings_inside[i][1]);
		if (r < 0 && r != -ENOENT)
			return error_errno(prepare->error, r, _("can't set %s inside"),
					   settings_inside[i][0]);
	}
	return rt_link_set_up(prepare->rt, LOOPBACK_INDEX, prepare->error);
}

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW;
}

/* The directory goes with the last pin when nsctl made it, also if this daemon dies right after. */
static int expect_directory(struct host *host, struct error *error)
{
	static const unsigned both = NETNS_MADE_DIRECTORY | NETNS_BOUND_DIRECTORY;
	unsigned missing;
	int r;

	if ((host->netns_directory & both) == both)
		return 0;
	r = netns_directory_missing(&missing);
	if (r < 0)
		return error_errno(error, r, _("can't look at %s"), NETNS_DIRECTORY);
	missing &= ~host->netns_directory;
	host->netns_directory |= missing;
	host->dirty |= missing != 0;
	return 0;
}

static int begin(struct step_context *context, struct error *error)
{
	return expect_directory(context->host, error);
}

static int pin(struct step_context *context, struct error *error)
{
	struct host *host = context->host;
	int r = expect_directory(host, error);

	if (r == 0 && host->dirty)
		r = host_note(host, error);
	return r < 0 ? r
		     : netns_pin(context->instance->netns_fd, context->instance->name,
				 &host->netns_directory, error);
}

void netns_made_clear(struct netns_made *made)
{
	made->monitor = rt_monitor_free(made->monitor);
	made->rt = rt_free(made->rt);
	made->fd = close_fd(made->fd);
}

int netns_prepare(struct netns_made *ret, struct error *error)
{
	struct prepare prepare = { .error = error };
	struct netns_made made = { .fd = -1 };
	int r = netns_create(prepare_inside, &prepare, &made.fd, error);

	made.rt = prepare.rt;
	made.monitor = prepare.monitor;
	if (r < 0)
		netns_made_clear(&made);
	else
		*ret = made;
	return r;
}

static void let_go(struct instance *instance)
{
	instance->monitor = rt_monitor_free(instance->monitor);
	instance->rt = rt_free(instance->rt);
	instance->netns_fd = close_fd(instance->netns_fd);
}

/* It is recorded before it is pinned: a pin that the record does not know would be another's. */
static int make(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	struct netns_made made = { .fd = -1 };
	int r = netns_ahead_take(context->host, &made);

	if (r < 0)
		r = netns_prepare(&made, error);
	if (context->host->more_to_come)
		netns_ahead_start(context->host);
	instance->netns_fd = made.fd;
	instance->rt = made.rt;
	instance->monitor = made.monitor;
	if (r == 0)
		r = file_id_of(instance->netns_fd, &instance->netns_id);
	if (r == 0 && instance->has_netns) /* a daemon that died between file and mount */
		netns_remove_file(instance->name);
	instance->has_netns = r == 0;
	if (r == 0)
		r = context->record(context, error);
	if (r == 0)
		r = pin(context, error);
	if (r < 0) {
		let_go(instance);
		instance->has_netns = false;
		return r;
	}
	return 1;
}

/* Is what is pinned under our name the namespace of the record? 1 yes, 0 nothing is there, -EEXIST
 * another's. */
static int pinned(const struct instance *instance, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct file_id id;
	int r = netns_open(instance->name, &fd, &id);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (!instance->has_netns || !file_id_equal(&id, &instance->netns_id))
		return -EEXIST;
	if (ret_fd)
		*ret_fd = TAKE_FD(fd);
	return 1;
}

bool netns_pinned(const struct instance *instance)
{
	return pinned(instance, NULL) == 1;
}

int netns_hold(struct instance *instance, struct error *error)
{
	int r = instance->netns_fd < 0 ? pinned(instance, &instance->netns_fd) : 1;

	if (r >= 0 || r == -EEXIST) /* another's is not held */
		return 0;
	return error_errno(error, r, _("can't look at %s/%s"), NETNS_DIRECTORY, instance->name);
}

static int refuse(const struct instance *instance, int r, struct error *error)
{
	if (r != -EEXIST)
		return error_errno(error, r, _("can't look at %s/%s"), NETNS_DIRECTORY,
				   instance->name);
	error_set(error, r, _("network namespace %s exists and was not made by nsctl"),
		  instance->name);
	error_hint(
		error,
		_("see what uses it (ip netns pids %s), then remove it (ip netns del %s) or name the profile "
		  "otherwise"),
		instance->name, instance->name);
	return r;
}

/* What is inside an existing namespace, set right: 1 when something was not. */
static int settle(struct instance *instance, struct error *error)
{
	struct prepare prepare = { .error = error };
	struct ns_place place = { .network = instance->netns_fd, .mount = -1 };
	struct rt *rt = NULL;
	int r = ns_call(&place, settle_inside, &prepare);

	if (r == 0)
		r = instance_rt(instance, &rt, error);
	if (r < 0)
		return error_errno(error, r, "%s", _("can't enter the network namespace"));
	r = bring_lo_up(rt, error);
	return r < 0 ? r : r || prepare.wrong;
}

/* Someone took the pin away; we still hold the namespace. A bare file may be left of it; what else
 * is at its place is another's, and then pinning is refused. */
static int pin_again(struct step_context *context, struct error *error)
{
	netns_remove_file(context->instance->name);
	return pin(context, error);
}

static int up(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	int r = pinned(instance, instance->netns_fd < 0 ? &instance->netns_fd : NULL);
	bool was_pinned = r > 0;

	if (r < 0)
		return refuse(instance, r, error);
	if (instance->netns_fd < 0)
		return make(context, error);
	if (!was_pinned) {
		r = pin_again(context, error);
		if (r < 0)
			return r;
	}
	r = settle(instance, error);
	if (r < 0)
		return r;
	return r || !was_pinned ? STEP_MENDED : 0;
}

static int down(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	int r = 0;

	if (!instance->has_netns)
		return 0;
	r = pinned(instance, NULL);
	if (r == 1)
		r = netns_unpin(instance->name, error);
	else if (r == 0)
		netns_remove_file(instance->name);
	else if (r == -EEXIST) /* another's */
		r = 0;
	else
		error_errno(error, r, _("can't look at %s/%s"), NETNS_DIRECTORY, instance->name);
	let_go(instance);
	if (r < 0)
		return r;
	instance->has_netns = false;
	return 1;
}

static int check(struct step_context *context, struct drift *drift)
{
	struct instance *instance = context->instance;
	struct ns_place place = { .network = instance->netns_fd, .mount = -1 };
	struct rt_link_info lo;
	struct rt *rt;
	int r = pinned(instance, NULL);

	if (r < 0 && r != -EEXIST)
		return r;
	if (r != 1)
		drift_add(drift, "netns",
			  r == 0 ? _("%s/%s is missing")
				 : _("%s/%s is another's network namespace"),
			  NETNS_DIRECTORY, instance->name);
	if (instance->netns_fd < 0)
		return 0;
	if (instance_rt(instance, &rt, NULL) == 0 && rt_link_by_name(rt, "lo", &lo) == 0 && !lo.up)
		drift_add(drift, "netns", "%s", _("lo is down inside"));
	return ns_call(&place, compare_inside, drift);
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	const char *name = context->instance->name;
	int r = pinned(context->instance, NULL);

	if (r < 0)
		return refuse(context->instance, r, error);
	fprintf(out, "# netns: a network namespace of its own, prepared before any link is up\n");
	fprintf(out, "mkdir -p %s\n", NETNS_DIRECTORY);
	fprintf(out, "if ! mountpoint -q %s; then\n", NETNS_DIRECTORY);
	fprintf(out, "\tmount --bind %s %s\n", NETNS_DIRECTORY, NETNS_DIRECTORY);
	fprintf(out, "\tmount --make-rprivate %s\n\tmount --make-rshared %s\nfi\n", NETNS_DIRECTORY,
		NETNS_DIRECTORY);
	fprintf(out, "ip netns add %s\n", name);
	fprintf(out, "nsenter --net=%s/%s sysctl -qw", NETNS_DIRECTORY, name);
	for (size_t i = 0; i < ARRAY_SIZE(settings_inside); i++) {
		fputs(" \\\n\t", out);
		for (const char *c = settings_inside[i][0]; *c; c++)
			fputc(*c == '/' ? '.' : *c, out);
		fprintf(out, "=%s", settings_inside[i][1]);
	}
	fprintf(out, "\nip -n %s link set lo up\n\n", name);
	return 0;
}

const struct step step_netns = {
	.name = "netns",
	.begin = begin,
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};

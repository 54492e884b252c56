/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forward: the host passes the profile's packets on. Where it was no router before
 * (net.ipv4.ip_forward was 0), it becomes one for profiles only: everybody else's packets are
 * dropped in our table as long as it lasts.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "foreign.h"
#include "ruleset.h"
#include "step.h"

#define IP_FORWARD       "net/ipv4/ip_forward"
#define ACCEPT_REDIRECTS "net/ipv4/conf/all/accept_redirects"
#define CONF_DIRECTORY   "/proc/sys/net/ipv4/conf"

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW && profile->link_type != LINK_NONE;
}

/* ---- the sysctl, and what it changes besides --------------------------------------------- */

static void host_sysctl_free(struct host_sysctl *saved)
{
	free(saved->name);
	free(saved->value);
	free(saved);
}

struct host_sysctl *host_sysctl_new(const char *name, const char *value)
{
	struct host_sysctl *saved = calloc(1, sizeof(*saved));

	if (!saved)
		return NULL;
	saved->name = strdup(name);
	saved->value = strdup(value);
	if (saved->name && saved->value)
		return saved;
	host_sysctl_free(saved);
	return NULL;
}

static int save(struct host *host, const char *name, const char *value)
{
	struct host_sysctl *saved = host_sysctl_new(name, value);

	if (!saved)
		return -ENOMEM;
	saved->next = host->sysctls;
	host->sysctls = saved;
	host->intact_generation = 0;
	host->dirty = true;
	return 0;
}

void forward_forget(struct host *host)
{
	host->dirty = true;
	host->intact_generation = 0;
	while (host->sysctls) {
		struct host_sysctl *saved = host->sysctls;

		host->sysctls = saved->next;
		host_sysctl_free(saved);
	}
}

/* Setting ip_forward back sets every interface's `forwarding` to 0 and accept_redirects to 1
 * (net/ipv4/devinet.c, inet_forward_change): what was otherwise is saved as well, and written after
 * it. */
static int save_side_effects(struct host *host)
{
	_cleanup_free_ char *redirects = NULL;
	_cleanup_closedir_ DIR *directory = NULL;
	const char *entry;
	int r = sysctl_get(ACCEPT_REDIRECTS, &redirects);

	if (r < 0)
		return r;
	r = save(host, ACCEPT_REDIRECTS, redirects);
	directory = opendir(CONF_DIRECTORY);
	if (!directory)
		return -errno;
	while (r == 0 && (r = directory_next(directory, &entry)) > 0) {
		_cleanup_free_ char *name = NULL, *value = NULL;

		r = 0;
		if (strcmp(entry, "all") == 0) /* it is ip_forward itself */
			continue;
		name = str_format("net/ipv4/conf/%s/forwarding", entry);
		if (!name)
			r = -ENOMEM;
		else if (sysctl_get(name, &value) == 0 && strcmp(value, "1") == 0)
			r = save(host, name, value);
	}
	return r;
}

/* 1: forwarding is off, and what it takes to put it back is saved; 0: the host is a router already.
 */
static int prepare(struct host *host, struct error *error)
{
	_cleanup_free_ char *value = NULL;
	int r;

	if (host->forwarding)
		return 0;
	r = sysctl_get(IP_FORWARD, &value);
	host->forwarding = r == 0 && strcmp(value, "1") == 0;
	if (host->forwarding)
		return 0;
	if (r == 0 && !host->sysctls) {
		r = save_side_effects(host);
		if (r == 0)
			r = save(host, IP_FORWARD, value); /* in front: written first */
		if (r < 0)
			forward_forget(host);
		else /* before it is changed: a daemon that dies must not forget it */
			r = host_note(host, error);
	}
	return r < 0 ? error_errno(error, r, _("can't read %s"), IP_FORWARD) : 1;
}

/* What was saved stays noted until forward_forget, so that the rules against strangers can be taken
 * away after it. Where forwarding itself stays on (it is the first), so does all that goes with it.
 */
static int restore(struct host *host, struct error *error)
{
	int r = 0;

	host->forwarding = false;
	for (struct host_sysctl *saved = host->sysctls; saved; saved = saved->next) {
		int s = sysctl_set(saved->name, saved->value);

		if (s < 0 && s != -ENOENT) /* an interface that has gone */
			r = error_errno(error, s, _("can't set %s back to %s"), saved->name,
					saved->value);
		if (r < 0 && saved == host->sysctls)
			break;
	}
	return r;
}

/* ---- the step ----------------------------------------------------------------------------- */

/* For all that is known: one whose record can't be read may. */
static bool anyone_forwards(const struct host *host)
{
	if (host->unreadable)
		return true;
	for (const struct instance *instance = host->instances; instance; instance = instance->next)
		if (instance->forwards)
			return true;
	return false;
}

static bool interface_used(const struct host *host, const char *interface)
{
	for (const struct instance *instance = host->instances; instance; instance = instance->next)
		if (instance->forwards &&
		    strcmp(instance_gateway_interface(instance), interface) == 0)
			return true;
	return false;
}

/* The sysctls that nobody needs any more. */
static int restore_unused(struct host *host, struct error *error)
{
	int r = host->sysctls && !anyone_forwards(host) ? restore(host, error) : 1;

	if (r == 0)
		forward_forget(host);
	return r < 0 ? r : 0;
}

/* On a bridge or pair of nsctl's own the host will be the gateway; elsewhere that is not known yet.
 */
static int begin(struct step_context *context, struct error *error)
{
	const struct profile *profile = context->profile;

	return profile->link_type == LINK_PTP || bridge_is_own(context->host, profile->bridge)
		       ? ruleset_begin(context->host, error)
		       : 0;
}

/* The rules come before the sysctl, so that the host forwards for strangers at no time. */
static int settle(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	const char *interface = instance_gateway_interface(instance);
	struct host *host = context->host;
	bool look, off, had = instance->forwards;
	int r, changed = 0;

	host->forwarding &= !had; /* what is to be set right is looked at */
	r = prepare(host, error);
	if (r < 0)
		return r;
	off = r;
	/* others' chains are looked at with an interface's first profile, and when this one is set
	 * right */
	look = had || !interface_used(host, interface);
	r = 0;
	if (!had) {
		instance->forwards = true;
		changed = true;
		r = ruleset_add(host, instance, error);
	} else if (!ruleset_intact(host)) {
		changed = true;
		r = ruleset_rebuild(host, error);
	}
	if (r == 0 && off) {
		changed = true;
		r = sysctl_set(IP_FORWARD, "1");
		if (r < 0)
			return error_errno(error, r, _("can't set %s"), IP_FORWARD);
		host->forwarding = true;
	}
	if (r == 0 && look)
		r = foreign_let_through(context, interface, error);
	return r < 0 ? r : changed || r;
}

static int down(struct step_context *context, struct error *error);

/* Where nothing was, nothing stays of a failure: the interface may be another by the next `up`. */
static int up(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	bool had = instance->forwards;
	int r;

	if (!instance->routed) {
		foreign_warn_of_bridged(context, instance->bridge);
		return 0;
	}
	r = settle(context, error);
	if (r < 0 && instance->forwards && !had)
		down(context, NULL);
	else if (r < 0 && !had)
		restore_unused(context->host, NULL);
	if (r <= 0)
		return r;
	return had ? STEP_MENDED : STEP_MADE;
}

static int down(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance, before = *instance;
	struct host *host = context->host;
	int r, s;

	if (!instance->forwards)
		return 0;
	before.masquerades = false;
	instance->forwards = false;
	/* the sysctl before the rules, for the reason that up has; they stay where it stays */
	r = anyone_forwards(host) ? 0 : restore(host, error);
	if (r == 0)
		r = ruleset_remove(host, &before, error);
	if (!host->unreadable && !interface_used(host, instance_gateway_interface(&before))) {
		s = foreign_remove(host, instance_gateway_interface(&before), error);
		r = r < 0 ? r : s;
	}
	if (r == 0 && !anyone_forwards(host))
		forward_forget(host);
	instance->forwards = r < 0; /* to be tried again */
	return r < 0 ? r : 1;
}

static bool is_own_link(const struct host *host, const char *interface)
{
	char name[IFNAMSIZ], altname[64];

	for (const struct instance *instance = host->instances; instance;
	     instance = instance->next) {
		link_host_name(instance->name, name, altname);
		if (strcmp(name, interface) == 0)
			return true;
	}
	return host_bridge_find(host, interface);
}

/* Used, or somebody else's: a profile can be made by hand, with the script of a dry run. */
static bool interface_taken(const struct host *host, const char *interface)
{
	struct rt_link_info info;

	return interface_used(host, interface) ||
	       (!is_own_link(host, interface) &&
		rt_link_by_name(host->rt, interface, &info) != -ENODEV);
}

int forward_release_forgotten(const struct host *host, struct error *error)
{
	return foreign_remove_unused(host, interface_taken, error);
}

int forward_release(struct host *host, struct error *error)
{
	int r = restore(host, error), s;

	if (r == 0)
		forward_forget(host);
	s = forward_release_forgotten(host, error);
	return r < 0 ? r : s;
}

int forward_release_unused(struct host *host, struct error *error)
{
	int r = restore_unused(host, error);
	int s = forward_release_forgotten(host, error);

	return r < 0 ? r : s;
}

static int check(struct step_context *context, struct drift *drift)
{
	const struct instance *instance = context->instance;
	_cleanup_free_ char *value = NULL;
	int r;

	if (!instance->forwards)
		return 0;
	r = sysctl_get(IP_FORWARD, &value);
	if (r < 0)
		return r;
	if (strcmp(value, "1") != 0)
		drift_add(drift, "forward", "%s", _("net.ipv4.ip_forward is off"));
	/* the nat step says it where there is one */
	if (!instance->masquerades && !ruleset_intact(context->host))
		drift_add(drift, "forward", "%s",
			  _("the table inet nsctl is not what it should be"));
	if (foreign_missing(context->host, instance_gateway_interface(instance)))
		drift_add(drift, "forward", _("another firewall drops packets of %s"),
			  instance_gateway_interface(instance));
	return 0;
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	struct instance *instance = context->instance;
	const char *interface = instance_gateway_interface(instance);
	_cleanup_free_ char *value = NULL;
	char text[IP_TEXT_MAX];
	int r = sysctl_get(IP_FORWARD, &value);

	if (r < 0)
		return error_errno(error, r, _("can't read %s"), IP_FORWARD);
	if (!instance->routed)
		return 0;
	fprintf(out,
		"# forward: the host passes the profile's packets on, and nobody else's if it was no router before\n");
	if (!ruleset_used(context->host) && !instance->masquerades)
		ruleset_explain_table(out);
	ruleset_explain_element(out, RULESET_INTERFACES, interface);
	if (instance->isolated)
		ruleset_explain_element(out, RULESET_ISOLATED,
					ip_address_format(&instance->address.address, text));
	if (strcmp(value, "1") != 0) {
		ruleset_explain_element(out, RULESET_STRICT, "ipv4");
		fprintf(out, "sysctl -qw net.ipv4.ip_forward=1\n");
	}
	foreign_explain(context->host, interface, out);
	fputc('\n', out);
	return 0;
}

const struct step step_forward = {
	.name = "forward",
	.begin = begin,
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};

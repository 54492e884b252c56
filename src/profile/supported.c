/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a profile may say that no step makes yet. A line goes when its step comes. */
#include <errno.h>

#include "nsctl/profile.h"

static bool wants_namespaces(const struct profile *profile)
{
	return profile->pid || profile->uts || profile->ipc || profile->hostname;
}
static bool wants_host_network(const struct profile *profile)
{
	return profile->network == NETWORK_HOST &&
	       (profile->has_dns || profile->n_binds > 0 || strv_length(profile->tmpfs) > 0);
}
static bool wants_ipv6(const struct profile *profile)
{
	return profile->link_type != LINK_NONE && profile->ipv6_mode != IPV6_NO;
}
static bool wants_publish(const struct profile *profile)
{
	return profile->n_publish > 0;
}
static bool wants_enforce(const struct profile *profile)
{
	return profile->enforce;
}
static bool wants_firewall(const struct profile *profile)
{
	return profile->egress != EGRESS_ANY;
}
static bool wants_services(const struct profile *profile)
{
	return profile->n_services > 0;
}
static bool wants_hooks(const struct profile *profile)
{
	return strv_length(profile->pre_up) || strv_length(profile->post_up) ||
	       strv_length(profile->pre_down) || strv_length(profile->post_down) ||
	       strv_length(profile->resume);
}

static const struct {
	bool (*wanted)(const struct profile *profile);
	const char *what;
} unsupported[] = {
	{ wants_namespaces, N_("[namespace] pid, uts, ipc and hostname") },
	{ wants_host_network, N_("[dns] or [mount] with [namespace] network = host") },
	{ wants_ipv6, N_("[link] ipv6 other than \"no\"") },
	{ wants_publish, N_("[link] publish") },
	{ wants_enforce, N_("[dns] enforce = yes") },
	{ wants_firewall, N_("[firewall] egress other than \"any\"") },
	{ wants_services, N_("[service NAME]") },
	{ wants_hooks, N_("[hook]") },
};

int profile_supported(const struct profile *profile, struct error *error)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++) {
		_cleanup_error_ struct error local = {};

		if (!unsupported[i].wanted(profile))
			continue;
		r = error_set(&local, EOPNOTSUPP, _("not supported by this version of nsctl: %s"),
			      _(unsupported[i].what));
		error_hint(&local, _("take it out of %s"), profile->path);
		error_add(error, &local);
	}
	return r;
}

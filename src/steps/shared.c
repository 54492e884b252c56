/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What spans the steps: taking up what an earlier daemon left, and what all profiles shared at the
 * end. */
#include <errno.h>
#include <sys/mount.h>

#include "netns_ahead.h"
#include "ruleset.h"
#include "step.h"

int instance_hold(const struct host *host, struct instance *instance, struct error *error)
{
	int r = netns_hold(instance, error);

	if (r == 0)
		r = mounts_hold(host, instance, error);
	return r < 0 ? r : 0;
}

bool instance_pinned(const struct host *host, const struct instance *instance)
{
	return (!instance->has_netns || netns_pinned(instance)) &&
	       (!instance->has_mounts || mounts_pinned(host, instance));
}

/* A `down` that failed left what stood on a link which is no more: it is looked for by the names of
 * then. */
static bool stands_on_nothing(const struct instance *instance)
{
	return !instance->interface[0] &&
	       (instance->forwards || instance->masquerades || instance->address.address.family);
}

int steps_renew_link(struct step_context *context, struct error *error)
{
	static const struct step *const standing[] = { &step_forward, &step_nat, &step_addresses,
						       &step_link };
	int outdated = link_is_outdated(context->instance, context->profile);

	if (outdated < 0)
		return error_oom(error);
	if (!outdated && !stands_on_nothing(context->instance))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(standing); i++) {
		int r = standing[i]->down(context, error);

		if (r < 0)
			return r;
	}
	return 1;
}

void steps_end(struct host *host)
{
	ruleset_end(host);
}

/* As long as the host is a router because of nsctl, the table keeps it from being everybody's. */
static int release_table(struct host *host, struct error *error)
{
	return host->sysctls ? 0 : ruleset_rebuild(host, error);
}

int host_release_unused(struct host *host, struct error *error)
{
	int r, s;

	if (host->unreadable)
		return 0;
	r = forward_release_unused(host, error);
	if (!ruleset_used(host))
		s = release_table(host, error);
	else
		s = ruleset_intact(host) ? 0 : ruleset_rebuild(host, error);
	r = r < 0 ? r : s;
	s = bridge_release_unused(host, error);
	return r < 0 ? r : s;
}

int host_release_forgotten(const struct host *host, struct error *error)
{
	return host->unreadable ? 0 : forward_release_forgotten(host, error);
}

/* RUNTIME/ns, and the private mount on it. */
static int release_directory(const struct host *host, struct error *error)
{
	_cleanup_free_ char *directory = str_format("%s/ns", host->runtime_directory);

	if (!directory)
		return error_oom(error);
	if (rmdir(directory) == 0 || errno == ENOENT)
		return 0;
	if (errno == EBUSY && umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 &&
	    rmdir(directory) == 0)
		return 0;
	return errno == ENOTEMPTY ? 0 /* what is in it is not ours */
				  : error_errno(error, errno, _("can't remove %s"), directory);
}

int host_release(struct host *host, struct error *error)
{
	int r = forward_release(host, error), s;

	s = release_table(host, error);
	r = r < 0 ? r : s;
	s = bridge_release(host, error);
	r = r < 0 ? r : s;
	s = netns_directory_release(host->netns_directory, error);
	r = r < 0 ? r : s;
	if (s == 0 && host->netns_directory) {
		host->netns_directory = 0;
		host->dirty = true;
	}
	s = release_directory(host, error);
	return r < 0 ? r : s;
}

void host_clear(struct host *host)
{
	netns_ahead_discard(host);
	while (host->instances) {
		struct instance *instance = host->instances;

		host->instances = instance->next;
		instance_free(instance);
	}
	while (host->bridges) {
		struct host_bridge *bridge = host->bridges;

		host->bridges = bridge->next;
		free(bridge);
	}
	forward_forget(host);
	rt_free(host->rt);
	nft_free(host->nft);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What spans the steps: taking up what an earlier daemon left, and what all profiles shared at the
 * end. */
#include <errno.h>
#include <sys/mount.h>

#include "netns_ahead.h"
#include "ruleset.h"
#include "step.h"

void instance_hold(const struct host *host, struct instance *instance)
{
	netns_hold(instance);
	mounts_hold(host, instance);
}

bool instance_pinned(const struct host *host, const struct instance *instance)
{
	return (!instance->has_netns || netns_pinned(instance)) &&
	       (!instance->has_mounts || mounts_pinned(host, instance));
}

int steps_renew_link(struct step_context *context, struct error *error)
{
	static const struct step *const standing[] = { &step_forward, &step_nat, &step_addresses,
						       &step_link };

	if (!link_is_outdated(context->instance, context->profile))
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

void host_release(struct host *host)
{
	_cleanup_free_ char *directory = str_format("%s/ns", host->runtime_directory);
	_cleanup_error_ struct error error = {};

	forward_release(host, &error);
	ruleset_rebuild(host, &error);
	bridge_release(host, &error);
	if (error.code)
		log_warning("%s", error_text(&error));
	netns_directory_release(host->netns_directory);
	host->netns_directory = 0;
	host->dirty = true;
	if (directory && rmdir(directory) < 0 && errno == EBUSY) { /* its private mount is on it */
		umount2(directory, MNT_DETACH | UMOUNT_NOFOLLOW);
		rmdir(directory);
	}
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

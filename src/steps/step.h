/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the step files share with each other. */
#pragma once

#include "nsctl/steps.h"

extern const struct step step_netns, step_mounts, step_bridge, step_link, step_addresses, step_nat,
	step_forward, step_aaaa;

/* Adds a sentence to what `up` tells the user. */
void step_warn(struct step_context *context, const char *format, ...) _printf_(2, 3);

/* RUNTIME/ns/NAME, or a file below it; NULL: out of memory. */
char *instance_directory(const struct host *host, const struct instance *instance,
			 const char *file);

struct host_bridge *host_bridge_find(const struct host *host, const char *name);
/* Was the bridge made by nsctl, or will it be? */
bool bridge_is_own(const struct host *host, const char *name);
/* Is another instance on this bridge? */
bool host_bridge_shared(const struct host *host, const struct instance *instance);

/* What host_release does for each step. */
/* The saved sysctls, without writing them. */
void forward_forget(struct host *host);
int forward_release(struct host *host, struct error *error);
int bridge_release(struct host *host, struct error *error);
/* The same for what no instance uses. */
int forward_release_unused(struct host *host, struct error *error);
int bridge_release_unused(struct host *host, struct error *error);
int forward_release_forgotten(const struct host *host, struct error *error);

/* Is the link made from another [link] or [route] than the profile has now? 1, 0 or -ENOMEM. */
int link_is_outdated(const struct instance *instance, const struct profile *profile);

/* Does the path inside the profile lead to a mount, and to this very file? Both by look-up from
 * outside. 1, 0, or a negative errno: who can't look must not mount there once more. */
int mounted_inside(const struct instance *instance, const char *path, const struct file_id *id);

/* A network namespace as every profile starts with, not pinned yet, and the sockets inside. */
struct netns_made {
	int fd;
	struct rt *rt;
	struct rt_monitor *monitor;
};
int netns_prepare(struct netns_made *ret, struct error *error);
void netns_made_clear(struct netns_made *made);
/* Are the pins where they should be? */
bool netns_pinned(const struct instance *instance);
bool mounts_pinned(const struct host *host, const struct instance *instance);
/* Take up the pinned namespaces of the record. mounts_hold: 1 held, 0 it is not there. */
int netns_hold(struct instance *instance, struct error *error);
int mounts_hold(const struct host *host, struct instance *instance, struct error *error);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * access: who may do what. Pure decisions on facts that others gathered; any doubt denies.
 */
#pragma once

#include "nsctl/base.h"
#include "peer.h"

/* Is the peer named by the [access] of a profile? Root needs no naming and is not asked here.
 * A name that nobody has admits nobody; a number is an id. */
bool access_admits(const struct peer *peer, char *const *users, char *const *groups);
/* The id of a group by name or number: 0 or negative errno. */
int access_group_id(const char *name, gid_t *ret);

/*
 * Would this caller get more from a privileged call than it has where it lives? 0, or -EPERM and
 * the reason: it is confined by no_new_privs, seccomp or a smaller bounding set, or lives in
 * another user, mount, PID or network namespace or another root directory than we do. `inside` says
 * which of its namespaces are those of a profile: a process in a profile is no stranger. Root is
 * free of what it could undo by itself.
 */
struct inside {
	bool mounts, network;
};
int access_check_stranger(uid_t uid, const struct standing *its, const struct standing *ours,
			  struct inside inside, struct error *error);

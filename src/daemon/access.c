/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Access: the decisions; see access.h for what is promised. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>

#include "access.h"
#include "nsctl/base.h"

#define NAME_BUFFER_MAX (1 << 20) /* a group may have many members */

/* A buffer for getpwnam_r and getgrnam_r, twice as large at each try. */
static bool grow(char **buffer, size_t *size)
{
	char *grown;

	*size = *size ? 2 * *size : 4096;
	if (*size > NAME_BUFFER_MAX)
		return false;
	grown = realloc(*buffer, *size);
	if (!grown)
		return false;
	*buffer = grown;
	return true;
}

/* (uid_t)-1 stands for "no change" in system calls and is nobody's. */
static int parse_id(const char *name, uint32_t *ret)
{
	unsigned long id;
	int r = str_to_uint(name, UINT32_MAX - 1, &id);

	if (r == 0)
		*ret = id;
	return r;
}

static int user_id(const char *name, uid_t *ret)
{
	_cleanup_free_ char *buffer = NULL;
	struct passwd entry, *found = NULL;
	size_t size = 0;
	int r;

	if (parse_id(name, ret) == 0)
		return 0;
	do {
		if (!grow(&buffer, &size))
			return -ENOMEM;
		r = getpwnam_r(name, &entry, buffer, size, &found);
	} while (r == ERANGE);
	if (r != 0 || !found)
		return r ? -r : -ENOENT;
	*ret = entry.pw_uid;
	return 0;
}

int access_group_id(const char *name, gid_t *ret)
{
	_cleanup_free_ char *buffer = NULL;
	struct group entry, *found = NULL;
	size_t size = 0;
	int r;

	if (parse_id(name, ret) == 0)
		return 0;
	do {
		if (!grow(&buffer, &size))
			return -ENOMEM;
		r = getgrnam_r(name, &entry, buffer, size, &found);
	} while (r == ERANGE);
	if (r != 0 || !found)
		return r ? -r : -ENOENT;
	*ret = entry.gr_gid;
	return 0;
}

bool access_admits(const struct peer *peer, char *const *users, char *const *groups)
{
	char *const *name;

	STRV_FOREACH(name, users) {
		uid_t uid = (uid_t)-1; /* nobody's */

		if (user_id(*name, &uid) == 0 && uid == peer->uid)
			return true;
	}
	STRV_FOREACH(name, groups) {
		gid_t gid = (gid_t)-1;

		if (access_group_id(*name, &gid) == 0 && peer_in_group(peer, gid))
			return true;
	}
	return false;
}

static bool may_enter_namespaces(const struct standing *standing)
{
	return standing->capabilities & (UINT64_C(1) << CAP_SYS_ADMIN);
}

static int check_namespaces(uid_t uid, const struct standing *its, const struct standing *ours,
			    struct inside inside, struct error *error)
{
	const char *foreign = NULL;

	/* capabilities of another user namespace mean nothing here, uid 0 or not */
	if (!file_id_equal(&its->user_ns, &ours->user_ns))
		return error_set(error, EPERM, _("the caller is in another user namespace"));
	if (!file_id_equal(&its->root, &ours->root))
		foreign = _("the caller is in another root directory");
	else if (!inside.mounts && !file_id_equal(&its->mount_ns, &ours->mount_ns))
		foreign = _("the caller is in another mount namespace");
	else if (!inside.mounts && !file_id_equal(&its->pid_ns, &ours->pid_ns))
		foreign = _("the caller is in another PID namespace");
	/* root could go to any network by itself, or is kept from it by more than a namespace */
	else if (uid != 0 && !inside.network && !file_id_equal(&its->net_ns, &ours->net_ns))
		foreign = _("the caller is in another network namespace, of no profile that is up");
	/* a service of root's with a mount namespace of its own could enter ours by itself */
	if (!foreign || (uid == 0 && may_enter_namespaces(its)))
		return 0;
	return error_set(error, EPERM, "%s", foreign);
}

int access_check_stranger(uid_t uid, const struct standing *its, const struct standing *ours,
			  struct inside inside, struct error *error)
{
	int r = check_namespaces(uid, its, ours, inside, error);

	if (r == 0 && uid != 0 && its->no_new_privs)
		r = error_set(error, EPERM, _("the caller may gain no privileges (no_new_privs)"));
	if (r == 0 && uid != 0 && its->seccomp)
		r = error_set(error, EPERM, _("the caller is confined by seccomp"));
	/* what a set-user-ID program may do there, it may not do where the caller lives */
	if (r == 0 && uid != 0 && (ours->bounding & ~its->bounding))
		r = error_set(error, EPERM,
			      _("the caller is confined by its capability bounding set"));
	if (r < 0)
		error_hint(error, _("a sandbox must not be left through nsctld; run nsctl outside "
				    "of it"));
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From root to the caller inside the profile.
 *
 * Starts with root's rights and promises: either every step succeeded, or an error is returned and
 * no command must be run. The rights are given up once, at the end of what needs them, and that
 * they are gone is looked up, not assumed. Nothing is looked up by name (users, groups, libraries)
 * once the mount namespace is entered.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "session_private.h"

/* Sealed: what is checked here can't be changed by anyone afterwards. */
int request_receive(int fd, struct session_request *ret, struct error *error)
{
	const int needed = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS), r;
	_cleanup_free_ char *data = NULL;
	size_t length;

	if (seals < 0 || (seals & needed) != needed)
		return error_set(error, EBADMSG, _("the request is not sealed"));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(error, errno, _("can't read the request"));
	r = file_read_fd(fd, SESSION_ENCODED_MAX, &data, &length);
	if (r < 0)
		return error_errno(error, r, _("can't read the request"));
	r = session_request_decode(data, length, ret);
	return r < 0 ? error_errno(error, r, _("can't read the request")) : 0;
}

static int join_namespaces(const struct session_request *request, struct error *error)
{
	const struct {
		bool wanted;
		int type;
		const char *name;
	} namespaces[] = {
		{ request->network_namespace, CLONE_NEWNET, N_("network") },
		{ request->mount_namespace, CLONE_NEWNS, N_("mount") },
	};
	int fd = SESSION_FD_NAMESPACES;

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		if (!namespaces[i].wanted)
			continue;
		if (setns(fd++, namespaces[i].type) < 0)
			return error_errno(error, errno, _("can't enter the %s namespace"),
					   _(namespaces[i].name));
	}
	return 0;
}

/* Permitted and effective must be empty by now; inheritable ones, which nsctld may have been
 * started with, would come back through files that have them. */
static int check_capabilities(struct error *error)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &header, data) < 0)
		return error_errno(error, errno, _("can't read the capabilities"));
	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		if (data[i].effective || data[i].permitted)
			return error_set(error, EPERM, _("the capabilities were not given up"));
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return error_errno(error, errno, _("can't give up the inheritable capabilities"));
	return 0;
}

static int check_dropped(const struct session_request *request, struct error *error)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return error_errno(error, errno, _("can't read the user ids"));
	if (ruid != request->uid || euid != request->uid || suid != request->uid ||
	    rgid != request->gid || egid != request->gid || sgid != request->gid)
		return error_set(error, EPERM, _("the user was not changed"));
	if (request->uid == 0)
		return 0;
	/* neither of them may work, and each would undo the drop if it did: so this ends here */
	if (setuid(0) == 0 || seteuid(0) == 0 || setgroups(0, NULL) == 0)
		return error_set(error, EPERM, _("the rights of root were not given up"));
	return check_capabilities(error);
}

static int drop(const struct session_request *request, struct error *error)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return error_errno(error, errno, _("can't clear the ambient capabilities"));
	if (setgroups(request->n_groups, request->groups) < 0)
		return error_errno(error, errno, _("can't set the groups"));
	if (setresgid(request->gid, request->gid, request->gid) < 0)
		return error_errno(error, errno, _("can't become group %u"), request->gid);
	if (setresuid(request->uid, request->uid, request->uid) < 0)
		return error_errno(error, errno, _("can't become user %u"), request->uid);
	return check_dropped(request, error);
}

static int become_session(const struct session_request *request, struct error *error)
{
	if (setsid() < 0 && getsid(0) != getpid())
		return error_errno(error, errno, _("can't start a session"));
	if (setpriority(PRIO_PROCESS, 0, request->nice) < 0)
		return error_errno(error, errno, _("can't set nice value %d"), request->nice);
	umask(request->umask);
	/* whoever started nsctld may have set one; a session outlives nsctld */
	if (prctl(PR_SET_PDEATHSIG, 0) < 0)
		return error_errno(error, errno, _("can't clear the parent's death signal"));
	return 0;
}

static int change_directory(const char *directory, struct error *error)
{
	_cleanup_free_ char *shown = NULL;
	int r;

	if (*directory == '/' && chdir(directory) == 0)
		return 0;
	r = errno;
	shown = str_escape(directory, strlen(directory));
	if (*directory != '/')
		return error_set(error, EINVAL, _("can't enter directory \"%s\": no absolute path"),
				 shown ?: "");
	error_errno(error, r, _("can't enter directory %s"), shown ?: "");
	error_hint(error, _("name another one with --chdir"));
	return -r;
}

int enter(const struct session_request *request, struct error *error)
{
	int r = become_session(request, error);

	if (r >= 0)
		r = join_namespaces(request, error);
	/* the request and the namespaces are done with: exactly 0, 1, 2 and the connection are left
	 */
	if (r >= 0 && close_range(SESSION_FD_REQUEST, ~0U, 0) < 0)
		r = error_errno(error, errno, _("can't close what is not the command's"));
	if (r >= 0)
		r = drop(request, error);
	/* The caller's uid alone would let the caller trace the leader and speak in its name. */
	if (r >= 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = error_errno(error, errno, _("can't close itself to tracing"));
	if (r >= 0)
		r = session_new_keyring(error);
	/* by name and with the caller's own rights: an fd would lead back out of the profile */
	if (r >= 0)
		r = change_directory(request->directory, error);
	return r;
}

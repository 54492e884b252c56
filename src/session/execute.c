/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The last steps before a command, shared by both ways to run one: nsctl itself and nsctl-session.
 */
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>

#include "nsctl/session.h"

int session_new_keyring(struct error *error)
{
	/* a kernel without keys has none to give away */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return error_errno(error, errno, _("can't make a session keyring"));
	return 0;
}

/* Is there any file of this name in PATH, as far as may be seen? */
static bool is_in_path(const char *name)
{
	const char *path = getenv("PATH") ?: "/bin:/usr/bin";

	for (;;) {
		size_t length = strcspn(path, ":");
		/* an empty element is the current directory */
		_cleanup_free_ char *file =
			str_format("%.*s%s%s", (int)length, path, length ? "/" : "./", name);

		if (file && access(file, F_OK) == 0)
			return true;
		if (!path[length])
			return false;
		path += length + 1;
	}
}

/* Shells tell "not there" from "not to be run", and so do we. */
int session_execute(char *const *arguments, int *ret_status)
{
	const char *name = arguments[0];
	int code;

	execvp(name, arguments);
	code = errno;
	/* a directory in PATH that may not be searched says EACCES though nothing is there */
	if (code == EACCES && !strchr(name, '/') && !is_in_path(name))
		code = ENOENT;
	*ret_status = code == ENOENT ? SESSION_EXIT_NOT_FOUND : SESSION_EXIT_NOT_RUNNABLE;
	return -code;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec for root: nsctl itself joins the namespaces and becomes the command. Same process, same
 * terminal, same cgroup; signals are left as they are. (As another user from a terminal, a child of
 * nsctl's does: exec_session.c.) Users are looked up before the mount
 * namespace is entered: afterwards the files that name them are the profile's.
 */
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <string.h>

#include "cli.h"
#include "nsctl/session.h"

/* ---- who it will be -------------------------------------------------------------------- */

struct identity {
	bool wanted;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int n_groups;
	char *name, *home, *shell;
};

static void identity_clear(struct identity *identity)
{
	free(identity->groups);
	free(identity->name);
	free(identity->home);
	free(identity->shell);
}

static const struct passwd *find_user(const char *user)
{
	const struct passwd *entry = getpwnam(user);
	unsigned long number;

	if (!entry && str_to_uint(user, UINT32_MAX - 1, &number) == 0)
		entry = getpwuid(number);
	return entry;
}

/* getgrouplist(3) knows no failure: what it could not read it takes for the end. */
static bool was_read(int code)
{
	static const int failures[] = { EMFILE, ENFILE, ENOMEM, EINTR, EIO, EPERM, EACCES, ENOSPC };

	for (size_t i = 0; i < ARRAY_SIZE(failures); i++)
		if (code == failures[i])
			return false;
	return true;
}

static int find_groups(struct identity *identity)
{
	int n = 64, r;

	for (;;) {
		gid_t *grown = array_grow(identity->groups, n, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		identity->groups = grown;
		identity->n_groups = n;
		errno = 0;
		r = getgrouplist(identity->name, identity->gid, grown, &identity->n_groups);
		if (!was_read(errno))
			return -errno;
		if (r >= 0)
			return 0;
		/* it says how many there are; never less than before, lest this go on for ever */
		n = identity->n_groups > n ? identity->n_groups : 2 * n;
	}
}

static int identity_find(const char *user, struct identity *ret, struct error *error)
{
	struct identity identity = { .wanted = true };
	const struct passwd *entry = find_user(user);
	_cleanup_free_ char *shown = NULL;
	int r;

	if (!entry) {
		shown = str_escape(user, strlen(user));
		return error_set(error, ENOENT, _("there is no user \"%s\""), shown ?: "");
	}
	identity.uid = entry->pw_uid;
	identity.gid = entry->pw_gid;
	identity.name = strdup(entry->pw_name);
	identity.home = strdup(entry->pw_dir);
	identity.shell = strdup(str_empty(entry->pw_shell) ? "/bin/sh" : entry->pw_shell);
	r = identity.name && identity.home && identity.shell ? find_groups(&identity) : -ENOMEM;
	if (r < 0) {
		identity_clear(&identity);
		return error_errno(error, r, _("can't find out the groups of user %s"),
				   entry->pw_name);
	}
	*ret = identity;
	return 0;
}

/* In this order, each checked, and then shown to be for good. */
static int identity_become(const struct identity *identity, struct error *error)
{
	if (setgroups(identity->n_groups, identity->groups) < 0 ||
	    setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
	    setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return error_errno(error, errno, _("can't become user %s"), identity->name);
	if (identity->uid != 0 && setuid(0) == 0)
		return error_set(error, EPERM, _("the rights of root were not given up"));
	/* root's session keyring stays root's */
	if (identity->uid != 0 && session_new_keyring(error) < 0)
		return -EPERM;
	if (setenv("HOME", identity->home, 1) < 0 || setenv("USER", identity->name, 1) < 0 ||
	    setenv("LOGNAME", identity->name, 1) < 0 || setenv("SHELL", identity->shell, 1) < 0)
		return error_oom(error);
	return 0;
}

/* ---- getting there --------------------------------------------------------------------- */

static int namespace_type(const char *name)
{
	static const struct {
		const char *name;
		int type;
	} types[] = { { "network", CLONE_NEWNET }, { "mount", CLONE_NEWNS } };

	for (size_t i = 0; name && i < ARRAY_SIZE(types); i++)
		if (str_equal(types[i].name, name))
			return types[i].type;
	return -1;
}

static int enter_namespaces(const json_t *names, const int *fds, size_t n_fds, struct error *error)
{
	const json_t *name;
	size_t i;

	if (json_array_size(names) != n_fds)
		return error_set(error, EBADMSG, _("nsctld's answer makes no sense"));
	json_array_foreach(names, i, name) {
		int type = namespace_type(json_string_value(name));

		/* leaving one out would run the command where it must not be */
		if (type < 0)
			return error_set(error, EBADMSG,
					 _("the profile has a namespace that this "
					   "nsctl does not know; is it too old?"));
		if (setns(fds[i], type) < 0)
			return error_errno(error, errno, _("can't enter the %s namespace"),
					   json_string_value(name));
	}
	return 0;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close_fd(fds[i]);
}

static bool are_same(const int *a, size_t n_a, const int *b, size_t n_b)
{
	struct file_id id_a, id_b;

	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (file_id_of(a[i], &id_a) < 0 || file_id_of(b[i], &id_b) < 0 ||
		    !file_id_equal(&id_a, &id_b))
			return false;
	return true;
}

/* Whoever takes the profile down finds us from now on. It may have gone before: nobody knew of us
 * then, and the command would run in what is left. */
static int check_still_up(struct ipc_connection *connection, const struct exec *exec,
			  const int *fds, size_t n_fds, struct error *error)
{
	json_auto_t *reply = NULL;
	int now[IPC_FDS_MAX], r;
	size_t n_now;

	r = client_call(connection, "Join", json_pack("{s:s}", "profile", exec->profile), NULL, 0,
			0, &reply, error);
	if (r < 0)
		return r;
	n_now = ipc_take_fds(connection, now);
	if (!are_same(fds, n_fds, now, n_now)) {
		r = error_set(error, ESTALE, _("profile %s was made anew just now"), exec->profile);
		error_hint(error, "%s", _("try again"));
	}
	close_all(now, n_now);
	return r;
}

static int join(const struct cli *cli, const struct exec *exec, struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	json_auto_t *reply = NULL;
	int fds[IPC_FDS_MAX], r;
	size_t n_fds = 0;

	r = client_ask(cli, "Join", exec->profile, &connection, &reply, error);
	if (r < 0)
		return r;
	n_fds = ipc_take_fds(connection, fds);
	r = enter_namespaces(json_object_get(reply, "namespaces"), fds, n_fds, error);
	if (r == 0)
		r = check_still_up(connection, exec, fds, n_fds, error);
	close_all(fds, n_fds);
	return r;
}

/* By its name: what was open before is a directory of another mount namespace. Nowhere else: a
 * command in a directory that it was not meant for does harm. */
static int change_directory(const char *directory, struct error *error)
{
	_cleanup_free_ char *shown = NULL;
	int r;

	if (chdir(directory) == 0)
		return 0;
	r = errno;
	shown = str_escape(directory, strlen(directory));
	error_errno(error, r, _("can't enter directory %s"), shown ?: "");
	error_hint(error, _("name another one with --chdir"));
	return -r;
}

/* The command gets 0, 1 and 2: a stray directory of the shell's would lead out of the profile. What
 * a service manager passes (sd_listen_fds(3)) is meant for it, and was addressed to this very
 * process. */
static int close_others(struct error *error)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	unsigned long n = 0, owner;

	if (!fds || !pid || str_to_uint(pid, INT_MAX, &owner) < 0 ||
	    owner != (unsigned long)getpid() || str_to_uint(fds, 1 << 16, &n) < 0)
		n = 0;
	if (close_range(STDERR_FILENO + 1 + n, ~0U, 0) < 0)
		return error_errno(error, errno, _("can't close what is not the command's"));
	return 0;
}

/* What becomes of a process of ours. */
struct change {
	const struct cli *cli;
	const struct exec *exec;
	const struct identity *identity;
};

static int become(void *userdata, struct error *error)
{
	const struct change *change = userdata;
	int r = join(change->cli, change->exec, error);

	if (r >= 0 && change->identity->wanted)
		r = identity_become(change->identity, error);
	if (r >= 0)
		r = change_directory(change->exec->directory, error);
	if (r >= 0 && setenv("NSCTL_PROFILE", change->exec->profile, 1) < 0)
		r = error_oom(error);
	return r;
}

/* A nsctld that does not run yet is started first: while the terminal is ours to say why it can't
 * be. */
static int exec_as_other(struct change *change, struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	int r = client_connect(change->cli, &connection, error);

	if (r < 0)
		return r;
	ipc_connection_free(TAKE_PTR(connection));
	return exec_in_session(change->exec, change->identity->uid, become, change, error);
}

int exec_as_root(const struct cli *cli, const struct exec *exec, struct error *error)
{
	_cleanup_(identity_clear) struct identity identity = {};
	struct change change = { cli, exec, &identity };
	_cleanup_free_ char *shown = NULL;
	int r = 0, status;

	/* catalogues are read at the first message: not from inside the profile */
	gettext("out of memory");
	if (exec->user)
		r = identity_find(exec->user, &identity, error);
	if (r >= 0 && identity.uid != 0 && exec_has_terminal())
		return exec_as_other(&change, error);
	if (r >= 0)
		r = become(&change, error);
	if (r >= 0)
		r = close_others(error);
	if (r < 0)
		return r;
	r = session_execute(exec->command, &status);
	shown = str_escape(exec->command[0], strlen(exec->command[0]));
	if (status == SESSION_EXIT_NOT_FOUND && !strchr(exec->command[0], '/'))
		error_set(error, r, _("can't run %s: command not found"),
			  str_empty(shown) ? "\"\"" : shown);
	else
		error_errno(error, r, _("can't run %s"), shown ?: "");
	return status;
}

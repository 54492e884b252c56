/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctld, as the commands see it: a connection, made with nsctld started where root may do that,
 * and calls whose errors are sentences.
 */
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli.h"

/* ---- starting nsctld ------------------------------------------------------------------- */

/* A program beside this one, as in a build tree; NULL where there is none. */
static char *find_beside(const char *name)
{
	_cleanup_free_ char *self = realpath("/proc/self/exe", NULL), *path = NULL;
	char *slash = self ? strrchr(self, '/') : NULL;

	if (!slash)
		return NULL;
	path = str_format("%.*s/%s", (int)(slash - self), self, name);
	return path && access(path, X_OK) == 0 ? TAKE_PTR(path) : NULL;
}

/* --NAME=PATH with an absolute path: nsctld leaves the directory that it is started in. */
static int add_path(char ***arguments, const char *name, const char *path)
{
	_cleanup_free_ char *current = *path == '/' ? NULL : getcwd(NULL, 0);

	return strv_take(arguments,
			 str_format("--%s=%s%s%s", name, current ?: "", current ? "/" : "", path));
}

static int daemon_arguments(const struct cli *cli, char ***ret)
{
	_cleanup_free_ char *beside = cli->daemon ? NULL : find_beside("nsctld");
	_cleanup_free_ char *session = beside ? find_beside("nsctl-session") : NULL;
	_cleanup_strv_ char **v = NULL;
	char *const *directory;
	int r = strv_add(&v, cli->daemon ?: beside ?: SBINDIR "/nsctld");

	if (r >= 0)
		r = strv_add(&v, "--background");
	if (r >= 0 && !str_equal(cli->socket, IPC_SOCKET))
		r = add_path(&v, "socket", cli->socket);
	if (r >= 0 && session)
		r = add_path(&v, "session-program", session);
	STRV_FOREACH(directory, cli->profiles)
		if (r >= 0)
			r = add_path(&v, "profiles", *directory);
	if (r >= 0)
		*ret = TAKE_PTR(v);
	return r;
}

/* nsctld started inside a profile would take that for the machine. Where PID 1's is not to be seen,
 * there is no telling, and the caller is believed. */
static bool in_the_machines_network(void)
{
	struct stat own, first;

	return stat("/proc/self/ns/net", &own) < 0 || stat("/proc/1/ns/net", &first) < 0 ||
	       (own.st_dev == first.st_dev && own.st_ino == first.st_ino);
}

/* Returns when nsctld has gone to the background and listens. It says itself, on stderr, why it
 * can't. */
static int start_daemon(const struct cli *cli, struct error *error)
{
	_cleanup_strv_ char **arguments = NULL;
	posix_spawn_file_actions_t actions;
	int r, status = 0;
	pid_t pid;

	if (!in_the_machines_network()) {
		error_set(error, ENOENT,
			  _("nsctld is not running, and can't be started from inside another "
			    "network than the machine's"));
		error_hint(error, _("start it outside: sudo nsctl status"));
		return -ENOENT;
	}
	if (daemon_arguments(cli, &arguments) < 0)
		return error_oom(error);
	/* it outlives us: whoever reads our output must not wait for it */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	r = posix_spawn(&pid, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0) {
		error_errno(error, r, _("can't start %s"), arguments[0]);
		error_hint(error, _("another one can be named with --daemon"));
		return -r;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(error, EIO, _("nobody listens on %s, and %s did not start"),
				 cli->socket, arguments[0]);
	return 0;
}

/* ---- connecting ------------------------------------------------------------------------ */

static int connect_failed(const struct cli *cli, int r, struct error *error)
{
	if (r == -ENOENT || r == -ECONNREFUSED) {
		error_set(error, -r, _("nsctld is not running"));
		if (access("/run/systemd/system", F_OK) == 0)
			error_hint(error, _("root starts it: systemctl start nsctld.socket"));
		else
			error_hint(error, _("root starts it: sudo nsctl status"));
		return r;
	}
	error_errno(error, r, _("can't connect to nsctld at %s"), cli->socket);
	if (r == -EACCES || r == -EPERM)
		error_hint(error, _("root decides who may, by \"group\" in %s"),
			   SYSCONFDIR "/nsctl/nsctld.ini");
	return r;
}

int client_connect_only(const struct cli *cli, struct ipc_connection **ret, struct error *error)
{
	int r = ipc_connect(cli->socket, ret);

	return r < 0 ? connect_failed(cli, r, error) : 0;
}

int client_connect(const struct cli *cli, struct ipc_connection **ret, struct error *error)
{
	int r = ipc_connect(cli->socket, ret), started = 0;

	if ((r == -ENOENT || r == -ECONNREFUSED) && geteuid() == 0) {
		started = start_daemon(cli, error);
		r = ipc_connect(cli->socket, ret); /* two at once: the other one's serves as well */
		if (r == 0)
			error_clear(error);
		else if (started < 0)
			return started;
	}
	return r < 0 ? connect_failed(cli, r, error) : 0;
}

/* ---- calling --------------------------------------------------------------------------- */

const char *json_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* Errors of Varlink itself, which carry no message. */
static int protocol_error(const char *name, const json_t *parameters, struct error *error)
{
	const char *method = json_text(parameters, "method"), *parameter;
	int r;

	if (method && (str_equal(name, "org.varlink.service.MethodNotFound") ||
		       str_equal(name, "org.varlink.service.MethodNotImplemented"))) {
		r = error_set(error, ENOSYS, _("nsctld does not know how to do this (%s)"), method);
		error_hint(error, _("is it older than nsctl? restart it"));
		return r;
	}
	parameter = json_text(parameters, "parameter");
	if (parameter && str_equal(name, "org.varlink.service.InvalidParameter"))
		return error_set(error, EINVAL, _("nsctld refuses the value of \"%s\""), parameter);
	return error_set(error, EREMOTEIO, _("nsctld answers: %s"), name);
}

static int call_failed(int r, const char *name, const json_t *parameters, struct error *error)
{
	const char *message = json_text(parameters, "message"),
		   *hint = json_text(parameters, "hint");

	if (r == -EREMOTEIO && message) {
		error_set(error, -r, "%s", message);
		if (hint)
			error_hint(error, "%s", hint);
		return r;
	}
	if (r == -EREMOTEIO)
		return protocol_error(name ?: "?", parameters, error);
	if (r == -ECONNRESET || r == -EPIPE) {
		error_set(error, -r, _("nsctld has closed the connection"));
		error_hint(error, _("if it was stopped or restarted just now, say it again"));
		return r;
	}
	if (r == -EBADMSG)
		return error_set(error, -r, _("nsctld's answer makes no sense"));
	return error_errno(error, r, _("can't ask nsctld"));
}

int client_call(struct ipc_connection *connection, const char *method, json_t *parameters,
		const int *fds, size_t n_fds, unsigned flags, json_t **ret, struct error *error)
{
	_cleanup_free_ char *name = NULL;
	json_t *reply = NULL;
	int r = ipc_call(connection, method, parameters, fds, n_fds, flags, &reply, &name);

	if (r < 0) {
		call_failed(r, name, reply, error);
		json_decref(reply);
		return r;
	}
	*ret = reply;
	return 0;
}

int client_ask(const struct cli *cli, const char *method, const char *profile,
	       struct ipc_connection **ret_connection, json_t **ret, struct error *error)
{
	json_t *parameters = json_pack("{s:s}", "profile", profile);
	int r;

	if (!parameters)
		return error_set(error, EILSEQ, _("no profile has such a name"));
	r = client_connect(cli, ret_connection, error);
	if (r < 0) {
		json_decref(parameters);
		return r;
	}
	return client_call(*ret_connection, method, parameters, NULL, 0, 0, ret, error);
}

int client_call_next(struct ipc_connection *connection, json_t **ret, struct error *error)
{
	_cleanup_free_ char *name = NULL;
	json_t *reply = NULL;
	int r = ipc_call_next(connection, &reply, &name);

	if (r < 0) {
		call_failed(r, name, reply, error);
		json_decref(reply);
		return r;
	}
	if (r > 0)
		*ret = reply;
	return r;
}

int json_strings(char *const *strings, json_t **ret, struct error *error)
{
	json_auto_t *array = json_array();
	char *const *s;

	if (!array)
		return error_oom(error);
	STRV_FOREACH(s, strings) {
		json_t *string = json_string(*s);

		if (!string) {
			_cleanup_free_ char *shown = str_escape(*s, strlen(*s));

			return error_set(error, EILSEQ, _("\"%s\" is not UTF-8"), shown ?: "");
		}
		if (json_array_append_new(array, string) < 0)
			return error_oom(error);
	}
	*ret = TAKE_PTR(array);
	return 0;
}

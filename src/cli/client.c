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

/* The one asked for, the one beside this program (a build tree), the installed one. */
static char *find_daemon(const struct cli *cli)
{
	static const char name[] = "nsctld";
	char self[4096], *slash;
	ssize_t n;

	if (cli->daemon)
		return strdup(cli->daemon);
	n = readlink("/proc/self/exe", self, sizeof(self) - sizeof(name));
	if (n > 0 && (size_t)n < sizeof(self) - sizeof(name)) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash) {
			strcpy(slash + 1, name);
			if (access(self, X_OK) == 0)
				return strdup(self);
		}
	}
	return strdup(SBINDIR "/nsctld");
}

static int daemon_arguments(const struct cli *cli, const char *path, char ***ret)
{
	_cleanup_strv_ char **v = NULL;
	char *const *directory;
	int r = strv_add(&v, path);

	if (r >= 0)
		r = strv_add(&v, "--background");
	if (r >= 0)
		r = strv_take(&v, str_format("--socket=%s", cli->socket));
	STRV_FOREACH(directory, cli->profiles)
		if (r >= 0)
			r = strv_take(&v, str_format("--profiles=%s", *directory));
	if (r >= 0)
		*ret = TAKE_PTR(v);
	return r;
}

/* Returns when nsctld has gone to the background and listens. It says itself, on stderr, why it
 * can't. */
static int start_daemon(const struct cli *cli, struct error *error)
{
	_cleanup_free_ char *path = find_daemon(cli);
	_cleanup_strv_ char **arguments = NULL;
	posix_spawn_file_actions_t actions;
	int r, status = 0;
	pid_t pid;

	if (!path || daemon_arguments(cli, path, &arguments) < 0)
		return error_oom(error);
	/* it outlives us: whoever reads our output must not wait for it */
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	r = posix_spawn(&pid, path, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return error_errno(error, r, _("can't start %s"), path);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(error, EIO, _("%s did not start"), path);
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

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* Errors of Varlink itself, which carry no message. */
static int protocol_error(const char *name, const json_t *parameters, struct error *error)
{
	const char *method = text_of(parameters, "method"), *parameter;
	int r;

	if (method && (str_equal(name, "org.varlink.service.MethodNotFound") ||
		       str_equal(name, "org.varlink.service.MethodNotImplemented"))) {
		r = error_set(error, ENOSYS, _("nsctld does not know how to do this (%s)"), method);
		error_hint(error, _("is it older than nsctl? restart it"));
		return r;
	}
	parameter = text_of(parameters, "parameter");
	if (parameter && str_equal(name, "org.varlink.service.InvalidParameter"))
		return error_set(error, EINVAL, _("nsctld refuses the value of \"%s\""), parameter);
	return error_set(error, EREMOTEIO, _("nsctld answers: %s"), name);
}

static int call_failed(int r, const char *name, const json_t *parameters, struct error *error)
{
	const char *message = text_of(parameters, "message"), *hint = text_of(parameters, "hint");

	if (r == -EREMOTEIO && message) {
		error_set(error, -r, "%s", message);
		if (hint)
			error_hint(error, "%s", hint);
		return r;
	}
	if (r == -EREMOTEIO)
		return protocol_error(name ?: "?", parameters, error);
	if (r == -ECONNRESET || r == -EPIPE)
		return error_set(error, -r, _("nsctld has closed the connection"));
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

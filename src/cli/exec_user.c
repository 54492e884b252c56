/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec for everybody but root: nsctld starts the command's session, which gets our stdin, stdout
 * and stderr from us, and we speak with it until the command has ended. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "nsctl/session.h"
#include "relay.h"

/* JSON carries UTF-8 only: where anything else is among them, all are told byte by byte. */
static json_t *word(const char *s, bool latin1)
{
	_cleanup_free_ char *characters = latin1 ? str_from_latin1(s) : NULL;

	return json_string(latin1 ? characters : s);
}

static json_t *words(char *const *strings, bool latin1)
{
	json_t *array = json_array();
	char *const *s;

	STRV_FOREACH(s, strings)
		if (json_array_append_new(array, word(*s, latin1)) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

/* Command, environment and directory. NULL when one is no UTF-8 (or without memory). */
static json_t *build_words(const struct exec *exec, bool latin1)
{
	json_t *command = words(exec->command, latin1), *environment = words(environ, latin1);

	return json_pack("{s:s, s:o, s:o, s:o}", "profile", exec->profile, "command", command,
			 "environment", environment, "directory", word(exec->directory, latin1));
}

static json_t *ignored_numbers(void)
{
	uint64_t ignored = signals_ignored();
	json_t *array = json_array();

	for (int number = 1; number <= 64; number++)
		if (ignored & UINT64_C(1) << (number - 1))
			json_array_append_new(array, json_integer(number));
	return array;
}

static int build_parameters(const struct exec *exec, json_t **ret, struct error *error)
{
	json_auto_t *parameters = NULL, *ignored = NULL;
	mode_t mask = umask(0);

	umask(mask);
	parameters = build_words(exec, false);
	if (!parameters) {
		parameters = build_words(exec, true);
		json_object_set_new(parameters, "latin1", json_true());
	}
	if (!parameters)
		return error_set(error, EILSEQ, _("the profile's name is not UTF-8"));
	json_object_set_new(parameters, "umask", json_integer(mask));
	/* left out where there are none, as nearly always */
	ignored = ignored_numbers();
	if (json_array_size(ignored) > 0)
		json_object_set(parameters, "ignored", ignored);
	*ret = TAKE_PTR(parameters);
	return 0;
}

/* The command has them now. A reader or writer at the other end must not wait for us as well. */
static void let_go_of_pipes(void)
{
	_cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return;
	dup2(null_fd, STDIN_FILENO);
	dup2(null_fd, STDOUT_FILENO);
}

/* From the reply to the end. Signals wait from here on: one that comes while the terminal is made
 * is for the command, and no change of size gets lost. */
int exec_speak(int fd, uid_t owner, const void *rest, size_t rest_length, struct error *error)
{
	int fds[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	_cleanup_(terminal_close) struct terminal terminal = TERMINAL_NONE;
	enum session_terminal state = SESSION_TERMINAL_NONE;
	int r = relay_block_signals();

	if (r < 0)
		return error_errno(error, r, _("can't watch for signals"));
	r = terminal_open(&terminal, fds, error);
	if (r < 0)
		return r;
	/* programs open it by its name too */
	if (terminal_exists(&terminal) && owner != geteuid() &&
	    fchown(terminal.slave_fd, owner, -1) < 0)
		return error_errno(error, errno, _("can't make a terminal"));
	if (terminal_exists(&terminal))
		state = terminal.whole && terminal_in_foreground(&terminal)
				? SESSION_TERMINAL_FOREGROUND
				: SESSION_TERMINAL_BACKGROUND;
	/* a session that has gone already left a message that says why */
	r = session_send_stdio(fd, fds, state, terminal.master_fd);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return error_errno(error, r, _("can't hand over standard input and output"));
	let_go_of_pipes();
	return relay_run(fd, &terminal, state == SESSION_TERMINAL_FOREGROUND, rest, rest_length,
			 error);
}

int exec_as_user(const struct cli *cli, const struct exec *exec, struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	json_auto_t *reply = NULL, *parameters = NULL;
	_cleanup_free_ void *rest = NULL;
	_cleanup_close_ int fd = -1;
	size_t rest_length = 0;
	int r;

	if (exec->user) {
		r = error_set(error, EPERM, _("only root may run a command as another user"));
		error_hint(error, _("sudo nsctl exec -u USER ..."));
		return r;
	}
	r = build_parameters(exec, &parameters, error);
	if (r >= 0)
		r = client_connect(cli, &connection, error);
	if (r >= 0)
		r = client_call(connection, "Exec", TAKE_PTR(parameters), NULL, 0, IPC_CALL_UPGRADE,
				&reply, error);
	if (r < 0)
		return r;
	fd = ipc_release(TAKE_PTR(connection), &rest, &rest_length);
	if (fd < 0)
		return error_errno(error, fd, _("can't take the connection over"));
	return exec_speak(fd, geteuid(), rest, rest_length, error);
}

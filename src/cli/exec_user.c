/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec for everybody but root: nsctld starts the command's session, which gets our stdin, stdout
 * and stderr from us, and we speak with it until the command has ended. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "nsctl/session.h"
#include "relay.h"

static char *absolute_directory(const char *directory, struct error *error)
{
	_cleanup_free_ char *current = NULL;
	bool absolute = directory && *directory == '/';
	char *joined;

	current = absolute ? NULL : getcwd(NULL, 0);
	if (!absolute && !current) {
		error_errno(error, errno, _("can't tell the current directory"));
		error_hint(error, _("name one with --chdir"));
		return NULL;
	}
	joined = absolute    ? strdup(directory)
		 : directory ? str_format("%s/%s", current, directory)
			     : strdup(current);
	if (!joined)
		error_oom(error);
	return joined;
}

/* JSON carries UTF-8 only: a variable that is none is left out, and said to be. */
static int environment_strings(json_t **ret, struct error *error)
{
	json_auto_t *array = json_array();

	if (!array)
		return error_oom(error);
	for (char **s = environ; *s; s++) {
		json_t *string = json_string(*s);

		if (!string) {
			_cleanup_free_ char *name = str_escape(*s, strcspn(*s, "="));

			report_warning(_("the variable %s is not UTF-8 and is left out"),
				       name ?: "");
		} else if (json_array_append_new(array, string) < 0) {
			return error_oom(error);
		}
	}
	*ret = TAKE_PTR(array);
	return 0;
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
	_cleanup_free_ char *directory = absolute_directory(exec->directory, error);
	json_auto_t *command = NULL, *environment = NULL, *ignored = NULL;
	mode_t mask = umask(0);
	int r;

	umask(mask);
	if (!directory)
		return -ENOENT;
	r = json_strings(exec->command, &command, error);
	if (r >= 0)
		r = environment_strings(&environment, error);
	if (r < 0)
		return r;
	ignored = ignored_numbers();
	*ret = json_pack("{s:s, s:O, s:O, s:s, s:i}", "profile", exec->profile, "command", command,
			 "environment", environment, "directory", directory, "umask", (int)mask);
	if (!*ret)
		return error_set(error, EILSEQ, _("the profile or the directory is not UTF-8"));
	/* left out where there are none, as nearly always */
	if (json_array_size(ignored) > 0)
		json_object_set(*ret, "ignored", ignored);
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
static int speak(int fd, const void *rest, size_t rest_length, struct error *error)
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
	return speak(fd, rest, rest_length, error);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl exec: a command inside a profile. Which way it goes is decided here; what is common too. */
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>

#include "cli.h"

uint64_t signals_ignored(void)
{
	uint64_t ignored = 0;

	for (int number = 1; number < _NSIG; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			ignored |= UINT64_C(1) << (number - 1);
	}
	return ignored;
}

/* The shell of the user that it will run as; $SHELL is the caller's own. */
static char *default_shell(const char *user)
{
	const char *shell = user ? NULL : getenv("SHELL");
	const struct passwd *entry;

	if (str_empty(shell)) {
		entry = user ? getpwnam(user) : getpwuid(getuid());
		shell = entry ? entry->pw_shell : NULL;
	}
	return strdup(str_empty(shell) ? "/bin/sh" : shell);
}

/* Where the command will run: by its name, as it is inside. The caller frees; NULL: failed. */
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

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	struct exec exec = { .user = cli->user };
	_cleanup_free_ char *shell = NULL, *directory = NULL;
	char *command[2] = {};

	if (arguments_check(cli, argc, argv, 1, INT_MAX, error) < 0)
		return EXIT_USAGE;
	exec.profile = argv[0];
	exec.command = argv + 1;
	if (argc == 1) {
		shell = default_shell(cli->user);
		if (!shell)
			return error_oom(error);
		command[0] = shell;
		exec.command = command;
	}
	directory = absolute_directory(cli->directory, error);
	if (!directory)
		return -ENOENT;
	exec.directory = directory;
	if (geteuid() == 0)
		return exec_as_root(cli, &exec, error);
	return exec_as_user(cli, &exec, error);
}

const struct command command_exec = {
	.name = "exec",
	.arguments = N_("PROFILE [--] [COMMAND...]"),
	.summary = N_("run a command inside a profile"),
	.details = N_(
		"Runs a command, or your shell, inside a profile: only the network is another, files and\n"
		"users are the same. Options end at the first word of the command. Ends as the command\n"
		"does; 125: nsctl failed, 126: the command can't be run, 127: there is no such command."),
	.options = OPTION_USER | OPTION_CHDIR,
	.runs_command = true,
	.run = run,
};

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

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	struct exec exec = { .directory = cli->directory, .user = cli->user };
	_cleanup_free_ char *shell = NULL;
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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl: the command line.
 *
 * Runs with the caller's rights and keeps no state: it asks nsctld, prints, and ends with 0 (done),
 * 1 (failed) or 2 (used wrongly); exec ends as its command does. Errors are printed here and
 * nowhere else, once.
 */
#include <fcntl.h>
#include <locale.h>
#include <string.h>

#include "cli.h"
#include "nsctl/session.h"

const struct command *const commands[] = {
	&command_up,    &command_down, &command_exec, &command_status, &command_list, &command_ps,
	&command_check, &command_show, &command_aaaa, &command_help,   NULL,
};

const struct command *command_find(const char *name)
{
	for (const struct command *const *c = commands; *c; c++)
		if (str_equal((*c)->name, name))
			return *c;
	return NULL;
}

/* What other tools call it, and no spelling is near enough to; NULL where nothing comes to mind. */
static const char *other_tools_word(const char *name)
{
	static const char *const words[][2] = {
		{ "start", "up" },  { "add", "up" },      { "create", "up" },
		{ "stop", "down" }, { "delete", "down" }, { "remove", "down" },
		{ "run", "exec" },  { "enter", "exec" },  { "shell", "exec" },
		{ "ls", "list" },   { "test", "check" },  { "cat", "show" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_equal(words[i][0], name))
			return words[i][1];
	return NULL;
}

int command_unknown(const char *name, struct error *error)
{
	_cleanup_free_ char *shown = str_escape(name, strlen(name));
	const char *names[32], *near;
	size_t n = 0;
	int r = error_set(error, EINVAL, _("there is no command \"%s\""), shown ?: "");

	for (const struct command *const *c = commands; *c && n < ARRAY_SIZE(names); c++)
		names[n++] = (*c)->name;
	near = other_tools_word(name) ?: nearest_word(name, names, n);
	if (near)
		error_hint(error, _("did you mean \"nsctl %s\"?"), near);
	else
		error_hint(error, _("see \"nsctl --help\""));
	return r;
}

/* A descriptor that is opened later must never become 0, 1 or 2, where the command's input and our
 * messages go. */
static void open_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			abort();
}

static int failure_status(const struct cli *cli, bool usage)
{
	if (cli->command && cli->command->runs_command)
		return SESSION_EXIT_FAILED; /* apart from whatever the command may return */
	return usage ? EXIT_USAGE : EXIT_FAILURE;
}

/* Options, and for exec the profile and once more options. Returns the index of the first argument.
 */
static int parse_command(struct cli *cli, int argc, char **argv, struct error *error)
{
	unsigned allowed = cli->command->options | OPTIONS_GLOBAL;
	bool stop = cli->command->runs_command;
	int first = options_parse(cli, allowed, stop, argc, argv, error), second;

	if (first < 0 || !stop || first >= argc)
		return first;
	second = options_parse(cli, allowed, stop, argc - first, argv + first, error);
	if (second < 0)
		return second;
	/* the profile moves up to the command, over the options between them */
	argv[first + second - 1] = argv[first];
	return first + second - 1;
}

static int run_command(struct cli *cli, int argc, char **argv, struct error *error)
{
	int first, r;

	cli->command = command_find(argv[0]);
	if (!cli->command) {
		command_unknown(argv[0], error);
		return EXIT_USAGE;
	}
	first = parse_command(cli, argc, argv, error);
	if (first < 0)
		return failure_status(cli, true);
	if (cli->help) {
		help_print(stdout, cli->command);
		return EXIT_SUCCESS;
	}
	r = cli->command->run(cli, argc - first, argv + first, error);
	if (r == EXIT_USAGE && error->code)
		return failure_status(cli, true);
	return r < 0 ? failure_status(cli, false) : r;
}

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	int first = options_parse(cli, OPTIONS_GLOBAL | OPTION_VERSION, true, argc, argv, error);

	if (first < 0)
		return EXIT_USAGE;
	if (cli->version) {
		printf("nsctl %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	if (cli->help && first >= argc) {
		help_print(stdout, NULL);
		return EXIT_SUCCESS;
	}
	if (first >= argc) {
		help_print(stderr, NULL);
		return EXIT_USAGE;
	}
	return run_command(cli, argc - first, argv + first, error);
}

/* In the C locales nothing is translated, and loading one takes a tenth of the time of a short
 * call. */
static bool speaks_c(void)
{
	static const char *const variables[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const char *value = getenv(variables[i]);

		if (value && *value)
			return str_equal(value, "C") || str_equal(value, "POSIX") ||
			       str_starts_with(value, "C.");
	}
	return true;
}

static void set_language(void)
{
	if (speaks_c())
		return;
	/* these two only, for the same reason */
	setlocale(LC_CTYPE, "");
	setlocale(LC_MESSAGES, "");
	bindtextdomain(PACKAGE, LOCALEDIR);
	textdomain(PACKAGE);
}

int main(int argc, char **argv)
{
	struct cli cli = { .socket = IPC_SOCKET };
	_cleanup_error_ struct error error = {};
	int status;

	open_standard_fds();
	set_language();
	status = run(&cli, argc, argv, &error);
	/* a full disk or a closed pipe is a failure too, and shows only here */
	if ((fflush(stdout) != 0 || ferror(stdout)) && !error.code) {
		error_errno(&error, errno, _("can't write the output"));
		status = failure_status(&cli, false);
	}
	if (error.code)
		report_error(&error);
	strv_free(cli.profiles);
	return status;
}

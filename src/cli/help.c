/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The help, made from the tables of commands and options, so that it can't leave one out. */
#include <string.h>

#include "cli.h"

/* gettext(3) has the catalogue's head for "". */
static const char *arguments_of(const struct command *command)
{
	return *command->arguments ? _(command->arguments) : "";
}

static void print_commands(FILE *out)
{
	for (const struct command *const *c = commands; *c; c++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", (*c)->name, arguments_of(*c));
		fprintf(out, "  %-30s  %s\n", left, _((*c)->summary));
	}
}

static void print_overview(FILE *out)
{
	fputs(_("Usage: nsctl [OPTION...] COMMAND [ARGUMENT...]\n"
		"Several networks on one machine: each profile is one, described by a file NAME.ini.\n"),
	      out);
	fprintf(out, "\n%s\n", _("Commands:"));
	print_commands(out);
	fprintf(out, "\n%s\n", _("Options:"));
	options_help(out, OPTIONS_GLOBAL | OPTION_VERSION);
	fprintf(out, "\n%s\n",
		_("\"nsctl COMMAND --help\" says more about one. See also nsctl(1), nsctl.profile(5)."));
}

void help_print(FILE *out, const struct command *command)
{
	if (!command) {
		print_overview(out);
		return;
	}
	fprintf(out, _("Usage: nsctl %s [OPTION...]%s%s\n"), command->name,
		*command->arguments ? " " : "", arguments_of(command));
	fprintf(out, "%s\n", _(command->details));
	fprintf(out, "\n%s\n", _("Options:"));
	options_help(out, command->options | OPTIONS_GLOBAL);
}

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	const struct command *command = NULL;
	int r = arguments_check(cli, argc, argv, 0, 1, error);

	if (r < 0)
		return EXIT_USAGE;
	if (argc == 1) {
		command = command_find(argv[0]);
		if (!command) {
			command_unknown(argv[0], error);
			return EXIT_USAGE;
		}
	}
	help_print(stdout, command);
	return EXIT_SUCCESS;
}

const struct command command_help = {
	.name = "help",
	.arguments = N_("[COMMAND]"),
	.summary = N_("say what nsctl, or one command, does"),
	.details = N_("Says what nsctl, or one command, does."),
	.run = run,
};

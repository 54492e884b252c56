/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl up: makes profiles, or what is missing of them. */
#include <limits.h>

#include "cli.h"

static const struct outcome_words words = {
	.method = "Up",
	.changed = N_("up"),
	.unchanged = N_("already up"),
	.none = N_("nothing to do"),
};

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	json_t *names;

	if (arguments_check(cli, argc, argv, 1, INT_MAX, error) < 0)
		return EXIT_USAGE;
	if (json_strings(argv, &names, error) < 0)
		return -EILSEQ;
	return outcomes_run(cli, &words,
			    json_pack("{s:o, s:b}", "profiles", names, "dry_run", cli->dry_run),
			    error);
}

const struct command command_up = {
	.name = "up",
	.arguments = N_("PROFILE..."),
	.summary = N_("make the network of a profile"),
	.details = N_(
		"Makes the network of each profile, or what is missing of it, and returns when it is\n"
		"there. What exists already is left as it is."),
	.options = OPTION_DRY_RUN | OPTION_WAIT,
	.run = run,
};

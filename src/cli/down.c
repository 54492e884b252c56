/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl down: ends what runs inside profiles and takes them away. */
#include <limits.h>

#include "cli.h"

static const struct outcome_words words = {
	.method = "Down",
	.changed = N_("down"),
	.unchanged = N_("already down"),
	.none = N_("no profile that you may use is up"),
};

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	json_t *names;

	if (arguments_check(cli, argc, argv, cli->all ? 0 : 1, cli->all ? 0 : INT_MAX, error) < 0)
		return EXIT_USAGE;
	if (json_strings(argv, &names, error) < 0)
		return -EILSEQ;
	return outcomes_run(cli, &words,
			    json_pack("{s:o, s:b}", "profiles", names, "all", cli->all), error);
}

const struct command command_down = {
	.name = "down",
	.arguments = N_("PROFILE...|--all"),
	.summary = N_("end what runs inside, and take it away"),
	.details = N_(
		"Ends what runs inside each profile (SIGTERM, then SIGKILL), and takes its network away.\n"
		"A profile that is down already is no error."),
	.options = OPTION_ALL,
	.run = run,
};

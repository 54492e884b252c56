/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl list: the profiles that the caller may use. */
#include "cli.h"
#include "nsctl/profile.h"
#include "profiles.h"

static int print_table(const json_t *profiles)
{
	struct table table = { .columns = 3 };
	const json_t *profile;
	size_t i;
	int r;

	if (json_array_size(profiles) == 0) {
		puts(_("no profile that you may use"));
		return 0;
	}
	r = table_add(&table, (const char *[]){ _("NAME"), _("STATE"), _("DESCRIPTION") },
		      COLOR_HEAD, SIZE_MAX);
	json_array_foreach(profiles, i, profile) {
		const char *state = json_text(profile, "state");

		if (r >= 0)
			r = table_add(&table,
				      (const char *[]){ json_text(profile, "name"), state,
							json_text(profile, "description") },
				      str_equal(state, "up") ? COLOR_GOOD : COLOR_NONE, 1);
	}
	if (r >= 0)
		table_print(&table, stdout, color_wanted(stdout));
	table_clear(&table);
	return r;
}

/* For shells that complete a word: quick, quiet, and nothing is started for it. */
static int print_names(const struct cli *cli, struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	_cleanup_strv_ char **names = NULL;
	json_auto_t *reply = NULL;
	const json_t *profile;
	char *const *name;
	size_t i;
	int r;

	if (client_connect_only(cli, &connection, NULL) == 0 &&
	    client_call(connection, "List", NULL, NULL, 0, 0, &reply, NULL) == 0) {
		json_array_foreach(json_object_get(reply, "profiles"), i, profile) {
			puts(json_text(profile, "name") ?: "?");
		}
		return EXIT_SUCCESS;
	}
	r = profile_names(profile_directories(cli), &names, error);
	if (r < 0)
		return r;
	STRV_FOREACH(name, names)
		puts(*name);
	return EXIT_SUCCESS;
}

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	json_auto_t *reply = NULL;
	int r;

	if (arguments_check(cli, argc, argv, 0, 0, error) < 0)
		return EXIT_USAGE;
	if (cli->names && cli->json) {
		error_set(error, EINVAL, _("only one of --names and --json"));
		return EXIT_USAGE;
	}
	if (cli->names)
		return print_names(cli, error);
	r = client_connect(cli, &connection, error);
	if (r >= 0)
		r = client_call(connection, "List", NULL, NULL, 0, 0, &reply, error);
	if (r < 0)
		return r;
	r = cli->json ? print_json(reply) : print_table(json_object_get(reply, "profiles"));
	return r < 0 ? error_errno(error, r, _("can't print the list")) : EXIT_SUCCESS;
}

const struct command command_list = {
	.name = "list",
	.arguments = "",
	.summary = N_("list the profiles that you may use"),
	.details = N_("Lists the profiles that you may use."),
	.options = OPTION_JSON | OPTION_NAMES,
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl show: every value of a profile as it takes effect, and where it came from. */
#include <string.h>

#include "cli.h"
#include "nsctl/profile.h"
#include "profiles.h"

struct shown {
	const struct profile *profile;
	char *section; /* the last one printed; owned */
	json_t *values;
};

static void print_section(const char *section, bool between, bool absent)
{
	if (between)
		putchar('\n');
	if (absent)
		printf(_("; no [%s]: the resolver's files are left alone\n"), section);
	else
		printf("[%s]\n", section);
}

/* For reading, with the origins in a column; in a profile a comment has a line of its own. */
static int print_value(const char *section, const char *key, const char *value, const char *origin,
		       void *userdata)
{
	struct shown *shown = userdata;
	_cleanup_free_ char *text = str_escape(value ?: "", strlen(value ?: "")), *line = NULL;
	/* the one section whose mere presence says something */
	bool absent = str_equal(section, "dns") && !shown->profile->has_dns;

	if (!str_equal(section, shown->section)) {
		print_section(section, shown->section != NULL, absent);
		free(shown->section);
		shown->section = strdup(section);
	}
	if (absent)
		return 0;
	line = str_format("%s = %s", key, text ?: "");
	if (!line || !shown->section)
		return -ENOMEM;
	printf("%-40s ; %s\n", line, origin ?: _("default"));
	return 0;
}

static int collect_value(const char *section, const char *key, const char *value,
			 const char *origin, void *userdata)
{
	struct shown *shown = userdata;

	/* "?": null where there is none */
	return json_array_append_new(shown->values,
				     json_pack("{s:s, s:s, s:s?, s:s?}", "section", section, "key",
					       key, "value", value, "origin", origin)) < 0
		       ? -ENOMEM
		       : 0;
}

static int show_json(const struct profile *profile)
{
	struct shown shown = { .values = json_array() };
	json_auto_t *all = NULL;
	int r = shown.values ? profile_each_value(profile, collect_value, &shown) : -ENOMEM;

	if (r < 0) {
		json_decref(shown.values);
		return r;
	}
	all = json_pack("{s:s, s:s?, s:o}", "name", profile->name, "path", profile->path, "values",
			shown.values);
	return all ? print_json(all) : -ENOMEM;
}

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	struct shown shown = {};
	int r;

	if (arguments_check(cli, argc, argv, 1, 1, error) < 0)
		return EXIT_USAGE;
	r = profile_load(profile_directories(cli), argv[0], profile_flags(cli), &profile, error);
	if (r < 0)
		return error->code ? r : error_errno(error, r, "%s", argv[0]);
	shown.profile = profile;
	r = cli->json ? show_json(profile) : profile_each_value(profile, print_value, &shown);
	free(shown.section);
	return r < 0 ? error_errno(error, r, _("can't print the values")) : EXIT_SUCCESS;
}

const struct command command_show = {
	.name = "show",
	.arguments = N_("PROFILE"),
	.summary = N_("show a profile's values, and where each came from"),
	.details = N_(
		"Shows every value of a profile as it takes effect, with where it came from behind it:\n"
		"FILE:LINE, or \"default\". Works without nsctld."),
	.options = OPTION_JSON,
	.run = run,
};

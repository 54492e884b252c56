/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl check: are profiles right? Reads the files itself; nsctld is not asked. */
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>

#include "cli.h"
#include "nsctl/profile.h"
#include "profiles.h"

/* A word with a slash, or a file NAME.ini that is there, is a file; anything else is a profile's
 * name. */
static bool names_file(const char *word)
{
	size_t length = strlen(word);

	return strchr(word, '/') ||
	       (length > 4 && str_equal(word + length - 4, ".ini") && access(word, F_OK) == 0);
}

static bool is_number(const char *word)
{
	return word[strspn(word, "0123456789")] == '\0';
}

/* No mistake: a profile may be for several machines. But whoever is meant can't use it here. */
static void warn_of_strangers(const struct profile *profile)
{
	char *const *name;

	STRV_FOREACH(name, profile->users)
		if (!is_number(*name) && !getpwnam(*name))
			report_warning(_("%s: in [access], users: no user \"%s\" on this machine"),
				       profile->path, *name);
	STRV_FOREACH(name, profile->groups)
		if (!is_number(*name) && !getgrnam(*name))
			report_warning(
				_("%s: in [access], groups: no group \"%s\" on this machine"),
				profile->path, *name);
}

static int check_one(const struct cli *cli, const char *word)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_error_ struct error error = {};
	_cleanup_free_ char *shown = str_escape(word, strlen(word));
	char *const *directories = profile_directories(cli);
	int r;

	if (names_file(word))
		r = profile_load_file(directories, word, 0, &profile, &error);
	else
		r = profile_load(directories, word, profile_flags(cli), &profile, &error);
	if (r == 0)
		r = profile_supported(profile, &error);
	if (r < 0) {
		if (!error.code)
			error_errno(&error, r, "%s", shown ?: "?");
		for (const struct error *each = &error; each; each = each->more)
			report_error(each);
		return EXIT_FAILURE;
	}
	warn_of_strangers(profile);
	printf("%s: %s\n", names_file(word) ? shown : profile->path, _("ok"));
	return EXIT_SUCCESS;
}

/* The usual directories need not be there; one that was named has to. */
static int check_directories(const struct cli *cli, struct error *error)
{
	char *const *path;

	STRV_FOREACH(path, cli->profiles) {
		_cleanup_closedir_ DIR *directory = opendir(*path);

		if (!directory)
			return error_errno(error, errno, "%s", *path);
	}
	return 0;
}

static void print_nothing(char *const *directories)
{
	char *const *directory;

	printf("%s", _("no profiles in"));
	STRV_FOREACH(directory, directories)
		printf(" %s%s", *directory, directory[1] ? "," : "\n");
}

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	_cleanup_strv_ char **all = NULL;
	int status = EXIT_SUCCESS, r;
	char *const *word, *const *words = argv;

	if (arguments_check(cli, argc, argv, 0, INT_MAX, error) < 0)
		return EXIT_USAGE;
	r = check_directories(cli, error);
	if (r < 0)
		return r;
	if (argc == 0) {
		r = profile_names(profile_directories(cli), &all, error);
		if (r < 0)
			return r;
		words = all;
		if (!words || !*words)
			print_nothing(profile_directories(cli));
	}
	STRV_FOREACH(word, words)
		if (check_one(cli, *word) != EXIT_SUCCESS)
			status = EXIT_FAILURE;
	return status;
}

const struct command command_check = {
	.name = "check",
	.arguments = N_("[PROFILE|FILE]..."),
	.summary = N_("look for mistakes in profiles"),
	.details = N_(
		"Looks for mistakes in profiles: those named, files anywhere (a word with a slash, or\n"
		"NAME.ini), or all there are. All mistakes are told of, and what this version can't\n"
		"do; then it fails. Who is named in [access] and not known on this machine is only\n"
		"warned of. Works without nsctld."),
	.run = run,
};

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options: one table knows all of them, and each command says which it takes. Parsing, help and
 * suggestions walk the same table.
 */
#include <getopt.h>
#include <string.h>

#include "cli.h"

enum kind { FLAG, TEXT, LIST };

struct option_entry {
	unsigned bit;
	enum kind kind;
	char letter;
	const char *name, *argument, *help;
	size_t offset; /* in struct cli */
};

#define FIELD(f) offsetof(struct cli, f)

static const struct option_entry entries[] = {
	{ OPTION_ALL, FLAG, 0, "all", NULL, N_("every profile that is up"), FIELD(all) },
	{ OPTION_DRY_RUN, FLAG, 0, "dry-run", NULL,
	  N_("change nothing; print a shell script that does the same by hand"), FIELD(dry_run) },
	{ OPTION_WAIT, FLAG, 0, "wait", NULL, N_("return when it is ready (as it does now anyway)"),
	  FIELD(wait) },
	{ OPTION_USER, TEXT, 'u', "user", N_("USER"), N_("run as this user (root only)"),
	  FIELD(user) },
	{ OPTION_CHDIR, TEXT, 0, "chdir", N_("DIR"), N_("run in this directory"),
	  FIELD(directory) },
	{ OPTION_WATCH, FLAG, 0, "watch", NULL, N_("show it again every second"), FIELD(watch) },
	{ OPTION_NAMES, FLAG, 0, "names", NULL,
	  N_("only the names, one a line; works without nsctld"), FIELD(names) },
	{ OPTION_JSON, FLAG, 0, "json", NULL, N_("output for programs, in JSON"), FIELD(json) },
	{ OPTION_PLOT, TEXT, 0, "plot", N_("FILE"),
	  N_("draw the last minutes into this SVG file (- for stdout)"), FIELD(plot) },
	{ OPTION_PROMETHEUS, FLAG, 0, "prometheus", NULL,
	  N_("all counters in the text format of Prometheus"), FIELD(prometheus) },
	{ OPTION_SOCKET, TEXT, 0, "socket", N_("PATH"), N_("nsctld's socket"), FIELD(socket) },
	{ OPTION_DAEMON, TEXT, 0, "daemon", N_("PATH"),
	  N_("the nsctld that root starts when none is running"), FIELD(daemon) },
	{ OPTION_PROFILES, LIST, 0, "profiles", N_("DIR"),
	  N_("a directory with profiles instead of the usual ones; may be repeated"),
	  FIELD(profiles) },
	{ OPTION_HELP, FLAG, 'h', "help", NULL, N_("show this help"), FIELD(help) },
	{ OPTION_VERSION, FLAG, 'V', "version", NULL, N_("show the version"), FIELD(version) },
};

static const char *command_name(const struct cli *cli)
{
	return cli->command ? cli->command->name : "";
}

static int usage_hint(const struct cli *cli, struct error *error)
{
	const char *name = command_name(cli);

	error_hint(error, _("see \"nsctl %s%s--help\""), name, *name ? " " : "");
	return -EINVAL;
}

/* ---- tables for getopt_long(3) --------------------------------------------------------- */

struct getopt_tables {
	struct option longs[ARRAY_SIZE(entries) + 1];
	char shorts[2 * ARRAY_SIZE(entries) + 3];
};

static void build_tables(struct getopt_tables *tables, unsigned allowed, bool stop)
{
	char *p = stpcpy(tables->shorts, stop ? "+:" : ":");
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		const struct option_entry *entry = &entries[i];

		if (!(entry->bit & allowed))
			continue;
		/* the value is above every character: index 0 is 256 */
		tables->longs[n++] = (struct option){
			.name = entry->name,
			.has_arg = entry->argument ? required_argument : no_argument,
			.val = 256 + i,
		};
		if (entry->letter) {
			*p++ = entry->letter;
			if (entry->argument)
				*p++ = ':';
		}
	}
	tables->longs[n] = (struct option){};
	*p = '\0';
}

static const struct option_entry *find_entry(int value)
{
	const struct option_entry *entry;

	if (value >= 256)
		return &entries[value - 256];
	ARRAY_FOREACH(entry, entries)
		if (entry->letter == value)
			return entry;
	return NULL;
}

/* ---- errors --------------------------------------------------------------------------- */

static int unknown_option(const struct cli *cli, unsigned allowed, const char *word,
			  struct error *error)
{
	_cleanup_free_ char *shown = str_escape(word, strlen(word));
	const char *names[ARRAY_SIZE(entries)], *near, *bare = word + strspn(word, "-");
	_cleanup_free_ char *name = strndup(bare, strcspn(bare, "="));
	size_t n = 0;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		if (entries[i].bit & allowed)
			names[n++] = entries[i].name;
	r = error_set(error, EINVAL, _("unknown option %s"), shown ?: "");
	near = str_starts_with(word, "--") && name ? nearest_word(name, names, n) : NULL;
	if (!near)
		return usage_hint(cli, error);
	error_hint(error, _("did you mean --%s?"), near);
	return r;
}

static int bad_option(const struct cli *cli, unsigned allowed, int result, char **argv,
		      struct error *error)
{
	const struct option_entry *entry = find_entry(optopt);
	const char *word = argv[optind - 1];
	char letter[3] = { '-', optopt, '\0' };

	if (result == ':' && entry) {
		error_set(error, EINVAL, _("option --%s needs a value: %s"), entry->name,
			  _(entry->argument));
		return usage_hint(cli, error);
	}
	/* a flag that was given a value: getopt names it in optopt */
	if (optopt >= 256 && entry) {
		error_set(error, EINVAL, _("option --%s takes no value"), entry->name);
		return usage_hint(cli, error);
	}
	return unknown_option(cli, allowed, optopt ? letter : word, error);
}

/* ---- parsing -------------------------------------------------------------------------- */

static int store(struct cli *cli, const struct option_entry *entry, struct error *error)
{
	void *field = (char *)cli + entry->offset;

	switch (entry->kind) {
	case FLAG:
		*(bool *)field = true;
		return 0;
	case TEXT:
		*(const char **)field = optarg;
		return 0;
	case LIST:
		return strv_add(field, optarg) < 0 ? error_oom(error) : 0;
	}
	return 0;
}

int options_parse(struct cli *cli, unsigned allowed, bool stop, int argc, char **argv,
		  struct error *error)
{
	struct getopt_tables tables;
	int value, r;

	build_tables(&tables, allowed, stop);
	opterr = 0;
	optind = 0; /* also resets the library's own state */
	while ((value = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		const struct option_entry *entry =
			value == '?' || value == ':' ? NULL : find_entry(value);

		if (!entry)
			return bad_option(cli, allowed, value, argv, error);
		r = store(cli, entry, error);
		if (r < 0)
			return r;
	}
	return optind;
}

int arguments_check(const struct cli *cli, int argc, char **argv, int min, int max,
		    struct error *error)
{
	_cleanup_free_ char *shown = NULL;

	if (argc < min) {
		error_set(error, EINVAL, _("%s needs %s"), command_name(cli),
			  _(cli->command->arguments));
		return usage_hint(cli, error);
	}
	if (argc > max) {
		shown = str_escape(argv[max], strlen(argv[max]));
		error_set(error, EINVAL, _("\"%s\" is one word too many"), shown ?: "");
		return usage_hint(cli, error);
	}
	return 0;
}

/* ---- help ----------------------------------------------------------------------------- */

static void print_entry(FILE *out, const struct option_entry *entry, int width)
{
	char left[64];

	snprintf(left, sizeof(left), "%c%c%s--%s%s%s", entry->letter ? '-' : ' ',
		 entry->letter ?: ' ', entry->letter ? ", " : "  ", entry->name,
		 entry->argument ? " " : "", entry->argument ? _(entry->argument) : "");
	fprintf(out, "  %-*s  %s\n", width, left, _(entry->help));
}

void options_help(FILE *out, unsigned options)
{
	const struct option_entry *entry;

	ARRAY_FOREACH(entry, entries)
		if (entry->bit & options)
			print_entry(out, entry, 18);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: one table gives the parser and --help. */
#include <getopt.h>
#include <string.h>

#include "nsctl/base.h"
#include "options.h"

typedef int (*option_fn)(struct options *options, const char *value, struct error *error);

struct option_row {
	const char *name, *argument, *help;
	option_fn fn;
};

static int set_string(char **where, const char *value, struct error *error)
{
	char *copy = strdup(value);

	if (!copy)
		return error_oom(error);
	free(*where);
	*where = copy;
	return 0;
}

static int option_config(struct options *options, const char *value, struct error *error)
{
	return set_string(&options->config, value, error);
}

static int option_profiles(struct options *options, const char *value, struct error *error)
{
	return strv_add(&options->profiles, value) < 0 ? error_oom(error) : 0;
}

static int option_socket(struct options *options, const char *value, struct error *error)
{
	return set_string(&options->socket, value, error);
}

static int option_runtime(struct options *options, const char *value, struct error *error)
{
	return set_string(&options->runtime, value, error);
}

static int option_session_program(struct options *options, const char *value, struct error *error)
{
	return set_string(&options->session_program, value, error);
}

static int option_responder_program(struct options *options, const char *value, struct error *error)
{
	return set_string(&options->responder_program, value, error);
}

static int option_log_level(struct options *options, const char *value, struct error *error)
{
	if (log_level_parse(value, &options->log_level) == 0)
		return 0;
	error_set(error, EINVAL, _("--log-level: there is no level \"%s\""), value);
	error_hint(error, _("levels are error, warning, notice, info and debug"));
	return -EINVAL;
}

static int option_background(struct options *options, _unused_ const char *value,
			     _unused_ struct error *error)
{
	options->background = true;
	return 0;
}

static int option_help(struct options *options, _unused_ const char *value,
		       _unused_ struct error *error)
{
	options->help = true;
	return 0;
}

static int option_version(struct options *options, _unused_ const char *value,
			  _unused_ struct error *error)
{
	options->version = true;
	return 0;
}

static const struct option_row rows[] = {
	{ "config", N_("FILE"), N_("settings (default " SYSCONFDIR "/nsctl/nsctld.ini)"),
	  option_config },
	{ "profiles", N_("DIR"),
	  N_("look for profiles there only; may be given several times, first found wins"),
	  option_profiles },
	{ "socket", N_("PATH"), N_("listen there (default RUNTIME/nsctl.sock)"), option_socket },
	{ "runtime-directory", N_("DIR"), N_("keep the state there (default /run/nsctl)"),
	  option_runtime },
	{ "session-program", N_("PATH"), N_("run commands through this nsctl-session"),
	  option_session_program },
	{ "responder-program", N_("PATH"), N_("answer AAAA queries with this nsctl-aaaa"),
	  option_responder_program },
	{ "log-level", N_("LEVEL"), N_("error, warning, notice, info (default) or debug"),
	  option_log_level },
	{ "background", NULL, N_("return once the socket listens; log to RUNTIME/nsctld.log"),
	  option_background },
	{ "help", NULL, N_("print this"), option_help },
	{ "version", NULL, N_("print the version"), option_version },
};

void options_print_help(FILE *out)
{
	const struct option_row *row;

	fprintf(out, _("Usage: nsctld [OPTION]...\n"
		       "Makes and removes the networks that profiles describe, for nsctl(1).\n\n"));
	ARRAY_FOREACH(row, rows) {
		char name[64];

		snprintf(name, sizeof(name), "--%s%s%s", row->name, row->argument ? " " : "",
			 row->argument ? _(row->argument) : "");
		fprintf(out, "  %-26s %s\n", name, _(row->help));
	}
}

static int fill_defaults(struct options *options)
{
	if (!options->config)
		options->config = strdup(SYSCONFDIR "/nsctl/nsctld.ini");
	if (!options->runtime)
		options->runtime = strdup("/run/nsctl");
	if (!options->session_program)
		options->session_program = strdup(LIBEXECDIR "/nsctl-session");
	if (!options->responder_program)
		options->responder_program = strdup(SBINDIR "/nsctl-aaaa");
	if (!options->config || !options->runtime || !options->session_program ||
	    !options->responder_program)
		return -ENOMEM;
	if (!options->socket)
		options->socket = str_format("%s/nsctl.sock", options->runtime);
	if (!options->socket)
		return -ENOMEM;
	if (options->profiles)
		return 0;
	if (strv_add(&options->profiles, SYSCONFDIR "/nsctl/profiles") < 0 ||
	    strv_take(&options->profiles, str_format("%s/profiles", options->runtime)) < 0)
		return -ENOMEM;
	return strv_add(&options->profiles, DATADIR "/nsctl/profiles");
}

/* The daemon leaves the directory it was started in: all names must hold from anywhere. */
static int check_absolute(const struct options *options, struct error *error)
{
	const char *paths[] = { options->config, options->runtime, options->socket,
				options->session_program, options->responder_program };
	const char *const *path;
	char **directory;

	ARRAY_FOREACH(path, paths)
		if (**path != '/')
			return error_set(error, EINVAL, _("%s is no absolute path"), *path);
	STRV_FOREACH(directory, options->profiles)
		if (**directory != '/')
			return error_set(error, EINVAL, _("%s is no absolute path"), *directory);
	return 0;
}

static int parse_rows(int argc, char *const argv[], struct options *options, struct error *error)
{
	struct option getopt_rows[ARRAY_SIZE(rows) + 1] = {};
	int r, index;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		getopt_rows[i].name = rows[i].name;
		getopt_rows[i].has_arg = rows[i].argument ? required_argument : no_argument;
	}
	optind = 0; /* start anew: tests parse several command lines */
	opterr = 0;
	while ((r = getopt_long(argc, argv, "+:", getopt_rows, &index)) >= 0) {
		if (r == ':')
			return error_set(error, EINVAL, _("%s needs a value"), argv[optind - 1]);
		if (r == '?' && optopt)
			return error_set(error, EINVAL, _("there is no option -%c"), optopt);
		if (r == '?')
			return error_set(error, EINVAL, _("there is no option %s"),
					 argv[optind - 1]);
		r = rows[index].fn(options, optarg, error);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return error_set(error, EINVAL, _("what is \"%s\"? nsctld takes options only"),
				 argv[optind]);
	return 0;
}

int options_parse(int argc, char *const argv[], struct options *ret, struct error *error)
{
	struct options options = { .log_level = LOG_LEVEL_INFO };
	int r = parse_rows(argc, argv, &options, error);

	if (r == 0 && fill_defaults(&options) < 0)
		r = error_oom(error);
	if (r == 0)
		r = check_absolute(&options, error);
	if (r < 0) {
		options_clear(&options);
		return r;
	}
	*ret = options;
	return 0;
}

void options_clear(struct options *options)
{
	free(options->config);
	free(options->runtime);
	free(options->socket);
	free(options->session_program);
	free(options->responder_program);
	strv_free(options->profiles);
	*options = (struct options){};
}

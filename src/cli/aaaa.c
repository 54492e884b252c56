/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl aaaa: what a profile's AAAA responder has done, in every form in which one may want it. */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "aaaa.h"
#include "aaaa_watch.h"

/* ---- asking ----------------------------------------------------------------------------- */

static int ask(struct ipc_connection *connection, const char *profile, bool history, json_t **ret,
	       struct error *error)
{
	json_t *parameters = json_pack("{s:s, s:b}", "profile", profile, "history", history);

	/* a name that is no UTF-8 is no name of a profile either */
	if (!parameters)
		return error_set(error, EILSEQ, _("the profile's name is not UTF-8"));
	return client_call(connection, "Aaaa", parameters, NULL, 0, 0, ret, error);
}

static int no_sense(struct error *error)
{
	return error_set(error, EBADMSG, _("nsctld's answer makes no sense"));
}

/* ---- a table ---------------------------------------------------------------------------- */

/* "send 3, verdict 1", without those that did not happen; NULL where none did. */
static char *list_kinds(const struct aaaa_kind *kinds, size_t n)
{
	char *text = NULL;

	for (size_t i = 0; i < n; i++) {
		char *longer;

		if (kinds[i].count == 0)
			continue;
		longer = str_format("%s%s%s %ju", text ?: "", text ? ", " : "", kinds[i].name,
				    (uintmax_t)kinds[i].count);
		free(text);
		text = longer;
	}
	return text;
}

static int note(struct table *table, const char *name, const char *text)
{
	_cleanup_free_ char *line = str_format("%s: %s", name, text);

	return line ? table_note(table, line) : -ENOMEM;
}

static int add_notes(struct table *table, const struct aaaa_counters *counters)
{
	_cleanup_free_ char *passed = list_kinds(counters->passed, counters->n_passed);
	_cleanup_free_ char *errors = list_kinds(counters->errors, counters->n_errors);
	_cleanup_free_ char *queue =
		str_format(_("%ju waiting, %ju found it full"), (uintmax_t)counters->queue_length,
			   (uintmax_t)(counters->queue_dropped + counters->queue_user_dropped));
	int r = queue ? 0 : -ENOMEM;

	if (r >= 0 && !counters->running)
		r = table_note(table, _("the responder does not run: queries reach the server"));
	if (r >= 0 && passed)
		r = note(table, _("passed"), passed);
	if (r >= 0 && errors)
		r = note(table, _("errors"), errors);
	return r < 0 ? r : note(table, _("queue"), queue);
}

static int print_table(const struct aaaa_counters *counters)
{
	const struct histogram *latency = &counters->latency;
	uint64_t errors = aaaa_sum(counters->errors, counters->n_errors);
	struct table table = { .columns = 8 };
	char since[64] = "", numbers[6][32];
	int r;

	if (*counters->since)
		format_since(counters->since, time(NULL), since, sizeof(since));
	snprintf(numbers[0], sizeof(numbers[0]), "%ju", (uintmax_t)counters->seen);
	snprintf(numbers[1], sizeof(numbers[1]), "%ju", (uintmax_t)counters->answered);
	snprintf(numbers[2], sizeof(numbers[2]), "%ju",
		 (uintmax_t)aaaa_sum(counters->passed, counters->n_passed));
	snprintf(numbers[3], sizeof(numbers[3]), "%ju", (uintmax_t)errors);
	r = table_add(&table,
		      (const char *[]){ _("NAME"), _("SINCE"), _("SEEN"), _("ANSWERED"),
					_("PASSED"), _("ERRORS"), _("P50"), _("P99") },
		      COLOR_HEAD, SIZE_MAX);
	if (r >= 0)
		r = table_add(&table,
			      (const char *[]){ counters->profile, since, numbers[0], numbers[1],
						numbers[2], numbers[3],
						number_time(histogram_quantile(latency, 0.5),
							    numbers[4], sizeof(numbers[4])),
						number_time(histogram_quantile(latency, 0.99),
							    numbers[5], sizeof(numbers[5])) },
			      errors > 0 ? COLOR_BAD : COLOR_NONE, 5);
	if (r >= 0)
		r = add_notes(&table, counters);
	if (r >= 0)
		table_print(&table, stdout, color_wanted(stdout));
	table_clear(&table);
	return r;
}

static int show(struct ipc_connection *connection, const char *profile, bool json,
		struct error *error)
{
	json_auto_t *reply = NULL;
	struct aaaa_counters counters;
	const json_t *object;
	int r = ask(connection, profile, false, &reply, error);

	if (r < 0)
		return r;
	object = json_object_get(reply, "aaaa");
	if (aaaa_counters_read(object, &counters) < 0)
		return no_sense(error);
	r = json ? print_json(object) : print_table(&counters);
	return r < 0 ? error_errno(error, r, _("can't print the counters")) : 0;
}

/* ---- Prometheus ------------------------------------------------------------------------- */

static int show_prometheus(struct ipc_connection *connection, int n, char **profiles,
			   struct error *error)
{
	_cleanup_free_ struct aaaa_counters *counters = calloc((size_t)n, sizeof(*counters));
	int r;

	if (!counters)
		return error_oom(error);
	for (int i = 0; i < n; i++) {
		json_auto_t *reply = NULL;

		r = ask(connection, profiles[i], false, &reply, error);
		if (r < 0)
			return r;
		if (aaaa_counters_read(json_object_get(reply, "aaaa"), &counters[i]) < 0)
			return no_sense(error);
	}
	r = prometheus_write(counters, (size_t)n, stdout);
	return r < 0 ? error_errno(error, r, _("can't print the counters")) : 0;
}

/* ---- a plot ----------------------------------------------------------------------------- */

/* Another opening of what a shell has opened already (/dev/stdout) would write over its start. */
static bool is_output(const char *path)
{
	struct stat named, output;

	return str_equal(path, "-") ||
	       (stat(path, &named) == 0 && fstat(STDOUT_FILENO, &output) == 0 &&
		named.st_dev == output.st_dev && named.st_ino == output.st_ino);
}

/* The whole document, or nothing of it: the file may be on a web server's disk. */
static int write_plot(const char *path, const char *text, size_t length, struct error *error)
{
	int r;

	if (is_output(path))
		return fwrite(text, 1, length, stdout) == length
			       ? 0
			       : error_errno(error, errno, _("can't write the plot"));
	r = file_write_anywhere(path, 0644, text, length);
	return r < 0 ? error_errno(error, r, _("can't write %s"), path) : 0;
}

static int show_plot(struct ipc_connection *connection, const char *profile, const char *path,
		     struct error *error)
{
	_cleanup_free_ char *text = NULL;
	struct aaaa_history history = {};
	struct aaaa_counters counters;
	json_auto_t *reply = NULL;
	const json_t *object;
	size_t length;
	FILE *out;
	int r = ask(connection, profile, true, &reply, error);

	if (r < 0)
		return r;
	object = json_object_get(reply, "aaaa");
	if (aaaa_counters_read(object, &counters) < 0 ||
	    aaaa_history_read(json_object_get(object, "history"), &history) < 0)
		return no_sense(error);
	out = open_memstream(&text, &length);
	if (!out)
		return error_oom(error);
	r = aaaa_view_plot(out, &counters, &history);
	if (fclose(out) != 0 || r < 0)
		return error_oom(error);
	return write_plot(path, text, length, error);
}

/* ---- the command ------------------------------------------------------------------------ */

/* One form at a time; JSON may be asked for again and again. */
static int check_forms(const struct cli *cli, struct error *error)
{
	int forms = cli->watch + (cli->plot != NULL) + cli->prometheus;

	if (forms + cli->json <= 1 || (forms == 1 && cli->watch))
		return 0;
	error_set(error, EINVAL, _("only one of --watch, --plot, --prometheus and --json"));
	error_hint(error, _("--watch and --json go together: one object a line"));
	return EXIT_USAGE;
}

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	int r;

	if (arguments_check(cli, argc, argv, 1, cli->prometheus ? INT_MAX : 1, error) < 0)
		return EXIT_USAGE;
	r = check_forms(cli, error);
	if (r == 0)
		r = client_connect(cli, &connection, error);
	if (r != 0)
		return r;
	if (cli->watch)
		r = aaaa_watch(connection, argv[0], cli->json, error);
	else if (cli->plot)
		r = show_plot(connection, argv[0], cli->plot, error);
	else if (cli->prometheus)
		r = show_prometheus(connection, argc, argv, error);
	else
		r = show(connection, argv[0], cli->json, error);
	return r < 0 ? r : EXIT_SUCCESS;
}

const struct command command_aaaa = {
	.name = "aaaa",
	.arguments = N_("PROFILE"),
	.summary = N_("show what a profile's AAAA responder does"),
	.details = N_(
		"Shows what the AAAA responder of a profile has seen, answered and let through since it\n"
		"began, and how long that took. With --watch live, until q is pressed; with --prometheus\n"
		"several profiles may be named."),
	.options = OPTION_JSON | OPTION_WATCH | OPTION_PLOT | OPTION_PROMETHEUS,
	.run = run,
};

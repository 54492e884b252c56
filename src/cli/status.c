/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl status: what is up, how it differs from what the profile says, and what its responder did.
 */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "cli.h"

static enum color state_color(const char *state)
{
	static const struct {
		const char *state;
		enum color color;
	} colors[] = {
		{ "up", COLOR_GOOD },
		{ "partial", COLOR_WARN },
		{ "failed", COLOR_BAD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(colors); i++)
		if (str_equal(colors[i].state, state))
			return colors[i].color;
	return COLOR_NONE;
}

/* Appends the strings of an array to a text, with commas between. */
static char *join(char *text, const json_t *strings)
{
	const json_t *string;
	size_t i;

	json_array_foreach(strings, i, string) {
		char *longer = str_format("%s%s%s", text ?: "", text ? ", " : "",
					  json_string_value(string) ?: "?");

		free(text);
		text = longer;
	}
	return text;
}

static char *all_addresses(const json_t *profile)
{
	char *text = NULL;
	const json_t *interface;
	size_t i;

	json_array_foreach(json_object_get(profile, "interfaces"), i, interface) {
		text = join(text, json_object_get(interface, "addresses"));
	}
	return text;
}

/* How many, of all kinds. */
static uintmax_t sum(const json_t *kinds)
{
	uintmax_t total = 0;
	const char *name;
	json_t *count;

	json_object_foreach((json_t *)kinds, name, count) {
		total += (uintmax_t)json_integer_value(count);
	}
	return total;
}

static int note_responder(struct table *table, const json_t *counters)
{
	_cleanup_free_ char *line = NULL;

	if (!json_is_object(counters))
		return 0;
	line = str_format(_("AAAA responder: answered %ju, passed %ju, errors %ju"),
			  (uintmax_t)json_integer_value(json_object_get(counters, "answered")),
			  (uintmax_t)json_integer_value(json_object_get(counters, "passed")),
			  sum(json_object_get(counters, "errors")));
	return line ? table_note(table, line) : -ENOMEM;
}

static int add_profile(struct table *table, const json_t *profile)
{
	_cleanup_free_ char *addresses = all_addresses(profile), *dns = NULL;
	const char *state = json_text(profile, "state"), *since = json_text(profile, "since");
	const char *why;
	const json_t *drift;
	char since_text[64] = "", processes[32];
	size_t i;
	int r;

	dns = join(NULL, json_object_get(json_object_get(profile, "dns"), "nameservers"));
	snprintf(processes, sizeof(processes), "%lld",
		 (long long)json_integer_value(json_object_get(profile, "processes")));
	if (since)
		format_since(since, time(NULL), since_text, sizeof(since_text));
	r = table_add(table,
		      (const char *[]){ json_text(profile, "name"), state, since_text, addresses,
					json_text(profile, "nat"), dns, processes },
		      state_color(state), 1);
	json_array_foreach(json_object_get(profile, "drift"), i, drift) {
		_cleanup_free_ char *line = str_format("%s: %s", json_text(drift, "step") ?: "?",
						       json_text(drift, "what") ?: "?");

		if (r >= 0)
			r = line ? table_note(table, line) : -ENOMEM;
	}
	why = json_text(json_object_get(profile, "repair"), "gave_up");
	if (r >= 0 && why) {
		_cleanup_free_ char *line = str_format(_("nothing is put back: %s"), why);

		r = line ? table_note(table, line) : -ENOMEM;
	}
	return r < 0 ? r : note_responder(table, json_object_get(profile, "aaaa"));
}

static int print_profiles(const json_t *profiles)
{
	struct table table = { .columns = 7 };
	const json_t *profile;
	size_t i;
	int r;

	if (json_array_size(profiles) == 0) {
		puts(_("no profile that you may use"));
		return 0;
	}
	r = table_add(&table,
		      (const char *[]){ _("NAME"), _("STATE"), _("SINCE"), _("ADDRESSES"), _("NAT"),
					_("DNS"), _("PROCESSES") },
		      COLOR_HEAD, SIZE_MAX);
	json_array_foreach(profiles, i, profile) {
		if (r >= 0)
			r = add_profile(&table, profile);
	}
	if (r >= 0)
		table_print(&table, stdout, color_wanted(stdout));
	table_clear(&table);
	return r;
}

static int show_once(const struct cli *cli, struct ipc_connection *connection, char **argv,
		     struct error *error)
{
	json_auto_t *reply = NULL;
	json_t *names, *parameters;
	int r = json_strings(argv, &names, error);

	if (r < 0)
		return r;
	parameters = *argv ? json_pack("{s:o}", "profiles", names) : json_object();
	if (!*argv)
		json_decref(names);
	r = client_call(connection, "Status", parameters, NULL, 0, 0, &reply, error);
	if (r < 0)
		return r;
	if (cli->watch && !cli->json && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout); /* from the top, on an empty screen */
	r = cli->json ? print_json(reply) : print_profiles(json_object_get(reply, "profiles"));
	return r < 0 ? error_errno(error, r, _("can't print the status")) : 0;
}

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	const struct timespec second = { .tv_sec = 1 };
	int r;

	if (arguments_check(cli, argc, argv, 0, INT_MAX, error) < 0)
		return EXIT_USAGE;
	r = client_connect(cli, &connection, error);
	if (r >= 0)
		r = show_once(cli, connection, argv, error);
	/* until Ctrl-C, or until nobody reads it */
	while (r >= 0 && cli->watch && fflush(stdout) == 0) {
		nanosleep(&second, NULL);
		r = show_once(cli, connection, argv, error);
	}
	return r < 0 ? r : EXIT_SUCCESS;
}

const struct command command_status = {
	.name = "status",
	.arguments = N_("[PROFILE...]"),
	.summary = N_("show what is up, and what is not as it should be"),
	.details = N_(
		"Shows the state of the profiles, or of all that you may use; beneath each one, how it\n"
		"differs from its file (\"nsctl up\" puts that right), and what its AAAA responder did."),
	.options = OPTION_JSON | OPTION_WATCH,
	.run = run,
};

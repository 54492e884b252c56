/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Up and Down for several profiles in one call: each outcome is printed as it comes. */
#include <ctype.h>
#include <string.h>

#include "cli.h"

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.-", c));
}

/* Names the message the profile as such: "profile vpn", "vpn" in quotes, or its file? The word
 * alone may be any other: of a profile "long", "argument list too long" says nothing. */
static bool names_profile(const char *message, const char *profile)
{
	static const struct {
		const char *before, *behind;
	} ways[] = { { "profile ", "" }, { "\"", "\"" }, { "/", ".ini" } };
	size_t length = strlen(profile);

	if (length == 0)
		return true;
	for (const char *p = message; (p = strstr(p, profile)); p++)
		for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
			size_t before = strlen(ways[i].before);

			if ((size_t)(p - message) >= before &&
			    strncmp(p - before, ways[i].before, before) == 0 &&
			    str_starts_with(p + length, ways[i].behind) &&
			    !is_of_name(p[length + strlen(ways[i].behind)]))
				return true;
		}
	return false;
}

/* Messages name what failed, and some of them the profile as well; those that don't get it in
 * front. */
static void print_failure(const char *profile, const json_t *failure)
{
	_cleanup_error_ struct error error = {};
	const char *message = json_text(failure, "message") ?: "?",
		   *hint = json_text(failure, "hint");

	error_set(&error, EREMOTEIO, "%s", message);
	if (!names_profile(message, profile))
		error_prefix(&error, "%s", profile);
	if (hint)
		error_hint(&error, "%s", hint);
	report_error(&error);
}

static int print_outcome(const struct outcome_words *words, const json_t *outcome)
{
	const char *profile = json_text(outcome, "profile") ?: "?",
		   *script = json_text(outcome, "script");
	const json_t *failure = json_object_get(outcome, "error");
	bool changed = json_is_true(json_object_get(outcome, "changed"));
	const json_t *warning;
	size_t i;

	json_array_foreach(json_object_get(outcome, "warnings"), i, warning) {
		report_warning("%s: %s", profile, json_string_value(warning) ?: "?");
	}
	if (json_is_object(failure)) {
		print_failure(profile, failure);
		return EXIT_FAILURE;
	}
	if (script)
		fputs(script, stdout);
	else
		printf("%s: %s\n", profile, changed ? _(words->changed) : _(words->unchanged));
	fflush(stdout); /* the next one may take its time */
	return EXIT_SUCCESS;
}

int outcomes_run(const struct cli *cli, const struct outcome_words *words, json_t *parameters,
		 struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	int status = EXIT_SUCCESS, r = parameters ? 0 : error_oom(error);
	json_t *reply = NULL;
	size_t n = 0;

	if (r >= 0)
		r = client_connect(cli, &connection, error);
	if (r < 0) {
		json_decref(parameters);
		return r;
	}
	r = client_call(connection, words->method, parameters, NULL, 0, IPC_CALL_MORE, &reply,
			error);
	while (r >= 0) {
		const json_t *outcomes = json_object_get(reply, "outcomes"), *outcome;
		size_t i;

		json_array_foreach(outcomes, i, outcome) {
			n++;
			if (print_outcome(words, outcome) != EXIT_SUCCESS)
				status = EXIT_FAILURE;
		}
		json_decref(reply);
		r = client_call_next(connection, &reply, error);
		if (r == 0)
			break;
	}
	if (r >= 0 && n == 0)
		puts(_(words->none));
	return r < 0 ? r : status;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Up and Down: several profiles side by side, an outcome for each.
 *
 * With `more` each outcome is a reply of its own as it comes; else one reply has all of them, in
 * the order of the call.
 */
#include <errno.h>
#include <string.h>

#include "call.h"

#define MANY 256 /* profiles of a call */

static json_t *warnings_json(char *const *warnings)
{
	json_t *list = json_array();
	char *const *warning;

	STRV_FOREACH(warning, warnings)
		if (!list || json_array_append_new(list, json_text(*warning)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *error_json(const struct manager_result *result)
{
	const struct error *error = result->error;
	_cleanup_free_ char *name = NULL;
	json_t *object = json_object();

	name = str_format("%s.%s", IPC_INTERFACE, call_error_name(result->code));
	if (!object || !name || json_set_text(object, "name", name) < 0 ||
	    json_set_text(object, "message",
			  error && error->code ? error_text(error) : strerror(-result->code)) < 0 ||
	    json_set_text(object, "step", result->step) < 0 ||
	    json_set_text(object, "hint", error ? error->hint : NULL) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static bool failed(const struct manager_result *result)
{
	return result->code < 0 && result->code != -EALREADY;
}

/* NULL when out of memory. */
static json_t *outcome_json(const struct manager_result *result, const char *script)
{
	json_t *outcome = json_object();
	int r = outcome ? json_set_text(outcome, "profile", result->profile) : -ENOMEM;

	if (r == 0)
		r = json_object_set_new(outcome, "changed", json_boolean(result->changed));
	if (r == 0)
		r = json_object_set_new(outcome, "warnings", warnings_json(result->warnings));
	if (r == 0 && script)
		r = json_set_text(outcome, "script", script);
	if (r == 0 && failed(result))
		r = json_object_set_new(outcome, "error", error_json(result));
	if (r == 0)
		return outcome;
	json_decref(outcome);
	return NULL;
}

static size_t index_of(const struct call *call, const char *name)
{
	size_t i = 0;

	while (call->names[i] && !str_equal(call->names[i], name))
		i++;
	return i;
}

static void log_outcome(const struct call *call, const struct manager_result *result)
{
	const struct peer *peer = &call->client->peer;
	const char *text = result->error ? error_text(result->error) : strerror(-result->code);
	_cleanup_free_ char *escaped = NULL;

	if (!failed(result)) {
		/* what changes nothing costs the caller nothing: it must not fill the log */
		log_message(result->changed ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
			    "uid %u, pid %d: %s %s: %s", peer->uid, peer->pid, call->method->name,
			    result->profile, result->changed ? "done" : "nothing to do");
		return;
	}
	if (!server_may_log(call->server))
		return;
	escaped = str_escape(text, strlen(text));
	log_warning("uid %u, pid %d: %s %s: %s", peer->uid, peer->pid, call->method->name,
		    result->profile, escaped ? escaped : strerror(-result->code));
}

/* One more outcome is there (stolen; NULL: out of memory). */
static void add_outcome(struct call *call, const char *profile, json_t *outcome)
{
	bool last = --call->pending == 0;
	int r;

	limits_give(call->server->limits, call->client->account, LIMIT_CHANGES, 1);
	if (call->client->gone) { /* nobody is told any more */
		json_decref(outcome);
		if (last)
			client_free(call->client);
		return;
	}
	if (!outcome) {
		call->client->broken = true;
		client_wake(call->client);
		return;
	}
	if (call->more) {
		call_reply_part(call, json_pack("{s:[o]}", "outcomes", outcome), last);
		return;
	}
	r = json_array_set_new(call->outcomes, index_of(call, profile), outcome);
	if (r < 0)
		call->client->broken = true;
	if (last)
		call_reply(call, json_pack("{s:O}", "outcomes", call->outcomes));
}

static void on_done(const struct manager_result *result, void *userdata)
{
	struct call *call = userdata;

	log_outcome(call, result);
	add_outcome(call, result->profile, outcome_json(result, NULL));
}

/* Each profile of the call is one of the changes that its caller may have under way. */
static int take_changes(struct call *call, size_t count)
{
	_cleanup_error_ struct error error = {};
	int r = limits_take(call->server->limits, call->client->account, LIMIT_CHANGES, count);

	if (r == 0) {
		call->pending = count;
		/* what is kept for each comes to as much as a large message */
		call->client->large |= count >= MANY;
		return 0;
	}
	if (r == -EDQUOT) {
		error_set(&error, EDQUOT,
			  _("you have too many profiles brought up or taken down at once"));
		error_hint(&error,
			   _("name fewer, or wait: a user may have %u ([limits] changes in %s)"),
			   call->server->settings->max_changes, call->server->options->config);
	}
	call_fail_error(call, NULL, r, &error, NULL);
	return r;
}

/* A place for each outcome. False: the reply is sent already, there is nothing to do. */
static bool prepare(struct call *call)
{
	if (take_changes(call, strv_length(call->names)) < 0)
		return false;
	call->outcomes = json_array();
	for (size_t i = 0; i < call->pending; i++)
		json_array_append_new(call->outcomes, json_null());
	if (call->pending && json_array_size(call->outcomes) == call->pending)
		return true;
	if (call->pending == 0)
		call_reply(call, json_pack("{s:O}", "outcomes", call->outcomes));
	else
		call_fail_error(call, NULL, -ENOMEM, NULL, NULL);
	limits_give(call->server->limits, call->client->account, LIMIT_CHANGES, call->pending);
	call->pending = 0;
	return false;
}

/* What would be done, as a shell script. */
static int explain(struct call *call, const char *name)
{
	_cleanup_error_ struct error error = {};
	struct manager_result result = { .profile = name, .error = &error };
	_cleanup_free_ char *script = NULL;
	size_t length;
	FILE *out = open_memstream(&script, &length);

	if (!out) {
		add_outcome(call, name, NULL);
		return 0;
	}
	result.code = manager_explain(call->server->manager, name, out, &error);
	if ((fclose(out) != 0 || !script) && result.code == 0)
		result.code = error_oom(&error);
	if (result.code < 0)
		log_outcome(call, &result);
	add_outcome(call, name, outcome_json(&result, result.code < 0 ? NULL : script));
	return 0;
}

void change_up(struct call *call)
{
	const json_t *dry_run = json_object_get(call->parameters, "dry_run");
	char **name;

	if (dry_run && !json_is_boolean(dry_run) && !json_is_null(dry_run)) {
		call_invalid(call, "dry_run");
		return;
	}
	if (!prepare(call))
		return;
	if (json_is_true(dry_run)) {
		call_each(call, explain, NULL);
		return;
	}
	STRV_FOREACH(name, call->names)
		manager_up(call->server->manager, *name, on_done, call);
}

/* Takes the names that are not up out of the list. 0 or -ENOMEM. */
static int keep_those_up(struct call *call)
{
	char **kept = NULL, **name;

	STRV_FOREACH(name, call->names) {
		if (manager_is_up(call->server->manager, *name) && strv_add(&kept, *name) < 0) {
			strv_free(kept);
			return -ENOMEM;
		}
	}
	strv_free(call->names);
	call->names = kept;
	return 0;
}

void change_down(struct call *call)
{
	char **name;

	if (json_is_true(json_object_get(call->parameters, "all")) && keep_those_up(call) < 0) {
		call_fail_error(call, NULL, -ENOMEM, NULL, NULL);
		return;
	}
	if (!prepare(call))
		return;
	STRV_FOREACH(name, call->names)
		manager_down(call->server->manager, *name, on_done, call);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls and their replies. Every refusal and failure passes here and is logged here, once. */
#include <errno.h>
#include <string.h>

#include "call.h"

struct call *call_new(struct client *client)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->client = client;
	call->server = client->server;
	client->call = call;
	return call;
}

struct call *call_free(struct call *call)
{
	if (!call)
		return NULL;
	if (call->pending)
		manager_forget(call->server->manager, call);
	limits_give(call->server->limits, call->client->account, LIMIT_CHANGES, call->pending);
	loop_source_free(call->timer);
	strv_free(call->names);
	json_decref(call->outcomes);
	json_decref(call->parameters);
	free(call);
	return NULL;
}

/* ---- JSON ----------------------------------------------------------------------------- */

json_t *json_text(const char *s)
{
	json_t *text = json_string(s);
	_cleanup_free_ char *escaped = NULL;

	if (text)
		return text;
	escaped = str_escape(s, strlen(s));
	return escaped ? json_string(escaped) : NULL;
}

int json_set_text(json_t *object, const char *key, const char *value)
{
	json_t *text = value ? json_text(value) : json_null();

	return json_object_set_new(object, key, text) < 0 ? -ENOMEM : 0;
}

/* ---- log ------------------------------------------------------------------------------ */

static void log_failure(struct call *call, const char *name, const char *reason)
{
	const struct peer *peer = &call->client->peer;
	_cleanup_free_ char *escaped = NULL, *profiles = NULL;
	char *dumped = NULL;

	if (!log_enabled(LOG_LEVEL_NOTICE) || !server_may_log(call->server))
		return;
	escaped = str_escape(reason ? reason : "", reason ? strlen(reason) : 0);
	dumped = json_dumps(json_object_get(call->parameters, "profile")
				    ? json_object_get(call->parameters, "profile")
				    : json_object_get(call->parameters, "profiles"),
			    JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
	if (dumped)
		profiles = str_format(" %.200s", dumped);
	free(dumped);
	log_notice("uid %u, pid %d: %s%s: %s: %s", peer->uid, peer->pid,
		   call->method ? call->method->name : "unknown method", profiles ? profiles : "",
		   name, escaped ? escaped : "");
}

/* ---- replies -------------------------------------------------------------------------- */

static void send_reply(struct call *call, json_t *reply, const int *fds, size_t n_fds, bool last)
{
	struct client *client = call->client;
	int r;

	if (call->done) { /* never two last replies */
		json_decref(reply);
		return;
	}
	call->done = last;
	if (call->oneway) {
		json_decref(reply);
	} else if (!reply) {
		client->broken = true;
	} else {
		r = ipc_send(client->connection, reply, fds, n_fds);
		json_decref(reply);
		if (r < 0 && r != -EAGAIN)
			client->broken = true;
	}
	client_wake(client);
}

void call_reply_part(struct call *call, json_t *parameters, bool last)
{
	json_t *reply = parameters ? json_pack("{s:o}", "parameters", parameters) : NULL;

	if (reply && !last && json_object_set_new(reply, "continues", json_true()) < 0) {
		json_decref(reply);
		reply = NULL;
	}
	send_reply(call, reply, NULL, 0, last);
}

void call_reply(struct call *call, json_t *parameters)
{
	call_reply_part(call, parameters, true);
}

void call_reply_fds(struct call *call, json_t *parameters, const int *fds, size_t n_fds)
{
	json_t *reply = parameters ? json_pack("{s:o}", "parameters", parameters) : NULL;

	send_reply(call, reply, fds, n_fds, true);
}

/* Our errors have a message, those of org.varlink.service name the thing alone. */
static const char *reason_of(const json_t *parameters)
{
	static const char *const keys[] = { "message", "parameter", "method", "interface" };
	const char *const *key;

	ARRAY_FOREACH(key, keys)
		if (json_object_get(parameters, *key))
			return json_string_value(json_object_get(parameters, *key));
	return NULL;
}

void call_fail(struct call *call, const char *name, json_t *parameters)
{
	_cleanup_free_ char *full = NULL;
	json_t *reply = NULL;

	log_failure(call, name, reason_of(parameters));
	full = strchr(name, '.') ? strdup(name) : str_format("%s.%s", IPC_INTERFACE, name);
	if (full && parameters)
		reply = json_pack("{s:s, s:O}", "error", full, "parameters", parameters);
	json_decref(parameters);
	send_reply(call, reply, NULL, 0, true);
}

const char *call_error_name(int code)
{
	static const struct {
		int code;
		const char *name;
	} names[] = {
		{ -ENOENT, "NoSuchProfile" }, { -EINVAL, "InvalidProfile" },
		{ -ENOTCONN, "NotUp" },       { -EOPNOTSUPP, "Unsupported" },
		{ -EDQUOT, "LimitExceeded" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].code == code)
			return names[i].name;
	return "Failed";
}

void call_fail_error(struct call *call, const char *profile, int code, const struct error *error,
		     const char *step)
{
	json_t *parameters = json_object();
	const char *message = error && error->code ? error_text(error) : strerror(-code);
	int r = parameters ? 0 : -ENOMEM;

	if (r == 0 && profile)
		r = json_set_text(parameters, "profile", profile);
	if (r == 0)
		r = json_set_text(parameters, "message", message);
	if (r == 0 && step)
		r = json_set_text(parameters, "step", step);
	if (r == 0 && error && error->hint)
		r = json_set_text(parameters, "hint", error->hint);
	if (r < 0) {
		json_decref(parameters);
		parameters = NULL;
	}
	call_fail(call, call_error_name(code), parameters);
}

void call_deny(struct call *call, const char *reason)
{
	json_t *reply;

	log_failure(call, "Denied", reason);
	reply = json_pack("{s:s, s:{s:s, s:s}}", "error", IPC_INTERFACE ".Denied", "parameters",
			  "message", _("you may not use this profile, or there is none"), "hint",
			  _("the administrator admits users and groups in the [access] section of "
			    "a profile"));
	send_reply(call, reply, NULL, 0, true);
}

void call_invalid(struct call *call, const char *parameter)
{
	call_fail(call, "org.varlink.service.InvalidParameter",
		  json_pack("{s:s}", "parameter", parameter));
}

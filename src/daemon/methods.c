/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Methods: the table, and what is checked before any of them runs: the shape of the call, who
 * calls, and which profiles are named. A method that is reached may be served.
 */
#include <errno.h>
#include <string.h>

#include "access.h"
#include "call.h"

#define SERVICE "org.varlink.service"

static const struct method methods[] = {
	{ SERVICE ".GetInfo", 0, NAMES_NONE, service_get_info, {} },
	{ SERVICE ".GetInterfaceDescription",
	  0,
	  NAMES_NONE,
	  service_get_interface_description,
	  { "interface" } },
	{ IPC_INTERFACE ".Up", METHOD_CHANGES, NAMES_SOME, change_up, { "profiles", "dry_run" } },
	{ IPC_INTERFACE ".Down", METHOD_CHANGES, NAMES_SOME, change_down, { "profiles", "all" } },
	{ IPC_INTERFACE ".Status", 0, NAMES_OR_ALL, query_status, { "profiles" } },
	{ IPC_INTERFACE ".List", 0, NAMES_NONE, query_list, {} },
	{ IPC_INTERFACE ".Aaaa", 0, NAMES_ONE, query_aaaa, { "profile", "history" } },
	{ IPC_INTERFACE ".Processes", 0, NAMES_ONE, query_processes, { "profile" } },
	{ IPC_INTERFACE ".Join",
	  METHOD_ROOT | METHOD_CHANGES,
	  NAMES_ONE,
	  exec_join,
	  { "profile" } },
	{ IPC_INTERFACE ".Exec",
	  METHOD_CHANGES | METHOD_UPGRADE,
	  NAMES_ONE,
	  exec_exec,
	  { "profile", "command", "environment", "directory", "umask", "ignored", "latin1" } },
};

static const struct method *find(const char *name)
{
	const struct method *method;

	ARRAY_FOREACH(method, methods)
		if (str_equal(method->name, name))
			return method;
	return NULL;
}

static void fail_unknown(struct call *call, const char *name)
{
	const char *dot = strrchr(name, '.');
	size_t length = dot ? (size_t)(dot - name) : strlen(name);
	const struct method *method;

	ARRAY_FOREACH(method, methods)
		if (strncmp(method->name, name, length) == 0 && method->name[length] == '.') {
			call_fail(call, SERVICE ".MethodNotFound",
				  json_pack("{s:s}", "method", name));
			return;
		}
	call_fail(call, SERVICE ".InterfaceNotFound",
		  json_pack("{s:s%}", "interface", name, length));
}

/* A flag of the call itself: absent, null or false, or true. */
static int get_flag(const json_t *message, const char *key, bool *ret)
{
	const json_t *value = json_object_get(message, key);

	*ret = json_is_true(value);
	return !value || json_is_null(value) || json_is_boolean(value) ? 0 : -EBADMSG;
}

static int read_envelope(struct call *call, json_t *message, const char **ret_name)
{
	json_t *parameters = json_object_get(message, "parameters");
	const char *name = json_string_value(json_object_get(message, "method"));

	if (!name || get_flag(message, "more", &call->more) < 0 ||
	    get_flag(message, "oneway", &call->oneway) < 0 ||
	    get_flag(message, "upgrade", &call->upgrade) < 0)
		return -EBADMSG;
	if (!parameters || json_is_null(parameters))
		call->parameters = json_object();
	else if (json_is_object(parameters))
		call->parameters = json_incref(parameters);
	else
		return -EBADMSG;
	if (!call->parameters)
		return -ENOMEM;
	*ret_name = name;
	return 0;
}

/* A name that the method does not know may be a misspelt one that matters ("dry-run"). */
static const char *unknown_parameter(const struct call *call)
{
	const char *key;
	json_t *value;

	json_object_foreach(call->parameters, key, value)
		if (!strv_contains((char *const *)call->method->parameters, key))
			return key;
	return NULL;
}

/* Is the caller one who may change anything through us? Any doubt denies. */
static int check_stranger(struct call *call, struct error *error)
{
	const struct peer *peer = &call->client->peer;
	struct server *server = call->server;
	struct standing standing;
	struct inside inside;
	int r = peer_standing(peer, &standing);

	if (r < 0)
		return error_errno(error, r, _("can't find out how the caller lives"));
	inside.mounts = manager_owns_mount_namespace(server->manager, &standing.mount_ns);
	inside.network = manager_owns_network_namespace(server->manager, &standing.net_ns);
	return access_check_stranger(peer->uid, &standing, &server->standing, inside, error);
}

/* The reply says why: it is about the caller, and the same whatever profile was named. */
static void fail_stranger(struct call *call, const struct error *error)
{
	json_t *parameters = json_object();
	int r = parameters ? json_set_text(parameters, "message", error_text(error)) : -ENOMEM;

	if (r == 0 && error->hint)
		r = json_set_text(parameters, "hint", error->hint);
	if (r < 0) {
		json_decref(parameters);
		parameters = NULL;
	}
	call_fail(call, "Denied", parameters);
}

static void serve(struct call *call)
{
	const struct method *method = call->method;
	const char *unknown = unknown_parameter(call);
	_cleanup_error_ struct error error = {};

	if (unknown) {
		call_invalid(call, unknown);
	} else if (call->upgrade != !!(method->flags & METHOD_UPGRADE) ||
		   (call->upgrade && (call->oneway || call->more))) {
		call_invalid(call, "upgrade");
	} else if (method->flags & METHOD_ROOT && call->client->peer.uid != 0) {
		call_deny(call, "for root only");
	} else if (method->flags & METHOD_CHANGES && check_stranger(call, &error) < 0) {
		fail_stranger(call, &error);
	} else if (names_resolve(call) == 0) {
		method->fn(call);
	}
}

int method_dispatch(struct client *client, json_t *message)
{
	struct call *call = call_new(client);
	const char *name;
	int r;

	if (!call)
		return -ENOMEM;
	r = read_envelope(call, message, &name);
	if (r < 0) {
		client->call = call_free(call);
		return r;
	}
	call->method = find(name);
	if (call->method)
		serve(call);
	else
		fail_unknown(call, name);
	return 0;
}

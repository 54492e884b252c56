/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Status, List and Processes: what there is, as far as the caller may use it. */
#include <errno.h>

#include "call.h"

/* NULL: out of memory. */
static int add_profile(struct call *call, json_t *profile)
{
	if (json_array_append_new(call->outcomes, profile) == 0)
		return 0;
	call_reply(call, NULL);
	return -ENOMEM;
}

static void reply_with_profiles(struct call *call)
{
	call_reply(call, json_pack("{s:O}", "profiles", call->outcomes));
}

/* Collects what `each` adds with add_profile. */
static void collect(struct call *call, call_each_fn each)
{
	call->outcomes = json_array();
	if (call->outcomes)
		call_each(call, each, reply_with_profiles);
	else
		call_reply(call, NULL);
}

static int add_status(struct call *call, const char *name)
{
	_cleanup_error_ struct error error = {};
	int r = names_exist(call, name, &error);

	if (r < 0) {
		call_fail_error(call, name, r, &error, NULL);
		return r;
	}
	return add_profile(call, manager_status(call->server->manager, name));
}

void query_status(struct call *call)
{
	collect(call, add_status);
}

/* One element of List; NULL when out of memory. */
static json_t *listed(struct call *call, const char *name)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_error_ struct error error = {};
	_cleanup_free_ char *wrong = NULL;
	const char *description = "";
	json_t *status, *state, *object = json_object();
	int r = manager_profile(call->server->manager, name, &profile, &error);

	if (profile) {
		description = profile->description;
	} else if (r != -ENOENT) { /* only root gets as far as this */
		wrong = str_format(_("(wrong: %s)"), error_text(&error));
		description = wrong ? wrong : "";
	}
	status = manager_status(call->server->manager, name);
	state = json_incref(json_object_get(status, "state"));
	json_decref(status);
	if (!object || !state || json_set_text(object, "name", name) < 0 ||
	    json_set_text(object, "description", description) < 0 ||
	    json_object_set(object, "state", state) < 0 ||
	    json_set_text(object, "path", profile ? profile->path : NULL) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(state);
	return object;
}

/* Of all that there are those that the caller may use. */
static int add_listed(struct call *call, const char *name)
{
	return names_check(call, name, NULL) < 0 ? 0 : add_profile(call, listed(call, name));
}

void query_list(struct call *call)
{
	_cleanup_error_ struct error error = {};
	int r = manager_names(call->server->manager, &call->names, &error);

	if (r < 0)
		call_fail_error(call, NULL, r == -ENOMEM ? r : -EIO, &error, NULL);
	else
		collect(call, add_listed);
}

void query_processes(struct call *call)
{
	_cleanup_error_ struct error error = {};
	const char *name = call->names[0];
	json_t *reply = NULL;
	int r = names_exist(call, name, &error);

	if (r >= 0)
		r = manager_processes(call->server->manager, name, &reply, &error);
	if (r == -ENOTCONN)
		error_hint(&error, _("bring it up first: nsctl up %s"), name);
	if (r < 0)
		call_fail_error(call, name, r, &error, NULL);
	else
		call_reply(call, reply);
}

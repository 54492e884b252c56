/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Status, List and Processes: what there is, as far as the caller may use it. */
#include <errno.h>

#include "call.h"

/* There is a file, be it wrong, or it is up: 0 or -ENOENT. */
static int check_exists(struct call *call, const char *name, struct error *error)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_strv_ char **users = NULL, **groups = NULL;
	_cleanup_error_ struct error ignored = {};
	int r = manager_profile(call->server->manager, name, &profile, error);

	if (r != -ENOENT)
		return 0;
	r = manager_access(call->server->manager, name, &users, &groups, &ignored);
	return r == -ENOENT ? r : 0;
}

void query_status(struct call *call)
{
	json_t *profiles = json_array();
	char **name;

	STRV_FOREACH(name, call->names) {
		_cleanup_error_ struct error error = {};
		int r = check_exists(call, *name, &error);

		if (r < 0) {
			json_decref(profiles);
			call_fail_error(call, *name, r, &error, NULL);
			return;
		}
		if (json_array_append_new(profiles, manager_status(call->server->manager, *name)) <
		    0) {
			json_decref(profiles);
			profiles = NULL;
			break;
		}
	}
	call_reply(call, profiles ? json_pack("{s:o}", "profiles", profiles) : NULL);
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

void query_list(struct call *call)
{
	_cleanup_error_ struct error error = {};
	json_t *profiles = json_array();
	char **name;
	int r = names_admitted(call, &call->names, &error);

	if (r < 0) {
		json_decref(profiles);
		call_fail_error(call, NULL, r == -ENOMEM ? r : -EIO, &error, NULL);
		return;
	}
	STRV_FOREACH(name, call->names)
		if (json_array_append_new(profiles, listed(call, *name)) < 0) {
			json_decref(profiles);
			profiles = NULL;
			break;
		}
	call_reply(call, profiles ? json_pack("{s:o}", "profiles", profiles) : NULL);
}

void query_processes(struct call *call)
{
	_cleanup_error_ struct error error = {};
	const char *name = call->names[0];
	json_t *reply = NULL;
	int r = check_exists(call, name, &error);

	if (r >= 0)
		r = manager_processes(call->server->manager, name, &reply, &error);
	if (r == -ENOTCONN)
		error_hint(&error, _("make it first: nsctl up %s"), name);
	if (r < 0)
		call_fail_error(call, name, r, &error, NULL);
	else
		call_reply(call, reply);
}

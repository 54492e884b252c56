/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names: which profiles a call means, and whether its caller may use them.
 *
 * To who has no access a profile that exists, one that does not, one whose file is wrong and a name
 * that is none at all answer alike.
 */
#include <errno.h>

#include "access.h"
#include "call.h"

#define NAMES_MAX 4096 /* in one call, which are kept while it is served */

static int check_record(struct call *call, const char *name, struct error *error)
{
	_cleanup_strv_ char **users = NULL, **groups = NULL;
	int r = manager_access(call->server->manager, name, &users, &groups, error);

	if (r < 0 || access_admits(&call->client->peer, users, groups))
		return r;
	return error_set(error, EACCES, "not in its [access]");
}

static int check_profile(struct call *call, const char *name, struct error *error)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	int r = manager_profile(call->server->manager, name, &profile, error);

	if (r < 0 || access_admits(&call->client->peer, profile->users, profile->groups))
		return r;
	return error_set(error, EACCES, "not in its [access]");
}

int names_check(struct call *call, const char *name, struct error *error)
{
	_cleanup_error_ struct error first = {};
	int r;

	if (!profile_name_valid(name))
		return error_set(error, EACCES, "no name for a profile");
	if (call->client->peer.uid == 0)
		return 0;
	r = check_profile(call, name, &first);
	if (r == -ENOENT) /* up, but its file is gone: the record says who was admitted */
		return check_record(call, name, error);
	if (r < 0)
		error_set(error, EACCES, "%s", error_text(&first));
	return r < 0 ? -EACCES : 0;
}

int names_admitted(struct call *call, char ***ret, struct error *error)
{
	_cleanup_strv_ char **all = NULL, **admitted = NULL;
	char **name;
	int r = manager_names(call->server->manager, &all, error);

	if (r < 0)
		return r;
	STRV_FOREACH(name, all)
		if (names_check(call, *name, NULL) == 0 && strv_add(&admitted, *name) < 0)
			return error_oom(error);
	*ret = TAKE_PTR(admitted);
	return 0;
}

int names_exist(struct call *call, const char *name, struct error *error)
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

/* Root learns what is wrong with a name. */
static void fail_name(struct call *call, const char *name, const struct error *error)
{
	_cleanup_error_ struct error invalid = {};

	if (call->client->peer.uid != 0) {
		call_deny(call, error_text(error));
		return;
	}
	error_set(&invalid, EINVAL, _("\"%s\" can't be the name of a profile"), name);
	error_hint(&invalid,
		   _("a name has 1 to %d letters, digits, dots, hyphens or underscores, "
		     "and starts with a letter or digit"),
		   PROFILE_NAME_MAX);
	call_fail_error(call, name, -EINVAL, &invalid, NULL);
}

static int add(struct call *call, const json_t *value, const char *parameter)
{
	_cleanup_error_ struct error error = {};
	const char *name = json_string_value(value);

	if (!name) {
		call_invalid(call, parameter);
		return -EINVAL;
	}
	if (strv_contains(call->names, name))
		return 0;
	if (names_check(call, name, &error) < 0) {
		fail_name(call, name, &error);
		return -EINVAL;
	}
	if (strv_add(&call->names, name) < 0) {
		call_fail_error(call, NULL, -ENOMEM, NULL, NULL);
		return -EINVAL;
	}
	return 0;
}

static int resolve_list(struct call *call)
{
	const json_t *list = json_object_get(call->parameters, "profiles");
	json_t *value;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > NAMES_MAX) {
		call_invalid(call, "profiles");
		return -EINVAL;
	}
	json_array_foreach(list, i, value)
		if (add(call, value, "profiles") < 0)
			return -EINVAL;
	return 0;
}

static int resolve_all(struct call *call)
{
	_cleanup_error_ struct error error = {};
	int r = names_admitted(call, &call->names, &error);

	if (r == 0)
		return 0;
	call_fail_error(call, NULL, r == -ENOMEM ? r : -EIO, &error, NULL);
	return -EINVAL;
}

int names_resolve(struct call *call)
{
	const json_t *list = json_object_get(call->parameters, "profiles");
	const json_t *all = json_object_get(call->parameters, "all");

	if (all && !json_is_boolean(all) && !json_is_null(all)) {
		call_invalid(call, "all");
		return -EINVAL;
	}
	switch (call->method->names) {
	case NAMES_NONE:
		return 0;
	case NAMES_ONE:
		return add(call, json_object_get(call->parameters, "profile"), "profile");
	case NAMES_OR_ALL:
		if (!list || json_is_null(list))
			return resolve_all(call);
		return resolve_list(call);
	case NAMES_SOME:
		break;
	}
	if (json_is_true(all)) {
		if (json_array_size(list) == 0)
			return resolve_all(call);
		call_invalid(call, "all"); /* names and all: which is meant? */
		return -EINVAL;
	}
	if (resolve_list(call) < 0)
		return -EINVAL;
	if (call->names)
		return 0;
	call_invalid(call, "profiles");
	return -EINVAL;
}

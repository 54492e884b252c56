/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What runs inside a profile, found by its namespaces: also what came in by nsenter(1) or ip(8),
 * and what its parent has left behind.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define PROCESSES_MAX 10000 /* told in one reply, which a client is queued up to 8 MiB */

/* Only of namespaces that are held: the kernel gives the number of one that is gone to the next,
 * whoever makes it. */
ino_t instance_network(const struct instance *instance)
{
	return instance->netns_fd >= 0 ? instance->netns_id.ino : 0;
}

ino_t instance_mount(const struct instance *instance)
{
	return instance->mounts_fd >= 0 ? instance->mounts_id.ino : 0;
}

bool instance_has_process(const struct instance *instance, ino_t network, ino_t mount)
{
	return (network && network == instance_network(instance)) ||
	       (mount && mount == instance_mount(instance));
}

struct listing {
	const struct instance *instance;
	json_t *array;
	json_int_t omitted;
	int code;
};

static json_t *process_json(const struct process_info *info)
{
	const char *terminal = info->terminal[0] ? info->terminal : NULL;
	_cleanup_free_ char *escaped = NULL;
	json_t *name = json_string(info->name);

	if (!name) { /* no UTF-8 */
		escaped = str_escape(info->name, strlen(info->name));
		name = escaped ? json_string(escaped) : NULL;
	}
	return json_pack("{si si sI ss# so ss? sI}", "pid", (int)info->pid, "parent",
			 (int)info->parent, "uid", (json_int_t)info->uid, "state", &info->state, 1,
			 "name", name, "terminal", terminal, "started", (json_int_t)info->started);
}

static void on_process(pid_t pid, ino_t network, ino_t mount, void *userdata)
{
	struct listing *listing = userdata;
	struct process_info info;

	if (!instance_has_process(listing->instance, network, mount) ||
	    process_describe(pid, instance_network(listing->instance),
			     instance_mount(listing->instance), &info) < 0)
		return;
	if (json_array_size(listing->array) >= PROCESSES_MAX)
		listing->omitted++;
	else if (json_array_append_new(listing->array, process_json(&info)) < 0)
		listing->code = -ENOMEM;
}

int manager_processes(struct manager *manager, const char *name, json_t **ret, struct error *error)
{
	struct listing listing = { .instance = manager_find(manager, name) };
	json_t *reply;
	int r;

	if (!listing.instance)
		return error_set(error, ENOTCONN, _("profile %s is not up"), name);
	listing.array = json_array();
	r = process_each(on_process, &listing);
	if (r >= 0)
		r = listing.code;
	if (r < 0) {
		json_decref(listing.array);
		return error_errno(error, r, _("can't look at the processes of profile %s"), name);
	}
	reply = json_pack("{so sI}", "processes", listing.array, "omitted", listing.omitted);
	if (!reply)
		return error_oom(error);
	*ret = reply;
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The set of profiles, and the calls on it: calls for one profile run in the order they came, calls
 * for different profiles side by side.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "internal.h"

struct instance *manager_find(struct manager *manager, const char *name)
{
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (strcmp(instance->name, name) == 0)
			return instance;
	return NULL;
}

bool manager_is_up(struct manager *manager, const char *name)
{
	return manager_find(manager, name);
}

/* ---- operations --------------------------------------------------------------------------- */

static void operation_free(struct operation *operation)
{
	remove_stop(operation);
	error_clear(&operation->error);
	strv_free(operation->warnings);
	strv_free(operation->made);
	free(operation->name);
	free(operation);
}

/* A bridge that is going still has its name: who wants one has to wait for the name as well. Only
 * what runs can have one. */
static bool bridge_is_going(const struct manager *manager)
{
	for (const struct operation *other = manager->operations; other; other = other->next)
		if (other->stage == REMOVE_WAITING && other->instance->bridge_is_going)
			return true;
	return false;
}

void operations_run(struct manager *manager)
{
	uint64_t end = now_usec() + SLICE_USEC;
	struct operation *operation;

	/* running one may finish it and others: the next is looked for anew */
	while ((operation = queue_take(&manager->queue, bridge_is_going(manager)))) {
		*manager->operations_end = operation;
		manager->operations_end = &operation->next;
		manager->host.more_to_come = !operation->is_down && manager->queue.n_ups > 0;
		if (operation->is_down)
			remove_start(operation, true);
		else
			apply(operation);
		if (now_usec() >= end) {
			loop_timer_set(manager->round, 1);
			return;
		}
	}
	host_prepare_ahead(&manager->host);
}

void operation_finish(struct operation *operation)
{
	struct manager *manager = operation->manager;
	struct manager_result result = {
		.profile = operation->name,
		.code = operation->code,
		.error = &operation->error,
		.step = operation->step,
		.changed = operation->changed,
		.warnings = operation->warnings,
	};

	for (struct operation **p = &manager->operations; *p; p = &(*p)->next)
		if (*p == operation) {
			*p = operation->next;
			if (!*p)
				manager->operations_end = p;
			break;
		}
	queue_done(&manager->queue, operation);
	if (operation->done)
		operation->done(&result, operation->userdata);
	operation_free(operation);
	loop_timer_set(manager->round, 1); /* what waited behind it */
}

static int add(struct manager *manager, const char *name, struct operation what)
{
	struct operation *operation = malloc(sizeof(*operation));

	if (!operation)
		return -ENOMEM;
	*operation = what;
	operation->manager = manager;
	operation->pidfd = -1;
	operation->name = strdup(name);
	if (!operation->name) {
		free(operation);
		return -ENOMEM;
	}
	queue_add(&manager->queue, operation);
	loop_timer_set(manager->round, 1); /* with those that come in the same call */
	return 0;
}

static void add_called(struct manager *manager, const char *name, bool is_down,
		       manager_done_fn done, void *userdata)
{
	_cleanup_error_ struct error error = {};
	struct manager_result result = { .profile = name, .error = &error };

	if (add(manager, name,
		(struct operation){ .is_down = is_down, .done = done, .userdata = userdata }) == 0)
		return;
	result.code = error_oom(&error);
	done(&result, userdata);
}

void operation_add_repair(struct manager *manager, const char *name)
{
	if (!queue_find(&manager->queue, name))
		add(manager, name, (struct operation){ .is_repair = true });
}

void manager_up(struct manager *manager, const char *name, manager_done_fn done, void *userdata)
{
	add_called(manager, name, false, done, userdata);
}

void manager_down(struct manager *manager, const char *name, manager_done_fn done, void *userdata)
{
	add_called(manager, name, true, done, userdata);
}

static void forget(struct operation *operation, void *userdata)
{
	if (operation->userdata == userdata)
		operation->done = NULL;
}

void manager_forget(struct manager *manager, void *userdata)
{
	queue_each(&manager->queue, forget, userdata);
}

/* ---- events ------------------------------------------------------------------------------- */

static void on_round(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	struct manager *manager = userdata;

	remove_round(manager);
	operations_run(manager);
}

static void on_late(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	remove_late(userdata);
}

static void on_event(const struct rt_event *event, void *userdata)
{
	if (event->type == RT_LINK_GONE)
		remove_link_gone(userdata, event->index);
	events_host(userdata, event);
}

void monitor_read(struct manager *manager)
{
	if (rt_monitor_read(manager->monitor, on_event, manager) != -ENOBUFS)
		return;
	remove_late(manager); /* some were lost: look at all */
	events_lost(manager);
}

static void on_monitor(struct loop_source *source _unused_, uint32_t events _unused_,
		       void *userdata)
{
	monitor_read(userdata);
}

static void on_repair(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	repair_round(userdata);
}

static int open_sockets(struct manager *manager, struct error *error)
{
	int r = rt_open(-1, &manager->host.rt, error);

	if (r == 0)
		r = nft_open(&manager->host.nft, error);
	if (r == 0)
		r = rt_monitor_open(-1, &manager->monitor, error);
	if (r == 0)
		r = rt_monitor_listen(manager->monitor, RT_MONITOR_HOST, error);
	return r;
}

static int add_sources(struct manager *manager, struct error *error)
{
	int r = loop_add_fd(manager->loop, rt_monitor_fd(manager->monitor), EPOLLIN, on_monitor,
			    manager, &manager->monitor_source);

	if (r == 0)
		r = loop_add_timer(manager->loop, on_round, manager, &manager->round);
	if (r == 0)
		r = loop_add_timer(manager->loop, on_late, manager, &manager->late);
	if (r == 0)
		r = loop_add_timer(manager->loop, on_repair, manager, &manager->repair);
	return r < 0 ? error_errno(error, r, "%s", _("can't watch the kernel's messages")) : 0;
}

static int prepare_directories(struct manager *manager, struct error *error)
{
	int r;

	manager->state_directory = str_format("%s/state", manager->options.runtime_directory);
	if (!manager->state_directory)
		return error_oom(error);
	r = make_directories(manager->options.runtime_directory, 0755);
	if (r < 0)
		return error_errno(error, r, _("can't make %s"),
				   manager->options.runtime_directory);
	return 0;
}

static int note_host(struct host *host, struct error *error)
{
	return record_write_host((struct manager *)((char *)host - offsetof(struct manager, host)),
				 error);
}

/* A daemon that died at the end of the last profile's `down` may have left what profiles share, and
 * one that died in an `up` what it had not written down yet. */
static void clean_up(struct manager *manager)
{
	_cleanup_error_ struct error error = {};
	int r = manager->host.instances ? host_release_forgotten(&manager->host, &error)
					: release_all(manager, &error);

	if (r < 0)
		log_warning("%s", error_text(&error));
}

int manager_new(struct loop *loop, const struct manager_options *options, struct manager **ret,
		struct error *error)
{
	struct manager *manager = calloc(1, sizeof(*manager));
	int r;

	if (!manager)
		return error_oom(error);
	manager->loop = loop;
	manager->operations_end = &manager->operations;
	manager->options = *options;
	manager->host.runtime_directory = options->runtime_directory;
	manager->host.settings = options->settings;
	manager->host.responder_program = options->responder_program;
	manager->host.note = note_host;
	r = prepare_directories(manager, error);
	if (r == 0)
		r = open_sockets(manager, error);
	if (r == 0)
		r = add_sources(manager, error);
	if (r == 0)
		r = record_read_all(manager, error);
	if (r == 0)
		r = watch_new(manager, &manager->watch, error);
	if (r == 0) {
		clean_up(manager);
		repair_start(manager);
	}
	if (r < 0) {
		manager_free(manager);
		return r;
	}
	host_prepare_ahead(&manager->host);
	*ret = manager;
	return 0;
}

static void free_each(struct operation *operation, _unused_ void *userdata)
{
	operation_free(operation);
}

struct manager *manager_free(struct manager *manager)
{
	if (!manager)
		return NULL;
	queue_each(&manager->queue, free_each, NULL);
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		repair_forget(manager, instance);
	watch_free(manager->watch);
	loop_source_free(manager->repair);
	loop_source_free(manager->late);
	loop_source_free(manager->round);
	loop_source_free(manager->monitor_source);
	rt_monitor_free(manager->monitor);
	host_clear(&manager->host);
	free(manager->census);
	free(manager->state_directory);
	free(manager);
	return NULL;
}

/* ---- questions ---------------------------------------------------------------------------- */

int manager_profile(struct manager *manager, const char *name, struct profile **ret,
		    struct error *error)
{
	return profile_load(manager->options.profile_directories, name, PROFILE_TRUSTED, ret,
			    error);
}

int manager_access(struct manager *manager, const char *name, char ***ret_users, char ***ret_groups,
		   struct error *error)
{
	const struct instance *instance = manager_find(manager, name);
	_cleanup_strv_ char **users = NULL;
	char **groups;

	if (!instance)
		return error_set(error, ENOENT, _("profile %s is not up"), name);
	if (strv_copy(instance->users, &users) < 0 || strv_copy(instance->groups, &groups) < 0)
		return error_oom(error);
	*ret_users = TAKE_PTR(users);
	*ret_groups = groups;
	return 0;
}

int manager_names(struct manager *manager, char ***ret, struct error *error)
{
	_cleanup_strv_ char **names = NULL;
	int r = profile_names(manager->options.profile_directories, &names, error);

	if (r < 0)
		return r;
	for (const struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (!strv_contains(names, instance->name) && strv_add(&names, instance->name) < 0)
			return error_oom(error);
	strv_sort(names);
	*ret = TAKE_PTR(names);
	return 0;
}

/* Who goes in now would only have to end at once. */
static bool is_going_down(struct manager *manager, const char *name)
{
	const struct operation *operation = queue_find(&manager->queue, name);

	return operation && operation->stage != REMOVE_NOT;
}

int manager_namespaces(struct manager *manager, const char *name, struct manager_namespaces *ret,
		       struct error *error)
{
	struct manager_namespaces namespaces = { .network = -1, .mount = -1 };
	const struct instance *instance = manager_find(manager, name);

	if (is_going_down(manager, name)) {
		error_set(error, ENOENT, _("profile %s is going down"), name);
		error_hint(error, _("bring it up again: nsctl up %s"), name);
		return -ENOENT;
	}
	if (instance && instance->since && !instance->has_netns && !instance->has_mounts) {
		error_set(error, EOPNOTSUPP, _("profile %s has no network of its own"), name);
		error_hint(error, "%s", _("run the command without nsctl: it is in that network"));
		return -EOPNOTSUPP;
	}
	/* what is held was compared with the record when it was taken up */
	if (!instance || !instance->since || instance->netns_fd < 0 || instance->mounts_fd < 0) {
		error_set(error, ENOENT,
			  instance ? _("profile %s is not up as a whole")
				   : _("profile %s is not up"),
			  name);
		error_hint(error, _("bring it up first: nsctl up %s"), name);
		return -ENOENT;
	}
	if (instance->resolver_failed) { /* its questions would go to the host's servers */
		error_set(error, EAGAIN, _("the DNS of profile %s is not in place"), name);
		error_hint(error, _("nsctld says why in its log; put it right: nsctl up %s"), name);
		return -EAGAIN;
	}
	namespaces.network = fcntl(instance->netns_fd, F_DUPFD_CLOEXEC, 3);
	namespaces.mount = fcntl(instance->mounts_fd, F_DUPFD_CLOEXEC, 3);
	if (namespaces.network < 0 || namespaces.mount < 0) {
		int r = error_errno(error, errno, "%s", _("can't hand the namespaces over"));

		close_fd(namespaces.network);
		close_fd(namespaces.mount);
		return r;
	}
	*ret = namespaces;
	return 0;
}

bool manager_owns_mount_namespace(struct manager *manager, const struct file_id *id)
{
	for (const struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (instance->has_mounts && file_id_equal(&instance->mounts_id, id))
			return true;
	return false;
}

bool manager_owns_network_namespace(struct manager *manager, const struct file_id *id)
{
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (instance->has_netns && file_id_equal(&instance->netns_id, id))
			return true;
	return false;
}

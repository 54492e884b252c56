/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * down: ends what runs inside, walks the steps backwards without stopping at a failure, and waits
 * until the kernel, which takes a network namespace apart in the background, has taken the host's
 * end of the link away.
 *
 * Processes are found by their namespaces, with one look at /proc for all profiles that go at the
 * same time, again and again until none is left: SIGTERM first, SIGKILL after a grace period.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>

#include "internal.h"

#define GRACE_USEC   2000000ull  /* between SIGTERM and SIGKILL */
#define GIVE_UP_USEC 12000000ull /* then `down` fails: what can't be killed hangs in the kernel */
#define LINK_USEC    1000000ull  /* for the namespace to go by itself, before its link is deleted */
#define LINK_GIVE_UP 5000000ull

static void stop_waiting(struct operation *operation)
{
	operation->source = loop_source_free(operation->source);
	operation->pidfd = close_fd(operation->pidfd);
}

void remove_stop(struct operation *operation)
{
	stop_waiting(operation);
	operation->timer = loop_source_free(operation->timer);
}

static void round_soon(struct manager *manager)
{
	loop_timer_set(manager->round, 1);
}

/* Something stays: the record stays as well, so that `down` can be called again. */
static void left_over(struct operation *operation, const char *step, int code)
{
	operation->left_over = true;
	if (operation->code)
		return;
	operation->code = code;
	operation->step = step;
}

/* ---- the steps, and the end ---------------------------------------------------------------- */

static void forget_instance(struct manager *manager, struct instance *instance)
{
	for (struct instance **p = &manager->host.instances; *p; p = &(*p)->next)
		if (*p == instance) {
			*p = instance->next;
			break;
		}
	record_delete(manager, instance);
	instance_free(instance);
	if (!manager->host.instances)
		host_release(&manager->host);
	record_write_host(manager, NULL);
}

static void finish(struct operation *operation)
{
	operation->stage = REMOVE_NOT;
	remove_stop(operation);
	if (operation->left_over)
		record_write(operation->manager, operation->instance, NULL);
	else
		forget_instance(operation->manager, operation->instance);
	operation->instance = NULL;
	operation_finish(operation);
}

static bool link_exists(const struct operation *operation)
{
	struct rt_link_info info;

	return operation->instance->host_index > 0 &&
	       rt_link_by_index(operation->manager->host.rt, operation->instance->host_index,
				&info) == 0 &&
	       strcmp(info.name, operation->link) == 0 && strcmp(info.kind, "veth") == 0;
}

static void on_link_late(struct loop_source *source _unused_, uint32_t events _unused_,
			 void *userdata)
{
	struct operation *operation = userdata;
	uint64_t waited = now_usec() - operation->started;

	if (!link_exists(operation)) {
		finish(operation);
		return;
	}
	if (waited > LINK_GIVE_UP) {
		left_over(operation, "link",
			  error_set(&operation->error, EBUSY,
				    _("the link %d of profile %s does not go"),
				    operation->instance->host_index, operation->name));
		finish(operation);
		return;
	}
	/* somebody holds the namespace: the link goes all the same */
	rt_link_delete(operation->manager->host.rt, operation->instance->host_index, NULL);
	loop_timer_set(operation->timer, LINK_USEC / 10);
}

static void wait_for_link(struct operation *operation)
{
	if (!link_exists(operation)) {
		finish(operation);
		return;
	}
	operation->stage = REMOVE_WAITING;
	operation->started = now_usec();
	operation->timer = loop_source_free(operation->timer);
	if (loop_add_timer(operation->manager->loop, on_link_late, operation, &operation->timer) <
		    0 ||
	    loop_timer_set(operation->timer, LINK_USEC) < 0)
		finish(operation); /* not even a timer: do not wait */
}

void remove_link_gone(struct manager *manager, int index)
{
	struct operation *operation = manager->operations, *next;

	for (; operation; operation = next) {
		next = operation->next;
		if (operation->stage != REMOVE_WAITING ||
		    (index && operation->instance->host_index != index))
			continue;
		if (index || !link_exists(operation))
			finish(operation);
	}
}

static void take_away(struct operation *operation)
{
	struct manager *manager = operation->manager;
	struct step_context context = { .host = &manager->host, .instance = operation->instance };
	size_t n = 0;

	strcpy(operation->link, operation->instance->host_interface);
	while (steps[n])
		n++;
	while (n--) {
		_cleanup_error_ struct error error = {};
		int r = steps[n]->down(&context, &error);

		if (r > 0)
			operation->changed = true;
		if (r >= 0)
			continue;
		log_warning("profile %s, step %s: %s", operation->name, steps[n]->name,
			    error_text(&error));
		error_set(&operation->error, r, "%s",
			  error_text(&error)); /* the first one is told */
		left_over(operation, steps[n]->name, r);
	}
	strv_free(context.warnings);
	wait_for_link(operation);
}

/* ---- processes ---------------------------------------------------------------------------- */

/* Only of namespaces that are held: the kernel gives the number of one that is gone to the next,
 * whoever makes it. */
static ino_t network_of(const struct instance *instance)
{
	return instance->netns_fd >= 0 ? instance->netns_id.ino : 0;
}

static ino_t mount_of(const struct instance *instance)
{
	return instance->mounts_fd >= 0 ? instance->mounts_id.ino : 0;
}

static void on_process(pid_t pid, ino_t network, ino_t mount, void *userdata)
{
	struct manager *manager = userdata;

	for (struct operation *operation = manager->operations; operation;
	     operation = operation->next) {
		if (operation->stage != REMOVE_ENDING || !operation->look)
			continue;
		if ((!network || network != network_of(operation->instance)) &&
		    (!mount || mount != mount_of(operation->instance)))
			continue;
		operation->left++;
		operation->waited = pid;
		process_signal(pid, network_of(operation->instance), mount_of(operation->instance),
			       operation->killing ? SIGKILL : SIGTERM);
		if (!operation->killing) /* a stopped one hears nothing else */
			process_signal(pid, network_of(operation->instance),
				       mount_of(operation->instance), SIGCONT);
	}
}

static void look_again(struct operation *operation)
{
	operation->look = true;
	operation->left = 0;
	round_soon(operation->manager);
}

static void on_process_ended(struct loop_source *source _unused_, uint32_t events _unused_,
			     void *userdata)
{
	struct operation *operation = userdata;

	stop_waiting(operation);
	look_again(operation);
}

static void on_grace_over(struct loop_source *source _unused_, uint32_t events _unused_,
			  void *userdata)
{
	struct operation *operation = userdata;

	if (now_usec() - operation->started > GIVE_UP_USEC) {
		left_over(operation, "processes",
			  error_set(&operation->error, EBUSY,
				    _("%zu processes in profile %s can't be ended (one is %d)"),
				    operation->left, operation->name, operation->waited));
		finish(operation);
		return;
	}
	operation->killing = true;
	loop_timer_set(operation->timer, GRACE_USEC);
	stop_waiting(operation);
	look_again(operation);
}

/* Until one of those that are left has ended. */
static void wait_for_process(struct operation *operation)
{
	stop_waiting(operation);
	operation->pidfd = pidfd_open(operation->waited, 0);
	if (operation->pidfd < 0 ||
	    loop_add_fd(operation->manager->loop, operation->pidfd, EPOLLIN, on_process_ended,
			operation, &operation->source) < 0)
		look_again(operation); /* ended already */
}

void remove_round(struct manager *manager)
{
	struct operation *operation, *next;
	bool look = false;

	for (operation = manager->operations; operation; operation = operation->next)
		look |= operation->stage == REMOVE_ENDING && operation->look;
	if (!look)
		return;
	process_each(on_process, manager);
	for (operation = manager->operations; operation; operation = next) {
		next = operation->next;
		if (operation->stage != REMOVE_ENDING || !operation->look)
			continue;
		operation->look = false;
		if (operation->left) {
			wait_for_process(operation);
			continue;
		}
		stop_waiting(operation);
		take_away(operation);
	}
}

/* It is down already, or there is no such profile at all. */
static void nothing_there(struct operation *operation)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	int r = manager_profile(operation->manager, operation->name, &profile, &operation->error);

	if (r == -ENOENT)
		operation->code = r;
	else {
		error_clear(&operation->error);
		operation->code = error_set(&operation->error, EALREADY, _("profile %s is not up"),
					    operation->name);
	}
	operation_finish(operation);
}

void remove_start(struct operation *operation, bool end_processes)
{
	struct manager *manager = operation->manager;

	operation->instance = manager_find(manager, operation->name);
	if (!operation->instance) {
		nothing_there(operation);
		return;
	}
	if (!end_processes) {
		take_away(operation);
		return;
	}
	operation->stage = REMOVE_ENDING;
	operation->started = now_usec();
	if (loop_add_timer(manager->loop, on_grace_over, operation, &operation->timer) == 0)
		loop_timer_set(operation->timer, GRACE_USEC);
	look_again(operation);
}

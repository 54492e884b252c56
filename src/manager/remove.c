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

#define GRACE_USEC        2000000ull /* between SIGTERM and SIGKILL */
#define REMOVE_SLICE_USEC 10000ull   /* see SLICE_USEC; a look at /proc comes with each */
#define FREEZES_MAX       50         /* looks at /proc for what still moves, in a row */
#define GIVE_UP_USEC      12000000ull /* then `down` fails: what can't be killed hangs in the kernel */
#define LATE_USEC         100000ull /* between two looks at links that are still there */
#define LINK_USEC         1000000ull /* for a namespace to go by itself, before its link is deleted */
#define LINK_GIVE_UP_USEC 5000000ull

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

/* All failures are told, one after the other; the first gives the code and the step. */
static void complain(struct operation *operation, const char *step, const struct error *error)
{
	struct error *all = &operation->error;
	_cleanup_free_ char *joined = NULL;

	log_warning("profile %s, step %s: %s", operation->name, step, error_text(error));
	if (!operation->code) {
		operation->code = -error->code;
		operation->step = step;
	}
	if (all->code)
		joined = str_format("%s; %s", error_text(all), error_text(error));
	if (joined || !all->code) {
		error_clear(all);
		error_set(all, operation->code, "%s", joined ? joined : error_text(error));
	}
}

/* Something stays: the record stays as well, so that `down` can be called again. */
static void left_over(struct operation *operation, const char *step, const struct error *error)
{
	operation->left_over = true;
	complain(operation, step, error);
}

/* ---- the steps, and the end ---------------------------------------------------------------- */

int release_all(struct manager *manager, struct error *error)
{
	int r = manager->host.instances ? 1 : record_release(manager, error), s;

	if (r < 0)
		return r;
	r = r ? 0 : host_release(&manager->host, error);
	s = record_write_host(manager, error);
	return r < 0 ? r : s;
}

static void forget_instance(struct manager *manager, struct instance *instance)
{
	for (struct instance **p = &manager->host.instances; *p; p = &(*p)->next)
		if (*p == instance) {
			*p = instance->next;
			break;
		}
	instance_free(instance);
}

static void finish(struct operation *operation)
{
	struct manager *manager = operation->manager;
	_cleanup_error_ struct error error = {};

	operation->stage = REMOVE_NOT;
	remove_stop(operation);
	if (!operation->left_over && record_delete(manager, operation->instance, &error) < 0)
		left_over(operation, "record", &error);
	if (operation->left_over) {
		if (operation->taken_away) /* it was to go: no later nsctld brings it up again */
			operation->instance->since = 0;
		record_write(manager, operation->instance, NULL);
	} else {
		forget_instance(manager, operation->instance);
		if (release_all(manager, &error) < 0)
			complain(operation, "host", &error);
	}
	operation->instance = NULL;
	operation_finish(operation);
}

/* ---- links that go in the background ------------------------------------------------------- */

static void forget_awaited(struct instance *instance, size_t i)
{
	instance->awaited[i] = instance->awaited[--instance->n_awaited];
}

/* An index alone may be another's by now, or never have been ours in a damaged record. */
static bool is_awaited(const struct operation *operation, const struct rt_link_info *info)
{
	char name[IFNAMSIZ], altname[64];

	if (strcmp(info->kind, "bridge") == 0)
		return operation->instance->bridge_is_going;
	link_host_name(operation->name, name, altname);
	return strcmp(info->kind, "veth") == 0 && strcmp(info->name, name) == 0;
}

/* Takes those off the list that have gone without our hearing of it. */
static void look_at_awaited(struct operation *operation)
{
	struct instance *instance = operation->instance;
	struct rt_link_info info;

	for (size_t i = instance->n_awaited; i--;) {
		int r = rt_link_by_index(operation->manager->host.rt, instance->awaited[i], &info);

		if (r == -ENODEV || (r == 0 && !is_awaited(operation, &info)))
			forget_awaited(instance, i);
	}
}

/* Somebody holds the namespace, perhaps: then its link is deleted, which goes all the same. */
static void push_awaited(struct operation *operation)
{
	uint64_t waited = now_usec() - operation->started;

	look_at_awaited(operation);
	if (operation->instance->n_awaited && waited > LINK_GIVE_UP_USEC) {
		_cleanup_error_ struct error error = {};

		error_set(&error, EBUSY, _("link %d of profile %s does not go"),
			  operation->instance->awaited[0], operation->name);
		left_over(operation, "link", &error);
		finish(operation); /* the next `down` waits for it again */
		return;
	}
	for (size_t i = 0; waited > LINK_USEC && i < operation->instance->n_awaited; i++)
		rt_link_delete_later(operation->instance->awaited[i]);
	if (!operation->instance->n_awaited)
		finish(operation);
}

static bool anyone_waits(const struct manager *manager)
{
	for (const struct operation *operation = manager->operations; operation;
	     operation = operation->next)
		if (operation->stage == REMOVE_WAITING)
			return true;
	return false;
}

void remove_late(struct manager *manager)
{
	struct operation *operation = manager->operations, *next;

	for (; operation; operation = next) {
		next = operation->next;
		if (operation->stage == REMOVE_WAITING)
			push_awaited(operation);
	}
	if (anyone_waits(manager))
		loop_timer_set(manager->late, LATE_USEC);
}

void remove_link_gone(struct manager *manager, int index)
{
	struct operation *operation = manager->operations, *next;

	for (; operation; operation = next) {
		struct instance *instance = operation->instance;

		next = operation->next;
		if (operation->stage != REMOVE_WAITING)
			continue;
		for (size_t i = instance->n_awaited; i--;)
			if (instance->awaited[i] == index)
				forget_awaited(instance, i);
		if (!instance->n_awaited)
			finish(operation);
	}
}

/* The notices are read in a later round of the loop, so none is missed; the timer is for those that
 * were lost, and for links that had gone before. */
static void wait_for_links(struct operation *operation)
{
	if (!operation->instance->n_awaited) {
		finish(operation);
		return;
	}
	operation->stage = REMOVE_WAITING;
	operation->started = now_usec();
	loop_timer_set(operation->manager->late, LATE_USEC);
}

/* Several go sooner when they are deleted together: the kernel takes namespaces apart in rounds of
 * those that it has seen by then, and each round takes long. */
static void push_together(struct manager *manager)
{
	_cleanup_free_ struct rt_link_name *links = NULL;
	char altname[64];
	size_t count = 0, n = 0;

	for (struct operation *operation = manager->operations; operation;
	     operation = operation->next)
		if (operation->stage == REMOVE_WAITING && !operation->pushed)
			count += operation->instance->n_awaited;
	links = count > 1 ? calloc(count, sizeof(*links)) : NULL;
	if (!links)
		return;
	for (struct operation *operation = manager->operations; operation;
	     operation = operation->next) {
		if (operation->stage != REMOVE_WAITING || operation->pushed)
			continue;
		operation->pushed = true;
		for (size_t i = 0; i < operation->instance->n_awaited; i++, n++) {
			/* a bridge among them has another name: it goes by itself */
			link_host_name(operation->name, links[n].name, altname);
			links[n].index = operation->instance->awaited[i];
		}
	}
	rt_links_delete_later(links, n);
}

/* ---- the steps ----------------------------------------------------------------------------- */

static void take_away(struct operation *operation)
{
	struct manager *manager = operation->manager;
	struct step_context context = { .host = &manager->host, .instance = operation->instance };
	size_t n = 0;

	repair_forget(manager, operation->instance);
	operation->taken_away = true;
	operation->changed |= operation->instance->n_awaited > 0; /* since an earlier `down` */
	while (steps[n])
		n++;
	while (n--) {
		_cleanup_error_ struct error error = {};
		int r = steps[n]->down(&context, &error);

		if (r > 0)
			operation->changed = true;
		if (r < 0) {
			error_errno(&error, r, "%s", steps[n]->name); /* it said why itself */
			left_over(operation, steps[n]->name, &error);
		}
	}
	strv_free(context.warnings);
	wait_for_links(operation);
}

/* ---- processes ---------------------------------------------------------------------------- */

/* Runs it, or might it run again by itself? What waits for a disk does not multiply meanwhile. */
static bool moves(pid_t pid, ino_t network, ino_t mount)
{
	struct process_info info;

	return process_describe(pid, network, mount, &info) == 0 &&
	       (info.state == 'R' || info.state == 'S');
}

static void signal_process(struct operation *operation, pid_t pid)
{
	ino_t network = instance_network(operation->instance),
	      mount = instance_mount(operation->instance);

	if (operation->freezing) {
		operation->moving += moves(pid, network, mount);
		process_signal(pid, network, mount, SIGSTOP);
		return;
	}
	process_signal(pid, network, mount, operation->killing ? SIGKILL : SIGTERM);
	if (!operation->killing) /* a stopped one hears nothing else */
		process_signal(pid, network, mount, SIGCONT);
}

static void on_process(pid_t pid, ino_t network, ino_t mount, void *userdata)
{
	struct manager *manager = userdata;

	for (struct operation *operation = manager->operations; operation;
	     operation = operation->next) {
		if (operation->stage != REMOVE_ENDING || !operation->look)
			continue;
		if (!instance_has_process(operation->instance, network, mount))
			continue;
		operation->left++;
		operation->waited = pid;
		signal_process(operation, pid);
		entering_arrived(manager, pid);
	}
}

static void look_again(struct operation *operation)
{
	operation->look = true;
	round_soon(operation->manager);
}

void remove_again(struct manager *manager, const char *name)
{
	for (struct operation *operation = manager->operations; operation;
	     operation = operation->next)
		if (operation->stage == REMOVE_ENDING && strcmp(operation->name, name) == 0)
			look_again(operation);
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
		_cleanup_error_ struct error error = {};

		error_set(&error, EBUSY,
			  _("%zu processes in profile %s can't be ended (one is %d)"),
			  operation->left, operation->name, operation->waited);
		left_over(operation, "processes", &error);
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
	struct loop *loop = operation->manager->loop;

	stop_waiting(operation);
	if (!operation->timer &&
	    loop_add_timer(loop, on_grace_over, operation, &operation->timer) == 0)
		loop_timer_set(operation->timer, GRACE_USEC);
	if (!operation->waited) /* none has started yet: see remove_again */
		return;
	operation->pidfd = pidfd_open(operation->waited, 0);
	if (operation->pidfd < 0 ||
	    loop_add_fd(operation->manager->loop, operation->pidfd, EPOLLIN, on_process_ended,
			operation, &operation->source) < 0)
		look_again(operation); /* ended already */
}

/*
 * Some are left. What multiplies (a fork bomb) is not got hold of by killing, which makes room for
 * more: it is stopped first, when it has come through one SIGKILL. The stopped ones count against
 * its user's limit, so that those that were missed find less room each time.
 */
static void go_on(struct operation *operation)
{
	if (operation->freezing) {
		if (!operation->moving || ++operation->freezes >= FREEZES_MAX)
			operation->freezing = false;
		look_again(operation);
		return;
	}
	operation->freezing = operation->killing;
	operation->freezes = 0;
	wait_for_process(operation);
}

/* Who may still be inside keeps it. */
static void can_not_look(struct operation *operation, int code)
{
	_cleanup_error_ struct error error = {};

	error_errno(&error, code, _("can't look for the processes in profile %s"), operation->name);
	left_over(operation, "processes", &error);
	finish(operation);
}

/* Of one that was looked for: waits for who is left, or takes it away. */
static void end_or_take_away(struct operation *operation, int looked)
{
	operation->look = false;
	operation->left += entering_end(operation->manager, operation->name, &operation->waited);
	if (operation->left) {
		go_on(operation);
	} else if (looked < 0) {
		can_not_look(operation, looked);
	} else {
		stop_waiting(operation);
		take_away(operation);
	}
}

static struct operation *next_looked_for(struct operation *operation)
{
	while (operation && (operation->stage != REMOVE_ENDING || !operation->look))
		operation = operation->next;
	return operation;
}

void remove_round(struct manager *manager)
{
	struct operation *operation = next_looked_for(manager->operations), *next;
	uint64_t end;
	int r;

	if (!operation)
		return;
	for (; operation; operation = next_looked_for(operation->next)) {
		operation->left = operation->moving = 0;
		operation->waited = 0;
	}
	r = process_each(on_process, manager);
	end = now_usec() + REMOVE_SLICE_USEC; /* one at least, however long the look took */
	for (operation = next_looked_for(manager->operations); operation; operation = next) {
		next = next_looked_for(operation->next);
		end_or_take_away(operation, r);
		if (next && now_usec() >= end) {
			round_soon(
				manager); /* and looked for again: somebody may go in meanwhile */
			return;
		}
	}
	push_together(manager);
}

/* It is down already, or there is no such profile at all. What an earlier `down` could not take
 * away of the things that profiles share is tried again. */
static void nothing_there(struct operation *operation)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_error_ struct error error = {};
	int r = release_all(operation->manager, &error);

	if (r < 0) {
		complain(operation, "host", &error);
		operation_finish(operation);
		return;
	}
	r = manager_profile(operation->manager, operation->name, &profile, &operation->error);
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
	look_again(operation);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Suspicions: the kernel's notices about links, addresses, routes, forwarding, nf_tables and the
 * mount table, as far as they are about what nsctl made. Looking into one costs about a
 * millisecond, so what can be seen in the notice itself is decided here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "repair.h"

#define LOOPBACK_INDEX 1
#define MOUNTINFO      "/proc/self/mountinfo"

struct events {
	struct nft_monitor *nft;
	struct loop_source *nft_source;
	int mounts_fd;
	struct loop_source *mounts_source;
};

/* ---- links, addresses and forwarding on the host ------------------------------------------- */

static const struct host_bridge *own_bridge_of(const struct manager *manager,
					       const struct instance *instance)
{
	for (const struct host_bridge *bridge = manager->host.bridges; bridge;
	     bridge = bridge->next)
		if (strcmp(bridge->name, instance->bridge) == 0)
			return bridge;
	return NULL;
}

/* Its host's end, as it was made? (Of a bridge that is not ours the number is not known.) */
static bool link_as_made(const struct manager *manager, const struct instance *instance,
			 const struct rt_link_info *link)
{
	const struct host_bridge *bridge = own_bridge_of(manager, instance);

	return link->up && strcmp(link->name, instance->host_interface) == 0 &&
	       (!instance->bridge[0] || (link->master && link->isolated == instance->isolated)) &&
	       (!bridge || bridge->index == link->master);
}

static const struct host_bridge *bridge_with_index(const struct manager *manager, int index)
{
	const struct host_bridge *bridge = manager->host.bridges;

	while (bridge && bridge->index != index)
		bridge = bridge->next;
	return bridge;
}

/* Is it about the bridge that the instance is on? */
static bool on_bridge(const struct instance *instance, const struct host_bridge *bridge)
{
	return bridge && strcmp(instance->bridge, bridge->name) == 0;
}

/* (What others do to their links passes here as well: no look-ups but those by number.) */
static bool link_concerns(const struct manager *manager, const struct instance *instance,
			  const struct rt_event *event, const struct host_bridge *bridge)
{
	bool gone = event->type == RT_LINK_GONE;

	if (event->index == instance->host_index)
		return gone || !link_as_made(manager, instance, &event->link);
	if (on_bridge(instance, bridge))
		return gone || !event->link.up;
	/* another's bridge, made anew: our port has to get back in */
	return instance->guard->waits_for_bridge && !gone &&
	       strcmp(event->link.name, instance->bridge) == 0;
}

static bool address_concerns(const struct instance *instance, const struct rt_event *event,
			     const struct host_bridge *bridge)
{
	return instance->host_address.address.family &&
	       (event->index == instance->host_index || on_bridge(instance, bridge));
}

/* Whoever comes first puts back what they share, the others find it there: but none of them can be
 * relied on, for its file may say something else by now, or it may be on its way down. */
static void suspect_shared(struct manager *manager)
{
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (instance->forwards)
			repair_suspect(instance);
}

void events_host(struct manager *manager, const struct rt_event *event)
{
	const struct host_bridge *bridge = bridge_with_index(manager, event->index);
	bool link = event->type == RT_LINK_GONE || event->type == RT_LINK_CHANGED;

	if (event->type == RT_FORWARDING_OFF) {
		manager->host.forwarding = false;
		suspect_shared(manager);
		return;
	}
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next) {
		if (!instance->guard ||
		    /* what the call that has just ended did, in between */
		    (instance == manager->settling && event->type == RT_LINK_CHANGED))
			continue;
		if (link ? link_concerns(manager, instance, event, bridge)
			 : address_concerns(instance, event, bridge))
			repair_suspect(instance);
	}
}

void events_lost(struct manager *manager)
{
	manager->host.forwarding = false;
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		repair_suspect(instance);
}

/* ---- inside --------------------------------------------------------------------------------- */

/* Programs inside may have links, addresses and routes of their own: only ours count. */
static bool is_own_link(struct guard *guard, const struct rt_event *event)
{
	struct rt_link_info info;
	struct rt *inside;

	if (!guard->inside_index && instance_rt(guard->instance, &inside, NULL) == 0 &&
	    rt_link_by_name(inside, guard->instance->interface, &info) == 0)
		guard->inside_index = info.index;
	return !guard->inside_index || event->index == guard->inside_index;
}

static void on_inside_event(const struct rt_event *event, void *userdata)
{
	struct guard *guard = userdata;

	if (guard->manager->settling == guard->instance ||
	    (event->type == RT_LINK_CHANGED && event->link.up))
		return;
	/* (a new address is an IPv6 one: somebody switched it on) */
	if (event->index == LOOPBACK_INDEX || is_own_link(guard, event))
		repair_suspect(guard->instance);
}

static void on_inside(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	struct guard *guard = userdata;

	if (rt_monitor_read(guard->instance->monitor, on_inside_event, guard) < 0)
		repair_suspect(guard->instance);
}

void events_settle(struct manager *manager, struct instance *instance)
{
	manager->settling = instance;
	monitor_read(manager);
	if (instance->guard && instance->monitor)
		on_inside(NULL, 0, instance->guard);
	manager->settling = NULL;
}

int events_watch_inside(struct guard *guard, struct error *error)
{
	struct instance *instance = guard->instance;
	int r = 0;

	if (guard->inside || instance->netns_fd < 0)
		return 0;
	if (!instance->monitor)
		r = rt_monitor_open(instance->netns_fd, &instance->monitor, error);
	if (r == 0)
		r = rt_monitor_listen(instance->monitor, RT_MONITOR_INSIDE, error);
	if (r < 0)
		return r;
	r = loop_add_fd(guard->manager->loop, rt_monitor_fd(instance->monitor), EPOLLIN, on_inside,
			guard, &guard->inside);
	return r < 0 ? error_errno(error, r, "%s", _("can't watch the network inside")) : 0;
}

void events_unwatch_inside(struct guard *guard)
{
	guard->inside = loop_source_free(guard->inside);
	guard->inside_index = 0;
}

/* ---- the responder -------------------------------------------------------------------------- */

static void on_responder(struct loop_source *source _unused_, uint32_t events _unused_,
			 void *userdata)
{
	struct guard *guard = userdata;

	events_unwatch_responder(guard);
	repair_suspect(guard->instance);
}

static void on_freezer(struct loop_source *source _unused_, uint32_t events _unused_,
		       void *userdata)
{
	struct guard *guard = userdata;

	if (cgroup_is_frozen(guard->freezer_fd))
		repair_suspect(guard->instance);
}

void events_unwatch_responder(struct guard *guard)
{
	guard->freezer = loop_source_free(guard->freezer);
	guard->freezer_fd = close_fd(guard->freezer_fd);
	guard->responder = loop_source_free(guard->responder);
	guard->responder_fd = close_fd(guard->responder_fd);
}

/* What can't be watched is still seen by who looks. */
static void watch_freezer(struct guard *guard)
{
	guard->freezer_fd = cgroup_events_open(guard->responder_fd);
	if (guard->freezer_fd < 0)
		return;
	if (loop_add_fd(guard->manager->loop, guard->freezer_fd, EPOLLPRI, on_freezer, guard,
			&guard->freezer) == 0 &&
	    cgroup_is_frozen(guard->freezer_fd)) /* and from now on it is told */
		repair_suspect(guard->instance);
}

void events_watch_responder(struct guard *guard)
{
	const struct manager *manager = guard->manager;
	int r;

	events_unwatch_responder(guard);
	if (!guard->instance->aaaa_config)
		return;
	r = aaaa_find(&manager->host, guard->instance, &guard->responder_fd);
	if (r == 0)
		r = loop_add_fd(manager->loop, guard->responder_fd, EPOLLIN, on_responder, guard,
				&guard->responder);
	if (r < 0)
		repair_suspect(guard->instance);
	else
		watch_freezer(guard);
}

/* ---- nf_tables ------------------------------------------------------------------------------ */

static void on_nft_event(const struct nft_event *event, void *userdata)
{
	/* others' chains may drop our packets, and our rules in them may be gone */
	if (event->chains || ruleset_is_own_table(event->family, event->table))
		suspect_shared(userdata);
}

static void on_nft(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	struct manager *manager = userdata;

	if (nft_monitor_read(manager->events->nft, manager->host.nft, on_nft_event, manager) < 0)
		suspect_shared(manager);
}

/* ---- the mount table: where the pins are ------------------------------------------------------
 */

static void on_mounts(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	repair_look_at_pins(userdata);
}

static int watch_mounts(struct manager *manager, struct events *events)
{
	events->mounts_fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
	return events->mounts_fd < 0 ? -errno
				     : loop_add_fd(manager->loop, events->mounts_fd, EPOLLPRI,
						   on_mounts, manager, &events->mounts_source);
}

/* ---- all of them ------------------------------------------------------------------------------
 */

int events_start(struct manager *manager, struct error *error)
{
	struct events *events;
	int r;

	if (manager->events)
		return 0;
	events = calloc(1, sizeof(*events));
	if (!events)
		return error_oom(error);
	events->mounts_fd = -1;
	manager->events = events;
	r = nft_monitor_open(&events->nft, error);
	if (r == 0) {
		r = loop_add_fd(manager->loop, nft_monitor_fd(events->nft), EPOLLIN, on_nft,
				manager, &events->nft_source);
		if (r == 0)
			r = watch_mounts(manager, events);
		if (r < 0)
			error_errno(error, r, "%s", _("can't watch the kernel's messages"));
	}
	if (r < 0)
		events_stop(manager);
	return r;
}

void events_stop(struct manager *manager)
{
	struct events *events = TAKE_PTR(manager->events);

	if (!events)
		return;
	loop_source_free(events->mounts_source);
	close_fd(events->mounts_fd);
	loop_source_free(events->nft_source);
	nft_monitor_free(events->nft);
	free(events);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches the places on the host whose change undoes a resolver's mounts (inotify(7)), and calls
 * the resolver step of every profile that has one. This is a matter of a millisecond, not of none:
 * a firewall for port 53 is what closes the gap altogether.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "repair.h"

#define WATCHES_MAX 16
#define WATCH_MASK                                                                                 \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR |       \
	 IN_EXCL_UNLINK)

struct watch {
	struct manager *manager;
	int fd;
	struct loop_source *source;
	int descriptors[WATCHES_MAX]; /* of resolver_watches[i].directory; -1: not there */
};

/* Adds the watches of directories that are there by now; one for each directory, the kernel gives
 * the same again. */
static void add_watches(struct watch *watch)
{
	for (size_t i = 0; i < WATCHES_MAX && resolver_watches[i].directory; i++)
		watch->descriptors[i] =
			inotify_add_watch(watch->fd, resolver_watches[i].directory, WATCH_MASK);
}

static bool concerns(const struct watch *watch, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW)
		return true;
	for (size_t i = 0; i < WATCHES_MAX && resolver_watches[i].directory; i++)
		if (event->wd == watch->descriptors[i] && event->len &&
		    strcmp(event->name, resolver_watches[i].name) == 0)
			return true;
	return false;
}

static void settle(struct manager *manager, struct instance *instance)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_error_ struct error error = {};
	struct step_context context = { .host = &manager->host, .instance = instance };
	int r;

	/* what was up with [dns] stays so until someone says `up` or `down` */
	if (manager_profile(manager, instance->name, &profile, NULL) == 0 &&
	    step_resolver.wanted(profile)) {
		context.profile = profile;
		r = step_resolver.up(&context, &error);
	} else {
		r = resolver_keep(&manager->host, instance, &error);
	}
	if (r < 0) {
		log_error("profile %s: %s", instance->name, error_text(&error));
		repair_suspect(instance); /* which tries again, later */
	} else if (r > 0) {
		log_info(
			"profile %s: the host's resolver files changed, the profile's are back in place",
			instance->name);
	}
	strv_free(context.warnings);
}

/* What was replaced while no nsctld was there, or could not be put back by the last one: before
 * anybody is let in, and whatever the profile says of repair. */
static void settle_at_start(struct manager *manager)
{
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (instance->since && instance->has_resolver && instance->mounts_fd >= 0)
			settle(manager, instance);
}

static void on_event(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	static char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct watch *watch = userdata;
	bool concerned = false;
	ssize_t n;

	while ((n = read(watch->fd, buffer, sizeof(buffer))) > 0) {
		for (char *p = buffer; p < buffer + n;) {
			const struct inotify_event *event = (const struct inotify_event *)p;

			concerned |= concerns(watch, event);
			p += sizeof(*event) + event->len;
		}
	}
	if (!concerned)
		return;
	add_watches(watch);
	for (struct instance *instance = watch->manager->host.instances; instance;
	     instance = instance->next)
		if (instance->has_resolver && instance->mounts_fd >= 0)
			settle(watch->manager, instance);
}

int watch_new(struct manager *manager, struct watch **ret, struct error *error)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return error_oom(error);
	watch->manager = manager;
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = watch->fd < 0 ? -errno
			  : loop_add_fd(manager->loop, watch->fd, EPOLLIN, on_event, watch,
					&watch->source);
	if (r < 0) {
		watch_free(watch);
		return error_errno(error, r, "%s", _("can't watch the host's resolver files"));
	}
	add_watches(watch);
	settle_at_start(manager); /* what is replaced from now on is told */
	*ret = watch;
	return 0;
}

struct watch *watch_free(struct watch *watch)
{
	if (!watch)
		return NULL;
	loop_source_free(watch->source);
	close_fd(watch->fd);
	free(watch);
	return NULL;
}

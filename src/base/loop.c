/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: epoll, with timers as timerfds. Time stands still while the machine sleeps: what
 * has two seconds to end has them also when the lid is closed in between.
 *
 * A source that is freed while events are being handed out is only marked dead and freed after the
 * round, so that callbacks may free any source.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#include "nsctl/base.h"

struct loop_source {
	struct loop *loop;
	int fd;
	bool timer, dead;
	loop_fn fn;
	void *userdata;
	struct loop_source *next_dead;
};

struct loop {
	int epoll_fd;
	bool exiting, dispatching;
	int code;
	uint64_t round;
	struct loop_source *dead;
};

int loop_new(struct loop **ret)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int r = -errno;

		free(loop);
		return r;
	}
	*ret = loop;
	return 0;
}

static void bury(struct loop *loop)
{
	while (loop->dead) {
		struct loop_source *source = loop->dead;

		loop->dead = source->next_dead;
		free(source);
	}
}

struct loop *loop_free(struct loop *loop)
{
	if (!loop)
		return NULL;
	bury(loop);
	close_fd(loop->epoll_fd);
	free(loop);
	return NULL;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *userdata,
		struct loop_source **ret)
{
	struct loop_source *source = calloc(1, sizeof(*source));
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (!source)
		return -ENOMEM;
	*source = (struct loop_source){ .loop = loop, .fd = fd, .fn = fn, .userdata = userdata };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		int r = -errno;

		free(source);
		return r;
	}
	*ret = source;
	return 0;
}

int loop_add_timer(struct loop *loop, loop_fn fn, void *userdata, struct loop_source **ret)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = loop_add_fd(loop, fd, EPOLLIN, fn, userdata, ret);
	if (r < 0)
		close_fd(fd);
	else
		(*ret)->timer = true;
	return r;
}

int loop_timer_set(struct loop_source *timer, uint64_t usec)
{
	struct itimerspec when = {
		.it_value = { .tv_sec = usec / 1000000, .tv_nsec = usec % 1000000 * 1000 },
	};

	return timerfd_settime(timer->fd, 0, &when, NULL) < 0 ? -errno : 0;
}

int loop_source_set_events(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno
											: 0;
}

/* It must not stay: its next event would be that of memory which is free. Where the kernel knows
 * it, nothing can keep it from being taken out but what passes. */
static void take_out(const struct loop_source *source)
{
	int tries = 3, r;

	do
		r = epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	while (r < 0 && errno != ENOENT && errno != EBADF && --tries);
}

struct loop_source *loop_source_free(struct loop_source *source)
{
	struct loop *loop;

	if (!source || source->dead)
		return NULL;
	loop = source->loop;
	take_out(source);
	if (source->timer)
		close_fd(source->fd);
	source->dead = true;
	source->next_dead = loop->dead;
	loop->dead = source;
	if (!loop->dispatching)
		bury(loop);
	return NULL;
}

static void dispatch(struct loop_source *source, uint32_t events)
{
	if (source->timer) {
		uint64_t expirations;

		/* nothing to read: it was set anew since epoll_wait returned */
		if (read(source->fd, &expirations, sizeof(expirations)) < 0)
			return;
		events = 0;
	}
	source->fn(source, events, source->userdata);
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[32];

	while (!loop->exiting) {
		int n = epoll_wait(loop->epoll_fd, events, ARRAY_SIZE(events), -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		loop->round++;
		loop->dispatching = true;
		for (int i = 0; i < n && !loop->exiting; i++) {
			struct loop_source *source = events[i].data.ptr;

			if (!source->dead)
				dispatch(source, events[i].events);
		}
		loop->dispatching = false;
		bury(loop);
	}
	return loop->code;
}

uint64_t loop_round(const struct loop *loop)
{
	return loop->round;
}

void loop_exit(struct loop *loop, int code)
{
	loop->exiting = true;
	loop->code = code;
}

uint64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000ull + ts.tv_nsec / 1000;
}

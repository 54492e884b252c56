/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns_ahead.h"

#include <errno.h>

struct netns_ahead { /* the thread's until it is joined */
	pthread_t thread;
	int fd;
	struct rt *rt;
	int result;
};

static void *prepare(void *argument)
{
	struct netns_ahead *ahead = argument;

	ahead->result = netns_prepare(&ahead->fd, &ahead->rt, NULL);
	return NULL;
}

void netns_ahead_start(struct host *host)
{
	struct netns_ahead *ahead;

	if (host->ahead)
		return;
	ahead = calloc(1, sizeof(*ahead));
	if (!ahead)
		return;
	ahead->fd = -1;
	if (thread_start(&ahead->thread, prepare, ahead) == 0)
		host->ahead = ahead;
	else
		free(ahead);
}

int netns_ahead_take(struct host *host, int *ret_fd, struct rt **ret_rt)
{
	struct netns_ahead *ahead = TAKE_PTR(host->ahead);
	int r = -ENOENT;

	if (!ahead)
		return r;
	pthread_join(ahead->thread, NULL);
	if (ahead->result == 0) {
		*ret_fd = ahead->fd;
		*ret_rt = ahead->rt;
		r = 0;
	}
	free(ahead);
	return r;
}

void host_prepare_ahead(struct host *host)
{
	netns_ahead_start(host);
}

void netns_ahead_discard(struct host *host)
{
	struct rt *rt;
	int fd;

	if (netns_ahead_take(host, &fd, &rt) == 0) {
		rt_free(rt);
		close_fd(fd);
	}
}

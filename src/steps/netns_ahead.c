/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns_ahead.h"

#include <errno.h>

#include "step.h"

struct netns_ahead { /* the thread's until it is joined */
	pthread_t thread;
	struct netns_made made;
	int result;
};

static void *prepare(void *argument)
{
	struct netns_ahead *ahead = argument;

	ahead->result = netns_prepare(&ahead->made, NULL);
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
	if (thread_start(&ahead->thread, prepare, ahead) == 0)
		host->ahead = ahead;
	else
		free(ahead);
}

int netns_ahead_take(struct host *host, struct netns_made *ret)
{
	_cleanup_free_ struct netns_ahead *ahead = TAKE_PTR(host->ahead);

	if (!ahead)
		return -ENOENT;
	pthread_join(ahead->thread, NULL);
	if (ahead->result == 0)
		*ret = ahead->made;
	return ahead->result;
}

void host_prepare_ahead(struct host *host)
{
	netns_ahead_start(host);
}

void netns_ahead_discard(struct host *host)
{
	struct netns_made made;

	if (netns_ahead_take(host, &made) == 0)
		netns_made_clear(&made);
}

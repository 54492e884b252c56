/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink: links deleted together in the background, in a network namespace of the test's own. */
#include <errno.h>
#include <poll.h>

#include "nsctl/kernel.h"
#include "private.h"

#define PATIENCE_MSEC 10000

static struct rt *open_rt(void)
{
	struct rt *rt;

	assert_int_equal(rt_open(-1, &rt, NULL), 0);
	return rt;
}

/* A pair whose other end is in the same namespace; returns the index of the first. */
static struct rt_link_name make_pair(struct rt *rt, int netns_fd, const char *name,
				     const char *peer)
{
	struct rt_veth veth = { .name = name, .peer_name = peer, .peer_netns_fd = netns_fd };
	struct rt_link_name link = {};

	assert_int_equal(rt_veth_create(rt, &veth, &link.index, NULL), 0);
	strcpy(link.name, name);
	return link;
}

static void count_gone(const struct rt_event *event, void *userdata)
{
	*(int *)userdata += event->type == RT_LINK_GONE;
}

static void links_go_together_and_only_those_that_still_have_their_name(_unused_ void **state)
{
	_cleanup_close_ int netns_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct rt *rt = open_rt();
	struct rt_link_name links[4];
	struct rt_link_info info;
	struct rt_monitor *monitor;
	int gone = 0;

	for (int i = 0; i < 4; i++) {
		char name[IFNAMSIZ], peer[IFNAMSIZ];

		snprintf(name, sizeof(name), "a%d", i);
		snprintf(peer, sizeof(peer), "b%d", i);
		links[i] = make_pair(rt, netns_fd, name, peer);
	}
	strcpy(links[1].name, "ours"); /* the index is another's by now */
	assert_int_equal(rt_monitor_open(-1, &monitor, NULL), 0);
	assert_int_equal(rt_monitor_listen(monitor, RT_MONITOR_HOST, NULL), 0);
	assert_int_equal(rt_links_delete_later(links, 3), 0);
	while (gone < 4) { /* two pairs */
		struct pollfd wait = { .fd = rt_monitor_fd(monitor), .events = POLLIN };

		assert_int_equal(poll(&wait, 1, PATIENCE_MSEC), 1);
		assert_int_equal(rt_monitor_read(monitor, count_gone, &gone), 0);
	}
	assert_int_equal(rt_link_by_name(rt, "a0", &info), -ENODEV);
	assert_int_equal(rt_link_by_name(rt, "a1", &info), 0);
	assert_int_equal(info.group, 0);
	assert_int_equal(rt_link_by_name(rt, "b1", &info), 0);
	assert_int_equal(rt_link_by_name(rt, "a2", &info), -ENODEV);
	assert_int_equal(rt_link_by_name(rt, "a3", &info), 0); /* nobody asked for it */
	rt_monitor_free(monitor);
	rt_free(rt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_go_together_and_only_those_that_still_have_their_name),
	};

	private_or_skip();
	return cmocka_run_group_tests_name("rtnl", tests, NULL, NULL);
}

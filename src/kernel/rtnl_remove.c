/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links deleted in the background. The kernel waits for all readers of the network (rcu_barrier)
 * after each deletion, 16 ms here, and longer for a bridge; but for many that are deleted by one
 * message it waits once. That message names a group, which links get for this alone.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <sys/random.h>

#include "rtnl.h"

struct removal { /* the thread's, which frees it */
	size_t count;
	struct rt_link_name links[];
};

/* ---- by group ----------------------------------------------------------------------------- */

struct grouping {
	const struct removal *removal;
	struct rt_batch *batch;
	uint32_t group;
	bool taken; /* somebody has links in the group already */
};

static bool is_to_go(const struct removal *removal, const struct rt_link_info *info)
{
	for (size_t i = 0; i < removal->count; i++)
		if (removal->links[i].index == info->index)
			return strcmp(removal->links[i].name, info->name) == 0 &&
			       strcmp(info->kind, "veth") == 0;
	return false;
}

static int on_link(struct nl_msg *message, void *userdata)
{
	struct grouping *grouping = userdata;
	struct rt_link_info info;
	struct nl_msg *change;
	int r = rt_parse_link(message, &info);

	if (r < 0)
		return r;
	grouping->taken |= info.group == grouping->group;
	if (!is_to_go(grouping->removal, &info))
		return 0;
	change = rt_link_message(RTM_SETLINK, AF_UNSPEC, info.index);
	if (change && nla_put_u32(change, IFLA_GROUP, grouping->group) < 0) {
		nlmsg_free(change);
		change = NULL;
	}
	rt_batch_add(grouping->batch, change, -ENODEV, "can't group link %d", info.index);
	return 0;
}

static struct nl_msg *dump_message(void)
{
	struct nl_msg *message = rt_link_message(RTM_GETLINK, AF_UNSPEC, 0);

	if (message)
		nlmsg_hdr(message)->nlmsg_flags |= NLM_F_DUMP;
	return message;
}

static int delete_group(struct rt *rt, const struct removal *removal)
{
	struct grouping grouping = { .removal = removal, .batch = rt_batch_begin(rt) };
	struct nl_msg *message;
	int r = getrandom(&grouping.group, sizeof(grouping.group), 0) < 0 ? -errno : 0;

	grouping.group |= 1u << 30; /* far from those that people count up */
	if (r == 0)
		r = rt_query(rt, dump_message(), on_link, &grouping);
	if (r == 0 && grouping.taken)
		r = -EEXIST;
	if (r < 0) {
		rt_batch_discard(grouping.batch);
		return r;
	}
	r = rt_batch_send(grouping.batch, NULL);
	message = r < 0 ? NULL : rt_link_message(RTM_DELLINK, AF_UNSPEC, 0);
	if (r == 0 && (!message || nla_put_u32(message, IFLA_GROUP, grouping.group) < 0)) {
		nlmsg_free(message);
		r = -ENOMEM;
	}
	return r < 0 ? r : rt_request(rt, message, NULL);
}

/* ---- on a thread of its own, with a socket of its own --------------------------------------- */

static void *remove_links(void *argument)
{
	_cleanup_free_ struct removal *removal = argument;
	struct rt *rt;

	if (rt_open(-1, &rt, NULL) < 0)
		return NULL;
	if (removal->count == 1)
		rt_link_delete(rt, removal->links[0].index, NULL);
	else
		delete_group(rt, removal);
	rt_free(rt);
	return NULL;
}

int rt_links_delete_later(const struct rt_link_name *links, size_t count)
{
	struct removal *removal = calloc(1, sizeof(*removal) + count * sizeof(*links));
	pthread_t thread;
	int r;

	if (!removal)
		return -ENOMEM;
	removal->count = count;
	memcpy(removal->links, links, count * sizeof(*links));
	r = thread_start(&thread, remove_links, removal);
	if (r == 0)
		pthread_detach(thread);
	else
		free(removal);
	return r;
}

int rt_link_delete_later(int index)
{
	return rt_links_delete_later(&(struct rt_link_name){ .index = index }, 1);
}

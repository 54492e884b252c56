/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages that one read from a netlink socket gave, one after the other. NLMSG_OK and
 * mnl_nlmsg_ok take a length above INT_MAX, or one that its alignment carries over the end, for
 * good; here a message that does not end within what was read ends the walk.
 */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <sys/types.h>

struct messages {
	char *data; /* aligned as a nlmsghdr */
	size_t left;
};

/* What one message of the kernel to a netlink socket, or several, read into a buffer that is
 * aligned as a nlmsghdr; from others nothing is taken. Its length, or a negative errno: -EMSGSIZE
 * when it is larger. */
ssize_t message_receive(int fd, char *buffer, size_t size);
/* NULL: there is no more. */
struct nlmsghdr *message_next(struct messages *messages);
/* What the kernel answered: 0 or a negative errno; -EBADMSG for what is neither. */
int message_error(const struct nlmsgerr *answer);
/* The same, of a message that ends what was asked for (NLMSG_DONE, NLMSG_ERROR). */
int message_end(const struct nlmsghdr *h);

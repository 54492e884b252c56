/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ERRNO_MAX 4095 /* linux/err.h, MAX_ERRNO */

ssize_t message_receive(int fd, char *buffer, size_t size)
{
	for (;;) {
		struct sockaddr_nl from = {};
		struct iovec part = { buffer, size };
		struct msghdr message = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &part,
			.msg_iovlen = 1,
		};
		ssize_t n = recvmsg(fd, &message, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0 || message.msg_namelen != sizeof(from) || from.nl_pid != 0)
			continue;
		return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
	}
}

struct nlmsghdr *message_next(struct messages *messages)
{
	struct nlmsghdr *h = (struct nlmsghdr *)messages->data;
	size_t length;

	if (messages->left < sizeof(*h) || h->nlmsg_len < sizeof(*h) ||
	    h->nlmsg_len > messages->left)
		return NULL;
	length = NLMSG_ALIGN((size_t)h->nlmsg_len);
	if (length > messages->left) /* the last one needs no filling */
		length = messages->left;
	messages->data += length;
	messages->left -= length;
	return h;
}

int message_error(const struct nlmsgerr *answer)
{
	return answer->error > 0 || answer->error < -ERRNO_MAX ? -EBADMSG : answer->error;
}

int message_end(const struct nlmsghdr *h)
{
	struct nlmsgerr answer = {};

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(answer.error))) /* NLMSG_DONE may be empty */
		return h->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&answer.error, NLMSG_DATA(h), sizeof(answer.error));
	return message_error(&answer);
}

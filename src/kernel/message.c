/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "message.h"

#include <errno.h>

#define ERRNO_MAX 4095 /* linux/err.h, MAX_ERRNO */

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

size_t messages_length(char *data, size_t length)
{
	struct messages messages = { data, length };

	while (message_next(&messages))
		;
	return length - messages.left;
}

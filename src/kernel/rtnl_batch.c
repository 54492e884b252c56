/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several changes in one system call. The kernel handles each message, also behind one that failed
 * (net/netlink/af_netlink.c, netlink_rcv_skb), and answers those that failed and the last, which
 * asks for it: so what the last is answered says that all have been handled.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#include "message.h"
#include "rtnl.h"

struct rt_batch {
	struct rt *rt;
	char *data;
	size_t length, last_offset;
	struct item {
		char *text;   /* "can't …", for the error */
		int harmless; /* an errno, negative, that is success */
	} * items;
	size_t count;
	int failed; /* the first error while building */
};

struct rt_batch *rt_batch_begin(struct rt *rt)
{
	struct rt_batch *batch = calloc(1, sizeof(*batch));

	if (batch)
		batch->rt = rt;
	return batch;
}

static int append(struct rt_batch *batch, struct nl_msg *message)
{
	struct nlmsghdr *header = nlmsg_hdr(message);
	size_t length = NLMSG_ALIGN(header->nlmsg_len);
	char *grown = realloc(batch->data, batch->length + length);

	if (!grown)
		return -ENOMEM;
	batch->data = grown;
	header->nlmsg_flags |= NLM_F_REQUEST;
	memset(grown + batch->length, 0, length);
	memcpy(grown + batch->length, header, header->nlmsg_len);
	batch->last_offset = batch->length;
	batch->length += length;
	return 0;
}

void rt_batch_add(struct rt_batch *batch, struct nl_msg *message, int harmless, const char *format,
		  ...)
{
	struct item *grown;
	va_list ap;

	if (!batch || batch->failed || !message)
		goto out;
	grown = array_grow(batch->items, batch->count + 1, sizeof(*grown));
	if (!grown || append(batch, message) < 0) {
		batch->items = grown ? grown : batch->items;
		goto out;
	}
	batch->items = grown;
	grown[batch->count].harmless = harmless;
	va_start(ap, format);
	if (vasprintf(&grown[batch->count].text, format, ap) < 0)
		grown[batch->count].text = NULL;
	va_end(ap);
	batch->count++;
	nlmsg_free(message);
	return;
out:
	if (batch && !batch->failed)
		batch->failed = -ENOMEM;
	nlmsg_free(message);
}

/* The numbers follow each other whatever else used the socket since the batch was begun: answers
 * are told by them. */
static void number(struct rt_batch *batch)
{
	for (size_t offset = 0; offset < batch->length;) {
		struct nlmsghdr *header = (struct nlmsghdr *)(batch->data + offset);

		header->nlmsg_seq = nl_socket_use_seq(batch->rt->socket);
		offset += NLMSG_ALIGN(header->nlmsg_len);
	}
}

struct outcome {
	int code; /* of the first that failed */
	size_t index;
	char detail[RT_DETAIL_MAX];
};

/* One answer: true when it is the last message's. */
static bool take_answer(const struct rt_batch *batch, const struct nlmsghdr *h,
			struct outcome *outcome)
{
	uint32_t first = ((const struct nlmsghdr *)batch->data)->nlmsg_seq;
	const struct nlmsgerr *answer = NLMSG_DATA(h);
	size_t index = h->nlmsg_seq - first;
	int code;

	if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*answer)) ||
	    index >= batch->count)
		return false; /* left over from an earlier exchange */
	code = message_error(answer);
	if (code < 0 && code != batch->items[index].harmless && !outcome->code) {
		outcome->code = code;
		outcome->index = index;
		rt_read_detail(h, outcome->detail);
	}
	return index == batch->count - 1;
}

static int read_answers(const struct rt_batch *batch, struct outcome *outcome)
{
	char buffer[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	int fd = nl_socket_get_fd(batch->rt->socket);

	for (;;) {
		ssize_t n = message_receive(fd, buffer, sizeof(buffer));
		struct messages messages = { buffer, n };
		const struct nlmsghdr *h;

		if (n < 0)
			return n;
		while ((h = message_next(&messages)))
			if (take_answer(batch, h, outcome))
				return 0;
	}
}

void rt_batch_discard(struct rt_batch *batch)
{
	if (!batch)
		return;
	for (size_t i = 0; i < batch->count; i++)
		free(batch->items[i].text);
	free(batch->items);
	free(batch->data);
	free(batch);
}

static int tell(const struct rt_batch *batch, const struct outcome *outcome, struct error *error)
{
	const char *text = batch->items[outcome->index].text;

	if (!text)
		return error_errno(error, outcome->code, "%s", _("can't change the network"));
	return outcome->detail[0] ? error_set(error, outcome->code, "%s: %s (%s)", text,
					      strerror(-outcome->code), outcome->detail)
				  : error_errno(error, outcome->code, "%s", text);
}

int rt_batch_send(struct rt_batch *batch, struct error *error)
{
	struct outcome outcome = {};
	int r;

	if (!batch)
		return error_oom(error);
	r = batch->failed;
	if (r == 0 && batch->count) {
		number(batch);
		((struct nlmsghdr *)(batch->data + batch->last_offset))->nlmsg_flags |= NLM_F_ACK;
		r = nl_sendto(batch->rt->socket, batch->data, batch->length) < 0
			    ? -EIO
			    : read_answers(batch, &outcome);
	}
	if (r < 0)
		error_errno(error, r, "%s", _("can't talk to the kernel about the network"));
	else if (outcome.code < 0)
		r = tell(batch, &outcome, error);
	rt_batch_discard(batch);
	return r;
}

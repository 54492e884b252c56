/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NFQUEUE over a plain netlink socket (net/netfilter/nfnetlink_queue.c): the messages are few and
 * of fixed form, so that building them is a handful of stores.
 *
 * Dropping many at once is safe: the kernel numbers packets and puts them into our socket under one
 * lock, so that all with a number up to the last one received have been received, and those that
 * were accepted before are out of the queue.
 */
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>

#include "queue.h"

/*
 * What the queue may hold is bounded by the room in our socket alone (some 7500 queries), never
 * by its length: what finds no room has a number already, and is missed by that, whereas what finds
 * the queue full is let through without a trace (NFQA_CFG_F_FAIL_OPEN: neither of the kernel's own
 * counters sees it).
 */
#define QUEUE_LENGTH UINT32_MAX

enum {
	VERDICTS_MAX = 16384,    /* bytes of verdicts in one message to the kernel */
	RECEIVE_BYTES = 3 << 20, /* the kernel takes it twice, for what it spends itself */
	HEADERS = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg)),
};

struct queue {
	int fd;
	uint16_t number;   /* in network byte order */
	uint32_t priority; /* the same */
	uint32_t answer_verdict;
	uint32_t last; /* number of the last packet received; the first one is 1 */
	struct queue_trouble trouble;
	int failed; /* 0, or why verdicts could not be sent */
	size_t collected;
	struct mmsghdr messages[QUEUE_BATCH];
	struct iovec vectors[QUEUE_BATCH];
	uint8_t verdicts[VERDICTS_MAX] __attribute__((aligned(8)));
	uint8_t buffers[QUEUE_BATCH][QUEUE_PACKET_MAX] __attribute__((aligned(8)));
};

/* ---- messages to the kernel --------------------------------------------------------------- */

struct verdict {
	struct nlmsghdr header;
	struct nfgenmsg family;
	struct nlattr attribute;
	struct nfqnl_msg_verdict_hdr verdict;
};

static void fill_header(const struct queue *queue, void *at, unsigned type, unsigned flags,
			size_t length)
{
	struct verdict *verdict = at;

	verdict->header = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)length,
		.nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type),
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
	};
	verdict->family = (struct nfgenmsg){ .nfgen_family = AF_UNSPEC,
					     .version = NFNETLINK_V0,
					     .res_id = queue->number };
}

static size_t put_attribute(uint8_t *message, size_t at, unsigned type, const void *value,
			    size_t length)
{
	struct nlattr attribute = { .nla_len = (uint16_t)(NLA_HDRLEN + length),
				    .nla_type = (uint16_t)type };

	memcpy(message + at, &attribute, sizeof(attribute));
	memcpy(message + at + NLA_HDRLEN, value, length);
	return at + NLA_ALIGN(NLA_HDRLEN + length);
}

/* Sends the configuration whose attributes end at `at`, and waits for what the kernel says. */
static int send_configuration(struct queue *queue, uint8_t *message, size_t at)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} reply;

	fill_header(queue, message, NFQNL_MSG_CONFIG, NLM_F_ACK, at);
	if (send(queue->fd, message, at, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(queue->fd, &reply, sizeof(reply), 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n >= (ssize_t)sizeof(reply) && reply.header.nlmsg_type == NLMSG_ERROR)
			return reply.error.error;
	}
}

static int configure(struct queue *queue, unsigned type, const void *value, size_t length)
{
	uint8_t message[128] __attribute__((aligned(8))) = {};

	return send_configuration(queue, message,
				  put_attribute(message, HEADERS, type, value, length));
}

static int set_flags(struct queue *queue, uint32_t flags)
{
	uint8_t message[128] __attribute__((aligned(8))) = {};
	size_t at;

	flags = htonl(flags);
	at = put_attribute(message, HEADERS, NFQA_CFG_FLAGS, &flags, sizeof(flags));
	at = put_attribute(message, at, NFQA_CFG_MASK, &flags, sizeof(flags));
	return send_configuration(queue, message, at);
}

static int bind_queue(struct queue *queue)
{
	const struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND };
	const struct nfqnl_msg_config_params parameters = { .copy_range =
								    htonl(QUEUE_PACKET_MAX - 256),
							    .copy_mode = NFQNL_COPY_PACKET };
	const uint32_t length = htonl(QUEUE_LENGTH);
	int r = configure(queue, NFQA_CFG_CMD, &command, sizeof(command));

	if (r == 0)
		r = configure(queue, NFQA_CFG_PARAMS, &parameters, sizeof(parameters));
	if (r == 0)
		r = configure(queue, NFQA_CFG_QUEUE_MAXLEN, &length, sizeof(length));
	if (r == 0)
		r = set_flags(queue, NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO);
	return r;
}

int queue_open(unsigned number, struct queue **ret, struct error *error)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	struct queue *queue = calloc(1, sizeof(*queue));
	int one = 1, bytes = RECEIVE_BYTES, r;

	if (!queue)
		return error_oom(error);
	queue->number = htons((uint16_t)number);
	queue->answer_verdict = NF_ACCEPT;
	queue->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (queue->fd < 0 || connect(queue->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		r = error_errno(error, errno, _("can't open a socket for queue %u"), number);
		queue_free(queue);
		return r;
	}
	setsockopt(queue->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	setsockopt(queue->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	for (size_t i = 0; i < QUEUE_BATCH; i++) {
		queue->vectors[i] = (struct iovec){ queue->buffers[i], QUEUE_PACKET_MAX };
		queue->messages[i].msg_hdr =
			(struct msghdr){ .msg_iov = &queue->vectors[i], .msg_iovlen = 1 };
	}
	r = bind_queue(queue);
	if (r == -EPERM && geteuid() == 0) /* what the kernel says to all but the owner */
		r = -EBUSY;
	if (r < 0) {
		error_errno(error, r, _("can't bind queue %u"), number);
		queue_free(queue);
		return r;
	}
	*ret = queue;
	return 0;
}

struct queue *queue_free(struct queue *queue)
{
	if (queue)
		close_fd(queue->fd);
	free(queue);
	return NULL;
}

int queue_fd(const struct queue *queue)
{
	return queue->fd;
}

unsigned queue_number(const struct queue *queue)
{
	return ntohs(queue->number);
}

void queue_set_answers(struct queue *queue, uint32_t priority, bool repeat)
{
	queue->priority = htonl(priority);
	queue->answer_verdict = repeat ? NF_REPEAT : NF_ACCEPT;
}

const struct queue_trouble *queue_trouble(const struct queue *queue)
{
	return &queue->trouble;
}

/* ---- receiving ---------------------------------------------------------------------------- */

static bool read_attributes(uint8_t *p, size_t left, struct queued *ret)
{
	bool has_id = false;

	while (left >= NLA_HDRLEN) {
		struct nlattr attribute;
		size_t length, step;

		memcpy(&attribute, p, sizeof(attribute));
		length = attribute.nla_len;
		if (length < NLA_HDRLEN || length > left)
			return false;
		if ((attribute.nla_type & NLA_TYPE_MASK) == NFQA_PACKET_HDR &&
		    length >= NLA_HDRLEN + sizeof(struct nfqnl_msg_packet_hdr)) {
			memcpy(&ret->id, p + NLA_HDRLEN, sizeof(ret->id));
			has_id = true;
		} else if ((attribute.nla_type & NLA_TYPE_MASK) == NFQA_PAYLOAD) {
			ret->bytes = p + NLA_HDRLEN;
			ret->length = length - NLA_HDRLEN;
		} else if ((attribute.nla_type & NLA_TYPE_MASK) == NFQA_IFINDEX_INDEV &&
			   length >= NLA_HDRLEN + sizeof(ret->interface)) {
			memcpy(&ret->interface, p + NLA_HDRLEN, sizeof(ret->interface));
		}
		step = NLA_ALIGN(length);
		if (step >= left)
			break;
		p += step;
		left -= step;
	}
	return has_id;
}

static bool read_packet(uint8_t *buffer, const struct nlmsghdr *header, size_t length,
			struct queued *ret)
{
	if (header->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET) ||
	    header->nlmsg_len < HEADERS || header->nlmsg_len > length)
		return false;
	if (!read_attributes(buffer + HEADERS, header->nlmsg_len - HEADERS, ret))
		return false;
	ret->room = ret->bytes ? (size_t)(buffer + QUEUE_PACKET_MAX - ret->bytes) : 0;
	return true;
}

static bool read_message(struct queue *queue, uint8_t *buffer, size_t length, struct queued *ret)
{
	struct nlmsghdr header = {};
	uint32_t number;

	*ret = (struct queued){};
	if (length >= sizeof(header))
		memcpy(&header, buffer, sizeof(header));
	if (header.nlmsg_type == NLMSG_ERROR) {
		queue->trouble.refused++;
		return false;
	}
	if (!read_packet(buffer, &header, length, ret)) {
		queue->trouble.unreadable++;
		return false;
	}
	number = ntohl(ret->id);
	queue->trouble.lost += number - queue->last - 1; /* those in between */
	queue->last = number;
	return true;
}

int queue_receive(struct queue *queue, struct queued packets[QUEUE_BATCH])
{
	int n = recvmmsg(queue->fd, queue->messages, QUEUE_BATCH, MSG_WAITFORONE, NULL), kept = 0;

	if (n < 0) /* that some were not handed over, their numbers tell */
		return errno == EINTR || errno == ENOBUFS ? 0 : -errno;
	for (int i = 0; i < n; i++)
		kept += read_message(queue, queue->buffers[i], queue->messages[i].msg_len,
				     &packets[kept]);
	return kept;
}

/* ---- verdicts ----------------------------------------------------------------------------- */

static void send_verdicts(struct queue *queue)
{
	size_t length = queue->collected;

	queue->collected = 0;
	if (length > 0 && send(queue->fd, queue->verdicts, length, 0) < 0)
		queue->failed = -errno;
}

static void put_verdict(struct queue *queue, unsigned type, uint32_t id, uint32_t verdict,
			const uint8_t *bytes, size_t length)
{
	const size_t priority = NLA_ALIGN(NLA_HDRLEN + sizeof(queue->priority));
	size_t size = sizeof(struct verdict);
	struct verdict *at;

	if (bytes)
		size += priority + NLA_ALIGN(NLA_HDRLEN + length);

	if (queue->collected + size > VERDICTS_MAX)
		send_verdicts(queue);
	at = (struct verdict *)(queue->verdicts + queue->collected);
	fill_header(queue, at, type, 0, size);
	at->attribute = (struct nlattr){ .nla_len = NLA_HDRLEN + sizeof(at->verdict),
					 .nla_type = NFQA_VERDICT_HDR };
	at->verdict = (struct nfqnl_msg_verdict_hdr){ .verdict = htonl(verdict), .id = id };
	if (bytes) {
		size_t end = put_attribute((uint8_t *)at, sizeof(*at), NFQA_PRIORITY,
					   &queue->priority, sizeof(queue->priority));

		put_attribute((uint8_t *)at, end, NFQA_PAYLOAD, bytes, length);
	}
	queue->collected += size;
}

void queue_accept(struct queue *queue, const struct queued *packet, const uint8_t *bytes,
		  size_t length)
{
	put_verdict(queue, NFQNL_MSG_VERDICT, packet->id, bytes ? queue->answer_verdict : NF_ACCEPT,
		    bytes, length);
}

void queue_drop_rest(struct queue *queue, const struct queued *last)
{
	put_verdict(queue, NFQNL_MSG_VERDICT_BATCH, last->id, NF_DROP, NULL, 0);
}

int queue_accept_until(struct queue *queue, uint32_t id)
{
	put_verdict(queue, NFQNL_MSG_VERDICT_BATCH, htonl(id), NF_ACCEPT, NULL, 0);
	return queue_flush(queue);
}

int queue_flush(struct queue *queue)
{
	int r;

	send_verdicts(queue);
	r = queue->failed;
	queue->failed = 0;
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The loop. What can't be answered, or whose answer can't be sent, is let through to the real
 * server; nothing is lost. The order of verdicts is that of the packets: the kernel looks for each
 * from the oldest on.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "packet.h"
#include "respond.h"

/* The answers of a batch for one of the raw sockets, and the packets that they answer. */
struct outgoing {
	int fd;
	unsigned n;
	struct mmsghdr messages[QUEUE_BATCH];
	struct iovec vectors[QUEUE_BATCH];
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} to[QUEUE_BATCH];
	unsigned packet[QUEUE_BATCH];
};

struct batch {
	struct queued packets[QUEUE_BATCH];
	unsigned n;
	bool accept[QUEUE_BATCH]; /* RESPOND_BY_SOCKET: not dropped */
	uint32_t answered, passed, errors;
};

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- counting --------------------------------------------------------------------------- */

static void count_error(struct responder *responder, struct batch *batch, enum aaaa_error kind)
{
	responder->statistics->errors[kind]++;
	batch->errors++;
}

static struct aaaa_statistics_second *present_second(struct responder *responder)
{
	struct aaaa_statistics_second *second;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	second = &responder->statistics->seconds[now.tv_sec % AAAA_SECONDS];
	if (second->time != now.tv_sec) {
		memset(second, 0, sizeof(*second));
		second->time = now.tv_sec;
	}
	return second;
}

static void count_batch(struct responder *responder, const struct batch *batch, uint64_t took)
{
	struct aaaa_statistics_second *second = present_second(responder);
	struct aaaa_statistics *all = responder->statistics;
	unsigned class = aaaa_class(took);

	all->seen += batch->n;
	all->answered += batch->answered;
	all->latency[class] += batch->answered;
	all->latency_sum_ns += took * batch->answered;
	second->answered += batch->answered;
	second->passed += batch->passed;
	second->errors += batch->errors;
	second->latency[class] += batch->answered;
}

/* ---- one packet ------------------------------------------------------------------------- */

/* The packet turned into its answer; false: it is to be let through. */
static bool make_answer(struct responder *responder, struct batch *batch,
			const struct queued *queued, struct packet *ret)
{
	enum aaaa_passed reason = AAAA_PASSED_PACKET;
	ssize_t length = -1;

	if (queued->bytes && packet_parse(queued->bytes, queued->length, responder->port, ret))
		length = dns_answer(ret->payload, ret->payload_length,
				    (size_t)(queued->bytes + queued->room - ret->payload),
				    &responder->policy, &reason);
	if (length < 0) {
		responder->statistics->passed[reason]++;
		batch->passed++;
		return false;
	}
	packet_turn_round(ret, (size_t)length, responder->way == RESPOND_BY_VERDICT);
	return true;
}

/* ---- answers in the verdict ------------------------------------------------------------- */

static void answer_by_verdict(struct responder *responder, struct batch *batch)
{
	for (unsigned i = 0; i < batch->n; i++) {
		const struct queued *queued = &batch->packets[i];
		struct packet packet;

		if (!make_answer(responder, batch, queued, &packet)) {
			queue_accept(responder->queue, queued, NULL, 0);
			continue;
		}
		queue_accept(responder->queue, queued, packet.bytes, packet.length);
		batch->answered++;
	}
}

/* ---- answers by raw sockets ------------------------------------------------------------- */

/* A link-local address is one only together with the interface that the query came by: RFC 4007, 6;
 * the kernel looks at it for no other. */
static void add_outgoing(struct outgoing *outgoing, const struct packet *packet, uint32_t interface,
			 unsigned index)
{
	unsigned n = outgoing->n++;
	struct msghdr *message = &outgoing->messages[n].msg_hdr;

	if (packet->v6) {
		outgoing->to[n].v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
							    .sin6_scope_id = ntohl(interface) };
		memcpy(&outgoing->to[n].v6.sin6_addr, packet->bytes + 24, 16);
	} else {
		outgoing->to[n].v4 = (struct sockaddr_in){ .sin_family = AF_INET };
		memcpy(&outgoing->to[n].v4.sin_addr, packet->bytes + 16, 4);
	}
	outgoing->packet[n] = index;
	outgoing->vectors[n] = (struct iovec){ packet->bytes, packet->length };
	*message = (struct msghdr){
		.msg_name = &outgoing->to[n],
		.msg_namelen =
			packet->v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
		.msg_iov = &outgoing->vectors[n],
		.msg_iovlen = 1,
	};
}

/* Sends all; the query of an answer that can't be sent is let through. */
static void send_outgoing(struct responder *responder, struct batch *batch,
			  struct outgoing *outgoing)
{
	for (unsigned done = 0; done < outgoing->n;) {
		int n = sendmmsg(outgoing->fd, outgoing->messages + done, outgoing->n - done,
				 MSG_DONTWAIT);

		if (n > 0) {
			done += (unsigned)n;
			batch->answered += (unsigned)n;
		} else if (errno != EINTR) {
			count_error(responder, batch,
				    errno == EPERM ? AAAA_ERROR_EPERM : AAAA_ERROR_SEND);
			batch->accept[outgoing->packet[done++]] = true;
		}
	}
}

static void answer_by_socket(struct responder *responder, struct batch *batch)
{
	struct outgoing v4, v6;
	bool any = false;

	v4.fd = responder->raw4;
	v6.fd = responder->raw6;
	v4.n = v6.n = 0;
	for (unsigned i = 0; i < batch->n; i++) {
		struct packet packet;

		batch->accept[i] = !make_answer(responder, batch, &batch->packets[i], &packet);
		if (!batch->accept[i])
			add_outgoing(packet.v6 ? &v6 : &v4, &packet, batch->packets[i].interface,
				     i);
	}
	send_outgoing(responder, batch, &v4);
	send_outgoing(responder, batch, &v6);
	for (unsigned i = 0; i < batch->n; i++)
		if (batch->accept[i])
			queue_accept(responder->queue, &batch->packets[i], NULL, 0);
		else
			any = true;
	if (any)
		queue_drop_rest(responder->queue, &batch->packets[batch->n - 1]);
}

int respond_open_sockets(struct responder *responder, struct error *error)
{
	int one = 1;

	responder->raw4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	responder->raw6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (responder->raw4 < 0 || responder->raw6 < 0)
		return error_errno(error, errno, _("can't open a raw socket"));
	if (setsockopt(responder->raw4, SOL_SOCKET, SO_PRIORITY, &responder->priority,
		       sizeof(responder->priority)) < 0 ||
	    setsockopt(responder->raw6, SOL_SOCKET, SO_PRIORITY, &responder->priority,
		       sizeof(responder->priority)) < 0)
		return error_errno(error, errno, _("can't mark what raw sockets send"));
	setsockopt(responder->raw6, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one));
	return 0;
}

/* ---- the loop --------------------------------------------------------------------------- */

int respond_once(struct responder *responder)
{
	struct batch batch;
	uint64_t start;
	int n = queue_receive(responder->queue, batch.packets), r;

	if (n == -ENOBUFS) {
		responder->statistics->errors[AAAA_ERROR_OVERRUN]++;
		return 0;
	}
	if (n <= 0)
		return n;
	start = monotonic_ns();
	batch.n = (unsigned)n;
	batch.answered = batch.passed = batch.errors = 0;
	if (responder->way == RESPOND_BY_VERDICT)
		answer_by_verdict(responder, &batch);
	else
		answer_by_socket(responder, &batch);
	r = queue_flush(responder->queue);
	if (r < 0)
		count_error(responder, &batch, AAAA_ERROR_VERDICT);
	responder->statistics->errors[AAAA_ERROR_RECEIVE] = queue_refused(responder->queue);
	count_batch(responder, &batch, monotonic_ns() - start);
	return r;
}

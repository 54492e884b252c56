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

enum { LOOPBACK = 1 }; /* lo's number, in each network namespace: include/net/flow.h */

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
	/* where the answer comes from */
	union {
		uint8_t v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
		uint8_t v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		struct cmsghdr aligned;
	} from[QUEUE_BATCH];
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

static void count_errors(struct responder *responder, struct batch *batch, enum aaaa_error kind,
			 uint64_t number)
{
	responder->statistics->errors[kind] += number;
	batch->errors += (uint32_t)number;
}

/* What the queue has met since the last time. */
static void count_trouble(struct responder *responder, struct batch *batch)
{
	const struct queue_trouble *now = queue_trouble(responder->queue);
	struct queue_trouble *last = &responder->trouble;

	count_errors(responder, batch, AAAA_ERROR_OVERRUN, now->lost - last->lost);
	count_errors(responder, batch, AAAA_ERROR_VERDICT, now->refused - last->refused);
	count_errors(responder, batch, AAAA_ERROR_RECEIVE, now->unreadable - last->unreadable);
	*last = *now;
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

static bool came_by_no_wire(const struct queued *queued)
{
	return queued->interface == 0 || queued->interface == htonl(LOOPBACK);
}

/* The packet turned into its answer; false: it is to be let through. */
static bool make_answer(struct responder *responder, struct batch *batch,
			const struct queued *queued, struct packet *ret)
{
	enum aaaa_passed reason = AAAA_PASSED_PACKET;
	ssize_t length = -1;

	if (queued->bytes && packet_parse(queued->bytes, queued->length, responder->port, ret) &&
	    (came_by_no_wire(queued) || !packet_has_loopback(ret)))
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

static void put_control(struct msghdr *message, void *control, int level, int type,
			const void *value, size_t length)
{
	struct cmsghdr *header = control;

	*header = (struct cmsghdr){ .cmsg_level = level,
				    .cmsg_type = type,
				    .cmsg_len = CMSG_LEN(length) };
	memcpy(CMSG_DATA(header), value, length);
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(length);
}

static void address_v4(struct outgoing *outgoing, unsigned n, const uint8_t *ip)
{
	struct in_pktinfo from = {};

	outgoing->to[n].v4 = (struct sockaddr_in){ .sin_family = AF_INET };
	memcpy(&outgoing->to[n].v4.sin_addr, ip + 16, 4);
	memcpy(&from.ipi_spec_dst, ip + 12, 4);
	put_control(&outgoing->messages[n].msg_hdr, &outgoing->from[n], IPPROTO_IP, IP_PKTINFO,
		    &from, sizeof(from));
}

/* A link-local address is one only together with the interface that the query came by: RFC 4007, 6;
 * the kernel looks at it for no other. */
static void address_v6(struct outgoing *outgoing, unsigned n, const uint8_t *ip, uint32_t interface)
{
	struct in6_pktinfo from = {};

	outgoing->to[n].v6 =
		(struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_scope_id = interface };
	memcpy(&outgoing->to[n].v6.sin6_addr, ip + 24, 16);
	memcpy(&from.ipi6_addr, ip + 8, 16);
	if (IN6_IS_ADDR_LINKLOCAL(&from.ipi6_addr))
		from.ipi6_ifindex = interface;
	put_control(&outgoing->messages[n].msg_hdr, &outgoing->from[n], IPPROTO_IPV6, IPV6_PKTINFO,
		    &from, sizeof(from));
}

/* Where an answer comes from is in its header; the kernel is told it as well, or it would route it
 * as if that were any address of this host: ip-rule(8), "from". */
static void add_outgoing(struct outgoing *outgoing, const struct packet *packet, uint32_t interface,
			 unsigned index)
{
	unsigned n = outgoing->n++;

	outgoing->packet[n] = index;
	outgoing->vectors[n] = (struct iovec){ packet->bytes, packet->length };
	outgoing->messages[n].msg_hdr = (struct msghdr){
		.msg_name = &outgoing->to[n],
		.msg_namelen =
			packet->v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
		.msg_iov = &outgoing->vectors[n],
		.msg_iovlen = 1,
	};
	if (packet->v6)
		address_v6(outgoing, n, packet->bytes, ntohl(interface));
	else
		address_v4(outgoing, n, packet->bytes);
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
			count_errors(responder, batch,
				     errno == EPERM ? AAAA_ERROR_EPERM : AAAA_ERROR_SEND, 1);
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

/* Without *_RECVERR the kernel keeps silent about answers that a full qdisc drops (ENOBUFS:
 * raw_sendmsg() in net/ipv4/raw.c); errors of others, by ICMP, don't come to a socket of this
 * protocol. IPV6_FREEBIND: an answer may be in another's name (hook = forward), which for
 * IPv4 whoever writes the header may do anyway. */
static int set_options(const struct responder *responder)
{
	static const struct {
		int level, name;
		bool v6;
	} options[] = {
		{ IPPROTO_IP, IP_RECVERR, false },
		{ IPPROTO_IPV6, IPV6_RECVERR, true },
		{ IPPROTO_IPV6, IPV6_FREEBIND, true },
		{ IPPROTO_IPV6, IPV6_HDRINCL, true },
	};
	const int one = 1, fds[] = { responder->raw4, responder->raw6 };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (setsockopt(fds[i], SOL_SOCKET, SO_PRIORITY, &responder->priority,
			       sizeof(responder->priority)) < 0)
			return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (setsockopt(fds[options[i].v6], options[i].level, options[i].name, &one,
			       sizeof(one)) < 0)
			return -errno;
	return 0;
}

int respond_open_sockets(struct responder *responder, struct error *error)
{
	int r;

	responder->raw4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	responder->raw6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (responder->raw4 < 0 || responder->raw6 < 0)
		return error_errno(error, errno, _("can't open a raw socket"));
	r = set_options(responder);
	return r < 0 ? error_errno(error, r, "%s", _("can't prepare a raw socket")) : 0;
}

/* ---- the loop --------------------------------------------------------------------------- */

int respond_once(struct responder *responder)
{
	struct batch batch;
	uint64_t start;
	int n = queue_receive(responder->queue, batch.packets), r = 0;

	if (n < 0)
		return n;
	start = monotonic_ns();
	batch.n = (unsigned)n;
	batch.answered = batch.passed = batch.errors = 0;
	if (n > 0 && responder->way == RESPOND_BY_VERDICT)
		answer_by_verdict(responder, &batch);
	else if (n > 0)
		answer_by_socket(responder, &batch);
	if (n > 0)
		r = queue_flush(responder->queue);
	if (r < 0)
		count_errors(responder, &batch, AAAA_ERROR_VERDICT, 1);
	count_trouble(responder, &batch);
	if (batch.n || batch.errors)
		count_batch(responder, &batch, monotonic_ns() - start);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aaaa-peer: what nsctl-aaaa is compared with in its bench. Neither is meant for use.
 *
 *   aaaa-peer answer QUEUE        the obvious responder, well written: a packet is received, its
 *                                 answer sent on a raw socket, and its verdict given, one after
 *                                 the other. IPv4 without options.
 *   aaaa-peer drop QUEUE FILE     the floor: packets are received many at a time and dropped by
 *                                 one verdict for all. Nothing looks at them or answers; how many
 *                                 there were is counted in FILE.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, PACKET_MAX = 2048, HEADER = 12, OPT_LENGTH = 11, TYPE_AAAA = 28 };

struct queue {
	struct mnl_socket *netlink;
	int fd, raw;
	uint16_t number;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "aaaa-peer: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* ---- the queue ------------------------------------------------------------------------ */

static struct nlmsghdr *put_header(void *buffer, unsigned type, uint16_t number)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *body;

	message->nlmsg_type = (NFNL_SUBSYS_QUEUE << 8) | type;
	message->nlmsg_flags = NLM_F_REQUEST;
	body = mnl_nlmsg_put_extra_header(message, sizeof(*body));
	body->nfgen_family = AF_UNSPEC;
	body->version = NFNETLINK_V0;
	body->res_id = htons(number);
	return message;
}

static void open_queue(struct queue *queue)
{
	struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND,
						.pf = htons(AF_INET) };
	struct nfqnl_msg_config_params parameters = { .copy_range = htonl(0xffff),
						      .copy_mode = NFQNL_COPY_PACKET };
	char buffer[256];
	struct nlmsghdr *message = put_header(buffer, NFQNL_MSG_CONFIG, queue->number);
	int one = 1, bytes = 8 << 20;

	queue->netlink = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!queue->netlink || mnl_socket_bind(queue->netlink, 0, MNL_SOCKET_AUTOPID) < 0)
		die("netlink");
	queue->fd = mnl_socket_get_fd(queue->netlink);
	setsockopt(queue->fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	setsockopt(queue->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	message->nlmsg_flags |= NLM_F_ACK;
	mnl_attr_put(message, NFQA_CFG_CMD, sizeof(command), &command);
	mnl_attr_put(message, NFQA_CFG_PARAMS, sizeof(parameters), &parameters);
	mnl_attr_put_u32(message, NFQA_CFG_QUEUE_MAXLEN, htonl(4096));
	if (mnl_socket_sendto(queue->netlink, message, message->nlmsg_len) < 0 ||
	    recv(queue->fd, buffer, sizeof(buffer), 0) < 0 ||
	    ((struct nlmsgerr *)mnl_nlmsg_get_payload((void *)buffer))->error != 0)
		die("can't bind the queue");
}

struct packet {
	uint32_t id; /* as the kernel gave it, in network order */
	uint8_t *bytes;
	size_t length;
};

static int read_attribute(const struct nlattr *attribute, void *userdata)
{
	struct packet *packet = userdata;

	switch (mnl_attr_get_type(attribute)) {
	case NFQA_PACKET_HDR:
		packet->id =
			((struct nfqnl_msg_packet_hdr *)mnl_attr_get_payload(attribute))->packet_id;
		break;
	case NFQA_PAYLOAD:
		packet->bytes = mnl_attr_get_payload(attribute);
		packet->length = mnl_attr_get_payload_len(attribute);
		break;
	}
	return MNL_CB_OK;
}

static bool read_packet(void *buffer, size_t length, struct packet *packet)
{
	struct nlmsghdr *message = buffer;

	*packet = (struct packet){};
	return mnl_nlmsg_ok(message, (int)length) &&
	       message->nlmsg_type == ((NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET) &&
	       mnl_attr_parse(message, sizeof(struct nfgenmsg), read_attribute, packet) >= 0;
}

static void send_verdict(struct queue *queue, unsigned type, uint32_t id, uint32_t verdict)
{
	char buffer[128];
	struct nlmsghdr *message = put_header(buffer, type, queue->number);
	struct nfqnl_msg_verdict_hdr body = { .verdict = htonl(verdict), .id = id };

	mnl_attr_put(message, NFQA_VERDICT_HDR, sizeof(body), &body);
	if (mnl_socket_sendto(queue->netlink, message, message->nlmsg_len) < 0)
		die("can't send a verdict");
}

/* ---- one at a time -------------------------------------------------------------------- */

static uint16_t checksum(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Where the one question of a query for AAAA ends, from the head of the DNS message; else 0. */
static size_t question_end(const uint8_t *dns, size_t length)
{
	static const uint8_t counts[] = { 0, 1, 0, 0, 0, 0, 0 };
	static const uint8_t asked[] = { 0, 0, TYPE_AAAA, 0, 1 };
	size_t at = HEADER;

	if (length < HEADER + 5 || dns[2] & 0xf8 || memcmp(dns + 4, counts, sizeof(counts)) != 0)
		return 0;
	while (at + 5 <= length && dns[at] && dns[at] < 64)
		at += 1U + dns[at];
	if (at + 5 > length || memcmp(dns + at, asked, sizeof(asked)) != 0)
		return 0;
	return at + 5;
}

/* The DNS message into its answer; the length of that, or 0. An OPT is answered with one. */
static size_t make_message(uint8_t *dns, size_t length)
{
	static const uint8_t no_options[] = { 0, 0 };
	size_t end = question_end(dns, length);
	uint8_t *opt = dns + end;

	if (end == 0)
		return 0;
	if (dns[11] == 1) {
		if (length != end + OPT_LENGTH || opt[0] || opt[1] || opt[2] != 41 || opt[6] ||
		    memcmp(opt + 9, no_options, sizeof(no_options)) != 0)
			return 0;
		opt[5] = 0;
		end = length;
	} else if (dns[11] != 0 || length != end) {
		return 0;
	}
	dns[2] = 0x80 | (dns[2] & 0x01);
	dns[3] = 0x80 | (dns[3] & 0x10);
	return end;
}

/* Turns the packet into its answer in place; the length of that, or 0 when it is none of ours. */
static size_t make_answer(uint8_t *bytes, size_t length)
{
	struct iphdr *ip = (struct iphdr *)bytes;
	struct udphdr *udp = (struct udphdr *)(bytes + sizeof(*ip));
	size_t head = sizeof(*ip) + sizeof(*udp), end;
	uint32_t address;
	uint16_t port;

	if (length < head || ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP ||
	    ip->frag_off & htons(0x3fff) || udp->dest != htons(53))
		return 0;
	end = make_message(bytes + head, length - head);
	if (end == 0)
		return 0;
	address = ip->saddr, ip->saddr = ip->daddr, ip->daddr = address;
	port = udp->source, udp->source = udp->dest, udp->dest = port;
	udp->len = htons((uint16_t)(sizeof(*udp) + end));
	udp->check = 0;
	ip->tot_len = htons((uint16_t)(head + end));
	ip->ttl = 64;
	ip->check = 0;
	ip->check = checksum(bytes, sizeof(*ip));
	return head + end;
}

static void answer_one(struct queue *queue, const struct packet *packet)
{
	size_t length = make_answer(packet->bytes, packet->length);
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint32_t verdict = NF_ACCEPT;

	if (length > 0) {
		memcpy(&to.sin_addr, packet->bytes + offsetof(struct iphdr, daddr),
		       sizeof(to.sin_addr));
		if (sendto(queue->raw, packet->bytes, length, 0, (struct sockaddr *)&to,
			   sizeof(to)) >= 0)
			verdict = NF_DROP;
	}
	send_verdict(queue, NFQNL_MSG_VERDICT, packet->id, verdict);
}

static _Noreturn void answer(struct queue *queue)
{
	static uint8_t buffer[PACKET_MAX] __attribute__((aligned(8)));
	struct packet packet;

	queue->raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (queue->raw < 0)
		die("raw socket");
	for (;;) {
		ssize_t n = recv(queue->fd, buffer, sizeof(buffer), 0);

		if (n < 0 && errno != EINTR)
			die("recv");
		if (n > 0 && read_packet(buffer, (size_t)n, &packet))
			answer_one(queue, &packet);
	}
}

/* ---- the floor ------------------------------------------------------------------------ */

static _Atomic uint64_t *open_counter(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *memory;

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		die(path);
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die(path);
	return memory;
}

static _Noreturn void drop(struct queue *queue, const char *path)
{
	static uint8_t buffers[BATCH][PACKET_MAX] __attribute__((aligned(8)));
	_Atomic uint64_t *counter = open_counter(path);
	struct mmsghdr messages[BATCH] = {};
	struct iovec vectors[BATCH];
	struct packet packet;

	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ buffers[i], PACKET_MAX };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	for (;;) {
		int n = recvmmsg(queue->fd, messages, BATCH, MSG_WAITFORONE, NULL);

		if (n < 0 && errno != EINTR)
			die("recvmmsg");
		if (n <= 0 || !read_packet(buffers[n - 1], messages[n - 1].msg_len, &packet))
			continue;
		/* ids rise: this one and all below it */
		send_verdict(queue, NFQNL_MSG_VERDICT_BATCH, packet.id, NF_DROP);
		atomic_fetch_add(counter, (unsigned)n);
	}
}

int main(int argc, char **argv)
{
	struct queue queue = {};
	bool drops = argc == 4 && strcmp(argv[1], "drop") == 0;

	if (!drops && !(argc == 3 && strcmp(argv[1], "answer") == 0)) {
		fprintf(stderr, "Usage: aaaa-peer answer QUEUE | drop QUEUE FILE\n");
		return 2;
	}
	queue.number = (uint16_t)atoi(argv[2]);
	open_queue(&queue);
	puts("ready");
	fflush(stdout);
	if (drops)
		drop(&queue, argv[3]);
	answer(&queue);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aaaa-load: a DNS client that keeps a fixed number of queries in flight.
 *
 * A closed loop: a new query leaves when an answer has come. All queries are built before the
 * clock starts, sending and receiving go many to a system call, and each answer is compared with
 * its question, so that a wrong or a second answer does not count as speed. Prints one JSON object.
 *
 * It ends after --seconds, or by SIGTERM. With --patience it waits then for what is in flight, so
 * that what is lost is known for sure; without, what is in flight then does not count.
 *
 * With --floor nothing answers: the other side counts the queries in a file that both have mapped,
 * and a query is over when it is counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
	SLOTS_MAX = 1024,
	QUERY_MAX = 64,
	ANSWER_MAX = 512,
	TYPE_A = 1,
	TYPE_AAAA = 28,
	SUB_BITS = 6, /* of a latency, as many leading bits count: 1.6 % */
	BUCKETS = 64 << SUB_BITS,
};

/* A query in flight, or none. Its name is its own, so that an answer is known by its bytes. */
struct slot {
	uint8_t query[4][QUERY_MAX]; /* for A and AAAA; 2 and 3: the same with an OPT */
	int kind;                    /* which of them is in flight: an index, or -1 */
	uint16_t id;
	uint64_t sent_ns;
};

struct load {
	int fd;
	unsigned in_flight, a_percent;
	double seconds, patience; /* after which nobody waits for an answer any more */
	bool to_the_end;
	const char *server, *floor;
	unsigned port;
	struct slot slots[SLOTS_MAX];
	unsigned idle[SLOTS_MAX], n_idle;
	uint16_t generation;
	unsigned mix; /* the part of an A query that is due, in percent */
	bool opt;     /* the next one has an OPT */
	uint64_t sent[2], answered[2], lost, wrong;
	uint64_t histogram[BUCKETS], slowest_ns;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "aaaa-load: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- latencies ------------------------------------------------------------------------ */

static unsigned bucket_of(uint64_t ns)
{
	unsigned shift;

	if (ns < 1 << SUB_BITS)
		return (unsigned)ns;
	shift = 63 - (unsigned)__builtin_clzll(ns) - SUB_BITS;
	return ((shift + 1) << SUB_BITS) | ((ns >> shift) & ((1 << SUB_BITS) - 1));
}

/* The middle of a bucket. */
static double bucket_ns(unsigned bucket)
{
	unsigned exponent = bucket >> SUB_BITS, sub = bucket & ((1 << SUB_BITS) - 1);

	if (exponent == 0)
		return sub;
	return (double)((UINT64_C(1) << SUB_BITS) + sub + 0.5) *
	       (double)(UINT64_C(1) << (exponent - 1));
}

static double quantile_usec(const struct load *load, double q)
{
	uint64_t all = load->answered[0] + load->answered[1], seen = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += load->histogram[i];
		if (seen > 0 && (double)seen >= q * (double)all)
			return bucket_ns(i) / 1000;
	}
	return 0;
}

/* ---- queries -------------------------------------------------------------------------- */

enum { QUESTION_END = 12 + 18 + 4, OPT_LENGTH = 11, IS_AAAA = 1, HAS_OPT = 2 };

static size_t query_length(int kind)
{
	return QUESTION_END + (kind & HAS_OPT ? OPT_LENGTH : 0);
}

/* "qNNNN.bench.test": RD, one question, class IN (RFC 1035, 4.1), OPT (RFC 6891, 6.1). */
static void build_query(uint8_t *query, unsigned number, int kind)
{
	static const uint8_t head[12] = { 0, 0, 1, 0, 0, 1 };
	static const uint8_t opt[OPT_LENGTH] = { 0, 0, 41, 0x04, 0xd0 };
	uint8_t *p = mempcpy(query, head, sizeof(head));

	p += sprintf((char *)p, "%cq%04u%cbench%ctest", 5, number, 5, 4) + 1;
	*p++ = 0;
	*p++ = kind & IS_AAAA ? TYPE_AAAA : TYPE_A;
	*p++ = 0;
	*p++ = 1;
	if (kind & HAS_OPT) {
		query[11] = 1;
		memcpy(p, opt, sizeof(opt));
	}
}

static void build_slots(struct load *load)
{
	for (unsigned i = 0; i < load->in_flight; i++) {
		struct slot *slot = &load->slots[i];

		for (int kind = 0; kind < 4; kind++)
			build_query(slot->query[kind], i, kind);
		slot->kind = -1;
		load->idle[load->n_idle++] = i;
	}
}

/* A or AAAA, spread as evenly as the shares allow; every second query has an OPT, for programs send
 * none, and resolvers and dig do. */
static int next_kind(struct load *load)
{
	int opt = load->opt ? HAS_OPT : 0;

	load->mix += load->a_percent;
	if (load->mix < 100)
		return IS_AAAA | opt;
	load->mix -= 100;
	return opt;
}

/* The id has the slot in its low bits, and above them a number that tells a late answer. */
static void arm(struct load *load, struct slot *slot, unsigned index, uint64_t now)
{
	uint16_t id = (uint16_t)(load->generation++ * SLOTS_MAX + index);

	slot->kind = next_kind(load);
	load->opt = !load->opt;
	slot->id = htons(id);
	slot->sent_ns = now;
	memcpy(slot->query[slot->kind], &slot->id, sizeof(slot->id));
	load->sent[slot->kind & IS_AAAA]++;
}

/* Sends on every idle slot. */
static void send_all(struct load *load)
{
	static struct mmsghdr messages[SLOTS_MAX];
	static struct iovec vectors[SLOTS_MAX];
	uint64_t now = now_ns();
	unsigned n = load->n_idle, done = 0;

	for (unsigned i = 0; i < n; i++) {
		struct slot *slot = &load->slots[load->idle[i]];

		arm(load, slot, load->idle[i], now);
		vectors[i] = (struct iovec){ slot->query[slot->kind], query_length(slot->kind) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	load->n_idle = 0;
	while (done < n) {
		int sent = sendmmsg(load->fd, messages + done, n - done, 0);

		if (sent < 0 && errno != ECONNREFUSED && errno != EPERM && errno != ENOBUFS)
			die("sendmmsg");
		done += sent < 0 ? 1 : (unsigned)sent; /* what was refused is lost, and seen so */
	}
}

/* ---- answers -------------------------------------------------------------------------- */

/* An answer to what is in flight: the same id, question and opcode, NOERROR, an address for A,
 * nothing for AAAA, and there an OPT where the query has one. */
static bool right_answer(const struct slot *slot, const uint8_t *answer, size_t length)
{
	const uint8_t *query;
	bool aaaa;

	if (slot->kind < 0 || length < QUESTION_END)
		return false;
	query = slot->query[slot->kind];
	aaaa = slot->kind & IS_AAAA;
	return memcmp(answer, query, 2) == 0 && (answer[2] & 0xf8) == 0x80 &&
	       (answer[3] & 0x0f) == 0 && (answer[6] || answer[7]) == !aaaa &&
	       (!aaaa || length == query_length(slot->kind)) &&
	       memcmp(answer + 4, query + 4, 2) == 0 &&
	       memcmp(answer + 12, query + 12, QUESTION_END - 12) == 0;
}

static void finish(struct load *load, unsigned index, uint64_t now)
{
	struct slot *slot = &load->slots[index];
	uint64_t took = now - slot->sent_ns;

	load->histogram[bucket_of(took)]++;
	if (took > load->slowest_ns)
		load->slowest_ns = took;
	load->answered[slot->kind & IS_AAAA]++;
	slot->kind = -1;
	load->idle[load->n_idle++] = index;
}

static void take_answer(struct load *load, const uint8_t *answer, size_t length, uint64_t now)
{
	unsigned index = (unsigned)(answer[0] << 8 | answer[1]) % SLOTS_MAX;

	if (length > 12 && index < load->in_flight &&
	    right_answer(&load->slots[index], answer, length))
		finish(load, index, now);
	else
		load->wrong++;
}

/* Gives up what was sent too long ago. */
static void expire(struct load *load, uint64_t now)
{
	for (unsigned i = 0; i < load->in_flight; i++) {
		struct slot *slot = &load->slots[i];

		if (slot->kind < 0 || now - slot->sent_ns < (uint64_t)(load->patience * 1e9))
			continue;
		load->lost++;
		slot->kind = -1;
		load->idle[load->n_idle++] = i;
	}
}

/* Waits for at least one answer, for the time-out of the socket at most. */
static void receive_some(struct load *load)
{
	static struct mmsghdr messages[SLOTS_MAX];
	static struct iovec vectors[SLOTS_MAX];
	static uint8_t buffers[SLOTS_MAX][ANSWER_MAX];
	unsigned n = load->in_flight;
	uint64_t now;
	int got;

	for (unsigned i = 0; i < n; i++) {
		vectors[i] = (struct iovec){ buffers[i], ANSWER_MAX };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	got = recvmmsg(load->fd, messages, n, MSG_WAITFORONE, NULL);
	if (got < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
		die("recvmmsg");
	now = now_ns();
	for (int i = 0; i < got; i++)
		take_answer(load, buffers[i], messages[i].msg_len, now);
	if (got < 0)
		expire(load, now);
}

/* ---- the two loops -------------------------------------------------------------------- */

static volatile sig_atomic_t told_to_end;

static void on_term(int number)
{
	(void)number;
	told_to_end = 1;
}

static void run_answered(struct load *load, uint64_t end)
{
	while (now_ns() < end && !told_to_end) {
		if (load->n_idle)
			send_all(load);
		receive_some(load);
	}
}

static void wait_for_the_last(struct load *load)
{
	while (load->n_idle < load->in_flight)
		receive_some(load);
}

/* Slots are taken round and round: all that matters is how many are in flight. */
static void run_floor(struct load *load, uint64_t end)
{
	int fd = open(load->floor, O_RDONLY | O_CLOEXEC);
	_Atomic uint64_t *counter = mmap(NULL, sizeof(*counter), PROT_READ, MAP_SHARED, fd, 0);
	uint64_t first, done = 0, sent = 0;

	if (fd < 0 || counter == MAP_FAILED)
		die(load->floor);
	first = atomic_load(counter);
	while (now_ns() < end && !told_to_end) {
		done = atomic_load(counter) - first;
		if (sent - done > load->in_flight * 3 / 4) /* many to a call, as answers come */
			continue;
		load->n_idle = load->in_flight - (unsigned)(sent - done);
		for (unsigned i = 0; i < load->n_idle; i++)
			load->idle[i] = i;
		sent += load->n_idle;
		send_all(load);
	}
	load->answered[1] = done;
}

/* ---- the program ---------------------------------------------------------------------- */

static void open_socket(struct load *load)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)load->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = v4.sin_port };
	bool is_v4 = inet_pton(AF_INET, load->server, &v4.sin_addr) == 1;
	struct timeval timeout = { .tv_usec = 50000 };
	int bytes = 4 << 20;

	if (!is_v4 && inet_pton(AF_INET6, load->server, &v6.sin6_addr) != 1) {
		errno = EINVAL;
		die(load->server);
	}
	load->fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (load->fd < 0 ||
	    connect(load->fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
		    is_v4 ? sizeof(v4) : sizeof(v6)) < 0)
		die("socket");
	setsockopt(load->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(load->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(load->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static void parse(struct load *load, int argc, char **argv)
{
	static const struct option options[] = {
		{ "in-flight", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 's' },
		{ "patience", required_argument, NULL, 't' },
		{ "a-percent", required_argument, NULL, 'a' },
		{ "port", required_argument, NULL, 'p' },
		{ "floor", required_argument, NULL, 'f' },
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'n':
			load->in_flight = (unsigned)atoi(optarg);
			break;
		case 's':
			load->seconds = atof(optarg);
			break;
		case 't':
			load->patience = atof(optarg);
			load->to_the_end = true;
			break;
		case 'a':
			load->a_percent = (unsigned)atoi(optarg);
			break;
		case 'p':
			load->port = (unsigned)atoi(optarg);
			break;
		case 'f':
			load->floor = optarg;
			break;
		default:
			exit(2);
		}
	if (optind + 1 != argc || load->in_flight < 1 || load->in_flight > SLOTS_MAX ||
	    load->a_percent > 100) {
		fprintf(stderr, "Usage: aaaa-load [--in-flight N] [--seconds S] [--patience S] "
				"[--a-percent P] [--port N] [--floor FILE] SERVER\n");
		exit(2);
	}
	load->server = argv[optind];
}

int main(int argc, char **argv)
{
	static struct load load = { .in_flight = 64, .seconds = 1, .patience = 1, .port = 53 };
	uint64_t start;
	double took;

	parse(&load, argc, argv);
	build_slots(&load);
	open_socket(&load);
	signal(SIGTERM, on_term);
	start = now_ns();
	(load.floor ? run_floor : run_answered)(&load, start + (uint64_t)(load.seconds * 1e9));
	took = (double)(now_ns() - start) / 1e9;
	if (load.to_the_end)
		wait_for_the_last(&load);
	printf("{\"seconds\": %.6f, \"a\": %ju, \"aaaa\": %ju, \"lost\": %ju, \"wrong\": %ju, "
	       "\"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f}\n",
	       took, (uintmax_t)load.answered[0], (uintmax_t)load.answered[1], (uintmax_t)load.lost,
	       (uintmax_t)load.wrong, quantile_usec(&load, 0.5), quantile_usec(&load, 0.99),
	       (double)load.slowest_ns / 1000);
	return EXIT_SUCCESS;
}

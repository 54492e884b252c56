/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: what the kernel answers over netlink. The first byte says which question is asked;
 * what follows are the answers, each with its length (16 bits, little endian) in front.
 *
 * Nothing is sent: the calls that libnl, libmnl and src/kernel send and receive with are defined
 * here instead of the C library's. An answer gets the number of its question, without which nobody
 * would read it; when there is none left, receiving fails. The readers must come to an end, give
 * only strings that end, and stay within the answer: the sanitizers see what is behind the reader's
 * buffer, and for what is behind the answer in it, each question is asked twice with something else
 * there, and must tell the same.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fuzz.h"
#include "nsctl/kernel.h"

#define FAMILY_INET 1 /* NFPROTO_INET, whose header does not go with the C library's */

static struct {
	const uint8_t *data;
	size_t left;
	uint32_t sequence; /* of the question */
	bool fuzzing;
	uint8_t behind; /* what follows in the reader's buffer */
	uint32_t told;  /* a sum of all that the readers gave */
} answers;

#define BEHIND_MAX 4096

/* ---- instead of the C library's ------------------------------------------------------------- */

static void note_question(const void *data, size_t length)
{
	const struct nlmsghdr *h = data;

	if (length >= sizeof(*h))
		answers.sequence = h->nlmsg_seq;
}

static void number(char *data, size_t length)
{
	struct nlmsghdr h;

	while (length >= sizeof(h)) {
		size_t step;

		memcpy(&h, data, sizeof(h));
		h.nlmsg_seq = answers.sequence + (h.nlmsg_seq & 7); /* in a batch: one of it */
		memcpy(data, &h, sizeof(h));
		step = NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (step < sizeof(h) || step > length)
			return;
		data += step;
		length -= step;
	}
}

static ssize_t next_answer(void *to, size_t room)
{
	size_t length;

	if (answers.left < 2) {
		errno = answers.fuzzing ? ENOBUFS : EAGAIN;
		return -1;
	}
	length = answers.data[0] | answers.data[1] << 8;
	if (length > answers.left - 2)
		length = answers.left - 2;
	if (length > room)
		length = room;
	memcpy(to, answers.data + 2, length);
	memset((char *)to + length, answers.behind,
	       room - length < BEHIND_MAX ? room - length : BEHIND_MAX);
	answers.data += 2 + length;
	answers.left -= 2 + length;
	number(to, length);
	return length;
}

static void from_kernel(void *name, socklen_t *length)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	if (name && *length >= sizeof(address)) {
		memcpy(name, &address, sizeof(address));
		*length = sizeof(address);
	}
}

ssize_t sendmsg(int fd _unused_, const struct msghdr *message, int flags _unused_)
{
	size_t length = 0;

	note_question(message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
	for (size_t i = 0; i < message->msg_iovlen; i++)
		length += message->msg_iov[i].iov_len;
	return length;
}

ssize_t sendto(int fd _unused_, const void *data, size_t length, int flags _unused_,
	       const struct sockaddr *to _unused_, socklen_t to_length _unused_)
{
	note_question(data, length);
	return length;
}

ssize_t recvmsg(int fd _unused_, struct msghdr *message, int flags _unused_)
{
	from_kernel(message->msg_name, &message->msg_namelen);
	message->msg_controllen = 0;
	message->msg_flags = 0;
	return next_answer(message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
}

ssize_t recvfrom(int fd _unused_, void *restrict to, size_t room, int flags _unused_,
		 struct sockaddr *restrict from, socklen_t *restrict from_length)
{
	from_kernel(from, from_length);
	return next_answer(to, room);
}

ssize_t recv(int fd _unused_, void *to, size_t room, int flags _unused_)
{
	return next_answer(to, room);
}

/* ---- the questions -------------------------------------------------------------------------- */

static struct {
	struct rt *rt;
	struct rt_monitor *monitor;
	struct nft *nft;
	struct nft_monitor *nft_monitor;
} sockets;

static void use(const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		answers.told = answers.told * 31 + bytes[i];
}

static void use_number(uint64_t number)
{
	use(&number, sizeof(number));
}

static void use_string(const char *s)
{
	if (!s)
		abort();
	use(s, strlen(s));
}

static void use_link(const struct rt_link_info *link)
{
	if (strnlen(link->name, sizeof(link->name)) == sizeof(link->name) ||
	    strnlen(link->kind, sizeof(link->kind)) == sizeof(link->kind))
		abort();
	use_string(link->name);
	use_string(link->kind);
	use_number(link->index);
	use_number(link->master);
	use_number(link->peer);
	use_number(link->mtu);
	use_number(link->group);
	use_number(link->up << 1 | link->isolated);
	use(&link->mac, sizeof(link->mac));
	use_number(link->rx_bytes);
	use_number(link->tx_bytes);
}

static void use_prefix(const struct ip_prefix *prefix)
{
	char text[IP_TEXT_MAX];

	if (prefix->length > (prefix->address.family == AF_INET6 ? 128 : 32))
		abort();
	ip_prefix_format(prefix, text);
	use_string(text);
}

static void ask_link_by_name(void)
{
	struct rt_link_info link;
	int r = rt_link_by_name(sockets.rt, "nsctl0", &link);

	use_number(r);
	if (r == 0)
		use_link(&link);
}

static void ask_link_by_index(void)
{
	struct rt_link_info link;
	int r = rt_link_by_index(sockets.rt, 7, &link);

	use_number(r);
	if (r == 0)
		use_link(&link);
}

static int on_address(const struct rt_address_info *address, void *userdata _unused_)
{
	use_number(address->index);
	use_prefix(&address->address);
	return 0;
}

static void ask_addresses(void)
{
	use_number(rt_address_each(sockets.rt, 0, on_address, NULL));
}

static int on_route(const struct rt_route_info *route, void *userdata _unused_)
{
	use_prefix(&route->destination);
	use_number(route->index);
	use_number(route->table);
	use_number(route->type);
	return 0;
}

static void ask_routes(void)
{
	use_number(rt_route_each(sockets.rt, on_route, NULL));
}

static void ask_batch(void)
{
	_cleanup_error_ struct error error = {};
	struct rt_batch *batch = rt_batch_begin(sockets.rt);
	struct ip_prefix prefix;

	ip_prefix_parse("10.0.0.1/24", &prefix);
	for (int i = 1; i < 4; i++)
		rt_batch_address_add(batch, i, &prefix);
	use_number(rt_batch_send(batch, &error));
	use_string(error_text(&error));
}

static void on_rt_event(const struct rt_event *event, void *userdata _unused_)
{
	use_number(event->type);
	use_number(event->index);
	use_number(event->family);
	if (event->type == RT_LINK_GONE || event->type == RT_LINK_CHANGED)
		use_link(&event->link);
}

static void ask_rt_monitor(void)
{
	use_number(rt_monitor_read(sockets.monitor, on_rt_event, NULL));
}

static void ask_table(void)
{
	use_number(nft_table_look_up(sockets.nft, FAMILY_INET, "nsctl"));
}

static int on_chain(const struct nft_chain_info *chain, void *userdata _unused_)
{
	use_string(chain->table);
	use_string(chain->chain);
	use_number(chain->family);
	use_number(chain->base << 1 | chain->filter);
	use_number(chain->hook);
	use_number(chain->priority);
	use_number(chain->policy);
	return 0;
}

static void ask_chains(void)
{
	use_number(nft_chain_each(sockets.nft, on_chain, NULL));
}

static int on_rule(const struct nft_rule_info *rule, void *userdata _unused_)
{
	use_string(rule->table);
	use_string(rule->chain);
	use_string(rule->comment);
	use_number(rule->handle);
	use_number(rule->effect.kind);
	if (rule->effect.chain)
		use_string(rule->effect.chain);
	use(rule->effect.iif, rule->effect.iif_length);
	use_number(nft_effect_always(&rule->effect));
	use_number(nft_effect_for_interface(&rule->effect, "eth0"));
	return 0;
}

static void ask_rules(void)
{
	use_number(nft_rule_each(sockets.nft, FAMILY_INET, "nsctl", "forward", on_rule, NULL));
}

static int on_element(const void *key, uint32_t length, void *userdata _unused_)
{
	use(key, length);
	return 0;
}

static void ask_elements(void)
{
	use_number(
		nft_element_each(sockets.nft, FAMILY_INET, "nsctl", "isolated", on_element, NULL));
}

static void ask_nft_batch(void)
{
	_cleanup_error_ struct error error = {};
	struct nft_batch *batch = nft_batch_begin(sockets.nft);

	nft_table_add(batch, FAMILY_INET, "nsctl");
	nft_element_add(batch, FAMILY_INET, "nsctl", "isolated", "\x0a\0\0\1", 4);
	use_number(nft_batch_commit(batch, &error));
	use_string(error_text(&error));
}

static void ask_generation(void)
{
	use_number(nft_generation(sockets.nft));
}

static void on_nft_event(const struct nft_event *event, void *userdata _unused_)
{
	use_string(event->table);
	use_number(event->family);
	use_number(event->chains);
}

static void ask_nft_monitor(void)
{
	use_number(nft_monitor_read(sockets.nft_monitor, sockets.nft, on_nft_event, NULL));
}

static void (*const questions[])(void) = {
	ask_link_by_name, ask_link_by_index, ask_addresses,   ask_routes, ask_batch,
	ask_rt_monitor,   ask_table,         ask_chains,      ask_rules,  ask_elements,
	ask_nft_batch,    ask_generation,    ask_nft_monitor,
};

static uint32_t ask(const uint8_t *data, size_t size, uint8_t behind)
{
	answers.data = data + 1;
	answers.left = size - 1;
	answers.behind = behind;
	answers.told = 0;
	answers.fuzzing = true;
	questions[data[0] % ARRAY_SIZE(questions)]();
	answers.fuzzing = false;
	return answers.told;
}

static void open_sockets(void)
{
	_cleanup_error_ struct error error = {};

	if (rt_open(-1, &sockets.rt, &error) < 0 ||
	    rt_monitor_open(-1, &sockets.monitor, &error) < 0 ||
	    nft_open(&sockets.nft, &error) < 0 ||
	    nft_monitor_open(&sockets.nft_monitor, &error) < 0) {
		fprintf(stderr, "%s\n", error_text(&error));
		exit(77); /* no netlink here: the test is skipped */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!sockets.rt)
		open_sockets();
	if (size && ask(data, size, 0) != ask(data, size, 0xff))
		abort();
	return 0;
}

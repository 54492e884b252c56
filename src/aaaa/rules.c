/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules, in a table of our own that the kernel removes with our socket, by whatever we end.
 *
 * Queries are taken before connection tracking (priority raw): where it is full or two flows
 * collide, it drops packets, and answers with them. On the way out the answer takes the query's
 * place, and its verdict sends it through the chain a second time (NF_REPEAT), which knows it by
 * its priority; where the kernel gives it none, it goes on to a second chain. In the other hooks a
 * raw socket sends it, through the hook for output. None of them may be tracked.
 */
/* first: the kernel's headers leave out what the C library's have defined, and not the other way */
#include "rules.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_bpf.h>
#include <linux/netfilter/xt_string.h>
#include <linux/rtnetlink.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

#include "filter.h"

#define PRIORITY_RAW (-300) /* connection tracking has -200 */
#define UNKNOWN(r)   ((r) == -ENOENT || (r) == -EOPNOTSUPP || (r) == -EINVAL)

/* How what can't be answered is kept from the queue, from the best on. */
enum look { LOOK_PROGRAM, LOOK_STRING, LOOK_NONE, LOOKS };

/* What this kernel may lack. */
struct means {
	bool fib, native_queue;
	enum look look;
};

/* Where queries pass; with `fib` all that comes in can be told apart before it is tracked. */
static uint32_t hook_of(const struct rules *rules, const struct means *means)
{
	switch (rules->hook) {
	case RULES_OUTPUT:
		return NF_INET_LOCAL_OUT;
	case RULES_INPUT:
		return means->fib ? NF_INET_PRE_ROUTING : NF_INET_LOCAL_IN;
	case RULES_FORWARD:
		return means->fib ? NF_INET_PRE_ROUTING : NF_INET_FORWARD;
	}
	return NF_INET_LOCAL_OUT;
}

static void match_udp(struct nftnl_rule *rule)
{
	const uint8_t udp = IPPROTO_UDP;

	nft_load_meta(rule, NFT_META_L4PROTO);
	nft_match_value(rule, &udp, sizeof(udp));
}

static void match_port(struct nftnl_rule *rule, size_t offset, unsigned port)
{
	const uint8_t bytes[2] = { (uint8_t)(port >> 8), (uint8_t)port };

	nft_load_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, (uint32_t)offset, sizeof(bytes));
	nft_match_value(rule, bytes, sizeof(bytes));
}

/* The question's type, exactly, in a program. */
static void match_question(struct nftnl_rule *rule, uint32_t family, const struct rules *rules)
{
	struct xt_bpf_info info = {};

	info.bpf_program_num_elem = (uint16_t)filter_build(info.bpf_program, family == NFPROTO_IPV6,
							   rules->qtypes, rules->n_qtypes);
	nft_xt_match(rule, "bpf", 0, &info, sizeof(info));
}

/* The end of a name and the type and class IN behind it, anywhere behind the DNS header. An
 * uncompressed question can't be missed; what else has these bytes is let through by the
 * responder. */
static void match_type(struct nftnl_rule *rule, uint32_t family, uint16_t qtype)
{
	struct xt_string_info info = { .to_offset = UINT16_MAX, .algo = "bm", .patlen = 5 };
	const uint8_t pattern[5] = { 0, (uint8_t)(qtype >> 8), (uint8_t)qtype, 0, 1 };
	size_t ip = family == NFPROTO_IPV6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);

	info.from_offset = (uint16_t)(ip + sizeof(struct udphdr));
	memcpy(info.pattern, pattern, sizeof(pattern));
	nft_xt_match(rule, "string", 1, &info, sizeof(info));
}

/* Of several queues each has its part of the senders' ports; the last one takes what the others
 * left. (The kernel would choose by the addresses, which are the same for all queries of one asker,
 * or by the processor, which is the same for all that come by a simple network card.) */
static void match_share(struct nftnl_rule *rule, const struct rules *rules, unsigned i)
{
	const uint8_t bound = (uint8_t)((i + 1) * 256 / rules->n_queues);

	if (i + 1 == rules->n_queues)
		return;
	nft_load_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct udphdr, source) + 1,
			 sizeof(bound));
	nft_match_below(rule, &bound, sizeof(bound));
}

static void to_queue(struct nftnl_rule *rule, uint16_t queue, bool native)
{
	struct xt_NFQ_info_v3 info = { .queuenum = queue,
				       .queues_total = 1,
				       .flags = NFQ_FLAG_BYPASS };

	if (native)
		nft_queue(rule, queue);
	else
		nft_xt_target(rule, "NFQUEUE", 3, &info, sizeof(info));
}

/* For this host, or for one other. Not RTN_UNICAST alone: for IPv6 that takes a route in the table
 * that is looked at here, and the kernel may take another by its rules. */
static void match_destination(struct nftnl_rule *rule, bool here)
{
	static const uint32_t local = RTN_LOCAL, no_others[] = { RTN_LOCAL, RTN_BROADCAST,
								 RTN_ANYCAST, RTN_MULTICAST };
	const uint32_t *type;

	nft_load_destination_type(rule);
	if (here) {
		nft_match_value(rule, &local, sizeof(local));
		return;
	}
	ARRAY_FOREACH(type, no_others)
		nft_match_other(rule, type, sizeof(*type));
}

static void match_interface(struct nftnl_rule *rule, const char *interface)
{
	char name[IFNAMSIZ] = {};

	memcpy(name, interface, strnlen(interface, sizeof(name) - 1));
	nft_load_meta(rule, NFT_META_IIFNAME);
	nft_match_value(rule, name, sizeof(name));
}

static void match_sender(struct nftnl_rule *rule, const struct ip_address *from)
{
	bool v6 = from->family == AF_INET6;
	size_t offset = v6 ? offsetof(struct ip6_hdr, ip6_src) : offsetof(struct iphdr, saddr);

	nft_load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, (uint32_t)offset, v6 ? 16 : 4);
	nft_match_value(rule, &from->v6, v6 ? 16 : 4);
}

/* Whether answers take the place of queries and go through their chain again. */
bool rules_answers_repeat(const struct rules *rules)
{
	return rules->hook == RULES_OUTPUT && rules->priority;
}

/* Of several queues, in a chain that only candidates come to: all else pays nothing for it. */
static void add_shares(struct nft_batch *batch, const struct rules *rules,
		       const struct means *means, uint32_t family)
{
	nft_chain_add_plain(batch, family, rules->table, "queues");
	for (unsigned i = 0; i < rules->n_queues; i++) {
		struct nftnl_rule *rule = nft_rule_new(family, rules->table, "queues", NULL);

		match_share(rule, rules, i);
		to_queue(rule, (uint16_t)(rules->queue + i), means->native_queue);
		nft_rule_append(batch, rule);
	}
}

/* One rule for queries; of one type where strings are looked for. */
static void add_query_rule(struct nft_batch *batch, const struct rules *rules,
			   const struct means *means, uint32_t family, uint16_t qtype)
{
	struct nftnl_rule *rule = nft_rule_new(family, rules->table, "queries", NULL);

	if (rules->interface)
		match_interface(rule, rules->interface);
	if (rules->from->family)
		match_sender(rule, rules->from);
	if (means->look != LOOK_PROGRAM) /* which looks at that itself */
		match_udp(rule);
	match_port(rule, offsetof(struct udphdr, dest), rules->port);
	if (means->look == LOOK_PROGRAM)
		match_question(rule, family, rules);
	else if (means->look == LOOK_STRING)
		match_type(rule, family, qtype);
	if (rules->hook != RULES_OUTPUT && means->fib)
		match_destination(rule, rules->hook == RULES_INPUT);
	if (rules->n_queues > 1)
		nft_goto(rule, "queues");
	else
		to_queue(rule, rules->queue, means->native_queue);
	nft_rule_append(batch, rule);
}

/* Ours alone: a server's own answers may need to be tracked. */
static void add_answer_rule(struct nft_batch *batch, const struct rules *rules, uint32_t family)
{
	const bool repeat = rules_answers_repeat(rules);
	struct nftnl_rule *rule =
		nft_rule_new(family, rules->table, repeat ? "queries" : "answers", NULL);

	if (rules->priority) {
		nft_load_meta(rule, NFT_META_PRIORITY);
		nft_match_value(rule, &rules->priority, sizeof(rules->priority));
	} else {
		match_udp(rule);
		match_port(rule, offsetof(struct udphdr, source), rules->port);
	}
	nft_notrack(rule);
	if (repeat)
		nft_verdict(rule, NF_ACCEPT);
	nft_rule_append(batch, rule);
}

/* Not one table for both: nft(8) can't show iptables' extensions in that. */
static const uint32_t families[] = { NFPROTO_IPV4, NFPROTO_IPV6 };

/* In a packet of the other family an address's place holds something else. */
static bool may_send(const struct ip_address *from, uint32_t family)
{
	return !from->family || (from->family == AF_INET6) == (family == NFPROTO_IPV6);
}

static int try_means(struct nft *nft, const struct rules *rules, const struct means *means,
		     struct error *error)
{
	struct nft_batch *batch = nft_batch_begin(nft);
	size_t n_rules = means->look == LOOK_STRING ? rules->n_qtypes : 1;
	const uint32_t *family;

	ARRAY_FOREACH(family, families) {
		nft_table_add_owned(batch, *family, rules->table);
		nft_chain_add(batch, *family, rules->table, "queries", "filter",
			      hook_of(rules, means), PRIORITY_RAW);
		if (!rules_answers_repeat(rules)) /* every packet pays for each chain at a hook */
			nft_chain_add(batch, *family, rules->table, "answers", "filter",
				      NF_INET_LOCAL_OUT, PRIORITY_RAW + 1);
		if (rules->n_queues > 1)
			add_shares(batch, rules, means, *family);
		add_answer_rule(batch, rules, *family);
		for (size_t i = 0; i < n_rules && may_send(rules->from, *family); i++)
			add_query_rule(batch, rules, means, *family, rules->qtypes[i]);
	}
	return nft_batch_commit(batch, error);
}

int rules_make(struct nft *nft, const struct rules *rules, struct error *error)
{
	int r = 0;

	/* from the best on */
	for (unsigned lacking = 0; lacking < 4 * LOOKS; lacking++) {
		const struct means means = {
			.fib = lacking / 2 < LOOKS,
			.look = lacking / 2 % LOOKS,
			.native_queue = lacking % 2 == 0,
		};

		error_clear(error);
		r = try_means(nft, rules, &means, error);
		if (!UNKNOWN(r))
			break;
	}
	if (r == -EPERM || r == -EEXIST) { /* another's, who owns it; or it has no owner */
		error_clear(error);
		error_set(error, EEXIST, _("the nf_tables table %s exists"), rules->table);
		error_hint(error, "%s",
			   _("another nsctl-aaaa may run here: give this one another "
			     "name with --table"));
		return -EEXIST;
	}
	if (r < 0)
		error_prefix(error, _("no rules for queries"));
	return r;
}

struct nft_batch *rules_end(struct nft *nft, const struct rules *rules)
{
	struct nft_batch *batch = nft_batch_begin(nft);
	const uint32_t *family;

	ARRAY_FOREACH(family, families) {
		nft_rules_flush(batch, *family, rules->table, "queries");
		if (rules_answers_repeat(rules)) /* what waits is still answered */
			add_answer_rule(batch, rules, *family);
	}
	return batch;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor: rtnetlink in batches, and the nf_tables table in one transaction.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "floor.h"

enum set { INTERFACES, MASQUERADED, ISOLATED, STRICT };

/* The numbers of the types are nft's own, which `nft list` shows. */
static const struct {
	const char *name;
	uint32_t type, length;
	bool host_order;
} sets[] = {
	[INTERFACES] = { "interfaces", 41, IF_NAMESIZE, true },
	[MASQUERADED] = { "masqueraded", 7, sizeof(uint32_t), false },
	[ISOLATED] = { "isolated", 7, sizeof(uint32_t), false },
	[STRICT] = { "strict", 2, sizeof(uint8_t), true },
};

/* ---- rtnetlink ------------------------------------------------------------------------ */

struct mnl_socket *rtnl_open(unsigned groups)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int size = 8 << 20;

	if (!socket || mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0)
		die("can't open rtnetlink");
	if (groups && setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
				 sizeof(size)) < 0)
		die("can't enlarge the buffer");
	return socket;
}

struct nlmsghdr *batch_add(struct batch *batch, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message;

	if (batch->used + 512 > sizeof(batch->data)) {
		errno = ENOBUFS;
		die("a batch is full");
	}
	message = mnl_nlmsg_put_header(batch->data + batch->used);
	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	message->nlmsg_seq = ++batch->count;
	return message;
}

void batch_end(struct batch *batch)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(batch->data + batch->used);

	batch->used += MNL_ALIGN(message->nlmsg_len);
}

/* Reads `count` acknowledgements. */
static void read_acks(struct mnl_socket *socket, unsigned count)
{
	char buffer[16384] __attribute__((aligned(8)));

	while (count > 0) {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		struct nlmsghdr *message = (struct nlmsghdr *)buffer;
		int left = (int)n;

		if (n < 0)
			die("can't read from netlink");
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			struct nlmsgerr *ack = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type != NLMSG_ERROR)
				continue;
			if (ack->error != 0) {
				errno = -ack->error;
				die("message %u of type %u refused", ack->msg.nlmsg_seq,
				    ack->msg.nlmsg_type);
			}
			count--;
		}
	}
}

void batch_send(struct batch *batch, struct mnl_socket *socket)
{
	if (mnl_socket_sendto(socket, batch->data, batch->used) < 0)
		die("can't write to netlink");
	read_acks(socket, batch->count);
	batch->used = batch->count = 0;
}

static bool is_removal(const struct nlmsghdr *message, const char *prefix)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	if (message->nlmsg_type != RTM_DELLINK || link->ifi_family != AF_UNSPEC)
		return false;
	mnl_attr_for_each(attribute, message, sizeof(*link)) {
		if (mnl_attr_get_type(attribute) == IFLA_IFNAME)
			return strncmp(mnl_attr_get_str(attribute), prefix, strlen(prefix)) == 0;
	}
	return false;
}

void rtnl_wait_gone(struct mnl_socket *monitor, const char *prefix, unsigned count)
{
	char buffer[32768] __attribute__((aligned(8)));

	while (count > 0) {
		ssize_t n = mnl_socket_recvfrom(monitor, buffer, sizeof(buffer));
		struct nlmsghdr *message = (struct nlmsghdr *)buffer;
		int left = (int)n;

		if (n < 0)
			die("can't watch the links");
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			if (is_removal(message, prefix))
				count--;
		}
	}
}

/* ---- nf_tables ------------------------------------------------------------------------ */

struct transaction {
	size_t used;
	unsigned count; /* messages that are acknowledged */
	char data[32768] __attribute__((aligned(8)));
};

static struct nlmsghdr *transaction_add(struct transaction *transaction, uint16_t type,
					uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(transaction->data + transaction->used, type, NFPROTO_INET,
				     (uint16_t)(flags | NLM_F_ACK), ++transaction->count);
}

static void transaction_end(struct transaction *transaction, struct nlmsghdr *message)
{
	transaction->used += MNL_ALIGN(message->nlmsg_len);
}

static void transaction_begin(struct transaction *transaction)
{
	nftnl_batch_begin(transaction->data, 0);
	transaction->used = MNL_ALIGN(((struct nlmsghdr *)transaction->data)->nlmsg_len);
}

static void transaction_commit(struct transaction *transaction)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct nlmsghdr *end = nftnl_batch_end(transaction->data + transaction->used, 0);

	transaction_end(transaction, end);
	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, transaction->data, transaction->used) < 0)
		die("can't speak to nf_tables");
	read_acks(socket, transaction->count);
	mnl_socket_close(socket);
}

static void add_table(struct transaction *transaction, uint16_t type, uint16_t flags)
{
	struct nftnl_table *table = nftnl_table_alloc();
	struct nlmsghdr *message = transaction_add(transaction, type, flags);

	nftnl_table_set_str(table, NFTNL_TABLE_NAME, FLOOR_TABLE);
	nftnl_table_nlmsg_build_payload(message, table);
	nftnl_table_free(table);
	transaction_end(transaction, message);
}

static void add_chain(struct transaction *transaction, const char *name, const char *type,
		      uint32_t hook, int32_t priority)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();
	struct nlmsghdr *message = transaction_add(transaction, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

	nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, FLOOR_TABLE);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name);
	nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, type);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, priority);
	nftnl_chain_nlmsg_build_payload(message, chain);
	nftnl_chain_free(chain);
	transaction_end(transaction, message);
}

/* Adds a set of the table with its elements, which lie one behind the other. */
static void add_set(struct transaction *transaction, uint32_t id, const void *elements,
		    size_t count)
{
	struct nftnl_set *set = nftnl_set_alloc();
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(64);
	struct nlmsghdr *message = transaction_add(transaction, NFT_MSG_NEWSET, NLM_F_CREATE);

	nftnl_set_set_str(set, NFTNL_SET_TABLE, FLOOR_TABLE);
	nftnl_set_set_str(set, NFTNL_SET_NAME, sets[id].name);
	nftnl_set_set_u32(set, NFTNL_SET_ID, id + 1);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, sets[id].type);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, sets[id].length);
	/* what nft(8) keeps here, and needs to print a name that is stored as the host stores it */
	nftnl_udata_put_u32(udata, NFTNL_UDATA_SET_KEYBYTEORDER, sets[id].host_order ? 1 : 2);
	nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(udata),
			   nftnl_udata_buf_len(udata));
	nftnl_udata_buf_free(udata);
	nftnl_set_nlmsg_build_payload(message, set);
	transaction_end(transaction, message);

	for (size_t i = 0; i < count; i++) {
		struct nftnl_set_elem *element = nftnl_set_elem_alloc();

		nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY,
				   (const char *)elements + i * sets[id].length, sets[id].length);
		nftnl_set_elem_add(set, element);
	}
	message = transaction_add(transaction, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	nftnl_set_elems_nlmsg_build_payload(message, set);
	transaction_end(transaction, message);
	nftnl_set_free(set);
}

static void add_expression(struct nftnl_rule *rule, struct nftnl_expr *expression)
{
	if (!expression)
		die("no such expression");
	nftnl_rule_add_expr(rule, expression);
}

static void meta(struct nftnl_rule *rule, uint32_t key)
{
	struct nftnl_expr *expression = nftnl_expr_alloc("meta");

	nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, NFT_REG_1);
	add_expression(rule, expression);
}

static void compare(struct nftnl_rule *rule, uint32_t operation, const void *data, uint32_t length)
{
	struct nftnl_expr *expression = nftnl_expr_alloc("cmp");

	nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, operation);
	nftnl_expr_set(expression, NFTNL_EXPR_CMP_DATA, data, length);
	add_expression(rule, expression);
}

/* The source or destination address of an IPv4 packet. */
static void address(struct nftnl_rule *rule, bool destination)
{
	struct nftnl_expr *expression = nftnl_expr_alloc("payload");
	const uint8_t family = NFPROTO_IPV4;

	meta(rule, NFT_META_NFPROTO);
	compare(rule, NFT_CMP_EQ, &family, sizeof(family));
	nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, destination ? 16 : 12);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, sizeof(uint32_t));
	nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	add_expression(rule, expression);
}

static void lookup(struct nftnl_rule *rule, enum set set, uint32_t flags)
{
	struct nftnl_expr *expression = nftnl_expr_alloc("lookup");

	nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, sets[set].name);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SET_ID, set + 1);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS, flags);
	add_expression(rule, expression);
}

static void connection_known(struct nftnl_rule *rule)
{
	struct nftnl_expr *state = nftnl_expr_alloc("ct"), *mask = nftnl_expr_alloc("bitwise");
	const uint32_t known = (1 << (IP_CT_ESTABLISHED + 1)) | (1 << (IP_CT_RELATED + 1));
	const uint32_t zero = 0;

	nftnl_expr_set_u32(state, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
	nftnl_expr_set_u32(state, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	add_expression(rule, state);
	nftnl_expr_set_u32(mask, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(mask, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(mask, NFTNL_EXPR_BITWISE_LEN, sizeof(known));
	nftnl_expr_set(mask, NFTNL_EXPR_BITWISE_MASK, &known, sizeof(known));
	nftnl_expr_set(mask, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
	add_expression(rule, mask);
	compare(rule, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void verdict(struct nftnl_rule *rule, uint32_t value)
{
	struct nftnl_expr *expression = nftnl_expr_alloc("immediate");

	nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT, value);
	add_expression(rule, expression);
}

static struct nftnl_rule *begin_rule(const char *chain)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, FLOOR_TABLE);
	nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain);
	return rule;
}

static void end_rule(struct transaction *transaction, struct nftnl_rule *rule)
{
	struct nlmsghdr *message =
		transaction_add(transaction, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

	nftnl_rule_nlmsg_build_payload(message, rule);
	nftnl_rule_free(rule);
	transaction_end(transaction, message);
}

/* The rules as by-hand.sh has them, in its order. */
static void add_rules(struct transaction *transaction)
{
	struct nftnl_rule *rule = begin_rule("postrouting");

	address(rule, false);
	lookup(rule, MASQUERADED, 0);
	meta(rule, NFT_META_OIFNAME);
	lookup(rule, INTERFACES, NFT_LOOKUP_F_INV);
	add_expression(rule, nftnl_expr_alloc("masq"));
	end_rule(transaction, rule);

	rule = begin_rule("forward");
	connection_known(rule);
	verdict(rule, NF_ACCEPT);
	end_rule(transaction, rule);

	rule = begin_rule("forward");
	address(rule, false);
	lookup(rule, ISOLATED, 0);
	address(rule, true);
	lookup(rule, ISOLATED, 0);
	verdict(rule, NF_DROP);
	end_rule(transaction, rule);

	rule = begin_rule("forward");
	meta(rule, NFT_META_IIFNAME);
	lookup(rule, INTERFACES, 0);
	verdict(rule, NF_ACCEPT);
	end_rule(transaction, rule);

	rule = begin_rule("forward");
	address(rule, true);
	lookup(rule, MASQUERADED, 0);
	verdict(rule, NF_DROP);
	end_rule(transaction, rule);

	rule = begin_rule("forward");
	meta(rule, NFT_META_OIFNAME);
	lookup(rule, INTERFACES, 0);
	verdict(rule, NF_ACCEPT);
	end_rule(transaction, rule);

	rule = begin_rule("forward");
	meta(rule, NFT_META_NFPROTO);
	lookup(rule, STRICT, 0);
	verdict(rule, NF_DROP);
	end_rule(transaction, rule);
}

void nft_up(unsigned count)
{
	struct transaction transaction = {};
	const char bridge[IF_NAMESIZE] = FLOOR_BRIDGE;
	const uint8_t ipv4 = NFPROTO_IPV4;
	uint32_t addresses[FLOOR_MAX];

	for (unsigned i = 0; i < count; i++)
		addresses[i] = htonl(FLOOR_NETWORK + 2 + i);
	transaction_begin(&transaction);
	add_table(&transaction, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	add_set(&transaction, INTERFACES, bridge, 1);
	add_set(&transaction, MASQUERADED, addresses, count);
	add_set(&transaction, ISOLATED, addresses, count);
	add_set(&transaction, STRICT, &ipv4, 1);
	add_chain(&transaction, "postrouting", "nat", NF_INET_POST_ROUTING, 100);
	add_chain(&transaction, "forward", "filter", NF_INET_FORWARD, 0);
	add_rules(&transaction);
	transaction_commit(&transaction);
}

void nft_down(void)
{
	struct transaction transaction = {};

	transaction_begin(&transaction);
	add_table(&transaction, NFT_MSG_DELTABLE, 0);
	transaction_commit(&transaction);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in nf_tables: dumps, read attribute by attribute. libnftnl, which builds what is sent,
 * does not read it: its parsers end the program over an attribute of another length than they know.
 *
 * A dump is read to its end in any case, for until then the socket takes no other; what is wrong in
 * one of its messages is told behind it.
 */
#include "nft.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "message.h"

/* What is done with each message; struct walk is the question's own. */
struct walk {
	uint16_t type; /* NFT_MSG_*, of the messages to read */
	int (*read)(uint8_t family, struct attributes attributes, struct walk *walk);
	union {
		nft_chain_fn chain;
		nft_rule_fn rule;
		nft_element_fn element;
		uint32_t *generation;
	};
	void *userdata;
	int result; /* the first failure */
};

bool nft_message_open(const struct nlmsghdr *h, uint8_t *ret_family, struct attributes *ret)
{
	const struct nfgenmsg *general = NLMSG_DATA(h);
	const size_t head = NLMSG_SPACE(sizeof(*general));

	if (NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES || h->nlmsg_len < head)
		return false;
	*ret_family = general->nfgen_family;
	*ret = (struct attributes){ (const char *)h + head, h->nlmsg_len - head };
	return true;
}

/* Has the end been reached? */
static bool take_message(const struct nlmsghdr *h, struct walk *walk)
{
	struct attributes attributes;
	uint8_t family;
	int r = 0;

	if (h->nlmsg_flags & NLM_F_DUMP_INTR) /* it was changed meanwhile */
		r = -EINTR;
	else if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE)
		r = message_end(h);
	else if (walk->result == 0 && walk->read && nft_message_open(h, &family, &attributes) &&
		 NFNL_MSG_TYPE(h->nlmsg_type) == walk->type)
		r = walk->read(family, attributes, walk);
	if (walk->result == 0)
		walk->result = r;
	return h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE;
}

static int ask(const struct nft *nft, const struct nlmsghdr *request, struct walk *walk)
{
	char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));

	if (mnl_socket_sendto(nft->socket, request, request->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = message_receive(mnl_socket_get_fd(nft->socket), buffer, sizeof(buffer));
		struct messages messages = { buffer, n };
		const struct nlmsghdr *h;

		if (n < 0)
			return n;
		while ((h = message_next(&messages)))
			/* else it is left over from an earlier batch */
			if (h->nlmsg_seq == request->nlmsg_seq && take_message(h, walk))
				return walk->result;
	}
}

static struct nlmsghdr *request(struct nft *nft, char buffer[NFT_REQUEST_MAX], uint16_t type,
				uint32_t family, uint16_t flags)
{
	memset(buffer, 0, NFT_REQUEST_MAX); /* libmnl leaves what fills attributes up as it is */
	return nftnl_nlmsg_build_hdr(buffer, type, family, flags, ++nft->sequence);
}

int nft_table_look_up(struct nft *nft, uint32_t family, const char *table)
{
	char buffer[NFT_REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct walk walk = {};
	struct nlmsghdr *h = request(nft, buffer, NFT_MSG_GETTABLE, family, NLM_F_ACK);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, table);
	return ask(nft, h, &walk);
}

static int read_generation(uint8_t family _unused_, struct attributes attributes, struct walk *walk)
{
	static const struct attribute_field fields[] = {
		{ NFTA_GEN_ID, ATTRIBUTE_BE32, true, 0 },
	};

	return attributes_read(attributes, fields, ARRAY_SIZE(fields), walk->generation);
}

uint32_t nft_generation(struct nft *nft)
{
	char buffer[NFT_REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint32_t generation = 0;
	struct walk walk = { .type = NFT_MSG_NEWGEN,
			     .read = read_generation,
			     .generation = &generation };
	struct nlmsghdr *h = request(nft, buffer, NFT_MSG_GETGEN, NFPROTO_UNSPEC, NLM_F_ACK);

	return ask(nft, h, &walk) < 0 ? 0 : generation;
}

/* ---- chains ------------------------------------------------------------------------------- */

struct chain {
	struct nft_chain_info info;
	const char *type;
	struct attributes hook;
};

static const struct attribute_field chain_fields[] = {
	{ NFTA_CHAIN_TABLE, ATTRIBUTE_STRING, true, offsetof(struct chain, info.table) },
	{ NFTA_CHAIN_NAME, ATTRIBUTE_STRING, true, offsetof(struct chain, info.chain) },
	{ NFTA_CHAIN_HOOK, ATTRIBUTE_VALUE, false, offsetof(struct chain, hook) },
	{ NFTA_CHAIN_POLICY, ATTRIBUTE_BE32, false, offsetof(struct chain, info.policy) },
	{ NFTA_CHAIN_TYPE, ATTRIBUTE_STRING, false, offsetof(struct chain, type) },
};
static const struct attribute_field hook_fields[] = {
	{ NFTA_HOOK_HOOKNUM, ATTRIBUTE_BE32, true, offsetof(struct nft_chain_info, hook) },
	{ NFTA_HOOK_PRIORITY, ATTRIBUTE_BE32, true, offsetof(struct nft_chain_info, priority) },
};

static int read_chain(uint8_t family, struct attributes attributes, struct walk *walk)
{
	struct chain chain = { .info.family = family };
	int r = attributes_read(attributes, chain_fields, ARRAY_SIZE(chain_fields), &chain);

	if (r == 0 && chain.hook.data) {
		chain.info.base = true;
		r = attributes_read(chain.hook, hook_fields, ARRAY_SIZE(hook_fields), &chain.info);
	}
	chain.info.filter = chain.type && strcmp(chain.type, "filter") == 0;
	return r < 0 ? r : walk->chain(&chain.info, walk->userdata);
}

int nft_chain_each(struct nft *nft, nft_chain_fn fn, void *userdata)
{
	char buffer[NFT_REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct walk walk = {
		.type = NFT_MSG_NEWCHAIN, .read = read_chain, .chain = fn, .userdata = userdata
	};

	return ask(nft, request(nft, buffer, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP), &walk);
}

/* ---- rules -------------------------------------------------------------------------------- */

struct rule {
	struct nft_rule_info info;
	struct attributes
		userdata; /* entries of a byte for the type, one for the length, and so many */
	struct attributes expressions;
};

static const struct attribute_field rule_fields[] = {
	{ NFTA_RULE_TABLE, ATTRIBUTE_STRING, true, offsetof(struct rule, info.table) },
	{ NFTA_RULE_CHAIN, ATTRIBUTE_STRING, true, offsetof(struct rule, info.chain) },
	{ NFTA_RULE_HANDLE, ATTRIBUTE_BE64, true, offsetof(struct rule, info.handle) },
	{ NFTA_RULE_USERDATA, ATTRIBUTE_VALUE, false, offsetof(struct rule, userdata) },
	{ NFTA_RULE_EXPRESSIONS, ATTRIBUTE_VALUE, false, offsetof(struct rule, expressions) },
};

/* Any program may write there what it likes, so what can't be read is no failure. */
static const char *comment_in(struct attributes userdata)
{
	while (userdata.left >= 2) {
		uint8_t type = userdata.data[0], length = userdata.data[1];
		const char *value = userdata.data + 2;

		if (length > userdata.left - 2)
			break;
		if (type == NFTNL_UDATA_RULE_COMMENT && length && value[length - 1] == '\0')
			return value;
		userdata.data += 2 + length;
		userdata.left -= 2u + length;
	}
	return "";
}

static int read_rule(uint8_t family, struct attributes attributes, struct walk *walk)
{
	struct rule rule = { .info.family = family };
	int r = attributes_read(attributes, rule_fields, ARRAY_SIZE(rule_fields), &rule);

	rule.info.comment = comment_in(rule.userdata);
	nft_effect_read(rule.expressions, &rule.info.effect);
	rule.info.expressions = rule.expressions.data;
	rule.info.length = rule.expressions.left;
	return r < 0 ? r : walk->rule(&rule.info, walk->userdata);
}

int nft_rule_each(struct nft *nft, uint32_t family, const char *table, const char *chain,
		  nft_rule_fn fn, void *userdata)
{
	char buffer[NFT_REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct walk walk = {
		.type = NFT_MSG_NEWRULE, .read = read_rule, .rule = fn, .userdata = userdata
	};
	struct nlmsghdr *h = request(nft, buffer, NFT_MSG_GETRULE, family, NLM_F_DUMP);

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(h, NFTA_RULE_CHAIN, chain);
	return ask(nft, h, &walk);
}

static const struct nlattr *find_attribute(struct attributes all, uint16_t type)
{
	const struct nlattr *attribute;

	while ((attribute = attribute_next(&all)))
		if ((attribute->nla_type & NLA_TYPE_MASK) == type)
			return attribute;
	return NULL;
}

/* Are all attributes of `sent` in `found`, with the same values? The kernel tells more than it was
 * told: what it filled in. */
static bool is_in(struct attributes sent, struct attributes found)
{
	const struct nlattr *attribute;

	while ((attribute = attribute_next(&sent))) {
		const struct nlattr *other =
			find_attribute(found, attribute->nla_type & NLA_TYPE_MASK);
		struct attributes value = attribute_value(attribute), its;

		if (!other)
			return false;
		its = attribute_value(other);
		if (attribute->nla_type & NLA_F_NESTED
			    ? !is_in(value, its)
			    : value.left != its.left ||
				      memcmp(value.data, its.data, value.left) != 0)
			return false;
	}
	return true;
}

/* Two lists of expressions. */
static bool do_the_same(struct attributes sent, struct attributes found)
{
	for (;;) {
		const struct nlattr *expression = attribute_next(&sent);
		const struct nlattr *its = attribute_next(&found);

		if (!expression || !its)
			return !expression && !its;
		if (!is_in(attribute_value(expression), attribute_value(its)))
			return false;
	}
}

int nft_rule_does(const struct nft_rule_info *info, struct nftnl_rule *rule)
{
	char buffer[NFT_REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
	static const struct attribute_field fields[] = {
		{ NFTA_RULE_EXPRESSIONS, ATTRIBUTE_VALUE, true, 0 },
	};
	struct attributes found = { info->expressions, info->length }, sent = {}, message;
	struct nlmsghdr *h = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_NEWRULE, NFPROTO_UNSPEC, 0, 0);
	bool whole = nft_rule_whole(rule);
	uint8_t family;
	int r = -ENOMEM;

	if (whole)
		nftnl_rule_nlmsg_build_payload(h, rule);
	if (rule)
		nftnl_rule_free(rule);
	if (whole && nft_message_open(h, &family, &message))
		r = attributes_read(message, fields, ARRAY_SIZE(fields), &sent);
	return r < 0 ? r : do_the_same(sent, found);
}

/* ---- elements of sets ----------------------------------------------------------------------- */

static const struct attribute_field list_fields[] = {
	{ NFTA_SET_ELEM_LIST_ELEMENTS, ATTRIBUTE_VALUE, false, 0 },
};
static const struct attribute_field element_fields[] = {
	{ NFTA_SET_ELEM_KEY, ATTRIBUTE_VALUE, false, 0 },
};
static const struct attribute_field key_fields[] = {
	{ NFTA_DATA_VALUE, ATTRIBUTE_VALUE, true, 0 },
};

static int read_element(struct attributes attributes, const struct walk *walk)
{
	struct attributes data = {}, key = {};
	int r = attributes_read(attributes, element_fields, ARRAY_SIZE(element_fields), &data);

	if (r < 0 || !data.data) /* the element for all other keys has none */
		return r;
	r = attributes_read(data, key_fields, ARRAY_SIZE(key_fields), &key);
	return r < 0 ? r : walk->element(key.data, key.left, walk->userdata);
}

static int read_elements(uint8_t family _unused_, struct attributes attributes, struct walk *walk)
{
	struct attributes list = {};
	const struct nlattr *element;
	int r = attributes_read(attributes, list_fields, ARRAY_SIZE(list_fields), &list);

	while (r == 0 && (element = attribute_next(&list)))
		r = read_element(attribute_value(element), walk);
	return r == 0 && list.left ? -EBADMSG : r;
}

int nft_element_each(struct nft *nft, uint32_t family, const char *table, const char *set,
		     nft_element_fn fn, void *userdata)
{
	char buffer[NFT_REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct walk walk = { .type = NFT_MSG_NEWSETELEM,
			     .read = read_elements,
			     .element = fn,
			     .userdata = userdata };
	struct nlmsghdr *h = request(nft, buffer, NFT_MSG_GETSETELEM, family, NLM_F_DUMP);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
	return ask(nft, h, &walk);
}

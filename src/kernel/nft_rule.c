/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules, expression by expression; register 1 carries the value that is looked at. */
#include "nsctl/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/x_tables.h>
#include <linux/rtnetlink.h>
#include <netinet/ip.h>
#include <string.h>

/* What there was no memory for must never be missing in a rule that the kernel takes: a rule
 * without its table is one that no batch takes. */
static void spoil(struct nftnl_rule *rule)
{
	nftnl_rule_unset(rule, NFTNL_RULE_TABLE);
}

static void set_comment(struct nftnl_rule *rule, const char *comment)
{
	struct nftnl_udata_buf *udata = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (!udata || !nftnl_udata_put_strz(udata, NFTNL_UDATA_RULE_COMMENT, comment) ||
	    nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(udata),
				nftnl_udata_buf_len(udata)) < 0)
		spoil(rule);
	if (udata)
		nftnl_udata_buf_free(udata);
}

struct nftnl_rule *nft_rule_new(uint32_t family, const char *table, const char *chain,
				const char *comment)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();

	if (!rule)
		return NULL;
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, family);
	if (nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, table) < 0 ||
	    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, chain) < 0)
		spoil(rule);
	if (comment)
		set_comment(rule, comment);
	return rule;
}

bool nft_rule_whole(const struct nftnl_rule *rule)
{
	return rule && nftnl_rule_is_set(rule, NFTNL_RULE_TABLE);
}

/* A new expression at the end of the rule; NULL when there is no memory, or no rule. */
static struct nftnl_expr *append(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expression = rule ? nftnl_expr_alloc(name) : NULL;

	if (expression)
		nftnl_rule_add_expr(rule, expression);
	else if (rule)
		spoil(rule);
	return expression;
}

static void set_name(struct nftnl_rule *rule, struct nftnl_expr *e, uint16_t attribute,
		     const char *name)
{
	if (nftnl_expr_set_str(e, attribute, name) < 0)
		spoil(rule);
}

void nft_load_meta(struct nftnl_rule *rule, uint32_t key)
{
	struct nftnl_expr *e = append(rule, "meta");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
}

static void compare(struct nftnl_rule *rule, uint32_t op, const void *value, uint32_t length)
{
	struct nftnl_expr *e = append(rule, "cmp");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, value, length);
}

void nft_match_value(struct nftnl_rule *rule, const void *value, uint32_t length)
{
	compare(rule, NFT_CMP_EQ, value, length);
}

void nft_match_other(struct nftnl_rule *rule, const void *value, uint32_t length)
{
	compare(rule, NFT_CMP_NEQ, value, length);
}

void nft_load_ipv4(struct nftnl_rule *rule, bool destination)
{
	uint8_t ipv4 = NFPROTO_IPV4;
	struct nftnl_expr *e;

	nft_load_meta(rule, NFT_META_NFPROTO);
	nft_match_value(rule, &ipv4, sizeof(ipv4));
	e = append(rule, "payload");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET,
			   destination ? offsetof(struct iphdr, daddr)
				       : offsetof(struct iphdr, saddr));
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, sizeof(struct in_addr));
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

void nft_match_set(struct nftnl_rule *rule, const char *set, bool not_in)
{
	struct nftnl_expr *e = append(rule, "lookup");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	set_name(rule, e, NFTNL_EXPR_LOOKUP_SET, set);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, not_in ? NFT_LOOKUP_F_INV : 0);
}

/* Any of the bits in a 32-bit conntrack value, as nft's "ct state established,related". */
static void match_ct_bits(struct nftnl_rule *rule, uint32_t key, uint32_t bits)
{
	struct nftnl_expr *e = append(rule, "ct");
	uint32_t zero = 0;

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	e = append(rule, "bitwise");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(bits));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &bits, sizeof(bits));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
	compare(rule, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void nft_match_ct_state(struct nftnl_rule *rule, uint32_t states)
{
	match_ct_bits(rule, NFT_CT_STATE, states);
}

void nft_match_ct_status(struct nftnl_rule *rule, uint32_t status)
{
	match_ct_bits(rule, NFT_CT_STATUS, status);
}

void nft_verdict(struct nftnl_rule *rule, int verdict)
{
	struct nftnl_expr *e = append(rule, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, verdict);
}

void nft_goto(struct nftnl_rule *rule, const char *chain)
{
	struct nftnl_expr *e = append(rule, "immediate");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)NFT_GOTO);
	set_name(rule, e, NFTNL_EXPR_IMM_CHAIN, chain);
}

void nft_masquerade(struct nftnl_rule *rule)
{
	append(rule, "masq");
}

void nft_counter(struct nftnl_rule *rule)
{
	append(rule, "counter");
}

void nft_load_payload(struct nftnl_rule *rule, uint32_t base, uint32_t offset, uint32_t length)
{
	struct nftnl_expr *e = append(rule, "payload");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, length);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
}

void nft_match_below(struct nftnl_rule *rule, const void *value, uint32_t length)
{
	compare(rule, NFT_CMP_LT, value, length);
}

void nft_load_destination_type(struct nftnl_rule *rule)
{
	struct nftnl_expr *e = append(rule, "fib");

	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
}

void nft_notrack(struct nftnl_rule *rule)
{
	append(rule, "notrack");
}

void nft_queue(struct nftnl_rule *rule, uint16_t number)
{
	struct nftnl_expr *e = append(rule, "queue");

	if (!e)
		return;
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, number);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
}

/* Filled up with zeros, as XT_ALIGN has it; libnftnl frees it with the expression. NULL: no memory.
 */
static void *padded(const void *info, size_t length, uint32_t *ret_length)
{
	void *memory;

	*ret_length = (uint32_t)XT_ALIGN(length);
	memory = calloc(1, *ret_length);
	return memory ? memcpy(memory, info, length) : NULL;
}

void nft_xt_match(struct nftnl_rule *rule, const char *name, uint32_t revision, const void *info,
		  size_t length)
{
	struct nftnl_expr *e = append(rule, "match");
	uint32_t data_length;
	void *data;

	if (!e)
		return;
	set_name(rule, e, NFTNL_EXPR_MT_NAME, name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_MT_REV, revision);
	data = padded(info, length, &data_length);
	if (data)
		nftnl_expr_set(e, NFTNL_EXPR_MT_INFO, data, data_length);
	else
		spoil(rule);
}

void nft_xt_target(struct nftnl_rule *rule, const char *name, uint32_t revision, const void *info,
		   size_t length)
{
	struct nftnl_expr *e = append(rule, "target");
	uint32_t data_length;
	void *data;

	if (!e)
		return;
	set_name(rule, e, NFTNL_EXPR_TG_NAME, name);
	nftnl_expr_set_u32(e, NFTNL_EXPR_TG_REV, revision);
	data = padded(info, length, &data_length);
	if (data)
		nftnl_expr_set(e, NFTNL_EXPR_TG_INFO, data, data_length);
	else
		spoil(rule);
}

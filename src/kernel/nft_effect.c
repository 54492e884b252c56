/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What another's rule does, as far as it is simple enough to say: which packets it is for, and
 * what becomes of them. An expression that is not known makes the rule one for some packets only,
 * so that nothing is claimed that may be wrong.
 */
#include "nft.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <string.h>

/* One expression of a rule, with what has been seen of those before it. */
struct reader {
	struct nft_effect *effect;
	uint32_t iif_register; /* holds the name of the incoming interface; 0: none does */
};

struct expression {
	const char *name;
	struct attributes data;
};

static const struct attribute_field expression_fields[] = {
	{ NFTA_EXPR_NAME, ATTRIBUTE_STRING, true, offsetof(struct expression, name) },
	{ NFTA_EXPR_DATA, ATTRIBUTE_VALUE, false, offsetof(struct expression, data) },
};

/* ---- what is looked at ---------------------------------------------------------------------- */

struct meta {
	uint32_t key, register_;
};
static const struct attribute_field meta_fields[] = {
	{ NFTA_META_KEY, ATTRIBUTE_BE32, true, offsetof(struct meta, key) },
	{ NFTA_META_DREG, ATTRIBUTE_BE32, true, offsetof(struct meta, register_) },
};

static bool read_meta(struct attributes data, struct reader *reader)
{
	struct meta meta = {};

	if (attributes_read(data, meta_fields, ARRAY_SIZE(meta_fields), &meta) < 0 ||
	    meta.key != NFT_META_IIFNAME)
		return false;
	reader->iif_register = meta.register_;
	return true;
}

struct comparison {
	uint32_t register_, op;
	struct attributes data, value;
};
static const struct attribute_field comparison_fields[] = {
	{ NFTA_CMP_SREG, ATTRIBUTE_BE32, true, offsetof(struct comparison, register_) },
	{ NFTA_CMP_OP, ATTRIBUTE_BE32, true, offsetof(struct comparison, op) },
	{ NFTA_CMP_DATA, ATTRIBUTE_VALUE, true, offsetof(struct comparison, data) },
};
static const struct attribute_field value_fields[] = {
	{ NFTA_DATA_VALUE, ATTRIBUTE_VALUE, true, offsetof(struct comparison, value) },
};

/* As many bytes of the name as are compared: all, or the beginning ("nsctl*"). */
static bool read_comparison(struct attributes data, struct reader *reader)
{
	struct nft_effect *effect = reader->effect;
	struct comparison c = {};

	if (attributes_read(data, comparison_fields, ARRAY_SIZE(comparison_fields), &c) < 0 ||
	    attributes_read(c.data, value_fields, ARRAY_SIZE(value_fields), &c) < 0 ||
	    c.op != NFT_CMP_EQ || !reader->iif_register || c.register_ != reader->iif_register ||
	    effect->iif_length || c.value.left > sizeof(effect->iif))
		return false;
	memcpy(effect->iif, c.value.data, c.value.left);
	effect->iif_length = c.value.left;
	return true;
}

/* ---- what becomes of the packet ------------------------------------------------------------- */

struct immediate {
	uint32_t register_;
	struct attributes data, verdict;
	int32_t code;
	const char *chain;
};
static const struct attribute_field immediate_fields[] = {
	{ NFTA_IMMEDIATE_DREG, ATTRIBUTE_BE32, true, offsetof(struct immediate, register_) },
	{ NFTA_IMMEDIATE_DATA, ATTRIBUTE_VALUE, true, offsetof(struct immediate, data) },
};
static const struct attribute_field data_fields[] = {
	{ NFTA_DATA_VERDICT, ATTRIBUTE_VALUE, true, offsetof(struct immediate, verdict) },
};
static const struct attribute_field verdict_fields[] = {
	{ NFTA_VERDICT_CODE, ATTRIBUTE_BE32, true, offsetof(struct immediate, code) },
	{ NFTA_VERDICT_CHAIN, ATTRIBUTE_STRING, false, offsetof(struct immediate, chain) },
};

static bool read_immediate(struct attributes data, struct reader *reader)
{
	struct nft_effect *effect = reader->effect;
	struct immediate i = {};

	if (attributes_read(data, immediate_fields, ARRAY_SIZE(immediate_fields), &i) < 0 ||
	    i.register_ != NFT_REG_VERDICT ||
	    attributes_read(i.data, data_fields, ARRAY_SIZE(data_fields), &i) < 0 ||
	    attributes_read(i.verdict, verdict_fields, ARRAY_SIZE(verdict_fields), &i) < 0)
		return false;
	if (i.code == NF_ACCEPT)
		effect->kind = NFT_EFFECT_ACCEPT;
	else if (i.code == NF_DROP)
		effect->kind = NFT_EFFECT_DROP;
	else if ((i.code == NFT_GOTO || i.code == NFT_JUMP) && i.chain)
		effect->kind = NFT_EFFECT_CHAIN;
	effect->chain = i.chain;
	return true;
}

static bool read_reject(struct attributes data _unused_, struct reader *reader)
{
	reader->effect->kind = NFT_EFFECT_DROP;
	return true;
}

/* Those of iptables. */
static bool read_target(struct attributes data, struct reader *reader)
{
	static const struct attribute_field fields[] = {
		{ NFTA_TARGET_NAME, ATTRIBUTE_STRING, true, 0 },
	};
	const char *name = "";

	if (attributes_read(data, fields, ARRAY_SIZE(fields), &name) < 0)
		return false;
	if (strcmp(name, "REJECT") == 0)
		reader->effect->kind = NFT_EFFECT_DROP;
	return true;
}

static bool read_nothing(struct attributes data _unused_, struct reader *reader _unused_)
{
	return true;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool (*read)(struct attributes data, struct reader *reader); /* false: not understood */
} readers[] = {
	{ "meta", read_meta },     { "cmp", read_comparison }, { "immediate", read_immediate },
	{ "reject", read_reject }, { "target", read_target },  { "counter", read_nothing },
	{ "log", read_nothing },
};

static bool understand(const struct nlattr *element, struct reader *reader)
{
	struct expression expression = {};

	if (attributes_read(attribute_value(element), expression_fields,
			    ARRAY_SIZE(expression_fields), &expression) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		if (strcmp(readers[i].name, expression.name) == 0)
			return readers[i].read(expression.data, reader);
	return false;
}

void nft_effect_read(struct attributes expressions, struct nft_effect *ret)
{
	struct reader reader = { .effect = ret };
	const struct nlattr *element;

	*ret = (struct nft_effect){};
	while ((element = attribute_next(&expressions)))
		if (!understand(element, &reader))
			ret->for_some = true;
	if (expressions.left)
		ret->for_some = true;
	if (reader.iif_register && !ret->iif_length) /* loaded for something else */
		ret->for_some = true;
}

bool nft_effect_always(const struct nft_effect *effect)
{
	return !effect->for_some && !effect->iif_length;
}

bool nft_effect_for_interface(const struct nft_effect *effect, const char *interface)
{
	char name[sizeof(effect->iif)] = {};

	strncpy(name, interface, sizeof(name) - 1);
	return !effect->for_some && memcmp(effect->iif, name, effect->iif_length) == 0;
}

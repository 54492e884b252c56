/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset_table.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#define PRIORITY_SRCNAT        100 /* NF_IP_PRI_NAT_SRC, NF_IP_PRI_FILTER (linux/netfilter_ipv4.h) */
#define PRIORITY_FILTER        0
#define CT_ESTABLISHED_RELATED ((1u << (IP_CT_ESTABLISHED + 1)) | (1u << (IP_CT_RELATED + 1)))

const struct ruleset_set_type ruleset_sets[RULESET_SETS] = {
	[RULESET_INTERFACES] = { "interfaces", "ifname", NFT_TYPE_IFNAME, IFNAMSIZ },
	[RULESET_MASQUERADE] = { "masqueraded", "ipv4_addr", NFT_TYPE_IPV4, 4 },
	[RULESET_ISOLATED] = { "isolated", "ipv4_addr", NFT_TYPE_IPV4, 4 },
	[RULESET_STRICT] = { "strict", "nf_proto", NFT_TYPE_NFPROTO, 1 },
};

bool ruleset_is_own_table(uint32_t family, const char *table)
{
	return family == RULESET_FAMILY && strcmp(table, RULESET_TABLE) == 0;
}

/* ---- the fixed rules: as libnftnl objects, and as text for people ---------------------------- */

static struct nftnl_rule *new_rule(const char *chain)
{
	return nft_rule_new(RULESET_FAMILY, RULESET_TABLE, chain, NULL);
}

/* ip saddr @masqueraded oifname != @interfaces masquerade */
static struct nftnl_rule *rule_masquerade(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_ipv4(rule, false);
	nft_match_set(rule, ruleset_sets[RULESET_MASQUERADE].name, false);
	nft_load_meta(rule, NFT_META_OIFNAME);
	nft_match_set(rule, ruleset_sets[RULESET_INTERFACES].name, true);
	nft_masquerade(rule);
	return rule;
}

static struct nftnl_rule *rule_established(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_match_ct_state(rule, CT_ESTABLISHED_RELATED);
	nft_verdict(rule, NF_ACCEPT);
	return rule;
}

static struct nftnl_rule *rule_isolated(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_ipv4(rule, false);
	nft_match_set(rule, ruleset_sets[RULESET_ISOLATED].name, false);
	nft_load_ipv4(rule, true);
	nft_match_set(rule, ruleset_sets[RULESET_ISOLATED].name, false);
	nft_verdict(rule, NF_DROP);
	return rule;
}

static struct nftnl_rule *rule_out(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_meta(rule, NFT_META_IIFNAME);
	nft_match_set(rule, ruleset_sets[RULESET_INTERFACES].name, false);
	nft_verdict(rule, NF_ACCEPT);
	return rule;
}

static struct nftnl_rule *rule_no_new_in(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_ipv4(rule, true);
	nft_match_set(rule, ruleset_sets[RULESET_MASQUERADE].name, false);
	nft_verdict(rule, NF_DROP);
	return rule;
}

static struct nftnl_rule *rule_in(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_meta(rule, NFT_META_OIFNAME);
	nft_match_set(rule, ruleset_sets[RULESET_INTERFACES].name, false);
	nft_verdict(rule, NF_ACCEPT);
	return rule;
}

static struct nftnl_rule *rule_strict(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_meta(rule, NFT_META_NFPROTO);
	nft_match_set(rule, ruleset_sets[RULESET_STRICT].name, false);
	nft_verdict(rule, NF_DROP);
	return rule;
}

static const struct ruleset_rule postrouting_rules[] = {
	{ rule_masquerade, "ip saddr @masqueraded oifname != @interfaces masquerade" },
};
static const struct ruleset_rule forward_rules[] = {
	{ rule_established, "ct state established,related accept" },
	{ rule_isolated, "ip saddr @isolated ip daddr @isolated drop" },
	{ rule_out, "iifname @interfaces accept" },
	{ rule_no_new_in, "ip daddr @masqueraded drop" },
	{ rule_in, "oifname @interfaces accept" },
	{ rule_strict, "meta nfproto @strict drop" },
};
const struct ruleset_chain ruleset_chains[RULESET_CHAINS] = {
	{ "postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT, postrouting_rules,
	  ARRAY_SIZE(postrouting_rules) },
	{ "forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER, forward_rules,
	  ARRAY_SIZE(forward_rules) },
};
static const char *const hook_names[] = {
	[NF_INET_POST_ROUTING] = "postrouting", [NF_INET_FORWARD] = "forward"
};

/* ---- as text ------------------------------------------------------------------------------ */

void ruleset_explain_table(FILE *out)
{
	fprintf(out, "nft -f - <<'END'\ntable inet " RULESET_TABLE " {\n");
	for (size_t i = 0; i < RULESET_SETS; i++)
		fprintf(out, "\tset %s { type %s; }\n", ruleset_sets[i].name,
			ruleset_sets[i].type_name);
	for (size_t i = 0; i < RULESET_CHAINS; i++) {
		fprintf(out, "\tchain %s {\n\t\ttype %s hook %s priority %d; policy accept;\n",
			ruleset_chains[i].name, ruleset_chains[i].type,
			hook_names[ruleset_chains[i].hook], ruleset_chains[i].priority);
		for (size_t j = 0; j < ruleset_chains[i].n_rules; j++)
			fprintf(out, "\t\t%s\n", ruleset_chains[i].rules[j].text);
		fprintf(out, "\t}\n");
	}
	fprintf(out, "}\nEND\n");
}

void ruleset_explain_element(FILE *out, enum ruleset_set set, const char *element)
{
	fprintf(out, "nft add element inet " RULESET_TABLE " %s '{ %s }'\n", ruleset_sets[set].name,
		element);
}

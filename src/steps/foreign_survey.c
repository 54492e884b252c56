/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "foreign_survey.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>

#include "ruleset.h"

#define FIREWALLD       "firewalld"             /* its table */
#define FIREWALLD_SHUT  "firewalld_policy_drop" /* another one, for the moment of a reload */
#define FIREWALLD_ZONES "filter_FORWARD_ZONES"  /* by where a packet comes from; since 1.0 */
#define LOOKS_MAX       10

/* ---- chains --------------------------------------------------------------------------------- */

struct collected {
	struct foreign_survey *survey;
	bool firewalld; /* there is its table */
	uint32_t firewalld_family;
};

static int add_chain(struct foreign_survey *survey, const struct nft_chain_info *info)
{
	struct foreign_chain *grown =
		array_grow(survey->chains, survey->n_chains + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	survey->chains = grown;
	grown += survey->n_chains++;
	*grown = (struct foreign_chain){ .family = info->family,
					 .table = strdup(info->table),
					 .chain = strdup(info->chain),
					 .drops = info->policy == NF_DROP };
	return grown->table && grown->chain ? 0 : -ENOMEM;
}

static bool is_iptables(uint32_t family, const char *table)
{
	return family == NFPROTO_IPV4 && strcmp(table, IPTABLES_TABLE) == 0;
}

static int on_chain(const struct nft_chain_info *chain, void *userdata)
{
	struct collected *collected = userdata;

	if (chain->family != NFPROTO_IPV4 && chain->family != NFPROTO_INET)
		return 0;
	if (strcmp(chain->table, FIREWALLD) == 0) {
		collected->firewalld = true;
		collected->firewalld_family = chain->family;
		return 0;
	}
	if (is_iptables(chain->family, chain->table) && strcmp(chain->chain, DOCKER_CHAIN) == 0)
		collected->survey->docker_chain = true;
	if (!chain->base || !chain->filter || chain->hook != NF_INET_FORWARD ||
	    ruleset_is_own_table(chain->family, chain->table) ||
	    strcmp(chain->table, FIREWALLD_SHUT) == 0)
		return 0;
	return add_chain(collected->survey, chain);
}

/* ---- their rules ---------------------------------------------------------------------------- */

/* What is for every packet and ends its way decides; behind it nothing counts. */
static int on_rule(const struct nft_rule_info *rule, void *userdata)
{
	bool **drops = userdata;

	if (!*drops || !nft_effect_always(&rule->effect))
		return 0;
	if (rule->effect.kind == NFT_EFFECT_ACCEPT || rule->effect.kind == NFT_EFFECT_DROP) {
		**drops = rule->effect.kind == NFT_EFFECT_DROP;
		*drops = NULL;
	}
	return 0;
}

/* *drops is the chain's policy before. */
static int look_at_rules(struct nft *nft, uint32_t family, const char *table, const char *chain,
			 bool *drops)
{
	bool *undecided = drops;
	int r = nft_rule_each(nft, family, table, chain, on_rule, &undecided);

	return r == -ENOENT ? 0 : r; /* it went meanwhile */
}

/* iptables-nft's chain is one of them until here. */
static int look_at_chains(const struct host *host, struct foreign_survey *survey)
{
	for (size_t i = 0; i < survey->n_chains; i++) {
		struct foreign_chain *chain = &survey->chains[i];
		int r = look_at_rules(host->nft, chain->family, chain->table, chain->chain,
				      &chain->drops);

		if (r < 0)
			return r;
		if (is_iptables(chain->family, chain->table) &&
		    strcmp(chain->chain, IPTABLES_CHAIN) == 0) {
			survey->iptables_drops = chain->drops;
			chain->drops = false;
		}
	}
	return 0;
}

/* ---- firewalld ------------------------------------------------------------------------------ */

/* A zone has a chain for what it forwards, which ends with what is done with all the rest. */
struct zone {
	const char *interface;
	char *chain;
};

static int on_zone(const struct nft_rule_info *rule, void *userdata)
{
	struct zone *zone = userdata;

	if (zone->chain || rule->effect.kind != NFT_EFFECT_CHAIN ||
	    !nft_effect_for_interface(&rule->effect, zone->interface))
		return 0;
	zone->chain = strdup(rule->effect.chain);
	return zone->chain ? 0 : -ENOMEM;
}

/* Where that can't be told, it drops. */
static int look_at_firewalld(struct nft *nft, const struct collected *collected,
			     const char *interface)
{
	struct zone zone = { .interface = interface };
	bool *drops = &collected->survey->firewalld_drops;
	int r;

	*drops = collected->firewalld;
	if (!collected->firewalld)
		return 0;
	r = nft_rule_each(nft, collected->firewalld_family, FIREWALLD, FIREWALLD_ZONES, on_zone,
			  &zone);
	if (r == 0 && zone.chain)
		r = look_at_rules(nft, collected->firewalld_family, FIREWALLD, zone.chain, drops);
	free(zone.chain);
	return r == -ENOENT ? 0 : r;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int look_at_nft(const struct host *host, const char *interface,
		       struct foreign_survey *survey)
{
	struct collected collected = { .survey = survey };
	int r = nft_chain_each(host->nft, on_chain, &collected);

	if (r == 0)
		r = look_at_chains(host, survey);
	if (r == 0)
		r = look_at_firewalld(host->nft, &collected, interface);
	return r;
}

int foreign_survey(const struct host *host, const char *interface, struct foreign_survey *ret)
{
	struct legacy_forward legacy = {};
	int r = -EINTR;

	*ret = (struct foreign_survey){};
	for (int looks = 0; r == -EINTR && looks < LOOKS_MAX; looks++) {
		foreign_survey_clear(ret);
		r = look_at_nft(host, interface, ret);
	}
	/* what can't be read there is nothing that could be helped */
	if (r == 0 && legacy_forward_look(interface, &legacy) > 0) {
		ret->legacy_drops = legacy.drops && !legacy.lets_through;
		ret->legacy_docker_chain = legacy.docker_chain;
	}
	return r;
}

void foreign_survey_clear(struct foreign_survey *survey)
{
	for (size_t i = 0; i < survey->n_chains; i++) {
		free(survey->chains[i].table);
		free(survey->chains[i].chain);
	}
	free(survey->chains);
	*survey = (struct foreign_survey){};
}

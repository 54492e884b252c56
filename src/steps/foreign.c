/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "foreign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "step.h"

#define IPTABLES_TABLE "filter" /* of iptables-nft; Docker and ufw use it */
#define IPTABLES_CHAIN "FORWARD"
#define DOCKER_CHAIN   "DOCKER-USER" /* which Docker leaves to the administrator */
#define FIREWALLD      "firewalld"

struct survey {
	bool iptables_drops, docker_chain, firewalld;
	struct step_context *context; /* for warnings, or NULL */
	const char *interface;
};

static int on_chain(const struct nft_chain_info *chain, void *userdata)
{
	struct survey *survey = userdata;
	bool iptables = chain->family == NFPROTO_IPV4 && strcmp(chain->table, IPTABLES_TABLE) == 0;

	if (strcmp(chain->table, FIREWALLD) == 0)
		survey->firewalld = true;
	if (iptables && strcmp(chain->chain, DOCKER_CHAIN) == 0)
		survey->docker_chain = true;
	if (!chain->base || !chain->filter || chain->hook != NF_INET_FORWARD ||
	    chain->policy != NF_DROP ||
	    (chain->family != NFPROTO_IPV4 && chain->family != NFPROTO_INET))
		return 0;
	if (iptables && strcmp(chain->chain, IPTABLES_CHAIN) == 0)
		survey->iptables_drops = true;
	else if (survey->context)
		step_warn(
			survey->context,
			_("chain %s %s %s drops what it does not know, also packets of this profile; let %s through, "
			  "for example: nft insert rule %s %s %s iifname %s accept; nft insert rule %s %s %s oifname %s "
			  "accept"),
			chain->family == NFPROTO_INET ? "inet" : "ip", chain->table, chain->chain,
			survey->interface, chain->family == NFPROTO_INET ? "inet" : "ip",
			chain->table, chain->chain, survey->interface,
			chain->family == NFPROTO_INET ? "inet" : "ip", chain->table, chain->chain,
			survey->interface);
	return 0;
}

/* The chain to put our rules in, or NULL where none is needed. */
static const char *chain_of(const struct survey *survey)
{
	return !survey->iptables_drops ? NULL
	       : survey->docker_chain  ? DOCKER_CHAIN
				       : IPTABLES_CHAIN;
}

static void comment_of(const char *interface, char comment[64])
{
	snprintf(comment, 64, "nsctl: %s", interface);
}

struct rules {
	char comment[64];
	uint64_t handles[64];
	size_t count;
};

static int on_rule(const struct nft_rule_info *rule, void *userdata)
{
	struct rules *rules = userdata;

	if (strcmp(rule->comment, rules->comment) == 0 && rules->count < ARRAY_SIZE(rules->handles))
		rules->handles[rules->count++] = rule->handle;
	return 0;
}

/* None where there is no such table or chain. */
static int find_rules(const struct host *host, const char *chain, const char *interface,
		      struct rules *ret, struct error *error)
{
	int r;

	ret->count = 0;
	comment_of(interface, ret->comment);
	r = nft_rule_each(host->nft, NFPROTO_IPV4, IPTABLES_TABLE, chain, on_rule, ret);
	return r < 0 && r != -ENOENT ? error_errno(error, r, "%s",
						   _("can't look for the rules in other firewalls"))
				     : 0;
}

static struct nftnl_rule *accept_rule(const char *chain, uint32_t meta, const char *interface)
{
	struct nftnl_rule *rule;
	char comment[64], name[IFNAMSIZ] = {};

	comment_of(interface, comment);
	strncpy(name, interface, IFNAMSIZ - 1);
	rule = nft_rule_new(NFPROTO_IPV4, IPTABLES_TABLE, chain, comment);
	nft_load_meta(rule, meta);
	nft_match_value(rule, name, strlen(name) + 1); /* as iptables-nft compares a whole name */
	nft_counter(rule);
	nft_verdict(rule, NF_ACCEPT);
	return rule;
}

int foreign_let_through(struct step_context *context, const char *interface, struct error *error)
{
	const struct host *host = context->host;
	struct survey survey = { .context = context, .interface = interface };
	struct nft_batch *batch;
	const char *chain;
	struct rules rules;
	int r = nft_chain_each(host->nft, on_chain, &survey);

	if (r < 0)
		return error_errno(error, r, "%s", _("can't look for other firewalls"));
	if (survey.firewalld)
		step_warn(
			context,
			_("firewalld is active and may reject packets of this profile; let it pass: "
			  "firewall-cmd --zone=trusted --add-interface=%s"),
			interface);
	chain = chain_of(&survey);
	if (!chain)
		return 0;
	r = find_rules(host, chain, interface, &rules, error);
	if (r < 0 || rules.count == 2)
		return r;
	r = foreign_remove(host, interface, error); /* half of them */
	if (r < 0)
		return r;
	batch = nft_batch_begin(host->nft);
	nft_rule_insert(batch, accept_rule(chain, NFT_META_OIFNAME, interface));
	nft_rule_insert(batch, accept_rule(chain, NFT_META_IIFNAME, interface));
	r = nft_batch_commit(batch, error);
	return r < 0 ? r : 1;
}

int foreign_remove(const struct host *host, const char *interface, struct error *error)
{
	static const char *const chains[] = { IPTABLES_CHAIN, DOCKER_CHAIN };
	struct rules rules[ARRAY_SIZE(chains)];
	struct nft_batch *batch;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		int r = find_rules(host, chains[i], interface, &rules[i], error);

		if (r < 0)
			return r;
		count += rules[i].count;
	}
	if (!count)
		return 0;
	batch = nft_batch_begin(host->nft);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		for (size_t j = 0; j < rules[i].count; j++)
			nft_rule_delete(batch, NFPROTO_IPV4, IPTABLES_TABLE, chains[i],
					rules[i].handles[j]);
	return nft_batch_commit(batch, error);
}

bool foreign_missing(const struct host *host, const char *interface)
{
	struct survey survey = {};
	struct rules rules;

	return nft_chain_each(host->nft, on_chain, &survey) == 0 && chain_of(&survey) &&
	       find_rules(host, chain_of(&survey), interface, &rules, NULL) == 0 &&
	       rules.count != 2;
}

void foreign_explain(const struct host *host, const char *interface, FILE *out)
{
	struct survey survey = {};
	const char *chain =
		nft_chain_each(host->nft, on_chain, &survey) == 0 ? chain_of(&survey) : NULL;
	static const char *const keys[] = { "oifname", "iifname" };

	for (size_t i = 0; chain && i < ARRAY_SIZE(keys); i++)
		fprintf(out,
			"nft insert rule ip " IPTABLES_TABLE
			" %s %s %s counter accept comment '\"nsctl: %s\"'\n",
			chain, keys[i], interface, interface);
}

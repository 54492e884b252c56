/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "foreign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "foreign_survey.h"
#include "ruleset.h"
#include "step.h"

#define BRIDGE_CALLS "net/bridge/bridge-nf-call-iptables" /* br_netfilter, which Docker loads */

/* Where our rules may be. */
static const char *const chains[] = { IPTABLES_CHAIN, DOCKER_CHAIN };

/* ---- what is left to the user ---------------------------------------------------------------- */

static void warn_of_chain(struct step_context *context, const char *interface,
			  const struct foreign_chain *chain)
{
	const char *family = chain->family == NFPROTO_INET ? "inet" : "ip";

	step_warn(
		context,
		_("chain %s %s %s drops what it does not know, also packets of this profile; let %s through, "
		  "for example: nft insert rule %s %s %s iifname %s accept; nft insert rule %s %s %s oifname %s "
		  "accept"),
		family, chain->table, chain->chain, interface, family, chain->table, chain->chain,
		interface, family, chain->table, chain->chain, interface);
}

static void warn_of_all(struct step_context *context, const char *interface,
			const struct foreign_survey *survey)
{
	const char *legacy = survey->legacy_docker_chain ? DOCKER_CHAIN : IPTABLES_CHAIN;

	for (size_t i = 0; i < survey->n_chains; i++)
		if (survey->chains[i].drops)
			warn_of_chain(context, interface, &survey->chains[i]);
	if (survey->firewalld_drops)
		step_warn(
			context,
			_("firewalld rejects packets of this profile; let it pass: firewall-cmd --zone=trusted "
			  "--add-interface=%s, and once more with --permanent, or the next reload forgets it"),
			interface);
	if (survey->legacy_drops)
		step_warn(
			context,
			_("iptables-legacy drops what it does not know, also packets of this profile; let %s "
			  "through: iptables-legacy -I %s -i %s -j ACCEPT; iptables-legacy -I %s -o %s -j ACCEPT"),
			interface, legacy, interface, legacy, interface);
}

/* Only what is bridged may be let through, not what the LAN has the host route; such rules are
 * the administrator's. */
struct bridged {
	const char *bridge;
	bool accepted; /* by a rule for the bridge, whatever else it asks for */
};

static int on_rule_for_bridge(const struct nft_rule_info *rule, void *userdata)
{
	struct bridged *bridged = userdata;
	struct nft_effect effect = rule->effect;

	effect.for_some = false;
	bridged->accepted |= effect.kind == NFT_EFFECT_ACCEPT && effect.iif_length &&
			     nft_effect_for_interface(&effect, bridged->bridge);
	return 0;
}

void foreign_warn_of_bridged(struct step_context *context, const char *bridge)
{
	struct bridged bridged = { .bridge = bridge };
	_cleanup_free_ char *called = NULL;
	struct foreign_survey survey;

	if (!bridge[0] || sysctl_get(BRIDGE_CALLS, &called) < 0 || strcmp(called, "1") != 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		nft_rule_each(context->host->nft, NFPROTO_IPV4, IPTABLES_TABLE, chains[i],
			      on_rule_for_bridge, &bridged);
	if (foreign_survey(context->host, bridge, &survey) == 0 && survey.iptables_drops &&
	    !bridged.accepted)
		step_warn(
			context,
			_("chain ip filter FORWARD drops what it does not know, also what passes the bridge %s; let "
			  "that through: iptables -I %s -i %s -o %s -j ACCEPT"),
			bridge, survey.docker_chain ? DOCKER_CHAIN : IPTABLES_CHAIN, bridge,
			bridge);
	foreign_survey_clear(&survey);
}

/* ---- what can be done ------------------------------------------------------------------------ */

/* The chain to put our rules in, or NULL where none is needed. */
static const char *chain_of(const struct foreign_survey *survey)
{
	return !survey->iptables_drops ? NULL
	       : survey->docker_chain  ? DOCKER_CHAIN
				       : IPTABLES_CHAIN;
}

#define COMMENT   "nsctl: " /* and the interface */
#define LOOKS_MAX 10

static void comment_of(const char *interface, char comment[64])
{
	snprintf(comment, 64, COMMENT "%s", interface);
}

struct rules {
	char comment[64];
	uint64_t handles[64];
	size_t count;
};

static void rules_add(struct rules *rules, uint64_t handle)
{
	if (rules->count < ARRAY_SIZE(rules->handles))
		rules->handles[rules->count++] = handle;
}

/* One that was saved and restored by nft(8) is not built as ours, and still ours. */
static int on_rule(const struct nft_rule_info *rule, void *userdata)
{
	struct rules *rules = userdata;

	if (strcmp(rule->comment, rules->comment) == 0 && rule->effect.kind == NFT_EFFECT_ACCEPT)
		rules_add(rules, rule->handle);
	return 0;
}

/* Looks through a chain until nobody changes nf_tables meanwhile. None where there is no such table
 * or chain. */
static int look_for_rules(const struct host *host, const char *chain,
			  int (*each)(const struct nft_rule_info *rule, void *userdata),
			  void *userdata, struct rules *found, struct error *error)
{
	int r = -EINTR;

	for (int looks = 0; r == -EINTR && looks < LOOKS_MAX; looks++) {
		found->count = 0;
		r = nft_rule_each(host->nft, NFPROTO_IPV4, IPTABLES_TABLE, chain, each, userdata);
	}
	return r < 0 && r != -ENOENT ? error_errno(error, r, "%s",
						   _("can't look for the rules in other firewalls"))
				     : 0;
}

static int find_rules(const struct host *host, const char *chain, const char *interface,
		      struct rules *ret, struct error *error)
{
	comment_of(interface, ret->comment);
	return look_for_rules(host, chain, on_rule, ret, ret, error);
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

/* Docker found that the host forwards, for profiles only, and therefore did not close FORWARD as it
 * does where it has to make the host a router itself (its manual, "Packet filtering and
 * firewalls"). It is closed for it: then Docker's own rules say what passes, the host is the router
 * that Docker takes it for, and stays it after the last profile. 1: done. */
static int make_way_for_docker(struct step_context *context, struct foreign_survey *survey,
			       struct error *error)
{
	struct host *host = context->host;
	struct nft_batch *batch;
	int r;

	if (!host->sysctls || !survey->docker_chain || survey->iptables_drops)
		return 0;
	batch = nft_batch_begin(host->nft);
	nft_chain_set_policy(batch, NFPROTO_IPV4, IPTABLES_TABLE, IPTABLES_CHAIN, NF_DROP);
	r = nft_batch_commit(batch, error);
	if (r < 0)
		return r;
	survey->iptables_drops = true;
	forward_forget(host);
	r = host_note(host, error);
	if (r == 0)
		r = ruleset_rebuild(host, error);
	step_warn(
		context, "%s",
		_("Docker was started after nsctl had made this host a router for its profiles: it is "
		  "Docker's router now, chain ip filter FORWARD drops what Docker does not know, and "
		  "net.ipv4.ip_forward stays 1 when the last profile goes"));
	return r < 0 ? r : 1;
}

static int add_rules(const struct host *host, const char *chain, const char *interface,
		     struct error *error)
{
	struct nft_batch *batch;
	struct rules rules;
	int r = find_rules(host, chain, interface, &rules, error);

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

int foreign_let_through(struct step_context *context, const char *interface, struct error *error)
{
	struct foreign_survey survey;
	int r = foreign_survey(context->host, interface, &survey), changed = 0;

	if (r < 0) {
		error_errno(error, r, "%s", _("can't look for other firewalls"));
	} else {
		warn_of_all(context, interface, &survey);
		changed = make_way_for_docker(context, &survey, error);
		r = changed < 0 ? changed : 0;
	}
	if (r == 0 && chain_of(&survey))
		r = add_rules(context->host, chain_of(&survey), interface, error);
	foreign_survey_clear(&survey);
	return r < 0 ? r : changed || r;
}

/* Those that were found in each of the chains. */
static int delete_rules(const struct host *host, const struct rules rules[ARRAY_SIZE(chains)],
			struct error *error)
{
	struct nft_batch *batch;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		count += rules[i].count;
	if (!count)
		return 0;
	batch = nft_batch_begin(host->nft);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		for (size_t j = 0; j < rules[i].count; j++)
			nft_rule_delete(batch, NFPROTO_IPV4, IPTABLES_TABLE, chains[i],
					rules[i].handles[j]);
	return nft_batch_commit(batch, error);
}

int foreign_remove(const struct host *host, const char *interface, struct error *error)
{
	struct rules rules[ARRAY_SIZE(chains)];

	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		int r = find_rules(host, chains[i], interface, &rules[i], error);

		if (r < 0)
			return r;
	}
	return delete_rules(host, rules, error);
}

/* ---- what a daemon that died had put there ------------------------------------------------- */

struct sweep {
	const struct host *host;
	bool (*taken)(const struct host *host, const char *interface);
	const char *chain;
	struct rules rules;
};

/* Of our comment, and no other than we make: who writes such a one means it for ours. */
static int on_rule_swept(const struct nft_rule_info *rule, void *userdata)
{
	static const uint32_t metas[] = { NFT_META_IIFNAME, NFT_META_OIFNAME };
	const char *interface = rule->comment + strlen(COMMENT);
	struct sweep *sweep = userdata;
	int r = 0;

	if (strncmp(rule->comment, COMMENT, strlen(COMMENT)) != 0 || !interface[0] ||
	    strlen(interface) >= IFNAMSIZ || sweep->taken(sweep->host, interface))
		return 0;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(metas); i++)
		r = nft_rule_does(rule, accept_rule(sweep->chain, metas[i], interface));
	if (r > 0)
		rules_add(&sweep->rules, rule->handle);
	return r < 0 ? r : 0;
}

int foreign_remove_unused(const struct host *host,
			  bool (*taken)(const struct host *host, const char *interface),
			  struct error *error)
{
	struct rules rules[ARRAY_SIZE(chains)];

	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		struct sweep sweep = { .host = host, .taken = taken, .chain = chains[i] };
		int r = look_for_rules(host, chains[i], on_rule_swept, &sweep, &sweep.rules, error);

		if (r < 0)
			return r;
		rules[i] = sweep.rules;
	}
	return delete_rules(host, rules, error);
}

bool foreign_missing(const struct host *host, const char *interface)
{
	struct foreign_survey survey;
	struct rules rules;
	bool missing = foreign_survey(host, interface, &survey) == 0 && chain_of(&survey) &&
		       find_rules(host, chain_of(&survey), interface, &rules, NULL) == 0 &&
		       rules.count != 2;

	foreign_survey_clear(&survey);
	return missing;
}

void foreign_explain(const struct host *host, const char *interface, FILE *out)
{
	struct foreign_survey survey;
	const char *chain =
		foreign_survey(host, interface, &survey) == 0 ? chain_of(&survey) : NULL;
	static const char *const keys[] = { "oifname", "iifname" };

	for (size_t i = 0; chain && i < ARRAY_SIZE(keys); i++)
		fprintf(out,
			"nft insert rule ip " IPTABLES_TABLE
			" %s %s %s counter accept comment '\"nsctl: %s\"'\n",
			chain, keys[i], interface, interface);
	foreign_survey_clear(&survey);
}

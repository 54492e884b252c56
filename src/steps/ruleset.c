/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#define TABLE                  "nsctl"
#define FAMILY                 NFPROTO_INET
#define PRIORITY_SRCNAT        100 /* NF_IP_PRI_NAT_SRC, NF_IP_PRI_FILTER (linux/netfilter_ipv4.h) */
#define PRIORITY_FILTER        0
#define CT_ESTABLISHED_RELATED ((1u << (IP_CT_ESTABLISHED + 1)) | (1u << (IP_CT_RELATED + 1)))

static const struct {
	const char *name;
	const char *type_name;
	uint32_t type, length;
} sets[] = {
	[RULESET_INTERFACES] = { "interfaces", "ifname", NFT_TYPE_IFNAME, IFNAMSIZ },
	[RULESET_MASQUERADE] = { "masqueraded", "ipv4_addr", NFT_TYPE_IPV4, 4 },
	[RULESET_ISOLATED] = { "isolated", "ipv4_addr", NFT_TYPE_IPV4, 4 },
	[RULESET_STRICT] = { "strict", "nf_proto", NFT_TYPE_NFPROTO, 1 },
};

bool ruleset_is_own_table(uint32_t family, const char *table)
{
	return family == FAMILY && strcmp(table, TABLE) == 0;
}

/* ---- the fixed rules: as libnftnl objects, and as text for people ---------------------------- */

static struct nftnl_rule *new_rule(const char *chain)
{
	return nft_rule_new(FAMILY, TABLE, chain, NULL);
}

/* ip saddr @masqueraded oifname != @interfaces masquerade */
static struct nftnl_rule *rule_masquerade(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_ipv4(rule, false);
	nft_match_set(rule, sets[RULESET_MASQUERADE].name, false);
	nft_load_meta(rule, NFT_META_OIFNAME);
	nft_match_set(rule, sets[RULESET_INTERFACES].name, true);
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
	nft_match_set(rule, sets[RULESET_ISOLATED].name, false);
	nft_load_ipv4(rule, true);
	nft_match_set(rule, sets[RULESET_ISOLATED].name, false);
	nft_verdict(rule, NF_DROP);
	return rule;
}

static struct nftnl_rule *rule_out(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_meta(rule, NFT_META_IIFNAME);
	nft_match_set(rule, sets[RULESET_INTERFACES].name, false);
	nft_verdict(rule, NF_ACCEPT);
	return rule;
}

static struct nftnl_rule *rule_no_new_in(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_ipv4(rule, true);
	nft_match_set(rule, sets[RULESET_MASQUERADE].name, false);
	nft_verdict(rule, NF_DROP);
	return rule;
}

static struct nftnl_rule *rule_in(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_meta(rule, NFT_META_OIFNAME);
	nft_match_set(rule, sets[RULESET_INTERFACES].name, false);
	nft_verdict(rule, NF_ACCEPT);
	return rule;
}

static struct nftnl_rule *rule_strict(const char *chain)
{
	struct nftnl_rule *rule = new_rule(chain);

	nft_load_meta(rule, NFT_META_NFPROTO);
	nft_match_set(rule, sets[RULESET_STRICT].name, false);
	nft_verdict(rule, NF_DROP);
	return rule;
}

struct rule_text {
	struct nftnl_rule *(*build)(const char *chain);
	const char *text;
};
static const struct rule_text postrouting_rules[] = {
	{ rule_masquerade, "ip saddr @masqueraded oifname != @interfaces masquerade" },
};
static const struct rule_text forward_rules[] = {
	{ rule_established, "ct state established,related accept" },
	{ rule_isolated, "ip saddr @isolated ip daddr @isolated drop" },
	{ rule_out, "iifname @interfaces accept" },
	{ rule_no_new_in, "ip daddr @masqueraded drop" },
	{ rule_in, "oifname @interfaces accept" },
	{ rule_strict, "meta nfproto @strict drop" },
};
static const struct {
	const char *name, *type;
	uint32_t hook;
	int32_t priority;
	const struct rule_text *rules;
	size_t n_rules;
} chains[] = {
	{ "postrouting", "nat", NF_INET_POST_ROUTING, PRIORITY_SRCNAT, postrouting_rules,
	  ARRAY_SIZE(postrouting_rules) },
	{ "forward", "filter", NF_INET_FORWARD, PRIORITY_FILTER, forward_rules,
	  ARRAY_SIZE(forward_rules) },
};
static const char *const hook_names[] = {
	[NF_INET_POST_ROUTING] = "postrouting", [NF_INET_FORWARD] = "forward"
};

/* ---- what instances have in the sets ------------------------------------------------------ */

struct element {
	enum ruleset_set set;
	uint8_t key[IFNAMSIZ];
};

/* At most one in each set. The family of the strict set is the host's, as long as anyone forwards.
 */
static size_t elements_of(const struct host *host, const struct instance *instance,
			  struct element out[4])
{
	size_t n = 0;

	memset(out, 0, 4 * sizeof(*out));
	if (instance->forwards) {
		out[n].set = RULESET_INTERFACES;
		strcpy((char *)out[n++].key, instance_gateway_interface(instance));
		if (instance->isolated) {
			out[n].set = RULESET_ISOLATED;
			memcpy(out[n++].key, instance->address.address.bytes, 4);
		}
		if (host->sysctls) {
			out[n].set = RULESET_STRICT;
			out[n++].key[0] = NFPROTO_IPV4;
		}
	}
	if (instance->masquerades) {
		out[n].set = RULESET_MASQUERADE;
		memcpy(out[n++].key, instance->address.address.bytes, 4);
	}
	return n;
}

static bool in_use(const struct host *host, const struct element *element)
{
	for (const struct instance *instance = host->instances; instance;
	     instance = instance->next) {
		struct element all[4];
		size_t n = elements_of(host, instance, all);

		for (size_t i = 0; i < n; i++)
			if (all[i].set == element->set &&
			    memcmp(all[i].key, element->key, sizeof(element->key)) == 0)
				return true;
	}
	return false;
}

bool ruleset_used(const struct host *host)
{
	for (const struct instance *instance = host->instances; instance; instance = instance->next)
		if (instance->forwards || instance->masquerades)
			return true;
	return false;
}

/* ---- what a change is made of -------------------------------------------------------------- */

static void add_elements(struct nft_batch *batch, const struct host *host,
			 const struct instance *instance)
{
	struct element elements[4];
	size_t n = elements_of(host, instance, elements);

	for (size_t i = 0; i < n; i++)
		nft_element_add(batch, FAMILY, TABLE, sets[elements[i].set].name, elements[i].key,
				sets[elements[i].set].length);
}

/* A table of our name that the record does not know is somebody else's. */
static int refuse_foreign(const struct host *host, struct error *error)
{
	int r = host->has_table ? -ENOENT : nft_table_look_up(host->nft, FAMILY, TABLE);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_errno(error, r, "%s", _("can't look at nf_tables"));
	error_set(error, EEXIST, "%s",
		  _("nf_tables table inet nsctl exists and was not made by nsctl"));
	error_hint(
		error, "%s",
		_("look at it (nft list table inet nsctl), then delete it (nft delete table inet nsctl)"));
	return -EEXIST;
}

static void add_table(struct nft_batch *batch, const struct host *host)
{
	nft_table_add(batch, FAMILY, TABLE);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		nft_set_add(batch, FAMILY, TABLE, sets[i].name, sets[i].type, sets[i].length);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		nft_chain_add(batch, FAMILY, TABLE, chains[i].name, chains[i].type, chains[i].hook,
			      chains[i].priority);
		for (size_t j = 0; j < chains[i].n_rules; j++)
			nft_rule_append(batch, chains[i].rules[j].build(chains[i].name));
	}
	for (const struct instance *instance = host->instances; instance; instance = instance->next)
		add_elements(batch, host, instance);
}

/* Noted before it is made: it must not look like another's. */
static int note_table(struct host *host, struct error *error)
{
	int r = refuse_foreign(host, error);

	if (r < 0 || host->has_table)
		return r;
	host->has_table = true;
	return host_note(host, error);
}

/* ---- the table, made ahead ---------------------------------------------------------------- */

struct table_ahead { /* the thread's until it is joined, and so is host->nft */
	pthread_t thread;
	struct nft_batch *batch;
};

/* What went wrong shows when elements are added. */
static void *make_table(void *argument)
{
	struct table_ahead *ahead = argument;

	nft_batch_commit(ahead->batch, NULL);
	return NULL;
}

int ruleset_begin(struct host *host, struct error *error)
{
	struct table_ahead *ahead;
	int r;

	if (host->has_table)
		return 0;
	r = note_table(host, error);
	if (r < 0)
		return r;
	ahead = calloc(1, sizeof(*ahead));
	if (!ahead)
		return error_oom(error);
	ahead->batch = nft_batch_begin(host->nft);
	add_table(ahead->batch, host);
	if (thread_start(&ahead->thread, make_table, ahead) == 0) {
		host->table = ahead;
		return 0;
	}
	make_table(ahead);
	free(ahead);
	return 0;
}

static bool wait_for_table(struct host *host)
{
	_cleanup_free_ struct table_ahead *ahead = TAKE_PTR(host->table);

	if (ahead)
		pthread_join(ahead->thread, NULL);
	return ahead;
}

void ruleset_end(struct host *host)
{
	_cleanup_error_ struct error error = {};

	if (wait_for_table(host) && !ruleset_used(host) && ruleset_rebuild(host, &error) < 0)
		log_warning("%s", error_text(&error));
}

/* ---- changes ------------------------------------------------------------------------------ */

int ruleset_rebuild(struct host *host, struct error *error)
{
	bool used = ruleset_used(host), known = host->has_table;
	struct nft_batch *batch;
	int r;

	if (!used && !host->has_table)
		return 0;
	wait_for_table(host);
	r = note_table(host, error);
	if (r < 0)
		return r;
	batch = nft_batch_begin(host->nft);
	if (known) {
		nft_table_add(batch, FAMILY, TABLE); /* so that the deletion never fails */
		nft_table_delete(batch, FAMILY, TABLE);
	}
	if (used)
		add_table(batch, host);
	r = nft_batch_commit(batch, error);
	if (r == 0) {
		host->dirty |= host->has_table != used;
		host->has_table = used;
	}
	return r;
}

int ruleset_add(struct host *host, const struct instance *instance, struct error *error)
{
	_cleanup_error_ struct error refused = {};
	struct nft_batch *batch;
	int r;

	/* a batch that fails costs a grace period (net/netfilter/nf_tables_api.c,
	 * __nf_tables_abort) */
	if (!host->has_table)
		return ruleset_rebuild(host, error);
	wait_for_table(host);
	batch = nft_batch_begin(host->nft);
	add_elements(batch, host, instance);
	r = nft_batch_commit(batch, &refused);
	if (r == -ENOENT) /* someone flushed the table */
		return ruleset_rebuild(host, error);
	return r < 0 ? error_set(error, r, "%s", error_text(&refused)) : 0;
}

int ruleset_remove(struct host *host, const struct instance *before, struct error *error)
{
	struct nft_batch *batch;
	struct element elements[4];
	size_t n = elements_of(host, before, elements);
	int r;

	if (!host->has_table) /* it was never made: another's is in its place, perhaps */
		return 0;
	if (!ruleset_used(host))
		return ruleset_rebuild(host, error); /* which deletes it */
	wait_for_table(host);
	batch = nft_batch_begin(host->nft);
	for (size_t i = 0; i < n; i++)
		if (!in_use(host, &elements[i]))
			nft_element_delete(batch, FAMILY, TABLE, sets[elements[i].set].name,
					   elements[i].key, sets[elements[i].set].length);
	r = nft_batch_commit(batch, NULL);
	return r < 0 ? ruleset_rebuild(host, error) : 0; /* someone deleted some of it */
}

/* ---- looking ------------------------------------------------------------------------------ */

/* A chain's rules as they are looked at, one by one. */
struct rules_look {
	size_t chain, count;
	bool same;
};

static int on_rule(const struct nft_rule_info *rule, void *userdata)
{
	struct rules_look *look = userdata;
	size_t i = look->count++;
	int r;

	if (i >= chains[look->chain].n_rules) {
		look->same = false;
		return 0;
	}
	r = nft_rule_does(rule, chains[look->chain].rules[i].build(chains[look->chain].name));
	look->same &= r > 0;
	return r < 0 ? r : 0;
}

static bool chain_intact(const struct host *host, size_t chain)
{
	struct rules_look look = { .chain = chain, .same = true };

	return nft_rule_each(host->nft, FAMILY, TABLE, chains[chain].name, on_rule, &look) == 0 &&
	       look.same && look.count == chains[chain].n_rules;
}

/* What a set holds, read once for all instances. */
struct contents {
	struct element *items;
	size_t count;
};

static int on_element(const void *key, uint32_t length, void *userdata)
{
	struct contents *contents = userdata;
	struct element *grown = array_grow(contents->items, contents->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	contents->items = grown;
	grown += contents->count++;
	memset(grown, 0, sizeof(*grown));
	memcpy(grown->key, key, length < sizeof(grown->key) ? length : sizeof(grown->key));
	return 0;
}

/* Marks it as seen by moving it to the front: items[0] to items[*seen - 1] have been. */
static bool contains(struct contents *contents, size_t *seen, const struct element *element)
{
	for (size_t i = 0; i < contents->count; i++) {
		struct element found = contents->items[i];

		if (memcmp(found.key, element->key, sizeof(element->key)) != 0)
			continue;
		if (i >= *seen) {
			contents->items[i] = contents->items[*seen];
			contents->items[(*seen)++] = found;
		}
		return true;
	}
	return false;
}

/* All that should be in it, and nothing else. */
static bool set_intact(const struct host *host, enum ruleset_set set)
{
	struct contents contents = {};
	size_t seen = 0;
	bool intact = nft_element_each(host->nft, FAMILY, TABLE, sets[set].name, on_element,
				       &contents) == 0;

	for (const struct instance *instance = host->instances; intact && instance;
	     instance = instance->next) {
		struct element elements[4];
		size_t n = elements_of(host, instance, elements);

		for (size_t i = 0; intact && i < n; i++)
			intact = elements[i].set != set || contains(&contents, &seen, &elements[i]);
	}
	free(contents.items);
	return intact && seen == contents.count;
}

static bool look_at_table(const struct host *host)
{
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		if (!chain_intact(host, i))
			return false;
	for (size_t set = 0; set < ARRAY_SIZE(sets); set++)
		if (!set_intact(host, set))
			return false;
	return true;
}

#define LOOKS_MAX 10

/* What others change meanwhile makes no difference of what we made: then it is looked again. */
bool ruleset_intact(struct host *host)
{
	uint32_t generation;
	int looks = 0;

	do {
		generation = nft_generation(host->nft);
		if (generation && generation == host->intact_generation)
			return true;
		if (look_at_table(host)) {
			host->intact_generation = generation;
			return true;
		}
	} while (generation != nft_generation(host->nft) && ++looks < LOOKS_MAX);
	return false;
}

/* ---- as text ------------------------------------------------------------------------------ */

void ruleset_explain_table(FILE *out)
{
	fprintf(out, "nft -f - <<'END'\ntable inet " TABLE " {\n");
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		fprintf(out, "\tset %s { type %s; }\n", sets[i].name, sets[i].type_name);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		fprintf(out, "\tchain %s {\n\t\ttype %s hook %s priority %d; policy accept;\n",
			chains[i].name, chains[i].type, hook_names[chains[i].hook],
			chains[i].priority);
		for (size_t j = 0; j < chains[i].n_rules; j++)
			fprintf(out, "\t\t%s\n", chains[i].rules[j].text);
		fprintf(out, "\t}\n");
	}
	fprintf(out, "}\nEND\n");
}

void ruleset_explain_element(FILE *out, enum ruleset_set set, const char *element)
{
	fprintf(out, "nft add element inet " TABLE " %s '{ %s }'\n", sets[set].name, element);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nf_tables: what was made is read again, in a network namespace of the test's own. */
#include <errno.h>
#include <string.h>

#include "nsctl/kernel.h"
#include "private.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define TABLE    "test"
#define ELEMENTS 2000 /* more than fit in one message of the kernel */

static struct nft *open_nft(void)
{
	struct nft *nft;

	assert_int_equal(nft_open(&nft, NULL), 0);
	return nft;
}

static void add_rule(struct nft_batch *batch, const char *chain, const char *comment)
{
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_INET, TABLE, chain, comment);

	nft_load_ipv4(rule, true);
	nft_match_set(rule, "addresses", true);
	nft_counter(rule);
	nft_verdict(rule, NF_DROP);
	nft_rule_append(batch, rule);
}

static void make_table(struct nft *nft)
{
	struct nft_batch *batch = nft_batch_begin(nft);

	nft_table_add(batch, NFPROTO_INET, TABLE);
	nft_set_add(batch, NFPROTO_INET, TABLE, "addresses", NFT_TYPE_IPV4, 4);
	nft_chain_add(batch, NFPROTO_INET, TABLE, "filters", "filter", NF_INET_FORWARD, -5);
	nft_chain_add(batch, NFPROTO_INET, TABLE, "translates", "nat", NF_INET_POST_ROUTING, 100);
	add_rule(batch, "filters", "the first");
	add_rule(batch, "filters", NULL);
	for (uint32_t i = 0; i < ELEMENTS; i++)
		nft_element_add(batch, NFPROTO_INET, TABLE, "addresses", &i, sizeof(i));
	assert_int_equal(nft_batch_commit(batch, NULL), 0);
}

static int on_chain(const struct nft_chain_info *chain, void *userdata)
{
	bool filters = strcmp(chain->chain, "filters") == 0;

	assert_string_equal(chain->table, TABLE);
	assert_string_equal(chain->chain, filters ? "filters" : "translates");
	assert_int_equal(chain->family, NFPROTO_INET);
	assert_true(chain->base);
	assert_int_equal(chain->filter, filters);
	assert_int_equal(chain->hook, filters ? NF_INET_FORWARD : NF_INET_POST_ROUTING);
	assert_int_equal(chain->priority, filters ? -5 : 100);
	assert_int_equal(chain->policy, NF_ACCEPT);
	++*(int *)userdata;
	return 0;
}

struct rules {
	int count;
	uint64_t handle;
};

static int on_rule(const struct nft_rule_info *rule, void *userdata)
{
	struct rules *rules = userdata;

	assert_string_equal(rule->table, TABLE);
	assert_string_equal(rule->chain, "filters");
	assert_string_equal(rule->comment, rules->count++ == 0 ? "the first" : "");
	rules->handle = rule->handle;
	return 0;
}

static int on_element(const void *key, uint32_t length, void *userdata)
{
	bool *seen = userdata;
	uint32_t i;

	assert_int_equal(length, sizeof(i));
	memcpy(&i, key, sizeof(i));
	assert_in_range(i, 0, ELEMENTS - 1);
	assert_false(seen[i]);
	seen[i] = true;
	return 0;
}

static void what_was_made_is_read_again(_unused_ void **state)
{
	struct nft *nft = open_nft();
	bool seen[ELEMENTS] = {};
	struct rules rules = {};
	int chains = 0;

	assert_int_equal(nft_table_look_up(nft, NFPROTO_INET, TABLE), -ENOENT);
	make_table(nft);
	assert_int_equal(nft_table_look_up(nft, NFPROTO_INET, TABLE), 0);
	assert_int_equal(nft_chain_each(nft, on_chain, &chains), 0);
	assert_int_equal(chains, 2);
	assert_int_equal(nft_rule_each(nft, NFPROTO_INET, TABLE, "filters", on_rule, &rules), 0);
	assert_int_equal(rules.count, 2);
	assert_int_equal(nft_element_each(nft, NFPROTO_INET, TABLE, "addresses", on_element, seen),
			 0);
	for (int i = 0; i < ELEMENTS; i++)
		assert_true(seen[i]);
	assert_int_equal(nft_element_each(nft, NFPROTO_INET, TABLE, "no-set", on_element, seen),
			 -ENOENT);
	nft_free(nft);
}

static void a_rule_is_deleted_by_the_handle_that_was_read(_unused_ void **state)
{
	struct nft *nft = open_nft();
	struct nft_batch *batch;
	struct rules rules = {};
	uint32_t generation = nft_generation(nft);

	assert_int_not_equal(generation, 0);
	assert_int_equal(nft_rule_each(nft, NFPROTO_INET, TABLE, "filters", on_rule, &rules), 0);
	assert_int_equal(nft_generation(nft), generation);
	batch = nft_batch_begin(nft);
	nft_rule_delete(batch, NFPROTO_INET, TABLE, "filters", rules.handle);
	assert_int_equal(nft_batch_commit(batch, NULL), 0);
	assert_int_not_equal(nft_generation(nft), generation);
	rules.count = 0;
	assert_int_equal(nft_rule_each(nft, NFPROTO_INET, TABLE, "filters", on_rule, &rules), 0);
	assert_int_equal(rules.count, 1);
	nft_free(nft);
}

static int refuse(const void *key _unused_, uint32_t length _unused_, void *userdata)
{
	++*(int *)userdata;
	return -ECANCELED;
}

static void a_walk_that_was_ended_leaves_the_socket_usable(_unused_ void **state)
{
	struct nft *nft = open_nft();
	bool seen[ELEMENTS] = {};
	int calls = 0;

	assert_int_equal(nft_element_each(nft, NFPROTO_INET, TABLE, "addresses", refuse, &calls),
			 -ECANCELED);
	assert_int_equal(calls, 1);
	assert_int_equal(nft_element_each(nft, NFPROTO_INET, TABLE, "addresses", on_element, seen),
			 0);
	nft_free(nft);
}

struct events {
	int of_chains, of_sets;
};

static void on_event(const struct nft_event *event, void *userdata)
{
	struct events *events = userdata;

	assert_string_equal(event->table, TABLE);
	assert_int_equal(event->family, NFPROTO_INET);
	if (event->chains)
		events->of_chains++;
	else
		events->of_sets++;
}

static void the_monitor_tells_of_others_changes_alone(_unused_ void **state)
{
	struct nft *own = open_nft(), *other = open_nft();
	const uint32_t element = ELEMENTS;
	struct events events = {};
	struct nft_monitor *monitor;
	struct nft_batch *batch;

	assert_int_equal(nft_monitor_open(&monitor, NULL), 0);
	batch = nft_batch_begin(own);
	nft_element_add(batch, NFPROTO_INET, TABLE, "addresses", &element, sizeof(element));
	assert_int_equal(nft_batch_commit(batch, NULL), 0);
	assert_int_equal(nft_monitor_read(monitor, own, on_event, &events), 0);
	assert_int_equal(events.of_chains + events.of_sets, 0);
	batch = nft_batch_begin(other);
	nft_element_delete(batch, NFPROTO_INET, TABLE, "addresses", &element, sizeof(element));
	nft_rules_flush(batch, NFPROTO_INET, TABLE, "filters");
	assert_int_equal(nft_batch_commit(batch, NULL), 0);
	assert_int_equal(nft_monitor_read(monitor, own, on_event, &events), 0);
	assert_int_equal(events.of_sets, 1);
	assert_int_equal(events.of_chains, 1);
	nft_monitor_free(monitor);
	nft_free(other);
	nft_free(own);
}

/* ---- what others' rules do ------------------------------------------------------------------- */

#define OTHERS "others"

static struct nftnl_rule *rule_of(const char *iif, bool and_more)
{
	struct nftnl_rule *rule = nft_rule_new(NFPROTO_INET, OTHERS, "filters", NULL);

	if (iif) {
		nft_load_meta(rule, NFT_META_IIFNAME);
		nft_match_value(rule, iif, strlen(iif) + 1);
	}
	if (and_more)
		nft_match_ct_state(rule, 1);
	nft_counter(rule);
	return rule;
}

static void append_with(struct nft_batch *batch, struct nftnl_rule *rule, int verdict)
{
	nft_verdict(rule, verdict);
	nft_rule_append(batch, rule);
}

static int on_effect(const struct nft_rule_info *rule, void *userdata)
{
	static const struct {
		int kind;
		bool always, for_lo, for_some;
	} expected[] = {
		{ NFT_EFFECT_NONE, true, true, false },  { NFT_EFFECT_ACCEPT, true, true, false },
		{ NFT_EFFECT_DROP, true, true, false },  { NFT_EFFECT_ACCEPT, false, true, false },
		{ NFT_EFFECT_DROP, false, false, true }, { NFT_EFFECT_ACCEPT, false, false, true },
		{ NFT_EFFECT_DROP, false, false, true },
	};
	size_t *i = userdata;

	assert_in_range(*i, 0, ARRAY_SIZE(expected) - 1);
	assert_int_equal(rule->effect.kind, expected[*i].kind);
	assert_int_equal(nft_effect_always(&rule->effect), expected[*i].always);
	assert_int_equal(nft_effect_for_interface(&rule->effect, "lo"), expected[*i].for_lo);
	/* another interface, whose name begins like that */
	assert_int_equal(nft_effect_for_interface(&rule->effect, "lo0"), expected[*i].always);
	assert_int_equal(rule->effect.for_some, expected[*i].for_some);
	++*i;
	return 0;
}

static int on_policy(const struct nft_chain_info *chain, void *userdata)
{
	if (strcmp(chain->table, OTHERS) == 0)
		*(uint32_t *)userdata = chain->policy;
	return 0;
}

static void what_a_rule_does_is_understood_or_not_claimed(_unused_ void **state)
{
	struct nft *nft = open_nft();
	struct nft_batch *batch = nft_batch_begin(nft);
	struct nftnl_rule *rule;
	uint32_t policy = 99;
	size_t count = 0;

	nft_table_add(batch, NFPROTO_INET, OTHERS);
	nft_chain_add(batch, NFPROTO_INET, OTHERS, "filters", "filter", NF_INET_FORWARD, 0);
	nft_chain_set_policy(batch, NFPROTO_INET, OTHERS, "filters", NF_DROP);
	nft_rule_append(batch, rule_of(NULL, false)); /* counts only */
	append_with(batch, rule_of(NULL, false), NF_ACCEPT);
	append_with(batch, rule_of(NULL, false), NF_DROP);
	append_with(batch, rule_of("lo", false), NF_ACCEPT);
	append_with(batch, rule_of("lo", true), NF_DROP);
	append_with(batch, rule_of(NULL, true), NF_ACCEPT);
	rule = nft_rule_new(NFPROTO_INET, OTHERS, "filters", NULL);
	nft_load_meta(rule, NFT_META_OIFNAME); /* not the interface that it came in by */
	nft_match_value(rule, "lo", 3);
	append_with(batch, rule, NF_DROP);
	assert_int_equal(nft_batch_commit(batch, NULL), 0);
	assert_int_equal(nft_rule_each(nft, NFPROTO_INET, OTHERS, "filters", on_effect, &count), 0);
	assert_int_equal(count, 7);
	assert_int_equal(nft_chain_each(nft, on_policy, &policy), 0);
	assert_int_equal(policy, NF_DROP);
	batch = nft_batch_begin(nft);
	nft_table_delete(batch, NFPROTO_INET, OTHERS);
	assert_int_equal(nft_batch_commit(batch, NULL), 0);
	nft_free(nft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_made_is_read_again),
		cmocka_unit_test(a_rule_is_deleted_by_the_handle_that_was_read),
		cmocka_unit_test(a_walk_that_was_ended_leaves_the_socket_usable),
		cmocka_unit_test(the_monitor_tells_of_others_changes_alone),
		cmocka_unit_test(what_a_rule_does_is_understood_or_not_claimed),
	};

	private_or_skip();
	return cmocka_run_group_tests_name("nft", tests, NULL, NULL);
}

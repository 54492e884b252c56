/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "ruleset_table.h"

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

/* What profiles share stays while one may be up whose record can't be read. */
static bool in_use(const struct host *host, const struct element *element)
{
	if (host->unreadable &&
	    (element->set == RULESET_INTERFACES || element->set == RULESET_STRICT))
		return true;
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
		nft_element_add(batch, RULESET_FAMILY, RULESET_TABLE,
				ruleset_sets[elements[i].set].name, elements[i].key,
				ruleset_sets[elements[i].set].length);
}

/* A table of our name that the record does not know is somebody else's. */
static int refuse_foreign(const struct host *host, struct error *error)
{
	int r = host->has_table ? -ENOENT
				: nft_table_look_up(host->nft, RULESET_FAMILY, RULESET_TABLE);

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
	nft_table_add(batch, RULESET_FAMILY, RULESET_TABLE);
	for (size_t i = 0; i < RULESET_SETS; i++)
		nft_set_add(batch, RULESET_FAMILY, RULESET_TABLE, ruleset_sets[i].name,
			    ruleset_sets[i].type, ruleset_sets[i].length);
	for (size_t i = 0; i < RULESET_CHAINS; i++) {
		nft_chain_add(batch, RULESET_FAMILY, RULESET_TABLE, ruleset_chains[i].name,
			      ruleset_chains[i].type, ruleset_chains[i].hook,
			      ruleset_chains[i].priority);
		for (size_t j = 0; j < ruleset_chains[i].n_rules; j++)
			nft_rule_append(batch,
					ruleset_chains[i].rules[j].build(ruleset_chains[i].name));
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
		nft_table_add(batch, RULESET_FAMILY,
			      RULESET_TABLE); /* so that the deletion never fails */
		nft_table_delete(batch, RULESET_FAMILY, RULESET_TABLE);
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
	if (!ruleset_used(host) && !host->unreadable)
		return ruleset_rebuild(host, error); /* which deletes it */
	wait_for_table(host);
	batch = nft_batch_begin(host->nft);
	for (size_t i = 0; i < n; i++)
		if (!in_use(host, &elements[i]))
			nft_element_delete(batch, RULESET_FAMILY, RULESET_TABLE,
					   ruleset_sets[elements[i].set].name, elements[i].key,
					   ruleset_sets[elements[i].set].length);
	r = nft_batch_commit(batch, NULL);
	if (r == -ENOENT && host->unreadable) /* what was to go is gone, or its rest does no harm */
		return 0;
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

	if (i >= ruleset_chains[look->chain].n_rules) {
		look->same = false;
		return 0;
	}
	r = nft_rule_does(
		rule, ruleset_chains[look->chain].rules[i].build(ruleset_chains[look->chain].name));
	look->same &= r > 0;
	return r < 0 ? r : 0;
}

static bool chain_intact(const struct host *host, size_t chain)
{
	struct rules_look look = { .chain = chain, .same = true };

	return nft_rule_each(host->nft, RULESET_FAMILY, RULESET_TABLE, ruleset_chains[chain].name,
			     on_rule, &look) == 0 &&
	       look.same && look.count == ruleset_chains[chain].n_rules;
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

/* All that should be in it, and nothing else; or what is that of a profile whose record can't be
 * read. */
static bool set_intact(const struct host *host, enum ruleset_set set)
{
	struct contents contents = {};
	size_t seen = 0;
	bool intact = nft_element_each(host->nft, RULESET_FAMILY, RULESET_TABLE,
				       ruleset_sets[set].name, on_element, &contents) == 0;

	for (const struct instance *instance = host->instances; intact && instance;
	     instance = instance->next) {
		struct element elements[4];
		size_t n = elements_of(host, instance, elements);

		for (size_t i = 0; intact && i < n; i++)
			intact = elements[i].set != set || contains(&contents, &seen, &elements[i]);
	}
	free(contents.items);
	return intact && (seen == contents.count || host->unreadable);
}

static bool look_at_table(const struct host *host)
{
	for (size_t i = 0; i < RULESET_CHAINS; i++)
		if (!chain_intact(host, i))
			return false;
	for (size_t set = 0; set < RULESET_SETS; set++)
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

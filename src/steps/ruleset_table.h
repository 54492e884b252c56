/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in nsctl's own table: its sets, and its chains with their rules, as libnftnl's
 * objects and as nft(8) says them. */
#pragma once

#include <arpa/inet.h>
#include <linux/netfilter.h>

#include "ruleset.h"

#define RULESET_TABLE  "nsctl"
#define RULESET_FAMILY NFPROTO_INET

enum { RULESET_SETS = 4, RULESET_CHAINS = 2 };

struct ruleset_set_type {
	const char *name;
	const char *type_name;
	uint32_t type, length; /* of a key: NFT_TYPE_*, bytes */
};
extern const struct ruleset_set_type ruleset_sets[RULESET_SETS]; /* by enum ruleset_set */

struct ruleset_rule {
	struct nftnl_rule *(*build)(const char *chain); /* the caller's */
	const char *text;
};
struct ruleset_chain {
	const char *name, *type;
	uint32_t hook;
	int32_t priority;
	const struct ruleset_rule *rules;
	size_t n_rules;
};
extern const struct ruleset_chain ruleset_chains[RULESET_CHAINS];

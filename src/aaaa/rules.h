/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules: what brings queries to the queue, and keeps answers out of connection tracking. */
#pragma once

#include "nsctl/kernel.h"

enum rules_hook { RULES_OUTPUT, RULES_INPUT, RULES_FORWARD };

struct rules {
	const char *table;
	enum rules_hook hook;
	unsigned port;
	const uint16_t *qtypes;
	size_t n_qtypes;
	uint16_t queue, n_queues;
	const char *interface;         /* that queries come in by; NULL: any */
	const struct ip_address *from; /* that they are of; family 0: any */
	uint32_t priority; /* of our answers; 0: they have none, and are known by their port */
};

/* Whether answers in verdicts have to go through the chain of queries again (NF_REPEAT). */
bool rules_answers_repeat(const struct rules *rules);
/* Makes them in a table that lives as long as the socket `nft`. Takes what the kernel has: the
 * queue expression or iptables' target, with the look for the type in front or without it. */
int rules_make(struct nft *nft, const struct rules *rules, struct error *error);
/* What takes them out again, to be committed at the end; NULL when out of memory. The hooks stay
 * until the socket is closed: with a hook the kernel drops all that waits in any queue
 * (net/netfilter/core.c, nf_queue_nf_hook_drop), so that has to be empty by then. */
struct nft_batch *rules_end(struct nft *nft, const struct rules *rules);

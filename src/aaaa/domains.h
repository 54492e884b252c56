/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domains: a set of domains, and whether a name lies in one of them. Pure.
 *
 * Names are looked for label by label from the right, so that the cost depends on the name's
 * labels alone, however many domains there are.
 */
#pragma once

#include "nsctl/base.h"

struct domain;
struct domains {
	struct domain *slots; /* a hash table, n_slots a power of two */
	size_t n_slots, count;
};

/* "example.org", with or without a dot at the end; "." holds all names. 0, -EINVAL when it is no
 * domain name, or -ENOMEM. */
int domains_add(struct domains *domains, const char *text);
void domains_clear(struct domains *domains);
/* The name as in a message, uncompressed and whole, up to and with the root's zero (RFC 1035,
 * section 3.1). Case does not matter (RFC 1035, 2.3.3). */
bool domains_hold(const struct domains *domains, const uint8_t *name);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When to do again what somebody, or something, undoes again and again. */
#include "nsctl/base.h"

bool backoff_next(struct backoff *backoff, const struct backoff_policy *policy, uint64_t now,
		  uint64_t *ret_when)
{
	uint64_t soon = now + policy->first_usec, rested;

	if (backoff->tries && now - backoff->last > policy->calm_usec)
		backoff->tries = 0;
	if (backoff->tries >= policy->limit)
		return false;
	rested = backoff->last + (policy->first_usec << backoff->tries);
	*ret_when = backoff->tries && rested > soon ? rested : soon;
	return true;
}

void backoff_tried(struct backoff *backoff, uint64_t now)
{
	backoff->tries++;
	backoff->last = now;
}

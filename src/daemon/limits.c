/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Per-uid counters: a list, since few users are there at once; who holds nothing is forgotten. */
#include <errno.h>

#include "limits.h"

struct usage {
	struct usage *next;
	uid_t uid;
	size_t held[_LIMIT_MAX];
	uint64_t round; /* the last in which it had its turn */
};

struct limits {
	size_t max[_LIMIT_MAX];
	struct usage *usages;
};

int limits_new(struct limits **ret)
{
	struct limits *limits = calloc(1, sizeof(*limits));

	if (!limits)
		return -ENOMEM;
	*ret = limits;
	return 0;
}

struct limits *limits_free(struct limits *limits)
{
	if (!limits)
		return NULL;
	while (limits->usages) {
		struct usage *usage = limits->usages;

		limits->usages = usage->next;
		free(usage);
	}
	free(limits);
	return NULL;
}

void limits_set(struct limits *limits, enum limit limit, size_t max)
{
	limits->max[limit] = max;
}

static struct usage **find(struct limits *limits, uid_t uid)
{
	struct usage **p = &limits->usages;

	while (*p && (*p)->uid != uid)
		p = &(*p)->next;
	return p;
}

int limits_take(struct limits *limits, uid_t uid, enum limit limit, size_t amount)
{
	struct usage *usage = *find(limits, uid);
	size_t held = usage ? usage->held[limit] : 0;

	if (uid != 0 && (held > limits->max[limit] || amount > limits->max[limit] - held))
		return -EDQUOT;
	if (!usage) {
		usage = calloc(1, sizeof(*usage));
		if (!usage)
			return -ENOMEM;
		usage->uid = uid;
		usage->next = limits->usages;
		limits->usages = usage;
	}
	usage->held[limit] += amount;
	return 0;
}

bool limits_turn(struct limits *limits, uid_t uid, uint64_t round)
{
	struct usage *usage = *find(limits, uid);

	if (uid == 0 || !usage)
		return true;
	if (usage->round == round)
		return false;
	usage->round = round;
	return true;
}

void limits_give(struct limits *limits, uid_t uid, enum limit limit, size_t amount)
{
	struct usage **p = find(limits, uid), *usage = *p;

	if (!usage)
		return;
	usage->held[limit] -= amount < usage->held[limit] ? amount : usage->held[limit];
	for (size_t i = 0; i < _LIMIT_MAX; i++)
		if (usage->held[i])
			return;
	*p = usage->next;
	free(usage);
}

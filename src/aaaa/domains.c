/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Domains in a hash table by their wire form, whose hash grows label by label from the root on. */
#include "domains.h"

#include <string.h>

enum { LABEL_MAX = 63, WIRE_MAX = 255, LABELS_MAX = 127 };

struct domain {
	uint32_t hash;
	uint8_t length; /* 0: the slot is free */
	uint8_t wire[WIRE_MAX];
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Adds a label, with its length, to the hash of what stands right of it (FNV-1a). */
static uint32_t hash_label(uint32_t hash, const uint8_t *label)
{
	for (unsigned i = 0; i <= label[0]; i++)
		hash = (hash ^ lower(label[i])) * 16777619u;
	return hash;
}

#define HASH_ROOT UINT32_C(2166136261)

static bool wire_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

static bool find(const struct domains *domains, uint32_t hash, const uint8_t *wire, size_t length)
{
	size_t mask = domains->n_slots - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		const struct domain *domain = &domains->slots[i];

		if (domain->length == 0)
			return false;
		if (domain->hash == hash && domain->length == length &&
		    wire_equal(domain->wire, wire, length))
			return true;
	}
}

bool domains_hold(const struct domains *domains, const uint8_t *name)
{
	const uint8_t *labels[LABELS_MAX], *p = name;
	uint32_t hash = HASH_ROOT;
	size_t n = 0;

	if (domains->count == 0)
		return false;
	for (; *p && n < LABELS_MAX; p += 1 + *p)
		labels[n++] = p;
	if (find(domains, hash, p, 1))
		return true;
	while (n--) {
		hash = hash_label(hash, labels[n]);
		if (find(domains, hash, labels[n], (size_t)(p - labels[n]) + 1))
			return true;
	}
	return false;
}

/* ---- making the set ---------------------------------------------------------------------- */

/* The wire form, or 0. */
static size_t parse(const char *text, uint8_t wire[WIRE_MAX])
{
	size_t length = 0;

	if (strcmp(text, ".") == 0)
		text = "";
	else if (!*text)
		return 0;
	while (*text) {
		size_t label = strcspn(text, ".");

		if (label == 0 || label > LABEL_MAX || length + label + 2 > WIRE_MAX)
			return 0;
		wire[length++] = (uint8_t)label;
		memcpy(wire + length, text, label);
		length += label;
		text += label + (text[label] == '.');
	}
	wire[length++] = 0;
	return length;
}

static uint32_t hash_of(const uint8_t *wire)
{
	const uint8_t *labels[LABELS_MAX];
	uint32_t hash = HASH_ROOT;
	size_t n = 0;

	for (; *wire; wire += 1 + *wire)
		labels[n++] = wire;
	while (n--)
		hash = hash_label(hash, labels[n]);
	return hash;
}

static void insert(struct domains *domains, const struct domain *domain)
{
	size_t mask = domains->n_slots - 1, i = domain->hash & mask;

	while (domains->slots[i].length)
		i = (i + 1) & mask;
	domains->slots[i] = *domain;
}

/* At most half full: a search ends soon. */
static int make_room(struct domains *domains)
{
	struct domains grown = { .n_slots = domains->n_slots ? 2 * domains->n_slots : 16,
				 .count = domains->count };

	if (2 * (domains->count + 1) <= domains->n_slots)
		return 0;
	grown.slots = calloc(grown.n_slots, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < domains->n_slots; i++)
		if (domains->slots[i].length)
			insert(&grown, &domains->slots[i]);
	free(domains->slots);
	*domains = grown;
	return 0;
}

int domains_add(struct domains *domains, const char *text)
{
	struct domain domain = {};
	size_t length = parse(text, domain.wire);
	int r;

	if (length == 0)
		return -EINVAL;
	domain.length = (uint8_t)length;
	domain.hash = hash_of(domain.wire);
	r = make_room(domains);
	if (r < 0 || find(domains, domain.hash, domain.wire, length))
		return r;
	insert(domains, &domain);
	domains->count++;
	return 0;
}

void domains_clear(struct domains *domains)
{
	free(domains->slots);
	*domains = (struct domains){};
}

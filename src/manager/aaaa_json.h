/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aaaa_json: a responder's statistics as the interface description has them. */
#pragma once

#include <jansson.h>

#include "nsctl/aaaa_statistics.h"

struct aaaa_names {
	const char *const *passed, *const *errors; /* NULL-terminated, by their index */
};

/* What the kernel tells of a queue (net/netfilter/nfnetlink_queue.c, seq_show). */
struct aaaa_queue {
	uint64_t length, dropped, user_dropped;
};
/* The sum of `n` queues from `first` on in the text of /proc/net/netfilter/nfnetlink_queue. */
void aaaa_queue_parse(const char *text, uint32_t first, uint32_t n, struct aaaa_queue *ret);

/* One "Responder" without its profile: the counters, and the seconds from `since` on (none when
 * negative) that are over at `now`. Whatever the file says, the result is valid. NULL when out of
 * memory. */
json_t *aaaa_json(const struct aaaa_statistics *s, const struct aaaa_names *names,
		  const struct aaaa_queue *queue, int64_t now, int64_t since);
/* "aaaa" of the type Profile: the same without the past, and with sums. NULL when out of memory. */
json_t *aaaa_short_json(const struct aaaa_statistics *s, const struct aaaa_names *names,
			const struct aaaa_queue *queue);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aaaa_json: a responder's statistics as the interface description has them. */
#pragma once

#include <jansson.h>

#include "nsctl/aaaa_statistics.h"

struct aaaa_names {
	const char *const *passed, *const *errors; /* NULL-terminated, by their index */
};

/* One "Responder" without its profile: the counters, and the seconds from `since` on (none when
 * negative) that are over at `now`. Whatever the file says, the result is valid. NULL when out of
 * memory. */
json_t *aaaa_json(const struct aaaa_statistics *s, const struct aaaa_names *names, int64_t now,
		  int64_t since);

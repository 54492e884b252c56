/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a profile's resolv.conf, hosts and nsswitch.conf say: a pure function of the profile and of
 * the host's file of that name.
 */
#pragma once

#include "nsctl/profile.h"

#define RESOLVER_FILES 3

struct text; /* what is being written */

struct resolver_file {
	const char *name, *target;
	/* 1: mount what was written; 0: the host's file will do. `old` is the host's. */
	int (*write)(const struct profile *profile, const char *old, struct text *out);
};
extern const struct resolver_file resolver_files[RESOLVER_FILES];

/* 1 and the text (the caller frees); 0 and NULL where the host's file will do; -ENOMEM. */
int resolver_file_text(const struct resolver_file *file, const struct profile *profile,
		       const char *old, char **ret);

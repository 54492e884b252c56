/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a profile wants mounted: its [mount] section, and the files of /etc/netns/NAME as
 * ip-netns(8) has them. What was mounted is noted in the instance with its identity, so that it,
 * and nothing else, is taken off when the profile does not ask for it any more.
 */
#pragma once

#include "nsctl/steps.h"

/* One thing to mount on a target that is named. */
struct wish {
	const char *target;
	const char *source; /* NULL: tmpfs */
	bool read_only;
};

struct wishes {
	struct wish *items;
	size_t count;
	char **strings; /* owns the names that are made here */
	int host_root;  /* "/" of the host, for a look at sources from inside */
};
#define WISHES_NONE ((struct wishes){ .host_root = -1 })

/* Borrows from the profile. */
int wishes_of(const struct profile *profile, struct wishes *wishes, struct error *error);
void wishes_clear(struct wishes *wishes);

/* Inside the mount namespace (under ns_call): mounts all, in order. */
int wishes_grant(const struct wishes *wishes, struct instance *instance, struct error *error);
/* From outside: the same for what is missing, after what is not wished any more was taken off. Each
 * mount is recorded before it is there. */
int wishes_settle(const struct wishes *wishes, struct step_context *context, struct error *error);
/* From outside: is all as it should be? Adds what is not to drift, unless that is NULL. 1, 0, or a
 * negative errno: it can't be told. */
int wishes_settled(const struct wishes *wishes, const struct instance *instance,
		   struct drift *drift);
/* 0 or -ENOMEM. */
int wishes_explain(const struct wishes *wishes, FILE *out);

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program: what nsctl-aaaa has, and how it gets what needs rights (prepare.c). */
#pragma once

#include <sys/types.h>

#include "options.h"
#include "respond.h"

struct program {
	struct options options;
	struct responder responders[OPTIONS_QUEUES_MAX];
	pid_t children[OPTIONS_QUEUES_MAX]; /* of all but the first */
	pid_t guard;
	int guard_fd; /* on which it says that it watches */
	char **argv;
	struct nft *nft;
	struct nft_batch *end; /* takes the rules out: made early, for later nothing is allocated */
	uid_t uid;             /* whose rights to go on with */
	gid_t gid;
	int statistics_fd; /* locked for as long as this runs */
};

/* Of the file: one structure for each queue, one after the other. */
size_t program_statistics_size(const struct program *program);
/* Opens everything but the rules. */
int program_prepare(struct program *program, struct error *error);
int program_make_rules(struct program *program, struct error *error);

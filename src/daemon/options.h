/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of nsctld. */
#pragma once

#include "nsctl/base.h"

struct options {
	char *config;            /* nsctld.ini */
	char **profiles;         /* directories, first found wins */
	char *runtime;           /* directory of the state */
	char *socket;            /* where to listen when no socket was handed over */
	char *session_program;   /* nsctl-session */
	char *responder_program; /* nsctl-aaaa */
	enum log_level log_level;
	bool background;
	bool help, version; /* print that, and no more */
};

/* Defaults filled in. -EINVAL: the command line is wrong, the error says how. */
int options_parse(int argc, char *const argv[], struct options *ret, struct error *error);
void options_clear(struct options *options);
void options_print_help(FILE *out);

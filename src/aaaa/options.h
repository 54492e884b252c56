/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options: nsctl-aaaa's command line. */
#pragma once

#include "dns.h"
#include "rules.h"

enum { OPTIONS_QUEUES_MAX = 64 };

struct options {
	enum rules_hook hook;
	struct dns_policy policy;
	unsigned port, queue, queues; /* queue: its number; 0: a free one */
	unsigned ready_fd;            /* 0: none */
	const char *statistics, *table;
	const char *user;               /* NULL: its own, or nobody */
	const char *interface, *from;   /* NULL: any */
	struct ip_address from_address; /* `from`, parsed */
	bool no_rules, help, version;
};

/* 0 or -EINVAL. Strings point into argv. */
int options_parse(struct options *options, int argc, char **argv, struct error *error);
void options_help(FILE *out);

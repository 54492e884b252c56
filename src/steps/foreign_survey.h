/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which other firewalls are in the way of forwarding: a chain is when it drops, or rejects, what
 * none of its rules knows. Only looks.
 */
#pragma once

#include "nsctl/steps.h"

#define IPTABLES_TABLE "filter" /* of iptables-nft; Docker and ufw use it */
#define IPTABLES_CHAIN "FORWARD"
#define DOCKER_CHAIN   "DOCKER-USER" /* which Docker leaves to the administrator */

struct foreign_chain { /* a base chain for what is forwarded */
	uint32_t family;
	char *table, *chain;
	bool drops;
};
struct foreign_survey {
	struct foreign_chain *chains; /* all but ours, iptables-nft's and firewalld's */
	size_t n_chains;
	bool iptables_drops; /* iptables-nft's FORWARD */
	bool docker_chain;   /* of iptables-nft */
	bool firewalld_drops;
	bool legacy_drops;
	bool legacy_docker_chain;
};

/* -EINTR: others go on changing nf_tables. In any case to be cleared. */
int foreign_survey(const struct host *host, const char *interface, struct foreign_survey *ret);
void foreign_survey_clear(struct foreign_survey *survey);

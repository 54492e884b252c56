/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl's own table, inet nsctl: its rules are fixed and profiles are elements of its sets, so that
 * the cost of a packet does not grow with their number. Steps add and delete elements; the table
 * comes with the first and goes with the last.
 */
#pragma once

#include "step.h"

enum ruleset_set {
	RULESET_INTERFACES, /* through which the host sees profiles (a name) */
	RULESET_MASQUERADE, /* addresses that leave under the host's (IPv4) */
	RULESET_ISOLATED,   /* addresses that do not talk to each other (IPv4) */
	RULESET_STRICT, /* address families that the host forwarded for nobody before (NFPROTO_*) */
};

/* Starts making the table on a thread, where it is not there yet: its chains are the kernel's most
 * expensive piece of a first profile. What follows here waits for it. */
int ruleset_begin(struct host *host, struct error *error);
/* Waits for it, and takes away what nobody came to use. */
void ruleset_end(struct host *host);
/* What an instance has in the sets, from what the nat and forward steps noted in it. */
int ruleset_add(struct host *host, const struct instance *instance, struct error *error);
/* Takes out what no other instance needs; `instance` must not be noted any more. */
int ruleset_remove(struct host *host, const struct instance *before, struct error *error);
/* Do all rules and all elements stand as they should? */
bool ruleset_intact(struct host *host);
/* Makes the table anew with the elements of all instances, in one change. */
int ruleset_rebuild(struct host *host, struct error *error);

/* As nft(8) commands: the table with its rules, and one element. */
void ruleset_explain_table(FILE *out);
void ruleset_explain_element(FILE *out, enum ruleset_set set, const char *element);
/* Does an instance need the table? */
bool ruleset_used(const struct host *host);

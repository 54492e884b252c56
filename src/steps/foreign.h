/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other firewalls in the way of forwarding. An accept in our chain does not end theirs: where
 * Docker or ufw (or plain iptables) drop what they do not know, only a rule in their own chain
 * helps.
 */
#pragma once

#include "nsctl/steps.h"

/* Lets the interface through where that is possible; says what is left to the user in
 * context->warnings. 1: a rule was added. */
int foreign_let_through(struct step_context *context, const char *interface, struct error *error);
/* Of a bridge whose frames the host only passes on: the kernel may show them to firewalls too, and
 * then this says it where they are dropped. */
void foreign_warn_of_bridged(struct step_context *context, const char *bridge);
/* Takes our rules for the interface out again. */
int foreign_remove(const struct host *host, const char *interface, struct error *error);
/* The same for all interfaces that are not taken: a daemon that died had let them through, and has
 * not come to write that down. */
int foreign_remove_unused(const struct host *host,
			  bool (*taken)(const struct host *host, const char *interface),
			  struct error *error);
/* Is a rule of ours missing? */
bool foreign_missing(const struct host *host, const char *interface);
void foreign_explain(const struct host *host, const char *interface, FILE *out);

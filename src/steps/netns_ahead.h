/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One network namespace ahead. The kernel takes longer to make one than nsctl for all the rest of a
 * profile, so the next one is made on a thread while nobody waits for it. It is held by a
 * descriptor alone and goes with nsctld.
 */
#pragma once

#include "step.h"

/* Begins with one, unless it is on its way; without a thread there is none, and that is all. */
void netns_ahead_start(struct host *host);
/* Waits for it and hands it over. -ENOENT: none was begun; or why it failed. */
int netns_ahead_take(struct host *host, struct netns_made *ret);
void netns_ahead_discard(struct host *host);

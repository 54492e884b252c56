/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /sys inside a profile: that of the network inside, with what the host has mounted below its own.
 *
 * What is mounted below it are the host's own affairs, and who looks does not miss any of it
 * inside. So it comes with all of that or not at all, wherever its making is interrupted.
 */
#pragma once

#include "nsctl/steps.h"

/* In a mount namespace that nobody else knows of yet, and in the network of the profile. */
int sys_make(struct error *error);
/* Is the /sys inside the one of the network inside? 1, 0 or a negative errno. */
int sys_is_right(const struct instance *instance);
/* Puts the right one in the place of what somebody else left there. */
int sys_mend(const struct instance *instance, struct error *error);
/* What sys_make does, as shell commands; `scratch` is a directory to make another in. */
void sys_explain(const char *scratch, FILE *out);

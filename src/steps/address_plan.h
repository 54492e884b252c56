/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses a profile gets: `auto` from the pool, fixed ones checked against what the host
 * and other profiles use. Nothing is changed but the instance. */
#pragma once

#include "step.h"

/* Fills the instance's addresses unless they fit the profile already. `own`: nsctl made the bridge
 * or pair (or would make it), so the host takes an address on it and is the gateway. -EADDRINUSE,
 * -EINVAL, -EADDRNOTAVAIL: refused, with what to do about it. */
int address_plan(struct step_context *context, bool own, struct error *error);
/* Is the network that nsctl made for the profile, behind the host's link `own_index`, by now a
 * network elsewhere as well? 1 and the route that says so, 0, or a negative errno. */
int address_conflict(const struct step_context *context, int own_index, struct rt_route_info *ret);

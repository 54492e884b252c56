/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of steps, in the order of `up`. */
#include "step.h"

const struct step *const steps[] = {
	&step_netns,     &step_mounts, &step_resolver, &step_bridge, &step_link,
	&step_addresses, &step_nat,    &step_forward,  &step_aaaa,   NULL,
};

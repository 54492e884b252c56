/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scheduling: how a process gets its share of CPUs and disks, so that a command that nsctld starts
 * gets what a child of its caller would have got, and no more.
 */
#pragma once

#include "nsctl/base.h"

#define SCHEDULING_CPUS 8192 /* as many as Linux can be built for */

struct scheduling {
	uint32_t policy, priority; /* SCHED_*; of the real-time policies 1 to 99 */
	int nice;
	int io;             /* as ioprio_get(2) gives it; -1: unknown */
	size_t cpus_length; /* bytes; 0: unknown */
	unsigned long cpus[SCHEDULING_CPUS / (8 * sizeof(unsigned long))];
};

/* What a child of the process would have: not a policy that it has for itself alone (see
 * SCHED_RESET_ON_FORK in sched(7)). Negative errno when it has ended. */
int scheduling_of_child(pid_t pid, struct scheduling *ret);
/* For this process; system calls only. What is not permitted, as to root in a container, is left as
 * it is. */
void scheduling_apply(const struct scheduling *scheduling);

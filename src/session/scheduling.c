/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scheduling of CPUs and disks; see nsctl/session.h for what is promised. */
#include <errno.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "nsctl/session.h"

/* linux/sched/types.h can't be included beside the C library's sched.h; this is its first version,
 * which every kernel takes. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* As sched_fork() in kernel/sched/core.c does it. */
static void of_child(const struct attributes *attributes, struct scheduling *scheduling)
{
	bool reset = attributes->flags & SCHED_FLAG_RESET_ON_FORK;

	scheduling->policy = attributes->policy;
	scheduling->priority = attributes->priority;
	/* a deadline's process can't fork unless it is reset */
	if ((reset && attributes->priority) || attributes->policy == SCHED_DEADLINE) {
		scheduling->policy = SCHED_OTHER;
		scheduling->priority = 0;
		scheduling->nice = 0;
	}
	if (reset && scheduling->nice < 0)
		scheduling->nice = 0;
}

int scheduling_of_child(pid_t pid, struct scheduling *ret)
{
	struct attributes attributes = { .size = sizeof(attributes) };
	struct scheduling scheduling = {};
	long length;

	errno = 0;
	scheduling.nice = getpriority(PRIO_PROCESS, pid);
	if (errno)
		return -errno;
	if (syscall(SYS_sched_getattr, pid, &attributes, sizeof(attributes), 0) < 0)
		return -errno;
	of_child(&attributes, &scheduling);
	scheduling.io = syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid);
	length = syscall(SYS_sched_getaffinity, pid, sizeof(scheduling.cpus), scheduling.cpus);
	scheduling.cpus_length = length > 0 ? length : 0;
	*ret = scheduling;
	return 0;
}

void scheduling_apply(const struct scheduling *scheduling)
{
	struct attributes attributes = {
		.size = sizeof(attributes),
		.policy = scheduling->policy,
		.priority = scheduling->priority,
		.nice = scheduling->nice,
	};

	/* the group's CPUs may have become fewer meanwhile: then those are what there is */
	if (scheduling->cpus_length)
		syscall(SYS_sched_setaffinity, 0, scheduling->cpus_length, scheduling->cpus);
	if (scheduling->io >= 0)
		syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, scheduling->io);
	syscall(SYS_sched_setattr, 0, &attributes, 0);
}

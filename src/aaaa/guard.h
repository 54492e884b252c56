/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard: a process that looks whether the responder still runs.
 *
 * Stopped (SIGSTOP, a debugger) or hung, a responder would hold queries until its queue is full.
 * Its guard sees within about a second that some wait and none is taken: it takes the rules out,
 * lets through what waits, and kills it, with all its processes. Queries reach the real server, and
 * nobody has to ask again. While no query comes it sleeps, without a timer.
 */
#pragma once

#include <sys/types.h>

#include "nsctl/aaaa_statistics.h"
#include "nsctl/kernel.h"
#include "queue.h"

/* A queue, and the process that answers what comes to it. */
struct guarded {
	struct queue *queue; /* the same socket as that process has, or its verdicts were refused */
	pid_t pid;
	const volatile struct aaaa_statistics *statistics; /* in which it counts */
	/* how it was when it was last looked at: */
	uint64_t seen;
	unsigned looks_stuck;
};

struct guard {
	int queues_fd;           /* of guard_open; in the network namespace of the queues */
	int ready_fd;            /* to which it writes a byte when it begins; taken over */
	struct guarded *guarded; /* the first is of its parent */
	size_t n_guarded;
	struct nft_batch *end; /* takes the rules out, NULL: there are none; taken over */
};

/* The kernel's account of its queues. */
int guard_open(struct error *error);
/* Does not return; ends with its parent. */
_Noreturn void guard_run(struct guard *guard);

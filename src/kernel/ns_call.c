/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function inside namespaces, without moving the daemon there.
 *
 * clone(2) with CLONE_VM|CLONE_VFORK|CLONE_FILES costs no copy of the address space and leaves
 * opened descriptors to the caller; CLONE_FS stays out, since setns(2) into a mount namespace
 * refuses a shared root directory. The exit signal is 0: no SIGCHLD for who does not know of the
 * child.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "nsctl/kernel.h"

#if WITH_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

#define STACK_SIZE (256 * 1024)

struct call {
	const struct ns_place *place;
	int (*fn)(void *);
	void *argument;
	pid_t parent;
	int result;
};

static int enter(const struct ns_place *place)
{
	if (place->network >= 0 && setns(place->network, CLONE_NEWNET) < 0)
		return -errno;
	if (place->mount >= 0 && setns(place->mount, CLONE_NEWNS) < 0)
		return -errno;
	if (place->unshare && unshare(place->unshare) < 0)
		return -errno;
	return 0;
}

static int child(void *argument)
{
	struct call *call = argument;
	int r;

	/* what a daemon that was killed had begun ends with it, and holds none of its locks */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != call->parent)
		return 0;
	r = enter(call->place);
	if (r == 0)
		r = call->fn(call->argument);
	call->result = r; /* at the end only: a child that is killed has done nothing for sure */
	return 0;
}

/* What AddressSanitizer noted of the frames of a child that was killed outlives its stack. */
static void forget_frames(char *stack _unused_)
{
#if WITH_ADDRESS_SANITIZER
	__asan_unpoison_memory_region(stack, STACK_SIZE);
#endif
}

int ns_call(const struct ns_place *place, int (*fn)(void *argument), void *argument)
{
	struct call call = { .place = place,
			     .fn = fn,
			     .argument = argument,
			     .parent = getpid(),
			     .result = -ECHILD };
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	pid_t pid;

	if (stack == MAP_FAILED)
		return -errno;
	pid = clone(child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_FILES, &call);
	if (pid < 0)
		call.result = -errno;
	else
		while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
			;
	forget_frames(stack);
	munmap(stack, STACK_SIZE);
	return call.result;
}

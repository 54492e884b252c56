/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the fault injector share; inject.c says what it does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- calls.c: the system calls that are known by name, and what can go wrong with each ---- */

#define CALL_NETLINK     (-2) /* not a system call: one message to the kernel over netlink */
#define CALL_FCNTL_DUP   (-3) /* fcntl(2) that makes a descriptor */
#define CALL_WAIT_NOHANG (-4) /* wait4(2), waitid(2) that only look: no signal interrupts them */

struct call {
	const char *name;
	int number;
	const char *errors; /* those that it can fail with on a live machine, with blanks between */
};
extern const struct call calls[]; /* name NULL at the end */
const struct call *call_by_name(const char *name);
const struct call *call_by_number(int number, const uint64_t arguments[6]);
int errno_by_name(const char *name); /* 0: unknown */

/* ---- tracee.c: a stopped thread's registers and memory ------------------------------------- */

/* Is one of the arguments a path that ends like this? */
bool tracee_names(pid_t tid, const uint64_t arguments[6], const char *end);

/* False: nothing is known of this processor's registers, and the others do nothing. */
bool tracee_is_known(void);
/* Makes the system call that it is about to enter none at all. */
void tracee_skip_call(pid_t tid);
/* What the call that it comes back from returns. */
void tracee_set_result(pid_t tid, int64_t result);

/* ---- netlink.c: messages on their way to the kernel, and its answers ------------------------ */

/* The number of messages, of this type (0: of any), that this call is about to send (0: it is none
 * that sends any over netlink). The one with index `spoil` (-1: none) is given a type that no
 * kernel knows, so that it is answered with an error; its sequence number is left in *ret_sequence.
 */
size_t netlink_sent(pid_t tid, int number, const uint64_t arguments[6], int type, ssize_t spoil,
		    uint32_t *ret_sequence);
/* Changes the error in the answer to that message, if it is in what the call returned `length`
 * bytes of. */
bool netlink_answered(pid_t tid, int number, const uint64_t arguments[6], int64_t length,
		      uint32_t sequence, int error);

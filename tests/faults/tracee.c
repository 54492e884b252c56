/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of a thread that is stopped at a system call (ptrace(2)); one block a processor. */
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "inject.h"

#if defined(__x86_64__)
static void change(pid_t tid, size_t offset, uint64_t value)
{
	ptrace(PTRACE_POKEUSER, tid, offset, value);
}

void tracee_skip_call(pid_t tid)
{
	change(tid, offsetof(struct user_regs_struct, orig_rax), -1);
}

void tracee_set_result(pid_t tid, int64_t result)
{
	change(tid, offsetof(struct user_regs_struct, rax), result);
}
#elif defined(__aarch64__)
void tracee_skip_call(pid_t tid)
{
	int none = -1;
	struct iovec iov = { &none, sizeof(none) };

	ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &iov);
}

void tracee_set_result(pid_t tid, int64_t result)
{
	struct user_regs_struct registers;
	struct iovec iov = { &registers, sizeof(registers) };

	if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov) < 0)
		return;
	registers.regs[0] = result;
	ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov);
}
#else
#define UNKNOWN_PROCESSOR

void tracee_skip_call(pid_t tid)
{
	(void)tid;
}

void tracee_set_result(pid_t tid, int64_t result)
{
	(void)tid;
	(void)result;
}
#endif

bool tracee_is_known(void)
{
#ifdef UNKNOWN_PROCESSOR
	return false;
#else
	return true;
#endif
}

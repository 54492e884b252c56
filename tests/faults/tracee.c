/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A thread that is stopped at a system call (ptrace(2)): strings in its memory, and its registers,
 * one block a processor.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "inject.h"

#define PATH_LENGTH_MAX 256

/* False: no string is there, or none that is short enough. */
static bool string_at(pid_t tid, uint64_t address, char string[PATH_LENGTH_MAX])
{
	for (size_t i = 0; i < PATH_LENGTH_MAX; i += sizeof(long)) {
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, tid, address + i, 0);
		if (errno)
			return false;
		memcpy(string + i, &word, sizeof(word));
		if (memchr(&word, 0, sizeof(word)))
			return true;
	}
	return false;
}

bool tracee_names(pid_t tid, const uint64_t arguments[6], const char *end)
{
	char string[PATH_LENGTH_MAX];

	for (size_t i = 0; i < 4; i++)
		if (string_at(tid, arguments[i], string) && strlen(string) >= strlen(end) &&
		    strcmp(string + strlen(string) - strlen(end), end) == 0)
			return true;
	return false;
}

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

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls that nsctl's programs make, and the errors that each can fail with on a live
 * machine although the program is right: memory or descriptors run out, a signal comes, a disk is
 * full, a security module or a sandbox says no. What only asks about the process itself can't fail
 * and is only a place to be killed at.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "inject.h"

#define MEMORY      "ENOMEM"
#define DENIED      "ENOMEM EPERM"
#define DESCRIPTOR  "EMFILE ENOMEM"
#define NEW         "EMFILE ENOMEM EPERM"
#define FILE_OPENED "EMFILE ENOMEM EPERM EINTR ENOSPC"
#define STORED      "ENOMEM ENOSPC EPERM"
#define WAITS       "EINTR"
#define MOVES       "EINTR ENOMEM"

const struct call calls[] = {
	{ "netlink", CALL_NETLINK, "ENOMEM EPERM" },
	{ "accept4", SYS_accept4, "EMFILE EINTR ENOMEM EPERM" },
	{ "bind", SYS_bind, DENIED },
	{ "brk", SYS_brk, "" }, /* has no errors; what malloc(3) does then is mmap(2) */
	{ "capget", SYS_capget, "EPERM" },
	{ "capset", SYS_capset, "EPERM" },
	{ "chdir", SYS_chdir, "ENOMEM EPERM" },
	{ "clone", SYS_clone, DENIED },
	{ "clone3", SYS_clone3, DENIED },
	{ "close", SYS_close, "EINTR ENOSPC" },
	{ "close_range", SYS_close_range, MEMORY },
	{ "connect", SYS_connect, "ENOMEM EPERM EINTR" },
	{ "dup2",
#ifdef SYS_dup2
	  SYS_dup2,
#else
	  SYS_dup3,
#endif
	  "EMFILE EINTR" },
	{ "epoll_create1", SYS_epoll_create1, DESCRIPTOR },
	{ "epoll_ctl", SYS_epoll_ctl, "ENOMEM ENOSPC" },
#ifdef SYS_epoll_wait
	{ "epoll_wait", SYS_epoll_wait, WAITS },
#endif
	{ "epoll_pwait", SYS_epoll_pwait, WAITS },
	{ "execve", SYS_execve, "ENOMEM EPERM EMFILE" },
	{ "fchdir", SYS_fchdir, "EPERM" },
	{ "fchmod", SYS_fchmod, STORED },
	{ "fcntl", SYS_fcntl, "" },
	{ "fcntl-dup", CALL_FCNTL_DUP, "EMFILE" },
	{ "flock", SYS_flock, "EINTR ENOMEM" },
	{ "fsconfig", SYS_fsconfig, DENIED },
	{ "fsmount", SYS_fsmount, NEW },
	{ "fsopen", SYS_fsopen, NEW },
	{ "fstatfs", SYS_fstatfs, MEMORY },
	{ "ftruncate", SYS_ftruncate, "EINTR EPERM ENOSPC" },
	{ "getdents64", SYS_getdents64, MEMORY },
	{ "getrandom", SYS_getrandom, WAITS },
	{ "getsockname", SYS_getsockname, MEMORY },
	{ "getsockopt", SYS_getsockopt, DENIED },
	{ "inotify_add_watch", SYS_inotify_add_watch, STORED },
	{ "inotify_init1", SYS_inotify_init1, DESCRIPTOR },
	{ "ioctl", SYS_ioctl, DENIED },
	{ "keyctl", SYS_keyctl, DENIED },
	{ "listen", SYS_listen, DENIED },
	{ "lseek", SYS_lseek, "" },
	{ "memfd_create", SYS_memfd_create, DESCRIPTOR },
	{ "mkdirat", SYS_mkdirat, STORED },
	{ "madvise", SYS_madvise, "" },
	{ "mmap", SYS_mmap, MEMORY },
	{ "mount", SYS_mount, "ENOMEM EPERM ENOSPC" },
	{ "mount_setattr", SYS_mount_setattr, DENIED },
	{ "move_mount", SYS_move_mount, "ENOMEM EPERM ENOSPC" },
	{ "mprotect", SYS_mprotect, MEMORY },
	{ "munmap", SYS_munmap, "" },
	{ "newfstatat", SYS_newfstatat, "ENOMEM EPERM" },
	{ "open_tree", SYS_open_tree, NEW },
	{ "openat", SYS_openat, FILE_OPENED },
	{ "openat2", SYS_openat2, FILE_OPENED },
	{ "pidfd_open", SYS_pidfd_open, DESCRIPTOR },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, "EPERM" },
	{ "pipe2", SYS_pipe2, DESCRIPTOR },
	{ "ppoll", SYS_ppoll, MOVES },
	{ "prctl", SYS_prctl, "EPERM" },
	{ "pread64", SYS_pread64, MOVES },
	{ "prlimit64", SYS_prlimit64, "EPERM" },
	{ "read", SYS_read, MOVES },
	{ "readlinkat", SYS_readlinkat, MEMORY },
	{ "recvfrom", SYS_recvfrom, MOVES },
	{ "recvmsg", SYS_recvmsg, MOVES },
	{ "rt_sigaction", SYS_rt_sigaction, "" },
	{ "rt_sigprocmask", SYS_rt_sigprocmask, "" },
	{ "sched_getaffinity", SYS_sched_getaffinity, MEMORY },
	{ "sched_setaffinity", SYS_sched_setaffinity, DENIED },
	{ "sendmsg", SYS_sendmsg, MOVES },
	{ "sendto", SYS_sendto, MOVES },
	{ "setgroups", SYS_setgroups, DENIED },
	{ "setitimer", SYS_setitimer, "" },
	{ "setns", SYS_setns, DENIED },
	{ "setpgid", SYS_setpgid, "EPERM" },
	{ "setpriority", SYS_setpriority, "EPERM" },
	{ "setresgid", SYS_setresgid, "EPERM" },
	{ "setresuid", SYS_setresuid, "EPERM ENOMEM" },
	{ "setsid", SYS_setsid, "EPERM" },
	{ "setsockopt", SYS_setsockopt, DENIED },
	{ "signalfd4", SYS_signalfd4, DESCRIPTOR },
	{ "socket", SYS_socket, NEW },
	{ "socketpair", SYS_socketpair, NEW },
	{ "statfs", SYS_statfs, MEMORY },
	{ "statx", SYS_statx, MEMORY },
	{ "timerfd_create", SYS_timerfd_create, DESCRIPTOR },
	{ "timerfd_settime", SYS_timerfd_settime, "" },
	{ "umount2", SYS_umount2, DENIED },
	{ "unlinkat", SYS_unlinkat, STORED },
	{ "unshare", SYS_unshare, "ENOMEM EPERM ENOSPC" },
	{ "wait4", SYS_wait4, WAITS },
	{ "waitid", SYS_waitid, WAITS },
	{ "wait-nohang", CALL_WAIT_NOHANG, "" },
	{ "write", SYS_write, "EINTR ENOMEM ENOSPC" },
#ifdef SYS_open /* where the older names are calls of their own */
	{ "access", SYS_access, MEMORY },
	{ "chmod", SYS_chmod, STORED },
	{ "lchown", SYS_lchown, STORED },
	{ "mkdir", SYS_mkdir, STORED },
	{ "poll", SYS_poll, MOVES },
	{ "readlink", SYS_readlink, MEMORY },
	{ "rename", SYS_rename, STORED },
	{ "rmdir", SYS_rmdir, STORED },
	{ "unlink", SYS_unlink, STORED },
#endif
	{},
};

const struct call *call_by_name(const char *name)
{
	for (const struct call *call = calls; call->name; call++)
		if (strcmp(call->name, name) == 0)
			return call;
	return NULL;
}

/* What these can fail with depends on what they are asked. */
const struct call *call_by_number(int number, const uint64_t arguments[6])
{
	if (number == SYS_fcntl && (arguments[1] == F_DUPFD || arguments[1] == F_DUPFD_CLOEXEC))
		number = CALL_FCNTL_DUP;
	if ((number == SYS_wait4 && arguments[2] & WNOHANG) ||
	    (number == SYS_waitid && arguments[3] & WNOHANG))
		number = CALL_WAIT_NOHANG;
	for (const struct call *call = calls; call->name; call++)
		if (call->number == number)
			return call;
	return NULL;
}

int errno_by_name(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} errors[] = {
		{ "ENOMEM", ENOMEM }, { "EMFILE", EMFILE }, { "EINTR", EINTR },
		{ "EPERM", EPERM },   { "ENOSPC", ENOSPC }, { "EEXIST", EEXIST },
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].code;
	return 0;
}

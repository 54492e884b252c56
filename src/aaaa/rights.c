/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dropping of rights; capabilities(7), pivot_root(2), seccomp(2). */
#include "rights.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* ---- the file system --------------------------------------------------------------------- */

/* Any directory will do that is always there: what is mounted on it is all that stays. */
#define NEW_ROOT "/proc"

static int empty_root(struct error *error)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_errno(error, errno, "%s", _("can't make a mount namespace"));
	if (mount("none", NEW_ROOT, "tmpfs", flags, "size=4k,nr_inodes=2,mode=0555") < 0 ||
	    chdir(NEW_ROOT) < 0)
		return error_errno(error, errno, "%s", _("can't make an empty root directory"));
	/* the old root lands on the new one, and is taken off it: pivot_root(2), NOTES */
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
	    chdir("/") < 0 || mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | flags, NULL) < 0)
		return error_errno(error, errno, "%s", _("can't change the root directory"));
	return 0;
}

/* ---- the user, and capabilities ------------------------------------------------------------ */

static int keep_one_capability(void)
{
	const uint32_t kept = UINT32_C(1) << CAP_NET_ADMIN;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {
		{ .effective = kept, .permitted = kept },
	};

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int empty_bounding_set(void)
{
	for (unsigned long capability = 0;; capability++)
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			return errno == EINVAL && capability > 0 ? 0 : -errno; /* behind the last */
}

static int change_user(uid_t uid, gid_t gid, struct error *error)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return error_errno(error, errno, _("can't become user %u"), uid);
	if (keep_one_capability() < 0 || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return error_errno(error, errno, "%s", _("can't give up the capabilities"));
	/* it would undo the drop if it worked: so this ends here */
	if (setresuid(0, 0, 0) == 0 || setgroups(0, NULL) == 0)
		return error_set(error, EPERM, "%s", _("the rights of root were not given up"));
	return 0;
}

/* What is written beyond it is lost, which may be a last message in a log. */
static int limit_files(size_t size, struct error *error)
{
	const struct rlimit limit = { .rlim_cur = size, .rlim_max = size };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return error_errno(error, errno, "%s", _("can't limit the size of files"));
	return 0;
}

int rights_drop(uid_t uid, gid_t gid, size_t file_size, struct error *error)
{
	int r = limit_files(file_size, error);

	if (r == 0)
		r = empty_root(error);

	if (r < 0)
		return r;
	r = empty_bounding_set();
	if (r < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return error_errno(error, r < 0 ? r : -errno, "%s",
				   _("can't give up the capabilities"));
	r = change_user(uid, gid, error);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return error_errno(error, errno, "%s", _("can't close itself to tracing"));
	return 0;
}

/* ---- system calls ------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__arm__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#else
#error "what is this processor's AUDIT_ARCH_*?"
#endif

/* Sanitizers make calls of their own when they report: those are logged. All others fail, and
 * whoever made them goes on: a C library may try a newer call before the one that is allowed. */
#define OTHERWISE (WITH_ADDRESS_SANITIZER ? SECCOMP_RET_LOG : SECCOMP_RET_ERRNO | ENOSYS)

/* The hot ones first. Nothing opens, makes sockets, maps code or starts anything. */
static const unsigned allowed[] = {
	SYS_recvmmsg,
	SYS_sendmmsg,
	SYS_sendto,
	SYS_recvfrom,
	SYS_sendmsg,
	SYS_recvmsg,
#ifdef SYS_send
	SYS_send,
	SYS_recv,
#endif
#ifdef SYS_socketcall
	SYS_socketcall,
#endif
#ifdef SYS_recvmmsg_time64
	SYS_recvmmsg_time64,
	SYS_clock_gettime64,
	SYS_futex_time64,
	SYS_ppoll_time64,
#endif
	SYS_clock_gettime,
	SYS_gettimeofday,
	SYS_futex,
	SYS_ppoll,
#ifdef SYS_poll
	SYS_poll,
#endif
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
	SYS_epoll_pwait,
	SYS_read,
	SYS_pread64,
	SYS_lseek,
	SYS_write,
	SYS_close,
	SYS_rt_sigreturn,
#ifdef SYS_sigreturn
	SYS_sigreturn,
#endif
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
	SYS_getpid,
	SYS_setsockopt, /* at the end, and so are these: */
	SYS_kill,
	SYS_wait4,
	SYS_waitid,
	SYS_restart_syscall,
	SYS_madvise,
	SYS_munmap,
	SYS_exit,
	SYS_exit_group,
};

int rights_seal(struct error *error)
{
	enum { BEFORE = 4 };
	struct sock_filter filter[BEFORE + 2 * ARRAY_SIZE(allowed) + 1] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		/* (x32 calls have another number, and are none of these) */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(filter), .filter = filter };
	size_t n = BEFORE;
	long r;

	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		filter[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, OTHERWISE);
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	if (r != 0) /* a thread that can't be brought along is told by its number */
		return error_errno(error, r < 0 ? errno : EBUSY, "%s",
				   _("can't limit the system calls"));
	return 0;
}

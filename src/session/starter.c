/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The starter: waits for what nsctld wants started, and forks a process for each.
 *
 * It is small and has root's rights, does nothing but this, and ends when nsctld does. A new
 * process has exactly the descriptors that it was sent, default signal dispositions, and is in the
 * caller's control group from its first instruction on, under the caller's resource limits and with
 * its share of CPUs and disks.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "nsctl/patience.h"
#include "session_private.h"

#define FD_ABOVE  32 /* more than any descriptor of the layout */
#define N_FDS_MAX (2 + SESSION_NAMESPACES + 1)

/* What was received: the kernel gives the lowest free numbers, which are those of the layout. */
struct order {
	struct session_start start;
	int fds[N_FDS_MAX];
	size_t n_fds, n_session; /* all, and those of them that the session gets */
};

/* ---- in the new process ----------------------------------------------------------------- */

/* A caller's hard limit above our own needs CAP_SYS_RESOURCE; without it ours is what there is. */
static void set_limits(const struct rlimit limits[RLIM_NLIMITS])
{
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		struct rlimit limit = limits[i], ours;

		if (setrlimit(i, &limit) == 0 || getrlimit(i, &ours) < 0)
			continue;
		if (limit.rlim_max > ours.rlim_max)
			limit.rlim_max = ours.rlim_max;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		setrlimit(i, &limit);
	}
}

/* As the caller's. Ours may be lower than anybody else's; a lower one than ours needs
 * CAP_SYS_RESOURCE, and without that ours is what there is. */
static int set_oom_score_adj(int value)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	char text[16];
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text, snprintf(text, sizeof(text), "%d", value));
	return r == -EACCES ? 0 : r;
}

/* Where a kernel with audit lets us: it may be that a login uid can be set once only. */
static void set_login_uid(uint32_t uid)
{
	_cleanup_close_ int fd = -1;
	char text[16];

	if (uid == UINT32_MAX)
		return;
	fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		write_all(fd, text, snprintf(text, sizeof(text), "%u", uid));
}

static int inherit(const struct session_inheritance *inheritance, struct error *error)
{
	int r = set_oom_score_adj(inheritance->oom_score_adj);

	if (r < 0)
		return error_errno(error, r, _("can't set the OOM score"));
	set_limits(inheritance->limits);
	set_login_uid(inheritance->login_uid);
	scheduling_apply(&inheritance->scheduling);
	return 0;
}

/* As ps(1) shows it: this is a session now, not the starter, whose name is as long. */
static void rename_process(char *argument)
{
	static const char name[] = "nsctl-session";

	prctl(PR_SET_NAME, name, 0, 0, 0);
	if (argument && strlen(argument) == strlen(name))
		memcpy(argument, name, sizeof(name));
}

static int become_session(const struct order *order, char *argument, struct error *error)
{
	rename_process(argument);
	if (syscall(SYS_close_range, SESSION_FD_CONNECTION + (unsigned)order->n_session, ~0U, 0) <
	    0)
		return error_errno(error, errno, _("can't close what is not the session's"));
	return inherit(&order->start.inheritance, error);
}

/* ---- in the starter --------------------------------------------------------------------- */

/* A session that nsctld does not come to know of must not be: `down` would not find it, and its
 * user would have one less for ever. That the starter ends tells nsctld of both. */
static int tell(int fd, const struct session_started *started, int pidfd)
{
	ssize_t n = send_with_fds(fd, started, sizeof(*started), &pidfd, pidfd >= 0, 0);

	/* nobody there: nsctld has ended, and this process is about to; the session lives on */
	if (n >= 0 || n == -EPIPE || n == -ECONNRESET)
		return 0;
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	return n;
}

/* The parent is nsctld, which waits for it as it does for the starter. */
static pid_t clone_sibling(int cgroup_fd, int *ret_pidfd)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | CLONE_PARENT | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)ret_pidfd,
	};

	if (cgroup_fd >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = cgroup_fd;
	}
	return syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static void report_failure(const struct order *order, int code)
{
	_cleanup_error_ struct error error = {};

	/* never in ours instead: there the limits of the caller's (pids.max, memory.max) would not
	 * hold, and whoever has reached them would get on through us */
	error_errno(&error, code,
		    order->start.has_cgroup
			    ? _("can't start a session in the caller's control group")
			    : _("can't start a session"));
	leader_report_failure(SESSION_FD_CONNECTION, SESSION_EXIT_FAILED, error_text(&error));
}

/* 0 in the new process, 1 in the starter, or a negative errno there. */
static int start(int fd, const struct order *order)
{
	int cgroup_fd = order->start.has_cgroup ? order->fds[order->n_fds - 1] : -1;
	struct session_started started = { .id = order->start.id };
	_cleanup_close_ int pidfd = -1;
	pid_t pid = clone_sibling(cgroup_fd, &pidfd);
	int r;

	if (pid == 0) {
		pidfd = -1;
		return 0;
	}
	if (pid < 0) {
		pidfd = -1; /* the kernel may have written one that it has closed again */
		started.code = errno;
		report_failure(order, errno);
	}
	started.pid = pid;
	/* without a session nobody else may have the connection any more: descriptors that the
	 * caller has sent on it go with it */
	patience_start();
	for (size_t i = 0; i < order->n_fds; i++)
		close(order->fds[i]);
	patience_end();
	r = tell(fd, &started, pidfd);
	return r < 0 ? r : 1;
}

static bool is_sane(const struct order *order)
{
	for (size_t i = 0; i < order->n_fds; i++)
		if (order->fds[i] != SESSION_FD_CONNECTION + (int)i)
			return false;
	return order->start.n_namespaces <= SESSION_NAMESPACES && order->start.has_cgroup <= 1 &&
	       order->n_fds == order->n_session + order->start.has_cgroup;
}

/* 1, 0 at the end, or negative errno. */
static int receive(int fd, struct order *ret)
{
	ssize_t n;

	ret->n_fds = N_FDS_MAX;
	n = receive_with_fds(fd, &ret->start, sizeof(ret->start), ret->fds, &ret->n_fds, 0);
	if (n <= 0)
		return n;
	ret->n_session = 2 + (size_t)ret->start.n_namespaces;
	return n == sizeof(ret->start) && is_sane(ret) ? 1 : -EBADMSG;
}

static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	for (int number = 1; number < _NSIG; number++) {
		/* The C library keeps two for itself and refuses them; but they may have come
		 * ignored too. All zero is the default in every layout of the kernel's structure.
		 * (It fails for SIGKILL and SIGSTOP, which nobody can set.) */
		if (sigaction(number, &action, NULL) < 0) {
			static const char zeros[64];

			syscall(SYS_rt_sigaction, number, zeros, NULL, _NSIG / 8);
		}
	}
}

/* Keys of nsctld's terminal are not meant for it: a session of its own. */
static int prepare(void)
{
	int fd = fcntl(SESSION_FD_STARTER, F_DUPFD_CLOEXEC, FD_ABOVE);

	if (fd < 0 || close_range(SESSION_FD_STARTER, FD_ABOVE - 1, 0) < 0 || chdir("/") < 0)
		return -errno;
	setsid();
	reset_signals();
	patience_prepare();
	prctl(PR_SET_NAME, "nsctl-starter", 0, 0, 0);
	return fd;
}

int starter_run(char *argument, struct error *error)
{
	int fd = prepare(), r = fd < 0 ? fd : 1;
	struct order order;

	while (r > 0) {
		r = receive(fd, &order);
		if (r <= 0)
			break;
		r = start(fd, &order);
		if (r == 0)
			return become_session(&order, argument, error);
	}
	if (r < 0)
		fprintf(stderr, _("nsctl-session: %s\n"), strerror(-r));
	_exit(r < 0 ? SESSION_EXIT_FAILED : EXIT_SUCCESS);
}

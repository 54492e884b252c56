/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spawn: nsctl-session, from the fork to its end.
 *
 * It starts with exactly the descriptors it is given, an empty environment, default signal
 * dispositions and nothing blocked, in the caller's cgroup, under the caller's resource limits and
 * with its share of CPUs and disks.
 * It is followed by a pidfd and reaped when it ends; a nsctld that stops leaves it alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "nsctl/session.h"
#include "server.h"

#define FDS_ABOVE 16 /* more than any descriptor of the layout */

struct session {
	struct session *next;
	struct server *server;
	struct loop_source *source;
	pid_t pid;
	int pidfd;
	uid_t uid;
};

/* ---- in the child: system calls only -------------------------------------------------- */

/* `connection`: where the descriptor is by now. */
static _Noreturn void child_fail(int connection, const char *what)
{
	struct {
		struct session_message message;
		char text[256];
	} record = { .message = { .type = SESSION_FAILED, .value = SESSION_EXIT_FAILED } };

	snprintf(record.text, sizeof(record.text), "%s: %s", what, strerrordesc_np(errno));
	record.message.length = strlen(record.text);
	send(connection, &record, sizeof(record.message) + record.message.length,
	     MSG_DONTWAIT | MSG_NOSIGNAL);
	_exit(SESSION_EXIT_FAILED);
}

/* Sources may lie where others have to go: all move out of the way first. */
static int place_fds(const struct spawn *spawn)
{
	int moved[ARRAY_SIZE(spawn->fds)];

	for (size_t i = 0; i < spawn->n_fds; i++) {
		moved[i] = fcntl(spawn->fds[i], F_DUPFD_CLOEXEC, FDS_ABOVE);
		if (moved[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < spawn->n_fds; i++)
		if (dup2(moved[i], i) < 0)
			return -errno;
	return syscall(SYS_close_range, (unsigned)spawn->n_fds, ~0U, 0) < 0 ? -errno : 0;
}

/* A caller's hard limit above our own needs CAP_SYS_RESOURCE; without it ours is what there is. */
static void set_limits(const struct inheritance *inheritance)
{
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		struct rlimit limit = inheritance->limits[i], ours;

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

static _Noreturn void child(const struct spawn *spawn, const char *program)
{
	char name[] = "nsctl-session";
	char *arguments[] = { name, NULL }, *environment[] = { NULL };
	sigset_t none;

	if (place_fds(spawn) < 0)
		child_fail(spawn->fds[SESSION_FD_CONNECTION], "can't place the descriptors");
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || chdir("/") < 0)
		child_fail(SESSION_FD_CONNECTION, "can't prepare the session");
	errno = -set_oom_score_adj(spawn->inheritance->oom_score_adj);
	if (errno)
		child_fail(SESSION_FD_CONNECTION, "can't set the OOM score");
	set_limits(spawn->inheritance);
	set_login_uid(spawn->inheritance->login_uid);
	scheduling_apply(&spawn->inheritance->scheduling);
	execve(program, arguments, environment);
	child_fail(SESSION_FD_CONNECTION, "can't start nsctl-session");
}

/* ---- in nsctld ------------------------------------------------------------------------ */

static pid_t clone_child(int cgroup_fd, int *ret_pidfd)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};

	if (cgroup_fd >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = cgroup_fd;
	}
	return syscall(SYS_clone3, &arguments, sizeof(arguments));
}

static void session_forget(struct session *session)
{
	struct session **p = &session->server->sessions;

	while (*p != session)
		p = &(*p)->next;
	*p = session->next;
	manager_entering_remove(session->server->manager, session->pid);
	loop_source_free(session->source);
	close_fd(session->pidfd);
	free(session);
}

static void on_session_end(_unused_ struct loop_source *source, _unused_ uint32_t events,
			   void *userdata)
{
	struct session *session = userdata;
	siginfo_t info = {};

	if (waitid(P_PIDFD, session->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
		return;
	log_debug("session %d of uid %u has ended (%d)", session->pid, session->uid,
		  info.si_status);
	limits_give(session->server->limits, session->uid, LIMIT_SESSIONS, 1);
	session_forget(session);
}

static int follow(struct server *server, pid_t pid, int pidfd, const struct spawn *spawn)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	*session =
		(struct session){ .server = server, .pid = pid, .pidfd = pidfd, .uid = spawn->uid };
	r = loop_add_fd(server->loop, pidfd, EPOLLIN, on_session_end, session, &session->source);
	if (r == 0)
		r = manager_entering_add(server->manager, spawn->profile, pid, pidfd);
	if (r < 0) {
		loop_source_free(session->source);
		free(session);
		return r;
	}
	session->next = server->sessions;
	server->sessions = session;
	return 0;
}

int session_start(struct server *server, const struct spawn *spawn, struct error *error)
{
	_cleanup_close_ int pidfd = -1;
	int cgroup_fd = spawn->inheritance->cgroup_fd;
	pid_t pid = clone_child(cgroup_fd, &pidfd);
	int r;

	/* never in ours instead: there the limits of the caller's (pids.max, memory.max) would not
	 * hold, and whoever has reached them would get on through us */
	if (pid < 0 && cgroup_fd >= 0)
		return error_errno(error, errno,
				   _("can't start a session in the caller's control group"));
	if (pid < 0)
		return error_errno(error, errno, _("can't start a session"));
	if (pid == 0)
		child(spawn, server->options->session_program);
	r = follow(server, pid, pidfd, spawn);
	if (r < 0) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		waitid(P_PIDFD, pidfd, &(siginfo_t){}, WEXITED);
		return error_errno(error, r, _("can't follow a session"));
	}
	pidfd = -1; /* the session's */
	log_debug("session %d of uid %u has started", pid, spawn->uid);
	return 0;
}

void sessions_forget(struct server *server)
{
	while (server->sessions)
		session_forget(server->sessions);
}

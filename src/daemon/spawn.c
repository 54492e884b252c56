/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spawn: nsctl-session as the starter, and the sessions that come from it, to their ends.
 *
 * The starter is there from the beginning; one that has gone is replaced by the next command's. It
 * starts with its descriptors only, an empty environment and default signal dispositions. A session
 * is a child of nsctld's: it is followed by a pidfd and reaped when it ends; a nsctld that stops
 * leaves it alone. Nothing here waits for the starter, but for its end; one that does not answer is
 * ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "nsctl/session.h"
#include "server.h"

#define BACKLOG      (1 << 20) /* bytes of what it has not taken yet */
#define PATIENCE_MS  1000      /* for its end */
#define ANSWER_USEC  5000000   /* for an answer: stopped, or frozen. Less than `down` waits */
#define CHILDREN_MAX (1 << 20) /* bytes of the list of them */

struct session {
	struct session *next;
	struct server *server;
	struct loop_source *source;
	uint64_t id, asked;
	pid_t pid;
	int pidfd;   /* -1: not started yet */
	int peer_fd; /* of its caller; -1: unknown */
	uid_t uid;
};

struct starter {
	struct loop_source *source, *timer; /* armed while it is waited for, or a little longer */
	bool timed;
	int fd, pidfd;
};

/* A child of ours, for good. What hangs in the kernel is not waited for. */
static void end_child(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (poll(&poll_fd, 1, PATIENCE_MS) == 1)
		waitid(P_PIDFD, pidfd, &(siginfo_t){}, WEXITED);
}

/* ---- sessions ------------------------------------------------------------------------- */

static void session_forget(struct session *session)
{
	struct session **p = &session->server->sessions;

	while (*p != session)
		p = &(*p)->next;
	*p = session->next;
	manager_entering_remove(session->server->manager, session);
	loop_source_free(session->source);
	close_fd(session->pidfd);
	close_fd(session->peer_fd);
	free(session);
}

static void session_ended(struct session *session)
{
	limits_give(session->server->limits, session->uid, LIMIT_SESSIONS, 1);
	session_forget(session);
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
	/* A caller that has stopped itself, as its command was stopped, is woken by the leader; by
	 * one that was killed it is not. */
	if (info.si_code != CLD_EXITED && session->peer_fd >= 0)
		syscall(SYS_pidfd_send_signal, session->peer_fd, SIGCONT, NULL, 0);
	session_ended(session);
}

static void session_started(struct session *session, const struct session_started *started,
			    int pidfd)
{
	int r = started->code ? -started->code : pidfd < 0 ? -EBADMSG : 0;

	session->pid = started->pid;
	session->pidfd = pidfd;
	if (r == 0)
		r = loop_add_fd(session->server->loop, pidfd, EPOLLIN, on_session_end, session,
				&session->source);
	if (r == 0) {
		log_debug("session %d of uid %u has started", session->pid, session->uid);
		manager_entering_started(session->server->manager, session, session->pid, pidfd);
		return;
	}
	if (server_may_log(session->server))
		log_warning("can't start a session of uid %u: %s", session->uid, strerror(-r));
	if (pidfd >= 0)
		end_child(pidfd);
	session_ended(session);
}

/* ---- the starter ---------------------------------------------------------------------- */

/* System calls only. What goes wrong is told as the answer to nothing. */
static _Noreturn void become_starter(const char *program, int fd)
{
	/* as long as nsctl-session, which its children call themselves */
	char name[] = "nsctl-starter", *arguments[] = { name, NULL }, *environment[] = { NULL };
	struct session_started failure = {};
	sigset_t none;

	prctl(PR_SET_NAME, name);
	sigemptyset(&none);
	/* our 0 is /dev/null; the socket may lie where others have to go */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, SESSION_FD_STARTER + 1);
	if (fd >= 0 && dup2(STDIN_FILENO, STDOUT_FILENO) >= 0 &&
	    dup2(STDIN_FILENO, STDERR_FILENO) >= 0 && dup2(fd, SESSION_FD_STARTER) >= 0 &&
	    syscall(SYS_close_range, SESSION_FD_STARTER + 1U, ~0U, 0) == 0 &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		execve(program, arguments, environment);
	failure.code = errno;
	send(SESSION_FD_STARTER, &failure, sizeof(failure), MSG_NOSIGNAL);
	_exit(SESSION_EXIT_FAILED);
}

/* Lets it finish what it has taken, and sees it end. */
static void starter_end(struct starter *starter)
{
	struct pollfd poll_fd = { .fd = starter->pidfd, .events = POLLIN };

	shutdown(starter->fd, SHUT_WR);
	poll(&poll_fd, 1, PATIENCE_MS);
	end_child(starter->pidfd);
}

static void starter_free(struct starter *starter)
{
	loop_source_free(starter->source);
	loop_source_free(starter->timer);
	close_fd(starter->fd);
	close_fd(starter->pidfd);
	free(starter);
}

static struct session *find_session(struct server *server, uint64_t id)
{
	struct session *session = server->sessions;

	while (session && session->id != id)
		session = session->next;
	return session;
}

/* 1: one was taken, 0: there is none now, -EPIPE: there will be none any more, -ENOEXEC: for a
 * reason that it told (and that is in the log). */
static int take_answer(struct server *server)
{
	struct session_started started = {};
	struct session *session;
	int pidfd = -1;
	size_t n_fds = 1;
	ssize_t n = receive_with_fds(server->starter->fd, &started, sizeof(started), &pidfd, &n_fds,
				     MSG_DONTWAIT);

	if (n == -EAGAIN)
		return 0;
	session = n == sizeof(started) ? find_session(server, started.id) : NULL;
	if (session && session->pidfd < 0) {
		session_started(session, &started, n_fds ? pidfd : -1);
		return 1;
	}
	if (n_fds)
		close_fd(pidfd);
	if (n != sizeof(started) || !started.code)
		return -EPIPE;
	log_error("can't run %s: %s", server->options->session_program, strerror(started.code));
	return -ENOEXEC;
}

static bool is_known(const struct server *server, pid_t pid)
{
	const struct session *session = server->sessions;

	while (session && session->pid != pid)
		session = session->next;
	return session;
}

/* By the name that the starter and its sessions give themselves. */
static bool is_session(pid_t pid)
{
	_cleanup_free_ char *path = str_format("/proc/%d/comm", pid), *name = NULL;

	if (!path || file_read(AT_FDCWD, path, 64, &name, NULL) < 0)
		return false;
	return str_equal(name, "nsctl-session\n") || str_equal(name, "nsctl-starter\n");
}

/* A starter that was killed may have started a session without saying so: a child of ours, of which
 * nobody would know who it belongs to, and which counts for nobody. */
static void end_unknown_sessions(const struct server *server)
{
	_cleanup_free_ char *list = NULL;
	long pid;

	if (file_read(AT_FDCWD, "/proc/thread-self/children", CHILDREN_MAX, &list, NULL) < 0)
		return;
	for (char *p = list, *end; (pid = strtol(p, &end, 10)) > 0; p = end)
		if (!is_known(server, pid) && is_session(pid)) {
			_cleanup_close_ int pidfd = syscall(SYS_pidfd_open, pid, 0);

			log_debug("session %ld of nobody's is ended", pid);
			/* for want of descriptors too; it is not reaped yet: the number is its own
			 */
			kill(pid, SIGKILL);
			if (pidfd >= 0)
				end_child(pidfd);
		}
}

/* It has ended, or is not what it should be. Whoever waits for a session finds the connection
 * closed. */
static void starter_lost(struct server *server)
{
	struct session *session, *next;

	syscall(SYS_pidfd_send_signal, server->starter->pidfd, SIGKILL, NULL, 0);
	starter_end(server->starter);
	while (take_answer(server) > 0) /* its last words */
		;
	for (session = server->sessions; session; session = next) {
		next = session->next;
		if (session->pidfd < 0)
			session_ended(session);
	}
	starter_free(server->starter);
	server->starter = NULL;
	end_unknown_sessions(server);
}

static void on_answer(_unused_ struct loop_source *source, _unused_ uint32_t events, void *userdata)
{
	struct server *server = userdata;
	int r = take_answer(server);

	if (r >= 0)
		return;
	if (r == -EPIPE)
		log_error("%s has ended before its time", server->options->session_program);
	starter_lost(server);
}

/* When the oldest was asked for that has not been answered; 0: none. */
static uint64_t waited_since(const struct server *server)
{
	uint64_t since = 0;

	for (const struct session *session = server->sessions; session; session = session->next)
		if (session->pidfd < 0 && (!since || session->asked < since))
			since = session->asked;
	return since;
}

static void on_patience_over(_unused_ struct loop_source *source, _unused_ uint32_t events,
			     void *userdata)
{
	struct server *server = userdata;
	uint64_t since = waited_since(server), now = now_usec();

	server->starter->timed = since;
	if (since && now - since >= ANSWER_USEC) {
		log_error("%s does not answer", server->options->session_program);
		starter_lost(server);
	} else if (since) {
		loop_timer_set(server->starter->timer, since + ANSWER_USEC - now);
	}
}

static void expect_answer(struct starter *starter)
{
	if (!starter->timed)
		loop_timer_set(starter->timer, ANSWER_USEC);
	starter->timed = true;
}

static int starter_fork(const char *program, int fd, int *ret_pidfd, struct error *error)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;

	if (access(program, X_OK) < 0)
		return error_errno(error, errno, _("can't run %s"), program);
	pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid < 0)
		return error_errno(error, errno, _("can't start a process"));
	if (pid == 0)
		become_starter(program, fd);
	return 0;
}

int sessions_prepare(struct server *server, struct error *error)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	struct starter *starter = calloc(1, sizeof(*starter));
	int fds[2], r, size = BACKLOG;

	if (!starter)
		return error_oom(error);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		free(starter);
		return error_errno(error, errno, _("can't make a socket"));
	}
	ours = fds[0];
	theirs = fds[1];
	/* a smaller one does as well */
	setsockopt(ours, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	r = starter_fork(server->options->session_program, theirs, &starter->pidfd, error);
	if (r < 0) {
		free(starter);
		return r;
	}
	starter->fd = TAKE_FD(ours);
	r = loop_add_fd(server->loop, starter->fd, EPOLLIN, on_answer, server, &starter->source);
	if (r >= 0)
		r = loop_add_timer(server->loop, on_patience_over, server, &starter->timer);
	if (r < 0) {
		starter_end(starter);
		starter_free(starter);
		return error_errno(error, r, _("can't follow a process"));
	}
	server->starter = starter;
	return 0;
}

/* ---- for exec ------------------------------------------------------------------------- */

static int send_start(struct server *server, const struct spawn *spawn, uint64_t id)
{
	struct session_start start = {
		.id = id,
		.n_namespaces = spawn->n_namespaces,
		.has_cgroup = spawn->cgroup_fd >= 0,
		.inheritance = *spawn->inheritance,
	};
	int fds[2 + SESSION_NAMESPACES + 1] = { spawn->connection_fd, spawn->request_fd };
	size_t n = 2;
	ssize_t r;

	if (!server->starter)
		return -EPIPE;
	for (size_t i = 0; i < spawn->n_namespaces; i++)
		fds[n++] = spawn->namespace_fds[i];
	if (spawn->cgroup_fd >= 0)
		fds[n++] = spawn->cgroup_fd;
	r = send_with_fds(server->starter->fd, &start, sizeof(start), fds, n, MSG_DONTWAIT);
	if (r < 0)
		return r;
	expect_answer(server->starter);
	return 0;
}

/* To a starter that may have ended, which is heard of now. */
static int send_to_starter(struct server *server, const struct spawn *spawn, uint64_t id,
			   struct error *error)
{
	int r = send_start(server, spawn, id);

	if (r == -EPIPE) {
		if (server->starter)
			starter_lost(server);
		r = sessions_prepare(server, error);
		if (r < 0)
			return r;
		r = send_start(server, spawn, id);
	}
	return r < 0 ? error_errno(error, r, _("can't start a session")) : 0;
}

int session_start(struct server *server, const struct spawn *spawn, struct error *error)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return error_oom(error);
	*session = (struct session){
		.server = server,
		.id = ++server->last_session,
		.asked = now_usec(),
		.pidfd = -1,
		.peer_fd = spawn->peer_fd < 0 ? -1 : fcntl(spawn->peer_fd, F_DUPFD_CLOEXEC, 0),
		.uid = spawn->uid,
	};
	r = manager_entering_add(server->manager, spawn->profile, session);
	if (r < 0)
		error_oom(error);
	else
		r = send_to_starter(server, spawn, session->id, error);
	if (r < 0) {
		manager_entering_remove(server->manager, session);
		close_fd(session->peer_fd);
		free(session);
		return r;
	}
	session->next = server->sessions;
	server->sessions = session;
	return 0;
}

void sessions_forget(struct server *server)
{
	while (server->sessions)
		session_forget(server->sessions);
	if (server->starter) {
		starter_end(server->starter);
		starter_free(server->starter);
	}
	server->starter = NULL;
}

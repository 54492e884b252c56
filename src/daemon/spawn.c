/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spawn: nsctl-session as the starter, and the sessions that come from it, to their ends.
 *
 * The starter is there from the beginning; one that has gone is replaced by the next command's. It
 * starts with its descriptors only, an empty environment and default signal dispositions. A session
 * is a child of nsctld's: it is followed by a pidfd and reaped when it ends; a nsctld that stops
 * leaves it alone. Nothing here waits for the starter, but for its end; and one that does not
 * answer is ended. What it had started by then and could not tell any more is found among the
 * children.
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

#define BACKLOG      (1 << 20)         /* bytes of what it has not taken yet */
#define PATIENCE_MS  1000              /* for its end */
#define ANSWER_USEC  UINT64_C(5000000) /* for its next answer */
#define COMM_MAX     64
#define CHILDREN_MAX (1 << 20)

struct session {
	struct session *next;
	struct server *server;
	struct loop_source *source;
	uint64_t id, asked; /* when its start was */
	pid_t pid;
	int pidfd;   /* -1: not started yet */
	int peer_fd; /* of its caller; -1: unknown */
	uid_t uid;
};

struct starter {
	struct loop_source *source, *timer;
	bool timed; /* the timer is set */
	uint64_t answered;
	pid_t pid;
	int fd, pidfd;
};

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
	if (pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		waitid(P_PIDFD, pidfd, &(siginfo_t){}, WEXITED);
	}
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
static void starter_free(struct starter *starter)
{
	struct pollfd poll_fd = { .fd = starter->pidfd, .events = POLLIN };

	loop_source_free(starter->source);
	loop_source_free(starter->timer);
	shutdown(starter->fd, SHUT_WR);
	if (poll(&poll_fd, 1, PATIENCE_MS) != 1) {
		syscall(SYS_pidfd_send_signal, starter->pidfd, SIGKILL, NULL, 0);
		/* what hangs in the kernel is not waited for */
		poll(&poll_fd, 1, PATIENCE_MS);
	}
	waitid(P_PIDFD, starter->pidfd, &(siginfo_t){}, WEXITED | WNOHANG);
	close_fd(starter->fd);
	close_fd(starter->pidfd);
	free(starter);
}

static struct session *oldest_waiting(struct server *server)
{
	struct session *oldest = NULL;

	for (struct session *session = server->sessions; session; session = session->next)
		if (session->pidfd < 0)
			oldest = session; /* the newest comes first */
	return oldest;
}

/* Has this child the name that the starter, or a session, gives itself? */
static bool is_of_the_starter(pid_t pid)
{
	_cleanup_free_ char *name = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	return file_read(AT_FDCWD, path, COMM_MAX, &name, NULL) == 0 &&
	       (str_equal(name, "nsctl-starter\n") || str_equal(name, "nsctl-session\n"));
}

/* A child that no session is known to be; 0: none, or the kernel does not list children. */
static pid_t find_unknown_child(const struct server *server, pid_t starter)
{
	_cleanup_free_ char *list = NULL;
	char path[64], *rest, *number;
	unsigned long pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	if (file_read(AT_FDCWD, path, CHILDREN_MAX, &list, NULL) < 0)
		return 0;
	for (number = strtok_r(list, " ", &rest); number; number = strtok_r(NULL, " ", &rest)) {
		const struct session *session = server->sessions;

		if (str_to_uint(number, INT32_MAX, &pid) < 0)
			continue;
		while (session && session->pid != (pid_t)pid)
			session = session->next;
		if (!session && (pid_t)pid != starter && is_of_the_starter(pid))
			return pid;
	}
	return 0;
}

/* The starter may have ended between the start of a session and the answer: there is one at most,
 * and it is what was asked for first. */
static void adopt(struct server *server, pid_t starter)
{
	struct session *session = oldest_waiting(server);
	struct session_started started = {};

	if (session)
		started.pid = find_unknown_child(server, starter);
	if (started.pid)
		session_started(session, &started, syscall(SYS_pidfd_open, started.pid, 0));
}

/* It has ended, or is not what it should be. Whoever waits for a session finds the connection
 * closed. */
static void starter_lost(struct server *server)
{
	struct session *session, *next;
	pid_t pid = server->starter->pid;

	syscall(SYS_pidfd_send_signal, server->starter->pidfd, SIGKILL, NULL, 0);
	starter_free(server->starter);
	server->starter = NULL;
	adopt(server, pid);
	for (session = server->sessions; session; session = next) {
		next = session->next;
		if (session->pidfd < 0)
			session_ended(session);
	}
}

static struct session *find_session(struct server *server, uint64_t id)
{
	struct session *session = server->sessions;

	while (session && session->id != id)
		session = session->next;
	return session;
}

/* 1 for one that was read, 0 when there is none, -EPIPE when none will come any more. */
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
		server->starter->answered = now_usec();
		session_started(session, &started, n_fds ? pidfd : -1);
		return 1;
	}
	if (n_fds)
		close_fd(pidfd);
	if (n == sizeof(started) && started.code)
		log_error("can't run %s: %s", server->options->session_program,
			  strerror(started.code));
	else
		log_error("%s has ended before its time", server->options->session_program);
	return -EPIPE;
}

static void on_answer(_unused_ struct loop_source *source, _unused_ uint32_t events, void *userdata)
{
	if (take_answer(userdata) < 0)
		starter_lost(userdata);
}

/* Reads what it has answered; negative when it is of no use any more. */
static int look_after_starter(struct server *server)
{
	struct starter *starter = server->starter;
	const struct session *oldest;
	uint64_t since, now;
	int r;

	do
		r = take_answer(server);
	while (r > 0);
	oldest = oldest_waiting(server);
	if (r < 0 || !oldest)
		return r;
	now = now_usec();
	since = oldest->asked > starter->answered ? oldest->asked : starter->answered;
	if (now - since >= ANSWER_USEC) {
		log_error("%s does not answer, and is ended", server->options->session_program);
		return -ETIMEDOUT;
	}
	starter->timed = true;
	return loop_timer_set(starter->timer, ANSWER_USEC - (now - since));
}

static void on_late(_unused_ struct loop_source *source, _unused_ uint32_t events, void *userdata)
{
	struct server *server = userdata;

	server->starter->timed = false;
	if (look_after_starter(server) < 0)
		starter_lost(server);
}

static int starter_fork(const char *program, int fd, struct starter *starter, struct error *error)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&starter->pidfd,
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
	starter->pid = pid;
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
	r = starter_fork(server->options->session_program, theirs, starter, error);
	if (r < 0) {
		free(starter);
		return r;
	}
	starter->fd = TAKE_FD(ours);
	r = loop_add_fd(server->loop, starter->fd, EPOLLIN, on_answer, server, &starter->source);
	if (r == 0)
		r = loop_add_timer(server->loop, on_late, server, &starter->timer);
	if (r < 0) {
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
	return r < 0 ? r : 0;
}

/* To a starter that may have ended, which is heard of now. */
static int send_to_starter(struct server *server, const struct spawn *spawn, uint64_t id,
			   struct error *error)
{
	int r = send_start(server, spawn, id);

	if (r == -EPIPE) {
		while (server->starter && take_answer(server) > 0)
			;
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
	if (!server->starter->timed) {
		server->starter->timed = true;
		loop_timer_set(server->starter->timer, ANSWER_USEC);
	}
	return 0;
}

void sessions_forget(struct server *server)
{
	while (server->sessions)
		session_forget(server->sessions);
	if (server->starter)
		starter_free(server->starter);
	server->starter = NULL;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session's leader: starts the command, passes on what the caller sends, reports what becomes
 * of the command, and ends it when the caller has gone.
 *
 * It has the caller's rights, so the kernel checks every signal as if the caller had sent it
 * itself. The command is reaped only after the last signal: as long as it is a zombie its number
 * can't name another process group.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "session_private.h"

#define GRACE_USEC (2 * 1000 * 1000) /* between hang-up, SIGTERM and SIGKILL */
#define TEXT_MAX   4096
#define OUT_MAX    (sizeof(struct session_message) * 256)

struct leader {
	const struct session_request *request;
	int connection_fd, signal_fd, pipe_fd;
	pid_t command;
	struct loop *loop;
	struct loop_source *connection, *signals, *pipe, *timer;
	bool gone;    /* the caller: nobody is told anything any more */
	bool told;    /* the last message is on its way */
	size_t stage; /* of the hang-up */
	size_t n_in, n_out;
	char in[sizeof(struct session_message) * 64];
	char out[OUT_MAX + sizeof(struct session_message) + TEXT_MAX];
};

/* ---- to the caller -------------------------------------------------------------------- */

static void hang_up(struct leader *leader);

static void flush(struct leader *leader)
{
	ssize_t n = 0;

	if (leader->n_out && !leader->gone)
		n = send(leader->connection_fd, leader->out, leader->n_out,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		hang_up(leader);
	if (n > 0) {
		leader->n_out -= n;
		memmove(leader->out, leader->out + n, leader->n_out);
	}
	if (!leader->gone)
		loop_source_set_events(leader->connection,
				       EPOLLIN | (leader->n_out ? EPOLLOUT : 0));
	if (leader->told && (leader->gone || !leader->n_out))
		loop_exit(leader->loop, 0);
}

/* A caller that does not read loses news of stops and continues, never the last message, for which
 * room is kept. */
static void tell(struct leader *leader, enum session_message_type type, int value, const char *text)
{
	bool last = type >= SESSION_EXITED;
	size_t length = text ? strnlen(text, TEXT_MAX) : 0;
	struct session_message message = { .type = type, .length = length, .value = value };

	if (leader->told || (!last && leader->n_out + sizeof(message) > OUT_MAX))
		return;
	leader->told = last;
	memcpy(leader->out + leader->n_out, &message, sizeof(message));
	leader->n_out += sizeof(message);
	if (length)
		memcpy(leader->out + leader->n_out, text, length);
	leader->n_out += length;
	flush(leader);
}

void leader_report_failure(int connection_fd, int status, const char *text)
{
	size_t length = strnlen(text, TEXT_MAX);
	struct session_message message = { .type = SESSION_FAILED,
					   .length = length,
					   .value = status };
	struct iovec parts[] = { { &message, sizeof(message) }, { (char *)text, length } };
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts) };

	/* the first thing on an empty socket: it fits, and a caller that does not want it may go
	 * without */
	sendmsg(connection_fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- to the command ------------------------------------------------------------------- */

static void signal_command(struct leader *leader, int number)
{
	if (leader->command > 1)
		kill(-leader->command, number);
}

static void on_timer(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	static const int stages[] = { SIGHUP, SIGTERM, SIGKILL };
	struct leader *leader = userdata;

	if (leader->stage >= ARRAY_SIZE(stages))
		return;
	signal_command(leader, stages[leader->stage++]);
	signal_command(leader, SIGCONT); /* a stopped one would sleep through it */
	loop_timer_set(leader->timer, GRACE_USEC);
}

/* The caller has gone, or somebody wants the leader to end: the command gets what the processes of
 * a closed terminal get, and what does not go on its own is ended. */
static void start_ending(struct leader *leader)
{
	if (leader->stage == 0)
		on_timer(leader->timer, 0, leader);
}

static void hang_up(struct leader *leader)
{
	if (leader->gone)
		return;
	leader->gone = true;
	leader->connection = loop_source_free(leader->connection);
	if (leader->told)
		loop_exit(leader->loop, 0);
	else
		start_ending(leader);
}

static void on_message(struct leader *leader, const struct session_message *message)
{
	if (message->type == SESSION_SIGNAL && message->value > 0 && message->value < _NSIG)
		signal_command(leader, message->value);
	else
		hang_up(leader); /* it speaks another language: it is no caller of ours */
}

static void on_connection(struct loop_source *source _unused_, uint32_t events, void *userdata)
{
	struct leader *leader = userdata;
	struct session_message message;
	size_t used = 0;
	ssize_t n;

	if (events & EPOLLOUT)
		flush(leader);
	if (leader->gone || !(events & ~EPOLLOUT))
		return;
	n = recv(leader->connection_fd, leader->in + leader->n_in,
		 sizeof(leader->in) - leader->n_in, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(leader);
		return;
	}
	leader->n_in += n;
	while (!leader->gone) {
		n = session_message_parse(leader->in + used, leader->n_in - used, &message, NULL);
		if (n == 0)
			break; /* one that never fits fills the buffer, and then recv gives 0 */
		if (n < 0) {
			hang_up(leader);
			return;
		}
		used += n;
		on_message(leader, &message);
	}
	leader->n_in -= used;
	memmove(leader->in, leader->in + used, leader->n_in);
}

/* ---- from the command ----------------------------------------------------------------- */

static const char *failure_verb(int status)
{
	return status == SESSION_EXIT_FAILED ? _("can't prepare") : _("can't run");
}

static void tell_failure(struct leader *leader, const struct command_failure *failure)
{
	const char *name = leader->request->arguments[0];
	_cleanup_free_ char *shown = str_escape(name, strnlen(name, 256)), *text = NULL;

	if (failure->status == SESSION_EXIT_NOT_FOUND && !strchr(name, '/'))
		text = str_format(_("can't run %s: command not found"), shown ?: "");
	else
		text = str_format("%s %s: %s", failure_verb(failure->status), shown ?: "",
				  strerror(failure->code));
	tell(leader, SESSION_FAILED, failure->status, text);
}

/* Closed by a successful exec; else it says why there was none. */
static void on_pipe(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	struct leader *leader = userdata;
	struct command_failure failure;
	ssize_t n;

	if (!leader->pipe)
		return;
	do
		n = read(leader->pipe_fd, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	leader->pipe = loop_source_free(leader->pipe);
	if (n == sizeof(failure))
		tell_failure(leader, &failure);
	else
		tell(leader, SESSION_STARTED, leader->command, NULL);
}

static void check_command(struct leader *leader)
{
	siginfo_t info = {};

	/* WNOWAIT: it is reaped in leader_run, when nothing is sent to its group any more */
	if (waitid(P_PID, leader->command, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    info.si_pid) {
		on_pipe(NULL, 0, leader);
		tell(leader, info.si_code == CLD_EXITED ? SESSION_EXITED : SESSION_KILLED,
		     info.si_status, NULL);
		return;
	}
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_PID, leader->command, &info, WSTOPPED | WCONTINUED | WNOHANG) < 0 ||
		    !info.si_pid)
			return;
		if (info.si_code == CLD_CONTINUED)
			tell(leader, SESSION_CONTINUED, 0, NULL);
		else
			tell(leader, SESSION_STOPPED, info.si_status, NULL);
	}
}

static void on_signal(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	struct leader *leader = userdata;
	struct signalfd_siginfo info;

	while (read(leader->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			check_command(leader);
		else
			start_ending(leader);
	}
}

/* ---- its life ------------------------------------------------------------------------- */

static int prepare(struct leader *leader)
{
	static const int watched[] = { SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	const int *number;
	sigset_t set;
	int r;

	sigemptyset(&set);
	ARRAY_FOREACH(number, watched)
		sigaddset(&set, *number);
	leader->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (leader->signal_fd < 0)
		return -errno;
	r = loop_new(&leader->loop);
	if (r >= 0)
		r = loop_add_timer(leader->loop, on_timer, leader, &leader->timer);
	if (r >= 0)
		r = loop_add_fd(leader->loop, leader->signal_fd, EPOLLIN, on_signal, leader,
				&leader->signals);
	if (r >= 0)
		r = loop_add_fd(leader->loop, leader->connection_fd, EPOLLIN, on_connection, leader,
				&leader->connection);
	return r;
}

static int start_command(struct leader *leader)
{
	pid_t self = getpid();
	_cleanup_close_ int write_fd = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	leader->pipe_fd = fds[0];
	write_fd = fds[1];
	leader->command = fork();
	if (leader->command < 0)
		return -errno;
	if (leader->command == 0)
		command_become(leader->request, write_fd, self);
	setpgid(leader->command, leader->command); /* both do it: who comes first is not known */
	/* the command's own: a pipe must end when the command closes it */
	close_range(STDIN_FILENO, STDERR_FILENO, 0);
	return loop_add_fd(leader->loop, leader->pipe_fd, EPOLLIN, on_pipe, leader, &leader->pipe);
}

int leader_run(const struct session_request *request, int connection_fd)
{
	struct leader leader = {
		.request = request,
		.connection_fd = connection_fd,
		.signal_fd = -1,
		.pipe_fd = -1,
	};
	int r = prepare(&leader);

	if (r >= 0)
		r = start_command(&leader);
	if (r < 0) {
		_cleanup_free_ char *text =
			str_format(_("can't start the command: %s"), strerror(-r));

		signal_command(&leader, SIGKILL);
		leader_report_failure(connection_fd, SESSION_EXIT_FAILED, text ?: "");
		return SESSION_EXIT_FAILED;
	}
	r = loop_run(leader.loop);
	if (r < 0) /* never to leave a command behind that nobody watches */
		signal_command(&leader, SIGKILL);
	waitpid(leader.command, NULL, 0);
	loop_source_free(leader.pipe);
	loop_source_free(leader.connection);
	loop_source_free(leader.signals);
	loop_source_free(leader.timer);
	loop_free(leader.loop);
	close_fd(leader.pipe_fd);
	close_fd(leader.signal_fd);
	return r < 0 ? SESSION_EXIT_FAILED : EXIT_SUCCESS;
}

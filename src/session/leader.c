/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The session's leader: starts the command, passes on what the caller sends, reports what becomes
 * of the command, and ends it when the caller or its terminal has gone.
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
#include <sys/syscall.h>
#include <sys/wait.h>

#include "session_private.h"

#define GRACE_USEC (2 * 1000 * 1000) /* between hang-up, SIGTERM and SIGKILL */
#define LOOK_USEC  (50 * 1000)       /* how soon it is seen that nobody is left to wait for */
#define TEXT_MAX   4096
#define OUT_MAX    (sizeof(struct session_message) * 256)
#define SIGHUP_BIT (UINT64_C(1) << (SIGHUP - 1))

static const int stages[] = { SIGHUP, SIGTERM, SIGKILL };
#define N_STAGES ARRAY_SIZE(stages)

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* asm-generic/socket.h, Linux 6.5 */
#endif

struct leader {
	const struct session_request *request;
	struct session_terminal_ends *terminal;
	bool foreground;
	int connection_fd, signal_fd, pipe_fd, peer_fd;
	pid_t command;
	struct loop *loop;
	struct loop_source *connection, *signals, *pipe, *timer;
	bool gone;    /* the caller: nobody is told anything any more */
	bool told;    /* the last message is on its way */
	bool stopped; /* the caller was told so and has not continued the command */
	bool swallow; /* its next SIGCONT: the command goes on already */
	bool waits;   /* the command was stopped because it wants its terminal */
	bool due;     /* and gets it when it goes on */
	size_t stage; /* of the hang-up: how many of its signals were sent */
	uint64_t next_stage;
	struct groups groups; /* that the hang-up is about */
	size_t n_in, n_out;
	char in[sizeof(struct session_message) * 64];
	char out[OUT_MAX + sizeof(struct session_message) + TEXT_MAX];
};

/* ---- to the caller -------------------------------------------------------------------- */

static void hang_up(struct leader *leader);

/* All that is to be done is done: the caller knows, and nobody is left who has to end. */
static bool is_finished(struct leader *leader)
{
	if (!leader->told || (!leader->gone && leader->n_out))
		return false;
	return leader->stage == 0 || leader->stage > N_STAGES || groups_look(&leader->groups) == 0;
}

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
	if (is_finished(leader))
		loop_exit(leader->loop, 0);
}

/* A caller that has stopped itself, as its command was stopped, reads nothing until it goes on. */
static void wake_caller(struct leader *leader)
{
	if (leader->peer_fd >= 0)
		syscall(SYS_pidfd_send_signal, leader->peer_fd, SIGCONT, NULL, 0);
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
	if (last && leader->stopped)
		wake_caller(leader);
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

/* The next signal of the hang-up, or only a look whether anybody is left. */
static void on_timer(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	struct leader *leader = userdata;

	if (leader->stage <= N_STAGES && now_usec() >= leader->next_stage) {
		if (leader->stage < N_STAGES) {
			groups_signal(&leader->groups, stages[leader->stage]);
			signal_command(leader, stages[leader->stage]);
			/* a stopped one would sleep through it */
			groups_signal(&leader->groups, SIGCONT);
			signal_command(leader, SIGCONT);
		}
		leader->stage++;
		leader->next_stage = now_usec() + GRACE_USEC;
	}
	if (is_finished(leader))
		loop_exit(leader->loop, 0);
	else if (leader->stage <= N_STAGES) /* no more can be done; its end will be heard of */
		loop_timer_set(leader->timer, LOOK_USEC);
}

/*
 * The caller or its terminal has gone, or somebody wants the leader to end: the command, whoever is
 * in the foreground and whoever is stopped get what the processes of a closed terminal get, and
 * who does not go on its own is ended. Others of the session (nohup, disown) live on; the terminal
 * has gone for them as well.
 */
static void start_ending(struct leader *leader)
{
	if (leader->stage > 0)
		return;
	groups_add(&leader->groups, terminal_foreground(leader->terminal));
	groups_add_stopped(&leader->groups);
	for (size_t i = 0; i < leader->groups.n; i++) /* that one has signals of its own */
		if (leader->groups.group[i].number == leader->command)
			leader->groups.group[i--] = leader->groups.group[--leader->groups.n];
	on_timer(leader->timer, 0, leader);
	terminal_hang_up(leader->terminal);
}

static void hang_up(struct leader *leader)
{
	if (leader->gone)
		return;
	leader->gone = true;
	leader->connection = loop_source_free(leader->connection);
	if (!leader->told)
		start_ending(leader);
	else if (is_finished(leader))
		loop_exit(leader->loop, 0);
}

/* While the command is stopped, a key's signal would be forgotten when it goes on: until then it
 * comes to us, who pass it on. */
static void change_foreground(struct leader *leader, bool foreground)
{
	leader->due = foreground && leader->waits;
	if (!leader->due)
		terminal_set_foreground(leader->terminal, leader->command, foreground);
}

/* By the caller. Outside, a process that reads its terminal in the foreground is not stopped: a
 * SIGTSTP that comes while ours is, on its way to the foreground, must not be lost, as the kernel
 * has it when a stopped process goes on. */
static void continue_command(struct leader *leader)
{
	bool again = leader->waits && process_has_pending(leader->command, SIGTSTP);

	leader->stopped = leader->waits = false;
	if (leader->due)
		terminal_set_foreground(leader->terminal, leader->command, true);
	leader->due = false;
	if (leader->swallow) {
		leader->swallow = false;
		return;
	}
	signal_command(leader, SIGCONT);
	if (again)
		signal_command(leader, SIGTSTP);
}

static void on_lost_terminal(struct leader *leader, bool end)
{
	/* with SIGHUP ignored (nohup) it is to outlive the terminal */
	if (end && !(leader->request->ignored & SIGHUP_BIT))
		start_ending(leader);
	terminal_hang_up(leader->terminal);
}

static void on_message(struct leader *leader, const struct session_message *message)
{
	if (message->type == SESSION_SIGNAL && message->value == SIGCONT)
		continue_command(leader);
	else if (message->type == SESSION_SIGNAL && message->value > 0 && message->value < _NSIG)
		signal_command(leader, message->value);
	else if (message->type == SESSION_FOREGROUND)
		change_foreground(leader, message->value);
	else if (message->type == SESSION_HANGUP)
		on_lost_terminal(leader, message->value);
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
		text = str_format(_("can't run %s: command not found"),
				  str_empty(shown) ? "\"\"" : shown);
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

static void on_stopped(struct leader *leader, int number)
{
	if (terminal_foreground(leader->terminal) == leader->command)
		number |= SESSION_STOPPED_IN_FOREGROUND;
	leader->waits = number == SIGTTIN || number == SIGTTOU;
	leader->stopped = true;
	leader->swallow = false;
	tell(leader, SESSION_STOPPED, number, NULL);
}

/* Not by the caller, who may have stopped itself: then it has to go on as well. */
static void on_continued(struct leader *leader)
{
	tell(leader, SESSION_CONTINUED, 0, NULL);
	if (!leader->stopped)
		return;
	leader->stopped = false;
	leader->swallow = true;
	wake_caller(leader);
}

/* What has become of the command, if it is one of these. */
static bool look_at_command(const struct leader *leader, int what, siginfo_t *ret)
{
	int r;

	do {
		ret->si_pid = 0;
		r = waitid(P_PID, leader->command, ret, what | WNOHANG);
	} while (r < 0 && errno == EINTR);
	return r == 0 && ret->si_pid;
}

static void check_command(struct leader *leader)
{
	siginfo_t info;

	/* WNOWAIT: it is reaped in leader_run, when nothing is sent to its group any more */
	if (look_at_command(leader, WEXITED | WNOWAIT, &info)) {
		on_pipe(NULL, 0, leader);
		tell(leader, info.si_code == CLD_EXITED ? SESSION_EXITED : SESSION_KILLED,
		     info.si_status, NULL);
		return;
	}
	while (look_at_command(leader, WSTOPPED | WCONTINUED, &info)) {
		if (info.si_code == CLD_CONTINUED)
			on_continued(leader);
		else
			on_stopped(leader, info.si_status);
	}
}

/* From the terminal: a key that was struck while the command was on its way to the foreground. Of a
 * hang-up we know already. */
static void on_terminal_signal(struct leader *leader, int number)
{
	if (number != SIGHUP)
		signal_command(leader, number);
}

static void on_signal(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	struct leader *leader = userdata;
	struct signalfd_siginfo info;

	while (read(leader->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			check_command(leader);
		else if (info.ssi_code == SI_KERNEL)
			on_terminal_signal(leader, info.ssi_signo);
		else if (info.ssi_signo != SIGTSTP)
			start_ending(leader);
	}
}

/* ---- its life ------------------------------------------------------------------------- */

static int prepare(struct leader *leader)
{
	static const int watched[] = { SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };
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
		command_become(leader->request, write_fd, self,
			       leader->foreground ? leader->terminal->slave_fd : -1);
	setpgid(leader->command, leader->command); /* both do it: who comes first is not known */
	/* the command's own: a pipe must end when the command closes it */
	close_range(STDIN_FILENO, STDERR_FILENO, 0);
	return loop_add_fd(leader->loop, leader->pipe_fd, EPOLLIN, on_pipe, leader, &leader->pipe);
}

/* The caller's process, to wake it; without one (an old kernel) it is not woken. */
static int open_peer(int connection_fd)
{
	struct ucred credentials;
	socklen_t length = sizeof(int);
	int fd = -1;

	if (getsockopt(connection_fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &length) == 0)
		return fd;
	length = sizeof(credentials);
	if (getsockopt(connection_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0 ||
	    credentials.pid <= 0)
		return -1;
	return syscall(SYS_pidfd_open, credentials.pid, 0);
}

int leader_run(const struct session_request *request, int connection_fd,
	       struct session_terminal_ends *terminal, bool foreground)
{
	struct leader leader = {
		.request = request,
		.terminal = terminal,
		.foreground = foreground,
		.connection_fd = connection_fd,
		.peer_fd = open_peer(connection_fd),
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
	terminal_leave(terminal, leader.command);
	waitpid(leader.command, NULL, 0);
	loop_source_free(leader.pipe);
	loop_source_free(leader.connection);
	loop_source_free(leader.signals);
	loop_source_free(leader.timer);
	loop_free(leader.loop);
	close_fd(leader.pipe_fd);
	close_fd(leader.signal_fd);
	close_fd(leader.peer_fd);
	return r < 0 ? SESSION_EXIT_FAILED : EXIT_SUCCESS;
}

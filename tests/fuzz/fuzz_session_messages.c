/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: what the two ends of a session say to each other, on a real socket. The first byte
 * says who listens:
 *   0: nsctl-session, to the caller's first message; the second byte is how many descriptors come
 *      with it
 *   1: nsctl, to the session; the second byte is how many bytes come together with nsctld's reply
 *   2: nsctl-session's leader, to the caller; the second byte is which signals the command ignores
 * The rest is what is said, and then the other end has gone. Whoever listens must come to an end,
 * keep no descriptor, and say something that makes sense.
 *
 * There is no command: starting, signalling and waiting for one is defined here instead of the C
 * library's. It ends of the signals that end programs.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cli/relay.h"
#include "fuzz.h"
#include "session/session_private.h"

#define COMMAND 0x3ffffffe /* above all numbers of processes */
#define FDS_MAX 8

static struct {
	bool listening;
	bool ended;
} command;

static void must(bool true_here)
{
	if (!true_here)
		abort();
}

/* ---- instead of the C library's, and of the rest of nsctl-session ---------------------------- */

pid_t fork(void)
{
	return COMMAND;
}

int kill(pid_t pid, int number)
{
	static const int ending[] = { SIGHUP, SIGINT, SIGTERM, SIGKILL };

	if (!command.listening)
		return 0; /* nsctl stops or ends itself */
	must(pid == -COMMAND && number > 0 && number < _NSIG);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		if (number == ending[i])
			command.ended = true;
	if (command.ended)
		raise(SIGCHLD);
	return 0;
}

int waitid(idtype_t type _unused_, id_t id, siginfo_t *info, int options)
{
	must(id == COMMAND);
	if (command.ended && options & WEXITED) {
		info->si_pid = COMMAND;
		info->si_code = CLD_KILLED;
		info->si_status = SIGTERM;
	}
	return 0;
}

pid_t waitpid(pid_t pid, int *status _unused_, int options _unused_)
{
	must(pid == COMMAND && command.ended);
	return pid;
}

int dup2(int from, int to)
{
	must(fcntl(from, F_GETFD) == FD_CLOEXEC && to >= 0 && to <= 2);
	return to;
}

int close_range(unsigned first _unused_, unsigned last _unused_, int flags _unused_)
{
	return 0;
}

int prctl(int option _unused_, ...)
{
	return -1;
}

void command_become(const struct session_request *request _unused_, int pipe_fd _unused_,
		    pid_t leader _unused_, int terminal_fd _unused_)
{
	abort();
}

void groups_add(struct groups *groups _unused_, pid_t number _unused_)
{
}

void groups_add_stopped(struct groups *groups _unused_)
{
}

size_t groups_look(struct groups *groups _unused_)
{
	return 0;
}

void groups_signal(struct groups *groups _unused_, int number _unused_)
{
}

bool process_has_pending(pid_t pid _unused_, int number _unused_)
{
	return true;
}

void terminal_set_foreground(struct session_terminal_ends *ends _unused_, pid_t group _unused_,
			     bool foreground _unused_)
{
}

pid_t terminal_foreground(const struct session_terminal_ends *ends _unused_)
{
	return 0;
}

void terminal_hang_up(struct session_terminal_ends *ends _unused_)
{
}

void terminal_leave(struct session_terminal_ends *ends _unused_, pid_t group _unused_)
{
}

/* ---- saying it ------------------------------------------------------------------------------- */

struct talk {
	int listener, speaker;
};

static void send_fds(int fd, const uint8_t *data, size_t size, int carried, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control = {};
	struct iovec part = { (void *)data, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n_fds) {
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * n_fds),
						   .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS };
		for (size_t i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &carried, sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	}
	if (size)
		must(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size);
}

static struct talk begin(const uint8_t *data, size_t size, int carried, size_t n_fds)
{
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	send_fds(fds[1], data, size, carried, n_fds);
	must(shutdown(fds[1], SHUT_WR) == 0);
	return (struct talk){ .listener = fds[0], .speaker = fds[1] };
}

static void end(struct talk *talk)
{
	close_fd(talk->listener);
	close_fd(talk->speaker);
}

/* ---- who listens ----------------------------------------------------------------------------- */

/* Are these bytes, with so many descriptors, what a caller has to begin with? */
static bool is_stdio(const uint8_t *data, size_t size, size_t n_fds)
{
	struct session_message message;

	if (size < sizeof(message))
		return false;
	memcpy(&message, data, sizeof(message));
	if (message.type != SESSION_STDIO || message.length)
		return false;
	return message.value == SESSION_TERMINAL_NONE
		       ? n_fds == 3
		       : (message.value == SESSION_TERMINAL_BACKGROUND ||
			  message.value == SESSION_TERMINAL_FOREGROUND) &&
				 n_fds == 4;
}

static void to_session(const uint8_t *data, size_t size, uint8_t how)
{
	_cleanup_error_ struct error error = {};
	enum session_terminal terminal = SESSION_TERMINAL_NONE;
	size_t n_fds = how % (FDS_MAX + 1);
	int carried[2], master = -1, r;
	struct pollfd poll_fd;
	struct talk talk;

	must(pipe2(carried, O_CLOEXEC) == 0);
	talk = begin(data, size, carried[1], n_fds);
	r = stdio_receive(talk.listener, &terminal, &master, &error);
	must((r == 0) == is_stdio(data, size, n_fds) && (r == 0) == (error.code == 0));
	must((master >= 0) == (r == 0 && terminal != SESSION_TERMINAL_NONE));
	close_fd(master);
	end(&talk);
	/* every copy has been closed, or the pipe would have a writer still */
	close_fd(carried[1]);
	poll_fd = (struct pollfd){ .fd = carried[0], .events = POLLIN };
	must(poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLHUP);
	close_fd(carried[0]);
}

static void to_nsctl(const uint8_t *data, size_t size, uint8_t how)
{
	_cleanup_error_ struct error error = {};
	struct terminal terminal = { .fd = -1, .master_fd = -1 };
	size_t early = how < size ? how : size;
	struct talk talk = begin(data + early, size - early, -1, 0);
	int r = relay_run(talk.listener, &terminal, false, data, early, &error);

	must(r <= 255);
	must(r >= 0 || error.code);
	end(&talk);
}

/* What the leader says is whole messages, and nothing follows the last. */
static void check_said(int fd)
{
	struct session_message message = {};
	uint8_t said[16384];
	ssize_t n = recv(fd, said, sizeof(said), MSG_DONTWAIT), used;
	const char *text;

	for (const uint8_t *p = said; n > 0; p += used, n -= used) {
		must(message.type < SESSION_EXITED);
		used = session_message_parse(p, n, &message, &text);
		must(used > 0 && message.type >= SESSION_STARTED);
	}
}

static void to_leader(const uint8_t *data, size_t size, uint8_t how)
{
	char *arguments[] = { "command", NULL };
	const struct session_request request = {
		.arguments = arguments,
		.ignored = how,
	};
	struct session_terminal_ends terminal = { .master_fd = -1, .slave_fd = -1 };
	struct talk talk = begin(data, size, -1, 0);

	command.listening = true;
	command.ended = false;
	must(leader_run(&request, talk.listener, &terminal, false) == EXIT_SUCCESS);
	command.listening = false;
	check_said(talk.speaker);
	end(&talk);
}

static void (*const listeners[])(const uint8_t *data, size_t size, uint8_t how) = {
	to_session,
	to_nsctl,
	to_leader,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	sigset_t set;

	if (!ready) { /* the leader hears of its command's end by a signalfd */
		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		must(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
		ready = true;
	}
	if (size >= 2 && size < 65536)
		listeners[data[0] % ARRAY_SIZE(listeners)](data + 2, size - 2, data[1]);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command's standard input, output and error, on their way from the caller to the session.
 *
 * The session takes them when it has the caller's rights only, so that whatever they are, they can
 * do no more to it than to the caller.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "session_private.h"

#define N_FDS        3
#define N_FDS_MAX    (N_FDS + 1) /* and the master of a terminal */
#define PATIENCE_MS  10000       /* a caller that never says what it wants is none */
#define CONTROL_SIZE CMSG_SPACE(sizeof(int) * N_FDS_MAX)

union control {
	struct cmsghdr header;
	char space[CONTROL_SIZE];
};

int session_send_stdio(int connection_fd, const int fds[3], enum session_terminal terminal,
		       int master_fd)
{
	struct session_message message = { .type = SESSION_STDIO, .value = terminal };
	struct iovec part = { &message, sizeof(message) };
	int all[N_FDS_MAX] = { fds[0], fds[1], fds[2], master_fd };
	size_t bytes = sizeof(int) * (terminal == SESSION_TERMINAL_NONE ? N_FDS : N_FDS_MAX);
	union control control = {
		.header = { .cmsg_len = CMSG_LEN(bytes),
			    .cmsg_level = SOL_SOCKET,
			    .cmsg_type = SCM_RIGHTS },
	};
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = CMSG_SPACE(bytes) };
	ssize_t n;

	memcpy(CMSG_DATA(&control.header), all, bytes);
	do
		n = sendmsg(connection_fd, &header, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* The descriptors that came, and how many. */
static size_t take_fds(struct msghdr *header, int fds[N_FDS_MAX])
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(header);
	size_t bytes;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	bytes = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), bytes);
	return bytes / sizeof(int);
}

static bool is_first_message(const struct session_message *message, size_t n_fds)
{
	switch (message->type == SESSION_STDIO && !message->length ? message->value : -1) {
	case SESSION_TERMINAL_NONE:
		return n_fds == N_FDS;
	case SESSION_TERMINAL_BACKGROUND:
	case SESSION_TERMINAL_FOREGROUND:
		return n_fds == N_FDS_MAX;
	default:
		return false;
	}
}

/* Exactly those that belong to the message, or none: -EBADMSG. */
static int receive(int connection_fd, int ret_fds[N_FDS_MAX], enum session_terminal *ret_terminal)
{
	struct session_message message = {};
	struct iovec part = { &message, sizeof(message) };
	union control control = {};
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(connection_fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fds[N_FDS_MAX];
	size_t n_fds;

	if (n < 0)
		return -errno;
	n_fds = take_fds(&header, fds);
	if (n == sizeof(message) && !(header.msg_flags & MSG_CTRUNC) &&
	    is_first_message(&message, n_fds)) {
		memcpy(ret_fds, fds, n_fds * sizeof(int));
		*ret_terminal = message.value;
		return 0;
	}
	while (n_fds)
		close_fd(fds[--n_fds]);
	return n == 0 ? -ECONNRESET : -EBADMSG;
}

int stdio_receive(int connection_fd, enum session_terminal *ret_terminal, int *ret_master,
		  struct error *error)
{
	struct pollfd poll_fd = { .fd = connection_fd, .events = POLLIN };
	enum session_terminal terminal = SESSION_TERMINAL_NONE;
	int fds[N_FDS_MAX] = { -1, -1, -1, -1 }, r = poll(&poll_fd, 1, PATIENCE_MS);

	if (r == 0)
		return error_set(error, ETIMEDOUT, _("standard input and output did not come"));
	r = r < 0 ? -errno : receive(connection_fd, fds, &terminal);
	for (int i = 0; r >= 0 && i < N_FDS; i++)
		if (dup2(fds[i], i) < 0)
			r = -errno;
	if (r < 0)
		return error_errno(error, r, _("can't take standard input and output"));
	for (int i = 0; i < N_FDS; i++)
		close_fd(fds[i]);
	*ret_terminal = terminal;
	*ret_master = fds[N_FDS];
	return 0;
}

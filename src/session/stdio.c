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
#define PATIENCE_MS  10000 /* a caller that never says what it wants is none */
#define CONTROL_SIZE CMSG_SPACE(sizeof(int) * N_FDS)

union control {
	struct cmsghdr header;
	char space[CONTROL_SIZE];
};

int session_send_stdio(int connection_fd, const int fds[3])
{
	struct session_message message = { .type = SESSION_STDIO };
	struct iovec part = { &message, sizeof(message) };
	union control control = {
		.header = { .cmsg_len = CMSG_LEN(sizeof(int) * N_FDS),
			    .cmsg_level = SOL_SOCKET,
			    .cmsg_type = SCM_RIGHTS },
	};
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control) };
	ssize_t n;

	memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * N_FDS);
	do
		n = sendmsg(connection_fd, &header, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* The three of them, or nothing; -EBADMSG when it is not exactly that. */
static int receive(int connection_fd, int ret_fds[N_FDS])
{
	struct session_message message = {};
	struct iovec part = { &message, sizeof(message) };
	union control control = {};
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(connection_fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = CMSG_FIRSTHDR(&header);

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ECONNRESET;
	/* what came otherwise is closed by the end of this process */
	if (n != sizeof(message) || message.type != SESSION_STDIO || message.length ||
	    header.msg_flags & MSG_CTRUNC || !c || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int) * N_FDS))
		return -EBADMSG;
	memcpy(ret_fds, CMSG_DATA(c), sizeof(int) * N_FDS);
	return 0;
}

int stdio_receive(int connection_fd, struct error *error)
{
	struct pollfd poll_fd = { .fd = connection_fd, .events = POLLIN };
	int fds[N_FDS], r = poll(&poll_fd, 1, PATIENCE_MS);

	if (r == 0)
		return error_set(error, ETIMEDOUT, _("standard input and output did not come"));
	r = r < 0 ? -errno : receive(connection_fd, fds);
	for (int i = 0; r >= 0 && i < N_FDS; i++)
		if (dup2(fds[i], i) < 0)
			r = -errno;
	if (r < 0)
		return error_errno(error, r, _("can't take standard input and output"));
	for (int i = 0; i < N_FDS; i++)
		close_fd(fds[i]);
	return 0;
}

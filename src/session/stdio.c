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

#define N_FDS       3
#define N_FDS_MAX   (N_FDS + 1) /* and the master of a terminal */
#define PATIENCE_MS 10000       /* a caller that never says what it wants is none */

int session_send_stdio(int connection_fd, const int fds[3], enum session_terminal terminal,
		       int master_fd)
{
	struct session_message message = { .type = SESSION_STDIO, .value = terminal };
	int all[N_FDS_MAX] = { fds[0], fds[1], fds[2], master_fd };
	ssize_t n = send_with_fds(connection_fd, &message, sizeof(message), all,
				  terminal == SESSION_TERMINAL_NONE ? N_FDS : N_FDS_MAX, 0);

	return n < 0 ? n : 0;
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
	int fds[N_FDS_MAX];
	size_t n_fds = N_FDS_MAX;
	ssize_t n = receive_with_fds(connection_fd, &message, sizeof(message), fds, &n_fds,
				     MSG_DONTWAIT);

	if (n < 0)
		return n;
	if (n == sizeof(message) && is_first_message(&message, n_fds)) {
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
	*ret_master = terminal == SESSION_TERMINAL_NONE ? -1 : fds[N_FDS];
	return 0;
}

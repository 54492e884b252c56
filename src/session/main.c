/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl-session: one command, run in a profile for an unprivileged caller.
 *
 * nsctld starts it once with root's rights, as the starter (starter.c). Each process that comes out
 * of that has the descriptors of nsctl/session.h, and nsctld has authorised the caller already. The
 * order: take the request, become the caller inside the profile (enter.c), take the caller's
 * descriptors (lead.c, stdio.c) and terminal (terminal.c), start the command and stay as its
 * session's leader (leader.c). Any step that fails ends it before a command was started, and the
 * caller is told on the connection. No locale is set, so that no message looks for files inside the
 * profile.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "session_private.h"

/* Only nsctld has a reason to start this; somebody who tries it in a shell is told so. */
static bool started_by_nsctld(void)
{
	int domain = 0, type = 0;
	socklen_t length = sizeof(int);

	if (getsockopt(SESSION_FD_STARTER, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 ||
	    getsockopt(SESSION_FD_STARTER, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
		return false;
	return domain == AF_UNIX && type == SOCK_SEQPACKET;
}

static int check_fds(struct error *error)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return error_set(error, EBADF, _("descriptor %d is missing"), fd);
	if (fcntl(SESSION_FD_CONNECTION, F_SETFD, FD_CLOEXEC) < 0)
		return error_errno(error, errno, _("can't use the connection"));
	return 0;
}

/* From here on a signal waits: the leader takes it from a signalfd, the command gets an empty mask.
 */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static int session_run(int r, struct error *error)
{
	struct session_request request = {};
	int status;

	if (r >= 0)
		r = check_fds(error);
	if (r >= 0)
		r = request_receive(SESSION_FD_REQUEST, &request, error);
	if (r >= 0)
		r = enter(&request, error);
	status = session_lead(&request, SESSION_FD_CONNECTION, r, error);
	session_request_clear(&request);
	return status;
}

int main(int argc _unused_, char **argv)
{
	_cleanup_error_ struct error error = {};
	int r;

	if (!started_by_nsctld()) {
		fputs(_("nsctl-session is started by nsctld; run \"nsctl exec\" instead\n"),
		      stderr);
		return SESSION_EXIT_FAILED;
	}
	r = starter_run(argv[0], &error);
	/* a session from here on */
	block_signals();
	/* not by exit(3): a sanitizer, which looks for leaks there, waits for ever for a process
	 * that nobody may trace */
	_exit(session_run(r, &error));
}

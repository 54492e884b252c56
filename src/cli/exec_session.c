/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec for root as another user, from a terminal: the command gets a session and a terminal of its
 * own, as it would from nsctld, and root's nsctl stays outside the profile and relays. A command
 * that kept root's terminal could type into root's shell (TIOCSTI), and whatever it left behind
 * could read on there.
 *
 * The session's leader (src/session) is a child of nsctl's that has become the user before it takes
 * anything from the terminal.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "cli.h"
#include "nsctl/session.h"

/* The leader takes its signals from a signalfd; what is ignored is ignored by the command alone. */
static void take_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int number = 1; number < _NSIG; number++)
		signal(number, SIG_DFL);
}

/* Exactly 0, 1, 2 and the connection are left. */
static int keep_connection(int fd, struct error *error)
{
	if ((fd != SESSION_FD_CONNECTION && dup3(fd, SESSION_FD_CONNECTION, O_CLOEXEC) < 0) ||
	    close_range(SESSION_FD_CONNECTION + 1, ~0U, 0) < 0)
		return error_errno(error, errno, _("can't close what is not the command's"));
	return 0;
}

/* First a session of its own: the keys of root's terminal are for the other end to pass on. Blocked
 * are signals only later, for a nsctld that has to be started again would inherit that. */
static int become_leader(int fd, exec_become_fn become, void *userdata, struct error *error)
{
	int r;

	if (setsid() < 0)
		return error_errno(error, errno, _("can't start a session"));
	r = become(userdata, error);
	take_signals();
	/* its uid alone would let the user trace it and speak in its name */
	if (r >= 0 && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = error_errno(error, errno, _("can't close itself to tracing"));
	return r < 0 ? r : keep_connection(fd, error);
}

/* In the child. */
static int lead(const struct exec *exec, int fd, exec_become_fn become, void *userdata)
{
	struct session_request request = { .ignored = signals_ignored(),
					   .arguments = exec->command,
					   .profile = (char *)exec->profile };
	_cleanup_error_ struct error error = {};
	int r = become_leader(fd, become, userdata, &error);

	if (r >= 0)
		fd = SESSION_FD_CONNECTION;
	request.environment = environ;
	return session_lead(&request, fd, r, &error);
}

bool exec_has_terminal(void)
{
	_cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd >= 0;
}

int exec_in_session(const struct exec *exec, uid_t owner, exec_become_fn become, void *userdata,
		    struct error *error)
{
	_cleanup_close_ int ours = -1;
	int fds[2];
	pid_t pid;
	int r = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return error_errno(error, errno, _("can't start a session"));
	ours = fds[0];
	pid = fork();
	if (pid == 0) {
		close(TAKE_FD(ours)); /* the leader has to see when the other end is closed */
		_exit(lead(exec, fds[1], become, userdata));
	}
	if (pid < 0)
		r = error_errno(error, errno, _("can't start a session"));
	close(fds[1]);
	return r < 0 ? r : exec_speak(ours, owner, NULL, 0, error);
}

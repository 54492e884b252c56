/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last steps of the new process before it is the command.
 *
 * It has the caller's rights already. It starts with all signals blocked, so that what the caller
 * sends meanwhile waits until the dispositions are the command's.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "session_private.h"

/* All others are at their defaults since the starter's start. */
static void ignore_signals(uint64_t mask)
{
	for (int number = 1; number < _NSIG; number++)
		if (mask & UINT64_C(1) << (number - 1))
			signal(number, SIG_IGN);
}

static void fail(int pipe_fd, int status, int code) __attribute__((noreturn));
static void fail(int pipe_fd, int status, int code)
{
	struct command_failure failure = { .status = status, .code = code };

	write_all(pipe_fd, &failure,
		  sizeof(failure)); /* no reader: the leader has gone, and so do we */
	_exit(status);
}

/* The environment as the caller gave it, with NSCTL_PROFILE saying where we are. */
static int set_environment(const struct session_request *request)
{
	static const char prefix[] = "NSCTL_PROFILE=";
	size_t n = 0;
	char **v = calloc(strv_length(request->environment) + 2, sizeof(*v));
	char *const *s;

	if (!v)
		return -ENOMEM;
	STRV_FOREACH(s, request->environment)
		if (!str_starts_with(*s, prefix))
			v[n++] = *s;
	v[n] = str_format("%s%s", prefix, request->profile);
	if (!v[n])
		return -ENOMEM;
	environ = v; /* also where PATH is looked for; ends with the process */
	return 0;
}

void command_become(const struct session_request *request, int pipe_fd, pid_t leader,
		    int terminal_fd)
{
	sigset_t none;
	int r, status;

	/* a hang-up when the leader ends before its time, as for the processes of a terminal */
	if (prctl(PR_SET_PDEATHSIG, SIGHUP) < 0)
		fail(pipe_fd, SESSION_EXIT_FAILED, errno);
	if (getppid() != leader)
		_exit(SESSION_EXIT_FAILED);
	if (setpgid(0, 0) < 0)
		fail(pipe_fd, SESSION_EXIT_FAILED, errno);
	/* here and not by the leader: the command must be there before it looks */
	if (terminal_fd >= 0 && tcsetpgrp(terminal_fd, getpid()) < 0)
		fail(pipe_fd, SESSION_EXIT_FAILED, errno);
	r = set_environment(request);
	if (r < 0)
		fail(pipe_fd, SESSION_EXIT_FAILED, -r);
	ignore_signals(request->ignored);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	r = session_execute(request->arguments, &status);
	fail(pipe_fd, status, -r);
}

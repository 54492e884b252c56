/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Background: a fork, a pipe that says when all is ready, and a log file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "background.h"

static _Noreturn void wait_for_child(pid_t pid, int fd)
{
	char byte;
	ssize_t n;
	int status;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(EXIT_SUCCESS);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			_exit(EXIT_FAILURE);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int background_enter(int *ret_ready_fd, struct error *error)
{
	_cleanup_close_ int reader = -1, writer = -1;
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_errno(error, errno, _("can't go into the background"));
	reader = pipe_fds[0];
	writer = pipe_fds[1];
	pid = fork();
	if (pid < 0)
		return error_errno(error, errno, _("can't go into the background"));
	if (pid > 0) {
		writer = close_fd(writer);
		wait_for_child(pid, reader);
	}
	if (setsid() < 0 || chdir("/") < 0)
		return error_errno(error, errno, _("can't go into the background"));
	*ret_ready_fd = TAKE_FD(writer);
	return 0;
}

int background_ready(int ready_fd, const char *log_path, struct error *error)
{
	_cleanup_close_ int fd = open(
		log_path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0640);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		return error_errno(error, errno, _("can't write the log %s"), log_path);
	log_keep_file();
	if (write_all(ready_fd, "", 1) < 0)
		log_debug("nobody waits for nsctld to be ready");
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs that live on without the daemon that started them, and how the next daemon finds them.
 *
 * Such a program holds a lock on a file (fcntl(2), F_SETLK). The kernel tells whose lock it is, and
 * takes it away with the process: no number has to be written down, and none is believed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "nsctl/kernel.h"

struct start {
	const char *program;
	char *const *arguments;
	int fd;
	int pidfd; /* of the program, when it has been started */
};

/* System calls only: it is a copy of a process that may have threads. */
static _Noreturn void become(const struct start *start)
{
	char *environment[] = { NULL };
	const char *text;
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), told_fd = start->fd;
	sigset_t none;

	sigemptyset(&none);
	if (null_fd >= 0 && dup2(start->fd, DETACHED_FD) >= 0) {
		told_fd = DETACHED_FD; /* until then it is another's */
		if (dup2(null_fd, 0) >= 0 && dup2(null_fd, 1) >= 0 && dup2(null_fd, 2) >= 0 &&
		    close_range(DETACHED_FD + 1, ~0U, 0) == 0 && setsid() >= 0 && chdir("/") == 0 &&
		    sigprocmask(SIG_SETMASK, &none, NULL) == 0)
			execve(start->program, start->arguments, environment);
	}
	text = strerrordesc_np(errno);
	write_all(told_fd, text, strlen(text));
	_exit(EXIT_FAILURE);
}

/* In a child that ends at once: so the program is nobody's child. */
static int fork_and_leave(void *argument)
{
	struct start *start = argument;
	struct clone_args arguments = { .flags = CLONE_CLEAR_SIGHAND | CLONE_PIDFD,
					.pidfd = (uintptr_t)&start->pidfd };
	long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (pid == 0)
		become(start);
	return pid < 0 ? -errno : 0;
}

int detached_start(int network, const char *program, char *const *arguments, int fd, int *ret_pidfd)
{
	struct start start = { .program = program, .arguments = arguments, .pidfd = -1 };
	struct ns_place place = { .network = network, .mount = -1 };
	int r;

	/* out of the way of where it has to go */
	start.fd = fcntl(fd, F_DUPFD_CLOEXEC, DETACHED_FD + 1);
	if (start.fd < 0)
		return -errno;
	r = ns_call(&place, fork_and_leave, &start);
	close_fd(start.fd);
	if (r < 0)
		close_fd(start.pidfd);
	else
		*ret_pidfd = start.pidfd;
	return r;
}

static pid_t holder(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type == F_UNLCK || lock.l_pid <= 0 ? -ESRCH : lock.l_pid;
}

static int network_of(pid_t pid, struct file_id *ret)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	if (stat(path, &st) < 0)
		return errno == ENOENT ? -ESRCH : -errno; /* it has ended */
	*ret = (struct file_id){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

int detached_find(const char *path, int *ret_pidfd, struct file_id *ret_network)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_close_ int pidfd = -1;
	pid_t pid = fd < 0 ? -errno : holder(fd);
	struct file_id network;
	int r;

	if (pid < 0)
		return pid;
	pidfd = pidfd_open(pid, 0);
	r = pidfd < 0 ? -errno : network_of(pid, &network);
	/* asked again: both are of the one that has the lock, and of no later process */
	if (holder(fd) != pid)
		return -ESRCH;
	if (r < 0)
		return r;
	*ret_network = network;
	*ret_pidfd = TAKE_FD(pidfd);
	return 0;
}

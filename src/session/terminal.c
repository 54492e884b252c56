/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command's terminal, as the leader of its session has it: a new pty of the caller's, and never
 * anything else.
 *
 * The leader holds both ends. The slave, because only a member of the session may say which group
 * is in the foreground. The master, because the kernel forgets that group in the moment the last
 * master is closed: so when the caller is killed, the leader can still ask who has to hear of it,
 * and the terminal goes only afterwards.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "session_private.h"

/* By what the kernel says of the descriptor itself: its ioctls a file of the caller's own file
 * system could answer as it likes. Documentation/admin-guide/devices.txt: 5:2 is /dev/ptmx, and
 * that of each devpts. */
static bool is_master(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2);
}

int terminal_take(struct session_terminal_ends *ends, int master_fd, struct error *error)
{
	_cleanup_close_ int slave_fd = -1;
	pid_t session;

	ends->master_fd = master_fd;
	errno = ENOTTY;
	if (is_master(master_fd))
		slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd < 0)
		return error_errno(error, errno, _("the terminal is no new one"));
	/* asked at the master, this is answered whoever has it; ENOTTY: nobody has */
	if (ioctl(master_fd, TIOCGSID, &session) == 0 || errno != ENOTTY)
		return error_set(error, EBUSY, _("the terminal is in use already"));
	/* 0: never to be taken from a session that came between */
	if (ioctl(slave_fd, TIOCSCTTY, 0) < 0)
		return error_errno(error, errno, _("can't take the terminal"));
	ends->slave_fd = TAKE_FD(slave_fd);
	return 0;
}

/* All signals are blocked here: a SIGTTOU for this could only be one that stops us. */
void terminal_set_foreground(struct session_terminal_ends *ends, pid_t command, bool foreground)
{
	pid_t current = ends->slave_fd < 0 ? -1 : tcgetpgrp(ends->slave_fd), self = getpgrp();

	if (current < 0 || (current != self) == foreground)
		return;
	if (!foreground) {
		ends->before = current;
		tcsetpgrp(ends->slave_fd, self);
		return;
	}
	/* a shell of the command's may have had a job of its own there */
	if (ends->before <= 1 || tcsetpgrp(ends->slave_fd, ends->before) < 0)
		tcsetpgrp(ends->slave_fd, command);
}

pid_t terminal_foreground(const struct session_terminal_ends *ends)
{
	pid_t group = ends->slave_fd < 0 ? -1 : tcgetpgrp(ends->slave_fd);

	return group > 1 && group != getpgrp() ? group : 0;
}

void terminal_hang_up(struct session_terminal_ends *ends)
{
	ends->master_fd = close_fd(ends->master_fd);
}

/* The kernel hangs up the foreground group when the leader ends. What the command has left behind
 * in its own group is no business of a terminal that it only used; a job of its shell's is. */
void terminal_leave(struct session_terminal_ends *ends, pid_t command)
{
	if (ends->slave_fd >= 0 && tcgetpgrp(ends->slave_fd) == command)
		tcsetpgrp(ends->slave_fd, getpgrp());
	ends->slave_fd = close_fd(ends->slave_fd);
	terminal_hang_up(ends);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Terminals: whose turn it is, modes and sizes. Knows nothing of sessions.
 *
 * The user's terminal is used through an open file description of our own: its O_NONBLOCK must not
 * be seen by others who have the same terminal.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "terminal.h"

#define OPEN_FLAGS (O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)

/* The controlling terminal even where none of the three is it: programs ask for passwords there.
 * Else, without job control, the first of the three that is one. */
static int open_users(struct terminal *terminal)
{
	char path[32];

	terminal->nonblocking = true;
	terminal->fd = open("/dev/tty", OPEN_FLAGS);
	for (int fd = STDIN_FILENO; terminal->fd < 0 && fd <= STDERR_FILENO; fd++) {
		if (!isatty(fd))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		terminal->fd = open(path, OPEN_FLAGS);
		if (terminal->fd < 0) { /* another user's, after su */
			terminal->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
			terminal->nonblocking = false;
		}
	}
	return terminal->fd;
}

/* TIOCGDEV tells /dev/tty from the device that it stands for. */
static bool same_terminal(int a, int b)
{
	unsigned device_a, device_b;

	return ioctl(a, TIOCGDEV, &device_a) == 0 && ioctl(b, TIOCGDEV, &device_b) == 0 &&
	       device_a == device_b;
}

static int open_pty(struct terminal *terminal)
{
	terminal->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (terminal->master_fd < 0 || unlockpt(terminal->master_fd) < 0)
		return -errno;
	terminal->slave_fd = ioctl(terminal->master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return terminal->slave_fd < 0 ? -errno : 0;
}

/* From the background too, where it may only be done because it has to: without being stopped. */
static bool set_modes(int fd, const struct termios *modes)
{
	sigset_t set, saved;
	int r;

	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigprocmask(SIG_BLOCK, &set, &saved);
	/* now: what was typed ahead stays, and output that is on its way was processed already */
	do
		r = tcsetattr(fd, TCSANOW, modes);
	while (r < 0 && errno == EINTR);
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return r == 0;
}

/* To the command's. A pty does not take all of them: what it has made of them is remembered. */
static void give_modes(struct terminal *terminal, const struct termios *modes)
{
	set_modes(terminal->master_fd, modes);
	tcgetattr(terminal->master_fd, &terminal->given);
}

int terminal_open(struct terminal *terminal, int fds[3], struct error *error)
{
	bool replaced[3] = {};
	int r;

	if (open_users(terminal) < 0)
		return 0;
	if (tcgetattr(terminal->fd, &terminal->first) < 0) {
		terminal_close(terminal); /* gone already: nothing to imitate */
		return 0;
	}
	terminal->user = terminal->first;
	r = open_pty(terminal);
	if (r >= 0)
		give_modes(terminal, &terminal->first);
	if (r < 0) {
		terminal_close(terminal);
		return error_errno(error, r, _("can't make a terminal"));
	}
	terminal_copy_size(terminal);
	/* Another terminal than the user's is passed like a file: it is nobody's keyboard here. */
	for (int fd = 0; fd < 3; fd++) {
		replaced[fd] = isatty(fds[fd]) && same_terminal(fds[fd], terminal->fd);
		if (replaced[fd])
			fds[fd] = terminal->slave_fd;
	}
	terminal->whole = replaced[STDIN_FILENO] && replaced[STDOUT_FILENO];
	return 0;
}

void terminal_close(struct terminal *terminal)
{
	terminal->fd = close_fd(terminal->fd);
	terminal->slave_fd = close_fd(terminal->slave_fd);
	terminal->master_fd = close_fd(terminal->master_fd);
}

bool terminal_in_foreground(const struct terminal *terminal)
{
	pid_t group = terminal_exists(terminal) ? tcgetpgrp(terminal->fd) : 0;

	/* one that is not our controlling terminal knows no background */
	return group < 0 ? errno == ENOTTY && !terminal_is_gone(terminal) : group == getpgrp();
}

bool terminal_is_gone(const struct terminal *terminal)
{
	struct pollfd poll_fd = { .fd = terminal->fd };

	return poll(&poll_fd, 1, 0) > 0 && poll_fd.revents & (POLLHUP | POLLERR);
}

/* ---- modes ------------------------------------------------------------------------------ */

static bool is_raw(const struct termios *modes)
{
	return !(modes->c_lflag & (ICANON | ECHO | ISIG)) && !(modes->c_oflag & OPOST);
}

static bool same_modes(const struct termios *a, const struct termios *b)
{
	return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
	       a->c_cflag == b->c_cflag && memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

bool terminal_make_raw(struct terminal *terminal)
{
	struct termios modes, command;
	bool echoed;

	if (tcgetattr(terminal->fd, &modes) < 0)
		return false;
	echoed = modes.c_lflag & ECHO;
	if (!terminal->raw)
		/* raw already: that is another nsctl's doing, in the same pipeline */
		terminal->user = is_raw(&modes) ? terminal->first : modes;
	/* unless it has set its own, the command has the user's of now: in the background they may
	 * have been those of the shell's line editor */
	if (tcgetattr(terminal->master_fd, &command) == 0 && same_modes(&command, &terminal->given))
		give_modes(terminal, &terminal->user);
	cfmakeraw(&modes);
	modes.c_cc[VMIN] = 1;
	modes.c_cc[VTIME] = 0;
	set_modes(terminal->fd, &modes);
	terminal->raw = true;
	return echoed;
}

size_t terminal_type_quietly(struct terminal *terminal, const char *data, size_t length)
{
	struct pollfd poll_fd = { .fd = terminal->slave_fd, .events = POLLIN };
	struct termios modes, quiet;
	ssize_t n;

	if (length == 0 || tcgetattr(terminal->master_fd, &modes) < 0)
		return 0;
	quiet = modes;
	quiet.c_lflag &= ~(ECHO | ECHONL);
	set_modes(terminal->master_fd, &quiet);
	n = write(terminal->master_fd, data, length);
	/* they are on their way: a look at the other end waits until they have arrived */
	poll(&poll_fd, 1, 0);
	set_modes(terminal->master_fd, &modes);
	return n < 0 ? 0 : n;
}

void keys_add(struct keys *keys, const char *data, size_t length)
{
	size_t room = sizeof(keys->data), kept;

	if (length > room) {
		data += length - room;
		length = room;
	}
	kept = keys->length < room - length ? keys->length : room - length;
	memmove(keys->data, keys->data + keys->length - kept, kept);
	memcpy(keys->data + kept, data, length);
	keys->length = kept + length;
}

bool keys_end_with(const struct keys *keys, const char *data, size_t length)
{
	const char *typed = keys->data + keys->length - length;

	if (length > keys->length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (typed[i] != data[i] && !(typed[i] == '\r' && data[i] == '\n'))
			return false;
	return true;
}

/* Where it is not allowed they are lost, as with any other terminal in between. */
static void push_back(int fd, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (ioctl(fd, TIOCSTI, data + i) < 0)
			return;
}

void terminal_give_back(struct terminal *terminal, const struct keys *typed, const char *data,
			size_t length)
{
	struct termios modes, all;
	char unread[sizeof(typed->data)];
	ssize_t n;

	if (!terminal->raw || !terminal_in_foreground(terminal) ||
	    tcgetattr(terminal->master_fd, &modes) < 0)
		return;
	/* also what there is of a line; put back, for they may become those of the user's */
	all = modes;
	all.c_lflag &= ~ICANON;
	all.c_cc[VMIN] = all.c_cc[VTIME] = 0;
	/* a line that is not complete would be waited for */
	n = set_modes(terminal->master_fd, &all) ? read(terminal->slave_fd, unread, sizeof(unread))
						 : 0;
	set_modes(terminal->master_fd, &modes);
	if (n > 0 && keys_end_with(typed, unread, n))
		push_back(terminal->fd, unread, n);
	push_back(terminal->fd, data, length);
}

void terminal_restore(struct terminal *terminal, bool as_command)
{
	struct termios command;

	if (!terminal->raw)
		return;
	terminal->raw = false;
	/* whoever is in the foreground has set the modes that it wants */
	if (!terminal_in_foreground(terminal))
		return;
	if (as_command && tcgetattr(terminal->master_fd, &command) == 0 &&
	    !same_modes(&command, &terminal->given))
		set_modes(terminal->fd, &command);
	else
		set_modes(terminal->fd, &terminal->user);
}

bool terminal_copy_size(struct terminal *terminal)
{
	struct winsize size, command;

	if (ioctl(terminal->fd, TIOCGWINSZ, &size) < 0)
		return false;
	if (ioctl(terminal->master_fd, TIOCGWINSZ, &command) == 0 &&
	    memcmp(&size, &command, sizeof(size)) == 0)
		return false;
	return ioctl(terminal->master_fd, TIOCSWINSZ, &size) == 0;
}

bool terminal_doubles_newlines(const struct terminal *terminal)
{
	struct termios modes;

	return !terminal->raw && tcgetattr(terminal->master_fd, &modes) == 0 &&
	       modes.c_oflag & OPOST && modes.c_oflag & ONLCR;
}

int terminal_key_signal(const struct termios *modes, char byte)
{
	static const struct {
		int key, signal;
	} keys[] = { { VINTR, SIGINT }, { VQUIT, SIGQUIT }, { VSUSP, SIGTSTP } };

	if (!(modes->c_lflag & ISIG) || byte == _POSIX_VDISABLE)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (modes->c_cc[keys[i].key] == (cc_t)byte)
			return keys[i].signal;
	return 0;
}

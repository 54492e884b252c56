/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal, lent to a live view and given back as it was: the alternate screen (xterm's
 * control sequences, which every terminal in use knows), the cursor hidden, keys without echo and
 * without a line to be ended. Signals stay keys' own: Ctrl-C and Ctrl-Z do what they do.
 *
 * It is written to by a description of our own that does not block, for a terminal that nobody
 * reads (a stalled connection, Ctrl-S) must not keep a signal from ending us. The caller's
 * description is left alone: others have it too.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "aaaa.h"

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"
/* ends what was cut off in the middle (ECMA-48, 8.3.6) */
#define CANCEL "\030"

enum { LEAVE_MSEC = 200 }; /* for which a terminal that takes nothing is waited for at the end */

struct screen {
	int fd;
	bool keys; /* stdin is a terminal, in a mode of ours */
	struct termios saved;
	char *pending; /* what of the last frame has not been taken */
	size_t length, done;
};

static int reopen_terminal(void)
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	/* one of another namespace may not be reached by any path */
	return fd >= 0 ? fd : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

int screen_enter(struct screen **ret)
{
	struct screen *screen;
	struct termios mode;

	if (!isatty(STDOUT_FILENO))
		return -ENOTTY;
	screen = calloc(1, sizeof(*screen));
	if (!screen)
		return -ENOMEM;
	screen->fd = reopen_terminal();
	if (tcgetattr(STDIN_FILENO, &screen->saved) == 0) {
		mode = screen->saved;
		mode.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
		mode.c_cc[VMIN] = 1;
		mode.c_cc[VTIME] = 0;
		screen->keys = tcsetattr(STDIN_FILENO, TCSANOW, &mode) == 0;
	}
	screen->pending = strdup(ENTER);
	screen->length = screen->pending ? strlen(ENTER) : 0;
	*ret = screen;
	return 0;
}

/* The usual screen, if the terminal takes that. */
static void write_leave(struct screen *screen)
{
	static const char text[] = LEAVE;
	struct pollfd fd = { .fd = screen->fd, .events = POLLOUT };
	const char *p = text, *end = text + sizeof(text) - 1;

	if (screen_wants_write(screen) && write(screen->fd, CANCEL, 1) < 0 && errno != EAGAIN)
		return;
	while (p < end) {
		ssize_t n = write(screen->fd, p, (size_t)(end - p));

		if (n > 0)
			p += n;
		else if (errno != EINTR && (errno != EAGAIN || poll(&fd, 1, LEAVE_MSEC) <= 0))
			return;
	}
}

struct screen *screen_leave(struct screen *screen)
{
	if (!screen)
		return NULL;
	write_leave(screen);
	if (screen->keys) { /* what was typed meanwhile was meant for the view */
		tcflush(STDIN_FILENO, TCIFLUSH);
		tcsetattr(STDIN_FILENO, TCSANOW, &screen->saved);
	}
	close_fd(screen->fd);
	free(screen->pending);
	free(screen);
	return NULL;
}

void screen_leavep(struct screen **screen)
{
	*screen = screen_leave(*screen);
}

void screen_size(unsigned *ret_columns, unsigned *ret_rows)
{
	struct winsize size;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

	*ret_columns = known && size.ws_col > 0 ? size.ws_col : 80;
	*ret_rows = known && size.ws_row > 0 ? size.ws_row : 24;
}

int screen_fd(const struct screen *screen)
{
	return screen->fd;
}

bool screen_wants_write(const struct screen *screen)
{
	return screen->done < screen->length;
}

int screen_flush(struct screen *screen)
{
	while (screen_wants_write(screen)) {
		ssize_t n = write(screen->fd, screen->pending + screen->done,
				  screen->length - screen->done);

		if (n >= 0)
			screen->done += (size_t)n;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int screen_show(struct screen *screen, const char *frame)
{
	char *text = NULL;
	size_t length;
	FILE *out;
	int r = screen_flush(screen);

	if (r < 0 || screen_wants_write(screen))
		return r;
	out = open_memstream(&text, &length);
	if (!out)
		return -ENOMEM;
	/* each line clears what stood behind its end, and the last one what stood below */
	fputs("\033[H", out);
	for (; *frame; frame++)
		if (*frame == '\n')
			fputs("\033[K\r\n", out);
		else
			fputc(*frame, out);
	fputs("\033[K\033[J", out);
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	free(screen->pending);
	screen->pending = text;
	screen->length = length;
	screen->done = 0;
	return screen_flush(screen);
}

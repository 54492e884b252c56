/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal, lent to a live view and given back as it was: the alternate screen (xterm's
 * control sequences, which every terminal in use knows), the cursor hidden, keys without echo and
 * without a line to be ended. Signals stay keys' own: Ctrl-C and Ctrl-Z do what they do.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "aaaa.h"

#define ENTER "\033[?1049h\033[?25l\033[2J"
#define LEAVE "\033[?25h\033[?1049l"

struct screen {
	bool keys; /* stdin is a terminal, in a mode of ours */
	struct termios saved;
};

static void put(const char *text)
{
	/* nobody could be told that this failed */
	if (write_all(STDOUT_FILENO, text, strlen(text)) < 0)
		return;
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
	if (tcgetattr(STDIN_FILENO, &screen->saved) == 0) {
		mode = screen->saved;
		mode.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
		mode.c_cc[VMIN] = 1;
		mode.c_cc[VTIME] = 0;
		screen->keys = tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0;
	}
	put(ENTER);
	*ret = screen;
	return 0;
}

struct screen *screen_leave(struct screen *screen)
{
	if (!screen)
		return NULL;
	put(LEAVE);
	if (screen->keys) /* what was typed meanwhile was meant for the view */
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen->saved);
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

int screen_show(struct screen *screen _unused_, const char *frame)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int r;

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
	r = fclose(out) != 0 ? -ENOMEM : write_all(STDOUT_FILENO, text, length);
	return r;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's terminal, and the command's, which is a new pty. */
#pragma once

#include <termios.h>

#include "nsctl/base.h"

struct terminal {
	int fd;                  /* the user's, an open file description of our own; -1: none */
	int master_fd, slave_fd; /* the command's */
	bool whole;              /* both standard input and output are it */
	bool raw;                /* the user's is in our hands */
	bool nonblocking;        /* fd is; else it is shared with others, who would notice */
	struct termios first;    /* as it was in the beginning */
	struct termios user;     /* as it has to be when we let go of it */
	struct termios given;    /* what the command's was made to be */
};

/* The last keys that were typed, as many as a terminal keeps for its reader. */
struct keys {
	size_t length;
	char data[4096];
};
/* Pure. */
void keys_add(struct keys *keys, const char *data, size_t length);
/* Pure: are these the last ones? A carriage return may have become a newline. */
bool keys_end_with(const struct keys *keys, const char *data, size_t length);

#define TERMINAL_NONE                                                                              \
	{                                                                                          \
		.fd = -1, .master_fd = -1, .slave_fd = -1                                          \
	}

/* Makes a pty that is like the user's terminal, and puts its slave where that stands in fds (0, 1
 * and 2). Does nothing when there is no terminal. 0 or a negative errno with an error. */
int terminal_open(struct terminal *terminal, int fds[3], struct error *error);
void terminal_close(struct terminal *terminal);
static inline bool terminal_exists(const struct terminal *terminal)
{
	return terminal->fd >= 0;
}
/* May we read it, and change its modes? */
bool terminal_in_foreground(const struct terminal *terminal);
/* It has been closed by whoever showed it. */
bool terminal_is_gone(const struct terminal *terminal);
/* From here on every key is the command's. True when those that are there already were echoed. */
bool terminal_make_raw(struct terminal *terminal);
/* Types on the command's keyboard without an echo. Returns how much of it was taken. */
size_t terminal_type_quietly(struct terminal *terminal, const char *data, size_t length);
/* Keys that the command has not read, and those in `data` behind them, are the next reader's, where
 * the kernel allows that (dev.tty.legacy_tiocsti). Only what was `typed`: others can put something
 * into the command's terminal too, and must not reach the user's. While it is raw: keys were
 * echoed already. */
void terminal_give_back(struct terminal *terminal, const struct keys *typed, const char *data,
			size_t length);
/* The user's again; with `as_command`, in the modes that the command has left behind, as if it had
 * been its own. */
void terminal_restore(struct terminal *terminal, bool as_command);
/* The size of the user's becomes that of the command's; true when that is news. */
bool terminal_copy_size(struct terminal *terminal);
/* Output comes with a carriage return before each newline, and will get another one. */
bool terminal_doubles_newlines(const struct terminal *terminal);
/* The signal that this byte is at the command's keyboard, 0 for none. */
int terminal_key_signal(const struct termios *modes, char byte);

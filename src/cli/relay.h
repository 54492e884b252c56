/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl's half of a session: relay.c speaks with the session, relay_terminal.c with the terminal.
 */
#pragma once

#include "nsctl/session.h"
#include "pump.h"
#include "terminal.h"

struct relay {
	int fd, signal_fd;
	pid_t command; /* 0: not started yet */
	struct loop *loop;
	struct loop_source *session, *signals;
	struct session_message end; /* type 0: not there yet */
	struct error *error;
	size_t length;
	char data[sizeof(struct session_message) + UINT16_MAX]; /* the longest message */

	struct terminal *terminal;
	struct loop_source *user, *master; /* the terminal's two ends */
	uint32_t user_events, master_events;
	struct pump in, out; /* to the command, from it */
	struct keys typed;   /* what the command's terminal got */
	bool active;         /* the user's keys go to the command, which is in the foreground */
	bool suspend_key;    /* the last key that sends a signal was the one that stops */
	bool was_stopped;    /* and has not gone on since, for want of a terminal */
	bool hung_up;        /* the session was told that the terminal has gone */
};

/* Before the terminal is opened. Those that are ignored stay so. */
int relay_block_signals(void);
/* Speaks with the session on fd until the command has ended. `data` came with the reply. Returns
 * the exit status, or dies as the command did. */
int relay_run(int fd, struct terminal *terminal, bool foreground, const void *data, size_t length,
	      struct error *error);
/* A message to the session; one that does not listen has gone or is going: that is seen where it
 * is read. */
void relay_send(struct relay *relay, enum session_message_type type, int value);
/* Lets a signal have its default effect on this process, or on its whole process group, whatever
 * its state was; false when it had none. */
bool relay_suffer(int number, bool group);

/* ---- relay_terminal.c: each does nothing without a terminal -------------------------------- */

int relay_terminal_start(struct relay *relay, bool foreground);
/* What the command has written is shown, and the terminal is the user's again. */
void relay_terminal_end(struct relay *relay);
/* The command was stopped by this signal: so are we, and when we go on it does. */
void relay_stop(struct relay *relay, int number);
/* Each for a signal that arrived; whether it is to be passed on. */
bool relay_resize(struct relay *relay);
bool relay_continue(struct relay *relay);
bool relay_hang_up(struct relay *relay);

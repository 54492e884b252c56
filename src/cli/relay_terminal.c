/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The relay between the user's terminal and the command's.
 *
 * Whose keys are they? When nsctl is in the foreground and both standard input and output are the
 * terminal, the command's from the start: the user's terminal is raw, and the command's makes
 * signals, echo and lines of what is typed. In the background, or as a part of a pipeline, whose
 * other parts may use the terminal too, it is left alone and the command is a background group of
 * its own terminal. So the kernel stops it when it reads (SIGTTIN), sets modes or, with tostop,
 * writes (SIGTTOU), and only then we take the terminal, if we are in the foreground, or stop as
 * well, just as the command would have outside.
 *
 * A terminal that is not raw puts a carriage return before each newline, and the command's did so
 * already: then the first is taken away again (pump_undo_newlines).
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "relay.h"

#define FLUSH_MAX      (256 << 10) /* more than a pty holds: what comes later is not the command's */
#define FLUSH_PATIENCE 200         /* ms, before a stop */

static unsigned user_flags(const struct relay *relay)
{
	return relay->terminal->nonblocking ? 0 : PUMP_ONCE;
}

static void set_events(struct loop_source *source, uint32_t *current, uint32_t wanted)
{
	if (source && *current != wanted && loop_source_set_events(source, wanted) >= 0)
		*current = wanted;
}

static void update(struct relay *relay)
{
	set_events(relay->user, &relay->user_events,
		   (relay->active && !pump_full(&relay->in) ? EPOLLIN : 0) |
			   (pump_empty(&relay->out) ? 0 : EPOLLOUT));
	set_events(relay->master, &relay->master_events,
		   (pump_full(&relay->out) ? 0 : EPOLLIN) |
			   (pump_empty(&relay->in) ? 0 : EPOLLOUT));
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* And not a job of a shell inside: it, or its leader while the command is on its way there. */
static bool command_has_keys(const struct relay *relay)
{
	pid_t group = tcgetpgrp(relay->terminal->master_fd), leader;

	if (group == relay->command)
		return true;
	return ioctl(relay->terminal->master_fd, TIOCGSID, &leader) == 0 && group == leader;
}

/* A key that sends a signal does so to all of the user's foreground group outside. The command's
 * part is done by its own terminal, the others in the group of ours (a script's shell) would not
 * hear of it. But for SIGTSTP, which waits until the command has stopped. */
static void tell_others(struct relay *relay, const char *data, size_t length)
{
	const struct timespec now = {};
	struct termios modes;
	sigset_t set;

	if (tcgetattr(relay->terminal->master_fd, &modes) < 0)
		return;
	for (size_t i = 0; i < length; i++) {
		int number = terminal_key_signal(&modes, data[i]);

		if (number == 0)
			continue;
		relay->suspend_key = number == SIGTSTP;
		if (relay->suspend_key || !command_has_keys(relay))
			continue;
		kill(0, number);
		sigemptyset(&set);
		sigaddset(&set, number);
		sigtimedwait(&set, NULL, &now); /* our own */
	}
}

static int fill_in(struct relay *relay)
{
	size_t before = relay->in.end - relay->in.start, now;
	int r = pump_fill(&relay->in, relay->terminal->fd, user_flags(relay));

	now = relay->in.end - relay->in.start;
	tell_others(relay, relay->in.data + relay->in.start + before, now - before);
	return r;
}

static void type_keys(struct relay *relay, bool quietly)
{
	struct terminal *terminal = relay->terminal;
	const char *before = relay->in.data + relay->in.start;
	size_t length = relay->in.end - relay->in.start;

	if (quietly)
		relay->in.start += terminal_type_quietly(terminal, before, length);
	else if (length)
		pump_drain(&relay->in, terminal->master_fd, 0);
	keys_add(&relay->typed, before, relay->in.data + relay->in.start - before);
}

static int fill_out(struct relay *relay)
{
	bool undo = terminal_doubles_newlines(relay->terminal);

	return pump_fill(&relay->out, relay->terminal->master_fd, undo ? PUMP_UNDO_NEWLINES : 0);
}

/* ---- whose terminal it is ------------------------------------------------------------------ */

/* What was typed before has been echoed already, once. */
static void take_terminal(struct relay *relay)
{
	bool echoed = terminal_make_raw(relay->terminal);

	if (!relay->terminal->nonblocking || !pump_empty(&relay->in))
		return;
	fill_in(relay);
	type_keys(relay, echoed);
}

static void set_active(struct relay *relay, bool active)
{
	if (active) {
		take_terminal(relay);
		terminal_copy_size(relay->terminal);
	} else {
		terminal_restore(relay->terminal, false);
	}
	relay->active = active;
	relay_send(relay, SESSION_FOREGROUND, active);
	update(relay);
}

/* The terminal has gone for good, and so has the command's. `tell`: as for the processes that were
 * in its foreground, which have to end; others only find it dead. */
static void lose_terminal(struct relay *relay, bool tell)
{
	relay->hung_up |= tell;
	relay->active = false;
	relay->user = loop_source_free(relay->user);
	relay->master = loop_source_free(relay->master);
	relay_send(relay, SESSION_HANGUP, tell);
	terminal_close(relay->terminal);
}

bool relay_hang_up(struct relay *relay)
{
	if (relay->hung_up)
		return false;
	if (terminal_exists(relay->terminal) && terminal_is_gone(relay->terminal))
		lose_terminal(relay, relay->active || relay->was_stopped);
	else if (relay->was_stopped) {
		relay->hung_up = true;
		relay_send(relay, SESSION_HANGUP, true);
	}
	return !relay->hung_up;
}

bool relay_resize(struct relay *relay)
{
	/* the kernel tells the command's foreground group of a new size */
	return !(terminal_exists(relay->terminal) && terminal_copy_size(relay->terminal) &&
		 relay->active);
}

bool relay_continue(struct relay *relay)
{
	const struct terminal *terminal = relay->terminal;

	/* the shell may have moved us, and has set the modes that it likes */
	if (terminal_exists(terminal) && !terminal_is_gone(terminal)) {
		bool foreground = terminal_in_foreground(terminal);

		if (foreground ? terminal->whole || relay->active : relay->active)
			set_active(relay, foreground);
	}
	return true;
}

static void drain_out(struct relay *relay)
{
	/* EIO: our group is orphaned and may not write (tostop). Who can't be shown is not kept. */
	if (pump_drain(&relay->out, relay->terminal->fd, user_flags(relay)) < 0)
		relay->out.start = relay->out.end;
}

static void on_user(struct loop_source *source _unused_, uint32_t events, void *userdata)
{
	struct relay *relay = userdata;
	int r = 0;

	if (events & (EPOLLHUP | EPOLLERR)) {
		lose_terminal(relay, relay->active);
		return;
	}
	if (events & EPOLLIN && relay->active)
		r = fill_in(relay);
	if (r < 0 && terminal_is_gone(relay->terminal)) { /* just now */
		lose_terminal(relay, true);
		return;
	}
	if (r < 0) /* an orphaned group in the background: no keys for it */
		relay->active = false;
	type_keys(relay, false);
	if (events & EPOLLOUT)
		drain_out(relay);
	update(relay);
}

static void on_master(struct loop_source *source _unused_, uint32_t events, void *userdata)
{
	struct relay *relay = userdata;

	if (events & EPOLLIN) {
		/* a shell's fg of a job that runs says nothing to us */
		if (relay->terminal->whole && !relay->active &&
		    terminal_in_foreground(relay->terminal))
			set_active(relay, true);
		fill_out(relay);
		if (relay->terminal->nonblocking)
			drain_out(relay); /* most often it is taken at once */
	}
	if (events & EPOLLOUT)
		type_keys(relay, false);
	update(relay);
}

/* Has a signal come by which somebody wants us to end? */
static bool is_disturbed(struct relay *relay)
{
	struct signalfd_siginfo info;

	while (read(relay->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCONT)
			relay_continue(relay);
		else if (info.ssi_signo != SIGWINCH)
			return true;
	}
	return false;
}

/* Shows what is there. Patient: as long as it takes, unless such a signal comes. */
static void flush(struct relay *relay, bool patient)
{
	struct pollfd fds[] = { { .fd = relay->terminal->fd, .events = POLLOUT },
				{ .fd = patient ? relay->signal_fd : -1, .events = POLLIN } };

	for (size_t total = 0; total < FLUSH_MAX;) {
		size_t before = relay->out.end - relay->out.start;

		if (fill_out(relay) < 0 && pump_empty(&relay->out))
			return;
		total += relay->out.end - relay->out.start - before;
		if (pump_empty(&relay->out))
			return;
		if (poll(fds, ARRAY_SIZE(fds), patient ? -1 : FLUSH_PATIENCE) <= 0 ||
		    fds[0].revents & (POLLHUP | POLLERR) || (fds[1].revents && is_disturbed(relay)))
			return;
		drain_out(relay);
	}
}

/* ---- stops --------------------------------------------------------------------------------- */

/* The command reads or sets modes in the background of its terminal, and we are in no position to
 * stop or to give it ours (a group that is orphaned). Outside it would get EIO; here it finds the
 * end of file. */
static void refuse_terminal(struct relay *relay)
{
	char end = 0;
	struct termios modes;

	relay_send(relay, SESSION_FOREGROUND, true);
	if (tcgetattr(relay->terminal->master_fd, &modes) == 0)
		end = modes.c_cc[VEOF];
	if (write(relay->terminal->master_fd, &end, 1) < 0)
		return;
}

/* We are to stop by this signal and go on with the next SIGCONT: false when that could not be. */
static bool stop_self(struct relay *relay, int number, bool for_terminal)
{
	bool exists = terminal_exists(relay->terminal), others, stopped;

	if (exists)
		flush(relay, false);
	if (for_terminal && terminal_in_foreground(relay->terminal))
		return true; /* by now it is ours */
	/* the kernel stops all of the group for a key, and for what one does in the background */
	others = exists &&
		 (for_terminal || (number == SIGTSTP && relay->active && relay->suspend_key));
	if (relay->active)
		set_active(relay, false);
	if (number != SIGTSTP && number != SIGTTIN && number != SIGTTOU)
		number = SIGSTOP;
	relay->was_stopped = true;
	stopped = relay_suffer(number, others);
	relay->suspend_key = false;
	/* what to do about a terminal that has gone is decided when SIGHUP or EPOLLHUP is seen */
	relay->was_stopped = exists && terminal_is_gone(relay->terminal);
	return stopped;
}

void relay_stop(struct relay *relay, int value)
{
	int number = value & ~SESSION_STOPPED_IN_FOREGROUND;
	/* because of its terminal, not because somebody has sent it this signal */
	bool for_terminal = terminal_exists(relay->terminal) &&
			    (number == SIGTTIN || number == SIGTTOU) &&
			    !(value & SESSION_STOPPED_IN_FOREGROUND);
	bool stopped = true;

	if (!for_terminal || !terminal_in_foreground(relay->terminal))
		stopped = stop_self(relay, number, for_terminal);
	if (relay->was_stopped)
		;
	else if (for_terminal && terminal_in_foreground(relay->terminal))
		set_active(relay, true);
	else if (for_terminal && !stopped)
		refuse_terminal(relay);
	else
		relay_continue(relay);
	relay_send(relay, SESSION_SIGNAL, SIGCONT);
}

/* ---- its life ------------------------------------------------------------------------------ */

int relay_terminal_start(struct relay *relay, bool foreground)
{
	int r;

	if (!terminal_exists(relay->terminal))
		return 0;
	r = loop_add_fd(relay->loop, relay->terminal->fd, 0, on_user, relay, &relay->user);
	if (r >= 0)
		r = loop_add_fd(relay->loop, relay->terminal->master_fd, 0, on_master, relay,
				&relay->master);
	if (r < 0)
		return r;
	relay->active = foreground;
	if (foreground)
		take_terminal(relay);
	update(relay);
	return 0;
}

void relay_terminal_end(struct relay *relay)
{
	bool ended = relay->end.type == SESSION_EXITED;

	relay->user = loop_source_free(relay->user);
	relay->master = loop_source_free(relay->master);
	if (!terminal_exists(relay->terminal))
		return;
	flush(relay, relay->end.type != 0);
	if (relay->active)
		terminal_give_back(relay->terminal, &relay->typed, relay->in.data + relay->in.start,
				   relay->in.end - relay->in.start);
	terminal_restore(relay->terminal, ended);
	terminal_close(relay->terminal);
}

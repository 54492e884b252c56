/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of nsctl-session show to each other; the order of work is in main.c. */
#pragma once

#include "nsctl/session.h"

/* Starts a process for each session that nsctld wants, until nsctld ends: returns only in those,
 * which have their descriptors and what they inherit from the caller then, or an error to tell
 * it. `argument`: argv[0], where their name is written. */
int starter_run(char *argument, struct error *error);

/* Reads the request from its sealed memfd; the caller clears it. */
int request_receive(int fd, struct session_request *ret, struct error *error);
/* Everything between root and the caller: afterwards this process is the caller, inside the
 * profile, the leader of a new session, in the caller's directory, with 0, 1, 2 and the connection
 * open. */
int enter(const struct session_request *request, struct error *error);

/* Waits for the caller's first message: the command's 0, 1 and 2. After enter(): with the caller's
 * rights, not root's. *ret_master is -1 without a terminal. */
int stdio_receive(int connection_fd, enum session_terminal *ret_terminal, int *ret_master,
		  struct error *error);

/* ---- terminal.c: the command's terminal ------------------------------------------------- */

struct session_terminal_ends {
	int master_fd, slave_fd; /* -1: there is no terminal */
	pid_t before;            /* the foreground group that had to give way */
};

/* Makes the pty of this master the controlling terminal of our session; the master is ours then. */
int terminal_take(struct session_terminal_ends *ends, int master_fd, struct error *error);
/* Gives the foreground to whom it was taken from (else to the command's group), or takes it. */
void terminal_set_foreground(struct session_terminal_ends *ends, pid_t command, bool foreground);
/* The foreground group, 0 when it is nobody's or our own. */
pid_t terminal_foreground(const struct session_terminal_ends *ends);
/* Lets go of the master: when the caller's is closed as well, the kernel hangs up the terminal. */
void terminal_hang_up(struct session_terminal_ends *ends);
/* Before our end. */
void terminal_leave(struct session_terminal_ends *ends, pid_t command);

/* ---- groups.c: who a hang-up is about ---------------------------------------------------- */

struct groups {
	size_t n;
	struct group_seen {
		pid_t number;
		bool alive; /* when it was looked at */
	} group[64];
};

void groups_add(struct groups *groups, pid_t number);
/* Those of our session that have a stopped process. */
void groups_add_stopped(struct groups *groups);
/* How many of them have a process that lives. */
size_t groups_look(struct groups *groups);
void groups_signal(struct groups *groups, int number);
/* Does this signal wait for the process? */
bool process_has_pending(pid_t pid, int number);

/* ---- leader.c ---------------------------------------------------------------------------- */

/* Starts the command and stays until it has ended. Takes the terminal. Returns the program's exit
 * status. */
int leader_run(const struct session_request *request, int connection_fd,
	       struct session_terminal_ends *terminal, bool foreground);
/* Tells the caller what failed, if it listens; waits for nobody. */
void leader_report_failure(int connection_fd, int status, const char *text);

/* What the command's process writes into the pipe when it can't become the command. */
struct command_failure {
	int32_t status, code; /* exit status for nsctl; errno */
};
/* In the new process: becomes the command, or writes the failure to `pipe_fd` and ends.
 * `terminal_fd`: to be in its foreground, or -1. */
void command_become(const struct session_request *request, int pipe_fd, pid_t leader,
		    int terminal_fd) __attribute__((noreturn));

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of nsctl-session show to each other; the order of work is in main.c. */
#pragma once

#include "nsctl/session.h"

/* Reads the request from its sealed memfd; the caller clears it. */
int request_receive(int fd, struct session_request *ret, struct error *error);
/* Everything between root and the caller: afterwards this process is the caller, inside the
 * profile, the leader of a new session, in the caller's directory, with 0, 1, 2 and the connection
 * open. */
int enter(const struct session_request *request, struct error *error);

/* Waits for the caller's first message: the command's 0, 1 and 2. After enter(): with the caller's
 * rights, not root's. */
int stdio_receive(int connection_fd, struct error *error);

/* Starts the command and stays until it has ended. Returns the program's exit status. */
int leader_run(const struct session_request *request, int connection_fd);
/* Tells the caller what failed; blocks until it is sent or the caller has gone. */
void leader_report_failure(int connection_fd, int status, const char *text);

/* What the command's process writes into the pipe when it can't become the command. */
struct command_failure {
	int32_t status, code; /* exit status for nsctl; errno */
};
/* In the new process: becomes the command, or writes the failure to `pipe_fd` and ends. */
void command_become(const struct session_request *request, int pipe_fd, pid_t leader)
	__attribute__((noreturn));
/* Dispositions back to the default for all signals but those in the mask `ignored`, which are
 * ignored. */
void signals_reset(uint64_t ignored);

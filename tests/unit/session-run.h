/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl-session as nsctld starts it: a real socket, a real sealed request, real namespaces, a real
 * drop. What the tests of it share; they need root, and are skipped without.
 */
#pragma once

#include <unistd.h>

#include "nsctl/session.h"
#include "unit.h"

#define USER  54321
#define GROUP 54322
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct run {
	struct session_request request;
	int seals, namespace_fd;
	int in;      /* stdin; -1: /dev/null */
	bool silent; /* the caller sends no descriptors */
	enum session_terminal terminal;
	int master; /* of its terminal */
	pid_t leader;
	int connection, out; /* our ends */
	struct session_message message;
	char text[4096], output[65536];
	size_t n_output;
};

#define SHELL(script) ((char *[]){ "sh", "-c", script, NULL })

/* One nsctl-session starts all of a program's (setup and teardown of its group). */
int start_starter(void **state);
int end_starter(void **state);

/* A command, as its caller would ask for it; tests change it before it is started. */
struct run run_prepare(char **arguments);
void run_start(struct run *run);
/* The next message is this one. */
void run_expect(struct run *run, enum session_message_type type, int value);
/* The process that it tells of. */
pid_t run_expect_start(struct run *run);
const char *run_output_to_end(struct run *run);
void run_await_line(struct run *run);
void run_send(struct run *run, uint16_t type, int value);
/* A first message as a caller may make it up. */
void run_send_fds(const struct run *run, uint16_t type, uint16_t length, size_t n);
/* Waits for the end of it all: the leader's status. */
int run_end(struct run *run);
/* Starts it, and waits until it has ended with 0. */
const char *run_output_of(struct run *run);
/* A process that has it for its controlling terminal, as the user's shell has the user's. */
pid_t owner_of_terminal(int master);
void assert_has(const char *text, const char *part);

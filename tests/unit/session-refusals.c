/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl-session: what is refused, and what can't be run. */
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "session-run.h"

static void request_that_is_not_sealed_is_refused(void **state _unused_)
{
	static const int missing[] = { F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK };
	const int *seal;

	ARRAY_FOREACH(seal, missing) {
		struct run run = run_prepare(SHELL("echo must not run"));

		run.seals = SEALS & ~*seal & ~F_SEAL_SEAL;
		run_start(&run);
		run_expect(&run, SESSION_FAILED, 125);
		assert_has(run.text, "not sealed");
		assert_string_equal(run_output_to_end(&run), "");
		run_end(&run);
	}
}

/* R15: exactly three, and with the right message. */
static void anything_but_three_descriptors_is_refused(void **state _unused_)
{
	static const struct {
		uint16_t type, length;
		size_t n;
	} first[] = {
		{ SESSION_STDIO, 0, 0 }, { SESSION_STDIO, 0, 2 },  { SESSION_STDIO, 0, 4 },
		{ SESSION_STDIO, 8, 3 }, { SESSION_SIGNAL, 0, 3 }, { SESSION_SIGNAL, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		struct run run = run_prepare(SHELL("echo must not run"));

		run.silent = true;
		run_start(&run);
		run_send_fds(&run, first[i].type, first[i].length, first[i].n);
		run_expect(&run, SESSION_FAILED, 125);
		assert_string_equal(run_output_to_end(&run), "");
		assert_int_equal(run_end(&run), 125);
	}
}

/* R6 */
static void terminal_that_is_no_new_pty_is_not_taken(void **state _unused_)
{
	static const struct {
		enum session_terminal terminal;
		bool pty, in_use;
	} offers[] = {
		{ SESSION_TERMINAL_FOREGROUND, false, false },
		{ SESSION_TERMINAL_FOREGROUND, true, true },
		{ SESSION_TERMINAL_BACKGROUND, true, true },
		{ SESSION_TERMINAL_FOREGROUND + 1, true, false },
		{ -1, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
		struct run run = run_prepare(SHELL("echo must not run"));
		int master = offers[i].pty ? posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
					   : open("/dev/null", O_RDWR | O_CLOEXEC);
		pid_t owner = offers[i].in_use ? owner_of_terminal(master) : 0;

		assert_true(master >= 0);
		run.terminal = offers[i].terminal;
		run.master = master;
		run_start(&run);
		run_expect(&run, SESSION_FAILED, 125);
		assert_string_equal(run_output_to_end(&run), "");
		assert_int_equal(run_end(&run), 125);
		if (owner) {
			pid_t session = 0;

			assert_int_equal(ioctl(master, TIOCGSID, &session), 0);
			assert_int_equal(session, owner);
			kill(owner, SIGKILL);
			waitpid(owner, NULL, 0);
		}
		close(master);
	}
}

/* The two numbers that the command says: its group, and that in the foreground of its terminal. */
static void new_terminal_is_the_commands(void **state _unused_)
{
	static const enum session_terminal terminals[] = { SESSION_TERMINAL_BACKGROUND,
							   SESSION_TERMINAL_FOREGROUND };
	const enum session_terminal *terminal;

	ARRAY_FOREACH(terminal, terminals) {
		struct run run = run_prepare(SHELL("cut -d' ' -f5,8 /proc/$$/stat"));
		int group = 0, foreground = 0;

		run.terminal = *terminal;
		run.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(run.master >= 0 && unlockpt(run.master) == 0);
		run_start(&run);
		assert_int_equal(sscanf(run_output_to_end(&run), "%d %d", &group, &foreground), 2);
		assert_true(foreground > 0);
		assert_int_equal(group == foreground, *terminal == SESSION_TERMINAL_FOREGROUND);
		run_end(&run);
		close(run.master);
	}
}

static void caller_that_goes_before_it_sent_any_starts_nothing(void **state _unused_)
{
	struct run run = run_prepare(SHELL("echo must not run"));

	run.silent = true;
	run_start(&run);
	run.connection = close_fd(run.connection);
	assert_string_equal(run_output_to_end(&run), "");
	assert_int_equal(run_end(&run), 125);
}

static void directory_is_entered_with_the_callers_rights(void **state _unused_)
{
	char directory[] = "/tmp/nsctl-session-XXXXXX";
	struct run run = run_prepare(SHELL("echo must not run"));

	assert_non_null(mkdtemp(directory)); /* root's, mode 700 */
	run.request.directory = directory;
	run_start(&run);
	run_expect(&run, SESSION_FAILED, 125);
	assert_has(run.text, directory);
	assert_string_equal(run_output_to_end(&run), "");
	run_end(&run);
	rmdir(directory);
}

static void command_that_is_not_there_is_127(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "no-such-command", NULL });

	run_start(&run);
	run_expect(&run, SESSION_FAILED, 127);
	assert_string_equal(run.text, "can't run no-such-command: command not found");
	run_end(&run);
}

static void command_is_looked_for_in_the_requests_path(void **state _unused_)
{
	char *elsewhere[] = { "PATH=/nonexistent", NULL };
	struct run run = run_prepare((char *[]){ "env", NULL });

	run.request.environment = elsewhere;
	run_start(&run);
	run_expect(&run, SESSION_FAILED, 127);
	run_end(&run);
}

/* A directory in PATH that the caller may not search says EACCES for every name. */
static void closed_directory_in_path_hides_nothing(void **state _unused_)
{
	char directory[] = "/tmp/nsctl-session-XXXXXX";
	_cleanup_free_ char *path = NULL;
	char *elsewhere[2] = {};
	struct run run = run_prepare((char *[]){ "no-such-command", NULL });

	assert_non_null(mkdtemp(directory));
	elsewhere[0] = path = str_format("PATH=/usr/bin:%s", directory);
	run.request.environment = elsewhere;
	run_start(&run);
	run_expect(&run, SESSION_FAILED, 127);
	run_end(&run);
	rmdir(directory);
}

static void command_that_cannot_be_run_is_126(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "/etc/passwd", NULL });

	run_start(&run);
	run_expect(&run, SESSION_FAILED, 126);
	assert_has(run.text, "/etc/passwd: Permission denied");
	run_end(&run);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_that_is_not_sealed_is_refused),
		cmocka_unit_test(anything_but_three_descriptors_is_refused),
		cmocka_unit_test(terminal_that_is_no_new_pty_is_not_taken),
		cmocka_unit_test(new_terminal_is_the_commands),
		cmocka_unit_test(caller_that_goes_before_it_sent_any_starts_nothing),
		cmocka_unit_test(directory_is_entered_with_the_callers_rights),
		cmocka_unit_test(command_that_is_not_there_is_127),
		cmocka_unit_test(command_is_looked_for_in_the_requests_path),
		cmocka_unit_test(closed_directory_in_path_hides_nothing),
		cmocka_unit_test(command_that_cannot_be_run_is_126),
	};

	if (geteuid() != 0) {
		fputs("session-refusals: needs root\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, start_starter, end_starter);
}

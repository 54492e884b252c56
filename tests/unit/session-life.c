/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl-session: the life of a command, its signals, and its end. */
#include <signal.h>
#include <sys/wait.h>

#include "session-run.h"

static void exit_status_is_reported(void **state _unused_)
{
	struct run run = run_prepare(SHELL("exit 7"));

	run_start(&run);
	run_expect_start(&run);
	run_expect(&run, SESSION_EXITED, 7);
	assert_int_equal(run_end(&run), 0);
}

static void death_by_signal_is_reported(void **state _unused_)
{
	struct run run = run_prepare(SHELL("kill -USR1 $$"));

	run_start(&run);
	run_expect_start(&run);
	run_expect(&run, SESSION_KILLED, SIGUSR1);
	run_end(&run);
}

static void signals_reach_the_command(void **state _unused_)
{
	struct run run =
		run_prepare(SHELL("trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done"));

	run_start(&run);
	run_expect_start(&run);
	run_await_line(&run);
	run_send(&run, SESSION_SIGNAL, SIGINT);
	run_expect(&run, SESSION_EXITED, 9);
	run_end(&run);
}

static void ignored_signal_stays_ignored(void **state _unused_)
{
	struct run run = run_prepare(SHELL("kill -HUP $$; echo alive"));

	run.request.ignored = UINT64_C(1) << (SIGHUP - 1);
	assert_string_equal(run_output_of(&run), "alive\n");
}

static void stops_and_continues_are_reported(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "sleep", "1000", NULL });

	run_start(&run);
	run_expect_start(&run);
	/* SIGTSTP is ignored by an orphaned group: the command's is none */
	run_send(&run, SESSION_SIGNAL, SIGTSTP);
	run_expect(&run, SESSION_STOPPED, SIGTSTP);
	run_send(&run, SESSION_SIGNAL, SIGCONT);
	run_expect(&run, SESSION_CONTINUED, 0);
	run_send(&run, SESSION_SIGNAL, SIGSTOP);
	run_expect(&run, SESSION_STOPPED, SIGSTOP);
	run_send(&run, SESSION_SIGNAL, SIGKILL);
	run_expect(&run, SESSION_KILLED, SIGKILL);
	run_end(&run);
}

static void pipe_ends_when_the_command_closes_it(void **state _unused_)
{
	struct run run = run_prepare(SHELL("exec >&- 2>&-; exec sleep 1000"));

	run_start(&run);
	run_expect_start(&run);
	assert_string_equal(run_output_to_end(&run), "");
	run_send(&run, SESSION_SIGNAL, SIGTERM);
	run_expect(&run, SESSION_KILLED, SIGTERM);
	run_end(&run);
}

static void command_does_not_outlive_its_caller(void **state _unused_)
{
	static char *scripts[] = {
		"echo ready; exec sleep 1000",
		"trap '' HUP; echo ready; exec sleep 1000",
		"trap '' HUP TERM; echo ready; exec sleep 1000",
	};

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct run run = run_prepare(SHELL(scripts[i]));

		run_start(&run);
		run_expect_start(&run);
		run_await_line(&run);
		run.connection = close_fd(run.connection);
		run_output_to_end(&run); /* nobody holds it any more */
		run_end(&run);
	}
}

/* It has to go on to notice, long before it would be killed. */
static void stopped_command_hears_the_hang_up(void **state _unused_)
{
	struct run run = run_prepare(SHELL("trap 'echo heard; exit' HUP; kill -STOP $$; :"));

	run_start(&run);
	run_expect_start(&run);
	run_expect(&run, SESSION_STOPPED, SIGSTOP);
	run.connection = close_fd(run.connection);
	assert_string_equal(run_output_to_end(&run), "heard\n");
	run_end(&run);
}

static void caller_that_talks_nonsense_is_hung_up_on(void **state _unused_)
{
	static const struct session_message nonsense[] = {
		{ .type = 99 },
		{ .type = SESSION_EXITED },
		{ .type = SESSION_SIGNAL, .value = 0 },
		{ .type = SESSION_SIGNAL, .value = -1 },
		{ .type = SESSION_SIGNAL, .value = 1 << 20 },
		{ .type = SESSION_SIGNAL, .length = 4, .value = SIGUSR1 },
	};
	const struct session_message *message;

	ARRAY_FOREACH(message, nonsense) {
		struct run run = run_prepare((char *[]){ "sleep", "1000", NULL });

		run_start(&run);
		run_expect_start(&run);
		assert_int_equal(write_all(run.connection, message, sizeof(*message)), 0);
		run_output_to_end(&run);
		run_end(&run);
	}
}

static void leader_that_is_told_to_end_ends_the_command(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "sleep", "1000", NULL });

	run_start(&run);
	run_expect_start(&run);
	kill(run.leader, SIGTERM);
	run_expect(&run, SESSION_KILLED, SIGHUP);
	run_end(&run);
}

static void command_is_hung_up_when_the_leader_is_killed(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "sleep", "1000", NULL });
	int status;

	run_start(&run);
	run_expect_start(&run);
	kill(run.leader, SIGKILL);
	run_output_to_end(&run);
	assert_int_equal(waitpid(run.leader, &status, 0), run.leader);
	close(run.connection);
	close(run.out);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(exit_status_is_reported),
		cmocka_unit_test(death_by_signal_is_reported),
		cmocka_unit_test(signals_reach_the_command),
		cmocka_unit_test(ignored_signal_stays_ignored),
		cmocka_unit_test(stops_and_continues_are_reported),
		cmocka_unit_test(pipe_ends_when_the_command_closes_it),
		cmocka_unit_test(command_does_not_outlive_its_caller),
		cmocka_unit_test(stopped_command_hears_the_hang_up),
		cmocka_unit_test(caller_that_talks_nonsense_is_hung_up_on),
		cmocka_unit_test(leader_that_is_told_to_end_ends_the_command),
		cmocka_unit_test(command_is_hung_up_when_the_leader_is_killed),
	};

	if (geteuid() != 0) {
		fputs("session-life: needs root\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, start_starter, end_starter);
}

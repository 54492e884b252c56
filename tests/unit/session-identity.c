/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl-session: who the command is, and where. */
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "session-run.h"

/* ---- identity --------------------------------------------------------------------------- */

static void command_is_the_caller_and_nothing_more(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "cat", "/proc/self/status", NULL });
	const char *status;

	run.request.ignored = UINT64_C(1) << (SIGHUP - 1);
	status = run_output_of(&run);
	assert_has(status, "\nUid:\t54321\t54321\t54321\t54321\n");
	assert_has(status, "\nGid:\t54322\t54322\t54322\t54322\n");
	assert_has(status, "\nGroups:\t7 54323 \n");
	assert_has(status, "\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
			   "CapEff:\t0000000000000000\n");
	assert_has(status, "\nCapAmb:\t0000000000000000\n");
	assert_has(status, "\nNoNewPrivs:\t0\n");
	assert_has(status, "\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n");
}

static void rights_of_root_cannot_be_got_back(void **state _unused_)
{
	struct run run = run_prepare(SHELL("setpriv --reuid=0 true && echo root; setpriv "
					   "--clear-groups true && echo groups; true"));

	assert_null(strstr(run_output_of(&run), "root\n"));
	assert_null(strstr(run.output, "groups\n"));
}

static void command_has_exactly_three_descriptors(void **state _unused_)
{
	struct run run = run_prepare(SHELL("ls /proc/$$/fd; :"));

	assert_string_equal(run_output_of(&run), "0\n1\n2\n");
}

static void environment_is_the_requests_with_the_profile(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "env", NULL });

	assert_string_equal(run_output_of(&run),
			    "PATH=/usr/local/bin:/usr/bin:/bin\nA=b c\nNSCTL_PROFILE=test\n");
}

static void mask_nice_and_directory_are_the_requests(void **state _unused_)
{
	struct run run = run_prepare(SHELL("umask; nice; pwd"));

	run.request.directory = "/usr";
	assert_string_equal(run_output_of(&run), "0027\n3\n/usr\n");
}

static void command_leads_a_group_in_the_leaders_session(void **state _unused_)
{
	/* of its own process: pid, process group, session */
	struct run run = run_prepare(SHELL("ps -o pid=,pgid=,sid= -p $$"));
	int pid, group, session;

	assert_int_equal(sscanf(run_output_of(&run), "%d %d %d", &pid, &group, &session), 3);
	assert_int_equal(pid, group);
	assert_int_equal(session, run.leader);
}

/* This program as the command: the caller may not be able to reach it by its path. */
static int print_keyring(void)
{
	printf("%ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	return 0;
}

static void session_keyring_is_not_roots(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "/proc/self/fd/0", "--print-keyring", NULL });
	long ours = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);

	if (ours < 0)
		skip();
	run.in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(atol(run_output_of(&run)) > 0);
	assert_int_not_equal(atol(run.output), ours);
	close(run.in);
}

static void leader_cannot_be_traced_by_the_caller(void **state _unused_)
{
	struct run run = run_prepare(SHELL("sleep 1000"));
	char path[64];
	struct stat st;

	run_start(&run);
	run_expect_start(&run);
	snprintf(path, sizeof(path), "/proc/%d/status", run.leader);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0); /* of a dumpable one it would be USER */
	run_send(&run, SESSION_SIGNAL, SIGKILL);
	run_expect(&run, SESSION_KILLED, SIGKILL);
	run_end(&run);
}

/* ---- namespaces -------------------------------------------------------------------------- */

static int new_network(void)
{
	_cleanup_close_ int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd;

	assert_true(before >= 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(before, CLONE_NEWNET), 0);
	assert_true(fd >= 0);
	return fd;
}

static void command_is_in_the_network_it_was_given(void **state _unused_)
{
	struct run run = run_prepare((char *[]){ "readlink", "/proc/self/ns/net", NULL });
	char wanted[64];
	struct stat st;

	run.namespace_fd = new_network();
	run.request.network_namespace = true;
	assert_int_equal(fstat(run.namespace_fd, &st), 0);
	snprintf(wanted, sizeof(wanted), "net:[%lu]\n", st.st_ino);
	assert_string_equal(run_output_of(&run), wanted);
	close(run.namespace_fd);
}

static void namespace_of_the_wrong_kind_stops_the_command(void **state _unused_)
{
	struct run run = run_prepare(SHELL("echo must not run"));

	run.namespace_fd = new_network();
	run.request.mount_namespace = true;
	run_start(&run);
	run_expect(&run, SESSION_FAILED, 125);
	assert_has(run.text, "mount namespace");
	assert_string_equal(run_output_to_end(&run), "");
	assert_int_equal(run_end(&run), 125);
	close(run.namespace_fd);
}

static void missing_namespace_stops_the_command(void **state _unused_)
{
	struct run run = run_prepare(SHELL("echo must not run"));

	run.request.network_namespace = true;
	run_start(&run);
	run_expect(&run, SESSION_FAILED, 125);
	assert_string_equal(run_output_to_end(&run), "");
	run_end(&run);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_is_the_caller_and_nothing_more),
		cmocka_unit_test(rights_of_root_cannot_be_got_back),
		cmocka_unit_test(command_has_exactly_three_descriptors),
		cmocka_unit_test(environment_is_the_requests_with_the_profile),
		cmocka_unit_test(mask_nice_and_directory_are_the_requests),
		cmocka_unit_test(command_leads_a_group_in_the_leaders_session),
		cmocka_unit_test(session_keyring_is_not_roots),
		cmocka_unit_test(leader_cannot_be_traced_by_the_caller),
		cmocka_unit_test(command_is_in_the_network_it_was_given),
		cmocka_unit_test(namespace_of_the_wrong_kind_stops_the_command),
		cmocka_unit_test(missing_namespace_stops_the_command),
	};

	if (argc == 2 && str_equal(argv[1], "--print-keyring"))
		return print_keyring();
	if (geteuid() != 0) {
		fputs("session-identity: needs root\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, start_starter, end_starter);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is admitted, who is a stranger, and what of a caller is read from /proc. */
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/access.h"
#include "daemon/limits.h"
#include "daemon/peer.h"

#define NOBODY 65534

static gid_t groups_of_peer[] = { 5, 3000000000u };
static const struct peer somebody = {
	.pid = 1,
	.uid = 4000000000u,
	.gid = 70,
	.groups = groups_of_peer,
	.n_groups = ARRAY_SIZE(groups_of_peer),
	.pidfd = -1,
};

/* One name at a time, as a list of users and as one of groups. */
static bool by_user(const struct peer *peer, const char *name)
{
	char *list[] = { (char *)(uintptr_t)name, NULL };

	return access_admits(peer, list, NULL);
}

static bool by_group(const struct peer *peer, const char *name)
{
	char *list[] = { (char *)(uintptr_t)name, NULL };

	return access_admits(peer, NULL, list);
}

static void nobody_is_admitted_without_being_named(_unused_ void **state)
{
	char *empty[] = { NULL };

	assert_false(access_admits(&somebody, NULL, NULL));
	assert_false(access_admits(&somebody, empty, empty));
}

static void numbers_name_users_and_groups_that_have_no_entry(_unused_ void **state)
{
	assert_true(by_user(&somebody, "4000000000"));
	assert_true(by_group(&somebody, "70"));
	assert_true(by_group(&somebody, "5"));
	assert_true(by_group(&somebody, "3000000000"));
	assert_false(by_user(&somebody, "70"));
	assert_false(by_user(&somebody, "400000000"));
	assert_false(by_group(&somebody, "4000000000"));
}

static void names_are_looked_up(_unused_ void **state)
{
	struct peer root = { .uid = 0, .gid = 0, .pidfd = -1 };

	assert_true(by_user(&root, "root"));
	assert_true(by_group(&root, "root"));
	assert_false(by_user(&somebody, "root"));
	assert_false(by_group(&somebody, "root"));
}

static void odd_names_admit_nobody(_unused_ void **state)
{
	static const char *const names[] = {
		"", "no-such-user-here", "-1", "4294967295", "*", "0x0", "+0", "0 ", "99999999999"
	};
	struct peer last = { .uid = (uid_t)-1, .gid = (gid_t)-1, .pidfd = -1 };
	struct peer root = { .uid = 0, .gid = 0, .pidfd = -1 };
	const char *const *name;

	ARRAY_FOREACH(name, names) {
		assert_false(by_user(&somebody, *name));
		assert_false(by_group(&somebody, *name));
		assert_false(by_user(&last, *name));
		assert_false(by_group(&last, *name));
		assert_false(by_user(&root, *name));
	}
}

/* ---- strangers ------------------------------------------------------------------------ */

#define NAMESPACE(n)                                                                               \
	{                                                                                          \
		.dev = 4, .ino = (n)                                                               \
	}

static const struct standing ours = {
	.user_ns = NAMESPACE(1),
	.mount_ns = NAMESPACE(2),
	.pid_ns = NAMESPACE(3),
	.root = NAMESPACE(4),
	.net_ns = NAMESPACE(5),
	.capabilities = ~UINT64_C(0),
	.bounding = 0xff,
};

static int judge_inside(uid_t uid, const struct standing *its, struct inside inside)
{
	struct error error = {};
	int r = access_check_stranger(uid, its, &ours, inside, &error);

	assert_true(r == 0 || (r == -EPERM && error.what && error.hint));
	error_clear(&error);
	return r;
}

static int judge(uid_t uid, const struct standing *its, bool inside)
{
	return judge_inside(uid, its, (struct inside){ .mounts = inside, .network = inside });
}

static struct standing plain(void)
{
	struct standing its = ours;

	its.capabilities = 0;
	return its;
}

static void an_ordinary_caller_is_no_stranger(_unused_ void **state)
{
	struct standing its = plain();

	assert_int_equal(judge(1000, &its, false), 0);
	assert_int_equal(judge(1000, &its, true), 0);
}

static void confined_callers_are_refused(_unused_ void **state)
{
	struct standing its = plain();

	its.no_new_privs = true;
	assert_int_equal(judge(1000, &its, false), -EPERM);
	assert_int_equal(judge(1000, &its, true), -EPERM);
	assert_int_equal(judge(0, &its, false), 0);
	its = plain();
	its.seccomp = 2;
	assert_int_equal(judge(1000, &its, false), -EPERM);
	assert_int_equal(judge(1000, &its, true), -EPERM);
	assert_int_equal(judge(0, &its, false), 0);
}

static void another_user_namespace_is_refused_even_to_uid_0(_unused_ void **state)
{
	struct standing its = ours;

	its.user_ns.ino = 99;
	assert_int_equal(judge(1000, &its, false), -EPERM);
	assert_int_equal(judge(0, &its, false), -EPERM);
	assert_int_equal(judge(0, &its, true), -EPERM);
}

static void an_oom_score_is_a_number_in_its_range(_unused_ void **state)
{
	static const char *const wrong[] = {
		"", "\n", "x\n", "5x\n", "1001\n", "-1001\n", "99999999999999999999\n"
	};
	const char *const *text;
	int value = 7;

	ARRAY_FOREACH(text, wrong)
		assert_int_equal(oom_score_adj_parse(*text, &value), -EBADMSG);
	assert_int_equal(value, 7);
	assert_int_equal(oom_score_adj_parse("-1000\n", &value), 0);
	assert_int_equal(value, -1000);
}

static void a_smaller_bounding_set_is_refused(_unused_ void **state)
{
	struct standing its = plain();

	its.bounding = 0x7f;
	assert_int_equal(judge(1000, &its, false), -EPERM);
	assert_int_equal(judge(1000, &its, true), -EPERM);
	assert_int_equal(judge(0, &its, false), 0);
	its.bounding = 0x1ff;
	assert_int_equal(judge(1000, &its, false), 0);
}

static void another_root_directory_is_refused(_unused_ void **state)
{
	struct standing its = plain();

	its.root.ino = 99;
	assert_int_equal(judge(1000, &its, false), -EPERM);
	assert_int_equal(judge(1000, &its, true), -EPERM);
	assert_int_equal(judge(0, &its, false), -EPERM);
	its.capabilities = ~UINT64_C(0);
	assert_int_equal(judge(0, &its, false), 0);
}

static void another_mount_or_pid_namespace_is_refused_unless_ours(_unused_ void **state)
{
	struct standing its = plain();

	its.mount_ns.ino = 99;
	assert_int_equal(judge(1000, &its, false), -EPERM);
	assert_int_equal(judge(1000, &its, true), 0);
	its = plain();
	its.pid_ns.ino = 99;
	assert_int_equal(judge(1000, &its, false), -EPERM);
	assert_int_equal(judge(1000, &its, true), 0);
	its = plain();
	its.mount_ns.dev = 99; /* the same number on another device */
	assert_int_equal(judge(1000, &its, false), -EPERM);
}

static void another_network_namespace_is_refused_unless_ours(_unused_ void **state)
{
	struct standing its = plain();

	its.net_ns.ino = 99;
	assert_int_equal(judge(1000, &its, false), -EPERM);
	assert_int_equal(judge(1000, &its, true), 0);
	assert_int_equal(judge_inside(1000, &its, (struct inside){ .mounts = true }), -EPERM);
	assert_int_equal(judge_inside(1000, &its, (struct inside){ .network = true }), 0);
	assert_int_equal(judge(0, &its, false), 0);
}

static void root_elsewhere_needs_the_capability_to_come_here_by_itself(_unused_ void **state)
{
	struct standing its = ours;

	its.mount_ns.ino = 99;
	assert_int_equal(judge(0, &its, false), 0);
	assert_int_equal(judge(1000, &its, false), -EPERM);
	its.capabilities &= ~(UINT64_C(1) << CAP_SYS_ADMIN);
	assert_int_equal(judge(0, &its, false), -EPERM);
}

/* ---- /proc ---------------------------------------------------------------------------- */

static void status_is_read_line_by_line(_unused_ void **state)
{
	struct standing standing = {};

	assert_int_equal(standing_parse_status("Name:\tx\nCapEff:\t00000000a80425fb\n"
					       "CapBnd:\t000001ffffffffff\n"
					       "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n",
					       &standing),
			 0);
	assert_true(standing.no_new_privs);
	assert_int_equal(standing.seccomp, 2);
	assert_int_equal(standing.capabilities, 0xa80425fb);
	assert_int_equal(standing.bounding, 0x1ffffffffff);
}

static void a_status_that_lacks_a_line_denies(_unused_ void **state)
{
	static const char *const texts[] = {
		"",
		"CapBnd:\t0\nCapEff:\t0\nSeccomp:\t0\n",
		"CapBnd:\t0\nCapEff:\t0\nNoNewPrivs:\t0\n",
		"CapBnd:\t0\nNoNewPrivs:\t0\nSeccomp:\t0\n",
		"CapBnd:\t0\nCapEff:\t0\nNoNewPrivs:\t0\nSeccomp:\t\n",
		"CapBnd:\t0\nCapEff:\t0\nNoNewPrivs:\tno\nSeccomp:\t0\n",
		"CapBnd:\t0\nCapEff:\t0\nNoNewPrivs:\t0x\nSeccomp:\t0\n",
		"CapBnd:\t0\nCapEff:\t0\nNoNewPrivs:\t-1\nSeccomp:\t0\n",
		"CapBnd:\t0\nCapEff:\t0\nXNoNewPrivs:\t0\nSeccomp:\t0\n",
		"CapBnd:\t0\nName:\tNoNewPrivs:\t0\nCapEff:\t0\nSeccomp:\t0\n",
		"CapEff:\t0\nNoNewPrivs:\t0\nSeccomp:\t0\n",
	};
	const char *const *text;
	struct standing standing;

	ARRAY_FOREACH(text, texts)
		assert_int_equal(standing_parse_status(*text, &standing), -EBADMSG);
}

/* Of a process of its own, since a tool that this one runs under may change its limits. */
static void limits_are_those_that_the_kernel_says(_unused_ void **state)
{
	_cleanup_free_ char *text = NULL, *path = NULL;
	struct rlimit limits[RLIM_NLIMITS], expected;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	path = str_format("/proc/%d/limits", pid);
	assert_int_equal(file_read(-1, path, 1 << 16, &text, NULL), 0);
	assert_int_equal(limits_parse(text, limits), 0);
	for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
		assert_int_equal(prlimit(pid, i, NULL, &expected), 0);
		assert_true(limits[i].rlim_cur == expected.rlim_cur);
		assert_true(limits[i].rlim_max == expected.rlim_max);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	*strstr(text, "Max open files") = 'x';
	assert_int_equal(limits_parse(text, limits), -EBADMSG);
}

static void we_are_no_stranger_to_ourselves(_unused_ void **state)
{
	struct standing own, seen;
	struct peer peer;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(peer_of_socket(fds[0], &peer), 0);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.gid, getgid());
	assert_int_equal(peer.n_groups, getgroups(0, NULL));
	assert_true(peer_alive(&peer));
	assert_int_equal(own_standing(&own), 0);
	assert_int_equal(peer_standing(&peer, &seen), 0);
	assert_true(file_id_equal(&own.user_ns, &seen.user_ns));
	assert_true(file_id_equal(&own.mount_ns, &seen.mount_ns));
	assert_true(file_id_equal(&own.pid_ns, &seen.pid_ns));
	assert_int_equal(own.no_new_privs, seen.no_new_privs);
	assert_int_equal(own.seccomp, seen.seccomp);
	peer_clear(&peer);
	close(fds[0]);
	close(fds[1]);
}

static void send_fd(int through, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = {}, byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fd)),
				    .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(through, &message, 0) != 1)
		_exit(1);
}

static int receive_fd(int through)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	const struct cmsghdr *header;
	int fd = -1;

	assert_int_equal(recvmsg(through, &message, 0), 1);
	header = CMSG_FIRSTHDR(&message);
	if (header)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* A process that makes a pair of sockets, gives one away, and ends at a byte on `through`. */
static pid_t start_peer(int through, int other_end)
{
	pid_t pid = fork();
	int fds[2];
	char byte;

	if (pid != 0)
		return pid;
	close(other_end);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		_exit(1);
	send_fd(through, fds[0]);
	_exit(read(through, &byte, 1) == 1 ? 0 : 1);
}

static void a_peer_that_has_ended_has_no_standing(_unused_ void **state)
{
	struct standing standing;
	struct session_inheritance inheritance;
	int cgroup_fd = -1;
	struct peer peer;
	int fds[2], socket_fd;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	pid = start_peer(fds[1], fds[0]);
	socket_fd = receive_fd(fds[0]);
	assert_int_equal(peer_of_socket(socket_fd, &peer), 0);
	assert_int_equal(peer.pid, pid);
	assert_true(peer_alive(&peer));
	assert_int_equal(peer_standing(&peer, &standing), 0);
	assert_int_equal(write(fds[0], "", 1), 1);
	/* ended, but not reaped: its number is still its own */
	assert_int_equal(waitid(P_PID, pid, &(siginfo_t){}, WEXITED | WNOWAIT), 0);
	assert_false(peer_alive(&peer));
	assert_true(peer_standing(&peer, &standing) < 0);
	assert_true(peer_inheritance(&peer, &inheritance, &cgroup_fd) < 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(peer_standing(&peer, &standing), -ESRCH);
	assert_int_equal(peer_inheritance(&peer, &inheritance, &cgroup_fd), -ESRCH);
	peer_clear(&peer);
	close(socket_fd);
	close(fds[0]);
	close(fds[1]);
}

/* ---- limits --------------------------------------------------------------------------- */

static void each_uid_has_its_own_bounds_and_root_none(_unused_ void **state)
{
	struct limits *limits;

	assert_int_equal(limits_new(&limits), 0);
	limits_set(limits, LIMIT_CONNECTIONS, 2);
	limits_set(limits, LIMIT_BYTES, 100);
	for (int i = 0; i < 2; i++)
		assert_int_equal(limits_take(limits, 1000, LIMIT_CONNECTIONS, 1), 0);
	assert_int_equal(limits_take(limits, 1000, LIMIT_CONNECTIONS, 1), -EDQUOT);
	assert_int_equal(limits_take(limits, 1001, LIMIT_CONNECTIONS, 1), 0);
	assert_int_equal(limits_take(limits, 1000, LIMIT_BYTES, 100), 0);
	assert_int_equal(limits_take(limits, 1000, LIMIT_BYTES, SIZE_MAX), -EDQUOT);
	assert_int_equal(limits_take(limits, 1000, LIMIT_SESSIONS, 1), -EDQUOT);
	for (int i = 0; i < 5; i++)
		assert_int_equal(limits_take(limits, 0, LIMIT_CONNECTIONS, 1), 0);
	limits_give(limits, 1000, LIMIT_CONNECTIONS, 1);
	assert_int_equal(limits_take(limits, 1000, LIMIT_CONNECTIONS, 1), 0);
	assert_int_equal(limits_take(limits, 1000, LIMIT_CONNECTIONS, 1), -EDQUOT);
	/* lowered below what is held: nothing more, until enough is given back */
	limits_set(limits, LIMIT_CONNECTIONS, 1);
	limits_give(limits, 1000, LIMIT_CONNECTIONS, 1);
	assert_int_equal(limits_take(limits, 1000, LIMIT_CONNECTIONS, 1), -EDQUOT);
	limits_give(limits, 1000, LIMIT_CONNECTIONS, 1);
	limits_give(limits, 1000, LIMIT_BYTES, 100);
	assert_int_equal(limits_take(limits, 1000, LIMIT_CONNECTIONS, 1), 0);
	limits_free(limits);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_admitted_without_being_named),
		cmocka_unit_test(numbers_name_users_and_groups_that_have_no_entry),
		cmocka_unit_test(names_are_looked_up),
		cmocka_unit_test(odd_names_admit_nobody),
		cmocka_unit_test(an_ordinary_caller_is_no_stranger),
		cmocka_unit_test(confined_callers_are_refused),
		cmocka_unit_test(another_user_namespace_is_refused_even_to_uid_0),
		cmocka_unit_test(an_oom_score_is_a_number_in_its_range),
		cmocka_unit_test(a_smaller_bounding_set_is_refused),
		cmocka_unit_test(another_root_directory_is_refused),
		cmocka_unit_test(another_mount_or_pid_namespace_is_refused_unless_ours),
		cmocka_unit_test(another_network_namespace_is_refused_unless_ours),
		cmocka_unit_test(root_elsewhere_needs_the_capability_to_come_here_by_itself),
		cmocka_unit_test(status_is_read_line_by_line),
		cmocka_unit_test(a_status_that_lacks_a_line_denies),
		cmocka_unit_test(limits_are_those_that_the_kernel_says),
		cmocka_unit_test(we_are_no_stranger_to_ourselves),
		cmocka_unit_test(a_peer_that_has_ended_has_no_standing),
		cmocka_unit_test(each_uid_has_its_own_bounds_and_root_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

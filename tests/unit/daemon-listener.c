/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One nsctld for each runtime directory, and a socket that takes nobody's place. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/listener.h"

struct place {
	char *base, *runtime, *lock, *socket;
};

static int set_up(void **state)
{
	static struct place place;

	place.base = strdup("/tmp/nsctl-listener-XXXXXX");
	assert_non_null(place.base);
	assert_non_null(mkdtemp(place.base));
	place.runtime = str_format("%s/run", place.base);
	place.lock = str_format("%s/nsctld.lock", place.runtime);
	place.socket = str_format("%s/socket", place.base);
	assert_true(place.runtime && place.lock && place.socket);
	*state = &place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	unlink(place->socket);
	unlink(place->lock);
	rmdir(place->runtime);
	/* nothing else is left behind, such as the socket's temporary name */
	assert_int_equal(rmdir(place->base), 0);
	free(place->base);
	free(place->runtime);
	free(place->lock);
	free(place->socket);
	return 0;
}

static int lock(struct place *place)
{
	int fd = -1, r = listener_lock(place->runtime, &fd, NULL);

	return r < 0 ? r : fd;
}

static void a_second_one_is_told(void **state)
{
	struct place *place = *state;
	int first = lock(place);

	assert_true(first >= 0);
	assert_int_equal(fcntl(first, F_GETFD), FD_CLOEXEC);
	assert_int_equal(lock(place), -EALREADY);
	close(first);
	first = lock(place);
	assert_true(first >= 0);
	close(first);
}

static void the_end_leaves_nothing(void **state)
{
	struct place *place = *state;
	int fd = lock(place);

	assert_true(fd >= 0);
	listener_unlock(place->runtime);
	close(fd);
	assert_int_equal(access(place->runtime, F_OK), -1);
}

static void whoever_comes_after_a_removed_lock_is_the_only_one(void **state)
{
	struct place *place = *state;
	int first = lock(place), second, third;

	assert_true(first >= 0);
	assert_int_equal(unlink(place->lock), 0);
	second = lock(place);
	assert_true(second >= 0);
	third = lock(place);
	assert_int_equal(third, -EALREADY);
	close(first);
	close(second);
}

static void a_runtime_directory_that_others_write_is_refused(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdir(place->runtime, 0700), 0);
	assert_int_equal(chmod(place->runtime, 0775), 0);
	assert_int_equal(lock(place), -EPERM);
	assert_int_equal(chmod(place->runtime, 0757), 0);
	assert_int_equal(lock(place), -EPERM);
	assert_int_equal(access(place->lock, F_OK), -1);
}

static void a_runtime_directory_that_is_a_link_is_refused(void **state)
{
	struct place *place = *state;

	assert_int_equal(symlink("/tmp", place->runtime), 0);
	assert_true(lock(place) < 0);
	assert_int_equal(unlink(place->runtime), 0);
}

/* ---- the socket ----------------------------------------------------------------------- */

static int open_at(struct place *place, bool restricted, gid_t group)
{
	int fd = -1, r = listener_open(place->socket, restricted, group, &fd, NULL);

	return r < 0 ? r : fd;
}

static void expect_mode(struct place *place, mode_t mode, gid_t group)
{
	struct stat st;

	assert_int_equal(lstat(place->socket, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(st.st_gid, group);
}

static void everybody_or_one_group_may_connect(void **state)
{
	struct place *place = *state;
	mode_t saved = umask(077);
	int fd;

	if (geteuid() != 0) {
		umask(saved);
		skip();
	}
	fd = open_at(place, false, 0);
	assert_true(fd >= 0);
	expect_mode(place, 0666, 0);
	assert_int_equal(listener_set_access(place->socket, true, 4242, NULL), 0);
	expect_mode(place, 0660, 4242);
	close(fd);
	fd = open_at(place, true, 4243);
	assert_true(fd >= 0);
	expect_mode(place, 0660, 4243);
	close(fd);
	umask(saved);
}

/* What is said to exist answers one caller, or hangs up on it, as a killed nsctld's socket does. */
static bool answers(const struct place *place, int listener, bool says_something)
{
	pid_t child = fork();
	bool answered;

	if (child == 0) {
		struct pollfd poll_fd = { .fd = listener, .events = POLLIN };
		char question;
		int caller;

		poll(&poll_fd, 1, -1); /* an accept does not wait for who has not come yet */
		caller = accept(listener, NULL, NULL);
		if (says_something &&
		    (read(caller, &question, 1) != 1 || write(caller, "x", 1) != 1))
			_exit(1);
		_exit(0);
	}
	answered = listener_answers(place->socket);
	waitpid(child, NULL, 0);
	return answered;
}

static void a_dead_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	struct place *place = *state;
	int fd, again;

	if (geteuid() != 0)
		skip();
	assert_false(listener_answers(place->socket));
	fd = open_at(place, false, 0);
	assert_true(fd >= 0);
	assert_true(answers(place, fd, true));
	assert_false(answers(place, fd, false));
	assert_int_equal(open_at(place, false, 0), -EADDRINUSE); /* it is silent, but there */
	close(fd);
	assert_false(listener_answers(place->socket));
	again = open_at(place, false, 0);
	assert_true(again >= 0);
	assert_true(answers(place, again, true));
	close(again);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	struct place *place = *state;

	assert_int_equal(file_write_atomic(place->socket, 0600, "mine", 4), 0);
	assert_int_equal(open_at(place, false, 0), -EEXIST);
	assert_int_equal(access(place->socket, F_OK), 0);
	assert_int_equal(unlink(place->socket), 0);
	assert_int_equal(symlink("/dev/null", place->socket), 0);
	assert_int_equal(open_at(place, false, 0), -EEXIST);
}

static void a_path_too_long_for_a_socket_is_refused(_unused_ void **state)
{
	char path[200];
	int fd;

	memset(path, 'x', sizeof(path) - 1);
	memcpy(path, "/tmp/", 5);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(listener_open(path, false, 0, &fd, NULL), -ENAMETOOLONG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_second_one_is_told),
		TEST(the_end_leaves_nothing),
		TEST(whoever_comes_after_a_removed_lock_is_the_only_one),
		TEST(a_runtime_directory_that_others_write_is_refused),
		TEST(a_runtime_directory_that_is_a_link_is_refused),
		TEST(everybody_or_one_group_may_connect),
		TEST(a_dead_socket_is_replaced_and_a_live_one_is_not),
		TEST(what_is_no_socket_is_left_alone),
		TEST(a_path_too_long_for_a_socket_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

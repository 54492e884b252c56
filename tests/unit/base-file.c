/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: files and descriptors, and what the files of control groups say. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static char directory[] = "/tmp/nsctl-test-file-XXXXXX";

static int enter(_unused_ void **state)
{
	return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int leave(_unused_ void **state)
{
	_cleanup_free_ char *command = str_format("rm -r %s", directory);

	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void what_is_written_is_read(_unused_ void **state)
{
	_cleanup_free_ char *data = NULL;
	size_t length = 0;
	struct stat st;

	assert_int_equal(file_write_atomic("a", 0640, "one\0two", 7), 0);
	assert_int_equal(file_read(AT_FDCWD, "a", 100, &data, &length), 0);
	assert_int_equal(length, 7);
	assert_memory_equal(data, "one\0two", 8); /* the NUL behind it too */
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_large_file_is_read_whole_and_one_byte_more_refused(_unused_ void **state)
{
	_cleanup_free_ char *data = calloc(1, 100001), *back = NULL, *none = NULL;
	size_t length = 0;

	memset(data, 'x', 100000);
	data[99999] = 'y';
	assert_int_equal(file_write_atomic("large", 0600, data, 100000), 0);
	assert_int_equal(file_read(AT_FDCWD, "large", 100000, &back, &length), 0);
	assert_int_equal(length, 100000);
	assert_memory_equal(back, data, 100001);
	assert_int_equal(file_read(AT_FDCWD, "large", 99999, &none, &length), -EFBIG);
	assert_null(none);
}

static void an_atomic_write_leaves_the_old_file_to_who_has_it_open(_unused_ void **state)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *old = NULL, *new = NULL;

	assert_int_equal(file_write_atomic("b", 0600, "old", 3), 0);
	fd = open("b", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_write_atomic("b", 0600, "new", 3), 0);
	assert_int_equal(file_read_fd(fd, 100, &old, NULL), 0);
	assert_string_equal(old, "old");
	assert_int_equal(file_read(AT_FDCWD, "b", 100, &new, NULL), 0);
	assert_string_equal(new, "new");
	assert_int_equal(access("b.new", F_OK), -1);
}

/* Content of a file, to be compared with; the caller frees. */
static char *content(const char *path)
{
	char *data = NULL;

	assert_int_equal(file_read(AT_FDCWD, path, 100, &data, NULL), 0);
	return data;
}

static void a_named_file_is_replaced_through_links_and_keeps_its_mode(_unused_ void **state)
{
	_cleanup_free_ char *old = NULL, *new = NULL, *neighbour = NULL, *made = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;

	assert_int_equal(file_write_atomic("target", 0640, "old", 3), 0);
	assert_int_equal(file_write_atomic("link.new", 0600, "1", 1), 0);
	assert_int_equal(file_write_atomic("target.new", 0600, "2", 1), 0);
	assert_int_equal(symlink("target", "link"), 0);
	fd = open("target", O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_write_anywhere("link", 0644, "new", 3), 0);
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat("target", &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_string_equal(new = content("target"), "new");
	assert_string_equal(neighbour = content("target.new"), "2");
	/* nobody reads half of it */
	assert_int_equal(file_read_fd(fd, 100, &old, NULL), 0);
	assert_string_equal(old, "old");
	/* a link that leads to nothing yet */
	assert_int_equal(symlink("to-be-made", "early"), 0);
	assert_int_equal(file_write_anywhere("early", 0600, "made", 4), 0);
	assert_string_equal(made = content("to-be-made"), "made");
}

static void a_named_pipe_is_written_to_and_stays_one(_unused_ void **state)
{
	_cleanup_close_ int fd = -1;
	char data[8] = "";
	struct stat st;

	assert_int_equal(mkfifo("pipe", 0600), 0);
	fd = open("pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_write_anywhere("pipe", 0644, "text", 4), 0);
	assert_int_equal(lstat("pipe", &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(read(fd, data, sizeof(data)), 4);
	assert_string_equal(data, "text");
}

static void a_file_that_has_no_name_any_more_is_written_in_place(_unused_ void **state)
{
	_cleanup_close_ int fd = open("gone", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_free_ char *path = str_format("/proc/self/fd/%d", fd), *data = NULL;

	assert_int_equal(write_all(fd, "longer than that", 16), 0);
	assert_int_equal(unlink("gone"), 0);
	assert_int_equal(file_write_anywhere(path, 0600, "text", 4), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_fd(fd, 100, &data, NULL), 0);
	assert_string_equal(data, "text");
	assert_int_equal(access("gone (deleted)", F_OK), -1);
}

static void errors_are_those_of_the_kernel(_unused_ void **state)
{
	_cleanup_free_ char *data = NULL;

	assert_int_equal(file_read(AT_FDCWD, "none", 100, &data, NULL), -ENOENT);
	assert_int_equal(file_read(AT_FDCWD, ".", 100, &data, NULL), -EISDIR);
	assert_int_equal(file_write_atomic("none/x", 0600, "", 0), -ENOENT);
	assert_int_equal(file_write_anywhere("none/x", 0600, "", 0), -ENOENT);
	assert_int_equal(file_write_anywhere(".", 0600, "", 0), -EISDIR);
	assert_null(data);
}

static void directories_are_made_all_the_way(_unused_ void **state)
{
	struct stat st;

	assert_int_equal(make_directories("d/e/f", 0750), 0);
	assert_int_equal(make_directories("d/e/f", 0700), 0); /* again is no error */
	assert_int_equal(stat("d/e/f", &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(file_write_atomic("file", 0600, "", 0), 0);
	assert_int_equal(make_directories("file/x", 0700), -ENOTDIR);
}

static void identity_survives_a_rename_and_tells_files_apart(_unused_ void **state)
{
	struct file_id before, after, other;
	_cleanup_close_ int a = open("c", O_CREAT | O_RDWR | O_CLOEXEC, 0600), b = -1, c = -1;

	assert_int_equal(file_id_of(a, &before), 0);
	assert_int_equal(rename("c", "c2"), 0);
	b = open("c2", O_RDONLY | O_CLOEXEC);
	c = open("c3", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	assert_int_equal(file_id_of(b, &after), 0);
	assert_int_equal(file_id_of(c, &other), 0);
	assert_true(file_id_equal(&before, &after));
	assert_false(file_id_equal(&before, &other));
	assert_int_equal(file_id_of(-1, &other), -EBADF);
}

static void nonblock_goes_on_and_off(_unused_ void **state)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fd_set_nonblock(fds[0], true), 0);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(fds[0], false), 0);
	assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(close_fd(fds[0]), -1);
	close_fd(fds[1]);
	errno = 5;
	assert_int_equal(close_fd(fds[0]), -1); /* fails inside, errno is kept */
	assert_int_equal(errno, 5);
}

/* ---- control groups ------------------------------------------------------------------------- */

static bool frozen_by(const char *text)
{
	_cleanup_close_ int fd = memfd_create("cgroup.events", MFD_CLOEXEC);

	assert_int_equal(write_all(fd, text, strlen(text)), 0);
	return cgroup_is_frozen(fd);
}

static void a_cgroup_is_frozen_when_its_events_say_so(_unused_ void **state)
{
	assert_true(frozen_by("populated 1\nfrozen 1\n"));
	assert_true(frozen_by("frozen 1\npopulated 1\n"));
	assert_false(frozen_by("populated 1\nfrozen 0\n"));
	assert_false(frozen_by("populated 1\nnot frozen 1\n"));
	assert_false(frozen_by("populated 1\n"));
	assert_false(frozen_by(""));
}

static void the_events_of_a_process_that_has_ended_are_none(_unused_ void **state)
{
	pid_t pid = fork();
	_cleanup_close_ int pidfd = -1;

	if (pid == 0)
		_exit(0);
	pidfd = pidfd_open(pid, 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (pidfd < 0 && errno == ENOSYS) /* under a Valgrind that does not know it */
		skip();
	assert_true(pidfd >= 0);
	assert_int_equal(cgroup_events_open(pidfd), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_large_file_is_read_whole_and_one_byte_more_refused),
		cmocka_unit_test(an_atomic_write_leaves_the_old_file_to_who_has_it_open),
		cmocka_unit_test(a_named_file_is_replaced_through_links_and_keeps_its_mode),
		cmocka_unit_test(a_named_pipe_is_written_to_and_stays_one),
		cmocka_unit_test(a_file_that_has_no_name_any_more_is_written_in_place),
		cmocka_unit_test(errors_are_those_of_the_kernel),
		cmocka_unit_test(directories_are_made_all_the_way),
		cmocka_unit_test(identity_survives_a_rename_and_tells_files_apart),
		cmocka_unit_test(nonblock_goes_on_and_off),
		cmocka_unit_test(a_cgroup_is_frozen_when_its_events_say_so),
		cmocka_unit_test(the_events_of_a_process_that_has_ended_are_none),
	};

	return cmocka_run_group_tests_name("file", tests, enter, leave);
}

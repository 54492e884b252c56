/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel: calls inside namespaces, pins, mounts and processes, in namespaces of the test's own. */
#include <dirent.h>
#include <pty.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "nsctl/kernel.h"
#include "private.h"

static struct file_id id_of(const char *path)
{
	struct stat st = {};

	assert_int_equal(stat(path, &st), 0);
	return (struct file_id){ .dev = st.st_dev, .ino = st.st_ino };
}

static int open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* ---- ns_call ------------------------------------------------------------------------------- */

struct look {
	struct file_id network, mount;
	int fd;
};

static int look_around(void *argument)
{
	struct look *look = argument;

	look->network = id_of("/proc/thread-self/ns/net");
	look->mount = id_of("/proc/thread-self/ns/mnt");
	look->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return 7;
}

static int fail_with(void *argument)
{
	return *(int *)argument;
}

static int count_call(void *argument)
{
	++*(int *)argument;
	return 0;
}

static void a_call_happens_in_its_place_and_moves_nobody_else(_unused_ void **state)
{
	struct file_id network = id_of("/proc/self/ns/net"), mount = id_of("/proc/self/ns/mnt"),
		       after;
	struct look look = { .fd = -1 };
	struct ns_place place = { .network = -1,
				  .mount = -1,
				  .unshare = CLONE_NEWNET | CLONE_NEWNS };

	assert_int_equal(ns_call(&place, look_around, &look), 7); /* what fn returned */
	assert_false(file_id_equal(&look.network, &network));
	assert_false(file_id_equal(&look.mount, &mount));
	after = id_of("/proc/self/ns/net");
	assert_true(file_id_equal(&after, &network));
	after = id_of("/proc/self/ns/mnt");
	assert_true(file_id_equal(&after, &mount));
	/* what was opened there stays open here, and holds the namespace */
	assert_int_equal(file_id_of(look.fd, &after), 0);
	assert_true(file_id_equal(&after, &look.network));
	/* and can be entered again */
	place = (struct ns_place){ .network = look.fd, .mount = -1 };
	{
		struct look again = { .fd = -1 };

		assert_int_equal(ns_call(&place, look_around, &again), 7);
		assert_true(file_id_equal(&again.network, &look.network));
		assert_true(file_id_equal(&again.mount, &mount));
		close_fd(again.fd);
	}
	close_fd(look.fd);
}

static void errors_of_a_call_come_back_and_nothing_runs_in_the_wrong_place(_unused_ void **state)
{
	_cleanup_close_ int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct ns_place nowhere = { .network = file, .mount = -1 },
			closed = { .network = 1000, .mount = -1 },
			wrong_kind = { .network = -1, .mount = -1 };
	_cleanup_close_ int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int code = -EXDEV, calls = 0, before = open_descriptors();

	wrong_kind.mount = network;
	assert_int_equal(ns_call(&NS_PLACE_HERE, fail_with, &code), -EXDEV);
	assert_int_equal(ns_call(&nowhere, count_call, &calls), -EINVAL);
	assert_int_equal(ns_call(&closed, count_call, &calls), -EBADF);
	assert_int_equal(ns_call(&wrong_kind, count_call, &calls), -EINVAL);
	assert_int_equal(calls, 0);
	assert_int_equal(ns_call(&NS_PLACE_HERE, count_call, &calls), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG | __WALL), -1); /* and no child is left */
	assert_int_equal(errno, ECHILD);
}

static int die(void *argument _unused_)
{
	return raise(SIGKILL);
}

/* Killed below frames of one size, so that the next call's frames are others at the same place. */
static int die_deep(void *argument)
{
	volatile char frame[200];
	int depth = *(int *)argument - 1;

	frame[0] = frame[sizeof(frame) - 1] = (char)depth;
	return depth > 0 ? die_deep(&depth) + frame[0] : raise(SIGKILL);
}

static int fill(void *argument _unused_)
{
	volatile char frame[16384];

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (char)i;
	return frame[100];
}

static void a_call_that_is_killed_is_an_error(_unused_ void **state)
{
	int depth = 50;

	assert_int_equal(ns_call(&NS_PLACE_HERE, die, NULL), -ECHILD);
	assert_int_equal(ns_call(&NS_PLACE_HERE, die_deep, &depth), -ECHILD);
	assert_int_equal(ns_call(&NS_PLACE_HERE, fill, NULL), 100); /* on the dead one's stack */
}

/* ---- pins ---------------------------------------------------------------------------------- */

static bool is_mount(const char *path)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

	return fd >= 0 && fd_is_mount_root(fd) > 0;
}

static size_t mounts_at(const char *path)
{
	_cleanup_free_ char *text = NULL, *wanted = str_format(" %s ", path);
	size_t n = 0;

	assert_int_equal(file_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, NULL), 0);
	for (const char *p = text; (p = strstr(p, wanted)); p++)
		n++;
	return n;
}

static void a_pin_is_there_for_others_until_it_is_taken_away(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	struct file_id id, pinned;
	unsigned made = 0;
	int fd = -1, found = -1;

	assert_success(netns_create(NULL, NULL, &fd, &error), &error);
	assert_int_equal(file_id_of(fd, &id), 0);
	assert_int_equal(netns_open("vpn", &found, &pinned), -ENOENT);
	assert_success(netns_pin(fd, "vpn", &made, &error), &error);
	assert_int_equal(made, NETNS_MADE_DIRECTORY | NETNS_BOUND_DIRECTORY);
	close_fd(fd); /* the pin alone holds it */
	assert_int_equal(netns_open("vpn", &found, &pinned), 0);
	assert_true(file_id_equal(&id, &pinned));
	assert_int_equal(system("ip netns exec vpn true 2>/dev/null || ! command -v ip"), 0);

	assert_int_equal(netns_pin(found, "vpn", &made, NULL), -EEXIST);
	close_fd(found);
	netns_directory_release(made, NULL); /* in use: stays */
	assert_true(is_mount(NETNS_DIRECTORY));
	assert_success(netns_unpin("vpn", &error), &error);
	assert_int_equal(access(NETNS_DIRECTORY "/vpn", F_OK), -1);
	assert_success(netns_unpin("vpn", &error), &error); /* already gone is success */
	netns_directory_release(made, NULL);
	assert_int_equal(access(NETNS_DIRECTORY, F_OK), -1);
	assert_int_equal(mounts_at(NETNS_DIRECTORY), 0);
}

static void the_directory_is_bound_once_and_what_others_made_stays(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	_cleanup_close_ int fd = -1;
	unsigned first = 0, second = 0;

	assert_success(netns_create(NULL, NULL, &fd, &error), &error);
	assert_int_equal(mkdir(NETNS_DIRECTORY, 0755), 0);
	assert_success(netns_pin(fd, "one", &first, &error), &error);
	assert_success(netns_pin(fd, "two", &second, &error), &error);
	assert_int_equal(first, NETNS_BOUND_DIRECTORY); /* the directory was there */
	assert_int_equal(second, 0);
	assert_int_equal(mounts_at(NETNS_DIRECTORY), 1);
	assert_success(netns_unpin("one", &error), &error);
	assert_success(netns_unpin("two", &error), &error);
	netns_directory_release(second, NULL);
	assert_int_equal(mounts_at(NETNS_DIRECTORY), 1);
	netns_directory_release(first, NULL);
	assert_int_equal(mounts_at(NETNS_DIRECTORY), 0);
	assert_int_equal(rmdir(NETNS_DIRECTORY), 0);
}

static void what_is_no_namespace_is_none(_unused_ void **state)
{
	struct file_id id;
	int fd = -1;

	assert_int_equal(mkdir(NETNS_DIRECTORY, 0755), 0);
	assert_int_equal(file_write_atomic(NETNS_DIRECTORY "/file", 0644, "", 0), 0);
	assert_int_equal(mkfifo(NETNS_DIRECTORY "/fifo", 0644), 0);
	assert_int_equal(symlink("/proc/self/ns/net", NETNS_DIRECTORY "/link"), 0);
	assert_int_equal(netns_open("file", &fd, &id), -ENOENT);
	assert_int_equal(netns_open("fifo", &fd, &id), -ENOENT);
	assert_int_equal(netns_open("link", &fd, &id), -ELOOP);
	assert_int_equal(system("rm -r " NETNS_DIRECTORY), 0);
}

/* Any user can lock the directory: that may cost the first profile, but not the daemon. */
static void a_lock_that_is_never_given_back_hangs_nobody(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	_cleanup_close_ int fd = -1, lock = -1;
	unsigned made = 0;

	assert_success(netns_create(NULL, NULL, &fd, &error), &error);
	assert_int_equal(mkdir(NETNS_DIRECTORY, 0755), 0);
	lock = open(NETNS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	alarm(30);
	assert_int_equal(netns_pin(fd, "vpn", &made, &error), -EWOULDBLOCK);
	assert_non_null(error.hint);
	lock = close_fd(lock);
	error_clear(&error);
	assert_success(netns_pin(fd, "vpn", &made, &error), &error);
	/* now that it is a mount, no lock is needed */
	lock = open(NETNS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_success(netns_pin(fd, "other", &made, &error), &error);
	lock = close_fd(lock);
	alarm(0);
	netns_unpin("vpn", NULL);
	netns_unpin("other", NULL);
	netns_directory_release(made, NULL);
	assert_int_equal(rmdir(NETNS_DIRECTORY), 0);
}

static int fail_inside(void *argument _unused_)
{
	return -EXDEV;
}

static void a_namespace_that_could_not_be_prepared_is_none(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	int fd = -1, before = open_descriptors();

	assert_int_equal(netns_create(fail_inside, NULL, &fd, &error), -EXDEV);
	assert_int_equal(fd, -1);
	assert_int_equal(open_descriptors(), before);
}

static int hold_new_mounts(void *argument)
{
	int r = mount_namespace_unshare();

	if (r < 0)
		return r;
	*(int *)argument = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	return 0;
}

static void a_mount_namespace_is_pinned_on_a_private_mount(_unused_ void **state)
{
	_cleanup_close_ int fd = -1, again = -1;
	struct file_id id, pinned;

	assert_int_equal(mkdir("/run/ns", 0755), 0);
	assert_int_equal(mount_private_directory("/run/ns"), 0);
	assert_int_equal(mount_private_directory("/run/ns"), 0); /* a second time does not stack */
	assert_int_equal(mounts_at("/run/ns"), 1);
	assert_int_equal(ns_call(&NS_PLACE_HERE, hold_new_mounts, &fd), 0);
	assert_int_equal(file_id_of(fd, &id), 0);
	assert_int_equal(namespace_pin(fd, "/run/ns/mnt"), 0);
	again = open("/run/ns/mnt", O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_id_of(again, &pinned), 0);
	assert_true(file_id_equal(&id, &pinned));
	assert_int_equal(namespace_pin(fd, "/run/ns/mnt"), -EEXIST);
	assert_int_equal(mounts_at("/run/ns/mnt"), 1);
	assert_int_equal(namespace_unpin("/run/ns/mnt"), 0);
	assert_int_equal(access("/run/ns/mnt", F_OK), -1);
	assert_int_equal(namespace_unpin("/run/ns/mnt"), 0);
	/* what can't be pinned leaves no file */
	assert_true(namespace_pin(1000, "/run/ns/none") < 0);
	assert_int_equal(access("/run/ns/none", F_OK), -1);
	assert_int_equal(umount2("/run/ns", MNT_DETACH), 0);
	assert_int_equal(rmdir("/run/ns"), 0);
}

/* ---- mounts -------------------------------------------------------------------------------- */

static void a_read_only_bind_can_be_read_and_not_written(_unused_ void **state)
{
	_cleanup_close_ int source = -1, target = -1;
	_cleanup_free_ char *text = NULL;

	assert_int_equal(mkdir("/run/source", 0755), 0);
	assert_int_equal(mkdir("/run/source/below", 0755), 0);
	assert_int_equal(mkdir("/run/target", 0755), 0);
	assert_int_equal(mount("tmpfs", "/run/source/below", "tmpfs", 0, NULL), 0);
	assert_int_equal(file_write_atomic("/run/source/file", 0644, "text", 4), 0);
	source = path_open_no_symlinks(AT_FDCWD, "/run/source");
	target = path_open_no_symlinks(AT_FDCWD, "/run/target");
	assert_int_equal(mount_bind_fd(source, target, true), 0);
	assert_int_equal(file_read(AT_FDCWD, "/run/target/file", 10, &text, NULL), 0);
	assert_string_equal(text, "text");
	assert_int_equal(file_write_atomic("/run/target/file", 0644, "", 0), -EROFS);
	assert_int_equal(mkdir("/run/target/below/x", 0755), -1); /* what is mounted below too */
	assert_int_equal(errno, EROFS);
	assert_int_equal(mkdir("/run/source/below/x", 0755), 0); /* the source stays as it was */
	assert_int_equal(umount2("/run/target", MNT_DETACH), 0);

	assert_int_equal(mount_bind_fd(source, target, false), 0);
	assert_int_equal(mkdir("/run/target/y", 0755), 0);
	assert_int_equal(umount2("/run/target", MNT_DETACH), 0);
	/* a directory does not go on a file: nothing is left of the attempt */
	close_fd(target);
	target = path_open_no_symlinks(AT_FDCWD, "/run/source/file");
	assert_true(mount_bind_fd(source, target, true) < 0);
	assert_int_equal(mounts_at("/run/source/file"), 0);
	assert_int_equal(umount2("/run/source/below", MNT_DETACH), 0);
	assert_int_equal(system("rm -r /run/source /run/target"), 0);
}

static void no_symbolic_link_is_followed_anywhere_in_a_path(_unused_ void **state)
{
	int fd;

	assert_int_equal(mkdir("/run/real", 0755), 0);
	assert_int_equal(mkdir("/run/real/directory", 0755), 0);
	assert_int_equal(symlink("real", "/run/link"), 0);
	assert_int_equal(path_open_no_symlinks(AT_FDCWD, "/run/link"), -ELOOP);
	assert_int_equal(path_open_no_symlinks(AT_FDCWD, "/run/link/directory"), -ELOOP);
	assert_int_equal(path_open_no_symlinks(AT_FDCWD, "/run/none"), -ENOENT);
	fd = path_open_no_symlinks(AT_FDCWD, "/run/real/directory");
	assert_true(fd >= 0);
	close_fd(fd);
	assert_int_equal(system("rm -r /run/real /run/link"), 0);
}

static int sysfs_id(void *argument)
{
	return filesystem_id("sysfs", argument);
}

static void each_network_namespace_has_a_sysfs_of_its_own(_unused_ void **state)
{
	struct file_id here, again, there;
	struct ns_place place = { .network = -1, .mount = -1, .unshare = CLONE_NEWNET };
	/* the one here must live for its number to be the same twice */
	_cleanup_close_ int target = -1;

	assert_int_equal(mkdir("/run/sys", 0755), 0);
	target = path_open_no_symlinks(AT_FDCWD, "/run/sys");
	assert_int_equal(mount_filesystem_fd("sysfs", NULL, MOUNT_ATTR_RDONLY, target), 0);
	assert_int_equal(ns_call(&NS_PLACE_HERE, sysfs_id, &here), 0);
	assert_int_equal(ns_call(&NS_PLACE_HERE, sysfs_id, &again), 0);
	assert_int_equal(ns_call(&place, sysfs_id, &there), 0);
	assert_true(file_id_equal(&here, &again));
	assert_false(file_id_equal(&here, &there));
	again = id_of("/run/sys");
	assert_true(file_id_equal(&here, &again));
	assert_int_equal(umount2("/run/sys", MNT_DETACH), 0);
	assert_int_equal(rmdir("/run/sys"), 0);
}

/* ---- processes ----------------------------------------------------------------------------- */

struct search {
	pid_t pid;
	size_t found;
	ino_t network, mount;
};

static void on_process(pid_t pid, ino_t network, ino_t mount, void *userdata)
{
	struct search *search = userdata;

	if (pid != search->pid)
		return;
	search->found++;
	search->network = network;
	search->mount = mount;
}

/* A child in a network namespace of its own; the pipe says when it is there. */
static pid_t start_elsewhere(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void a_process_is_found_by_its_namespaces_and_signalled_only_in_them(_unused_ void **state)
{
	struct file_id network = id_of("/proc/self/ns/net"), mount = id_of("/proc/self/ns/mnt");
	struct search search = { .pid = start_elsewhere() }, self = { .pid = getpid() };
	int status;

	assert_int_equal(process_each(on_process, &search), 0);
	assert_int_equal(process_each(on_process, &self), 0);
	assert_int_equal(search.found, 1);
	assert_int_equal(self.found, 1);
	assert_true(self.network == network.ino && self.mount == mount.ino);
	assert_true(search.network != network.ino && search.mount == mount.ino);

	/* not in the namespaces that are asked for: nothing happens to it */
	assert_int_equal(process_signal(search.pid, network.ino, 0, SIGKILL), -ESRCH);
	assert_int_equal(process_signal(search.pid, network.ino, 1, SIGKILL), -ESRCH);
	assert_int_equal(process_signal(search.pid, 0, 0, SIGKILL), -ESRCH);
	assert_int_equal(process_signal(-search.pid, search.network, 0, SIGKILL), -ESRCH);
	assert_int_equal(process_signal(0, network.ino, mount.ino, SIGKILL), -ESRCH);
	assert_int_equal(waitpid(search.pid, &status, WNOHANG), 0);
	/* one of the two is enough */
	assert_int_equal(process_signal(search.pid, search.network, 1, SIGTERM), 0);
	assert_int_equal(waitpid(search.pid, &status, 0), search.pid);
	assert_int_equal(WTERMSIG(status), SIGTERM);
	assert_int_equal(process_signal(search.pid, search.network, 0, SIGTERM), -ESRCH);
}

static void a_zombie_is_in_no_namespace(_unused_ void **state)
{
	struct search search = { .pid = start_elsewhere() };
	siginfo_t info;

	assert_int_equal(kill(search.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, search.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_each(on_process, &search), 0);
	assert_int_equal(search.found, 0);
	assert_int_equal(process_signal(search.pid, 0, 0, SIGTERM), -ESRCH);
	assert_int_equal(waitpid(search.pid, NULL, 0), search.pid);
}

/* On a terminal of its own, as another user, and under a name that could be taken for the next
 * fields of /proc/PID/stat. */
static pid_t start_odd(int *ret_master)
{
	struct passwd *nobody = getpwnam("nobody");
	int ready[2];
	char byte;
	pid_t pid;

	assert_non_null(nobody);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = forkpty(ret_master, NULL, NULL, NULL);
	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0 || prctl(PR_SET_NAME, "a) R 1 (\n\x1b") < 0 ||
		    setresuid(nobody->pw_uid, nobody->pw_uid, nobody->pw_uid) < 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void a_process_is_described_as_the_kernel_has_it(_unused_ void **state)
{
	_cleanup_close_ int master = -1;
	struct file_id network = id_of("/proc/self/ns/net"), mount = id_of("/proc/self/ns/mnt");
	struct search search = { .pid = start_odd(&master) };
	struct process_info info = {}, own = {};
	int status;

	assert_int_equal(kill(search.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(search.pid, &status, WUNTRACED), search.pid);
	assert_int_equal(process_each(on_process, &search), 0);
	assert_int_equal(process_describe(search.pid, search.network, 0, &info), 0);
	assert_int_equal(process_describe(getpid(), network.ino, 0, &own), 0);
	assert_int_equal(info.pid, search.pid);
	assert_int_equal(info.parent, getpid());
	assert_int_equal(info.uid, getpwnam("nobody")->pw_uid);
	assert_int_equal(own.uid, 0);
	assert_int_equal(info.state, 'T');
	assert_string_equal(info.name, "a) R 1 (\n\x1b");
	assert_string_equal(info.terminal, ptsname(master) + strlen("/dev/"));
	assert_true(info.started >= own.started && own.started > 0);

	/* it is told of nobody who asks for another place */
	assert_int_equal(process_describe(search.pid, network.ino, 0, &info), -ESRCH);
	assert_int_equal(process_describe(search.pid, 0, 0, &info), -ESRCH);
	assert_int_equal(process_describe(search.pid, network.ino, mount.ino, &info), 0);
	assert_int_equal(kill(search.pid, SIGKILL), 0);
	assert_int_equal(waitpid(search.pid, NULL, 0), search.pid);
	assert_int_equal(process_describe(search.pid, search.network, 0, &info), -ESRCH);
	assert_int_equal(process_describe(-1, search.network, 0, &info), -ESRCH);
}

/* What all this is about came with Linux 5.3; Valgrind 3.19 does not know it, and clone(2) only as
 * fork and as a thread. */
static void calls_or_skip(void)
{
	if (syscall(SYS_open_tree, -1, "", 0) >= 0 || errno != ENOSYS)
		return;
	fprintf(stderr, "skipped: open_tree, move_mount or pidfd_open is missing here\n");
	exit(77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_happens_in_its_place_and_moves_nobody_else),
		cmocka_unit_test(errors_of_a_call_come_back_and_nothing_runs_in_the_wrong_place),
		cmocka_unit_test(a_call_that_is_killed_is_an_error),
		cmocka_unit_test(a_pin_is_there_for_others_until_it_is_taken_away),
		cmocka_unit_test(the_directory_is_bound_once_and_what_others_made_stays),
		cmocka_unit_test(what_is_no_namespace_is_none),
		cmocka_unit_test(a_lock_that_is_never_given_back_hangs_nobody),
		cmocka_unit_test(a_namespace_that_could_not_be_prepared_is_none),
		cmocka_unit_test(a_mount_namespace_is_pinned_on_a_private_mount),
		cmocka_unit_test(a_read_only_bind_can_be_read_and_not_written),
		cmocka_unit_test(no_symbolic_link_is_followed_anywhere_in_a_path),
		cmocka_unit_test(each_network_namespace_has_a_sysfs_of_its_own),
		cmocka_unit_test(a_process_is_found_by_its_namespaces_and_signalled_only_in_them),
		cmocka_unit_test(a_zombie_is_in_no_namespace),
		cmocka_unit_test(a_process_is_described_as_the_kernel_has_it),
	};

	calls_or_skip();
	private_or_skip();
	return cmocka_run_group_tests_name("kernel", tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network namespaces, pinned so that `ip netns` knows them: a file in /run/netns with the namespace
 * mounted on it, made under a lock on the directory, which is a shared mount of its own (iproute2:
 * ip/ipnetns.c). Unlocked parallel runs stack that mount (Debian bug 949235), so nothing here goes
 * without the lock.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "nsctl/kernel.h"

#define LOCK_TRIES 50 /* of 10 ms */

struct create {
	int (*inside)(void *);
	void *argument;
	int fd;
};

static int create_inside(void *argument)
{
	struct create *create = argument;
	int r = create->inside ? create->inside(create->argument) : 0;

	if (r < 0)
		return r;
	create->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return create->fd < 0 ? -errno : 0;
}

int netns_create(int (*inside)(void *), void *argument, int *ret_fd, struct error *error)
{
	struct create create = { .inside = inside, .argument = argument, .fd = -1 };
	struct ns_place place = { .network = -1, .mount = -1, .unshare = CLONE_NEWNET };
	int r = ns_call(&place, create_inside, &create);

	if (r < 0)
		return error_errno(error, r, "%s", _("can't make a network namespace"));
	*ret_fd = create.fd;
	return 0;
}

/* The directory, open and locked; closing it unlocks. Every user can lock it (flock(2) asks for no
 * more than reading): nobody is waited for longer than LOCK_TRIES. */
static int lock_directory(struct error *error)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	_cleanup_close_ int fd =
		open(NETNS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return error_errno(error, errno, _("can't open %s"), NETNS_DIRECTORY);
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
			int r = error_errno(error, errno, _("can't lock %s"), NETNS_DIRECTORY);

			error_hint(error, _("see who holds the lock (lsof %s)"), NETNS_DIRECTORY);
			return r;
		}
		nanosleep(&pause, NULL);
	}
	return TAKE_FD(fd);
}

/* 1: it is a mount of its own, and shared (what is pinned below it later is so as well); 0: it is
 * none yet. */
static int shared(struct error *error)
{
	if (mount(NULL, NETNS_DIRECTORY, NULL, MS_SHARED, NULL) == 0)
		return 1;
	return errno == EINVAL ? 0
			       : error_errno(error, errno, _("can't share %s"), NETNS_DIRECTORY);
}

/* Shared by the time it is seen: if it were not yet when this process is killed, what is mounted on
 * it would be mounted below it as well, where the file system that it is in is shared. */
static int bind_on_itself(int fd)
{
	struct mount_attr private = { .propagation = MS_PRIVATE },
			  shared = { .propagation = MS_SHARED };
	_cleanup_close_ int tree = open_tree(
		fd, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return -errno;
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &private, sizeof(private)) < 0 ||
	    mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &shared, sizeof(shared)) < 0 ||
	    move_mount(tree, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* A shared mount of its own, so that pins reach other mount namespaces; made once, under the lock,
 * which is not needed any more when it is there. */
static int share_directory(unsigned *made, struct error *error)
{
	_cleanup_close_ int lock = -1;
	int r = shared(error);

	if (r != 0)
		return r < 0 ? r : 0;
	lock = lock_directory(error);
	if (lock < 0)
		return lock;
	r = shared(error);
	if (r != 0)
		return r < 0 ? r : 0;
	r = bind_on_itself(lock);
	if (r < 0)
		return error_errno(error, r, _("can't bind %s on itself"), NETNS_DIRECTORY);
	*made |= NETNS_BOUND_DIRECTORY;
	return 0;
}

int netns_pin(int fd, const char *name, unsigned *made, struct error *error)
{
	_cleanup_free_ char *path = str_format("%s/%s", NETNS_DIRECTORY, name);
	int r;

	if (!path)
		return error_oom(error);
	if (mkdir(NETNS_DIRECTORY, 0755) == 0)
		*made |= NETNS_MADE_DIRECTORY;
	r = share_directory(made, error);
	if (r < 0)
		return r;
	r = namespace_pin(fd, path);
	if (r == -EEXIST)
		return error_set(error, r, _("%s exists and was not made by nsctl"), path);
	if (r < 0)
		return error_errno(error, r, _("can't pin the network namespace at %s"), path);
	return 0;
}

int netns_directory_missing(unsigned *ret)
{
	_cleanup_close_ int fd = open(NETNS_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno != ENOENT)
		return -errno;
	if (fd < 0) {
		*ret = NETNS_MADE_DIRECTORY | NETNS_BOUND_DIRECTORY;
		return 0;
	}
	r = fd_is_mount_root(fd);
	if (r < 0)
		return r;
	*ret = r ? 0 : NETNS_BOUND_DIRECTORY;
	return 0;
}

void netns_remove_file(const char *name)
{
	_cleanup_free_ char *path = str_format("%s/%s", NETNS_DIRECTORY, name);
	struct stat st;

	if (path && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0 &&
	    (st.st_mode & 0777) == 0)
		unlink(path); /* EBUSY, should something be mounted on it */
}

int netns_unpin(const char *name, struct error *error)
{
	_cleanup_free_ char *path = str_format("%s/%s", NETNS_DIRECTORY, name);
	int r;

	if (!path)
		return error_oom(error);
	r = namespace_unpin(path);
	return r < 0 ? error_errno(error, r, _("can't remove %s"), path) : 0;
}

int netns_open(const char *name, int *ret_fd, struct file_id *ret_id)
{
	_cleanup_free_ char *path = str_format("%s/%s", NETNS_DIRECTORY, name);
	_cleanup_close_ int fd = -1;
	struct statfs fs;
	int r;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != NSFS_MAGIC)
		return -ENOENT;
	r = file_id_of(fd, ret_id);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* 1 or 0. */
static int directory_empty(int fd)
{
	_cleanup_close_ int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	const char *name;
	int r;

	if (!directory)
		return -errno;
	TAKE_FD(copy); /* the stream's now */
	r = directory_next(directory, &name);
	return r < 0 ? r : r == 0;
}

int netns_directory_release(unsigned made, struct error *error)
{
	_cleanup_close_ int lock = -1;
	int r;

	if (!made || (access(NETNS_DIRECTORY, F_OK) < 0 && errno == ENOENT))
		return 0;
	lock = lock_directory(error);
	if (lock < 0)
		return lock;
	r = directory_empty(lock);
	if (r < 0)
		return error_errno(error, r, _("can't read %s"), NETNS_DIRECTORY);
	if (r == 0)
		return 0;
	/* detached, since our own descriptor keeps it busy; who waits for the lock binds anew;
	 * EINVAL: someone took it off */
	if (made & NETNS_BOUND_DIRECTORY &&
	    umount2(NETNS_DIRECTORY, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
		return error_errno(error, errno, _("can't unmount %s"), NETNS_DIRECTORY);
	/* ENOTEMPTY, EBUSY: somebody uses it by now */
	if (made & NETNS_MADE_DIRECTORY && rmdir(NETNS_DIRECTORY) < 0 && errno != ENOENT &&
	    errno != ENOTEMPTY && errno != EBUSY)
		return error_errno(error, errno, _("can't remove %s"), NETNS_DIRECTORY);
	return 0;
}

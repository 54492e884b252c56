/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "step.h"

/* Kept in the new /sys: what others mount there (each only where it is a mount). */
static const char *const sys_mounts[] = {
	"fs/cgroup",           "fs/bpf",          "fs/pstore",
	"fs/fuse/connections", "kernel/security", "kernel/debug",
	"kernel/tracing",      "kernel/config",   "firmware/efi/efivars",
};

#define NO_TREE (-ENOENT)

/* What is mounted there, to be mounted elsewhere; NO_TREE: nothing is. */
static int tree_of(int fd)
{
	int r = fd_is_mount_root(fd), tree;

	if (r <= 0)
		return r < 0 ? r : NO_TREE;
	tree = open_tree(fd, "",
			 AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return tree < 0 ? -errno : tree;
}

struct sys_trees {
	int fds[ARRAY_SIZE(sys_mounts)];
};

/* What others have mounted below /sys, where the caller is. A negative errno says that some of it
 * could not be looked at; the others are there to be closed all the same. */
static int sys_trees_open(struct sys_trees *trees)
{
	int result = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sys_mounts); i++) {
		char path[64];
		_cleanup_close_ int fd = -1;
		int r;

		snprintf(path, sizeof(path), "/sys/%s", sys_mounts[i]);
		fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
		r = fd >= 0 ? tree_of(fd) : errno == ENOENT ? NO_TREE : -errno;
		trees->fds[i] = r;
		if (r < 0 && r != NO_TREE && result == 0)
			result = r;
	}
	return result;
}

static void sys_trees_close(struct sys_trees *trees)
{
	for (size_t i = 0; i < ARRAY_SIZE(sys_mounts); i++)
		trees->fds[i] = close_fd(trees->fds[i]);
}

/* EINVAL: it is no mount, or one that may not be taken off here; then the new one goes on top. */
static int take_off_sys(void)
{
	return umount2("/sys", MNT_DETACH) < 0 && errno != EINVAL ? -errno : 0;
}

/* /sys shows the devices of the network namespace it was mounted in; the trees are carried over. */
static int renew_sys(const struct sys_trees *trees, struct error *error)
{
	_cleanup_close_ int sys = -1;
	unsigned attributes = 0;
	struct statvfs fs;
	int r = 0;

	if (statvfs("/sys", &fs) < 0)
		r = -errno;
	else
		attributes = (fs.f_flag & ST_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
			     (fs.f_flag & ST_NODEV ? MOUNT_ATTR_NODEV : 0) |
			     (fs.f_flag & ST_NOEXEC ? MOUNT_ATTR_NOEXEC : 0) |
			     (fs.f_flag & ST_RDONLY ? MOUNT_ATTR_RDONLY : 0);
	if (r == 0)
		r = take_off_sys();
	if (r == 0 && (sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		r = -errno;
	if (r == 0)
		r = mount_filesystem_fd("sysfs", NULL, attributes, sys);
	for (size_t i = 0; i < ARRAY_SIZE(sys_mounts); i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/%s", sys_mounts[i]);
		if (r == 0 && trees->fds[i] >= 0 &&
		    move_mount(trees->fds[i], "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			r = -errno;
	}
	return r < 0 ? error_errno(error, r, "%s", _("can't mount /sys for the network inside"))
		     : 0;
}

int sys_make(struct error *error)
{
	struct sys_trees trees;
	int r = sys_trees_open(&trees);

	r = r < 0 ? error_errno(error, r, "%s", _("can't look at /sys")) : renew_sys(&trees, error);
	sys_trees_close(&trees);
	return r;
}

static int sys_id_inside(void *argument)
{
	return filesystem_id("sysfs", argument);
}

int sys_is_right(const struct instance *instance)
{
	struct ns_place place = { .network = instance->netns_fd, .mount = -1 };
	struct file_id id;
	int r = ns_call(&place, sys_id_inside, &id);

	return r < 0 ? r : mounted_inside(instance, "/sys", &id);
}

struct sys_mending {
	struct sys_trees trees;
	int whole; /* the new /sys with all that goes below it, mounted nowhere */
	struct error *error;
};

/* In a copy of the mount namespace, which goes with the caller. */
static int compose_sys(void *argument)
{
	struct sys_mending *mending = argument;
	int r;

	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return -errno;
	r = renew_sys(&mending->trees, mending->error);
	if (r < 0)
		return r;
	mending->whole =
		open_tree(AT_FDCWD, "/sys", AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return mending->whole < 0 ? -errno : 0;
}

static int put_sys(void *argument)
{
	const struct sys_mending *mending = argument;
	int r = take_off_sys();

	if (r < 0)
		return r;
	return move_mount(mending->whole, "", AT_FDCWD, "/sys", MOVE_MOUNT_F_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

int sys_mend(const struct instance *instance, struct error *error)
{
	struct ns_place place = { .network = instance->netns_fd,
				  .mount = instance->mounts_fd,
				  .unshare = CLONE_NEWNS };
	struct mount_attr slave = { .propagation = MS_SLAVE };
	struct sys_mending mending = { .whole = -1, .error = error };
	int r = sys_trees_open(&mending.trees);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sys_mounts); i++)
		if (mending.trees.fds[i] >= 0 &&
		    mount_setattr(mending.trees.fds[i], "", AT_EMPTY_PATH | AT_RECURSIVE, &slave,
				  sizeof(slave)) < 0)
			r = -errno;
	if (r < 0)
		error_errno(error, r, "%s", _("can't look at /sys"));
	else
		r = ns_call(&place, compose_sys, &mending);
	place.unshare = 0;
	if (r == 0)
		r = ns_call(&place, put_sys, &mending);
	close_fd(mending.whole);
	sys_trees_close(&mending.trees);
	return r;
}

void sys_explain(const char *scratch, FILE *out)
{
	fprintf(out, "mkdir %s/sys\n", scratch);
	fprintf(out, "mount --rbind /sys %s/sys\n", scratch);
	fprintf(out, "options=$(findmnt -no VFS-OPTIONS /sys)\n");
	fprintf(out, "umount -l /sys\n");
	fprintf(out, "mount -t sysfs -o \"$options\" sysfs /sys\n");
	fprintf(out, "for m in");
	for (size_t i = 0; i < ARRAY_SIZE(sys_mounts); i++)
		fprintf(out, " %s", sys_mounts[i]);
	fprintf(out,
		"; do\n\tif mountpoint -q %s/sys/$m; then mount --rbind %s/sys/$m /sys/$m; fi\ndone\n",
		scratch, scratch);
	fprintf(out, "umount -l %s/sys\nrmdir %s/sys\n", scratch, scratch);
}

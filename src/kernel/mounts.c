/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mounts by descriptor: a path is resolved once, and what was resolved is what is mounted (on). The
 * calls of open_tree(2), move_mount(2) and fsopen(2) work in the caller's mount namespace: run them
 * under ns_call.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "nsctl/kernel.h"

#ifndef STATX_MNT_ID_UNIQUE /* Linux 6.8 (include/uapi/linux/stat.h) */
#define STATX_MNT_ID_UNIQUE 0x4000
#endif
#ifndef NS_GET_MNTNS_ID /* Linux 6.8 (include/uapi/linux/nsfs.h) */
#define NS_GET_MNTNS_ID _IOR(0xb7, 0x5, uint64_t)
#endif

int namespace_pin(int fd, const char *path)
{
	_cleanup_free_ char *source = str_format("/proc/self/fd/%d", fd);
	_cleanup_close_ int file = -1;
	int r;

	if (!source)
		return -ENOMEM;
	file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0);
	if (file < 0)
		return -errno;
	if (mount(source, path, NULL, MS_BIND, NULL) == 0)
		return 0;
	r = -errno;
	unlink(path);
	return r;
}

int namespace_unpin(const char *path)
{
	/* EINVAL: nothing is mounted there, or the file is gone: both are what was asked for */
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return -errno;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The kernel's number of the mount namespace that the caller is in; 0 where it does not say (before
 * Linux 6.8). */
static uint64_t mount_namespace_number(void)
{
	_cleanup_close_ int fd = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	uint64_t number = 0;

	return fd >= 0 && ioctl(fd, NS_GET_MNTNS_ID, &number) == 0 ? number : 0;
}

int mount_namespace_unshare(void)
{
	uint64_t before = mount_namespace_number();
	cpu_set_t allowed, one;

	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	if (!before || mount_namespace_number() > before ||
	    sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) < 0)
			continue;
		if (unshare(CLONE_NEWNS) < 0)
			return -errno;
		if (mount_namespace_number() > before)
			break;
	}
	return sched_setaffinity(0, sizeof(allowed), &allowed) < 0 ? -errno : 0;
}

int fd_is_mount_root(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) < 0)
		return -errno;
	return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int mount_id_of(int fd, struct file_id *ret)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_MNT_ID_UNIQUE,
		  &st) < 0)
		return -errno;
	*ret = (struct file_id){ .dev = makedev(st.stx_dev_major, st.stx_dev_minor),
				 .ino = st.stx_mask & STATX_MNT_ID_UNIQUE ? st.stx_mnt_id
									  : st.stx_ino };
	return 0;
}

int mount_private_directory(const char *path)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_is_mount_root(fd);
	if (r < 0)
		return r;
	if (!r && mount(path, path, NULL, MS_BIND, NULL) < 0)
		return -errno;
	return mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

int path_open_no_symlinks(int directory_fd, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	int fd = syscall(SYS_openat2, directory_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

bool path_is_missing(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP;
}

int mount_detached_bind(int source_fd, bool read_only)
{
	_cleanup_close_ int tree = open_tree(
		source_fd, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

	if (tree < 0)
		return -errno;
	if (read_only && mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
				       sizeof(attributes)) < 0)
		return -errno;
	return TAKE_FD(tree);
}

int mount_detached_filesystem(const char *type, const char *const *options, unsigned attributes)
{
	_cleanup_close_ int context = fsopen(type, FSOPEN_CLOEXEC);
	int fd;

	if (context < 0)
		return -errno;
	/* what /proc/mounts shows, as after mount(8); else it says "none" */
	if (fsconfig(context, FSCONFIG_SET_STRING, "source", type, 0) < 0)
		return -errno;
	for (; options && *options; options += 2)
		if (fsconfig(context, FSCONFIG_SET_STRING, options[0], options[1], 0) < 0)
			return -errno;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(context, FSMOUNT_CLOEXEC, attributes);
	return fd < 0 ? -errno : fd;
}

int mount_attach(int detached_fd, int target_fd)
{
	return move_mount(detached_fd, "", target_fd, "",
			  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

int filesystem_id(const char *type, struct file_id *ret)
{
	_cleanup_close_ int fd = mount_detached_filesystem(type, NULL, 0);

	return fd < 0 ? fd : file_id_of(fd, ret);
}

int mount_filesystem_fd(const char *type, const char *const *options, unsigned attributes,
			int target_fd)
{
	_cleanup_close_ int fd = mount_detached_filesystem(type, options, attributes);

	return fd < 0 ? fd : mount_attach(fd, target_fd);
}

int mount_bind_fd(int source_fd, int target_fd, bool read_only)
{
	_cleanup_close_ int fd = mount_detached_bind(source_fd, read_only);

	return fd < 0 ? fd : mount_attach(fd, target_fd);
}

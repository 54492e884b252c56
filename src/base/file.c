/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: read whole, written whole. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "nsctl/base.h"

int file_read_fd(int fd, size_t max, char **ret, size_t *ret_length)
{
	size_t length = 0, room = 0;
	_cleanup_free_ char *data = NULL;

	for (;;) {
		ssize_t n;

		if (room - length < 2) {
			size_t wanted = room ? 2 * room : 4096;
			char *grown = realloc(data, wanted);

			if (!grown)
				return -ENOMEM;
			data = grown;
			room = wanted;
		}
		n = read(fd, data + length, room - length - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += n;
		if (length > max)
			return -EFBIG;
	}
	data[length] = '\0';
	*ret = TAKE_PTR(data);
	if (ret_length)
		*ret_length = length;
	return 0;
}

int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_length)
{
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return file_read_fd(fd, max, ret, ret_length);
}

int write_all(int fd, const void *data, size_t length)
{
	const char *p = data;

	while (length) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		length -= n;
	}
	return 0;
}

int file_write_atomic(const char *path, mode_t mode, const void *data, size_t length)
{
	_cleanup_free_ char *temporary = str_format("%s.new", path);
	_cleanup_close_ int fd = -1;
	int r;

	if (!temporary)
		return -ENOMEM;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, data, length);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

/* The file's new content in a file of its own beside it, which takes over name, owner and mode. */
static int replace(const char *path, const struct stat *old, const void *data, size_t length)
{
	_cleanup_free_ char *temporary = str_format("%s.XXXXXX", path);
	_cleanup_close_ int fd = temporary ? mkostemp(temporary, O_CLOEXEC) : -1;
	int r = 0;

	if (fd < 0)
		return temporary ? -errno : -ENOMEM;
	if (fchown(fd, old->st_uid, old->st_gid) < 0 || fchmod(fd, old->st_mode & 0777) < 0)
		r = -errno;
	if (r == 0)
		r = write_all(fd, data, length);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

/* Opened as a shell's ">" does, lest links be followed that the kernel would not follow
 * (proc_sys_fs(5), protected_symlinks and the others); but the old content stays until the new one
 * is there. */
int file_write_anywhere(const char *path, mode_t mode, const void *data, size_t length)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, mode);
	_cleanup_free_ char *target = NULL;
	struct stat st, named;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return write_all(fd, data, length);
	target = realpath(path, NULL);
	if (target && stat(target, &named) == 0 && named.st_dev == st.st_dev &&
	    named.st_ino == st.st_ino) {
		r = replace(target, &st, data, length);
		if (r != -EACCES && r != -EPERM && r != -EROFS)
			return r;
	}
	/* no name (/dev/fd/N), or nothing of ours can stand beside it */
	return ftruncate(fd, 0) < 0 ? -errno : write_all(fd, data, length);
}

int make_directories(const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1;; p++) {
		char saved = *p;

		if (saved && saved != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = saved;
		if (!saved)
			return 0;
	}
}

int directory_next(DIR *directory, const char **ret)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(directory);
		if (!entry)
			return -errno;
	} while (str_equal(entry->d_name, ".") || str_equal(entry->d_name, ".."));
	*ret = entry->d_name;
	return 1;
}

int fd_set_nonblock(int fd, bool nonblock)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int file_id_of(int fd, struct file_id *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct file_id){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

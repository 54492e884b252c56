/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that root acts upon: nobody but root may have been able to write, replace or redirect them.
 *
 * The path is walked from / one component at a time with O_NOFOLLOW, and what has been opened is
 * what is checked (fstat on the fd), so nothing can be exchanged in between. Each directory must be
 * root's and not writable by others; a symbolic link in such a directory is root's word as well and
 * is followed by the same rules. A directory with the sticky bit (/tmp) is good enough to be passed
 * through, for others can't rename root's directories in it; the file itself can't stand there.
 */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "schema.h"

#define LINKS_MAX 16
/* without waiting for the writer of a pipe, or getting a terminal */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

struct walk {
	int fd;      /* the directory reached, O_PATH */
	bool shared; /* others can make files in it (sticky) */
	char *rest;  /* what is left of the path */
	unsigned links;
	const char *path; /* as it was asked for */
	struct error *error;
};

static int distrust(struct walk *walk, const char *component, const char *why, mode_t mode)
{
	error_set(walk->error, EPERM, _("%s is not used: \"%s\" %s (mode %04o)"), walk->path,
		  component, why, mode & 07777);
	error_hint(walk->error, "%s",
		   _("the file and every directory above it must belong to root and be writable "
		     "by root only: chown root:root, chmod go-w"));
	return -EPERM;
}

static int check_owner(struct walk *walk, const char *component, const struct stat *st)
{
	if (st->st_uid != 0)
		return distrust(walk, component, _("does not belong to root"), st->st_mode);
	if (S_ISLNK(st->st_mode) || !(st->st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))
		return 0;
	return distrust(walk, component, _("can be written by others"), st->st_mode);
}

static int step_to(struct walk *walk, int fd, const struct stat *st)
{
	walk->shared = st->st_mode & (S_IWGRP | S_IWOTH);
	close_fd(walk->fd);
	walk->fd = fd;
	return 0;
}

static int start(struct walk *walk)
{
	_cleanup_close_ int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(walk->error, errno, "/");
	r = check_owner(walk, "/", &st);
	return r < 0 ? r : step_to(walk, TAKE_FD(fd), &st);
}

/* The link's text replaces its name in the path. */
static int follow(struct walk *walk, int fd)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	char *rest;

	if (n < 0)
		return error_errno(walk->error, errno, "%s", walk->path);
	if (++walk->links > LINKS_MAX)
		return error_errno(walk->error, ELOOP, "%s", walk->path);
	target[n] = '\0';
	rest = str_format("%s/%s", target, walk->rest);
	if (!rest)
		return error_oom(walk->error);
	free(walk->rest);
	walk->rest = rest;
	return *target == '/' ? start(walk) : 0;
}

/* Takes one component off the front of the path; NULL at its end or when out of memory. */
static char *next_component(struct walk *walk)
{
	char *from = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(from, "/");
	char *component = length ? strndup(from, length) : NULL;

	memmove(walk->rest, from + length, strlen(from + length) + 1);
	return component;
}

static int not_regular(const char *path, struct error *error)
{
	return error_set(error, EINVAL, _("%s is not a regular file"), path);
}

/* Once more, for reading, and checked once more. */
static int open_file(struct walk *walk, const char *component, int *ret_fd)
{
	_cleanup_close_ int fd = openat(walk->fd, component, OPEN_FLAGS | O_NOFOLLOW);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(walk->error, errno, "%s", walk->path);
	r = check_owner(walk, component, &st);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

/* Opens and checks one component; *ret_fd is the file when this was it, else -1. */
static int enter(struct walk *walk, const char *component, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	*ret_fd = -1;
	fd = openat(walk->fd, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(walk->error, errno, "%s", walk->path);
	r = check_owner(walk, component, &st);
	if (r < 0)
		return r;
	if (S_ISLNK(st.st_mode))
		return follow(walk, fd);
	if (S_ISDIR(st.st_mode))
		return step_to(walk, TAKE_FD(fd), &st);
	if (walk->rest[strspn(walk->rest, "/")])
		return error_errno(walk->error, ENOTDIR, "%s", walk->path);
	if (walk->shared)
		return distrust(walk, component, _("stands in a directory that others can write"),
				st.st_mode);
	if (!S_ISREG(st.st_mode)) /* a device would act on being opened */
		return not_regular(walk->path, walk->error);
	return open_file(walk, component, ret_fd);
}

static int walk_to(struct walk *walk, int *ret_fd)
{
	int r = start(walk);

	while (r == 0) {
		_cleanup_free_ char *component = next_component(walk);

		if (!component)
			return error_errno(walk->error, EISDIR, "%s", walk->path);
		r = enter(walk, component, ret_fd);
		if (r == 0 && *ret_fd >= 0)
			return 0;
	}
	return r;
}

static int open_trusted(const char *path, int *ret_fd, struct error *error)
{
	struct walk walk = { .fd = -1, .path = path, .error = error };
	_cleanup_free_ char *directory = NULL;
	int r;

	if (*path != '/') {
		directory = getcwd(NULL, 0);
		if (!directory)
			return error_errno(error, errno, "%s", path);
	}
	walk.rest = str_format("%s/%s", directory ? directory : "", path);
	r = walk.rest ? walk_to(&walk, ret_fd) : error_oom(error);
	free(walk.rest);
	close_fd(walk.fd);
	return r;
}

int trusted_read(const char *path, bool trusted, char **ret, size_t *ret_length,
		 struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (trusted) {
		r = open_trusted(path, &fd, error);
		if (r < 0)
			return r;
	} else {
		fd = open(path, OPEN_FLAGS);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(error, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return not_regular(path, error);
	r = file_read_fd(fd, PROFILE_FILE_MAX, ret, ret_length);
	if (r == -EFBIG)
		return error_set(error, EFBIG, _("%s is larger than %d bytes"), path,
				 PROFILE_FILE_MAX);
	return r < 0 ? error_errno(error, r, "%s", path) : 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listening socket and the lock of the instance; see listener.h for what is promised. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "listener.h"

#define LOCK_NAME   "nsctld.lock"
#define LOCK_TRIES  100
#define ANSWER_MSEC 1000 /* for another nsctld to say who it is */
#define BACKLOG     128  /* one who connects all the time fills it: how long others wait */

/* ---- one instance --------------------------------------------------------------------- */

static int open_runtime(const char *path, struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r = make_directories(path, 0755);

	if (r < 0)
		return error_errno(error, r, _("can't make the runtime directory %s"), path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(error, errno, _("can't open the runtime directory %s"), path);
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH)) {
		error_set(error, EPERM, _("the runtime directory %s can be written by others"),
			  path);
		error_hint(error, _("it must be root's, with mode 0755"));
		return -EPERM;
	}
	return TAKE_FD(fd);
}

/* Does the name still lead to the file? The one who had the lock before removes it at its end. */
static bool still_there(int directory, int fd)
{
	struct stat by_name, by_fd;

	return fstatat(directory, LOCK_NAME, &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(fd, &by_fd) == 0 && by_name.st_dev == by_fd.st_dev &&
	       by_name.st_ino == by_fd.st_ino;
}

/* The process that holds the lock, by proc_locks(5): 0 when that can't be told. */
static unsigned long lock_holder(int fd)
{
	_cleanup_fclose_ FILE *locks = fopen("/proc/locks", "re");
	unsigned long long inode;
	unsigned major, minor;
	unsigned long pid;
	char line[256];
	struct stat st;

	if (!locks || fstat(fd, &st) < 0)
		return 0;
	while (fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*u: FLOCK ADVISORY WRITE %lu %x:%x:%llu", &pid, &major, &minor,
			   &inode) == 4 &&
		    makedev(major, minor) == st.st_dev && inode == st.st_ino)
			return pid;
	return 0;
}

static int runs_already(const char *runtime, int fd, struct error *error)
{
	unsigned long pid = lock_holder(fd);

	if (pid == 0)
		return error_set(error, EALREADY, _("another nsctld runs already (it holds %s/%s)"),
				 runtime, LOCK_NAME);
	return error_set(error, EALREADY,
			 _("another nsctld runs already (process %lu, which holds %s/%s)"), pid,
			 runtime, LOCK_NAME);
}

/* -EAGAIN: it went away meanwhile. */
static int try_lock(const char *runtime, int *ret_fd, struct error *error)
{
	_cleanup_close_ int directory = open_runtime(runtime, error), fd = -1;

	if (directory < 0)
		return directory;
	fd = openat(directory, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && errno == ENOENT)
		return -EAGAIN;
	if (fd < 0)
		return error_errno(error, errno, _("can't open %s/%s"), runtime, LOCK_NAME);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return error_errno(error, errno, _("can't lock %s/%s"), runtime, LOCK_NAME);
		return runs_already(runtime, fd, error);
	}
	if (!still_there(directory, fd))
		return -EAGAIN;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int listener_lock(const char *runtime, int *ret_fd, struct error *error)
{
	int r = -EAGAIN;

	for (int tries = 0; r == -EAGAIN && tries < LOCK_TRIES; tries++)
		r = try_lock(runtime, ret_fd, error);
	if (r == -EAGAIN)
		return error_set(error, EBUSY, _("%s/%s comes and goes"), runtime, LOCK_NAME);
	return r;
}

void listener_unlock(const char *runtime)
{
	_cleanup_free_ char *path = str_format("%s/%s", runtime, LOCK_NAME);

	if (path)
		unlink(path);
	rmdir(runtime);
}

/* ---- the socket ----------------------------------------------------------------------- */

static int make_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret->sun_path, path);
	return 0;
}

/* 0 and the connection, or what connect(2) said. */
static int try_connect(const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	int r = make_address(path, &address);

	if (r < 0)
		return r;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Asks whoever listens there who it is. 1: it answers; 0: nobody listens, or who did is going (the
 * kernel still takes connections for one that was killed); -ETIMEDOUT: it is silent. */
static int ask(const char *path)
{
	static const char question[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
	_cleanup_close_ int fd = -1;
	struct pollfd answer = { .events = POLLIN };
	char byte;
	int r = try_connect(path, &fd);

	if (r < 0)
		return r == -ECONNREFUSED || r == -ENOENT ? 0 : r;
	if (send(fd, question, sizeof(question), MSG_NOSIGNAL) < 0)
		return 0;
	answer.fd = fd;
	r = poll(&answer, 1, ANSWER_MSEC);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

bool listener_answers(const char *path)
{
	return ask(path) > 0;
}

/* May what is at path be replaced? Only a socket that nobody listens on. */
static int check_replaceable(const char *path, struct error *error)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_errno(error, errno, _("can't look at %s"), path);
	if (!S_ISSOCK(st.st_mode))
		return error_set(error, EEXIST, _("%s exists and is no socket"), path);
	r = ask(path);
	if (r == 0)
		return 0;
	return error_set(error, EADDRINUSE, _("something listens on %s already"), path);
}

int listener_set_access(const char *path, bool restricted, gid_t group, struct error *error)
{
	if (lchown(path, 0, restricted ? group : 0) < 0 ||
	    chmod(path, restricted ? 0660 : 0666) < 0)
		return error_errno(error, errno, _("can't set owner and mode of %s"), path);
	return 0;
}

int listener_open(const char *path, bool restricted, gid_t group, int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *fresh = str_format("%s.new", path);
	struct sockaddr_un address;
	mode_t saved;
	int r;

	if (!fresh)
		return error_oom(error);
	r = check_replaceable(path, error);
	if (r < 0)
		return r;
	r = make_address(fresh, &address);
	if (r < 0)
		return error_errno(error, r, _("can't listen on %s"), path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_errno(error, errno, _("can't make a socket"));
	unlink(fresh);
	saved = umask(0777); /* nobody connects before owner and mode are right */
	r = bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	umask(saved);
	if (r < 0)
		return error_errno(error, r, _("can't listen on %s"), path);
	r = listener_set_access(fresh, restricted, group, error);
	if (r == 0 && (listen(fd, BACKLOG) < 0 || rename(fresh, path) < 0))
		r = error_errno(error, errno, _("can't listen on %s"), path);
	if (r < 0) {
		unlink(fresh);
		return r;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

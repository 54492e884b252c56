/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control groups of the unified hierarchy (the kernel's admin-guide/cgroup-v2.rst). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "nsctl/base.h"

enum { TEXT_MAX = 65536 };

/* Where the unified hierarchy is mounted: alone, or beside the old ones. */
static int open_root(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	const char *const *place;

	ARRAY_FOREACH(place, places) {
		int fd = open(*place, O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct statfs st;

		if (fd >= 0 && fstatfs(fd, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC)
			return fd;
		close_fd(fd);
	}
	return -1;
}

/* The text behind `mark`, which begins a line; ends it there. NULL: there is none. */
static char *behind(char *text, const char *mark)
{
	char *line = text;

	while (!str_starts_with(line, mark)) {
		line = strchr(line, '\n');
		if (!line)
			return NULL;
		line++;
	}
	line += strlen(mark);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

int cgroup_open(int proc_fd, int *ret_fd)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int root_fd = open_root();
	const char *path;
	int r = file_read(proc_fd, "cgroup", TEXT_MAX, &text, NULL);

	*ret_fd = -1;
	if (r < 0)
		return r;
	/* others start with a number above 0, and may have anything in their names */
	path = behind(text, "0::/");
	if (!path || root_fd < 0)
		return 0;
	if (str_starts_with(path, "../") || str_equal(path, ".."))
		return -EACCES; /* outside of what is visible here */
	*ret_fd = openat(root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

/* pidfd_open(2): what the kernel tells of it. Not above 0 when the process has ended. */
static pid_t pid_of(int pidfd)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	const char *pid;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (file_read(AT_FDCWD, path, TEXT_MAX, &text, NULL) < 0)
		return -1;
	pid = behind(text, "Pid:\t");
	return pid ? atoi(pid) : -1;
}

int cgroup_events_open(int pidfd)
{
	_cleanup_close_ int proc_fd = -1, directory_fd = -1;
	pid_t pid = pid_of(pidfd);
	char path[64];
	int fd;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0 || cgroup_open(proc_fd, &directory_fd) < 0 || directory_fd < 0)
		return -ENOENT;
	fd = openat(directory_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool cgroup_is_frozen(int events_fd)
{
	char text[128]; /* two lines, so far */
	ssize_t n = pread(events_fd, text, sizeof(text) - 1, 0);
	const char *frozen;

	if (n <= 0)
		return false;
	text[n] = '\0';
	frozen = behind(text, "frozen ");
	return frozen && str_equal(frozen, "1");
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes by the namespaces they are in, however they got there. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "nsctl/kernel.h"

#define HEAD_MAX 4096 /* what is looked for in a file of /proc/PID is in its first part */

/* The inode of the namespace that a link in /proc names, read without opening it; 0 when the
 * process is gone or has none (a zombie). */
static ino_t namespace_at(int dir_fd, const char *path)
{
	char target[64];
	unsigned long long ino;
	ssize_t n;

	n = readlinkat(dir_fd, path, target, sizeof(target) - 1);
	if (n <= 0)
		return 0;
	target[n] = '\0'; /* "net:[4026531833]" */
	return sscanf(strchrnul(target, '['), "[%llu]", &ino) == 1 ? ino : 0;
}

static ino_t namespace_of(int proc_fd, pid_t pid, const char *kind)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/ns/%s", pid, kind);
	return namespace_at(proc_fd, path);
}

int process_each(process_fn fn, void *userdata)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	const char *name;
	int r;

	if (!proc)
		return -errno;
	while ((r = directory_next(proc, &name)) > 0) {
		unsigned long pid;
		ino_t network, mount;

		if (!isdigit((unsigned char)*name) || str_to_uint(name, INT32_MAX, &pid) < 0)
			continue;
		errno = 0;
		network = namespace_of(dirfd(proc), pid, "net");
		mount = network ? namespace_of(dirfd(proc), pid, "mnt") : 0;
		if (errno == ENOMEM) /* it may be one of those that are looked for */
			return -ENOMEM;
		if (network)
			fn(pid, network, mount, userdata);
	}
	return r;
}

int process_signal(pid_t pid, ino_t network, ino_t mount, int signal)
{
	_cleanup_close_ int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
	_cleanup_close_ int proc = -1;

	if (pidfd < 0)
		return -ESRCH;
	proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return -errno;
	/* looked at after the pidfd was taken: a recycled pid is in another namespace, or is ours
	 * as well */
	if (!((network && namespace_of(proc, pid, "net") == network) ||
	      (mount && namespace_of(proc, pid, "mnt") == mount)))
		return -ESRCH;
	return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* ---- what a process is ---------------------------------------------------------------------- */

/* As ps(1) names it: the device number that stat(5) of /proc/PID has, a new_encode_dev of it. */
static void name_terminal(unsigned device, char *buffer, size_t size)
{
	unsigned major = device >> 8 & 0xfff, minor = (device & 0xff) | (device >> 12 & 0xfff00);

	if (device == 0)
		*buffer = '\0';
	else if (major >= 136 && major <= 143) /* Documentation/admin-guide/devices.txt */
		snprintf(buffer, size, "pts/%u", (major - 136) * 256 + minor);
	else if (major == 4 && minor < 64)
		snprintf(buffer, size, "tty%u", minor);
	else if (major == 4)
		snprintf(buffer, size, "ttyS%u", minor - 64);
	else
		snprintf(buffer, size, "%u:%u", major, minor);
}

/* "PID (NAME) STATE PPID ...": the name may have anything in it, brackets too. */
static int parse_stat(const char *text, struct process_info *info)
{
	const char *open = strchr(text, '('), *end = strrchr(text, ')');
	unsigned long long started;
	int parent, terminal;

	if (!open || !end || end < open)
		return -EBADMSG;
	if (sscanf(end + 1,
		   " %c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &info->state, &parent, &terminal, &started) != 4)
		return -EBADMSG;
	snprintf(info->name, sizeof(info->name), "%.*s", (int)(end - open - 1), open + 1);
	info->parent = parent;
	info->started = started;
	name_terminal(terminal, info->terminal, sizeof(info->terminal));
	return 0;
}

static int parse_status(const char *text, struct process_info *info)
{
	const char *line = strstr(text, "\nUid:");

	return line && sscanf(line, "\nUid: %*u %u", &info->uid) == 1 ? 0 : -EBADMSG;
}

/* The beginning of a file, NUL-terminated: the whole of "status" names up to 65536 groups. */
static int read_head(int dir_fd, const char *name, char buffer[HEAD_MAX])
{
	_cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, HEAD_MAX - 1);

	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	return 0;
}

/* The directory is the process's: what is read in it is of no other one that has its number now. */
static int read_info(int fd, struct process_info *info)
{
	char text[HEAD_MAX];
	int r = read_head(fd, "stat", text);

	if (r >= 0)
		r = parse_stat(text, info);
	if (r >= 0)
		r = read_head(fd, "status", text);
	return r < 0 ? r : parse_status(text, info);
}

int process_describe(pid_t pid, ino_t network, ino_t mount, struct process_info *ret)
{
	struct process_info info = { .pid = pid };
	_cleanup_close_ int fd = -1;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || read_info(fd, &info) < 0)
		return -ESRCH;
	if (!((network && namespace_at(fd, "ns/net") == network) ||
	      (mount && namespace_at(fd, "ns/mnt") == mount)))
		return -ESRCH;
	*ret = info;
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes by the namespaces they are in, however they got there. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "nsctl/kernel.h"

/* The inode of /proc/PID/ns/KIND, read without opening it; 0 when the process is gone or has none
 * (a zombie). */
static ino_t namespace_of(int proc_fd, pid_t pid, const char *kind)
{
	char path[64], target[64];
	unsigned long long ino;
	ssize_t n;

	snprintf(path, sizeof(path), "%d/ns/%s", pid, kind);
	n = readlinkat(proc_fd, path, target, sizeof(target) - 1);
	if (n <= 0)
		return 0;
	target[n] = '\0'; /* "net:[4026531833]" */
	return sscanf(strchrnul(target, '['), "[%llu]", &ino) == 1 ? ino : 0;
}

int process_each(process_fn fn, void *userdata)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		unsigned long pid;
		ino_t network;

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    str_to_uint(entry->d_name, INT32_MAX, &pid) < 0)
			continue;
		network = namespace_of(dirfd(proc), pid, "net");
		if (network)
			fn(pid, network, namespace_of(dirfd(proc), pid, "mnt"), userdata);
	}
	closedir(proc);
	return 0;
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

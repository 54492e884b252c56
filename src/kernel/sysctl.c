/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sysctls of the network namespace that the caller is in. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "nsctl/kernel.h"

#define SYSCTL_MAX 4096

int sysctl_get(const char *name, char **ret)
{
	_cleanup_free_ char *path = str_format("/proc/sys/%s", name), *value = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	r = file_read(AT_FDCWD, path, SYSCTL_MAX, &value, NULL);
	if (r < 0)
		return r;
	value[strcspn(value, "\n")] = '\0';
	*ret = TAKE_PTR(value);
	return 0;
}

int sysctl_set(const char *name, const char *value)
{
	_cleanup_free_ char *path = str_format("/proc/sys/%s", name);
	_cleanup_close_ int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	return write_all(fd, value, strlen(value));
}

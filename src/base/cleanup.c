/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ownership by scope: what the cleanup attributes call. */
#include <errno.h>

#include "nsctl/base.h"

void cleanup_free(void *pointer)
{
	int saved = errno;

	free(*(void **)pointer);
	errno = saved;
}

int close_fd(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return -1;
}

void cleanup_close(int *fd)
{
	*fd = close_fd(*fd);
}

void cleanup_fclose(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	errno = saved;
}

void cleanup_closedir(DIR **directory)
{
	int saved = errno;

	if (*directory)
		closedir(*directory);
	errno = saved;
}

void cleanup_strv(char ***strv)
{
	strv_free(*strv);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that were started to enter a profile and have not got there yet. Nothing shows in the
 * kernel where they are going; they hold its namespaces, and without this `down` would not see them
 * and they would run in what is left of it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "internal.h"

struct entering {
	char *name; /* of the profile */
	pid_t pid;
	int pidfd; /* its owner's */
	struct entering *next;
};

int manager_entering_add(struct manager *manager, const char *name, pid_t pid, int pidfd)
{
	struct entering *entering = calloc(1, sizeof(*entering));

	if (!entering)
		return -ENOMEM;
	*entering = (struct entering){ .name = strdup(name), .pid = pid, .pidfd = pidfd };
	if (!entering->name) {
		free(entering);
		return -ENOMEM;
	}
	entering->next = manager->entering;
	manager->entering = entering;
	return 0;
}

void manager_entering_remove(struct manager *manager, pid_t pid)
{
	for (struct entering **p = &manager->entering; *p; p = &(*p)->next) {
		struct entering *entering = *p;

		if (entering->pid != pid)
			continue;
		*p = entering->next;
		free(entering->name);
		free(entering);
		return;
	}
}

size_t entering_end(struct manager *manager, const char *name, pid_t *ret_pid)
{
	size_t count = 0;

	for (struct entering *entering = manager->entering; entering; entering = entering->next) {
		if (strcmp(entering->name, name) != 0)
			continue;
		/* its command has not begun: there is nobody to be asked to end */
		if (pidfd_send_signal(entering->pidfd, SIGKILL, NULL, 0) < 0 && errno == ESRCH)
			continue;
		*ret_pid = entering->pid;
		count++;
	}
	return count;
}

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
	const void *owner;
	char *name; /* of the profile */
	pid_t pid;  /* 0: not started yet */
	int pidfd;  /* the owner's */
	struct entering *next;
};

int manager_entering_add(struct manager *manager, const char *name, const void *owner)
{
	struct entering *entering = calloc(1, sizeof(*entering));

	if (!entering)
		return -ENOMEM;
	*entering = (struct entering){ .owner = owner, .name = strdup(name), .pidfd = -1 };
	if (!entering->name) {
		free(entering);
		return -ENOMEM;
	}
	entering->next = manager->entering;
	manager->entering = entering;
	return 0;
}

void manager_entering_started(struct manager *manager, const void *owner, pid_t pid, int pidfd)
{
	for (struct entering *entering = manager->entering; entering; entering = entering->next)
		if (entering->owner == owner) {
			entering->pid = pid;
			entering->pidfd = pidfd;
			remove_again(manager, entering->name);
		}
}

static void take_out(struct entering **p)
{
	struct entering *entering = *p;

	*p = entering->next;
	free(entering->name);
	free(entering);
}

void manager_entering_remove(struct manager *manager, const void *owner)
{
	struct entering **p = &manager->entering;

	while (*p && (*p)->owner != owner)
		p = &(*p)->next;
	if (!*p)
		return;
	remove_again(manager, (*p)->name);
	take_out(p);
}

void entering_arrived(struct manager *manager, pid_t pid)
{
	struct entering **p = &manager->entering;

	while (*p && (*p)->pid != pid)
		p = &(*p)->next;
	if (*p)
		take_out(p);
}

size_t entering_end(struct manager *manager, const char *name, pid_t *ret_pid)
{
	size_t count = 0;

	for (struct entering *entering = manager->entering; entering; entering = entering->next) {
		if (strcmp(entering->name, name) != 0)
			continue;
		if (entering->pid) {
			/* its command has not begun: there is nobody to be asked to end */
			pidfd_send_signal(entering->pidfd, SIGKILL, NULL, 0);
			*ret_pid = entering->pid;
		}
		count++;
	}
	return count;
}

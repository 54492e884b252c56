/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process groups that a hang-up is about, and what is left of them.
 *
 * A group is signalled only while a process of our own session is seen in it: our session's number
 * can't be used again as long as we live, so a group number that was can't hit anybody else.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "session_private.h"

struct process {
	char state;
	int group, session;
};

static int read_process(int proc_fd, const char *number, struct process *ret)
{
	char path[32], text[1024], *p;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "%.16s/stat", number);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name before it may have anything in it */
	if (!p || sscanf(p + 1, " %c %*d %d %d", &ret->state, &ret->group, &ret->session) != 3)
		return -EBADMSG;
	return 0;
}

typedef void (*process_fn)(const struct process *process, void *userdata);

/* Each process of this session that is no zombie. */
static void for_each_of_session(process_fn fn, void *userdata)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	pid_t session = getsid(0);
	struct process process;

	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9' &&
		    read_process(dirfd(directory), entry->d_name, &process) == 0 &&
		    process.session == session && !strchr("ZX", process.state))
			fn(&process, userdata);
	closedir(directory);
}

static struct group_seen *find(struct groups *groups, pid_t number)
{
	for (size_t i = 0; i < groups->n; i++)
		if (groups->group[i].number == number)
			return &groups->group[i];
	return NULL;
}

void groups_add(struct groups *groups, pid_t number)
{
	if (number > 1 && number != getpgrp() && groups->n < ARRAY_SIZE(groups->group) &&
	    !find(groups, number))
		groups->group[groups->n++].number = number;
}

static void add_stopped(const struct process *process, void *userdata)
{
	if (process->state == 'T')
		groups_add(userdata, process->group);
}

void groups_add_stopped(struct groups *groups)
{
	for_each_of_session(add_stopped, groups);
}

static void mark_alive(const struct process *process, void *userdata)
{
	struct group_seen *group = find(userdata, process->group);

	if (group)
		group->alive = true;
}

size_t groups_look(struct groups *groups)
{
	size_t alive = 0;

	for (size_t i = 0; i < groups->n; i++)
		groups->group[i].alive = false;
	if (groups->n)
		for_each_of_session(mark_alive, groups);
	for (size_t i = 0; i < groups->n; i++)
		alive += groups->group[i].alive;
	return alive;
}

void groups_signal(struct groups *groups, int number)
{
	if (groups_look(groups) == 0)
		return;
	for (size_t i = 0; i < groups->n; i++)
		if (groups->group[i].alive)
			kill(-groups->group[i].number, number);
}

bool process_has_pending(pid_t pid, int number)
{
	_cleanup_free_ char *text = NULL;
	char path[48];
	unsigned long long pending;
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (file_read(AT_FDCWD, path, 1 << 16, &text, NULL) < 0)
		return false;
	line = strstr(text, "\nShdPnd:"); /* sent to the process, not to one of its threads */
	return line && sscanf(line, " ShdPnd: %llx", &pending) == 1 &&
	       pending & 1ULL << (number - 1);
}
